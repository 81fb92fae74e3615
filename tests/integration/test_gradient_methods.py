"""Methods by gradients on a real tiny model: what must not matter, does not; signs are right."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from influence_warehouse.attribution.bergson_session import bergson_output_to, save_dataset
from influence_warehouse.attribution.gradient_pass import let_go
from influence_warehouse.attribution.methods import Documents, method_of
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.errors import HealthError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import load_tokenizer
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from tests.scoring_lake import scoring_study, shard_part, write_scoring_lake

pytestmark = pytest.mark.slow

DOT = {"kind": "gradient_dot", "projection_dim": 4}
COSINE = {"kind": "gradient_cosine", "projection_dim": 4}
WHOLE = {"kind": "gradient_dot", "projection_dim": 0}
TRACKSTAR = {"kind": "trackstar", "projection_dim": 4}
EKFAC, KFAC = {"kind": "ekfac"}, {"kind": "kfac"}
TRAK = {"kind": "trak", "projection_dim": 16}
LISSA = {"kind": "lissa", "depth": 5, "scale": 1e4, "batch_documents": 4}
METHODS = [DOT, COSINE, WHOLE, TRACKSTAR, EKFAC, KFAC, TRAK, LISSA]


def named(method: dict) -> str:
    return f"{method['kind']}{method.get('projection_dim', '')}"


def made(study: Study, lake: Lake) -> pl.DataFrame:
    """The scores of all shards of the study's one method, kept models forgotten before."""
    let_go()
    cell = f"base|{study.attribution.methods[0].name}"
    if study.attribution.methods[0].is_prepared:
        make_fact(study, lake, "method_preparation", cell)
    if study.attribution.methods[0].is_indexed:
        make_fact(study, lake, "query_index", cell)
    parts = [shard_part(shard, cell) for shard in range(study.sampling.shards)]
    for part in parts:
        make_fact(study, lake, "document_scores", part)
    return lake.read_parts("document_scores", parts).sort("benchmark", "doc_id")


@pytest.fixture
def plain(tiny_model, tmp_path):
    def study_and_lake(method: dict, shards: int = 2, **changes) -> tuple[Study, Lake]:
        study = scoring_study(tiny_model, shards=shards, methods=[method], **changes)
        folder = tmp_path / f"{named(method)}-{shards}-{changes.get('token_batch_size')}"
        return study, write_scoring_lake(folder, shards=shards, n_documents=30)

    return study_and_lake


def agree(ours: np.ndarray, theirs: np.ndarray, tolerance: float = 1e-4) -> None:
    """Equal up to a share of how much scores vary."""
    assert np.abs(ours - theirs).max() <= tolerance * theirs.std()


@pytest.mark.parametrize("method", METHODS, ids=named)
def test_scores_follow_neither_from_shards_nor_from_batches(method, plain):
    reference = made(*plain(method))
    assert reference["score"].is_finite().all() and reference["score"].std() > 0
    for shards, tokens in ((1, 256), (3, 96), (2, 1024)):
        other = made(*plain(method, shards, token_batch_size=tokens))
        assert other["doc_id"].equals(reference["doc_id"])
        agree(other["score"].to_numpy(), reference["score"].to_numpy(), 2e-3)


@pytest.mark.parametrize("method", METHODS, ids=named)
def test_a_document_that_is_the_query_supports_it_most(method, plain, monkeypatch):
    study, lake = plain(method, shards=1)
    items = lake.read("benchmark_items")
    asked = items.row(0, named=True)
    answer = asked["choices"][asked["answer_index"]]
    text = f"{asked['prompt']} {answer}"
    documents = lake.read("documents").with_columns(
        text=pl.when(pl.col("doc_id") == "d0003").then(pl.lit(text)).otherwise("text"),
        prompt_chars=pl.when(pl.col("doc_id") == "d0003").then(len(asked["prompt"])),
    )
    lake.write("documents", documents, lake.require("documents"))
    made(study, lake)
    cell = f"base|{method['kind']}"
    best = lake.read("shard_proponents", shard_part(0, cell)).filter(
        pl.col("item_id") == asked["item_id"], benchmark=asked["benchmark"]
    )
    top = best.sort("score", descending=True).row(0, named=True)
    assert top["score"] > 0
    if method["kind"] not in ("gradient_dot", "ekfac", "kfac", "trak", "lissa"):
        # At unit length nothing is nearer to a query than itself.
        assert top["doc_id"] == "d0003" and top["score"] == pytest.approx(1, abs=1e-4)
    else:
        own = best.filter(doc_id="d0003")["score"]
        assert len(own) == 0 or own[0] > 0


def encoded(study: Study, lake: Lake) -> tuple[list, list]:
    tokenizer = load_tokenizer(study, lake.home)
    read = read_documents(lake, lake.read("sampling_manifest")["doc_id"])
    items = lake.read("benchmark_items").filter(benchmark="alpha")
    return (
        encode_documents(read, tokenizer, study.model.max_tokens),
        encode_queries(items, tokenizer, study.model.max_tokens),
    )


def theirs(study: Study, lake: Lake, folder: Path, attention: str = "sdpa", **options) -> tuple:
    """Bergson's own settings for the same documents and queries."""
    from bergson.config.config import DataConfig, DistributedConfig, IndexConfig, QuerySetConfig

    documents, queries = encoded(study, lake)
    index = IndexConfig(
        run_path=str(folder / "run"),
        model=str(study.model.path),
        model_kwargs=f"attn_implementation={attention}",
        precision="fp32",
        projection_seed=study.seed,
        token_batch_size=256,
        data=DataConfig(dataset=save_dataset(documents, folder / "documents")),
        distributed=DistributedConfig(nnode=1, nproc_per_node=1, node_rank=0),
        **options,
    )
    return index, QuerySetConfig(dataset=save_dataset(queries, folder / "queries"))


def means(scores: Path) -> np.ndarray:
    from bergson.data import load_scores

    return np.array(load_scores(scores)[:]).mean(axis=1)


@pytest.mark.parametrize("method", [DOT, COSINE, WHOLE], ids=named)
def test_products_are_those_of_bergsons_own_commands(method, plain, tmp_path):
    study, lake = plain(method, shards=1, benchmarks=("alpha",))
    ours = made(study, lake)["score"].to_numpy()
    with bergson_output_to(tmp_path / "log"):
        from bergson.cli.commands import Build, Score
        from bergson.config.config import PreprocessConfig, ScoreConfig

        dim = method["projection_dim"]
        index, query = theirs(study, lake, tmp_path, projection_dim=dim)
        asked = replace(index, data=query.to_data(), run_path=str(tmp_path / "asked"))
        Build(asked, PreprocessConfig()).execute()
        compared = PreprocessConfig(unit_normalize=method is COSINE)
        Score(ScoreConfig(query_path=asked.run_path), index, compared).execute()
    agree(ours, means(tmp_path / "run"))


@pytest.mark.parametrize("is_corrected", [False, True])
def test_factors_give_the_scores_of_bergsons_own_pipeline(is_corrected, plain, tmp_path):
    method = (EKFAC if is_corrected else KFAC) | {"draw_labels": False}
    study, lake = plain(method, shards=1, benchmarks=("alpha",))
    ours = made(study, lake)["score"].to_numpy()
    with bergson_output_to(tmp_path / "log"):
        from bergson.config.config import (
            HessianConfig,
            HessianPipelineConfig,
            PreprocessConfig,
            ScoreConfig,
        )
        from bergson.hessians.pipeline import hessian_pipeline

        index, query = theirs(study, lake, tmp_path)
        hessian = HessianConfig("kfac", ev_correction=is_corrected, use_dataset_labels=True)
        asked = HessianPipelineConfig(query=query)
        hessian_pipeline(index, hessian, ScoreConfig(), PreprocessConfig(), asked)
    agree(ours, means(tmp_path / "run" / "scores"))


def test_trak_ranks_as_bergsons_own_command(plain, tmp_path):
    study, lake = plain(TRAK, shards=1, benchmarks=("alpha",))
    ours = made(study, lake)["score"].to_numpy()
    with bergson_output_to(tmp_path / "log"):
        from bergson.cli.trak import trak
        from bergson.config.config import InversionConfig, PreprocessConfig, TrakConfig

        index, query = theirs(
            study, lake, tmp_path, projection_dim=16, projection_target="global",
            loss_fn="log_odds",
        )  # fmt: skip
        damped = PreprocessConfig(inversion_cfg=InversionConfig(damping_factor=0.1))
        trak(index, TrakConfig(query=query, preprocess_cfg=damped))
    expected = means(tmp_path / "run" / "scores")
    agree(ours / ours.std(), expected / expected.std())


def test_lissa_gives_the_scores_of_bergsons_own_pipeline(plain, tmp_path):
    study, lake = plain(LISSA, shards=1, benchmarks=("alpha",))
    ours = made(study, lake)["score"].to_numpy()
    with bergson_output_to(tmp_path / "log"):
        from bergson.config.config import LissaConfig, PreprocessConfig, ScoreConfig
        from bergson.hessians.lissa import lissa_pipeline

        index, query = theirs(study, lake, tmp_path, "eager")
        series = LissaConfig(
            query=query, scale=1e4, depth=5, repeats=1, batch_size=4, micro_batch_size=4
        )
        lissa_pipeline(index, ScoreConfig(), PreprocessConfig(), series)
    agree(ours, means(tmp_path / "run" / "scores"))


def test_a_series_that_grows_is_named(plain):
    study, lake = plain(LISSA | {"scale": 1e-9, "depth": 60}, shards=1)
    with pytest.raises(HealthError, match=r"methods.lissa: the series of 16 of 16.*raise scale"):
        make_fact(study, lake, "method_preparation", "base|lissa")


def test_drawn_labels_follow_from_the_seed(plain):
    first, lake = plain(EKFAC, shards=1)
    scores = made(first, lake)
    for folder in ("method_preparation", "query_index"):
        shutil.rmtree(lake.home.work / folder)
    lake.path("document_scores", shard_part(0, "base|ekfac")).unlink()
    assert made(first, lake).equals(scores)
    other = first.model_copy(update={"seed": 5})
    assert not made(other, lake).equals(scores)


def test_methods_with_one_projection_share_stored_gradients(tiny_model, tmp_path):
    lake = write_scoring_lake(tmp_path, shards=2, n_documents=30)
    stored = [DOT | {"store_gradients": True}, COSINE | {"store_gradients": True}]
    for method in stored:
        study = scoring_study(tiny_model, shards=2, methods=[method])
        found = made(study, lake)
        kept = {p: p.stat().st_mtime_ns for p in (lake.home.work / "document_gradients").iterdir()}
        assert len(kept) == 2
        direct = scoring_study(
            tiny_model, shards=2, methods=[method | {"store_gradients": False, "name": "direct"}]
        )
        agree(found["score"].to_numpy(), made(direct, lake)["score"].to_numpy())
    assert {p: p.stat().st_mtime_ns for p in kept} == kept


def test_a_mix_by_share_lies_between_documents_and_queries(plain):
    shares = {}
    for share in (0, 0.5, None):
        method = TRACKSTAR | {"preconditioner": {"mix_share": share}}
        study, lake = plain(method, shards=1, token_batch_size=256 + (share is None))
        prepared = method_of(study.of_part("base|trackstar"), lake).preparation
        assert prepared.benchmarks == (() if share == 0 else ("alpha", "beta"))
        shares[share] = made(study, lake)["score"].to_numpy()
        shutil.rmtree(lake.home.path)
    assert not np.allclose(shares[0], shares[0.5]) and not np.allclose(shares[0.5], shares[None])


def test_a_row_without_loss_scores_zero(plain):
    study, lake = plain(COSINE, shards=1)
    documents = lake.read("documents").with_columns(
        text=pl.when(pl.col("doc_id") == "d0003").then(pl.lit("a")).otherwise("text")
    )
    lake.write("documents", documents, lake.require("documents"))
    scores = made(study, lake)
    zero = scores.filter(score=0)
    assert set(zero["doc_id"]) <= {"d0003"}
    assert Documents(lake, scores.select("doc_id").unique()).read().height == 30
