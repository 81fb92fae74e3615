"""Sensitivity marts against numpy: leaving out, halving, and telling two bins apart."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.taxonomy import FORMATS, TOPICS
from influence_warehouse.warehouse.split_halves import SPLITS
from tests.scoring_lake import CELL
from tests.synthetic import BENCHMARKS, CONTRASTS

NAMES = list(BENCHMARKS)
# Bins by topic: [576] of topic positions.
TOPIC_OF = np.repeat(np.arange(24), 24)
REGIONS = {
    "bin": [f"{topic}/{format}" for topic in TOPICS for format in FORMATS],
    "topic": list(TOPICS),
    "format": list(FORMATS),
}
NORMAL = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)


def _profiles(z: np.ndarray) -> dict[str, np.ndarray]:
    square = z.reshape(24, 24)
    with np.errstate(invalid="ignore"):
        held = ~np.isnan(square)
        filled = np.where(held, square, 0)
        return {
            "bin": z,
            "topic": filled.sum(axis=1) / held.sum(axis=1),
            "format": filled.sum(axis=0) / held.sum(axis=0),
        }


def _contrasts(means: dict[str, np.ndarray], without: np.ndarray) -> dict[str, dict]:
    """delta_z per contrast and level with the bins of the mask `without` left out."""
    z = {}
    for name, values in means.items():
        kept = np.where(without, np.nan, values)
        z[name] = (kept - np.nanmean(kept)) / np.nanstd(kept, ddof=1)
    for contrast, a, b in CONTRASTS:
        z[contrast] = z[a] - z[b]
    return {contrast: _profiles(z[contrast]) for contrast, _, _ in CONTRASTS}


@pytest.fixture(scope="module")
def left_out(world) -> dict[str, dict[int, dict]]:
    """Contrasts recomputed from the bin means without each bin, and without each topic."""
    means = {name: world.bin_means(name) for name in NAMES}
    open_bins = np.flatnonzero(np.bincount(world.bin_of, minlength=576))
    every = np.arange(576)
    return {
        "none": {0: _contrasts(means, every < 0)},
        "bin": {k: _contrasts(means, every == k) for k in open_bins},
        "topic": {t: _contrasts(means, t == TOPIC_OF) for t in range(24)},
    }


def _values(left_out, kind: str, contrast: str, level: str) -> np.ndarray:
    """[left out, regions]; NaN where a topic is itself left out."""
    return np.array([found[contrast][level] for found in left_out[kind].values()])


@pytest.mark.parametrize("level", ["topic", "format"])
def test_contrasts_without_each_bin_and_topic(query, left_out, level):
    names = list(TOPICS if level == "topic" else FORMATS)
    for contrast, a, b in CONTRASTS:
        rows = query(
            f"select * from contrast_sensitivity where contrast = '{contrast}' "
            f"and level = '{level}' order by region"
        )
        assert rows["region"].to_list() == names
        assert set(rows["benchmark_a"]) == {a} and set(rows["benchmark_b"]) == {b}
        whole = left_out["none"][0][contrast][level]
        assert_allclose(rows["delta_z"], whole, atol=1e-9)
        assert_allclose(rows["delta_z_rank"], stats.rankdata(-whole))
        kept = np.ones(24, dtype=bool)
        for kind in ("bin", "topic"):
            values = _values(left_out, kind, contrast, level)
            assert_allclose(rows[f"leave_one_{kind}_out_min"], np.nanmin(values, 0), atol=1e-9)
            assert_allclose(rows[f"leave_one_{kind}_out_max"], np.nanmax(values, 0), atol=1e-9)
            most = np.nanargmax(np.abs(values - whole), axis=0)
            without = values[most, np.arange(24)]
            assert_allclose(rows[f"delta_z_without_{kind}"], without, atol=1e-9)
            ids = np.array(list(left_out[kind]))[most]
            assert rows[f"most_influential_{kind}"].to_list() == [
                TOPICS[i] if kind == "topic" else f"{TOPICS[i // 24]}/{FORMATS[i % 24]}"
                for i in ids
            ]
            kept &= ((values * whole > 0) | np.isnan(values)).all(axis=0)
        assert rows["is_sign_kept"].to_list() == kept.tolist()
        assert 0 < kept.sum() < 24 or contrast == "interaction"
        ranks = stats.rankdata(-_values(left_out, "bin", contrast, level), axis=1)
        assert_allclose(rows["highest_rank_without_a_bin"], ranks.min(axis=0))
        assert_allclose(rows["lowest_rank_without_a_bin"], ranks.max(axis=0))


@pytest.mark.parametrize("level", ["bin", "topic", "format"])
@pytest.mark.parametrize(("extreme", "sign"), [("maximum", 1), ("minimum", -1)])
def test_extremes_of_contrasts_and_what_they_hang_on(query, left_out, level, extreme, sign):
    names = REGIONS[level]
    for contrast, _, _ in CONTRASTS:
        row = query(
            f"select * from contrast_extremes where contrast = '{contrast}' "
            f"and level = '{level}' and extreme = '{extreme}'"
        ).row(0, named=True)
        whole = sign * left_out["none"][0][contrast][level]
        first = int(np.nanargmax(whole))
        assert row["region"] == names[first]
        assert row["delta_z"] == pytest.approx(sign * whole[first], abs=1e-9)
        assert row["lead_over_others"] == pytest.approx(
            whole[first] - np.nanmax(np.delete(whole, first))
        )
        for kind in ("bin", "topic"):
            values = sign * _values(left_out, kind, contrast, level)
            ids = np.array(list(left_out[kind]))
            known = ~np.isnan(values[:, first])
            values, ids = values[known], ids[known]
            lead = values[:, first] - np.nanmax(np.delete(values, first, axis=1), axis=1)
            then = np.nanargmax(values, axis=1)
            if kind == "bin":
                low, high = sorted((sign * values[:, first].min(), sign * values[:, first].max()))
                assert row["leave_one_bin_out_min"] == pytest.approx(low, abs=1e-9)
                assert row["leave_one_bin_out_max"] == pytest.approx(high, abs=1e-9)
            assert row[f"n_{kind}s_that_change_it"] == (then != first).sum()
            assert row[f"is_kept_without_any_{kind}"] == bool((lead > 0).all())
            assert row[f"lead_without_{kind}"] == pytest.approx(lead.min(), abs=1e-9)
            assert row[f"region_without_{kind}"] == names[then[lead.argmin()]]
            worst = ids[lead.argmin()]
            assert row[f"most_influential_{kind}"] == REGIONS[kind][worst]
            others = sorted({names[i] for i in then if i != first})
            assert row[f"other_regions_without_a_{kind}"] == (", ".join(others) or None)


def test_the_synthetic_extremes_are_of_both_kinds(query):
    """Otherwise the test above would compare only what is kept, or only what is not."""
    kept = query("select distinct is_kept_without_any_bin from contrast_extremes")
    assert set(kept.to_series()) == {True, False}


@pytest.mark.parametrize("level", ["bin", "topic", "format"])
def test_correlations_without_each_topic(world, query, level):
    for number, a in enumerate(NAMES):
        for b in NAMES[number + 1 :]:
            row = query(
                f"select * from benchmark_correlations where level = '{level}' "
                f"and benchmark_a = '{a}' and benchmark_b = '{b}'"
            ).row(0, named=True)
            found = []
            for topic in range(24):
                pair = [np.where(topic == TOPIC_OF, np.nan, world.bin_z(name)) for name in (a, b)]
                if level != "bin":
                    pair = [_profiles(z)[level] for z in pair]
                held = ~np.isnan(pair[0])
                found.append(np.corrcoef(pair[0][held], pair[1][held])[0, 1])
            most = int(np.argmax(np.abs(np.array(found) - row["pearson"])))
            assert row["leave_one_topic_out_min"] == pytest.approx(min(found), abs=1e-9)
            assert row["leave_one_topic_out_max"] == pytest.approx(max(found), abs=1e-9)
            assert row["most_influential_topic"] == TOPICS[most]
            assert row["pearson_without_topic"] == pytest.approx(found[most], abs=1e-9)


@pytest.mark.parametrize("split_over", ["items", "documents"])
def test_reliability_is_spearman_brown_of_the_mean_half_correlation(world, query, split_over):
    counts = np.bincount(world.bin_of, minlength=576)
    drawn = world.lake.read("split_half_correlations", CELL).filter(split_over=split_over)
    rows = query(f"select * from profile_reliability where split_over = '{split_over}'")
    assert len(rows) == 3 * len(NAMES)
    for row in rows.iter_rows(named=True):
        r = drawn.filter(benchmark=row["benchmark"], level=row["level"])["pearson"].to_numpy()
        assert row["n_splits"] == len(r) == SPLITS
        assert row["half_correlation"] == pytest.approx(r.mean(), abs=1e-9)
        mean = r.mean()
        assert row["reliability"] == pytest.approx(2 * mean / (1 + mean), abs=1e-9)
        low, high = np.percentile(2 * r / (1 + r), [2.5, 97.5])
        assert row["reliability_low"] == pytest.approx(low, abs=1e-9)
        assert row["reliability_high"] == pytest.approx(high, abs=1e-9)
        alone = (counts == 1).sum() if split_over == "documents" else 0
        assert row["n_bins_of_one_document"] == alone
        assert row["n_bins"] == (counts > 0).sum() - alone
        assert row["unknown_reason"] is None


def _components(world, benchmark: str) -> tuple[float, float, float]:
    """Variances over documents and over sources of two items, and mean of 1 / n, from the whole
    score matrix."""
    scores, bin_of = world.item_scores[benchmark], world.bin_of
    items = len(scores)
    counts = np.bincount(bin_of, minlength=576)
    held = np.flatnonzero(counts)
    of_document = world.document_scores(benchmark)
    within = sum(((of_document[bin_of == k] - of_document[bin_of == k].mean()) ** 2).sum()
                 for k in held)  # fmt: skip
    freedom = (counts[held] - 1).sum()
    each = [scores[:, bin_of == k] for k in held]
    by_item = sum(((s - s.mean(axis=1, keepdims=True)) ** 2).sum() for s in each)
    document = within / freedom
    residual = max(by_item / (items * freedom) - document, 0) * items / (items - 1)
    means = np.stack([s.mean(axis=1) for s in each], axis=1)
    means = (means[::2] + means[1::2]) / 2
    rest = means - means.mean(0) - means.mean(1, keepdims=True) + means.mean()
    square = (rest**2).sum() / ((items / 2 - 1) * (len(held) - 1))
    inverse = (1 / counts[held]).mean()
    return document, max(square - residual * inverse / 2, 0), inverse


@pytest.mark.parametrize("benchmark", NAMES)
def test_power_follows_from_the_whole_score_matrix(world, query, benchmark):
    row = query(f"select * from power where benchmark = '{benchmark}'").row(0, named=True)
    document, item, inverse = _components(world, benchmark)
    items = len(world.item_scores[benchmark]) / 2
    spread = np.nanstd(world.bin_means(benchmark), ddof=1)
    error = np.sqrt(2 * document * inverse + 2 * item / items)
    assert row["documents_per_bin"] == pytest.approx(1 / inverse, abs=1e-9)
    assert row["document_standard_deviation"] == pytest.approx(np.sqrt(document), rel=1e-9)
    assert row["cluster_standard_deviation"] == pytest.approx(np.sqrt(item), rel=1e-6, abs=1e-12)
    assert row["standard_error_of_difference"] == pytest.approx(error, rel=1e-9)
    assert row["share_from_documents"] == pytest.approx(2 * document * inverse / error**2)
    assert row["detectable_difference"] == pytest.approx(NORMAL * error, rel=1e-9)
    assert row["detectable_z"] == pytest.approx(NORMAL * error / spread, rel=1e-9)
    limit = NORMAL * np.sqrt(2 * item / items) / spread
    assert row["detectable_z_limit"] == pytest.approx(limit, rel=1e-6, abs=1e-9)
    for size, name in ((0.5, "half"), (1, "one"), (2, "two")):
        room = (size * spread / NORMAL) ** 2 - 2 * item / items
        number = max(1, int(np.ceil(2 * document / room))) if room > 0 else None
        assert row[f"documents_for_{name}_z"] == number


def test_power_knows_the_variances_that_the_scores_were_drawn_with(query):
    """Documents differ by 0.004 and, item by item, 0.01; no item favours a bin."""
    rows = query("from power")
    truth = np.sqrt(0.004**2 + 0.01**2 / 16)
    assert_allclose(rows["document_standard_deviation"], truth, rtol=0.05)
    # 16 items x 537 bins know the variance of a cell, (0.01 ** 2) / 2 and more, to 2 %.
    assert rows["cluster_standard_deviation"].max() < 0.2 * 0.01


def test_documents_for_one_z_find_a_difference_of_one_z_in_four_of_five(query):
    """Two bins drawn anew from the truth, with the number of documents that the mart asks for."""
    rng = np.random.default_rng(0)
    row = query("select * from power where benchmark = 'stem_reasoning'").row(0, named=True)
    documents, studies = row["documents_for_one_z"], 20_000
    error = np.sqrt(2 * (0.004**2 + 0.01**2 / 16) / documents)
    found = row["bin_spread"] + rng.normal(0, error, studies)
    rejected = (np.abs(found / error) > stats.norm.ppf(0.975)).mean()
    assert 0.78 < rejected < 0.88, "ceil() rounds documents up, so it may be a little more"


def test_halves_know_what_was_planted(query):
    """Pure noise is near 0 (tests/unit/test_warehouse_split_halves.py); here there is a signal."""
    rows = query("select * from profile_reliability where level = 'topic'")
    assert rows.filter(split_over="items")["reliability"].min() > 0.3
    assert rows.filter(split_over="documents")["reliability"].min() > 0.3
