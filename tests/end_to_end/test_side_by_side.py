"""Shards that several processes make between them: the same facts, and errors that are met."""

import pytest

from influence_warehouse.pipeline import side_by_side
from influence_warehouse.pipeline.making import make_step
from influence_warehouse.pipeline.side_by_side import helped
from influence_warehouse.pipeline.steps import Step, step_of
from influence_warehouse.study.study import Study
from tests.end_to_end.conftest import SmallWorld
from tests.end_to_end.test_run import facts_of

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def two_cores(monkeypatch) -> None:
    monkeypatch.setattr(side_by_side, "most_processes", lambda: 2)
    # The sample of a test is too small to share.
    monkeypatch.setattr(side_by_side, "_WORTH_DOCUMENTS", 1)


@pytest.fixture
def step(copy: SmallWorld) -> Step:
    return step_of(copy.study, "document_scores")


def unmake(step: Step, world: SmallWorld) -> list[str]:
    keys = list(step.part_keys(world.study, world.lake))
    for fact in step.facts:
        for key in keys:
            world.lake.path(fact, key).unlink()
    return keys


def test_two_processes_make_the_facts_of_one(step: Step, world: SmallWorld, copy: SmallWorld):
    study, lake = copy.study, copy.lake
    keys = unmake(step, copy)
    helpers = []
    with helped(step, study, lake, keys) as taken:
        for key in keys:
            others = taken(key)
            helpers.append(others is not None)
            results = others[0] if others else make_step(step, study, lake, key)
            assert results[-1][0].rows > 0
    assert helpers[0] is False, "the first is the caller's"
    assert helpers[-1] is True, "the last is another process's"
    assert facts_of(copy.root) == facts_of(world.root)
    with helped(step, study, lake, keys) as taken:
        assert not any(taken(key) for key in keys), "all are there"


def test_what_another_process_cannot_make_is_left_to_the_caller(step: Step, copy: SmallWorld):
    keys = unmake(step, copy)
    for part in copy.home.work.glob("query_index/*"):
        part.rename(part.with_name("lost"))
    with helped(step, copy.study, copy.lake, keys) as taken:
        assert [taken(key) for key in keys[:3]] == [None] * 3


def of_words(study: Study) -> Study:
    methods = [method for method in study.attribution.methods if method.kind == "random"]
    return with_methods(study, methods)


def storing(study: Study) -> Study:
    methods = [
        method.model_copy(update={"store_gradients": True})
        if method.kind == "trackstar"
        else method
        for method in study.attribution.methods
    ]
    return with_methods(study, methods)


def with_methods(study: Study, methods: list) -> Study:
    attribution = study.attribution.model_copy(update={"methods": tuple(methods)})
    return study.model_copy(update={"attribution": attribution})


@pytest.mark.parametrize("change", [of_words, storing])
def test_one_process_does_for_words_and_for_gradients_that_are_stored(
    step: Step, copy: SmallWorld, change
):
    assert side_by_side._pays(step, copy.study, copy.lake)
    assert not side_by_side._pays(step, change(copy.study), copy.lake)
