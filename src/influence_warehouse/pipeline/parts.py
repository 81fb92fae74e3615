"""The parts of a study's steps: their keys, in an order that everyone sees alike.

A key is made of names: a model; a model and a method (a cell); a cell and the number of a shard.
Does not belong here: runs, which follow from a fact (`unlearning.plan`, `retraining.plan`).
"""

from collections.abc import Sequence

from influence_warehouse.study.methods import Method
from influence_warehouse.study.study import Study


def models(study: Study) -> list[str]:
    """One part a model."""
    return [model.name for model in study.models]


def gradient_models(study: Study) -> list[str]:
    """The models, where a method takes gradients of them."""
    return models(study) if any(m.needs == "gradients" for m in study.attribution.methods) else []


def cells(study: Study) -> list[str]:
    """One part a model and method."""
    return _cells(study, study.attribution.methods)


def prepared_cells(study: Study) -> list[str]:
    """Those whose method is prepared on the sample before it scores."""
    return _cells(study, [m for m in study.attribution.methods if m.is_prepared])


def indexed_cells(study: Study) -> list[str]:
    """Those whose method stores the queries' side of the score."""
    return _cells(study, [m for m in study.attribution.methods if m.is_indexed])


def shards(study: Study) -> list[str]:
    """One part a model, method and shard of the sample."""
    return [part for cell in cells(study) for part in shards_of(study, cell)]


def shards_of(study: Study, cell: str) -> list[str]:
    """The shards of one cell."""
    return [f"{cell}|{shard:05d}" for shard in range(study.sampling.shards)]


def unlearned_cells(study: Study) -> list[str]:
    """Those whose choice of regions is forgotten."""
    if study.unlearning is None:
        return []
    names = study.unlearning.methods
    methods = study.attribution.methods
    return _cells(study, methods if names is None else [m for m in methods if m.name in names])


def model_of(key: str) -> str:
    """The model that a part's key begins with."""
    return key.partition("|")[0]


def cell_of(key: str) -> str:
    """The model and method that a part's key begins with."""
    return "|".join(key.split("|")[:2])


def are_related(a: str, b: str) -> bool:
    """Whether one of two keys is the beginning of the other, name by name."""
    return all(x == y for x, y in zip(a.split("|"), b.split("|"), strict=False))


def _cells(study: Study, methods: Sequence[Method]) -> list[str]:
    return [f"{model.name}|{method.name}" for model in study.models for method in methods]
