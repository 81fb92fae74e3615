"""`influence import document-scores`: from other tools' files to marts, queries and charts."""

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from influence_warehouse.cli import influence
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.query import named_queries, run_query
from tests.document_score_files import made_documents, made_scores, write, z_by
from tests.unknown_words import check_words

pytestmark = pytest.mark.slow

METHODS = ("trak", "less")
TASKS = {"social": 5, "stem": 4, "law": 3}
# Null by what they say, where each topic is one bin.
ALONE = {
    ("contrast_extremes", "lead_without_bin"),
    ("contrast_extremes", "other_regions_without_a_topic"),
    ("contrast_sensitivity", "delta_z_without_bin"),
    ("influence_concentration", "noise_unknown_reason"),
    ("influence_concentration_by_correctness", "noise_unknown_reason"),
    ("profile_reliability", "unknown_reason"),
    ("contrast_extremes_by_correctness", "lead_without_bin"),
    ("contrast_extremes_by_correctness", "other_regions_without_a_topic"),
    ("contrast_sensitivity_by_correctness", "delta_z_without_bin"),
}


def invoke(root, *arguments: str) -> str:
    result = CliRunner().invoke(influence, ["--warehouse", str(root), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The command's --warehouse is remembered in the environment; forget it afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFLUENCE_WAREHOUSE", "unused")
        yield tmp_path_factory.mktemp("import")


@pytest.fixture(scope="module")
def documents():
    return made_documents()


@pytest.fixture(scope="module")
def scores(documents):
    return made_scores(documents, METHODS, TASKS)


@pytest.fixture(scope="module")
def pair(root, documents, scores):
    """Two methods, scores per query, documents by a pair of labels; its home."""
    output = invoke(
        root, "import", "document-scores", "--study", "pair", "--resamples", "100",
        "--scores", write(scores, root / "scores.parquet"),
        "--documents", write(documents, root / "documents.csv"),
        *("--map", "doc_id=id", "--map", "score=value", "--map", "benchmark=task"),
        *("--map", "item_id=query", "--map", "text=body", "--licence", "CC0 <b>"),
        *("--group", "domain=domain", "--group", "language=lang"),
        *("--contrast", "first=social,stem", "--design", "social=social,reasoning"),
    )  # fmt: skip
    assert "influence query top_topics --study pair" in output
    return Home(root, "pair")


@pytest.fixture(scope="module")
def single(root, documents, scores):
    """Two methods, scores per benchmark, documents by one label; its home."""
    means = scores.group_by("id", "task", "method").agg(pl.col("value").mean())
    files = []
    for method in METHODS:
        part = means.sort("id", "task").filter(method=method)
        wide = part.pivot("task", index="id", values="value")
        files.append(f"{method}={write(wide, root / f'{method}.jsonl')}")
    invoke(
        root, "import", "document-scores", "--study", "single",
        *[word for file in files for word in ("--scores", file)],
        "--documents", write(documents.drop("body"), root / "labels.parquet"),
        *[word for task in TASKS for word in ("--map", f"score:{task}={task}")],
        *("--map", "doc_id=id", "--group", "domain=domain", "--contrast", "first=social,stem"),
    )  # fmt: skip
    return Home(root, "single")


@pytest.mark.parametrize(
    ("study", "groups"), [("pair", ["domain", "lang"]), ("single", ["domain"])]
)
def test_bins_are_those_of_the_files(request, documents, scores, study, groups):
    home = request.getfixturevalue(study)
    expected = z_by(scores, documents, groups)
    found = run_query(
        home,
        "select method, benchmark, topic, format, n_documents, mean, z from bin_influence "
        f"where n_documents > 0 order by method, benchmark, topic{', format' * (study == 'pair')}",
    )
    names = ["method", "benchmark", "topic", "format"][: 2 + len(groups)]
    assert found.select(names).rows() == expected.select("method", "task", *groups).rows()
    assert found["n_documents"].to_list() == expected["n"].to_list()
    np.testing.assert_allclose(found["mean"], expected["mean"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["z"], expected["z"], rtol=0, atol=1e-9)
    every = run_query(home, "select count(*) from bins").item()
    assert every == (12 if study == "pair" else 4)


def test_regions_contrasts_and_correlations_follow(pair, documents, scores):
    z = z_by(scores, documents, ["domain", "lang"])
    topics = z.group_by("method", "task", "domain").agg(pl.col("z").mean())
    found = run_query(pair, "select method, benchmark, topic, z from topic_influence")
    joined = found.join(
        topics, left_on=["method", "benchmark", "topic"], right_on=["method", "task", "domain"]
    )
    assert joined.height == topics.height == 24
    np.testing.assert_allclose(joined["z"], joined["z_right"], rtol=0, atol=1e-9)
    delta = (
        topics.filter(task="social")
        .join(topics.filter(task="stem"), on=["method", "domain"])
        .select("method", "domain", delta=pl.col("z") - pl.col("z_right"))
    )
    found = run_query(pair, "select method, topic as domain, delta_z from topic_contrasts")
    joined = found.join(delta, on=["method", "domain"])
    np.testing.assert_allclose(joined["delta_z"], joined["delta"], rtol=0, atol=1e-9)
    sql = "select method, pearson from benchmark_correlations where level = 'bin' and {}"
    rows = run_query(pair, sql.format("benchmark_a = 'social' and benchmark_b = 'stem'"))
    for method, pearson in rows.rows():
        a, b = (z.filter(method=method, task=task)["z"] for task in ("social", "stem"))
        assert pearson == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)


def test_scores_per_query_have_intervals_and_per_benchmark_none(pair, single):
    bounds = "count(z_low), count(z_high), count(q_value), count(standard_deviation)"
    sql = f"select {bounds}, count(z) from bin_influence"
    low, high, q, spread, z = run_query(pair, sql).row(0)
    assert low == high == q == z > spread > 0
    assert run_query(pair, "select bool_and(z_low < z_high) from bin_influence").item()
    low, high, q, spread, z = run_query(single, sql).row(0)
    assert (low, high, q) == (0, 0, 0)
    assert spread == z == 24
    halves = "select split_over, count(reliability) from profile_reliability group by 1 order by 1"
    assert run_query(single, halves).rows()[1] == ("items", 0)
    assert run_query(single, halves)["count(reliability)"][0] > 0


@pytest.mark.parametrize("study", ["pair", "single"])
def test_unknowns_are_exactly_what_is_null(request, study):
    home = request.getfixturevalue(study)
    listed = set(run_query(home, "select mart, column_name from unknowns").rows())
    null = set()
    for mart in run_query(home, "show tables").to_series():
        if mart == "runs":
            continue
        rows = run_query(home, f"select * from {mart}")
        if rows.is_empty():
            null.add((mart, "*"))
            continue
        count = next((c for c in ("n_documents", "sampled_documents") if c in rows.columns), None)
        filled = rows.filter(rows[count] > 0) if count else rows
        null |= {(mart, c) for c in rows.columns if filled[c].null_count() == filled.height}
    # Listed where it was told of some benchmarks only, and not of others.
    untold = {("benchmarks", "domain"), ("benchmarks", "capability")}
    # Null, too, where the spread over bins, or a region, is not told from chance.
    chance = ("true_", "signal_z", "signal_delta_z", "support_rank")
    untold |= {(mart, column) for mart, column in null if column.startswith(chance)}
    assert null - ALONE - untold == listed - untold


def test_sources_name_files_terms_and_groupings(pair, single):
    rows = run_query(pair, "select * from study_sources")
    assert rows["file_name"].unique().to_list() == ["scores.parquet, documents.csv"]
    assert rows.select(
        "licence", "score_per", "topic_grouping", "format_grouping"
    ).unique().rows() == [("CC0 <b>", "item", "domain", "language")]
    rows = run_query(single, "select * from study_sources order by method")
    assert (
        rows["file_name"].to_list()
        == ["less.jsonl, labels.parquet"] * 3 + ["trak.jsonl, labels.parquet"] * 3
    )
    assert rows["format_grouping"].null_count() == rows.height


@pytest.mark.parametrize("name", named_queries())
def test_every_named_query_runs_and_says_what_cannot_be_known(pair, single, name):
    run_query(pair, name)
    check_words(single, name)


def test_charts_say_what_documents_are_grouped_by(pair, single):
    by_item = {f"{side}{z}_profile" for side in ("topic", "format") for z in ("", "_z")}
    # Without scores of single items there is no support.
    for home, names in ((pair, by_item), (single, {"topic_z_profile"})):
        found = {path.stem.split("--")[0] for path in home.charts.glob("*_profile*.svg")}
        assert found == names
    text = (pair.charts / "topic_profile--imported--trak.svg").read_text(encoding="utf-8")
    assert "Which domains support which benchmark most?" in text
    assert "<b>" not in text
    of_z = (pair.charts / "topic_z_profile--imported--trak.svg").read_text(encoding="utf-8")
    assert "unweighted mean over its languages" in of_z
    # Bins of one label are its regions: the heat map would be the profile once more.
    assert not list(single.charts.glob("bin_*heatmap*"))


def test_status_and_another_import(root, pair):
    status = invoke(root, "status", "pair")
    assert "scores.parquet, documents.csv" in status
    assert "document_scores" in status
    refused = CliRunner().invoke(influence, ["--warehouse", str(root), "run", "pair"])
    assert "was imported" in refused.output
