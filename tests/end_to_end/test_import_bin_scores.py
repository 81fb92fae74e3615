"""`influence import bin-scores`: from CSV files by the command to marts, queries and charts."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from influence_warehouse.cli import influence
from influence_warehouse.lake.layout import Home
from influence_warehouse.taxonomy import FORMATS, TOPICS
from influence_warehouse.warehouse.query import named_queries, run_query
from tests.bin_score_files import made_means, made_rows, write_csv
from tests.unknown_words import check_words

pytestmark = pytest.mark.slow

# A whole topic (1), most of a format, and single bins without documents.
EMPTY = frozenset({*range(24, 48), *range(5, 500, 24), 0, 575})
NAMES = ("alpha", "beta", "gamma", "delta")


def invoke(root, *arguments: str) -> str:
    result = CliRunner().invoke(influence, ["--warehouse", str(root), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def means():
    """Mean of each bin, float64 [576], NaN where empty, by benchmark."""
    found = {}
    for seed, name in enumerate(NAMES):
        found[name] = np.full(576, np.nan)
        for cell, mean in made_means(seed, EMPTY).items():
            found[name][cell] = mean
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory, monkeypatch_module):
    root = tmp_path_factory.mktemp("import")
    files = []
    for seed, name in enumerate(NAMES):
        rows = made_rows(made_means(seed, EMPTY), titles=seed % 2 == 1)
        files.append(f"{name}={write_csv(root / f'{name}.csv', rows)}")
    contrasts = ["first=alpha,beta", "second=gamma,delta", "interaction=first,second"]
    options = [part for contrast in contrasts for part in ("--contrast", contrast)]
    options += ["--design", "alpha=social,reasoning", "--licence", "CC0 <b>"]
    output = invoke(root, "import", "bin-scores", *files, "--study", "made", *options)
    assert "influence query top_topics --study made" in output
    return Home(root, "made")


@pytest.fixture(scope="module")
def monkeypatch_module():
    """The command's --warehouse is remembered in the environment; forget it afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFLUENCE_WAREHOUSE", "unused")
        yield patch


@pytest.fixture(scope="module")
def query(home):
    return lambda sql: run_query(home, sql)


def standardized(values):
    return (values - np.nanmean(values)) / np.nanstd(values, ddof=1)


def margin(z, level):
    """Mean of z over the other side, [24]; NaN where all are empty."""
    square = z.reshape(24, 24) if level == "topic" else z.reshape(24, 24).T
    counts = (~np.isnan(square)).sum(axis=1)
    return np.divide(np.nansum(square, axis=1), counts, out=np.full(24, np.nan), where=counts > 0)


def test_bins_are_those_of_the_files(query, means):
    for name in NAMES:
        rows = query(
            f"select mean, z, n_documents from bin_influence where benchmark = '{name}' "
            "order by bin_id"
        )
        np.testing.assert_allclose(rows["mean"].cast(float).to_numpy(), means[name], rtol=1e-12)
        np.testing.assert_allclose(rows["z"].to_numpy(), standardized(means[name]), atol=1e-9)
        expected = [0 if cell in EMPTY else 10 + cell for cell in range(576)]
        assert rows["n_documents"].to_list() == expected


@pytest.mark.parametrize(("level", "slugs"), [("topic", TOPICS), ("format", FORMATS)])
def test_regions_and_contrasts_are_means_of_bins(query, means, level, slugs):
    z = {name: standardized(values) for name, values in means.items()}
    z["first"], z["second"] = z["alpha"] - z["beta"], z["gamma"] - z["delta"]
    z["interaction"] = z["first"] - z["second"]
    weights = np.array([0 if cell in EMPTY else 10.0 + cell for cell in range(576)])
    for name in z:
        kind, column, value = (
            ("influence", "benchmark", "z")
            if name in NAMES
            else ("contrasts", "contrast", "delta_z")
        )
        rows = query(
            f"select {value}, {value}_document_weighted as weighted from {level}_{kind} "
            f"where {column} = '{name}' order by {level}"
        )
        assert rows.height == len(slugs)
        np.testing.assert_allclose(rows[value].to_numpy(), margin(z[name], level), atol=1e-9)
        weighted = margin(z[name] * weights, level) / margin(
            np.where(np.isnan(z[name]), np.nan, weights), level
        )
        np.testing.assert_allclose(rows["weighted"].to_numpy(), weighted, atol=1e-9)


def test_correlations_and_concentration(query, means):
    z = {name: standardized(values) for name, values in means.items()}
    filled = ~np.isnan(z["alpha"])
    rows = query(
        "select benchmark_a, benchmark_b, pearson from benchmark_correlations where level = 'bin'"
    )
    assert rows.height == 6
    for a, b, pearson in rows.rows():
        assert pearson == pytest.approx(np.corrcoef(z[a][filled], z[b][filled])[0, 1], abs=1e-9)
    share = np.sort(np.maximum(means["beta"][filled], 0))
    gini = ((2 * np.arange(1, len(share) + 1) - len(share) - 1) * share).sum()
    rows = query("select * from influence_concentration where benchmark = 'beta'")
    found = {row["measure"]: row for row in rows.iter_rows(named=True)}
    assert found["mean"]["gini"] == pytest.approx(gini / len(share) / share.sum(), abs=1e-9)
    assert set(found) == {"mean", "z"}
    # Thin bins among full ones: more than the 0.71 of equal ones. Of means nothing is known.
    assert 0.70 < found["z"]["gini_of_noise_low"] < found["z"]["gini_of_noise_high"] < 0.85
    assert found["z"]["noise_unknown_reason"] is None
    assert found["mean"]["gini_of_noise"] is None
    assert found["mean"]["noise_unknown_reason"] == "needs scores of single documents"


def test_unknowns_are_exactly_what_is_null(query):
    """Nothing is invented where it is said to be unknown, nothing is null without a reason."""
    listed = set(query("select mart, column_name from unknowns").rows())
    listed -= {("benchmarks", "domain"), ("benchmarks", "capability")}
    null = set()
    for mart in query("show tables").to_series():
        if mart == "runs":
            continue
        rows = query(f"select * from {mart}")
        if rows.is_empty():
            null.add((mart, "*"))
            continue
        count = next((c for c in ("n_documents", "sampled_documents") if c in rows.columns), None)
        filled = rows.filter(rows[count] > 0) if count else rows
        null |= {(mart, c) for c in rows.columns if filled[c].null_count() == filled.height}
    assert null == listed


def test_sources_carry_the_terms(query, home):
    rows = query("select * from study_sources order by benchmark")
    assert rows["licence"].to_list() == ["CC0 <b>"] * 4
    assert rows["max_z_deviation"].max() < 1e-12
    assert rows["n_bins"].to_list() == [576 - len(EMPTY)] * 4
    assert all(len(digest) == 64 for digest in rows["sha256"])


@pytest.mark.parametrize("name", named_queries())
def test_no_query_says_none_of_what_cannot_be_known(home, name):
    check_words(home, name)


def test_counts_of_what_is_not_known_are_null(query):
    rows = query("thin_bins")
    assert rows["n_full_bins"].null_count() == rows["population_documents"].null_count() == 24
    assert rows["n_empty_bins"].sum() == len(EMPTY)


def test_the_report_tells_unknown_from_empty(home):
    invoke(home.root, "report", "made")
    overview = (home.report / "index.html").read_text(encoding="utf-8")
    assert "Intervals and q: not known, needs scores of single items" in overview
    assert "bootstrap over items" not in overview
    contrasts = (home.report / "contrasts.html").read_text(encoding="utf-8")
    assert re.search(r"significant_contrasts</code>: not known: q_value", contrasts)
    assert "Not known: delta_z_high, delta_z_low, delta_z_standard_error, q_value" in contrasts


def test_a_chart_that_cannot_be_drawn_says_why(home):
    result = CliRunner().invoke(
        influence,
        ["--warehouse", str(home.root), "chart", "benchmark_accuracy", "--study", "made"],
    )
    assert result.exit_code == 0
    assert "nothing to draw (not known: accuracy (benchmarks): needs the answers" in result.output


def test_the_other_verbs_know_the_name(home):
    status = invoke(home.root, "status", "made")
    assert "alpha.csv" in status
    assert "current" not in status
    rows = json.loads(invoke(home.root, "query", "sources", "--study", "made", "--output", "json"))
    assert len(rows) == 4
    assert "topic_z_profile" in invoke(home.root, "chart", "topic_z_profile", "--study", "made")
    refused = CliRunner().invoke(influence, ["--warehouse", str(home.root), "run", "made"])
    assert refused.exit_code == 1
    assert "was imported" in refused.output


def test_charts_say_that_there_are_no_intervals(home):
    names = {path.stem.split("--")[0] for path in home.charts.glob("*.svg")}
    assert names == {
        *("bin_z_heatmap", "correlations", "format_contrast", "format_z_profile"),
        *("concentration", "sample_sizes", "topic_contrast", "topic_z_profile"),
    }
    for name in ("topic_z_profile", "format_contrast"):
        (path,) = home.charts.glob(f"{name}*.svg")
        assert "Intervals and q are not known" in path.read_text(encoding="utf-8")
