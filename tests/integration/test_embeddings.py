"""Vectors that a user brings: scores are those of numpy; what would bend them is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from influence_warehouse.attribution.health import health_problems
from influence_warehouse.errors import InputError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.parts import cells
from influence_warehouse.pipeline.steps import steps
from influence_warehouse.planning.preflight import require_inputs
from influence_warehouse.study.load import parse_study
from influence_warehouse.study.reference import EXAMPLE
from influence_warehouse.study.study import Study
from tests.integration.test_methods import scored, scores_of
from tests.scoring_lake import scoring_study, write_scoring_lake

CELL, LENGTH = "base|embeddings", 6


def vectors(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 1.0, (count, LENGTH))


def document_rows(lake: Lake) -> pl.DataFrame:
    ids = lake.read("sampling_manifest")["doc_id"].sort()
    return pl.DataFrame({"doc_id": ids, "embedding": vectors(len(ids), 1).tolist()})


def item_rows(lake: Lake) -> pl.DataFrame:
    keys = lake.read("benchmark_items").select("benchmark", "item_id")
    return keys.with_columns(embedding=pl.Series(vectors(len(keys), 2).tolist()))


def write_files(folder: Path, documents: pl.DataFrame, items: pl.DataFrame) -> None:
    documents.write_parquet(folder / "documents.parquet")
    items.write_parquet(folder / "items.parquet")


def vectors_study(folder: Path, shards: int = 3, **settings: object) -> Study:
    sides = {side: {"path": str(folder / f"{side}.parquet")} for side in ("documents", "items")}
    methods = [{"kind": "embeddings", **sides, **settings}]
    # No model is read: its folder does not exist.
    return scoring_study(Path("unread"), shards, methods=methods)


def expected(
    documents: np.ndarray, items: np.ndarray, similarity: str, centred: bool
) -> np.ndarray:
    sides = [documents, items]
    if centred:
        sides = [side - documents.mean(0) for side in sides]
    if similarity == "cosine":
        sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
    return sides[0] @ sides[1].T


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_scores_are_similarities_whatever_order_rows_and_shards(similarity, centred, tmp_path):
    found = {}
    for shards in (1, 4):
        lake = write_scoring_lake(tmp_path / f"{shards}", shards=shards)
        documents, items = document_rows(lake), item_rows(lake)
        # Rows of what is not in the study are passed over, whatever they hold.
        strangers = pl.DataFrame({"doc_id": ["other", None], "embedding": [[0.0], None]})
        write_files(
            tmp_path,
            pl.concat([documents, strangers]).sample(fraction=1.0, shuffle=True, seed=3),
            items.reverse(),
        )
        study = vectors_study(tmp_path, shards, similarity=similarity, centred=centred)
        found[shards] = scores_of(study, scored(study, lake), CELL)
    wanted = expected(vectors(60, 1), vectors(16, 2), similarity, centred)
    for rows in found.values():
        for place, benchmark in enumerate(("alpha", "beta")):
            ours = rows.filter(benchmark=benchmark)
            assert ours["doc_id"].to_list() == documents["doc_id"].to_list()
            means = wanted[:, 8 * place : 8 * place + 8].mean(1)
            np.testing.assert_allclose(ours["score"], means, atol=1e-5)
    assert wanted.std() > 0.1


@pytest.mark.parametrize("centred", [True, False])
def test_the_document_that_is_the_query_scores_highest(centred, tmp_path):
    lake = write_scoring_lake(tmp_path)
    items = item_rows(lake)
    same = vectors(60, 1)
    same[7] = 3 * vectors(16, 2)[:8].mean(0)
    alike = items.with_columns(embedding=pl.Series([same[7].tolist()] * 8 + same[:8].tolist()))
    write_files(
        tmp_path, document_rows(lake).with_columns(embedding=pl.Series(same.tolist())), alike
    )
    study = vectors_study(tmp_path, centred=centred)
    found = scores_of(study, scored(study, lake), CELL).filter(benchmark="alpha")
    assert found.sort("score")["doc_id"][-1] == "d0007"
    assert found["score"].max() == pytest.approx(1.0, abs=1e-5)


KINDS = {
    "float32 lists": pl.List(pl.Float32),
    "lists of one length": pl.Array(pl.Float64, LENGTH),
    "whole numbers": pl.List(pl.Int16),
}


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_of_any_kind_of_numbers_and_ids_that_are_numbers_are_read(kind, tmp_path):
    lake = write_scoring_lake(tmp_path)
    rounded = (vectors(60, 1) * 8).round()
    rows = pl.DataFrame({"doc_id": range(60), "v": pl.Series(rounded.tolist()).cast(KINDS[kind])})
    numbered = lake.read("sampling_manifest").with_columns(
        doc_id=pl.col("doc_id").str.slice(1).cast(pl.Int64).cast(pl.String)
    )
    lake.write("sampling_manifest", numbered, lake.require("sampling_manifest"))
    write_files(tmp_path, rows, item_rows(lake))
    side = {"path": str(tmp_path / "documents.parquet"), "column": "v"}
    study = vectors_study(tmp_path, documents=side)
    found = scores_of(study, scored(study, lake), CELL).filter(benchmark="alpha")
    by_number = found.sort(pl.col("doc_id").cast(pl.Int64))["score"]
    wanted = expected(rounded, vectors(16, 2), "cosine", True)[:, :8].mean(1)
    np.testing.assert_allclose(by_number, wanted, atol=1e-5)


def changed(row: int, vector: list | None) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def change(rows: pl.DataFrame) -> pl.DataFrame:
        kept = rows["embedding"].to_list()
        kept[row] = vector
        return rows.with_columns(embedding=pl.Series(kept, dtype=pl.List(pl.Float64)))

    return change


OTHERS = [1.0] * (LENGTH - 1)
BROKEN = {
    "missing": (lambda rows: rows.slice(1), "no vector of 1 of "),
    "none at all": (lambda rows: rows.clear(), "no vector of "),
    "twice": (lambda rows: pl.concat([rows, rows.head(1)]), "more than one vector of "),
    "shorter": (changed(0, OTHERS), "vectors of other lengths than"),
    "longer": (changed(3, [*OTHERS, 1.0, 2.0]), "vectors of other lengths than 6"),
    "null": (changed(2, None), "vectors of other lengths than 6"),
    "NaN": (changed(1, [*OTHERS, float("nan")]), "values that are no numbers"),
    "infinite": (changed(1, [*OTHERS, float("inf")]), "values that are no numbers"),
    "beyond float32": (changed(1, [*OTHERS, 1e300]), "values that are no numbers"),
    "null within": (changed(1, [*OTHERS, None]), "values that are no numbers"),
    "zero": (changed(4, [0.0] * LENGTH), "0 throughout"),
    "no column": (lambda rows: rows.rename({"embedding": "v"}), "no column 'embedding'; it has"),
    "text": (lambda rows: rows.with_columns(embedding=pl.lit("0.5")), "not lists of numbers"),
    "lists of text": (
        lambda rows: rows.with_columns(embedding=pl.lit(["a"], pl.List(pl.String))),
        "not lists of numbers",
    ),
    "ids of fractions": (
        lambda rows: rows.with_columns(pl.lit(0.5).alias(rows.columns[-2])),
        "neither text nor whole numbers",
    ),
}


@pytest.mark.parametrize("side", ["documents", "items"])
@pytest.mark.parametrize("problem", BROKEN)
def test_what_would_bend_scores_is_refused_with_file_section_and_remedy(problem, side, tmp_path):
    change, message = BROKEN[problem]
    lake = write_scoring_lake(tmp_path)
    tables = {"documents": document_rows(lake), "items": item_rows(lake)}
    tables[side] = change(tables[side])
    write_files(tmp_path, **tables)
    with pytest.raises(InputError) as caught:
        scored(vectors_study(tmp_path), lake)
    told = str(caught.value)
    assert message in told and "Remedy: " in told
    assert f"{tmp_path / side}.parquet (attribution.methods.embeddings.{side})" in told
    assert not lake.parts("document_scores")


def test_vectors_of_two_models_are_refused(tmp_path):
    lake = write_scoring_lake(tmp_path)
    short = pl.Series([[1.0, float(number)] for number in range(16)])
    write_files(tmp_path, document_rows(lake), item_rows(lake).with_columns(embedding=short))
    with pytest.raises(InputError, match=r"vectors of 6 numbers, but those of .* have 2"):
        scored(vectors_study(tmp_path), lake)


def test_vectors_that_are_all_the_same_fail_their_check_by_name(tmp_path):
    lake = write_scoring_lake(tmp_path)
    same = document_rows(lake).with_columns(embedding=pl.lit([1.0] * LENGTH, pl.List(pl.Float64)))
    write_files(tmp_path, same, item_rows(lake))
    study = vectors_study(tmp_path, centred=False)
    scored(study, lake)
    problems = health_problems(lake.read("attribution_health", CELL), 0.01)
    assert len(problems) == 6 and all("embeddings of base" in problem for problem in problems)


def test_a_file_that_changed_is_read_again_and_no_model_ever(tmp_path):
    lake = write_scoring_lake(tmp_path)
    write_files(tmp_path, document_rows(lake), item_rows(lake))
    study = vectors_study(tmp_path)
    facts = {fact for step in steps(study) for fact in step.facts}
    assert "gradient_diagnosis" not in facts
    scored(study, lake)
    health = lake.read_parts("attribution_health", cells(study))
    assert health_problems(health, 0.01) == [] and health["dtype"].null_count() == len(health)

    def made() -> str:
        return fingerprint_of(study, lake, "document_scores", f"{CELL}|00000").digest

    before = made()
    write_files(tmp_path, document_rows(lake).reverse(), item_rows(lake))
    assert made() != before


def test_missing_files_and_columns_are_told_before_anything_runs(tmp_path):
    lake = write_scoring_lake(tmp_path)
    text = EXAMPLE.replace(
        "- {kind: bm25}",
        "- {kind: embeddings, documents: {path: vectors.parquet}, items: {path: asked.parquet}}",
    )
    study = parse_study(text, "example", tmp_path)
    with pytest.raises(InputError) as caught:
        require_inputs(study)
    for side, name in (("documents", "vectors"), ("items", "asked")):
        place = f"{tmp_path / name}.parquet (attribution.methods.embeddings.{side}.path)"
        assert place in str(caught.value)
    write_files(tmp_path, document_rows(lake), item_rows(lake).drop("benchmark"))
    planted = vectors_study(tmp_path).model_copy(
        update={"corpus": study.corpus.model_copy(update={"path": None}), "benchmarks": ()}
    )
    planted = planted.model_copy(update={"models": ()})
    with pytest.raises(InputError, match="no column 'benchmark'"):
        require_inputs(planted)
