"""Gradient passes: how many benchmarks one serves, and what is not gradients.

See docs/performance.md. The model is untrained: time does not depend on what it has learned.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.attribution import scoring
from influence_warehouse.attribution.bergson_session import bergson_output_to, save_dataset
from influence_warehouse.attribution.gradient_pass import let_go
from influence_warehouse.attribution.gradients import gradients_of, score_configs
from influence_warehouse.attribution.methods import Documents
from influence_warehouse.attribution.methods.trackstar import Method
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import Encoded, load_tokenizer
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from tests.bench.side_by_side import side_by_side
from tests.scoring_lake import CELL, items_frame, scoring_study, shard_part, write_scoring_lake
from tests.tiny_model import COMMON_TEXT, write_tiny_model

DOCUMENTS = int(os.environ.get("BENCH_GRADIENTS", 1800))
SHARDS = 3
NAMES = ("first", "second", "third", "fourth", "fifth")
FIRST, FOUR = NAMES[:1], NAMES[:4]
FEW_QUERIES, MANY_QUERIES = 20, 18_000


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bench-model")
    return write_tiny_model(folder, COMMON_TEXT.split(), layers=4, hidden=128)


def study_of(model: Path, benchmarks: tuple[str, ...], stored: bool = False) -> Study:
    """Settings of the demo, with the default projection, and one preconditioner for all."""
    study = scoring_study(
        model,
        SHARDS,
        benchmarks,
        projection_dim=16,
        token_batch_size=512,
        top_k=20,
        store_gradients=stored,
        preconditioner={"mix_benchmarks": ["first"]},
    )
    model = study.model.model_copy(update={"max_tokens": 192})
    return study.model_copy(update={"models": (model,)})


def encoded(study: Study, lake: Lake, part: str | None = None) -> list[Encoded]:
    """The sampled documents as TrackStar reads them, of one shard or all."""
    manifest = lake.read("sampling_manifest")
    rows = manifest if part is None else scoring._shard_documents(lake, part)
    documents = Documents(lake, rows).read()
    return encode_documents(documents, load_tokenizer(study, lake.home), study.model.max_tokens)


@pytest.fixture(scope="module")
def lake(model, tmp_path_factory) -> Lake:
    """Preconditioner and query indices are made; what is measured is scoring."""
    lake = write_scoring_lake(tmp_path_factory.mktemp("bench"), SHARDS, DOCUMENTS, longest=190)
    items = items_frame(NAMES, per_benchmark=50)
    lake.write("benchmark_items", items, Fingerprint.of("benchmark_items", bench=1))
    make_fact(study_of(model, FIRST), lake, "method_preparation", CELL)
    for names in (FIRST, FOUR, NAMES[4:]):
        scoring.index_folder(study_of(model, NAMES), lake, CELL, names)
    return lake


def forget(lake: Lake) -> None:
    for fact in scoring.SHARD_FACTS:
        shutil.rmtree(lake.path(fact, shard_part(0)).parent, ignore_errors=True)


def score_all(study: Study, lake: Lake, shards: int = SHARDS) -> Callable[[], None]:
    """Score all shards for the study's benchmarks, from nothing."""

    def run() -> None:
        forget(lake)
        let_go()  # as a process that begins
        for shard in range(shards):
            make_fact(study, lake, "document_scores", shard_part(shard))

    return run


def test_four_benchmarks_in_one_pass(benchmark, model, lake):
    alternatives = {
        "one benchmark": score_all(study_of(model, FIRST), lake),
        "four benchmarks": score_all(study_of(model, FOUR), lake),
    }
    side_by_side(benchmark, "Attribution: four benchmarks", alternatives, at_most=1.15)


@pytest.fixture(scope="module")
def wide_model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wide-model")
    return write_tiny_model(folder, COMMON_TEXT.split(), layers=4, hidden=256)


@pytest.fixture(scope="module")
def many_queries(wide_model, tmp_path_factory) -> Lake:
    """Two benchmarks, of few and of many items."""
    lake = write_scoring_lake(tmp_path_factory.mktemp("queries"), 1, DOCUMENTS // 6, longest=190)
    few, many = items_frame(("first",), FEW_QUERIES), items_frame(("second",), MANY_QUERIES)
    made = Fingerprint.of("benchmark_items", bench=2)
    lake.write("benchmark_items", pl.concat([few, many]), made)
    make_fact(wide(wide_model), lake, "method_preparation", CELL)
    for name in NAMES[:2]:
        scoring.index_folder(wide(wide_model), lake, CELL, [name])
    return lake


def wide(model: Path, benchmarks: tuple[str, ...] = NAMES[:2]) -> Study:
    """A query's product is 1 / 1,500,000 of a document's pass: half of what it is of 135 M
    parameters with the default projection."""
    study = study_of(model, NAMES[:2])
    method = study.method.model_copy(update={"projection_dim": 4})
    settings = study.attribution.model_copy(update={"methods": (method,)})
    # Narrowed after it was checked: the preconditioner is that of the first benchmark for both.
    asked = tuple(each for each in study.benchmarks if each.name in benchmarks)
    return study.model_copy(update={"attribution": settings, "benchmarks": asked})


def test_many_queries_cost_little_more_than_few(benchmark, wide_model, many_queries):
    few, many = (wide(wide_model, (name,)) for name in NAMES[:2])
    alternatives = {
        f"{FEW_QUERIES:,} queries": score_all(few, many_queries, shards=1),
        f"{MANY_QUERIES:,} queries": score_all(many, many_queries, shards=1),
    }
    side_by_side(benchmark, "Attribution: many queries", alternatives, at_most=1.15)


def test_a_fifth_benchmark_on_stored_gradients(benchmark, model, lake):
    four, five = (study_of(model, names, stored=True) for names in (FOUR, NAMES))
    score_all(four, lake)()
    kept = lake.home.path / "kept"
    for fact in scoring.SHARD_FACTS:
        shutil.copytree(lake.path(fact, shard_part(0)).parent, kept / fact)

    def fifth() -> None:
        for shard in range(SHARDS):
            make_fact(five, lake, "document_scores", shard_part(shard))

    def restored() -> None:
        for fact in scoring.SHARD_FACTS:
            shutil.copytree(kept / fact, lake.path(fact, shard_part(0)).parent, dirs_exist_ok=True)
        fifth()

    alternatives = {
        "one pass for one benchmark": score_all(study_of(model, FIRST), lake),
        "a fifth benchmark, gradients stored": restored,
    }
    side_by_side(benchmark, "Attribution: a fifth benchmark", alternatives, at_most=0.1)


def test_our_scoring_against_bare_bergson(benchmark, model, lake, tmp_path):
    study = study_of(model, FOUR)
    method = Method(study.of_part(CELL), lake)
    prepared = scoring.folder_of(lake, fingerprint_of(study, lake, "method_preparation", CELL))
    index = scoring.index_folder(study, lake, CELL, FOUR)
    gradients = gradients_of(study, lake, method.projection)
    configs = []
    for shard in range(SHARDS):
        documents = encoded(study, lake, shard_part(shard))
        folder = tmp_path / f"{shard}"
        configs.append(gradients.index_config(folder / "scores", documents, folder))

    def bergson() -> None:
        from bergson.cli.commands import Score
        from bergson.config.config_io import save_run_config
        from bergson.data import load_scores
        from bergson.score.score import score_dataset

        with bergson_output_to(lake.home.runs / "bergson.log"):
            for config in configs:
                shutil.rmtree(config.run_path, ignore_errors=True)
                scores, preprocess = score_configs(method.comparison(prepared), index)
                save_run_config(Score(scores, config, preprocess), config.partial_run_path)
                score_dataset(config, scores, preprocess)
                load_scores(Path(config.run_path))[:]

    alternatives = {
        "bare Bergson calls": bergson,
        "our shards, read to written": score_all(study, lake),
    }
    side_by_side(benchmark, "Attribution: orchestration", alternatives, at_most=0.95)


def test_against_bergsons_own_command_for_each(benchmark, model, lake, tmp_path, monkeypatch):
    study = study_of(model, FOUR)
    documents = encoded(study, lake)
    data = save_dataset(documents, tmp_path / "documents")
    tokenizer = load_tokenizer(study, lake.home)
    queries = {
        name: save_dataset(
            encode_queries(scoring._items(lake, [name]), tokenizer, 192), tmp_path / name
        )
        for name in FOUR
    }

    def command(name: str, run: Path) -> list[str]:
        return [
            *("bergson", "trackstar", str(run), "--model", str(model), "--precision", "fp32"),
            *("--projection_dim", "16", "--token_batch_size", "512", "--nproc_per_node", "1"),
            *("--data.dataset", data, "--query.dataset", queries[name]),
            *("--unit_normalize", "True", "--stats_sample_size", str(DOCUMENTS)),
        ]

    def theirs() -> None:
        with bergson_output_to(lake.home.runs / "bergson.log"):
            from bergson.__main__ import main

            for name in FOUR:
                run = tmp_path / "runs"
                monkeypatch.setattr(sys, "argv", command(name, run))
                main()
                shutil.rmtree(run)

    def ours() -> None:
        shutil.rmtree(lake.home.work)
        lake.home.work.mkdir()
        make_fact(study, lake, "method_preparation", CELL)
        make_fact(study, lake, "query_index", CELL)
        score_all(study, lake)()

    alternatives = {"our four benchmarks": ours, "bergson trackstar, four times": theirs}
    side_by_side(benchmark, "Attribution: all of it, with fits", alternatives, rounds=1)
