"""Facts of other making are read by no step; a copy that is older than its facts says so."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from influence_warehouse.errors import FactError
from influence_warehouse.lake.built_from import facts_changed_since, note_built_from
from influence_warehouse.lake.facts import Outcome
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import Timer, write_record
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact, make_step
from influence_warehouse.pipeline.status import folder_state, states
from influence_warehouse.pipeline.steps import Step, steps
from influence_warehouse.warehouse.publish import publish
from tests.scoring_lake import CELL, scoring_study, shard_part, write_scoring_lake

READERS: dict[str, Step] = {
    step.name: step
    for step in steps(scoring_study(Path("unused")))
    if step.stage in ("attribution", "warehouse")
}


@pytest.mark.parametrize("name", READERS)
def test_no_step_reads_what_the_study_would_not_make(name, tiny_model, tmp_path, monkeypatch):
    """The lake's documents and items were made from something else: every reader says so."""
    lake, study = write_scoring_lake(tmp_path), scoring_study(tiny_model)
    monkeypatch.chdir(tmp_path)
    for corpus_or_items in ("unused.parquet", "unused"):
        Path(corpus_or_items).write_bytes(b"other documents and items")
    part = READERS[name].part_keys(study, lake)[0]
    with pytest.raises(FactError, match=r"(made from something else:\n  |missing)"):
        make_step(READERS[name], study, lake, part)


def test_a_preconditioner_of_other_settings_is_stale_and_what_follows_waits(tiny_model, tmp_path):
    lake, study = write_scoring_lake(tmp_path), scoring_study(tiny_model)
    outcome = make_fact(study, lake, "method_preparation", CELL)[0]
    now = fingerprint_of(study, lake, "method_preparation", CELL)
    write_record(lake.home, outcome, now.digest, Timer(), CELL)
    found = {state.fact: state for state in states(study, lake.home)}
    # The first facts of this lake are no one's; the preconditioner's own state is asked here.
    step = next(step for step in steps(study) if step.name == "make_method_preparation")
    assert folder_state(step, CELL, now, lake).state == "current"
    other = scoring_study(tiny_model, projection_dim=2)
    then = fingerprint_of(other, lake, "method_preparation", CELL)
    assert folder_state(step, CELL, then, lake).state == "stale"
    assert found["document_scores"].state == "waiting"


@pytest.mark.parametrize("changed", ["seed", "projection_dim"])
def test_the_seed_draws_the_projection_and_is_part_of_what_scores_are(
    changed, tiny_model, tmp_path
):
    """A seed that is said to seed the projection changes it."""
    scores = []
    for value in (3, 4):
        lake = write_scoring_lake(tmp_path / f"{value}", shards=1, n_documents=12)
        study = scoring_study(tiny_model, shards=1)
        if changed == "seed":
            study = study.model_copy(update={"seed": value})
        else:
            study = scoring_study(tiny_model, shards=1, projection_dim=value)
        make_fact(study, lake, "method_preparation", CELL)
        make_fact(study, lake, "document_scores", shard_part(0))
        scores.append(lake.read("document_scores", shard_part(0)))
        parts = lake.require("document_scores", shard_part(0)).parts
        assert parts["projection_seed"] == study.seed and parts["bergson"]
    assert not scores[0].equals(scores[1])


def outcome(fact: str) -> Outcome:
    return Outcome(fact, 1, reused=False)


def test_a_published_copy_knows_when_facts_are_newer(tmp_path):
    home = Home(tmp_path, "tiny")
    home.create()
    for fact in ("documents", "proponents"):
        write_record(home, outcome(fact), "a", Timer())
    note_built_from(home)
    with duckdb.connect(str(home.build_database)) as connection:
        connection.execute("create schema marts")
        connection.register("frame", pl.DataFrame({"bin_id": [1]}).to_arrow())
        connection.execute("create table marts.bins as from frame")
    publish(home, None)
    assert facts_changed_since(home) == []
    write_record(home, outcome("documents"), "b", Timer())
    assert facts_changed_since(home) == ["documents"]
    write_record(home, outcome("bin_terms"), "c", Timer())
    assert facts_changed_since(home) == ["bin_terms", "documents"]
    note_built_from(home)
    assert facts_changed_since(home) == ["bin_terms", "documents"], "built, but not published"
    publish(home, None)
    assert facts_changed_since(home) == []
