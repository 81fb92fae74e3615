"""The plan of retraining: its subsets follow from the seed, halves are halves, roles are shown."""

from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.lake.fingerprint import digest_of_ids
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.retraining.plan import half_of, plan_runs, planned_runs
from influence_warehouse.retraining.sets import left_out_members, set_digests, trained_documents
from influence_warehouse.sampling.buckets import bucket_of, with_buckets
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.load import load_study
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import FORMATS, TOPICS
from tests.retraining_world import MODEL, SECTION, retraining_study, write_retraining_lake

MEMBERS = {
    "topic": list(TOPICS[:5]),
    "format": [f"any.{format}" for format in FORMATS[:3]],
    "bin": [f"{topic}.{FORMATS[0]}" for topic in TOPICS[:5]],
    "bucket": [str(number) for number in range(4)],
}


def study_of(seed: int = 0, **changes) -> Study:
    return retraining_study(Path("model"), **changes).model_copy(update={"seed": seed})


def subsets(plan: pl.DataFrame) -> list[tuple]:
    return plan.select("design", "unit", "subset", "seed").rows()


def test_the_plan_is_the_designs():
    study = study_of(leave_out=["topics", "formats", "bins"], seeds=[1, 2])
    plan = plan_runs(study, MEMBERS)
    expected = [("base", "all", "all", seed) for seed in (0, 1, 2)]
    expected += [
        ("leave_out", unit, name, 0)
        for unit in ("topic", "format", "bin")
        for name in MEMBERS[unit]
    ]
    expected += [("halves", unit, str(n), 0) for unit in ("topic", "bucket") for n in (1, 2)]
    assert subsets(plan) == expected
    for run in plan.iter_rows(named=True):
        names = ("model", "design", "unit", "subset", "seed")
        assert run["run_id"] == "|".join(str(run[name]) for name in names)


def test_some_subsets_of_each_kind_are_repeated_by_seeds_dealt_out_evenly():
    study = study_of(seeds=[5, 6], repeated_subsets=4, halves={"topics": 8, "buckets": 3})
    plan = plan_runs(study, MEMBERS)
    subset = ["design", "unit", "subset"]
    own = plan.filter(pl.col("seed") == 0, pl.col("design") != "base")
    again = plan.filter(pl.col("seed") != 0, pl.col("design") != "base")
    # Every subset is trained by the training's own seed, and at most once again, in its role.
    assert own.select(subset).is_unique().all() and again.select(subset).is_unique().all()
    assert again.join(own, on=[*subset, "role"]).height == again.height
    counts = again.group_by("design", "unit", "seed").len()
    found = {(*row[:2], row[2]): row[3] for row in counts.iter_rows()}
    assert found == {
        ("leave_out", "topic", 5): 2,
        ("leave_out", "topic", 6): 2,
        ("halves", "topic", 5): 2,
        ("halves", "topic", 6): 2,
        # Three there are.
        ("halves", "bucket", 5): 2,
        ("halves", "bucket", 6): 1,
    }
    assert plan.equals(plan_runs(study, MEMBERS))
    with pytest.raises(ValidationError, match="repeated_subsets"):
        study_of(seeds=[], repeated_subsets=1)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_roles_are_shared_out_by_the_seed_within_each_design(share):
    plans = [
        plan_runs(study_of(seed, tuning_share=share, halves={"topics": 8, "buckets": 12}), MEMBERS)
        for seed in (1, 1, 2)
    ]
    assert plans[0].equals(plans[1])
    for (design, _), group in plans[0].group_by("design", "unit"):
        tuning = group.filter(role="tuning").height
        assert tuning == (0 if design == "base" else round(share * group.height))
    if share:
        assert not plans[0]["role"].equals(plans[2]["role"])


def test_halves_are_halves_and_follow_from_the_seed():
    for unit in ("topic", "bucket"):
        size = len(MEMBERS[unit]) // 2
        halves = [half_of(MEMBERS[unit], 0, unit, str(number)) for number in range(1, 9)]
        assert all(len(half) == size and {*half} <= {*MEMBERS[unit]} for half in halves)
        assert halves == [half_of(MEMBERS[unit][::-1], 0, unit, str(n)) for n in range(1, 9)]
        assert len({tuple(half) for half in halves}) > 2
        assert halves != [half_of(MEMBERS[unit], 1, unit, str(n)) for n in range(1, 9)]
    # Each is in about half of them: 24 of 48 within three standard deviations.
    counts = [
        sum(name in half_of(TOPICS, 3, "topic", str(n)) for n in range(48)) for name in TOPICS
    ]
    assert min(counts) > 13 and max(counts) < 35


def test_a_document_s_bucket_is_its_own():
    ids = [f"d{number}" for number in range(400)]
    frame = with_buckets(pl.DataFrame({"doc_id": ids}), 7, 8)
    assert frame["bucket"].to_list() == [bucket_of(doc_id, 7, 8) for doc_id in ids]
    assert with_buckets(frame[::-1], 7, 8)[::-1].equals(frame)
    counts = frame["bucket"].value_counts()["count"]
    assert len(counts) == 8 and counts.min() > 25
    assert frame["bucket"].to_list() != with_buckets(frame, 8, 8)["bucket"].to_list()


def test_what_is_left_out_is_the_members_documents(tmp_path):
    study, lake = study_of(leave_out=["topics", "formats", "bins"]), write_retraining_lake(tmp_path)
    make_fact(study, lake, "retraining_plan", MODEL)
    make_fact(study, lake, "retraining_sets", MODEL)
    plan, sets = lake.read("retraining_plan", MODEL), lake.read("retraining_sets", MODEL)
    documents = trained_documents(study, lake)
    assert documents["doc_id"].to_list() == sorted(lake.read("sampling_manifest")["doc_id"])
    digests = lake.read("retraining_set_digests", MODEL)
    for run in plan.iter_rows(named=True):
        members = sets.filter(**{n: run[n] for n in ("design", "unit", "subset")})["member"]
        expected = [
            row["doc_id"]
            for row in documents.iter_rows(named=True)
            if any(
                str(row["bucket"]) == member
                if run["unit"] == "bucket"
                else Region.parse(member).topic in (None, row["topic"])
                and Region.parse(member).format in (None, row["format"])
                for member in members
            )
        ]
        told = digests.filter(run_id=run["run_id"]).row(0, named=True)
        assert told["left_out_digest"] == digest_of_ids(expected), run["run_id"]
        assert (told["n_left_out"], told["n_documents"]) == (len(expected), len(documents))
        assert (len(expected) == 0) == (run["design"] == "base")
    assert planned_runs(study, lake)[:2] == [f"{MODEL}|base|all|all|{seed}" for seed in (0, 1)]


def test_sets_do_not_depend_on_the_order_of_anything(tmp_path):
    study, lake = study_of(), write_retraining_lake(tmp_path)
    plan = plan_runs(study, MEMBERS)
    sets = left_out_members(study, plan, MEMBERS)
    again = left_out_members(study, plan[::-1], {name: of[::-1] for name, of in MEMBERS.items()})
    key = ["design", "unit", "subset", "member"]
    assert sets.sort(key).equals(again.sort(key))
    documents = trained_documents(study, lake)
    assert set_digests(plan, sets, documents).equals(set_digests(plan, again, documents[::-1]))


def test_too_few_to_halve_is_refused():
    with pytest.raises(InputError, match=r"halves\.topics: 1 of them.*Remedy"):
        plan_runs(study_of(), MEMBERS | {"topic": ["games"]})


def test_a_label_too_long_to_name_a_run_is_refused():
    with pytest.raises(InputError, match="by more than 180 bytes"):
        plan_runs(study_of(), MEMBERS | {"topic": ["games", "x" * 170]})


SQL = "select topic, null as format from topic_influence where support > 0.5"


def test_sql_chooses_regions_from_the_built_marts(tmp_path):
    import duckdb

    study, lake = study_of(sql=SQL, leave_out=[]), write_retraining_lake(tmp_path)
    with pytest.raises(WarehouseError, match=r"retraining\.sql cannot be read.*Remedy"):
        make_fact(study, lake, "retraining_plan", MODEL)
    rows = pl.DataFrame({"topic": [TOPICS[1], TOPICS[0], TOPICS[2]], "support": [0.9, 0.6, 0.1]})
    with duckdb.connect(str(lake.home.build_database)) as connection:
        connection.execute("create schema marts")
        connection.register("rows", rows.to_arrow())
        connection.execute("create table marts.topic_influence as from rows")
    make_fact(study, lake, "retraining_plan", MODEL)
    plan = lake.read("retraining_plan", MODEL)
    assert plan.filter(design="leave_out").select("unit", "subset").rows() == [
        ("sql", name) for name in sorted(TOPICS[:2])
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"seeds": [1, 1]}, "seeds: each once"),
        ({"seeds": [0]}, "0 is the base's own seed"),
        ({"leave_out": ["topics", "topics"]}, "leave_out: each once"),
        ({"sql": "select * from read_csv('x')"}, "not allowed"),
        ({"sql": "drop table bins"}, "retraining"),
        ({"continued": None}, "say how the models are trained on"),
        ({"tuning_share": 1}, "less than 1"),
        ({"halves": {"documents": 3}}, "halves"),
    ],
)
def test_what_cannot_be_is_refused(changes, problem):
    with pytest.raises(ValidationError, match=problem):
        retraining_study(Path("model"), **changes)


def test_a_planted_world_replays_its_own_training():
    graded = load_study("graded").model_dump(mode="json", exclude_unset=True)
    graded["retraining"] |= {"continued": SECTION["continued"]}
    with pytest.raises(ValidationError, match="continued"):
        Study.model_validate(graded)


def test_a_study_without_the_section_has_the_facts_it_had():
    from influence_warehouse.pipeline.steps import steps

    facts = {fact for step in steps(load_study("demo")) for fact in step.facts}
    assert not {fact for fact in facts if "retrain" in fact or "bucket" in fact}
    more = {fact for step in steps(load_study("graded")) for fact in step.facts}
    assert more - facts >= {"shard_bucket_item_scores", "bucket_item_scores", "retraining_runs"}
