"""Methods beside each other: each on its own parts, whatever shards, benchmarks and models."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from influence_warehouse.attribution.health import health_problems
from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.pipeline.parts import cells, indexed_cells, prepared_cells, shards_of
from influence_warehouse.pipeline.steps import steps
from influence_warehouse.study.study import Study
from tests.scoring_lake import scoring_study, shard_part, write_scoring_lake, write_scoring_model

BM25, RANDOM = {"kind": "bm25"}, {"kind": "random"}
TRACKSTAR = {"kind": "trackstar", "projection_dim": 4}


def scored(study: Study, lake: Lake) -> Lake:
    """Every method of the study on each of its models."""
    for cell in prepared_cells(study):
        make_fact(study, lake, "method_preparation", cell)
    for cell in indexed_cells(study):
        make_fact(study, lake, "query_index", cell)
    for cell in cells(study):
        for part in shards_of(study, cell):
            make_fact(study, lake, "document_scores", part)
        make_fact(study, lake, "proponents", cell)
        make_fact(study, lake, "bin_item_scores", cell)
        make_fact(study, lake, "attribution_health", cell)
    return lake


def scores_of(study: Study, lake: Lake, cell: str) -> pl.DataFrame:
    return lake.read_parts("document_scores", shards_of(study, cell)).sort("benchmark", "doc_id")


def plain(methods: list[dict], shards: int = 3, **changes: object) -> Study:
    return scoring_study(Path("unread"), shards=shards, methods=methods, **changes)


def test_bm25_is_the_librarys_over_the_whole_sample_whatever_the_shards(tmp_path):
    import bm25s

    found = {}
    for shards in (1, 3):
        lake = write_scoring_lake(tmp_path / f"{shards}", shards=shards)
        study = plain([BM25], shards)
        found[shards] = scores_of(study, scored(study, lake), "base|bm25")
    columns = ["benchmark", "doc_id", "score"]
    assert found[1].select(columns).equals(found[3].select(columns))
    documents = lake.read("documents")
    whole = bm25s.BM25(k1=1.5, b=0.75)
    whole.index(bm25s.tokenize(documents["text"].to_list(), show_progress=False), False)
    for benchmark in ("alpha", "beta"):
        items = lake.read("benchmark_items").filter(benchmark=benchmark).to_dicts()
        asked = [f"{item['prompt']} {item['choices'][item['answer_index']]}" for item in items]
        words = bm25s.tokenize(asked, return_ids=False, show_progress=False)
        expected = np.mean([whole.get_scores(each) for each in words], axis=0)
        ours = found[3].filter(benchmark=benchmark)
        assert ours["doc_id"].to_list() == documents["doc_id"].to_list()
        np.testing.assert_allclose(ours["score"], expected, rtol=1e-5)
    assert expected.std() > 0.1


def test_bytes_are_those_of_the_file_and_of_the_folder(tmp_path):
    study, lake = plain([BM25], shards=1), write_scoring_lake(tmp_path, shards=1)
    (folder,) = make_fact(study, lake, "method_preparation", "base|bm25")
    files = (lake.home.work / "method_preparation").rglob("*")
    assert folder.n_bytes == sum(path.stat().st_size for path in files if path.is_file()) > 0
    made = make_fact(study, lake, "document_scores", shard_part(0, "base|bm25"))
    for outcome in made:
        path = Path(str(lake.path(outcome.fact, shard_part(0, "base|bm25"))))
        assert outcome.n_bytes == path.stat().st_size
    again = make_fact(study, lake, "document_scores", shard_part(0, "base|bm25"))
    assert [outcome.n_bytes for outcome in again] == [None] * 3, "nothing was written"


def test_noise_follows_from_names_alone_and_finds_nothing(tmp_path):
    lake = scored(plain([RANDOM]), write_scoring_lake(tmp_path / "three", n_documents=600))
    study = plain([RANDOM, RANDOM | {"name": "noise"}], 1, benchmarks=("beta",))
    other = scored(study, write_scoring_lake(tmp_path / "one", shards=1, n_documents=600))
    three = scores_of(plain([RANDOM]), lake, "base|random").filter(benchmark="beta")
    one = scores_of(study, other, "base|random")
    assert one["score"].equals(three["score"])
    # Means of 8 independent standard normal scores.
    assert abs(one["score"].mean()) < 4 / np.sqrt(8 * 600)
    assert one["score"].std() == pytest.approx(1 / np.sqrt(8), rel=0.1)
    apart = scores_of(study, other, "base|noise")["score"]
    assert abs(np.corrcoef(one["score"], apart)[0, 1]) < 0.15
    reseeded = study.model_copy(update={"seed": 9})
    again = scored(reseeded, write_scoring_lake(tmp_path / "seed", shards=1, n_documents=600))
    assert not scores_of(reseeded, again, "base|random")["score"].equals(one["score"])


def test_without_gradients_no_model_is_read_and_no_step_asks_for_one(tmp_path):
    study = plain([BM25, RANDOM])
    facts = {fact for step in steps(study) for fact in step.facts}
    assert {"gradient_diagnosis", "query_index"}.isdisjoint(facts)
    needs = {need for step in steps(study) for need in step.upstream}
    assert {"gradient_diagnosis", "query_index"}.isdisjoint(needs)
    lake = scored(study, write_scoring_lake(tmp_path))
    health = lake.read_parts("attribution_health", cells(study))
    assert health_problems(health, 0.01) == []
    assert health["dtype"].null_count() == len(health)


def test_scores_that_are_all_the_same_are_caught(tmp_path):
    lake = write_scoring_lake(tmp_path)
    items = lake.read("benchmark_items").with_columns(
        prompt=pl.lit("unheard"), choices=pl.lit(["nowhere"] * 4, pl.List(pl.String))
    )
    lake.write("benchmark_items", items, lake.require("benchmark_items"))
    study = plain([BM25])
    scored(study, lake)
    problems = health_problems(lake.read("attribution_health", "base|bm25"), 0.01)
    assert len(problems) == 6 and all("bm25 of base" in line for line in problems)
    assert all("rank nothing. Remedy" in line for line in problems)


def test_a_method_or_model_that_is_added_is_computed_alone(tiny_model, tmp_path):
    lake = write_scoring_lake(tmp_path)
    first = scoring_study(tiny_model, methods=[TRACKSTAR])
    scored(first, lake)
    before = {path: path.stat().st_mtime_ns for path in lake.home.lake.rglob("*.parquet")}
    other = write_scoring_model(tmp_path / "other")
    models = [
        {"name": "base", "path": str(tiny_model), "max_tokens": 64},
        {"name": "other", "path": str(other), "max_tokens": 32},
    ]
    content = scoring_study(tiny_model, methods=[TRACKSTAR, BM25]).model_dump(mode="json")
    both = Study.model_validate(content | {"models": models})
    scored(both, lake)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    expected = [f"{m}|{x}" for m in ("base", "other") for x in ("bm25", "trackstar")]
    assert lake.parts("bin_item_scores") == expected
    found = {cell: scores_of(both, lake, cell) for cell in expected}
    for cell, rows in found.items():
        assert (rows["model"] + "|" + rows["method"]).unique().to_list() == [cell]
    # Other lengths of text: another gradient; words are the same for every model.
    trackstar = [found[f"{model}|trackstar"]["score"] for model in ("base", "other")]
    assert not trackstar[0].equals(trackstar[1])
    assert found["base|bm25"]["score"].equals(found["other|bm25"]["score"])


def test_a_shard_of_another_method_is_not_dropped(tmp_path):
    lake = scored(plain([BM25, RANDOM]), write_scoring_lake(tmp_path))
    fewer = plain([BM25], shards=2)
    scored(fewer, write_scoring_lake(tmp_path, shards=2))
    left = lake.parts("document_scores")
    assert left == [
        *(shard_part(n, "base|bm25") for n in range(2)),
        *(shard_part(n, "base|random") for n in range(3)),
    ]
