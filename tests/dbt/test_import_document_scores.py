"""What a study that is run holds, given to the import as files: the marts must be the same."""

import numpy as np
import polars as pl
import pytest

from influence_warehouse.exchange.imports.document_facts import import_document_scores
from influence_warehouse.exchange.imports.document_study import scored_documents
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.taxonomy import TITLES
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish
from influence_warehouse.warehouse.query import run_query
from tests.synthetic import CONTRASTS, METHOD, TOP_K, SyntheticLake, synthetic_lake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> SyntheticLake:
    """A study whose items share nothing: what items share is no part of an import."""
    made = synthetic_lake(tmp_path_factory.mktemp("lake"), items_of_a_source=1)
    build_warehouse(made.study, made.lake)
    publish(made.home, made.study)
    return made


@pytest.fixture(scope="module")
def imported(alone, tmp_path_factory):
    """The study's scores and labels as files, labels by their titles; its home."""
    folder = tmp_path_factory.mktemp("files")
    scores = pl.concat(
        pl.DataFrame({"doc_id": alone.doc_ids, "score": scores}).with_columns(
            benchmark=pl.lit(name), item_id=pl.lit(f"{name}-{number:03d}")
        )
        for name, items in alone.item_scores.items()
        for number, scores in enumerate(items)
    )
    scores.write_parquet(folder / "scores.parquet")
    labels = alone.lake.read("documents").select("doc_id", "text", "topic", "format")
    titles = [pl.col(c).replace(TITLES) for c in ("topic", "format")]
    labels.with_columns(titles).write_csv(folder / "documents.csv")
    study = scored_documents(
        "again", [str(folder / "scores.parquet")], [], [],
        [f"{name}={a},{b}" for name, a, b in CONTRASTS], [],
        documents=str(folder / "documents.csv"), method=METHOD, top_k=TOP_K,
        resamples=alone.study.statistics.resamples, seed=alone.study.seed,
        source="s", licence="l", citation="c",
    )  # fmt: skip
    home = Home(folder / "warehouse", "again")
    import_document_scores(study, Lake(home))
    build_warehouse(None, Lake(home))
    publish(home, None)
    return home


@pytest.mark.parametrize(
    ("mart", "keys", "values"),
    [
        ("bin_influence", "method, benchmark, topic, format",
         "bin_id, n_documents, mean, z, z_low, z_high, shrunken_mean, top_share, q_value, support, "
         "support_low, support_q_value, enrichment_p_value, unit"),
        ("topic_influence", "method, benchmark, topic", "z, z_low, z_high, z_document_weighted"),
        ("format_contrasts", "method, contrast, format", "delta_z, delta_z_low, p_value"),
        ("benchmark_correlations", "level, benchmark_a, benchmark_b", "pearson, pearson_low"),
        ("power", "method, benchmark", "detectable_z, documents_per_bin"),
        ("profile_reliability", "benchmark, split_over, level", "reliability, n_bins"),
        ("top_documents", "benchmark, direction, direction_rank", "doc_id, score, excerpt"),
        ("distinctive_terms", "topic, format, term", "log_odds, n_documents"),
    ],
)  # fmt: skip
def test_marts_are_those_of_the_study_itself(alone, imported, mart, keys, values):
    sql = f"select {keys}, {values} from {mart} order by {keys}"
    expected, found = run_query(alone.home, sql), run_query(imported, sql)
    assert found.height == expected.height > 0
    for name in expected.columns:
        if expected[name].dtype.is_float():
            # Sums in another order, and their ratios, differ in the last digits.
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-7, atol=1e-9)
        else:
            assert found[name].to_list() == expected[name].to_list(), name
