"""The attribution stage on a real tiny model with real Bergson: what must not matter, does not."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from influence_warehouse.attribution import scoring
from influence_warehouse.attribution.bergson_session import save_dataset
from influence_warehouse.attribution.health import (
    diagnosis_problems,
    health_problems,
)
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.errors import FactError, StudyError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import load_tokenizer
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact, make_step
from influence_warehouse.pipeline.steps import step_of
from influence_warehouse.study.study import Compute, Study
from tests.scoring_lake import (
    CELL,
    scoring_study,
    shard_part,
    write_scoring_lake,
    write_scoring_model,
)

# Scores here have a standard deviation of 0.013. Shards differ by how float32 rows are padded
# together; another batch size also reaches the preconditioner, whose inverse root amplifies it.
TOLERANCE = 1e-6
BATCH_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_scoring_model(tmp_path_factory.mktemp("tiny-model"))


def scored(study: Study, lake: Lake) -> Lake:
    make_fact(study, lake, "method_preparation", CELL)
    make_fact(study, lake, "query_index", CELL)
    for shard in range(study.sampling.shards):
        make_fact(study, lake, "document_scores", shard_part(shard))
    make_fact(study, lake, "proponents", CELL)
    make_fact(study, lake, "bin_item_scores", CELL)
    return lake


def all_scores(lake: Lake, shards: int) -> pl.DataFrame:
    frames = [lake.read("document_scores", shard_part(shard)) for shard in range(shards)]
    return pl.concat(frames).sort("benchmark", "doc_id")


@pytest.fixture(scope="module")
def reference(model, tmp_path_factory) -> Lake:
    lake = write_scoring_lake(tmp_path_factory.mktemp("reference"), shards=3)
    return scored(scoring_study(model), lake)


def test_every_document_has_one_finite_score_per_benchmark(reference):
    scores = all_scores(reference, 3)
    assert scores.height == 60 * 2
    assert scores["score"].is_finite().all()
    assert scores["score"].std() > 1e-4


@pytest.mark.parametrize("shards", [1, 5])
def test_scores_do_not_depend_on_the_number_of_shards(model, reference, shards, tmp_path):
    lake = scored(scoring_study(model, shards=shards), write_scoring_lake(tmp_path, shards=shards))
    difference = all_scores(lake, shards)["score"] - all_scores(reference, 3)["score"]
    assert difference.abs().max() <= TOLERANCE


def test_scores_do_not_depend_on_the_batch_size(model, reference, tmp_path):
    study = scoring_study(model, token_batch_size=96)
    lake = scored(study, write_scoring_lake(tmp_path))
    difference = all_scores(lake, 3)["score"] - all_scores(reference, 3)["score"]
    assert difference.abs().max() <= BATCH_TOLERANCE


@pytest.mark.slow
def test_scores_do_not_depend_on_the_processes_of_a_machine(
    model, reference, tmp_path, monkeypatch
):
    # Two processes of one GPU would wait for each other: on any machine, the processor.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    study = scoring_study(model, shards=1)
    study = study.model_copy(update={"compute": Compute(processes=2)})
    lake = scored(study, write_scoring_lake(tmp_path, shards=1))
    difference = all_scores(lake, 1)["score"] - all_scores(reference, 3)["score"]
    assert difference.abs().max() <= TOLERANCE


def test_tf32_is_another_preconditioner_and_stays_within_its_steps(model, tmp_path):
    lake = write_scoring_lake(tmp_path, shards=1)
    plain, rounded = (scoring_study(model, shards=1, tf32=tf32) for tf32 in (False, True))
    made = [
        fingerprint_of(study, lake, "method_preparation", CELL).digest for study in (plain, rounded)
    ]
    assert made[0] != made[1]
    scored(rounded, lake)
    assert torch.get_float32_matmul_precision() == "highest"


def test_merged_facts_equal_one_shard(model, reference, tmp_path):
    lake = scored(scoring_study(model, shards=1), write_scoring_lake(tmp_path, shards=1))
    key = ["benchmark", "item_id", "bin_id"]
    one, three = (store.read("bin_item_scores", CELL).sort(key) for store in (lake, reference))
    assert one.select(*key, "n_documents").equals(three.select(*key, "n_documents"))
    assert (one["score_sum"] - three["score_sum"]).abs().max() <= 4 * TOLERANCE
    ranks = ["benchmark", "item_id", "rank"]
    assert (
        lake.read("proponents", CELL)
        .select(ranks)
        .equals(reference.read("proponents", CELL).select(ranks))
    )


def test_sums_and_top_documents_agree_with_the_document_scores(reference):
    means = (
        reference.read("bin_item_scores", CELL)
        .group_by("benchmark", "bin_id")
        .agg(mean=pl.col("score_sum").sum() / pl.col("n_documents").sum())
    )
    expected = (
        all_scores(reference, 3)
        .group_by("benchmark", "bin_id")
        .agg(expected=pl.col("score").cast(pl.Float64).mean())
    )
    joined = means.join(expected, on=["benchmark", "bin_id"], validate="1:1")
    assert (joined["mean"] - joined["expected"]).abs().max() < 1e-7
    counted = (
        reference.read("bin_item_scores", CELL)
        .group_by("benchmark", "item_id")
        .agg(pl.col("n_in_top_k").sum())
    )
    assert counted["n_in_top_k"].unique().to_list() == [5]


def test_a_finished_shard_is_kept_and_a_missing_one_is_made_alone(model, reference, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(reference.home.root, folder)
    lake = write_scoring_lake(folder)
    study = scoring_study(model)
    before = all_scores(reference, 3)
    lake.path("document_scores", shard_part(1)).unlink()
    kept = {
        shard: lake.path("document_scores", shard_part(shard)).stat().st_mtime_ns
        for shard in (0, 2)
    }
    outcomes = [make_fact(study, lake, "document_scores", shard_part(shard)) for shard in range(3)]
    assert [made[-1].reused for made in outcomes] == [True, False, True]
    for shard, changed in kept.items():
        assert lake.path("document_scores", shard_part(shard)).stat().st_mtime_ns == changed
    assert all_scores(lake, 3).equals(before)


def test_shards_of_an_earlier_larger_number_are_dropped(model, tmp_path):
    lake = scored(scoring_study(model, shards=3), write_scoring_lake(tmp_path, shards=3))
    scored(scoring_study(model, shards=2), write_scoring_lake(tmp_path, shards=2))
    assert lake.parts("document_scores") == [shard_part(shard) for shard in range(2)]
    assert all_scores(lake, 2).height == 60 * 2


def test_an_added_benchmark_is_scored_alone(model, tmp_path):
    lake = write_scoring_lake(tmp_path)
    settings = {"preconditioner": {"mix_benchmarks": ["alpha"]}}
    first = scoring_study(model, benchmarks=("alpha",), **settings)
    scored(first, lake)
    before = all_scores(lake, 3)
    preconditioners = list((lake.home.work / "method_preparation").iterdir())
    both = scoring_study(model, **settings)
    outcomes = make_fact(both, lake, "document_scores", shard_part(0))
    assert outcomes[-1].details == {"scored": ["beta"], "kept": ["alpha"]}
    scored(both, lake)
    after = all_scores(lake, 3)
    assert after.filter(benchmark="alpha").equals(before)
    assert after.filter(benchmark="beta").height == before.height
    assert list((lake.home.work / "method_preparation").iterdir()) == preconditioners
    whole = scored(both, write_scoring_lake(tmp_path / "whole"))
    difference = all_scores(whole, 3)["score"] - after["score"]
    assert difference.abs().max() <= TOLERANCE


def test_stored_gradients_give_the_direct_scores(model, reference, tmp_path):
    lake = scored(scoring_study(model, store_gradients=True), write_scoring_lake(tmp_path))
    difference = all_scores(lake, 3)["score"] - all_scores(reference, 3)["score"]
    assert difference.abs().max() <= TOLERANCE
    assert len(list((lake.home.work / "document_gradients").iterdir())) == 3


def test_a_benchmark_added_to_stored_gradients_needs_no_model(model, tmp_path, monkeypatch):
    lake = write_scoring_lake(tmp_path)
    settings = {"preconditioner": {"mix_benchmarks": ["alpha"]}, "store_gradients": True}
    scored(scoring_study(model, benchmarks=("alpha",), **settings), lake)
    both = scoring_study(model, **settings)
    scoring.index_folder(both, lake, CELL, ["beta"])

    from transformers import AutoModelForCausalLM

    def refuse(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", refuse)
    for shard in range(3):
        outcomes = make_fact(both, lake, "document_scores", shard_part(shard))
        assert outcomes[-1].details == {"scored": ["beta"], "kept": ["alpha"]}
    monkeypatch.undo()
    direct = scoring_study(model, preconditioner={"mix_benchmarks": ["alpha"]})
    whole = scored(direct, write_scoring_lake(tmp_path / "whole"))
    difference = all_scores(whole, 3)["score"] - all_scores(lake, 3)["score"]
    assert difference.abs().max() <= TOLERANCE


def test_stored_gradients_of_other_documents_are_replaced(model, tmp_path):
    study = scoring_study(model, shards=1, store_gradients=True)
    lake = scored(study, write_scoring_lake(tmp_path, shards=1))
    before = set((lake.home.work / "document_gradients").iterdir())
    scored(study, write_scoring_lake(tmp_path, shards=1, n_documents=45))
    after = set((lake.home.work / "document_gradients").iterdir())
    assert len(after) == 1
    assert not before & after


def test_shards_made_from_something_else_are_refused_with_the_differences(model, tmp_path):
    lake = write_scoring_lake(tmp_path)
    scored(scoring_study(model), lake)
    other = scoring_study(model, projection_dim=2)
    with pytest.raises(FactError, match=r"projection_dim: 4 here, 2 there") as error:
        make_step(step_of(other, "proponents"), other, lake, CELL)
        lake.path("proponents", CELL).unlink()
        make_fact(other, lake, "proponents", CELL)
    assert "Remedy" in str(error.value)


def test_more_processes_than_gpus_are_refused(model, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    study = scoring_study(model).model_copy(update={"compute": Compute(processes=2)})
    with pytest.raises(StudyError, match=r"compute.processes: 2 .* 1 GPU.*Remedy"):
        make_fact(study, write_scoring_lake(tmp_path), "method_preparation", CELL)


def test_a_batch_may_hold_more_tokens_than_the_model_has_positions(model, reference, tmp_path):
    study = scoring_study(model, token_batch_size=1024)  # of 512 positions
    lake = scored(study, write_scoring_lake(tmp_path))
    difference = all_scores(lake, 3)["score"] - all_scores(reference, 3)["score"]
    assert difference.abs().max() <= BATCH_TOLERANCE


def test_equals_bergsons_own_trackstar_command(model, tmp_path):
    """One benchmark on the same inputs: the command's scores, averaged, are our scores."""
    lake = write_scoring_lake(tmp_path, shards=1)
    study = scoring_study(model, shards=1, benchmarks=("alpha",))
    scored(study, lake)
    tokenizer = load_tokenizer(study, lake.home)
    manifest = lake.read("sampling_manifest")
    read = read_documents(lake, manifest["doc_id"])
    documents = encode_documents(read, tokenizer, study.model.max_tokens)
    items = lake.read("benchmark_items").filter(benchmark="alpha")
    queries = encode_queries(items, tokenizer, study.model.max_tokens)
    data = save_dataset(documents, tmp_path / "documents.data")
    query_data = save_dataset(queries, tmp_path / "queries.data")
    command = [
        *(Path(sys.executable).with_name("bergson"), "trackstar", tmp_path / "theirs"),
        *("--model", model, "--precision", "fp32", "--projection_dim", "4"),
        *("--token_batch_size", "256", "--nproc_per_node", "1"),
        *("--data.dataset", data, "--query.dataset", query_data),
        *("--unit_normalize", "True", "--stats_sample_size", "60"),
        *("--projection_seed", f"{study.seed}"),
    ]
    subprocess.run([str(part) for part in command], check=True, cwd=tmp_path, timeout=300)
    from bergson.data import load_scores

    theirs = np.array(load_scores(tmp_path / "theirs" / "scores")[:]).mean(axis=1)
    ours = all_scores(lake, 1)["score"].to_numpy()
    assert np.abs(ours - theirs).max() <= TOLERANCE


def test_healthy_scores_and_gradients_pass(model, reference):
    study = scoring_study(model)
    make_fact(study, reference, "gradient_diagnosis", "base")
    make_fact(study, reference, "attribution_health", CELL)
    assert diagnosis_problems(reference.read("gradient_diagnosis", "base")) == []
    assert health_problems(reference.read("attribution_health", CELL), 0.01) == []


def test_weights_that_are_not_numbers_are_caught(model, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    weights = load_file(broken / "model.safetensors")
    name = next(name for name in weights if name.endswith("down_proj.weight"))
    weights[name] = torch.full_like(weights[name], float("nan"))
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    lake = write_scoring_lake(tmp_path)
    study = scoring_study(broken)
    make_fact(study, lake, "gradient_diagnosis", "base")
    assert diagnosis_problems(lake.read("gradient_diagnosis", "base"))
    health = pl.DataFrame(
        {"benchmark": ["alpha"], "shard": [0], "n_documents": [10], "n_zero": [1]}
    ).with_columns(model=pl.lit("base"), method=pl.lit("trackstar"), standard_deviation=0.1)
    health = health.with_columns(n_not_finite=3, dtype=pl.lit("float32"), attention=pl.lit("sdpa"))
    assert len(health_problems(health, 0.01)) == 2
