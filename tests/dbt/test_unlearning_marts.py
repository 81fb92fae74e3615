"""The unlearning marts against numpy and scipy on damages that were drawn."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

from influence_warehouse.study.unlearning import CONDITIONS
from influence_warehouse.taxonomy import TOPICS
from influence_warehouse.unlearning.plan import Region, plan_runs
from influence_warehouse.warehouse.build import dbt_project_folder, read_built
from influence_warehouse.warehouse.query import run_query
from tests import synthetic_unlearning as synthetic
from tests.scoring_lake import CELL
from tests.synthetic import BENCHMARKS
from tests.synthetic_unlearning import REGIONS

CLEAN, SPILLING, IMPROVING, HARD = BENCHMARKS
MEASURES = ("accuracy", "margin")
TESTS = ("wilcoxon", "t_region_means", "wilcoxon_items")
COMPARISONS = (
    ("influence_in_topic", "random_in_topic"),
    ("influence_in_topic", "random_global"),
    ("influence_global", "random_global"),
)
Z = stats.norm.ppf(0.975)
pytestmark = pytest.mark.slow
Rows = dict[tuple, dict]
Estimate = tuple[float, float]


@pytest.fixture(scope="module")
def mart(truth) -> Callable[..., Rows]:
    """Rows of a mart by the values of key columns, which must be unique."""

    def read(name: str, *key: str) -> Rows:
        frame = run_query(truth.world.home, f"from {name}")
        rows = {tuple(row[column] for column in key): row for row in frame.iter_rows(named=True)}
        assert len(rows) == frame.height, f"{name} has one row per {key}"
        assert set(frame["study"]) == {"synthetic"}
        for column in {"method", "objective"} & set(frame.columns):
            assert set(frame[column]) - {None} == {{"method": "trackstar"}.get(column, "npo")}
        return rows

    return read


def _relation(target: str, evaluated: str) -> str:
    shared = sum(a == b for a, b in zip(BENCHMARKS[target], BENCHMARKS[evaluated], strict=True))
    return ("crossed", "one_factor", "target")[shared]


def _mean_items(truth, runs: list[str], evaluated: str, measure: str) -> np.ndarray:
    """Baseline and unlearned value of each item, averaged over runs, [2, items]."""
    return np.mean([truth.values(run, evaluated, measure) for run in runs], axis=0)


def _families(truth, pair: tuple[str, str], measure: str) -> dict[str, list[list[np.ndarray]]]:
    """Targets' pairs, each target a list of regions' [pairs, items]; `all` has every target."""
    own = [list(truth.pairs(target, pair, measure).values()) for target in BENCHMARKS]
    return {target: [pairs] for target, pairs in zip(BENCHMARKS, own, strict=True)} | {"all": own}


def _cells(targets: list[list[np.ndarray]]) -> list[np.ndarray]:
    """Differences of pairs, an array for each region."""
    return [region.mean(axis=1).round(12) for regions in targets for region in regions]


def _signed_rank(values: np.ndarray) -> tuple[float, float]:
    if not values.any():
        return 0.0, 1.0
    found = stats.wilcoxon(values, alternative="greater", zero_method="wilcox")
    return found.statistic, found.pvalue


def _tested(targets: list[list[np.ndarray]]) -> dict[str, tuple[int, tuple[float, float] | None]]:
    """Units, and statistic with p, of each test."""
    cells = _cells(targets)
    means = np.array([region.mean() for region in cells]).round(12)
    items = np.concatenate([np.concatenate(regions).mean(axis=0) for regions in targets]).round(12)
    pooled = np.concatenate(cells)
    t = None
    if len(means) > 1 and np.ptp(means):
        found = stats.ttest_1samp(means, 0, alternative="greater")
        t = found.statistic, found.pvalue
    return {
        "wilcoxon": (len(pooled), _signed_rank(pooled)),
        "t_region_means": (len(means), t),
        "wilcoxon_items": (len(items), _signed_rank(items)),
    }


def _assert_damage(row: dict, values: np.ndarray) -> None:
    """The figures of a row of damage against `values` [2, items]."""
    damage = values[0] - values[1]
    error = damage.std(ddof=1) / np.sqrt(len(damage))
    baseline, unlearned = values.mean(axis=1)
    expected = {
        "n_items": len(damage),
        "baseline": baseline,
        "unlearned": unlearned,
        "damage": damage.mean(),
        "standard_error": error,
        "damage_low": damage.mean() - Z * error,
        "damage_high": damage.mean() + Z * error,
    }
    assert_allclose([row[name] for name in expected], list(expected.values()), atol=1e-9)
    if baseline > 0:
        assert row["share_kept"] == pytest.approx(unlearned / baseline, abs=1e-9)
    else:
        assert row["share_kept"] is None


def test_damage_of_each_finished_run_and_of_no_other(truth, mart):
    rows = mart("unlearning_damage", "run_id", "evaluated_benchmark", "measure")
    assert set(rows) == set(product(truth.after, BENCHMARKS, MEASURES))
    assert len(truth.after) == len(truth.plan) - 4
    for (run, evaluated, measure), row in rows.items():
        _assert_damage(row, truth.values(run, evaluated, measure))
        *_, target, condition, region, seed = run.split("|")
        assert (row["benchmark"], row["condition"], row["region"]) == (target, condition, region)
        assert (row["seed"], row["region_kind"]) == (int(seed), Region.parse(region).kind)
        assert row["relation"] == _relation(target, evaluated)
        assert row["is_target"] == (target == evaluated)


def test_cells_average_seeds_and_the_matrix_averages_all_runs(truth, mart):
    keys = ("benchmark", "condition", "evaluated_benchmark", "measure")
    matrix = mart("unlearning_matrix", *keys)
    assert set(matrix) == set(product(BENCHMARKS, CONDITIONS, BENCHMARKS, MEASURES))
    for (target, condition, evaluated, measure), row in matrix.items():
        runs = truth.runs(target, condition)
        _assert_damage(row, _mean_items(truth, runs, evaluated, measure))
        regions = {run.split("|")[5] for run in runs}
        assert (row["n_runs"], row["n_regions"]) == (len(runs), len(regions))
        assert row["relation"] == _relation(target, evaluated)
    cells = mart("unlearning_cells", *keys, "region")
    places = {tuple(run.split("|")[3:6]) for run in truth.after}
    assert {(t, c, r) for t, c, _, _, r in cells} == places
    assert len(cells) == len(places) * len(BENCHMARKS) * len(MEASURES)
    for (target, condition, evaluated, measure, region), row in cells.items():
        runs = truth.runs(target, condition, region)
        _assert_damage(row, _mean_items(truth, runs, evaluated, measure))
        assert (row["n_seeds"], row["region_kind"]) == (len(runs), Region.parse(region).kind)
    assert cells[IMPROVING, "random_in_topic", IMPROVING, "margin", "any.tutorial"]["n_seeds"] == 2
    improved = matrix[IMPROVING, "influence_in_topic", IMPROVING, "margin"]
    assert improved["damage_high"] < 0 and improved["share_kept"] > 1, "improvement is not damage"


def test_tests_summarize_the_pairs(truth, mart):
    rows = mart("unlearning_tests", "benchmark", "measure", "condition_a", "condition_b", "test")
    targets = [*BENCHMARKS, "all"]
    assert set(rows) == {
        (t, m, *pair, test) for t, m, pair, test in product(targets, MEASURES, COMPARISONS, TESTS)
    }
    for pair, measure in product(COMPARISONS, MEASURES):
        for target, family in _families(truth, pair, measure).items():
            regions = _cells(family)
            d = np.concatenate(regions)
            counts = [len(d), len(regions), (d > 0).sum(), (d < 0).sum(), (d == 0).sum()]
            spread = d.std(ddof=1) if np.ptp(d) else None
            for test in TESTS:
                row = rows[target, measure, *pair, test]
                found = ["n_cells", "n_regions", "n_positive", "n_negative", "n_zero"]
                assert [row[name] for name in found] == counts
                assert_allclose(row["mean_difference"], d.mean(), atol=1e-9)
                assert_allclose(row["median_difference"], np.median(d), atol=1e-9)
                if spread is None:
                    assert row["cohens_dz"] is None
                else:
                    assert_allclose(row["cohens_dz"], d.mean() / spread, rtol=1e-9)
    # Accuracies of 30 items: as floats these differences differ, and d_z would be 1e15.
    same = truth.pairs(CLEAN, synthetic.ROUNDED, "accuracy")["all"].mean(axis=1)
    by_seed = [truth.runs(CLEAN, condition) for condition in synthetic.ROUNDED]
    a, b = (np.array([truth.damage(run, "accuracy").mean() for run in runs]) for runs in by_seed)
    assert np.ptp(same) < 1e-12 and np.ptp(a - b) > 0


def test_p_values_are_scipys_and_q_values_those_of_their_family(truth, mart):
    rows = mart("unlearning_tests", "test", "measure", "condition_a", "condition_b", "benchmark")
    expected, without = {}, 0
    for pair, measure in product(COMPARISONS, MEASURES):
        for target, family in _families(truth, pair, measure).items():
            for test, (units, found) in _tested(family).items():
                row = rows[test, measure, *pair, target]
                assert row["n_units"] == units
                if found is None:
                    without += 1
                    empty = [row[name] for name in ("statistic", "p_value", "q_value")]
                    assert empty == [None] * 3
                else:
                    expected[test, measure, *pair, target] = found
    assert without >= 2 * (1 + 4 + 4), "one region, or one control for all, has no t"
    for test, measure, pair in product(TESTS, MEASURES, COMPARISONS):
        keys = [key for key in expected if key[:4] == (test, measure, *pair)]
        if not keys:
            continue
        p = [expected[key][1] for key in keys]
        assert_allclose([rows[key]["p_value"] for key in keys], p, atol=1e-9)
        statistics = [rows[key]["statistic"] for key in keys]
        assert_allclose(statistics, [expected[key][0] for key in keys], rtol=1e-6)
        q = stats.false_discovery_control(p)
        assert_allclose([rows[key]["q_value"] for key in keys], q, atol=1e-9)


def test_intervals_of_medians_are_those_of_the_paired_tests(truth, mart):
    key = ("benchmark", "measure", "condition_a", "condition_b", "test")
    rows = mart("unlearning_tests", *key)
    facts = truth.world.lake.read("unlearning_comparisons", CELL)
    assert facts.height == len(rows)
    for fact in facts.iter_rows(named=True):
        row = rows[tuple(fact[name] for name in key)]
        for bound in ("median_low", "median_high"):
            assert row[bound] == fact[bound]


def _mean_and_error(values: np.ndarray) -> Estimate:
    damage = values[0] - values[1]
    return damage.mean(), damage.std(ddof=1) / np.sqrt(len(damage))


def test_selectivity_compares_the_target_with_each_group_of_others(truth, mart):
    rows = mart("unlearning_selectivity", "benchmark", "condition", "measure", "factor_effect")
    assert set(rows) == set(product(BENCHMARKS, CONDITIONS, MEASURES, ("A/1", "A/C", "A/3")))
    seen = {"no ratio": 0, "unbounded": 0, "bounded": 0}
    for (target, condition, measure, effect), row in rows.items():
        runs = truth.runs(target, condition)
        groups = {"A/1": ("one_factor",), "A/C": ("crossed",), "A/3": ("one_factor", "crossed")}
        others = [b for b in BENCHMARKS if _relation(target, b) in groups[effect]]
        a, a_error = _mean_and_error(_mean_items(truth, runs, target, measure))
        parts = [_mean_and_error(_mean_items(truth, runs, b, measure)) for b in others]
        b = round(sum(mean for mean, _ in parts) / len(parts), 12)
        b_error = float(np.sqrt(sum(error**2 for _, error in parts))) / len(parts)
        half = Z * np.hypot(a_error, b_error)
        expected = [len(others), len(runs), a, b, a - b, a - b - half, a - b + half]
        names = ["n_other_benchmarks", "n_runs", "target_damage", "other_damage"]
        names += ["difference", "difference_low", "difference_high"]
        assert_allclose([row[name] for name in names], expected, atol=1e-9)
        seen[_assert_ratio(row, (a, a_error), (b, b_error))] += 1
    assert all(seen.values()), seen


def _assert_ratio(row: dict, a: Estimate, b: Estimate) -> str:
    """Fieller's bounds are where a - R b is just 1.96 of its own standard errors from 0."""
    found = [row[name] for name in ("ratio", "ratio_low", "ratio_high")]
    if b[0] <= 0:
        assert found == [None] * 3
        return "no ratio"
    assert_allclose(found[0], a[0] / b[0], rtol=1e-7)
    if b[0] <= Z * b[1]:
        assert found[1:] == [None] * 2
        return "unbounded"

    def excess(ratio: float) -> float:
        return (a[0] - ratio * b[0]) ** 2 - Z**2 * (a[1] ** 2 + (ratio * b[1]) ** 2)

    low = optimize.brentq(excess, -1e6, found[0], xtol=1e-12)
    high = optimize.brentq(excess, found[0], 1e6, xtol=1e-12)
    assert_allclose(found[1:], [low, high], rtol=1e-7)
    return "bounded"


def _least_share(truth, runs: list[str], target: str, measure: str) -> float | None:
    """Least share that another benchmark keeps; none where one has none to keep."""
    others = [other for other in BENCHMARKS if other != target]
    means = [_mean_items(truth, runs, other, measure).mean(axis=1) for other in others]
    if any(before <= 0 for before, _ in means):
        return None
    return min(float(after / before) for before, after in means)


def test_verdicts_follow_from_the_tests_and_the_shares(truth, mart):
    tests = mart("unlearning_tests", "benchmark", "measure", "condition_a", "condition_b", "test")
    rows = mart("unlearning_verdicts", "benchmark", "measure")
    assert set(rows) == set(product(BENCHMARKS, MEASURES))
    for (target, measure), row in rows.items():
        runs = truth.runs(target, "influence_in_topic")
        damage, error = _mean_and_error(_mean_items(truth, runs, target, measure))
        found = [row[name] for name in ("n_runs", "damage", "damage_low", "damage_high")]
        expected = [len(runs), damage, damage - Z * error, damage + Z * error]
        assert_allclose(found, expected, atol=1e-9)
        worse = []
        for control, test in (("random_in_topic", "wilcoxon"), ("random_global", "wilcoxon_items")):
            pair = ("influence_in_topic", control)
            median = np.median(np.concatenate(_cells(_families(truth, pair, measure)[target])))
            assert_allclose(row[f"more_than_{control}"], median, atol=1e-9)
            q = tests[target, measure, *pair, test]["q_value"]
            assert row[f"q_{control}"] == q
            worse.append(median > 0 and q < 0.05)
            assert row[f"is_worse_than_{control}"] == worse[-1]
        share = _least_share(truth, runs, target, measure)
        assert row["n_other_benchmarks"] == 3
        assert row["least_share_kept"] == pytest.approx(share, abs=1e-9)
        spared = None if share is None else share >= 0.9
        assert row["are_others_spared"] is spared
        assert row["is_held"] is (spared if all(worse) else False)


def test_verdicts_on_what_was_planted_in_the_truth(mart):
    rows = mart("unlearning_verdicts", "benchmark", "measure")
    flags = ("is_worse_than_random_in_topic", "is_worse_than_random_global", "are_others_spared")
    found = {key: tuple(row[name] for name in flags) for key, row in rows.items()}
    assert found[CLEAN, "accuracy"] == (True, True, True)
    assert found[CLEAN, "margin"] == (True, True, None), "one margin has no share"
    assert found[SPILLING, "accuracy"] == (True, True, False), "it hurts the others, too"
    assert found[IMPROVING, "accuracy"][:2] == found[IMPROVING, "margin"][:2] == (False, False)
    assert found[HARD, "margin"] == (True, True, True)
    held = {key for key, row in rows.items() if row["is_held"]}
    assert held == {(CLEAN, "accuracy"), (HARD, "accuracy"), (HARD, "margin")}


def test_planted_unlearning_grades_each_region(truth, mart):
    rows = mart("planted_unlearning", "benchmark", "region", "measure")
    verdicts = mart("unlearning_verdicts", "benchmark", "measure")
    places = [(b, region) for b, regions in REGIONS.items() for region in regions]
    assert set(rows) == {(*place, measure) for place, measure in product(places, MEASURES)}
    for (target, region, measure), row in rows.items():
        d = truth.pairs(target, COMPARISONS[0], measure)[region].mean(axis=1).round(12)
        assert row["n_cells"] == len(d)
        assert_allclose(row["mean_difference"], d.mean(), atol=1e-9)
        error = d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 1 else None
        assert row["standard_error"] == pytest.approx(error, abs=1e-9)
        assert row["is_planted"] == ((target, region) not in synthetic.NOT_PLANTED)
        assert row["is_claim_held"] == verdicts[target, measure]["is_held"]


def test_progress_has_each_planned_run_and_nothing_of_unfinished_ones(truth, mart):
    rows = mart("unlearning_progress", "run_id")
    assert set(rows) == {(run,) for run in truth.plan["run_id"]}
    measured = ["n_forget", "steps", "stop_reason", "learning_rate"]
    losses = ("forget_loss", "retain_loss", "utility")
    measured += [f"{name}_{when}" for name in losses for when in ("before", "after")]
    for (run,), row in rows.items():
        assert row["state"] == truth.states[run]
        assert row["detail"] == synthetic.FAILED.get(run)
        named = ("model", "method", "objective", "benchmark", "condition", "region", "seed")
        assert "|".join(str(row[name]) for name in named) == run
        assert row["region_kind"] == Region.parse(row["region"]).kind
        if truth.states[run] == "done":
            fact = truth.world.lake.read("unlearning_runs", run).row(0, named=True)
            assert [row[name] for name in measured] == [fact[name] for name in measured]
        else:
            assert [row[name] for name in measured] == [None] * len(measured)


def test_losses_are_those_of_finished_runs(truth, mart):
    rows = mart("unlearning_losses", "run_id", "step")
    assert set(rows) == set(product(truth.after, synthetic.STEPS))
    for (run, step), row in rows.items():
        fact = truth.world.lake.read("unlearning_steps", run).filter(step=step)
        for name in ("forget_loss", "retain_loss", "utility", "learning_rate"):
            assert row[name] == fact[name].item()
        reason = "step_limit" if "influence" in row["condition"] else "utility_floor"
        assert row["stop_reason"] == reason


def test_forgotten_documents_carry_their_score_for_the_target(truth, mart):
    rows = mart("forgotten_documents", "run_id", "doc_id")
    assert len(rows) == 2 * len(truth.plan), "two documents a run, whatever its state"
    position = {doc_id: number for number, doc_id in enumerate(truth.world.doc_ids)}
    scores = {name: truth.world.document_scores(name) for name in BENCHMARKS}
    for (run, doc_id), row in rows.items():
        *_, target, condition, region, seed = run.split("|")
        number = position[doc_id]
        assert row["bin_id"] == truth.world.bin_of[number]
        assert TOPICS.index(row["topic"]) == row["bin_id"] // 24
        assert row["score"] == pytest.approx(scores[target][number], rel=1e-7)
        assert (row["benchmark"], row["condition"]) == (target, condition)
        assert (row["region"], row["seed"]) == (region, int(seed))
        if condition == "influence_global":
            rank = int((scores[target] > scores[target][number]).sum()) + 1
            assert row["influence_rank"] == rank
        assert (row["influence_rank"] is None) == condition.startswith("random_")


def test_the_plan_follows_from_the_built_choice(truth):
    chosen = read_built(truth.world.home, "chosen_bins")
    assert plan_runs(truth.world.study, chosen).sort("run_id").equals(truth.plan)


def test_a_study_without_unlearning_has_these_marts_and_no_rows(query):
    folder = dbt_project_folder() / "models" / "marts" / "unlearning"
    marts = ["chosen_bins", *(path.stem for path in folder.glob("*.sql"))]
    assert len(marts) > 10
    for name in marts:
        assert query(f"select count(*) from {name}").item() == 0, name
