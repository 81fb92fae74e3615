"""Several methods on a synthetic lake, whose agreement is known.

`twin` has the scores of the first method, in another unit; `kin` the same effects of bins and
documents under item noise of its own; `random` and `noise` are controls with nothing in common.
Belongs here: their facts, written as the stages would. Does not belong here: assertions.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.between_methods import method_damage_table
from tests.synthetic import (
    BENCHMARKS,
    METHOD,
    MODEL,
    SyntheticLake,
    make_cell,
    synthetic_lake,
    write_methods,
    write_run_records,
    write_scores,
)

TWIN, KIN, RANDOM, NOISE = "twin", "kin", "random", "noise"
ALL_METHODS = (METHOD, TWIN, KIN, RANDOM, NOISE)


def methods_lake(
    folder: Path, methods: tuple[str, ...] = ALL_METHODS, **settings: int
) -> SyntheticLake:
    """A synthetic lake with the facts of these methods, the first of them its own."""
    world = synthetic_lake(folder, **settings)
    return with_methods(world, methods)


def with_methods(world: SyntheticLake, methods: tuple[str, ...]) -> SyntheticLake:
    """The lake with the facts of these methods, and of their agreement; others stay as they are."""
    study = study_of(world.study, methods)
    world = replace(world, study=study)
    write_methods(world)
    for name in methods:
        own = replace(world, method=name, item_scores=scores_of(world, name))
        if own.cell not in world.lake.parts("proponents"):
            write_scores(own)
            make_cell(own)
            write_run_records(own)
    make_fact(study, world.lake, "agreement_inference", MODEL)
    return world


def study_of(study: Study, methods: tuple[str, ...]) -> Study:
    """The study with these methods, all but the first of a kind that asks for nothing."""
    told = [
        {"kind": METHOD} if name == METHOD else {"kind": "random", "name": name} for name in methods
    ]
    content = study.model_dump(mode="json")
    content["attribution"] |= {"methods": told}
    return Study.model_validate(content)


def scores_of(world: SyntheticLake, method: str) -> dict[str, np.ndarray]:
    """Scores of every benchmark by one method, float64 [items, documents]."""
    if method in (METHOD, TWIN):
        return {name: (1 + (method == TWIN)) * own for name, own in world.item_scores.items()}
    rng = np.random.default_rng(ALL_METHODS.index(method))
    scores = {}
    for name, own in world.item_scores.items():
        noise = rng.normal(0, 0.01, own.shape)
        scores[name] = noise + (own.mean(axis=0) if method == KIN else 0)
    return scores


def with_methods_choosing(world: SyntheticLake, **regions: object) -> SyntheticLake:
    """The lake of a study that forgets topics that its first two methods choose."""
    names = [method.name for method in world.study.attribution.methods]
    content = world.study.model_dump(mode="json")
    content["unlearning"] = {"regions": {"rule": "topics"} | regions, "methods": names[:2]}
    world = replace(world, study=Study.model_validate(content))
    make_fact(world.study, world.lake, "region_rules")
    return world


def drawn_damage(effect: float, seed: int) -> pl.DataFrame:
    """Rows of one method's runs: influence hurts its target by `effect` more than random does."""
    rng = np.random.default_rng(seed)
    rows = [
        (benchmark, condition, region, number, run, benchmark, measure,
         rng.normal(effect if condition == "influence_in_topic" else 0.0, 0.1))
        for benchmark in BENCHMARKS
        for region in ("health", f"topic_{seed}")
        for condition, sets in (("influence_in_topic", 1), ("random_in_topic", 6))
        for number in range(1, sets + 1)
        for run in (1, 2)
        for measure in ("accuracy", "margin")
    ]  # fmt: skip
    names = ["benchmark", "condition", "region", "set_number", "seed", "evaluated_benchmark"]
    return pl.DataFrame(rows, schema=[*names, "measure", "damage"], orient="row")


def write_damages(world: SyntheticLake) -> None:
    """What forgetting the first method's regions does beside forgetting the second's: more."""
    runs = {METHOD: drawn_damage(1.0, 1), KIN: drawn_damage(0.2, 2)}
    table = method_damage_table(runs).with_columns(model=pl.lit(MODEL), objective=pl.lit("ngdiff"))
    fingerprint = Fingerprint.of("method_damage_inference", synthetic=1)
    world.lake.write("method_damage_inference", table, fingerprint, MODEL)
