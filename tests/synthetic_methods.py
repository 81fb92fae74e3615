"""Several methods on a synthetic lake, whose agreement is known.

`twin` has the scores of the first method, in another unit; `kin` the same effects of bins and
documents under item noise of its own; `random` and `noise` are controls with nothing in common.
Belongs here: their facts, written as the stages would. Does not belong here: assertions.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from tests.synthetic import (
    METHOD,
    MODEL,
    SyntheticLake,
    make_cell,
    synthetic_lake,
    write_fact,
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
    write_fact(world, "study_methods", _method_rows(study))
    for name in methods:
        own = replace(world, method=name, item_scores=scores_of(world, name))
        if own.cell not in world.lake.parts("proponents"):
            write_scores(own)
            make_cell(own)
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


def _method_rows(study: Study) -> pl.DataFrame:
    rows = [
        (study.name, MODEL, method.name, method.kind, None, position)
        for position, method in enumerate(study.attribution.methods)
    ]
    names = ["study", "model", "method", "kind", "preconditioner", "position"]
    return pl.DataFrame(rows, schema=names, orient="row").cast({"preconditioner": pl.String})
