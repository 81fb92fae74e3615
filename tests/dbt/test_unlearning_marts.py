"""The unlearning marts against numpy and scipy on damages that were drawn.

The unit of every error is the forget set: its seeds are averaged first.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.unlearning import CONDITIONS
from influence_warehouse.taxonomy import TOPICS
from influence_warehouse.unlearning.plan import plan_runs
from influence_warehouse.warehouse.build import dbt_project_folder, read_built
from influence_warehouse.warehouse.query import run_query
from tests import synthetic_unlearning as synthetic
from tests.synthetic import BENCHMARKS
from tests.synthetic_unlearning import REGIONS

CLEAN, SPILLING, IMPROVING, HARD = BENCHMARKS
MEASURES = ("accuracy", "margin")
COMPARISONS = (
    ("influence_in_topic", "random_in_topic"),
    ("influence_in_topic", "random_global"),
    ("influence_global", "random_global"),
)
CONTROL = {"influence_in_topic": "random_in_topic", "influence_global": "random_global"}
EFFECTS = {"A/1": ("one_factor",), "A/C": ("crossed",), "A/3": ("one_factor", "crossed")}
pytestmark = pytest.mark.slow
Rows = dict[tuple, dict]
# Value, and the independent parts of its variance with their degrees of freedom.
Estimate = tuple[float, list[tuple[float, int]]]


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


def _regions(target: str, condition: str) -> tuple[str, ...]:
    return ("all",) if condition.endswith("_global") else REGIONS[target]


def _of_set(truth, runs: list[str], evaluated: str, measure: str) -> float:
    """Mean damage of the runs of one forget set."""
    before, after = np.mean([truth.values(run, evaluated, measure) for run in runs], axis=(0, 2))
    return round(float(before - after), 12)


Quantity = Callable[[list[str]], float]


def _sets(truth, target: str, condition: str, region: str, of: Quantity) -> np.ndarray:
    """A value for each finished forget set of a condition in a region."""
    return np.array([of(runs) for runs in truth.sets(target, condition, region)])


def _single(truth, target: str, condition: str, region: str, of: Quantity) -> Estimate:
    """A mean over sets; the control's sets show the spread of a condition that has one set."""
    own = _sets(truth, target, condition, region, of)
    spread = _sets(truth, target, CONTROL.get(condition, condition), region, of)
    return own.mean(), [(spread.var(ddof=1) / len(own), len(spread) - 1)]


def _beyond(truth, target: str, condition: str, region: str, of: Quantity) -> Estimate:
    """One set against the random ones: the spread s of m of them is that of a new one, too."""
    (own,) = _sets(truth, target, condition, region, of)
    y = _sets(truth, target, CONTROL[condition], region, of)
    return own - y.mean(), [(y.var(ddof=1) * (1 + 1 / len(y)), len(y) - 1)]


def _mean(estimates: list[Estimate]) -> Estimate:
    n = len(estimates)
    parts = [(v / n**2, df) for _, each in estimates for v, df in each]
    return float(np.mean([value for value, _ in estimates])), parts


def _minus(a: Estimate, b: Estimate) -> Estimate:
    return a[0] - b[0], a[1] + b[1]


def _error(estimate: Estimate) -> tuple[float | None, ...]:
    """Standard error, Satterthwaite's degrees of freedom, and the ends of the 95 % interval."""
    value, parts = estimate
    variance = sum(v for v, _ in parts)
    if variance == 0:
        return None, None, None, None
    df = variance**2 / sum(v**2 / df for v, df in parts)
    low, high = stats.t.interval(0.95, df, value, np.sqrt(variance))
    return np.sqrt(variance), df, low, high


def _assert_error(row: dict, estimate: Estimate, bounds: str) -> None:
    names = ("standard_error", "degrees_of_freedom", f"{bounds}_low", f"{bounds}_high")
    assert [row[name] for name in names] == pytest.approx(list(_error(estimate)), abs=1e-9)


def _assert_damage(row: dict, values: np.ndarray) -> None:
    """The figures of a row of damage against `values` [runs or regions, 2]: before and after."""
    baseline, unlearned = values.mean(axis=0)
    found = [row[name] for name in ("baseline", "unlearned", "damage")]
    assert_allclose(found, [baseline, unlearned, baseline - unlearned], atol=1e-9)
    if baseline > 0:
        assert row["share_kept"] == pytest.approx(unlearned / baseline, abs=1e-9)
    else:
        assert row["share_kept"] is None


def _means(truth, runs: list[str], evaluated: str, measure: str) -> np.ndarray:
    """Mean over the items before and after each run, [runs, 2]."""
    return np.array([truth.values(run, evaluated, measure).mean(axis=1) for run in runs])


def _means_of_sets(truth, sets: list[list[str]], evaluated: str, measure: str) -> np.ndarray:
    """The same of each forget set, its runs averaged, [sets, 2]."""
    return np.array([_means(truth, runs, evaluated, measure).mean(axis=0) for runs in sets])


def test_damage_of_each_finished_run_and_of_no_other(truth, mart):
    rows = mart("unlearning_damage", "run_id", "evaluated_benchmark", "measure")
    assert set(rows) == set(product(truth.after, BENCHMARKS, MEASURES))
    assert len(truth.after) == len(truth.plan) - 4
    for (run, evaluated, measure), row in rows.items():
        _assert_damage(row, _means(truth, [run], evaluated, measure))
        assert row["n_items"] == len(truth.before[evaluated])
        *_, target, condition, region, number, seed = run.split("|")
        assert (row["benchmark"], row["condition"], row["region"]) == (target, condition, region)
        assert (row["set_number"], row["seed"]) == (int(number), int(seed))
        assert row["region_kind"] == Region.parse(region).kind
        assert row["relation"] == _relation(target, evaluated)
        assert row["is_target"] == (target == evaluated)


def test_cells_average_runs_and_the_matrix_averages_regions(truth, mart):
    keys = ("benchmark", "condition", "evaluated_benchmark", "measure")
    cells = mart("unlearning_cells", *keys, "region")
    places = {tuple(run.split("|")[3:6]) for run in truth.after}
    assert {(t, c, r) for t, c, _, _, r in cells} == places
    assert len(cells) == len(places) * len(BENCHMARKS) * len(MEASURES)
    for (target, condition, evaluated, measure, region), row in cells.items():
        sets = truth.sets(target, condition, region)
        _assert_damage(row, _means_of_sets(truth, sets, evaluated, measure))
        assert (row["n_runs"], row["n_sets"]) == (sum(map(len, sets)), len(sets))
        assert row["region_kind"] == Region.parse(region).kind
        _assert_error(
            row, _single(truth, target, condition, region, _damage(truth, evaluated, measure)),
            "damage",
        )  # fmt: skip
    matrix = mart("unlearning_matrix", *keys)
    assert set(matrix) == set(product(BENCHMARKS, CONDITIONS, BENCHMARKS, MEASURES))
    for (target, condition, evaluated, measure), row in matrix.items():
        regions = _regions(target, condition)
        each = [truth.sets(target, condition, region) for region in regions]
        means = [_means_of_sets(truth, sets, evaluated, measure).mean(axis=0) for sets in each]
        _assert_damage(row, np.array(means))
        assert row["n_runs"] == len(truth.runs(target, condition))
        assert row["n_regions"] == len(regions)
        assert row["n_sets"] == len(truth.sets(target, condition))
        assert row["relation"] == _relation(target, evaluated)
        of = _damage(truth, evaluated, measure)
        _assert_error(
            row, _mean([_single(truth, target, condition, r, of) for r in regions]), "damage"
        )
    improved = matrix[IMPROVING, "influence_in_topic", IMPROVING, "margin"]
    assert improved["damage_high"] < 0 and improved["share_kept"] > 1, "improvement is not damage"


def _damage(truth, evaluated: str, measure: str) -> Quantity:
    return lambda runs: _of_set(truth, runs, evaluated, measure)


def _expected(truth, pair: tuple[str, str], measure: str) -> dict[tuple[str, str, str], Estimate]:
    """Differences by (benchmark, region, unit)."""
    found: dict[tuple[str, str, str], Estimate] = {}
    benchmarks, over = [], []
    for target in BENCHMARKS:
        of = _damage(truth, target, measure)
        regions = _regions(target, pair[0])
        if CONTROL[pair[0]] == pair[1]:
            each = [_beyond(truth, target, pair[0], region, of) for region in regions]
            whole = _mean(each)
        else:
            control = _single(truth, target, pair[1], "all", of)
            own = [_single(truth, target, pair[0], region, of) for region in regions]
            each, whole = [_minus(one, control) for one in own], _minus(_mean(own), control)
        benchmarks.append(whole)
        found[target, "all", "set"] = whole
        if regions != ("all",):
            found |= {(target, r, "set"): one for r, one in zip(regions, each, strict=True)}
            if CONTROL[pair[0]] == pair[1]:
                over += [value for value, _ in each]
                found[target, "all", "region"] = _sample([value for value, _ in each])
    found["all", "all", "set"] = _mean(benchmarks)
    if over:
        found["all", "all", "region"] = _sample(over)
    return found


def _sample(values: list[float]) -> Estimate:
    n = len(values)
    return float(np.mean(values)), [(np.var(values, ddof=1) / n, n - 1)] if n > 1 else []


def test_tests_are_students_t_over_forget_sets_and_over_regions(truth, mart):
    key = ("measure", "condition_a", "condition_b", "benchmark", "region", "unit")
    rows = mart("unlearning_tests", *key)
    expected = {
        (measure, *pair, *place): estimate
        for pair, measure in product(COMPARISONS, MEASURES)
        for place, estimate in _expected(truth, pair, measure).items()
    }
    assert set(rows) == set(expected)
    tested = {}
    for place, estimate in expected.items():
        row = rows[place]
        assert row["difference"] == pytest.approx(estimate[0], abs=1e-9)
        _assert_error(row, estimate, "difference")
        error, df = _error(estimate)[:2]
        if error is None:
            assert [row[name] for name in ("statistic", "p_value", "q_value")] == [None] * 3
            continue
        t = estimate[0] / error
        tested[place] = stats.t.sf(t, df)
        assert_allclose([row["statistic"], row["p_value"]], [t, tested[place]], atol=1e-9)
    assert len(tested) < len(expected), "sets that are alike have no test"
    for measure, a, b, unit in product(
        MEASURES, *zip(*COMPARISONS, strict=True), ("set", "region")
    ):
        for is_over in (True, False):
            family = [
                place
                for place in tested
                if (*place[:3], place[5]) == (measure, a, b, unit)
                and (place[4] == "all") == is_over
            ]
            q = stats.false_discovery_control([tested[place] for place in family] or [1.0])
            assert [rows[place]["q_value"] for place in family] == pytest.approx(
                list(q)[: len(family)], abs=1e-9
            )


def test_counts_of_a_test_are_its_regions_and_sets(truth, mart):
    key = ("benchmark", "region", "measure", "condition_a", "condition_b", "unit")
    for (target, region, _, a, b, _), row in mart("unlearning_tests", *key).items():
        targets = BENCHMARKS if target == "all" else [target]
        regions = [(t, r) for t in targets for r in _regions(t, a) if region in (r, "all")]
        of_b = {(t, "all" if b.endswith("_global") else r) for t, r in regions}
        assert row["n_regions"] == row["n_sets_a"] == len(regions)
        assert row["n_sets_b"] == sum(len(truth.sets(t, b, r)) for t, r in of_b)


def test_selectivity_compares_the_target_with_each_group_of_others(truth, mart):
    key = ("benchmark", "condition", "region", "measure", "factor_effect")
    rows = mart("unlearning_selectivity", *key)
    places = {
        (target, condition, region)
        for target, condition in product(BENCHMARKS, CONDITIONS)
        for region in {*_regions(target, condition), "all"}
    }
    assert {place[:3] for place in rows} == places
    assert len(rows) == len(places) * len(MEASURES) * len(EFFECTS)
    ratios = 0
    for (target, condition, region, measure, effect), row in rows.items():
        others = [b for b in BENCHMARKS if _relation(target, b) in EFFECTS[effect]]
        regions = [r for r in _regions(target, condition) if region in (r, "all")]

        def own(runs, target=target, measure=measure) -> float:
            return _of_set(truth, runs, target, measure)

        def rest(runs, others=others, measure=measure) -> float:
            return float(np.mean([_of_set(truth, runs, other, measure) for other in others]))

        def difference(runs, own=own, rest=rest) -> float:
            return own(runs) - rest(runs)

        means = [
            _mean([_single(truth, target, condition, r, of) for r in regions])[0]
            for of in (own, rest)
        ]
        assert_allclose([row["target_damage"], row["other_damage"]], means, atol=1e-9)
        each = [_single(truth, target, condition, r, difference) for r in regions]
        assert row["difference"] == pytest.approx(_mean(each)[0], abs=1e-9)
        _assert_error(row, _mean(each), "difference")
        assert row["n_other_benchmarks"] == len(others)
        assert row["n_regions"] == len(regions)
        assert row["n_runs"] == sum(len(truth.runs(target, condition, r)) for r in regions)
        beyond = [row[f"beyond_random{end}"] for end in ("", "_low", "_high")]
        if condition in CONTROL:
            more = _mean([_beyond(truth, target, condition, r, difference) for r in regions])
            assert beyond == pytest.approx([more[0], *_error(more)[2:]], abs=1e-9)
        else:
            assert beyond == [None] * 3
        ratio = means[0] / means[1] if means[1] > 1e-12 else None
        assert (row["ratio"] is None) == (ratio is None)
        assert ratio is None or row["ratio"] == pytest.approx(ratio, rel=1e-7)
        ratios += ratio is None
    assert 0 < ratios < len(rows)


def test_verdicts_follow_from_the_tests_and_the_selectivity(mart):
    tests = mart(
        "unlearning_tests", "benchmark", "region", "measure", "condition_a", "condition_b", "unit"
    )
    selectivity = mart(
        "unlearning_selectivity", "benchmark", "region", "measure", "condition", "factor_effect"
    )
    rows = mart("unlearning_verdicts", "benchmark", "region", "measure")
    places = [(b, r) for b, regions in REGIONS.items() for r in (*regions, None)]
    assert set(rows) == {(*place, measure) for place, measure in product(places, MEASURES)}
    for (target, region, measure), row in rows.items():
        place = (target, region or "all", measure)
        parts = []
        for control in ("random_in_topic", "random_global"):
            test = tests[*place, "influence_in_topic", control, "set"]
            assert row[f"more_than_{control}"] == test["difference"]
            assert row[f"q_{control}"] == test["q_value"]
            worse = None if test["q_value"] is None else test["q_value"] < 0.05
            parts.append(worse if test["difference"] > 0 else worse and False)
            assert row[f"is_worse_than_{control}"] is parts[-1]
        aimed = selectivity[*place, "influence_in_topic", "A/3"]
        assert row["more_than_others_low"] == aimed["difference_low"]
        assert row["more_selective_than_random_low"] == aimed["beyond_random_low"]
        parts.append(aimed["difference_low"] > 0 and aimed["beyond_random_low"] > 0)
        assert row["is_selective"] is parts[-1]
        held = False if False in parts else None if None in parts else True
        assert row["is_held"] is held
        assert (row["reason"] is None) == (held is True)


def test_verdicts_on_what_was_planted_in_the_truth(mart):
    rows = mart("unlearning_verdicts", "benchmark", "region", "measure")
    held = {key[:2] for key, row in rows.items() if row["is_held"] and key[2] == "margin"}
    assert {region for _, region in held} == {
        None, "literature", "social_life", "health.knowledge_article"
    }, "no region where nothing was planted, none that hurts all"  # fmt: skip
    assert {(b, r) for b, r in held if r is None} == {(CLEAN, None), (HARD, None)}
    reasons = {key[:2]: row["reason"] for key, row in rows.items() if key[2] == "margin"}
    assert reasons[SPILLING, None] == "not told from the damage to the others"
    assert reasons[SPILLING, "games"] == "not told from random in the region"
    assert reasons[IMPROVING, None] == "not told from random in the region"


def test_the_least_share_that_another_keeps_stands_beside_the_verdict(truth, mart):
    for (target, region, measure), row in mart(
        "unlearning_verdicts", "benchmark", "region", "measure"
    ).items():
        regions = REGIONS[target] if region is None else (region,)
        shares = []
        for other in [b for b in BENCHMARKS if b != target]:
            each = [truth.runs(target, "influence_in_topic", name) for name in regions]
            means = [_means(truth, runs, other, measure).mean(axis=0) for runs in each]
            before, after = np.mean(means, axis=0)
            shares.append(after / before if before > 0 else None)
        least = None if None in shares else min(shares)
        assert row["n_other_benchmarks"] == 3
        assert row["least_share_kept"] == pytest.approx(least, abs=1e-9)


def test_planted_unlearning_grades_each_region(mart):
    rows = mart("planted_unlearning", "benchmark", "region", "measure")
    verdicts = mart("unlearning_verdicts", "benchmark", "region", "measure")
    assert set(rows) == {key for key in verdicts if key[1] is not None}
    for (target, region, measure), row in rows.items():
        verdict = verdicts[target, region, measure]
        for name in ("more_than_random_in_topic", "more_than_others", "is_held"):
            assert row[name] == verdict[name]
        assert row["is_planted"] == ((target, region) not in synthetic.NOT_PLANTED)
        assert row["is_benchmark_held"] == verdicts[target, None, measure]["is_held"]


def test_progress_has_each_planned_run_and_nothing_of_unfinished_ones(truth, mart):
    rows = mart("unlearning_progress", "run_id")
    assert set(rows) == {(run,) for run in truth.plan["run_id"]}
    measured = ["n_forget", "steps", "stop_reason", "learning_rate"]
    losses = ("forget_loss", "retain_loss", "utility")
    measured += [f"{name}_{when}" for name in losses for when in ("before", "after")]
    for (run,), row in rows.items():
        assert row["state"] == truth.states[run]
        assert row["detail"] == synthetic.FAILED.get(run)
        named = ("model", "method", "objective", "benchmark", "condition", "region", "set_number")
        named += ("seed",)
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
        *_, target, condition, region, forget_set, seed = run.split("|")
        number = position[doc_id]
        assert row["bin_id"] == truth.world.bin_of[number]
        assert TOPICS.index(row["topic"]) == row["bin_id"] // 24
        assert row["score"] == pytest.approx(scores[target][number], rel=1e-7)
        assert (row["benchmark"], row["condition"]) == (target, condition)
        assert (row["region"], row["seed"]) == (region, int(seed))
        assert row["set_number"] == int(forget_set)
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
