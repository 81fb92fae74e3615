"""The marts against numpy and scipy on the same facts."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.taxonomy import FORMATS, TOPICS
from tests.synthetic import BENCHMARKS, CONTRASTS, PLANTED_TOPICS, TOP_K

NAMES = list(BENCHMARKS)
ALL = "item_subset = 'all'"
REASONING, STEM = "social_reasoning", "stem_reasoning"


def _column(query, sql: str) -> np.ndarray:
    return query(sql).to_series().cast(pl.Float64).fill_null(np.nan).to_numpy()


def _resampled_z(world, benchmark: str) -> np.ndarray:
    """z of every resample [resamples, 576] from the fact; NaN in empty bins.

    Standardized anew, times the mean growth of the spread over bins by resampling.
    """
    rows = world.lake.read("bin_mean_resamples").filter(benchmark=benchmark, item_subset="all")
    means = np.full((world.study.statistics.resamples, 576), np.nan)
    means[rows["resample"].to_numpy(), rows["bin_id"].to_numpy()] = rows["mean"].to_numpy()
    centre = np.nanmean(means, axis=1, keepdims=True)
    spread = np.nanstd(means, axis=1, ddof=1, keepdims=True)
    return (means - centre) / spread * spread.mean() / np.nanstd(world.bin_means(benchmark), ddof=1)


def _by_topic(values: np.ndarray) -> np.ndarray:
    return np.nanmean(values.reshape(*values.shape[:-1], 24, 24), axis=-1)


def _by_format(values: np.ndarray) -> np.ndarray:
    return np.nanmean(values.reshape(*values.shape[:-1], 24, 24), axis=-2)


@pytest.mark.parametrize("benchmark", NAMES)
def test_bin_means_and_z(world, query, benchmark):
    where = f"from bin_influence where {ALL} and benchmark = '{benchmark}' order by bin_id"
    assert_allclose(_column(query, f"select mean {where}"), world.bin_means(benchmark), rtol=1e-9)
    assert_allclose(_column(query, f"select z {where}"), world.bin_z(benchmark), rtol=1e-7)
    counts = np.bincount(world.bin_of, minlength=576)
    assert (_column(query, f"select n_documents {where}") == counts).all()
    spread = [
        scores.std(ddof=1) if len(scores) > 1 else np.nan
        for bin_id in range(576)
        for scores in [world.document_scores(benchmark)[world.bin_of == bin_id]]
    ]
    assert_allclose(_column(query, f"select standard_deviation {where}"), spread, rtol=1e-6)


def test_empty_bins_are_rows_without_statistics(world, query):
    empty = query(
        f"select * from bin_influence where {ALL} and n_documents = 0 and benchmark = '{STEM}'"
    )
    assert len(empty) == 576 - len(np.unique(world.bin_of))
    statistics = ["mean", "standard_error", "z", "z_low", "p_value", "q_value", "shrunken_mean"]
    statistics += ["top_share", "enrichment", "z_rank"]
    assert empty.select(pl.col(statistics).is_null().all()).row(0) == (True,) * len(statistics)


@pytest.mark.parametrize("level", ["topic", "format"])
def test_topics_and_formats_are_unweighted_means_with_percentile_intervals(world, query, level):
    fold = _by_topic if level == "topic" else _by_format
    for benchmark in NAMES:
        where = f"from {level}_influence where {ALL} and benchmark = '{benchmark}' order by {level}"
        assert_allclose(
            _column(query, f"select z {where}"), fold(world.bin_z(benchmark)), atol=1e-9
        )
        draws = fold(_resampled_z(world, benchmark))
        low, high = np.percentile(draws, [2.5, 97.5], axis=0)
        assert_allclose(_column(query, f"select z_low {where}"), low, atol=1e-9)
        assert_allclose(_column(query, f"select z_high {where}"), high, atol=1e-9)
    names = (
        query(f"select distinct {level} from {level}_influence order by 1").to_series().to_list()
    )
    assert names == list(TOPICS if level == "topic" else FORMATS)


def test_weighted_topic_values(world, query):
    z = world.bin_z(REASONING)
    for column, weights in (
        ("z_document_weighted", np.bincount(world.bin_of, minlength=576)),
        ("z_population_weighted", world.population),
    ):
        held = np.where(np.isnan(z), 0.0, weights).reshape(24, 24)
        expected = (np.nan_to_num(z).reshape(24, 24) * held).sum(axis=1) / held.sum(axis=1)
        where = f"where {ALL} and benchmark = '{REASONING}' order by topic"
        found = _column(query, f"select {column} from topic_influence {where}")
        assert_allclose(found, expected, atol=1e-9)


def test_bin_intervals_errors_and_bias(world, query):
    draws = _resampled_z(world, STEM)
    where = f"from bin_influence where {ALL} and benchmark = '{STEM}' order by bin_id"
    low, high = np.nanpercentile(draws, [2.5, 97.5], axis=0)
    assert_allclose(_column(query, f"select z_low {where}"), low, atol=1e-9)
    assert_allclose(_column(query, f"select z_high {where}"), high, atol=1e-9)
    bias = draws.mean(axis=0) - world.bin_z(STEM)
    assert_allclose(_column(query, f"select z_bias {where}"), bias, atol=1e-9)
    rows = world.lake.read("bin_mean_resamples").filter(benchmark=STEM, item_subset="all")
    wide = rows.pivot("bin_id", index="resample", values="mean").drop("resample")
    means = wide.to_numpy()
    spread = np.nanstd(world.bin_means(STEM), ddof=1)
    error = np.std((means - means.mean(axis=1, keepdims=True)) / spread, axis=0, ddof=1)
    found = query(f"select bin_id, z_standard_error as e {where}").drop_nulls()
    lookup = dict(zip(map(int, wide.columns), error, strict=True))
    assert_allclose(found["e"].to_numpy(), [lookup[b] for b in found["bin_id"]], rtol=1e-7)
    found = query(f"select bin_id, standard_error as e {where}").drop_nulls()
    lookup = dict(zip(map(int, wide.columns), means.std(axis=0, ddof=1), strict=True))
    assert_allclose(found["e"].to_numpy(), [lookup[b] for b in found["bin_id"]], rtol=1e-7)


@pytest.mark.parametrize("table", ["bin_influence", "topic_influence", "format_influence"])
def test_p_values_are_normal_tails_and_q_values_benjamini_hochberg(query, table):
    rows = query(f"select * from {table} where {ALL} and p_value is not null")
    families = rows.partition_by("benchmark")
    assert len(families) == len(NAMES)
    for rows in families:
        ratio = rows["z"].to_numpy() / rows["z_standard_error"].to_numpy()
        assert_allclose(rows["p_value"], 2 * stats.norm.sf(np.abs(ratio)), rtol=2e-7)
        assert_allclose(rows["q_value"], stats.false_discovery_control(rows["p_value"]), rtol=1e-12)


def test_contrasts_and_their_intervals(world, query):
    z = {name: world.bin_z(name) for name in NAMES}
    draws = {name: _resampled_z(world, name) for name in NAMES}
    for contrast, a, b in CONTRASTS:
        z[contrast], draws[contrast] = z[a] - z[b], draws[a] - draws[b]
        for level, fold in (("bin", lambda v: v), ("topic", _by_topic), ("format", _by_format)):
            key = "bin_id" if level == "bin" else level
            where = f"from {level}_contrasts where {ALL} and contrast = '{contrast}' order by {key}"
            low, high = np.nanpercentile(fold(draws[contrast]), [2.5, 97.5], axis=0)
            assert_allclose(_column(query, f"select delta_z {where}"), fold(z[contrast]), atol=1e-9)
            assert_allclose(_column(query, f"select delta_z_low {where}"), low, atol=1e-9)
            assert_allclose(_column(query, f"select delta_z_high {where}"), high, atol=1e-9)
        where = f"where {ALL} and contrast = '{contrast}'"
        rows = query(f"select * from topic_contrasts {where}").drop_nulls()
        q = stats.false_discovery_control(rows["p_value"])
        assert_allclose(rows["q_value"], q, rtol=1e-12)
        assert set(rows["benchmark_a"]) == {a} and set(rows["benchmark_b"]) == {b}


def test_correlations_and_what_they_hang_on(world, query):
    a, b = world.bin_z(REASONING), world.bin_z(STEM)
    draws = [_resampled_z(world, name) for name in (REASONING, STEM)]
    for level, fold in (("bin", lambda v: v), ("topic", _by_topic), ("format", _by_format)):
        where = f"benchmark_a = '{REASONING}' and benchmark_b = '{STEM}' and level = '{level}'"
        sql = f"select * from benchmark_correlations where {ALL} and {where}"
        row = query(sql).row(0, named=True)
        x, y = fold(a), fold(b)
        held = ~np.isnan(x)
        x, y = x[held], y[held]
        assert row["n_regions"] == len(x)
        assert row["pearson"] == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
        assert row["spearman"] == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
        without = np.array(
            [np.corrcoef(np.delete(x, i), np.delete(y, i))[0, 1] for i in range(len(x))]
        )
        assert row["leave_one_out_min"] == pytest.approx(without.min(), abs=1e-9)
        assert row["leave_one_out_max"] == pytest.approx(without.max(), abs=1e-9)
        most = np.argmax(np.abs(without - row["pearson"]))
        assert row["pearson_without_it"] == pytest.approx(without[most], abs=1e-9)
        position = np.flatnonzero(held)[most]
        names = {
            "bin": f"{TOPICS[position // 24]}/{FORMATS[position % 24]}",
            "topic": TOPICS[position % 24],
            "format": FORMATS[position % 24],
        }
        assert row["most_influential_bin"] == names[level]
        pairs = zip(fold(draws[0])[:, held], fold(draws[1])[:, held], strict=True)
        resampled = [np.corrcoef(u, v)[0, 1] for u, v in pairs]
        assert_allclose(
            [row["pearson_low"], row["pearson_high"]],
            np.percentile(resampled, [2.5, 97.5]),
            atol=1e-9,
        )
    assert len(query(f"from benchmark_correlations where {ALL}")) == 3 * 6


def test_shrunken_means_are_empirical_bayes(query):
    where = f"where {ALL} and benchmark = '{STEM}' and mean is not null"
    rows = query(f"select * from bin_influence {where}")
    mean, error = rows["mean"].to_numpy(), rows["standard_error"].to_numpy()
    weight = error**-2
    fixed = np.average(mean, weights=weight)
    excess = (weight * (mean - fixed) ** 2).sum() - (len(mean) - 1)
    tau = max(0.0, excess / (weight.sum() - (weight**2).sum() / weight.sum()))
    assert tau > 0
    centre = np.average(mean, weights=1 / (tau + error**2))
    expected = centre + (mean - centre) * tau / (tau + error**2)
    assert_allclose(rows["shrunken_mean"], expected, rtol=1e-9)


def test_top_share_and_enrichment(world, query):
    scores = world.item_scores[STEM]
    top = np.argsort(-scores, axis=1, kind="stable")[:, :TOP_K]
    share = np.bincount(world.bin_of[top].ravel(), minlength=576) / (len(scores) * TOP_K)
    documents = np.bincount(world.bin_of, minlength=576) / len(world.bin_of)
    where = f"from bin_influence where {ALL} and benchmark = '{STEM}'"
    where += " and n_documents > 0 order by bin_id"
    held = documents > 0
    assert_allclose(_column(query, f"select top_share {where}"), share[held], atol=1e-12)
    enrichment = share[held] / documents[held]
    assert_allclose(_column(query, f"select enrichment {where}"), enrichment, atol=1e-9)
    where = f"from topic_influence where {ALL} and benchmark = '{STEM}' order by topic"
    by_topic = share.reshape(24, 24).sum(axis=1) / documents.reshape(24, 24).sum(axis=1)
    assert_allclose(_column(query, f"select enrichment {where}"), by_topic, atol=1e-9)


def test_concentration(world, query):
    z = world.bin_z(STEM)
    amount = np.sort(np.maximum(z[~np.isnan(z)], 0))
    share = amount / amount.sum()
    n = len(share)
    gini = ((2 * np.arange(1, n + 1) - n - 1) * share).sum() / n
    positive = share[share > 0]
    row = query(
        "select * from influence_concentration "
        f"where {ALL} and benchmark = '{STEM}' and measure = 'z'"
    ).row(0, named=True)
    assert row["gini"] == pytest.approx(gini)
    assert row["effective_bins"] == pytest.approx(np.exp(stats.entropy(positive)))
    assert row["top_10_share"] == pytest.approx(share[-10:].sum())
    assert row["n_bins"] == n and row["n_positive_bins"] == len(positive)


def test_top_documents_are_the_extremes_with_clean_excerpts(world, query):
    scores = world.document_scores(STEM).astype(np.float32)
    ids = np.array(world.doc_ids)
    for direction, order in (
        ("proponent", np.argsort(-scores, kind="stable")),
        ("opponent", np.argsort(scores, kind="stable")),
    ):
        rows = query(
            f"select * from top_documents where benchmark = '{STEM}' "
            f"and direction = '{direction}' order by direction_rank"
        )
        assert rows["doc_id"].to_list() == ids[order[:50]].tolist()
        assert (rows["excerpt"].str.len_chars() <= 200).all()
        assert not rows["excerpt"].str.contains(r"\s\s|\n").any()
    top = np.argsort(-world.item_scores[STEM], axis=1, kind="stable")[:, :TOP_K]
    named = (ids[top] == ids[np.argmax(scores)]).any(axis=1).sum()
    sql = f"select n_items_naming_it from top_documents where benchmark = '{STEM}'"
    assert query(f"{sql} and direction = 'proponent' and direction_rank = 1").item() == named


def test_benchmarks_have_wilson_intervals(world, query):
    for row in query("from benchmarks").iter_rows(named=True):
        interval = stats.binomtest(row["n_correct"], row["n_items"]).proportion_ci(method="wilson")
        assert row["accuracy_low"] == pytest.approx(interval.low)
        assert row["accuracy_high"] == pytest.approx(interval.high)
        assert row["chance"] == pytest.approx((1 / 3 + 1 / 4) / 2)
        answers = world.lake.read("item_predictions").filter(benchmark=row["benchmark"])
        assert row["n_correct"] == answers["is_correct"].sum()
        assert row["mean_margin"] == pytest.approx(answers["correct_logprob_margin"].mean())


def test_planted_recovery_grades_like_scipy(world, query):
    truth = world.lake.read("planted_truth")
    for benchmark, topics in PLANTED_TOPICS.items():
        for measure in ("z", "enrichment"):
            row = query(
                f"select * from planted_recovery where {ALL} and benchmark = '{benchmark}' "
                f"and measure = '{measure}'"
            ).row(0, named=True)
            values = query(
                f"select topic, {measure} as v from topic_influence "
                f"where {ALL} and benchmark = '{benchmark}'"
            )
            ranks = dict(zip(values["topic"], stats.rankdata(-values["v"]), strict=True))
            planted = [ranks[topic] for topic in topics]
            assert row["mean_rank"] == pytest.approx(np.mean(planted))
            assert row["n_planted_topics_found"] == sum(rank <= 2 for rank in planted)
            bins = query(
                f"select bin_id, {measure} as v from bin_influence "
                f"where {ALL} and benchmark = '{benchmark}' and {measure} is not null"
            )
            own = bins["bin_id"].is_in(truth.filter(benchmark=benchmark)["bin_id"].to_list())
            u = stats.mannwhitneyu(bins.filter(own)["v"], bins.filter(~own)["v"]).statistic
            assert row["auc"] == pytest.approx(u / (own.sum() * (~own).sum()))
            any_planted = bins["bin_id"].is_in(truth["bin_id"].to_list())
            others = bins.filter(~own & any_planted)["v"]
            u = stats.mannwhitneyu(bins.filter(own)["v"], others).statistic
            assert row["auc_among_planted"] == pytest.approx(u / (own.sum() * len(others)))
            assert row["auc"] > 0.8, "the planted effect is there to be found"


def test_bins_and_documents_follow_the_manifest(world, query):
    assert query("select count(*), sum(sampled_documents) from bins").row(0) == (576, 1200)
    rows = query(f"select * from document_influence where benchmark = '{STEM}' order by doc_id")
    assert rows["doc_id"].to_list() == world.doc_ids
    assert_allclose(rows["score"], world.document_scores(STEM), rtol=1e-7)
    assert sorted(rows["score_rank"]) == list(range(1, 1201))
    assert rows.sort("score_rank")["score"].is_sorted(descending=True)


def test_runs_show_what_was_made(query):
    rows = query("select fact, partition_key, n_rows, started_at from runs order by partition_key")
    assert rows["partition_key"].to_list() == ["00000", "00001"]
    assert str(rows["started_at"][0]) == "2026-01-02 03:04:05"


def test_every_column_has_its_description_in_the_database(query):
    missing = query(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'marts' and coalesce(comment, '') = ''"
    )
    assert missing.is_empty()
