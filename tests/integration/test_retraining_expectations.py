"""Each expectation on what is left out fails for the damage that it stands for."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.errors import FactError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.retraining.expectations import (
    EXPECTATION_NAMES,
    SETS_GUARD,
    check_retraining_sets,
)
from influence_warehouse.retraining.sets import set_digests, trained_documents
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import TOPICS
from tests.retraining_world import MODEL, prepare

Change = Callable[[pl.DataFrame], pl.DataFrame]
HALF = {"design": "halves", "unit": "bucket", "subset": "1"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_model) -> tuple[Study, Path]:
    root = tmp_path_factory.mktemp("whole")
    study, _ = prepare(root, tiny_model, leave_out=["topics", "formats", "bins"],
                       halves={"topics": 2, "formats": 1, "bins": 2, "buckets": 2})  # fmt: skip
    return study, root


@pytest.fixture
def lake(whole, tmp_path) -> Lake:
    shutil.copytree(whole[1], tmp_path / "copy")
    return Lake(Home(tmp_path / "copy", "tiny"))


def failed(study: Study, lake: Lake) -> set[str]:
    outcomes = check_retraining_sets(study, lake)
    assert [outcome.name for outcome in outcomes] == list(EXPECTATION_NAMES)
    assert all(outcome.unexpected_count is not None for outcome in outcomes)
    return {outcome.name for outcome in outcomes if not outcome.success}


def rewrite(lake: Lake, fact: str, change: Change) -> None:
    lake.write(fact, change(lake.read(fact, MODEL)), lake.require(fact, MODEL), MODEL)


def rewrite_sets(study: Study, lake: Lake, change: Change) -> None:
    """Change members, and the digests with them, so that only the members are wrong."""
    rewrite(lake, "retraining_sets", change)
    plan, sets = (lake.read(fact, MODEL) for fact in ("retraining_plan", "retraining_sets"))
    digests = set_digests(plan, sets, trained_documents(study, lake))
    rewrite(lake, "retraining_set_digests", lambda _: digests)


def test_honest_sets_pass(whole, lake):
    assert failed(whole[0], lake) == set()
    SETS_GUARD.require_passed(lake)


def of_first_run(column: str, value: object) -> Change:
    first = pl.int_range(pl.len()) == 3
    return lambda frame: frame.with_columns(
        pl.when(first).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
    )


def test_a_wrong_digest_and_wrong_counts_are_refused(whole, lake):
    for column, value, name in (
        ("left_out_digest", "0" * 64, "left_out_as_recorded"),
        ("n_left_out", 1, "left_out_counted"),
        ("n_documents", 7, "trained_documents_counted"),
    ):
        honest = lake.read("retraining_set_digests", MODEL)
        rewrite(lake, "retraining_set_digests", of_first_run(column, value))
        assert failed(whole[0], lake) == {name}
        rewrite(lake, "retraining_set_digests", lambda _, honest=honest: honest)
    assert failed(whole[0], lake) == set()


def test_a_member_too_few_is_refused(whole, lake):
    study, here = whole[0], pl.all_horizontal(pl.col(n) == v for n, v in HALF.items())

    def change(sets: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([sets.filter(~here), sets.filter(here).head(1)])

    rewrite_sets(study, lake, change)
    assert failed(study, lake) == {"halves_are_halves"}
    with pytest.raises(FactError, match=r"(?s)halves_are_halves.*Remedy"):
        SETS_GUARD.require_passed(lake)


@pytest.mark.parametrize(
    ("unit", "member", "others"),
    [
        ("bucket", "99", set()),
        # Half of three topics is one: without it nothing is left out.
        ("topic", TOPICS[9], {"left_out_is_proper"}),
        ("bin", TOPICS[0], set()),
    ],
)
def test_a_member_that_there_is_not_is_refused(whole, lake, unit, member, others):
    study = whole[0]
    here = (pl.col("design") == "halves") & (pl.col("unit") == unit) & (pl.col("subset") == "1")
    first = here & (pl.col("member") == pl.col("member").filter(here).first())
    rewrite_sets(
        study,
        lake,
        lambda sets: sets.with_columns(
            member=pl.when(first).then(pl.lit(member)).otherwise(pl.col("member"))
        ),
    )
    assert failed(study, lake) == {"members_are_known"} | others


def test_a_leave_out_of_another_region_is_refused(whole, lake):
    study = whole[0]
    here = (pl.col("design") == "leave_out") & (pl.col("subset") == TOPICS[0])
    rewrite_sets(
        study,
        lake,
        lambda sets: sets.with_columns(
            member=pl.when(here).then(pl.lit(TOPICS[1])).otherwise(pl.col("member"))
        ),
    )
    assert failed(study, lake) == {"members_are_known"}


def test_a_base_that_leaves_out_and_a_subset_that_leaves_nothing_are_refused(whole, lake):
    study = whole[0]
    base = {"model": MODEL, "design": "base", "unit": "all", "subset": "all", "member": TOPICS[0]}
    schema = CONTRACTS["retraining_sets"].columns
    rewrite_sets(study, lake, lambda sets: pl.concat([sets, pl.DataFrame([base], schema=schema)]))
    assert failed(study, lake) == {"left_out_is_proper", "halves_are_halves", "members_are_known"}


def test_a_training_on_documents_that_are_not_sampled_is_refused(whole, lake):
    """As of a planted world of which only a sample is scored."""
    study = whole[0].model_copy(update={"planted": object()})
    manifest = lake.read("sampling_manifest")
    batches = pl.DataFrame(
        {
            "model": MODEL,
            "step": 0,
            "place": range(len(manifest) + 1),
            "doc_id": [*manifest["doc_id"], "unscored"],
            "n_tokens": 5,
        }
    )
    lake.write("training_batches", batches, Fingerprint.of("training_batches", test=1))
    from influence_warehouse.retraining.expectations import _evidence

    evidence = _evidence(study, lake)["trained_documents"]
    assert evidence.filter(~pl.col("is_sampled"))["doc_id"].to_list() == ["unscored"]
    digests = lake.read("retraining_set_digests", MODEL)
    assert trained_documents(study, lake).height == digests["n_documents"][0] + 1
