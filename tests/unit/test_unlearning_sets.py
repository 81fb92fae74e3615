"""Forget and retain sets: equal sizes, membership, disjointness, whatever the corpus."""

import hashlib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.errors import InputError
from influence_warehouse.lake.fingerprint import digest_of_ids
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.sampling.regions import Region
from influence_warehouse.taxonomy import FORMATS, TOPICS
from influence_warehouse.unlearning.plan import plan_runs
from influence_warehouse.unlearning.sets import (
    drawn,
    forget_sets,
    retain_sets,
    set_digests,
)
from tests.scoring_lake import CELL
from tests.unlearning_world import (
    OF,
    chosen_bins,
    make_plan,
    unlearning_study,
    write_unlearning_lake,
)

PLACES = [(topic, format) for topic in TOPICS[:4] for format in FORMATS[:2]]
REGIONS = [(TOPICS[0], None), (None, FORMATS[0]), (TOPICS[1], FORMATS[1]), (TOPICS[2], None)]


def corpus(counts: list[int], scores: list[float]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Documents with `counts` of them in each of PLACES, and scores drawn from a few values."""
    rows = [place for place, count in zip(PLACES, counts, strict=True) for _ in range(count)]
    documents = pl.DataFrame(
        {
            "doc_id": [f"d{n:03d}" for n in range(len(rows))],
            "topic": [topic for topic, _ in rows],
            "format": [format for _, format in rows],
            "bin_id": range(len(rows)),
        },
        schema_overrides={"bin_id": pl.Int32},
    )
    values = [scores[n % len(scores)] for n in range(len(rows))]
    frames = [
        documents.select("doc_id").with_columns(
            benchmark=pl.lit(benchmark), score=pl.Series(values, dtype=pl.Float32) * sign
        )
        for benchmark, sign in (("alpha", 1), ("beta", -1))
    ]
    return documents, pl.concat(frames)


@settings(max_examples=20, deadline=None)
@given(
    counts=st.lists(st.integers(3, 9), min_size=8, max_size=8),
    scores=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=7),
    regions=st.lists(st.sampled_from(REGIONS), min_size=1, max_size=2, unique=True),
    size=st.integers(1, 3),
    seed=st.integers(0, 5),
)
def test_sets_are_equal_in_size_in_their_region_and_apart(counts, scores, regions, size, seed):
    study = unlearning_study(
        Path("m"), forget_documents=size, retain_documents=1, probe_documents=1, seeds=[seed, 9]
    )
    documents, scored = corpus(counts, scores)
    plan = plan_runs(study, chosen_bins(*(("alpha", t, f) for t, f in regions)))
    forget = forget_sets(study, plan, documents, scored)
    assert forget.group_by("run_id").len()["len"].unique().to_list() == [size]
    assert not forget.select("run_id", "doc_id").is_duplicated().any()
    placed = forget.join(documents, on="doc_id")
    for key, run in placed.group_by("run_id"):
        name = str(key[0]).split("|")[5]
        assert run.select(Region.parse(name).contains().all()).item()
    try:
        retain = retain_sets(study, plan, documents, forget["doc_id"])
    except InputError as error:
        assert "retain set of seed" in str(error)
        return
    assert retain.group_by("seed", "role").len()["len"].to_list() == [1] * 4
    assert not retain.select("seed", "doc_id").is_duplicated().any()
    assert set(retain["doc_id"]).isdisjoint(forget["doc_id"])
    kept = retain.join(documents, on="doc_id")
    for topic, format in regions:
        region = Region(topic) if topic else Region(None, format)
        assert not kept.select(region.contains().any()).item()


def test_influence_conditions_take_the_highest_scores_ties_by_id():
    study = unlearning_study(Path("m"), forget_documents=3, seeds=[1, 2])
    documents, scores = corpus([6] * 8, [0.5, 0.5, 0.25, 1.0])
    plan = plan_runs(study, chosen_bins(("alpha", TOPICS[0], None), ("beta", TOPICS[0], None)))
    forget = forget_sets(study, plan, documents, scores)

    def members(key: str) -> list[str]:
        rows = forget.filter(run_id=key).sort("influence_rank")
        assert rows["influence_rank"].to_list() == [1, 2, 3]
        return rows["doc_id"].to_list()

    topic = f"{OF}alpha|influence_in_topic|{TOPICS[0]}"
    assert members(f"{topic}|1|1") == ["d003", "d007", "d011"]
    assert members(f"{topic}|1|2") == members(f"{topic}|1|1")
    assert members(f"{OF}beta|influence_in_topic|{TOPICS[0]}|1|1") == ["d002", "d006", "d010"]
    assert members(f"{OF}alpha|influence_global|all|1|1") == ["d003", "d007", "d011"]


def test_random_sets_follow_from_their_number_and_are_the_same_under_all_seeds():
    study = unlearning_study(Path("m"), forget_documents=5, seeds=[1, 2], random_sets=3)
    documents, scores = corpus([9] * 8, [0.5])
    plan = plan_runs(study, chosen_bins(("alpha", TOPICS[0], None)))
    forget = forget_sets(study, plan, documents, scores)
    shuffled = forget_sets(study, plan, documents.reverse(), scores.reverse())
    key = ["run_id", "doc_id"]
    assert forget.sort(key).equals(shuffled.sort(key))
    draws = forget.filter(pl.col("run_id").str.contains("random_in_topic"))
    assert draws["influence_rank"].is_null().all()
    sets: dict[str, set[frozenset[str]]] = {}
    for (run,), rows in draws.group_by("run_id"):
        sets.setdefault(str(run).split("|")[6], set()).add(frozenset(rows["doc_id"]))
    assert [len(drawn) for drawn in sets.values()] == [1] * 3, "one set under both seeds"
    assert len(set.union(*sets.values())) == 3
    other = unlearning_study(Path("m"), forget_documents=5, seeds=[1, 2], random_sets=3)
    reseeded = forget_sets(other.model_copy(update={"seed": 8}), plan, documents, scores)
    assert not forget.sort(key).equals(reseeded.sort(key))


def test_every_document_is_drawn_about_as_often():
    documents, _ = corpus([5] * 8, [0.5])
    draws = pl.concat(drawn(documents, f"key {n}", 10) for n in range(120))
    counts = draws["doc_id"].value_counts()["count"].to_list()
    assert len(counts) == 40
    # Expected 30 each, standard deviation 4.7: five of them away would be a bias.
    assert min(counts) > 6
    assert max(counts) < 54


def test_too_few_documents_name_the_region_the_count_and_the_remedy():
    documents, scores = corpus([4] * 8, [0.5])
    plan = plan_runs(unlearning_study(Path("m")), chosen_bins(("alpha", TOPICS[0], None)))
    with pytest.raises(InputError, match=rf"{TOPICS[0]}.*: 8 sampled.* 9 .*Remedy.*forget_doc"):
        forget_sets(unlearning_study(Path("m"), forget_documents=9), plan, documents, scores)
    study = unlearning_study(Path("m"), forget_documents=1, retain_documents=30)
    forget = forget_sets(study, plan, documents, scores)
    with pytest.raises(InputError, match=r"retain set of seed 1: .*choose fewer regions"):
        retain_sets(study, plan, documents, forget["doc_id"])


def test_digests_are_over_sorted_ids():
    expected = hashlib.sha256(b"a\nb\n").hexdigest()
    assert digest_of_ids(["b", "a"]) == digest_of_ids(["a", "b"]) == expected
    assert digest_of_ids(["ab"]) != digest_of_ids(["a", "b"])


def test_facts_are_made_once_and_again_when_sizes_change(tmp_path):
    lake = write_unlearning_lake(tmp_path)
    study = unlearning_study(tmp_path / "model")
    make_plan(study, lake, chosen_bins(("alpha", TOPICS[0], None)))
    first = make_fact(study, lake, "forget_sets", CELL)
    assert [(o.fact, o.rows, o.reused) for o in first] == [
        ("retain_sets", 9, False), ("unlearning_set_digests", 6, False), ("forget_sets", 36, False)
    ]  # fmt: skip
    assert all(outcome.reused for outcome in make_fact(study, lake, "forget_sets", CELL))
    bytes_before = lake.path("forget_sets", CELL).read_bytes()
    lake.path("forget_sets", CELL).unlink()
    make_fact(study, lake, "forget_sets", CELL)
    assert lake.path("forget_sets", CELL).read_bytes() == bytes_before
    larger = unlearning_study(tmp_path / "model", forget_documents=7)
    assert make_fact(larger, lake, "forget_sets", CELL)[2].rows == 42
    forget, retain = lake.read("forget_sets", CELL), lake.read("retain_sets", CELL)
    recomputed = set_digests(lake.read("unlearning_plan", CELL), forget, retain)
    assert recomputed["n_forget"].to_list() == [7] * 6
    assert recomputed.equals(lake.read("unlearning_set_digests", CELL))
