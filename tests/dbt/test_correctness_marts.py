"""Right and wrong answers in the marts, against numpy on the same facts."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.taxonomy import FORMATS, TOPICS
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.dictionary import mart_keys
from influence_warehouse.warehouse.publish import publish
from influence_warehouse.warehouse.query import run_query
from influence_warehouse.warehouse.resamples import draw_resamples
from tests.scoring_lake import CELL
from tests.synthetic import BENCHMARKS, CONTRASTS, TOP_K, SyntheticLake, synthetic_lake

NAMES = list(BENCHMARKS)
SUBSETS = ("correct", "incorrect")
BESIDE = "_by_correctness"


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """A world of 30 items a benchmark, 20 right and 10 wrong, and a query on its marts."""
    folder = tmp_path_factory.mktemp("answers")
    world = synthetic_lake(folder, documents=600, items=30, resamples=100)
    build_warehouse(world.study, world.lake)
    publish(world.home, world.study)
    return world, lambda sql: run_query(world.home, sql)


def _is_correct(world: SyntheticLake, benchmark: str) -> np.ndarray:
    rows = world.lake.read("item_predictions", "base").filter(benchmark=benchmark)
    return rows.sort("item_id")["is_correct"].to_numpy()


def _means(world: SyntheticLake, benchmark: str, subset: str) -> np.ndarray:
    """Bin means of a subset of the items, [576]; NaN where a bin is empty."""
    held = _is_correct(world, benchmark) == (subset == "correct")
    scores = world.item_scores[benchmark][held].mean(axis=0)
    counts = np.bincount(world.bin_of, minlength=576)
    sums = np.bincount(world.bin_of, scores, minlength=576)
    return np.divide(sums, counts, out=np.full(576, np.nan), where=counts > 0)


def _centred(values: np.ndarray) -> np.ndarray:
    return values - np.nanmean(values, axis=-1, keepdims=True)


def _fold(values: np.ndarray, level: str) -> np.ndarray:
    if level == "bin":
        return values
    square = values.reshape(*values.shape[:-1], 24, 24)
    return np.nanmean(square, axis=-1 if level == "topic" else -2)


# Noise [resamples, regions] of items with the number of their sources, and of documents.
Noise = tuple[list[tuple[np.ndarray, int]], np.ndarray]


def _difference(world: SyntheticLake, benchmark: str) -> tuple[np.ndarray, Noise]:
    """Differences between right and wrong answers, [576], and what every resample adds."""
    unit = np.nanstd(world.bin_means(benchmark), ddof=1)
    estimate = [_centred(_means(world, benchmark, subset)) for subset in SUBSETS]
    found, drawn = draw_resamples(world.study, world.lake, CELL), []
    for sign, subset in zip((1, -1), SUBSETS, strict=True):
        own = found.drawn[subset][benchmark]
        for noise in (own.item_noise, own.document_noise):
            means = np.full((world.study.statistics.resamples, 576), np.nan)
            means[:, found.bin_ids] = noise
            drawn.append(sign * _centred(means) / unit)
    items = list(zip(drawn[::2], SOURCES, strict=True))
    return (estimate[0] - estimate[1]) / unit, (items, drawn[1] + drawn[3])


# Of 30 items in pairs the 20 right ones are of 15 sources, the 10 wrong ones of 10.
SOURCES = (15, 10)


def _error(world: SyntheticLake, level: str, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
    """Standard error of what the noise is added to [regions], and its degrees of freedom."""
    items = [(_fold(draws, level), count) for draws, count in noise[0]]
    documents = _fold(noise[1], level)
    of_documents = documents.var(axis=0, ddof=1)
    own = np.bincount(world.bin_of, minlength=576)
    more = np.maximum(own - 1, 1)
    free = np.where(own > 0, (4 + more) ** 2 / more, 0)
    square = free.reshape(24, 24)
    free = {"bin": free, "topic": square.sum(axis=1), "format": square.sum(axis=0)}
    variances = [draws.var(axis=0, ddof=1) for draws, _ in items]
    terms = sum(v**2 / (count - 1) for v, (_, count) in zip(variances, items, strict=True))
    total = sum(variances, of_documents)
    freedom = total**2 / (terms + of_documents**2 / free[level])
    return sum((draws for draws, _ in items), documents).std(axis=0, ddof=1), freedom


def _numbers(rows: pl.DataFrame, column: str) -> np.ndarray:
    return rows[column].cast(pl.Float64).fill_null(np.nan).to_numpy()


@pytest.mark.slow
@pytest.mark.parametrize("level", ["bin", "topic", "format"])
def test_differences_between_right_and_wrong_answers(split, level):
    world, query = split
    for benchmark in NAMES:
        rows = query(
            "select d.* from correctness_differences as d left join bins using (topic, format) "
            f"where benchmark = '{benchmark}' and level = '{level}' order by bin_id, region"
        )
        if level != "bin":
            assert rows["region"].to_list() == list(TOPICS if level == "topic" else FORMATS)
        assert set(rows["n_items_correct"]) == {20} and set(rows["n_items_incorrect"]) == {10}
        unit = np.nanstd(world.bin_means(benchmark), ddof=1)
        for subset in SUBSETS:
            expected = _fold(_centred(_means(world, benchmark, subset)) / unit, level)
            assert_allclose(_numbers(rows, f"z_{subset}"), expected, atol=1e-9)
        estimate, noise = _difference(world, benchmark)
        estimate = _fold(estimate, level)
        assert_allclose(_numbers(rows, "delta_z"), estimate, atol=1e-9)
        error, freedom = _error(world, level, noise)
        half = stats.t.ppf(0.975, freedom) * error
        assert_allclose(_numbers(rows, "delta_z_standard_error"), error, atol=1e-9)
        assert_allclose(_numbers(rows, "delta_z_low"), estimate - half, atol=1e-9)
        assert_allclose(_numbers(rows, "delta_z_high"), estimate + half, atol=1e-9)
        p_value = 2 * stats.t.sf(np.abs(estimate / error), freedom)
        assert_allclose(_numbers(rows, "p_value"), p_value, rtol=1e-9)
        known = rows.drop_nulls("p_value")
        q_value = stats.false_discovery_control(known["p_value"])
        assert_allclose(known["q_value"], q_value, rtol=1e-12)
        empty = rows["n_documents"] == 0
        assert set(rows.filter(empty)["unknown_reason"]) <= {"the region has no documents"}
        assert rows.filter(~empty)["unknown_reason"].is_null().all()


@pytest.mark.slow
def test_right_and_wrong_answers_weighted_by_items_give_z(split):
    _, query = split
    rows = query(
        "select (n_items_correct * z_correct + n_items_incorrect * z_incorrect) "
        "/ (n_items_correct + n_items_incorrect) as z, i.z as whole "
        "from correctness_differences as d inner join format_influence as i "
        "on d.benchmark = i.benchmark and d.region = i.format and d.level = 'format'"
    )
    assert len(rows) == 24 * len(NAMES)
    assert_allclose(rows["z"], rows["whole"], atol=1e-9)


def test_a_mart_holds_all_items_alone_and_the_one_beside_it_every_subset(query):
    marts = [name.removesuffix(BESIDE) for name in mart_keys() if name.endswith(BESIDE)]
    assert len(marts) == 11
    for mart in marts:
        every = query(f"select distinct item_subset from {mart}{BESIDE} order by all")
        assert every["item_subset"].to_list() == ["all", "correct", "incorrect"], mart
        of_all = query(f"from {mart}{BESIDE} where item_subset = 'all' order by all")
        assert of_all.equals(query(f"from {mart} order by all")), mart
        assert mart_keys()[mart] == mart_keys()[f"{mart}{BESIDE}"]


@pytest.mark.slow
def test_influence_of_the_subsets(split):
    world, query = split
    for benchmark, subset in [(name, subset) for name in NAMES for subset in SUBSETS]:
        rows = query(
            f"from bin_influence_by_correctness where benchmark = '{benchmark}' "
            f"and item_subset = '{subset}' order by bin_id"
        )
        means = _means(world, benchmark, subset)
        assert_allclose(_numbers(rows, "mean"), means, rtol=1e-9)
        assert_allclose(_numbers(rows, "z"), _centred(means) / np.nanstd(means, ddof=1), atol=1e-9)
        held = _is_correct(world, benchmark) == (subset == "correct")
        assert set(rows["n_items"]) == {held.sum()}
        top = np.argsort(-world.item_scores[benchmark][held], axis=1, kind="stable")[:, :TOP_K]
        counts = np.bincount(world.bin_of[top].ravel(), minlength=576)
        assert_allclose(rows["n_in_top_k"], counts)
        filled = rows.filter(pl.col("n_documents") > 0)
        assert filled.select(pl.col("z_low", "z_high", "q_value").is_not_null().all()).row(0) == (
            (True,) * 3
        )


@pytest.mark.slow
@pytest.mark.parametrize("level", ["topic", "format"])
def test_contrasts_among_right_and_wrong_answers(split, level):
    world, query = split
    found = {name: _difference(world, name) for name in NAMES}
    for contrast, a, b in CONTRASTS:
        (first, (items_a, documents_a)), (second, (items_b, documents_b)) = found[a], found[b]
        items = [*items_a, *((-draws, count) for draws, count in items_b)]
        found[contrast] = first - second, (items, documents_a - documents_b)
        rows = query(
            f"from correctness_contrast_differences where contrast = '{contrast}' "
            f"and level = '{level}' order by region"
        )
        estimate, noise = _fold(found[contrast][0], level), found[contrast][1]
        error, freedom = _error(world, level, noise)
        assert_allclose(rows["difference"], estimate, atol=1e-9)
        assert_allclose(rows["delta_z_correct"] - rows["delta_z_incorrect"], estimate, atol=1e-9)
        half = stats.t.ppf(0.975, freedom) * error
        assert_allclose(rows["difference_low"], estimate - half, atol=1e-9)
        assert_allclose(rows["difference_high"], estimate + half, atol=1e-9)
        p_value = 2 * stats.t.sf(np.abs(estimate / error), freedom)
        assert_allclose(rows["p_value"], p_value, rtol=1e-9)
        q_value = stats.false_discovery_control(rows["p_value"])
        assert_allclose(rows["q_value"], q_value, rtol=1e-12)


def test_too_few_wrong_answers_have_a_difference_without_an_interval(query):
    """10 of 16 items are answered right, 6 wrong."""
    rows = query("from correctness_differences where n_documents > 0")
    assert set(rows["unknown_reason"]) == {"too few items were answered wrong for an interval"}
    assert rows["delta_z"].is_not_null().all()
    unknown = ["delta_z_low", "delta_z_high", "delta_z_standard_error", "p_value", "q_value"]
    assert rows.select(pl.col(unknown).is_null().all()).row(0) == (True,) * 5
    for mart in ("topic_influence", "topic_contrasts", "benchmark_correlations"):
        low = {"topic_influence": "z_low", "topic_contrasts": "delta_z_low"}.get(
            mart, "pearson_low"
        )
        known = query(
            f"select item_subset, count({low}) as n from {mart}_by_correctness group by all"
        )
        counts = dict(known.rows())
        assert counts["incorrect"] == 0 and counts["correct"] == counts["all"] > 0
    contrasts = query("from correctness_contrast_differences")
    assert contrasts["difference"].is_not_null().all()
    assert contrasts["p_value"].is_null().all()
