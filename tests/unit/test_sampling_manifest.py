"""The sample: deterministic by (seed, doc_id), nested in its size, with known probabilities."""

import hashlib
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from influence_warehouse.errors import InputError
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.sampling import manifest
from influence_warehouse.sampling.manifest import (
    bin_populations,
    draw_sample,
)
from influence_warehouse.study.study import Sampling
from influence_warehouse.taxonomy import FORMATS, TOPICS, bin_id, bins
from tests.corpus_world import lake_at, rows_of, study_of, write_lines

CORPORA = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6),
        st.sampled_from(TOPICS[:2]),
        st.sampled_from(FORMATS[:2]),
        st.integers(0, 4),
    ),
    unique_by=lambda row: row[0],
    min_size=1,
    max_size=30,
)

BINS = pl.DataFrame(bins()).cast({"bin_id": pl.Int32})


def draw(rows: list[tuple], model: Path = Path("m"), **sampling) -> pl.DataFrame:
    seed = sampling.pop("seed", 0)
    study = study_of(model, {"path": "c"}, seed=seed, **sampling)
    frame = pl.DataFrame(rows, schema=["doc_id", "topic", "format", "n_tokens"], orient="row")
    frame = frame.with_columns(content_sha256=pl.col("doc_id"))
    with tempfile.TemporaryDirectory() as folder:
        frame.write_parquet(Path(folder) / "documents.parquet", row_group_size=3)
        try:
            sample = draw_sample(Path(folder) / "documents.parquet", study, Path(folder), BINS)
        except InputError as error:
            assume("no document" not in str(error))
            raise
    return sample.sort("doc_id")


@settings(deadline=None, max_examples=15)
@given(rows=CORPORA, data=st.data())
def test_the_sample_does_not_depend_on_the_order_of_documents(rows, data):
    shuffled = data.draw(st.permutations(rows))
    asked = {"documents_per_bin": 3, "shards": 3}
    assert draw(rows, **asked).equals(draw(shuffled, **asked))


@settings(deadline=None, max_examples=15)
@given(rows=CORPORA, small=st.integers(1, 6), more=st.integers(0, 6))
def test_a_larger_sample_adds_documents_and_keeps_ranks(rows, small, more):
    few, many = draw(rows, documents_per_bin=small), draw(rows, documents_per_bin=small + more)
    kept = few.select("doc_id", "sample_rank").join(many, on=["doc_id", "sample_rank"], how="semi")
    assert kept.height == few.height


@settings(deadline=None, max_examples=15)
@given(rows=CORPORA, per_bin=st.integers(1, 5), shards=st.integers(1, 7))
def test_counts_probabilities_and_shards_follow_from_the_corpus(rows, per_bin, shards):
    found = draw(rows, documents_per_bin=per_bin, shards=shards, min_tokens=2)
    expected = {}
    for doc_id, topic, format_, n_tokens in rows:
        if n_tokens >= 2:
            expected.setdefault(bin_id(topic, format_), []).append(doc_id)
    for number, ids in expected.items():
        part = found.filter(pl.col("bin_id") == number).sort("sample_rank")
        by_hash = sorted(ids, key=lambda i: (hashlib.sha256(f"0:{i}".encode()).hexdigest(), i))
        assert part["doc_id"].to_list() == by_hash[:per_bin]
        assert part["sample_rank"].to_list() == list(range(part.height))
        assert set(part["population_documents"]) == {len(ids)}
        assert part["inclusion_probability"].to_list() == [part.height / len(ids)] * part.height
    assert found.height == sum(min(per_bin, len(ids)) for ids in expected.values())
    sizes = [int((found["shard"] == shard).sum()) for shard in range(shards)]
    assert sum(sizes) == found.height
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("margin", [10.0, -3.0])  # the second leaves too few at the first go
def test_the_sample_is_the_first_by_the_keyed_hash(monkeypatch, margin):
    monkeypatch.setattr(manifest, "_MARGIN", margin)
    rows = [(f"d{i}", TOPICS[i % 7 == 0], FORMATS[0], 9) for i in range(5000)]
    drawn = draw(rows, documents_per_bin=20, shards=4)
    expected = []
    for topic in TOPICS[:2]:
        hashes = {
            doc_id: hashlib.sha256(f"0:{doc_id}".encode()).hexdigest()
            for doc_id, its_topic, *_ in rows
            if its_topic == topic
        }
        first = sorted(hashes, key=hashes.__getitem__)[:20]
        expected += [(doc_id, len(hashes), rank) for rank, doc_id in enumerate(first)]
    found = drawn.select("doc_id", "population_documents", "sample_rank").rows()
    assert sorted(found) == sorted(expected)


def test_seeds_draw_different_samples():
    rows = [(f"d{i}", "games", "faq", 9) for i in range(200)]
    samples = [set(draw(rows, seed=seed, documents_per_bin=50)["doc_id"]) for seed in (1, 2, 1)]
    assert samples[0] == samples[2]
    # Independent draws of 50 of 200 share 12.5 on average, with a standard deviation of 2.7.
    assert 2 <= len(samples[0] & samples[1]) <= 25


def test_inclusion_probabilities_weigh_the_sample_up_to_the_population():
    rows = [(f"d{i}", "games", "faq" if i % 3 else "tutorial", 9) for i in range(100)]
    found = draw(rows, documents_per_bin=7)
    assert (1 / found["inclusion_probability"]).sum() == pytest.approx(100)


def test_every_bin_has_a_row_and_its_stratum():
    rows = [
        (f"{format_}{i}", "games", format_, 9)
        for format_, count in (("faq", 9), ("tutorial", 4), ("listicle", 2), ("spam_ads", 1))
        for i in range(count)
    ]
    found = bin_populations(draw(rows, documents_per_bin=4), Sampling(documents_per_bin=4), BINS)
    assert found["bin_id"].to_list() == list(range(576))
    in_games = found.filter(pl.col("sampled_documents") > 0).sort("population_documents")
    assert in_games.select("population_documents", "sampled_documents", "stratum").rows() == [
        (1, 1, "sparse"), (2, 2, "partial"), (4, 4, "full"), (9, 4, "full"),
    ]  # fmt: skip
    assert (found["stratum"] == "empty").sum() == 572


def _made(folder: Path, model: Path, **sampling):
    path = write_lines(folder / "c.jsonl", [*rows_of(9), *rows_of(12, topic="health")[9:]])
    study, lake = study_of(model, {"path": path}, **sampling), lake_at(folder)
    make_fact(study, lake, "documents")
    return study, lake, make_fact(study, lake, "sampling_manifest")


def test_a_second_run_reuses_and_another_seed_does_not(tmp_path, tiny_model):
    study, lake, outcomes = _made(tmp_path, tiny_model)
    assert [(o.fact, o.rows, o.reused) for o in outcomes] == [
        ("sampling_manifest", 8, False), ("bin_populations", 576, False),
    ]  # fmt: skip
    before = lake.path("sampling_manifest").read_bytes()
    assert all(outcome.reused for outcome in make_fact(study, lake, "sampling_manifest"))
    other = study.model_copy(update={"seed": 1})
    assert not any(outcome.reused for outcome in make_fact(other, lake, "sampling_manifest"))
    assert lake.path("sampling_manifest").read_bytes() != before
    make_fact(study, lake, "sampling_manifest")
    assert lake.path("sampling_manifest").read_bytes() == before


def test_too_short_documents_are_in_no_population_and_are_counted(tmp_path, tiny_model):
    study, _, outcomes = _made(tmp_path, tiny_model, min_tokens=5)
    assert outcomes[0].details["documents_not_eligible"] == 0
    path = write_lines(tmp_path / "c.jsonl", [*rows_of(4), {**rows_of(1)[0], "doc_id": "short",
                                                            "text": "two words"}])  # fmt: skip
    lake = lake_at(tmp_path / "second")
    study = study_of(tiny_model, {"path": path}, min_tokens=5)
    make_fact(study, lake, "documents")
    outcome = make_fact(study, lake, "sampling_manifest")[0]
    assert outcome.details["documents_not_eligible"] == 1
    assert set(lake.read("sampling_manifest")["population_documents"]) == {4}


def test_a_corpus_of_too_short_documents_is_refused(tmp_path, tiny_model):
    path = write_lines(tmp_path / "c.jsonl", rows_of(4))
    study, lake = study_of(tiny_model, {"path": path}, min_tokens=500), lake_at(tmp_path)
    make_fact(study, lake, "documents")
    with pytest.raises(InputError, match=r"documents.parquet.*sampling.min_tokens.*Remedy"):
        make_fact(study, lake, "sampling_manifest")


@settings(deadline=None, max_examples=15)
@given(rows=CORPORA, most=st.integers(1, 12))
def test_a_total_lowers_every_bins_share_alike(rows, most):
    per_bin = 5
    eligible = [row for row in rows if row[3] >= 2]
    n_bins = len({row[1:3] for row in eligible})
    assume(n_bins)
    if most < n_bins:
        with pytest.raises(
            InputError, match=rf"max_documents = {most} are fewer than the {n_bins}"
        ):
            draw(rows, documents_per_bin=per_bin, max_documents=most)
        return
    found = draw(rows, documents_per_bin=per_bin, max_documents=most)
    assert len(found) <= most or len(found) == len(draw(rows, documents_per_bin=per_bin))
    lowered = int(found["sample_rank"].max()) + 1
    same = draw(rows, documents_per_bin=lowered)
    assert found.equals(same)
    larger = draw(rows, documents_per_bin=lowered + 1)
    assert len(larger) > most or lowered == per_bin or len(larger) == len(found)


def test_a_sample_of_named_topics_alone(tmp_path, tiny_model):
    rows = [
        row | {"doc_id": f"{topic}{row['doc_id']}", "text": f"{topic} {row['text']}"}
        for topic in ("games", "health", "travel_and_tourism")
        for row in rows_of(4, topic=topic)
    ]
    path = write_lines(tmp_path / "c.jsonl", rows)
    study = study_of(tiny_model, {"path": path}, topics=["games", "health"], max_documents=5)
    lake = lake_at(tmp_path)
    make_fact(study, lake, "documents")
    outcomes = make_fact(study, lake, "sampling_manifest")
    sample = lake.read("sampling_manifest")
    assert sorted(sample["topic"]) == ["games", "games", "health", "health"]
    assert set(sample["inclusion_probability"]) == {0.5}
    populations = lake.read("bin_populations").filter(pl.col("population_documents") > 0)
    assert set(populations["topic"]) == {"games", "health"}
    assert set(populations["stratum"]) == {"full"}
    assert outcomes[0].details["documents_not_eligible"] == 4


def test_a_topic_that_is_none_is_refused(tiny_model):
    with pytest.raises(ValueError, match=r"topics: \['gaming'\] are none of adult"):
        study_of(tiny_model, {"path": "c"}, topics=["gaming"])
