"""A small honest manifest, and one damage for each expectation on it.

Belongs here: facts broken behind the contract's back. Does not belong here: what must come
of it (the tests of the expectations and of the blocking checks).
"""

import shutil
from pathlib import Path

import polars as pl

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.seals import BLANK_SEAL, METADATA_KEY, seal
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.sampling.evidence import collect_evidence
from influence_warehouse.sampling.expectations import MAX_TOKENS
from influence_warehouse.study.study import Study
from tests.corpus_world import lake_at, rows_of, study_of, write_items, write_lines

# 7 documents in one bin (5 are drawn) and 1 in another.
ROWS = [*rows_of(7), {**rows_of(1)[0], "doc_id": "lone", "topic": "health", "text": "on health"}]


def honest_manifest(folder: Path, tiny_model: Path) -> tuple[Study, Lake]:
    """A study and its lake up to a manifest on which every expectation holds."""
    corpus = {"path": write_lines(folder / "c.jsonl", ROWS)}
    study, lake = study_of(tiny_model, corpus), lake_at(folder)
    make_fact(study, lake, "documents")
    make_fact(study, lake, "sampling_manifest")
    write_items(lake, ["Which king ruled the river city?", "What?", "Who made the old temple?"])
    return study, lake


class Damaged:
    """A copy of the facts, to be broken behind the contract's back."""

    def __init__(self, study: Study, source: Lake, root: Path):
        shutil.copytree(source.home.path, root / "small")
        self.study = study
        self.lake = Lake(Home(root, "small"))

    def change(self, fact: str, change) -> None:
        """Overwrite a fact with `change(frame)`, under its fingerprint and a seal of its own."""
        path = self.lake.path(fact)
        assert isinstance(path, Path)
        metadata = pl.read_parquet_metadata(path)
        ours = {"influence_warehouse": metadata["influence_warehouse"], METADATA_KEY: BLANK_SEAL}
        change(pl.read_parquet(path)).write_parquet(path, metadata=ours)
        seal(path)


def lone(column: str, value) -> pl.Expr:
    """`value` in `column` of the document that is alone in its bin."""
    here = pl.col("doc_id") == "lone"
    return pl.when(here).then(value).otherwise(pl.col(column)).alias(column)


def _missing_value(damaged: Damaged) -> None:
    damaged.change("sampling_manifest", lambda m: m.with_columns(lone("sample_rank", None)))


def _drawn_twice(damaged: Damaged) -> None:
    damaged.change("sampling_manifest", lambda m: pl.concat([m, m.head(1)]))


def _topic_unknown(damaged: Damaged) -> None:
    change = lone("topic", pl.lit("gardening"))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _format_unknown(damaged: Damaged) -> None:
    change = lone("format", pl.lit("poem"))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _labels_of_another_bin(damaged: Damaged) -> None:
    change = lone("topic", pl.lit("games"))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _bin_forgotten(damaged: Damaged) -> None:
    damaged.change("sampling_manifest", lambda m: m.filter(pl.col("doc_id") != "lone"))


def _population_misstated(damaged: Damaged) -> None:
    more = pl.col("population_documents") + 1
    damaged.change("bin_populations", lambda b: b.with_columns(more))


def _content_twice(damaged: Damaged) -> None:
    manifest = damaged.lake.read("sampling_manifest")
    twin = manifest.filter(pl.col("doc_id") != "lone").row(0, named=True)
    text = damaged.lake.read("documents").filter(pl.col("doc_id") == twin["doc_id"])["text"][0]
    damaged.change("documents", lambda d: d.with_columns(lone("text", pl.lit(text))))
    change = lone("content_sha256", pl.lit(twin["content_sha256"]))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _probability_wrong(damaged: Damaged) -> None:
    change = lone("inclusion_probability", pl.lit(0.75))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _tokens_overflow(damaged: Damaged) -> None:
    change = lone("n_tokens", pl.lit(MAX_TOKENS + 1, pl.Int32))
    damaged.change("documents", lambda d: d.with_columns(change))


def _not_in_corpus(damaged: Damaged) -> None:
    change = lone("doc_id", pl.lit("ghost"))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _text_changed_behind_the_manifest(damaged: Damaged) -> None:
    damaged.change("documents", lambda d: d.with_columns(lone("text", pl.lit("on wealth"))))


def contaminated(damaged: Damaged) -> None:
    write_items(damaged.lake, ["Is it true that the king  OF GAME 3", "the king of game 99999 ?"])
    drawn = damaged.lake.read("sampling_manifest")["doc_id"][0]
    text = "so: is it true that the king of game 3 is old"
    here = pl.when(pl.col("doc_id") == drawn).then(pl.lit(text)).otherwise("text").alias("text")
    damaged.change("documents", lambda d: d.with_columns(here))
    evidence = collect_evidence(damaged.study, damaged.lake).documents
    hashes = evidence.select("doc_id", content_sha256="corpus_content_sha256")
    damaged.change(
        "sampling_manifest", lambda m: m.drop("content_sha256").join(hashes, on="doc_id")
    )


DAMAGES = {
    "no_missing_values": _missing_value,
    "doc_ids_unique": _drawn_twice,
    "topics_in_taxonomy": _topic_unknown,
    "formats_in_taxonomy": _format_unknown,
    "bin_ids_match_labels": _labels_of_another_bin,
    "bin_counts_equal_target": _bin_forgotten,
    "populations_match_corpus": _population_misstated,
    "no_duplicate_content": _content_twice,
    "inclusion_probability_is_sampled_over_population": _probability_wrong,
    "token_counts_in_range": _tokens_overflow,
    "documents_in_corpus": _not_in_corpus,
    "content_hash_matches_corpus": _text_changed_behind_the_manifest,
    "no_contamination": contaminated,
}
