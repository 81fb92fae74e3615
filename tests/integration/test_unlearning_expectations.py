"""Each expectation on the sets fails for the damage that it stands for, and alone."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.errors import FactError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.seals import BLANK_SEAL, METADATA_KEY, seal
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import TOPICS
from influence_warehouse.unlearning.expectations import (
    EXPECTATION_NAMES,
    SETS_GUARD,
    check_unlearning_sets,
)
from influence_warehouse.unlearning.sets import set_digests
from tests.scoring_lake import CELL
from tests.unlearning_world import (
    OF,
    chosen_bins,
    make_plan,
    unlearning_study,
    write_unlearning_lake,
)

RANDOM = f"{OF}alpha|random_in_topic|{TOPICS[0]}|1|1"
INFLUENCE = f"{OF}alpha|influence_in_topic|{TOPICS[0]}|1|1"


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_model) -> tuple[Study, Path]:
    root = tmp_path_factory.mktemp("whole")
    study, lake = unlearning_study(tiny_model), write_unlearning_lake(root)
    make_plan(study, lake, chosen_bins(("alpha", TOPICS[0], None)))
    make_fact(study, lake, "forget_sets", CELL)
    return study, root


@pytest.fixture
def lake(whole, tmp_path) -> Lake:
    from influence_warehouse.lake.layout import Home

    shutil.copytree(whole[1], tmp_path / "copy")
    return Lake(Home(tmp_path / "copy", "tiny"))


def failed(study: Study, lake: Lake) -> list[str]:
    outcomes = check_unlearning_sets(study, lake)
    assert [outcome.name for outcome in outcomes] == list(EXPECTATION_NAMES)
    return [outcome.name for outcome in outcomes if not outcome.success]


def rewrite(lake: Lake, fact: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change a fact on disk, past its contract, under a seal; digests of the sets follow."""
    part = CELL if CONTRACTS[fact].in_parts else None
    path = lake.path(fact, part)
    assert isinstance(path, Path)
    fingerprint = lake.require(fact, part).to_json()
    changed = change(lake.read(fact, part)).cast(dict(CONTRACTS[fact].columns))
    changed.write_parquet(
        path, metadata={"influence_warehouse": fingerprint, METADATA_KEY: BLANK_SEAL}
    )
    seal(path)
    if fact == "forget_sets":
        names = ("unlearning_plan", "forget_sets", "retain_sets")
        frames = [lake.read(name, CELL) for name in names]
        rewrite(lake, "unlearning_set_digests", lambda _: set_digests(*frames))


def without_last(frame: pl.DataFrame, **where) -> pl.DataFrame:
    rows = frame.filter(**where)
    return frame.join(rows.tail(1), on=frame.columns, how="anti", nulls_equal=True)


def replaced(lake: Lake, key: str, doc_id: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """One document of a run's forget set becomes `doc_id`."""
    old = lake.read("forget_sets", CELL).filter(run_id=key)["doc_id"][0]
    here = (pl.col("run_id") == key) & (pl.col("doc_id") == old)
    return lambda forget: forget.with_columns(
        doc_id=pl.when(here).then(pl.lit(doc_id)).otherwise(pl.col("doc_id"))
    )


def outside(lake: Lake, *, retained: bool) -> str:
    """A document outside the first topic, in some retain set or in none."""
    kept = lake.read("retain_sets", CELL).filter(role="retain")["doc_id"].to_list()
    rows = lake.read("sampling_manifest").filter(pl.col("topic") != TOPICS[0])
    mask = pl.col("doc_id").is_in(kept)
    kept_all = lake.read("retain_sets", CELL)["doc_id"].to_list()
    return rows.filter(mask if retained else ~pl.col("doc_id").is_in(kept_all))["doc_id"][0]


def contaminate(lake: Lake) -> None:
    question = lake.read("benchmark_items")["question"][0]
    doc_id = lake.read("forget_sets", CELL).filter(run_id=RANDOM)["doc_id"][0]
    here = pl.col("doc_id") == doc_id
    rewrite(
        lake,
        "documents",
        lambda documents: documents.with_columns(
            text=pl.when(here).then(pl.lit(f"so {question} now")).otherwise(pl.col("text"))
        ),
    )


GLOBAL = f"{OF}alpha|random_global|all|1|1"
DAMAGES: dict[str, Callable[[Lake], None]] = {
    "forget_sets_equal_in_size": lambda lake: rewrite(
        lake, "forget_sets", lambda f: without_last(f, run_id=RANDOM)
    ),
    "retain_sets_equal_in_size": lambda lake: rewrite(
        lake, "retain_sets", lambda r: without_last(r, seed=1, role="retain")
    ),
    "probe_sets_equal_in_size": lambda lake: rewrite(
        lake, "retain_sets", lambda r: without_last(r, seed=1, role="probe")
    ),
    "digests_as_recorded": lambda lake: rewrite(
        lake,
        "unlearning_set_digests",
        lambda d: d.with_columns(forget_digest=pl.col("forget_digest").str.reverse()),
    ),
    "forget_documents_sampled": lambda lake: rewrite(
        lake, "forget_sets", replaced(lake, GLOBAL, "nowhere")
    ),
    "forget_documents_in_region": lambda lake: rewrite(
        lake, "forget_sets", replaced(lake, RANDOM, outside(lake, retained=False))
    ),
    "influence_ranks_as_claimed": lambda lake: rewrite(
        lake,
        "forget_sets",
        lambda f: f.with_columns(
            influence_rank=pl.when(run_id=INFLUENCE)
            .then(7 - pl.col("influence_rank"))
            .otherwise(pl.col("influence_rank"))
        ),
    ),
    "retain_disjoint_from_forget": lambda lake: rewrite(
        lake, "forget_sets", replaced(lake, GLOBAL, outside(lake, retained=True))
    ),
    "no_benchmark_item_inside": contaminate,
}


def test_honest_sets_pass_everything(whole, lake):
    outcomes = check_unlearning_sets(whole[0], lake)
    assert [outcome.name for outcome in outcomes] == list(EXPECTATION_NAMES)
    assert {outcome.unexpected_count for outcome in outcomes} == {0}
    SETS_GUARD.require_passed(lake)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_fails_its_expectation_and_no_other(whole, lake, name):
    DAMAGES[name](lake)
    assert failed(whole[0], lake) == [name]


def test_a_document_twice_in_a_set_is_found(whole, lake):
    twice = lake.read("forget_sets", CELL).filter(run_id=RANDOM)["doc_id"][1]
    rewrite(lake, "forget_sets", replaced(lake, RANDOM, twice))
    outcomes = check_unlearning_sets(whole[0], lake)
    assert [o.name for o in outcomes if not o.success] == ["no_duplicate_documents"]
    with pytest.raises(FactError, match=r"(?s)1 of 10 .*no_duplicate_documents.*Remedy"):
        SETS_GUARD.require_passed(lake)


def test_sets_of_another_plan_are_an_error_and_not_a_pass(whole, lake):
    make_plan(whole[0], lake, chosen_bins(("beta", TOPICS[1], None)))
    with pytest.raises(FactError, match="made from something else"):
        check_unlearning_sets(whole[0], lake)
