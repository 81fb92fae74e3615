"""The command reproduces figures that were published with arXiv 2606.19625 (data CC BY 4.0)."""

import pytest
from click.testing import CliRunner

from influence_warehouse.cli import influence
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.query import run_query

pytestmark = pytest.mark.slow
NAMES = ("socialiqa", "mmlu_stem")


@pytest.fixture(scope="module")
def query(shared_data, tmp_path_factory):
    """Rows of a query on the study that the import makes of the published files."""
    root = tmp_path_factory.mktemp("published")
    folder = shared_data / "published_bin_scores"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFLUENCE_WAREHOUSE", str(root))
        arguments = [
            *("import", "bin-scores", "--study", "published", "--method", "trackstar"),
            *(f"{name}={folder / f'zscored_{name}.csv'}" for name in NAMES),
            *("--contrast", "social_minus_stem=socialiqa,mmlu_stem"),
        ]
        result = CliRunner().invoke(influence, arguments)
    assert result.exit_code == 0, result.output
    return lambda sql: run_query(Home(root, "published"), sql)


def test_z_of_the_named_bin(query):
    rows = query(
        "select benchmark, z from bin_influence "
        "where topic = 'literature' and format = 'customer_support'"
    )
    assert {name: round(z, 2) for name, z in rows.rows()} == {"socialiqa": 16.0, "mmlu_stem": -5.75}


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


def test_correlation_and_the_bin_that_it_hangs_on(query):
    row = query("select * from benchmark_correlations where level = 'bin'").row(0, named=True)
    assert round(row["pearson"], 2) == 0.09
    assert row["most_influential_bin"] == "literature/customer_support"
    assert round(row["pearson_without_it"], 2) == 0.34


def test_documents_and_stated_z(query):
    rows = query("select n_bins, n_documents, max_z_deviation from study_sources").rows()
    assert [(bins, documents) for bins, documents, _ in rows] == [(576, 5_678_621)] * 2
    assert max(deviation for *_, deviation in rows) < 1e-12


def test_the_maxima_hang_on_the_bin_that_is_the_maximum_itself(query):
    """Not a published figure: what the published means say of their own extremes."""
    rows = query(
        "select level, region, n_bins_that_change_it, most_influential_bin, region_without_bin "
        "from contrast_extremes where extreme = 'maximum' order by level"
    ).rows()
    named = "literature/customer_support"
    assert rows == [
        ("bin", named, 0, "religion/creative_writing", named),
        ("format", "customer_support", 1, named, "comment_section"),
        ("topic", "literature", 1, named, "social_life"),
    ]


def test_what_bin_means_alone_cannot_say_is_null_with_a_reason(query):
    """One item and one document a bin have no halves, and no variances to plan with."""
    rows = query("from profile_reliability")
    assert rows["reliability"].is_null().all() and rows["unknown_reason"].is_not_null().all()
    assert query("from power").is_empty()
    reasons = query("select reason from unknowns where mart = 'power'")
    assert reasons["reason"].str.contains("single items").all()
