"""Facts of the golden study are what they were, or the version of their step was raised."""

import json
from pathlib import Path

import pytest

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.pipeline.steps import steps
from influence_warehouse.study.study import Study
from tests.golden.study import RECORD, differences, golden_study, make_all, summaries


@pytest.fixture(scope="module")
def golden(tmp_path_factory) -> tuple[Study, Lake]:
    folder = tmp_path_factory.mktemp("golden")
    study, home = golden_study(folder), Home(folder, "tiny")
    home.create()
    make_all(study, Lake(home))
    return study, Lake(home)


def test_facts_change_only_with_the_version_of_their_step(golden):
    noted, now = json.loads(RECORD.read_text()), summaries(*golden)
    changed = (
        {
            name: differences(noted[name], now[name])
            for name in {*noted, *now}
            if name not in noted or name not in now or noted[name] != now[name]
        }
        if {*noted} == {*now}
        else {"steps": sorted({*noted} ^ {*now})}
    )
    changed = {name: columns for name, columns in changed.items() if columns}
    assert not changed, (
        "Raise the version of the steps that make these in pipeline/steps.py, then note what "
        "they hold now with `make golden`."
    )
    versions = {name: (noted[name]["versions"], now[name]["versions"]) for name in now}
    stale = sorted(name for name, (then, here) in versions.items() if then != here)
    assert not stale, "Versions were raised: `make golden` notes the facts that they make."


def test_a_changed_number_a_row_and_a_column_are_seen(golden):
    study, lake = golden
    held = summaries(study, lake)["bin_item_scores base|trackstar"]
    assert not differences(held, held)
    columns = held["columns"]
    count, total, *rest = columns["score_sum"]
    other = {**held, "columns": {**columns, "score_sum": [count, total * 1.01 + 1, *rest]}}
    assert differences(held, other) == ["score_sum"]
    assert differences(held, {**held, "rows": held["rows"] + 1}) == ["rows"]
    fewer = {name: value for name, value in columns.items() if name != "n_documents"}
    assert differences(held, {**held, "columns": fewer}) == ["n_documents"]


def test_a_second_run_makes_nothing_anew_and_a_second_lake_has_the_same_bytes(golden, tmp_path):
    study, lake = golden
    for step in steps(study):
        for part in step.part_keys(study, lake):
            outcomes = make_fact(study, lake, step.facts[0], part)
            assert all(outcome.reused for outcome in outcomes), (step.name, part)
    home = Home(tmp_path, "tiny")
    home.create()
    make_all(study, Lake(home))
    files = [path.relative_to(lake.home.lake) for path in Path(lake.home.lake).rglob("*.parquet")]
    assert len(files) > 40
    for file in files:
        there = Path(home.lake) / file
        assert (Path(lake.home.lake) / file).read_bytes() == there.read_bytes(), file
