"""The marts reproduce figures that were published with arXiv 2606.19625 (data CC BY 4.0).

Each of the 576 bins is given one document whose score is the bin's published mean; changes to
the data: none.
"""

import numpy as np
import polars as pl
import pytest

from influence_warehouse.facts import Lake
from influence_warehouse.layout import Home
from influence_warehouse.study import Study
from influence_warehouse.taxonomy import bin_id
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish
from influence_warehouse.warehouse.query import run_query
from tests.synthetic import SyntheticLake, write_facts

NAMES = ("socialiqa", "mmlu_stem")


@pytest.fixture(scope="module")
def query(shared_data, tmp_path_factory):
    """Rows of a query on marts built from the published bin means."""
    frames = {
        name: pl.read_csv(shared_data / "published_bin_scores" / f"zscored_{name}.csv")
        .with_columns(
            bin_id=pl.struct("topic_label", "format_label").map_elements(
                lambda row: bin_id(row["topic_label"], row["format_label"]), pl.Int64
            )
        )
        .sort("bin_id")
        for name in NAMES
    }
    study = _study()
    world = SyntheticLake(
        study,
        Lake(Home(tmp_path_factory.mktemp("published"), study.name)),
        [f"bin-{number:03d}" for number in range(576)],
        np.arange(576),
        frames[NAMES[0]]["doc_count"].to_numpy(),
        {name: frames[name]["mean_score"].to_numpy()[None, :] for name in NAMES},
    )
    write_facts(world)
    build_warehouse(study, world.lake)
    publish(world.home, study)
    return lambda sql: run_query(world.home, sql)


def _study() -> Study:
    source = {"path": "unread.parquet"}
    return Study.model_validate(
        {
            "name": "published",
            "corpus": source,
            "model": source,
            "sampling": {"documents_per_bin": 1},
            "benchmarks": [
                {"name": name, "domain": "d", "capability": "c", **source} for name in NAMES
            ],
            "contrasts": [{"name": "difference", "a": NAMES[0], "b": NAMES[1]}],
            "statistics": {"resamples": 100},
        }
    )


@pytest.mark.slow
def test_z_of_the_named_bin(query):
    rows = query(
        "select benchmark, z from bin_influence "
        "where topic = 'literature' and format = 'customer_support'"
    )
    assert {name: round(z, 2) for name, z in rows.rows()} == {"socialiqa": 16.0, "mmlu_stem": -5.75}


@pytest.mark.slow
def test_format_means(query):
    rows = query("select benchmark, format, round(z, 2) from format_influence").rows()
    found = {(benchmark, format): z for benchmark, format, z in rows}
    published = {
        ("socialiqa", "customer_support"): 1.07,
        ("socialiqa", "documentation"): 0.44,
        ("socialiqa", "faq"): 0.35,
        ("socialiqa", "news_article"): -0.62,
        ("mmlu_stem", "documentation"): 2.29,
        ("mmlu_stem", "legal_notices"): 1.24,
        ("mmlu_stem", "news_article"): -0.75,
    }
    assert {key: found[key] for key in published} == published


@pytest.mark.slow
def test_correlation_and_the_bin_that_it_hangs_on(query):
    row = query("select * from benchmark_correlations where level = 'bin'").row(0, named=True)
    assert round(row["pearson"], 2) == 0.09
    assert row["most_influential_bin"] == "literature/customer_support"
    assert round(row["pearson_without_it"], 2) == 0.34


@pytest.mark.slow
def test_both_maxima_hang_on_the_named_bin(query):
    """Not a published figure: what the published means say of their own extremes."""
    rows = query(
        "select level, region, n_bins_that_change_it, most_influential_bin, region_without_bin "
        "from contrast_extremes where extreme = 'maximum' order by level"
    ).rows()
    named = "literature/customer_support"
    assert rows == [
        ("format", "customer_support", 1, named, "comment_section"),
        ("topic", "literature", 1, named, "social_life"),
    ]


@pytest.mark.slow
def test_what_bin_means_alone_cannot_say_is_null_with_a_reason(query):
    """One item and one document a bin have no halves, and no variances to plan with."""
    rows = query("from profile_reliability")
    assert rows["reliability"].is_null().all() and rows["unknown_reason"].is_not_null().all()
    numbers = query("select detectable_z, documents_for_one_z from power").rows()
    assert numbers == [(None, None)] * len(NAMES)
