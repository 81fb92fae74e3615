"""The marts against numpy and scipy on the same facts."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.taxonomy import FORMATS, TOPICS
from influence_warehouse.warehouse.concentration import concentration
from influence_warehouse.warehouse.resamples import draw_resamples
from tests.interval_twin import (
    Profiles,
    correlations,
    degrees_of_freedom,
    document_freedom,
    fisher_interval,
    measured,
    profiles,
)
from tests.scoring_lake import CELL
from tests.synthetic import BENCHMARKS, CONTRASTS, PLANTED_TOPICS, TOP_K

NAMES = list(BENCHMARKS)
REASONING, STEM = "social_reasoning", "stem_reasoning"


def _column(query, sql: str) -> np.ndarray:
    return query(sql).to_series().cast(pl.Float64).fill_null(np.nan).to_numpy()


def _profiles(world) -> tuple[np.ndarray, Profiles]:
    """Bins with documents, and the values and noise of all benchmarks over them."""
    found = draw_resamples(world.study, world.lake, CELL)
    drawn = [found.drawn["all"][name] for name in NAMES]
    means = np.stack([world.bin_means(name)[found.bin_ids] for name in NAMES])
    items, documents = (
        np.stack([getattr(d, noise) for d in drawn]) for noise in ("item_noise", "document_noise")
    )
    return found.bin_ids, profiles(means, items, documents)


def _weights(held: np.ndarray, level: str) -> np.ndarray:
    """Share of every bin with documents in the mean that each region is [bins, regions]."""
    region = {"bin": np.arange(len(held)), "topic": held // 24, "format": held % 24}[level]
    members = region[:, None] == np.arange(len(held) if level == "bin" else 24)
    return members / members.sum(axis=0)


def _freedom(
    world, held: np.ndarray, found: Profiles, weights: np.ndarray, coefficients: np.ndarray
) -> np.ndarray:
    """Degrees of freedom of the weighted sum of benchmarks [regions]."""
    documents = np.bincount(world.bin_of, minlength=576)[held]
    used = np.flatnonzero(coefficients)
    of_items = [(coefficients[i] * found.item_noise[i] @ weights).var(axis=0, ddof=1) for i in used]
    of_documents = np.tensordot(coefficients[used], found.document_noise[used] @ weights, 1)
    return degrees_of_freedom(
        of_items,
        of_documents.var(axis=0, ddof=1),
        world.clusters(STEM).max() + 1,
        document_freedom(documents, weights),
    )


def _half(*of_what) -> np.ndarray:
    """Standard errors in half an interval [regions]."""
    return stats.t.ppf(0.975, _freedom(*of_what))


def _by_topic(values: np.ndarray) -> np.ndarray:
    return np.nanmean(values.reshape(*values.shape[:-1], 24, 24), axis=-1)


def _by_format(values: np.ndarray) -> np.ndarray:
    return np.nanmean(values.reshape(*values.shape[:-1], 24, 24), axis=-2)


@pytest.mark.parametrize("benchmark", NAMES)
def test_bin_means_and_z(world, query, benchmark):
    where = f"from bin_influence where benchmark = '{benchmark}' order by bin_id"
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
    empty = query(f"select * from bin_influence where n_documents = 0 and benchmark = '{STEM}'")
    assert len(empty) == 576 - len(np.unique(world.bin_of))
    statistics = ["mean", "standard_error", "z", "z_low", "p_value", "q_value", "shrunken_mean"]
    statistics += ["top_share", "enrichment", "z_rank"]
    assert empty.select(pl.col(statistics).is_null().all()).row(0) == (True,) * len(statistics)


@pytest.mark.parametrize("level", ["topic", "format"])
def test_topics_and_formats_are_unweighted_means(world, query, level):
    fold = _by_topic if level == "topic" else _by_format
    for benchmark in NAMES:
        where = f"from {level}_influence where benchmark = '{benchmark}' order by {level}"
        assert_allclose(
            _column(query, f"select z {where}"), fold(world.bin_z(benchmark)), atol=1e-9
        )
    names = (
        query(f"select distinct {level} from {level}_influence order by 1").to_series().to_list()
    )
    assert names == list(TOPICS if level == "topic" else FORMATS)


@pytest.mark.parametrize("level", ["bin", "topic", "format"])
def test_intervals_of_regions_are_those_of_the_numpy_twin(world, query, level):
    held, found = _profiles(world)
    weights = _weights(held, level)
    for position, name in enumerate(NAMES):
        half = _half(world, held, found, weights, np.eye(4)[position])
        key = "bin_id" if level == "bin" else level
        rows = query(
            f"select * from {level}_influence where benchmark = '{name}' "
            f"and z is not null order by {key}"
        )
        error = (found.noise[position] @ weights).std(axis=0, ddof=1)
        z = found.z[position] @ weights
        assert_allclose(rows["z_standard_error"], error, rtol=1e-7)
        assert_allclose(rows["z_low"], z - half * error, atol=1e-9)
        assert_allclose(rows["z_high"], z + half * error, atol=1e-9)
        signal_z = found.signal_z[position] @ weights
        error = (found.signal_z_noise[position] @ weights).std(axis=0, ddof=1)
        assert_allclose(_floats(rows["signal_z"]), signal_z, atol=1e-9)
        assert_allclose(_floats(rows["signal_z_low"]), signal_z - half * error, atol=1e-9)
        assert_allclose(_floats(rows["signal_z_high"]), signal_z + half * error, atol=1e-9)
    assert np.isfinite(found.signal_z).any(), "no benchmark whose spread is told from noise"


def test_signal_shares_are_those_of_the_numpy_twin(world, query):
    _, found = _profiles(world)
    rows = query("select * from power").sort(
        pl.col("benchmark").replace_strict(NAMES, range(len(NAMES)))
    )
    assert_allclose(rows["signal_share"], found.signal_share, atol=1e-9)
    assert_allclose(rows["signal_share_standard_error"], found.share_error, atol=1e-9)


def _floats(values: pl.Series) -> np.ndarray:
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()


def test_weighted_topic_values(world, query):
    z = world.bin_z(REASONING)
    for column, weights in (
        ("z_document_weighted", np.bincount(world.bin_of, minlength=576)),
        ("z_population_weighted", world.population),
    ):
        held = np.where(np.isnan(z), 0.0, weights).reshape(24, 24)
        expected = (np.nan_to_num(z).reshape(24, 24) * held).sum(axis=1) / held.sum(axis=1)
        where = f"where benchmark = '{REASONING}' order by topic"
        found = _column(query, f"select {column} from topic_influence {where}")
        assert_allclose(found, expected, atol=1e-9)


def test_intervals_of_bin_means(world, query):
    drawn = draw_resamples(world.study, world.lake, CELL)
    held, own = drawn.bin_ids, drawn.drawn["all"][STEM]
    error = (own.item_noise + own.document_noise).std(axis=0, ddof=1)
    variances = [noise.var(axis=0, ddof=1) for noise in (own.item_noise, own.document_noise)]
    documents = np.bincount(world.bin_of, minlength=576)[held]
    free = document_freedom(documents, np.eye(len(held)))
    freedom = degrees_of_freedom(variances[:1], variances[1], own.n_clusters, free)
    half = stats.t.ppf(0.975, freedom) * error
    found = query(
        f"select * from bin_influence where benchmark = '{STEM}' and z is not null order by bin_id"
    )
    assert_allclose(found["standard_error"], error, rtol=1e-7)
    assert_allclose(found["mean_low"], world.bin_means(STEM)[held] - half, atol=1e-9)
    assert_allclose(found["mean_high"], world.bin_means(STEM)[held] + half, atol=1e-9)


@pytest.mark.parametrize("table", ["bin_influence", "topic_influence", "format_influence"])
def test_p_values_are_tails_of_t_and_q_values_benjamini_hochberg(world, query, table):
    rows = query(f"select * from {table} where p_value is not null")
    families, level = rows.partition_by("benchmark"), table.removesuffix("_influence")
    assert len(families) == len(NAMES)
    held, found = _profiles(world)
    for rows in families:
        key = "bin_id" if level == "bin" else level
        rows = rows.sort(key)
        position = NAMES.index(rows["benchmark"][0])
        freedom = _freedom(world, held, found, _weights(held, level), np.eye(4)[position])
        ratio = rows["z"].to_numpy() / rows["z_standard_error"].to_numpy()
        assert_allclose(rows["p_value"], 2 * stats.t.sf(np.abs(ratio), freedom), rtol=1e-9)
        outside = rows["z_low"].to_numpy() * rows["z_high"].to_numpy() > 0
        assert (outside == (rows["p_value"].to_numpy() < 0.05)).all()
        assert_allclose(rows["q_value"], stats.false_discovery_control(rows["p_value"]), rtol=1e-12)


def test_contrasts_and_their_intervals(world, query):
    held, found = _profiles(world)
    weights_of = world.study.contrast_coefficients()
    for contrast, a, b in CONTRASTS:
        coefficients = np.array([weights_of[contrast].get(name, 0.0) for name in NAMES])
        used = coefficients != 0
        for level in ("bin", "topic", "format"):
            key = "bin_id" if level == "bin" else level
            weights = _weights(held, level)
            rows = query(
                f"select * from {level}_contrasts where contrast = '{contrast}' "
                f"and delta_z is not null order by {key}"
            )
            half = _half(world, held, found, weights, coefficients)
            for prefix, z, noise in (
                ("delta_z", found.z, found.noise),
                ("signal_delta_z", found.signal_z, found.signal_z_noise),
            ):
                delta = coefficients[used] @ (z[used] @ weights)
                draws = np.tensordot(coefficients[used], noise[used] @ weights, 1)
                error = half * draws.std(axis=0, ddof=1)
                assert_allclose(_floats(rows[prefix]), delta, atol=1e-9)
                assert_allclose(_floats(rows[f"{prefix}_low"]), delta - error, atol=1e-9)
                assert_allclose(_floats(rows[f"{prefix}_high"]), delta + error, atol=1e-9)
        _assert_extremes_allow_for_picking(world, query, contrast, held, found, coefficients)
        rows = query(f"select * from topic_contrasts where contrast = '{contrast}'")
        q = stats.false_discovery_control(rows["p_value"])
        assert_allclose(rows["q_value"], q, rtol=1e-12)
        assert set(rows["benchmark_a"]) == {a} and set(rows["benchmark_b"]) == {b}


def _assert_extremes_allow_for_picking(world, query, contrast, held, found, coefficients):
    """The largest topic's interval is one that all 24 have at once."""
    weights = _weights(held, "topic")
    noise = np.tensordot(coefficients, found.noise, 1) @ weights
    freedom = _freedom(world, held, found, weights, coefficients)
    half = stats.t.ppf(1 - 0.025 / 24, freedom) * noise.std(axis=0, ddof=1)
    rows = query(
        f"select * from contrast_extremes where contrast = '{contrast}' and level = 'topic'"
    )
    assert set(rows["extreme"]) == {"maximum", "minimum"}
    for row in rows.iter_rows(named=True):
        half_of_it = half[TOPICS.index(row["region"])]
        assert row["delta_z_simultaneous_high"] == pytest.approx(row["delta_z"] + half_of_it)
        assert row["delta_z_simultaneous_low"] == pytest.approx(row["delta_z"] - half_of_it)


def test_correlations_and_what_they_hang_on(world, query):
    a, b = world.bin_z(REASONING), world.bin_z(STEM)
    all_held, found = _profiles(world)
    pair = [NAMES.index(REASONING), NAMES.index(STEM)]
    for level, fold in (("bin", lambda v: v), ("topic", _by_topic), ("format", _by_format)):
        where = f"benchmark_a = '{REASONING}' and benchmark_b = '{STEM}' and level = '{level}'"
        sql = f"select * from benchmark_correlations where {where}"
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
        weights = _weights(all_held, level)
        r, error, true_r, true_error = correlations(
            found.z[pair] @ weights, found.noise[pair] @ weights
        )
        bounds = [row["pearson_low"], row["pearson_high"]]
        assert_allclose(bounds, fisher_interval(r, error), atol=1e-8)
        if np.isnan(found.signal_z[pair]).any():
            assert row["true_pearson"] is None and row["true_pearson_low"] is None
        else:
            bounds = [row["true_pearson_low"], row["true_pearson_high"]]
            assert row["true_pearson"] == pytest.approx(true_r, abs=1e-8)
            assert_allclose(bounds, fisher_interval(true_r, true_error), atol=1e-8)
    assert len(query("from benchmark_correlations")) == 3 * 6


def test_shrunken_means_are_empirical_bayes(query):
    where = f"where benchmark = '{STEM}' and mean is not null"
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
    where = f"from bin_influence where benchmark = '{STEM}'"
    where += " and n_documents > 0 order by bin_id"
    held = documents > 0
    assert_allclose(_column(query, f"select top_share {where}"), share[held], atol=1e-12)
    enrichment = share[held] / documents[held]
    assert_allclose(_column(query, f"select enrichment {where}"), enrichment, atol=1e-9)
    where = f"from topic_influence where benchmark = '{STEM}' order by topic"
    by_topic = share.reshape(24, 24).sum(axis=1) / documents.reshape(24, 24).sum(axis=1)
    assert_allclose(_column(query, f"select enrichment {where}"), by_topic, atol=1e-9)


@pytest.mark.parametrize("level", ["bin", "topic", "format"])
@pytest.mark.parametrize("measure", ["support", "enrichment"])
def test_support_and_enrichment_are_those_of_the_scores_themselves(world, query, level, measure):
    """Document by document, item by item: no sums by bin, no resamples."""
    present, region_of = np.unique(
        {"bin": world.bin_of, "topic": world.bin_of // 24, "format": world.bin_of % 24}[level],
        return_inverse=True,
    )
    key = "bin_id" if level == "bin" else level
    for name in NAMES:
        scores = world.item_scores[name]
        if measure == "support":
            raw = np.maximum(scores, 0) ** 2
            values = raw / (scores**2).mean(axis=1, keepdims=True)
        else:
            raw = np.zeros_like(scores)
            top = np.argsort(-scores, axis=1, kind="stable")[:, :TOP_K]
            np.put_along_axis(raw, top, 1.0, axis=1)
            values = raw / (TOP_K / scores.shape[1])
        expected = measured(values, raw, world.clusters(name), world.bin_of, region_of)
        rows = query(
            f"select * from {level}_influence where benchmark = '{name}' "
            f"and n_documents > 0 order by {key}"
        )
        assert len(rows) == len(present)
        assert_allclose(rows[measure], expected.estimate, rtol=1e-9, atol=1e-12)
        is_one = rows["n_documents"].to_numpy() == 1
        error = np.where(is_one, np.nan, expected.error)
        assert_allclose(_floats(rows[f"{measure}_standard_error"]), error, rtol=1e-6)
        half = stats.t.ppf(0.975, expected.freedom) * error
        assert_allclose(_floats(rows[f"{measure}_high"]), expected.estimate + half, rtol=1e-6)
        assert_allclose(
            _floats(rows[f"{measure}_low"]), expected.estimate - half, rtol=1e-6, atol=1e-9
        )
        p_value = stats.t.sf((expected.estimate - expected.overall) / error, expected.freedom)
        assert_allclose(_floats(rows[f"{measure}_p_value"]), p_value, rtol=1e-5, atol=1e-12)
        known = rows.drop_nulls(f"{measure}_p_value")
        q_value = stats.false_discovery_control(known[f"{measure}_p_value"])
        assert_allclose(known[f"{measure}_q_value"], q_value, rtol=1e-9)
        if measure == "support":
            assert_allclose(rows["benchmark_support"], expected.overall, rtol=1e-9)
            ratio = (expected.estimate - expected.overall) / error
            assert_allclose(_floats(rows["support_t"]), ratio, rtol=1e-5, atol=1e-9)
            assert set(rows["unit"]) == {"clusters"} and set(rows["n_clusters"]) == {8}
        assert_allclose(
            rows["top_share"], rows["enrichment"] * rows["n_documents"] / 1200, atol=1e-12
        )


@pytest.mark.parametrize("table", ["bin_influence", "topic_influence", "format_influence"])
def test_regions_have_a_rank_where_they_are_told_from_the_average(query, table):
    rows = query(f"select * from {table} where support_q_value is not null")
    assert (rows["support_rank"].is_not_null() == (rows["support_q_value"] < 0.05)).all()
    ranked = rows.drop_nulls("support_rank").sort("benchmark", "support_rank")
    assert len(ranked) > 0
    for own in ranked.partition_by("benchmark"):
        assert own["support_rank"].to_list() == list(range(1, len(own) + 1))
        assert own["support_t"].is_sorted(descending=True)


def test_sums_and_means_of_influence(world, query):
    """A region adds the sum of its documents' scores, and its mean is that over their number."""
    total = np.bincount(world.bin_of, world.item_scores[STEM].mean(axis=0), 576)
    where = f"from bin_influence where benchmark = '{STEM}' and n_documents > 0 order by bin_id"
    held = np.bincount(world.bin_of, minlength=576) > 0
    assert_allclose(_column(query, f"select score_sum {where}"), total[held], rtol=1e-9)
    by_topic = total.reshape(24, 24).sum(axis=1)
    documents = np.bincount(world.bin_of // 24)
    where = f"from topic_influence where benchmark = '{STEM}' order by topic"
    assert_allclose(_column(query, f"select score_sum {where}"), by_topic, rtol=1e-9)
    assert_allclose(_column(query, f"select mean {where}"), by_topic / documents, rtol=1e-9)


def test_z_is_doubtful_where_halves_of_the_items_oppose_each_other(query):
    for level in ("bin", "topic", "format"):
        rows = query(
            f"select i.item_reliability, i.is_z_doubtful, r.reliability from {level}_influence i "
            "inner join profile_reliability r using (model, method, benchmark, item_subset) "
            f"where r.split_over = 'items' and r.level = '{level}'"
        )
        assert len(rows) > 0 and rows["item_reliability"].equals(rows["reliability"])
        assert (rows["is_z_doubtful"] == (rows["reliability"] < 0)).all()


def test_concentration(world, query):
    z = world.bin_z(STEM)
    amount = np.sort(np.maximum(z[~np.isnan(z)], 0))
    share = amount / amount.sum()
    n = len(share)
    gini = ((2 * np.arange(1, n + 1) - n - 1) * share).sum() / n
    positive = share[share > 0]
    row = query(
        f"select * from influence_concentration where benchmark = '{STEM}' and measure = 'z'"
    ).row(0, named=True)
    assert row["gini"] == pytest.approx(gini)
    assert row["effective_bins"] == pytest.approx(np.exp(stats.entropy(positive)))
    assert row["top_10_share"] == pytest.approx(share[-10:].sum())
    assert row["n_bins"] == n and row["n_positive_bins"] == len(positive)
    # Noise is computed in numpy, by the same formulae.
    for figure, (value,) in concentration(z[~np.isnan(z)][None]).items():
        assert row[figure] == pytest.approx(value), figure


def test_concentration_stands_beside_that_of_documents_dealt_anew(world, query):
    """Recomputed from the whole truth with deals of its own."""
    rng = np.random.default_rng(0)
    counts = np.bincount(world.bin_of)[np.unique(world.bin_of)]
    scores = world.document_scores(STEM)
    best = np.argsort(-world.item_scores[STEM], axis=1, kind="stable")[:, :TOP_K]
    tops = np.bincount(best.ravel(), minlength=len(scores))
    ends = np.cumsum(counts)[:-1]
    deals = [rng.permutation(len(scores)) for _ in range(300)]
    sums = [[part.sum() for part in np.split(scores[deal], ends)] for deal in deals]
    means = np.array(sums) / counts
    amounts = {
        "mean": means,
        "z": means - means.mean(axis=1, keepdims=True),
        "top_share": np.array([[p.sum() for p in np.split(tops[d], ends)] for d in deals]),
    }
    for measure, drawn in amounts.items():
        where = f"where benchmark = '{STEM}' and measure = '{measure}'"
        row = query(f"from influence_concentration {where}").row(0, named=True)
        for figure, values in concentration(drawn).items():
            low, high = np.quantile(values, [0.025, 0.975])
            spread = high - low
            assert row[f"{figure}_of_noise"] == pytest.approx(values.mean(), abs=0.1 * spread)
            assert row[f"{figure}_of_noise_low"] == pytest.approx(low, abs=0.3 * spread)
            assert row[f"{figure}_of_noise_high"] == pytest.approx(high, abs=0.3 * spread)


def test_noise_of_right_and_wrong_answers_is_not_known_and_says_why(query):
    rows = query("from influence_concentration")
    assert rows["noise_unknown_reason"].null_count() == rows.height == 3 * len(NAMES)
    subsets = query("from influence_concentration_by_correctness where item_subset <> 'all'")
    assert subsets["gini_of_noise"].null_count() == subsets.height > 0
    assert subsets["noise_unknown_reason"].str.contains("needs").all()


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
        answers = world.lake.read("item_predictions", "base").filter(benchmark=row["benchmark"])
        assert row["n_correct"] == answers["is_correct"].sum()
        assert row["mean_margin"] == pytest.approx(answers["correct_logprob_margin"].mean())


def test_planted_recovery_grades_like_scipy(world, query):
    truth = world.lake.read("planted_truth")
    for benchmark, topics in PLANTED_TOPICS.items():
        for measure, q, average in (
            ("z", "q_value", "0"),
            ("enrichment", "enrichment_q_value", "1"),
            ("support", "support_q_value", "benchmark_support"),
        ):
            row = query(
                f"select * from planted_recovery where benchmark = '{benchmark}' "
                f"and measure = '{measure}'"
            ).row(0, named=True)
            values = query(
                f"select topic, {measure} as v from topic_influence where benchmark = '{benchmark}'"
            )
            ranks = dict(zip(values["topic"], stats.rankdata(-values["v"]), strict=True))
            planted = [ranks[topic] for topic in topics]
            assert row["mean_rank"] == pytest.approx(np.mean(planted))
            assert row["n_planted_topics_found"] == sum(rank <= 2 for rank in planted)
            is_found = f"benchmark = '{benchmark}' and {q} < 0.05 and {measure} > {average}"
            found = query(f"select topic from topic_influence where {is_found}")["topic"]
            assert row["n_significant"] == found.is_in(topics).sum()
            assert row["n_false"] == (~found.is_in(topics)).sum()
            bins = query(
                f"select bin_id, {measure} as v from bin_influence "
                f"where benchmark = '{benchmark}' and {measure} is not null"
            )
            own = bins["bin_id"].is_in(truth.filter(benchmark=benchmark)["bin_id"].to_list())
            u = stats.mannwhitneyu(bins.filter(own)["v"], bins.filter(~own)["v"]).statistic
            assert row["auc"] == pytest.approx(u / (own.sum() * (~own).sum()))
            any_planted = bins["bin_id"].is_in(truth["bin_id"].to_list())
            others = bins.filter(~own & any_planted)["v"]
            u = stats.mannwhitneyu(bins.filter(own)["v"], others).statistic
            assert row["auc_among_planted"] == pytest.approx(u / (own.sum() * len(others)))
            assert row["auc"] > 0.75, "the planted effect is there to be found"


def test_bins_and_documents_follow_the_manifest(world, query):
    assert query("select count(*), sum(sampled_documents) from bins").row(0) == (576, 1200)
    rows = query(f"select * from document_influence where benchmark = '{STEM}' order by doc_id")
    assert rows["doc_id"].to_list() == world.doc_ids
    assert_allclose(rows["score"], world.document_scores(STEM), rtol=1e-7)
    assert sorted(rows["score_rank"]) == list(range(1, 1201))
    assert rows.sort("score_rank")["score"].is_sorted(descending=True)


def test_runs_show_what_was_made(query):
    rows = query("select fact, part, n_rows, started_at from runs order by part")
    assert rows["part"].to_list() == [f"{CELL}|0000{shard}" for shard in (0, 1)]
    assert str(rows["started_at"][0]) == "2026-01-02 03:04:05"


def test_every_column_has_its_description_in_the_database(query):
    missing = query(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'marts' and coalesce(comment, '') = ''"
    )
    assert missing.is_empty()
