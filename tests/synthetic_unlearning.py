"""Unlearning runs on a synthetic lake whose damages are drawn, so that the truth is known.

Belongs here: the facts that the unlearning marts read, written by the stages themselves where
no model is needed and drawn by numpy where one would be. Does not belong here: assertions.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.comparisons import benchmark_relations, run_damage
from influence_warehouse.unlearning.inference import (
    comparison_table,
    damage_table,
    selectivity_table,
)
from tests.synthetic import BENCHMARKS, CELL, METHOD, MODEL, SyntheticLake
from tests.unlearning_world import chosen_bins, make_plan

CLEAN, SPILLING, IMPROVING, HARD = BENCHMARKS
"""What forgetting does: hurts its target alone; hurts all; helps its target; hurts its target
alone, whose margin is below 0 to begin with. In regions where nothing was planted: no more than
at random."""

REGIONS = {
    CLEAN: ("literature", "social_life"),
    SPILLING: ("electronics_and_hardware", "games"),
    IMPROVING: ("any.tutorial",),
    HARD: ("health.knowledge_article", "health.news_article"),
}
NOT_PLANTED = {(SPILLING, "games"), (HARD, "health.news_article")}
OBJECTIVE = "npo"
# What the names of all runs begin with.
OF = f"{CELL}|{OBJECTIVE}|"
SEEDS, RANDOM_SETS = (1, 2), 5
FAILED = {
    f"{OF}{IMPROVING}|influence_in_topic|any.tutorial|1|2": "HealthError: loss is nan",
    f"{OF}{HARD}|random_global|all|2|2": "FactError: no adapter",
}
LEFT = (f"{OF}{SPILLING}|random_in_topic|games|1|1",)
# Left too, but with files of an earlier run of the same name.
STALE = (f"{OF}{IMPROVING}|random_in_topic|any.tutorial|1|1",)
# Left the plan with all its files.
STRAY = f"{OF}{CLEAN}|influence_in_topic|politics|1|1"

_EFFECT = {
    "influence_in_topic": 1.1,
    "random_in_topic": 0.15,
    "influence_global": 0.7,
    "random_global": 0.1,
}
_BASE_MARGIN = dict(zip(BENCHMARKS, (1.0, 0.8, 0.6, -0.5), strict=True))
STEPS = (0, 5, 8)


@dataclass(frozen=True)
class SyntheticUnlearning:
    """A world and the whole truth behind its unlearning facts.

    `before[benchmark]` are the base model's margins, float64 [items]; `after[run][benchmark]`
    those of each finished run; `states[run]` is done, failed or left. An answer is right
    exactly where its margin is above 0.
    """

    world: SyntheticLake
    plan: pl.DataFrame
    before: dict[str, np.ndarray]
    after: dict[str, dict[str, np.ndarray]]
    states: dict[str, str]

    def values(self, run: str, benchmark: str, measure: str) -> np.ndarray:
        """Measure of each item before and after a finished run, float64 [2, items]."""
        margins = np.stack([self.before[benchmark], self.after[run][benchmark]])
        return margins if measure == "margin" else (margins > 0).astype(float)

    def runs(self, benchmark: str, condition: str, region: str | None = None) -> list[str]:
        """Finished runs of a target and condition, of all regions or of one."""
        heads = f"{OF}{benchmark}|{condition}|" + (f"{region}|" if region else "")
        return [run for run in sorted(self.after) if run.startswith(heads)]

    def sets(self, benchmark: str, condition: str, region: str | None = None) -> list[list[str]]:
        """Finished runs of each forget set, of all regions or of one."""
        found: dict[str, list[str]] = {}
        for run in self.runs(benchmark, condition, region):
            found.setdefault(run.rpartition("|")[0], []).append(run)
        return list(found.values())


def with_unlearning(study: Study, **regions: object) -> Study:
    """The study with a section `unlearning`; `regions` is its rule, by default the list above."""
    section = {
        "regions": regions or {"rule": "explicit", "explicit": _listed()},
        "objectives": [OBJECTIVE],
        "forget_documents": 2,
        "retain_documents": 4,
        "probe_documents": 2,
        "seeds": list(SEEDS),
        "random_sets": RANDOM_SETS,
    }
    return Study.model_validate(study.model_dump(mode="json") | {"unlearning": section})


def write_unlearning_facts(world: SyntheticLake) -> SyntheticUnlearning:
    """Write all facts of unlearning, with other answers of the base model.

    Two runs failed and two are left; the files of one failed run, of one left run and of one
    that left the plan lie beside the others with damages that no finished run has.
    """
    world = replace(world, study=with_unlearning(world.study))
    study, lake = world.study, world.lake
    make_fact(study, lake, "region_rules")
    places = [(b, Region.parse(name)) for b, names in REGIONS.items() for name in names]
    chosen = chosen_bins(*((b, r.topic, r.format) for b, r in places), study=study.name)
    make_plan(study, lake, chosen)
    make_fact(study, lake, "forget_sets", CELL)
    truth = _drawn_truth(world, lake.read("unlearning_plan", CELL))
    _write_base(truth)
    for run in truth.after:
        _write_run(truth, run, truth.after[run])
    for run in (*list(FAILED)[:1], *STALE, STRAY):
        _write_run(truth, run, {name: margins - 50 for name, margins in truth.before.items()})
    _write_outcomes(truth)
    return truth


def _listed() -> list[dict[str, str | None]]:
    return [
        {"benchmark": benchmark, "topic": region.topic, "format": region.format}
        for benchmark, names in REGIONS.items()
        for region in map(Region.parse, names)
    ]


def _drawn_truth(world: SyntheticLake, plan: pl.DataFrame) -> SyntheticUnlearning:
    rng = np.random.default_rng(11)
    items = len(next(iter(world.item_scores.values())))
    before = {name: rng.normal(mean, 0.9, items) for name, mean in _BASE_MARGIN.items()}
    unfinished = dict.fromkeys(FAILED, "failed") | dict.fromkeys((*LEFT, *STALE), "left")
    keys = plan["run_id"].to_list()
    after = {}
    for run in keys:
        if run in unfinished:
            continue
        moved = rng.normal(0, 0.02)
        after[run] = {
            name: margins - _effect(run, name) - moved - rng.normal(0, 0.1, items)
            for name, margins in before.items()
        }
    # Sets that are all alike show no spread: against them nothing can be tested.
    alike = [run for run in after if run.startswith(f"{OF}{IMPROVING}|random_global|")]
    after |= dict.fromkeys(alike, after[alike[0]])
    states = {run: unfinished.get(run, "done") for run in keys}
    return SyntheticUnlearning(world, plan, before, after, states)


def _effect(run: str, evaluated: str) -> float:
    """Mean damage that a run does to a benchmark's margin."""
    *_, target, condition, region, _, _ = run.split("|")
    effect = _EFFECT["random_in_topic" if (target, region) in NOT_PLANTED else condition]
    if target == IMPROVING and condition == "influence_in_topic":
        effect = -0.4
    if evaluated == target:
        return effect
    return 1.05 * effect if target == SPILLING else 0.01


def _write(truth: SyntheticUnlearning, fact: str, rows: pl.DataFrame, run: str | None = None):
    truth.world.lake.write(fact, rows, Fingerprint.of(fact, synthetic=run), run)


def _answers(column: str, name: str, margins: dict[str, np.ndarray]) -> pl.DataFrame:
    """Rows of predictions whose margins are these; the right choice is the first of three."""
    rows = [
        (name, of, f"{of}-{number:03d}", [-1.0, -1.0 - margin, -9.0 - margin], margin)
        for of, values in margins.items()
        for number, margin in enumerate(values.tolist())
    ]
    names = [column, "benchmark", "item_id", "choice_logprobs", "correct_logprob_margin"]
    right = pl.col("correct_logprob_margin") > 0
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(is_correct=right)
    return frame.with_columns(predicted_index=pl.when("is_correct").then(0).otherwise(1))


def _write_base(truth: SyntheticUnlearning) -> None:
    _write(truth, "item_predictions", _answers("model", MODEL, truth.before), MODEL)
    # Right and wrong answers are other items now.
    make_fact(truth.world.study, truth.world.lake, "region_inference", CELL)


def _write_run(truth: SyntheticUnlearning, run: str, margins: dict[str, np.ndarray]) -> None:
    """Predictions, losses and summary of one run; losses follow from the run's name."""
    _write(truth, "unlearned_predictions", _answers("run_id", run, margins), run)
    start = 1 + (sum(map(ord, run)) % 100) / 100
    steps = pl.DataFrame({"step": STEPS}).with_columns(
        run_id=pl.lit(run),
        forget_loss=start + pl.col("step") / 8,
        retain_loss=start + pl.col("step") / 64,
        utility=1 / (start + 2 + pl.col("step") / 64),
        learning_rate=pl.lit(0.001),
    )
    _write(truth, "unlearning_steps", steps, run)
    model, method, objective, benchmark, condition, region, number, seed = run.split("|")
    row = {
        "run_id": run,
        "model": model,
        "method": method,
        "objective": objective,
        "benchmark": benchmark,
        "condition": condition,
        "region_kind": Region.parse(region).kind,
        "topic": region,
        "set_number": int(number),
        "seed": int(seed),
        "forget_digest": "f" * 64,
        "n_forget": 2,
        "steps": STEPS[-1],
        "stop_reason": "step_limit" if "influence" in condition else "utility_floor",
        "learning_rate": 0.001,
    }
    for name in ("forget_loss", "retain_loss", "utility"):
        row |= {f"{name}_before": steps[name][0], f"{name}_after": steps[name][-1]}
    _write(truth, "unlearning_runs", pl.DataFrame([row]), run)


def _write_outcomes(truth: SyntheticUnlearning) -> None:
    """States of the runs, and their inference by the package's own path."""
    study, lake = truth.world.study, truth.world.lake
    rows = [(run, state, FAILED.get(run)) for run, state in truth.states.items()]
    schema = CONTRACTS["unlearning_outcomes"].columns
    outcomes = pl.DataFrame(rows, schema=schema, orient="row")
    _write(truth, "unlearning_outcomes", outcomes, CELL)
    runs = run_damage(lake, CELL, outcomes)
    names = {"model": pl.lit(MODEL), "method": pl.lit(METHOD), "objective": pl.lit(OBJECTIVE)}
    for fact, table in {
        "damage_inference": damage_table(runs),
        "selectivity_inference": selectivity_table(runs, benchmark_relations(study)),
        "unlearning_comparisons": comparison_table(runs),
    }.items():
        _write(truth, fact, table.with_columns(**names), CELL)
