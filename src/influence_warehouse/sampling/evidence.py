"""Tables that say, row by row, what the manifest claims and what the corpus holds.

Great Expectations reads these. Everything is counted again here from the facts on disk and
nothing is taken from the stage that made them.
Belongs here: recounting. Does not belong here: which differences are allowed (expectations).
"""

from dataclasses import dataclass

import duckdb
import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import CONTRACTS, Lake
from influence_warehouse.lake.object_storage import let_duckdb_read
from influence_warehouse.lake.out_of_core import spilling
from influence_warehouse.sampling.bins import bins_of
from influence_warehouse.sampling.contamination import (
    MIN_QUESTION_CHARS,
    contained_questions,
    normalized,
)
from influence_warehouse.study.study import Study

TEXT_BATCH = 2000  # documents whose texts are in memory at once
NAMED_ITEMS = 5  # of the items that one document contains

_BINS = """
    with population as (
        select bins.bin_id, count(*) as documents
        from read_parquet($documents) as documents
        inner join bins on documents.topic = bins.topic and documents.format = bins.format
        where
            documents.n_tokens >= $min_tokens
            and (len($topics) = 0 or list_contains($topics, bins.topic))
        group by bins.bin_id
    ),

    sample as (
        select bin_id, count(distinct doc_id) as documents
        from read_parquet($manifest)
        group by bin_id
    )

    select
        bins.bin_id,
        bins.topic,
        bins.format,
        coalesce(population.documents, 0) as population_documents,
        coalesce(recorded.population_documents, -1) as recorded_population_documents,
        coalesce(sample.documents, 0) as sampled_documents,
        least($documents_per_bin, coalesce(population.documents, 0)) as expected_documents
    from bins
    left join population on bins.bin_id = population.bin_id
    left join sample on bins.bin_id = sample.bin_id
    left join read_parquet($populations) as recorded on bins.bin_id = recorded.bin_id
    order by bins.bin_id
"""

# Null or not a number: Great Expectations passes over both in every other rule.
_MISSING = (
    " + ".join(
        f"(manifest.{name} is null)::integer" for name in CONTRACTS["sampling_manifest"].columns
    )
    + " + coalesce(isnan(manifest.inclusion_probability), false)::integer"
)

_DOCUMENTS = f"""
    with content as (
        select content_sha256, count(distinct doc_id) as documents
        from read_parquet($manifest)
        group by content_sha256
    ),

    -- Texts are read of sampled documents alone and hashed in passing.
    documents as (
        select
            found.doc_id,
            found.n_tokens,
            sha256(case
                when found.prompt_chars is null then found.text
                else left(found.text, found.prompt_chars) || chr(0)
                || substr(found.text, found.prompt_chars + 1)
            end) as content_sha256
        from read_parquet($documents) as found
        semi join read_parquet($manifest) as manifest on found.doc_id = manifest.doc_id
    )

    select
        manifest.doc_id,
        manifest.topic,
        manifest.format,
        manifest.bin_id,
        labels.bin_id as bin_id_of_labels,
        manifest.inclusion_probability,
        manifest.inclusion_probability
        - counts.sampled_documents / nullif(counts.population_documents, 0)
            as inclusion_probability_error,
        documents.n_tokens,
        documents.doc_id is not null as is_in_corpus,
        manifest.content_sha256,
        documents.content_sha256 as corpus_content_sha256,
        content.documents as documents_with_this_content,
        {_MISSING} as n_missing_values
    from read_parquet($manifest) as manifest
    left join documents on manifest.doc_id = documents.doc_id
    left join bins as labels
        on manifest.topic = labels.topic and manifest.format = labels.format
    left join bin_counts as counts on manifest.bin_id = counts.bin_id
    left join content on manifest.content_sha256 = content.content_sha256
    order by manifest.doc_id
"""

_TEXTS = """
    select documents.doc_id, documents.text
    from read_parquet($documents) as documents
    semi join read_parquet($manifest) as manifest on documents.doc_id = manifest.doc_id
"""


@dataclass(frozen=True)
class Evidence:
    """Three tables: one row per sampled document, per bin, and for the manifest as a whole."""

    documents: pl.DataFrame
    bins: pl.DataFrame


def collect_evidence(study: Study, lake: Lake) -> Evidence:
    """Recount everything that the expectations speak of.

    Raises FactError when a fact is missing or lacks a column.
    """
    for fact in ("documents", "sampling_manifest", "bin_populations", "benchmark_items"):
        lake.require(fact)
    paths = {
        "documents": str(lake.path("documents")),
        "manifest": str(lake.path("sampling_manifest")),
    }
    try:
        with spilling(lake.home.work) as connection:
            let_duckdb_read(connection, lake.home.lake)
            connection.register("bins", bins_of(study, lake).to_arrow())
            bin_counts = connection.sql(_BINS, params=paths | _settings(study, lake)).pl()
            connection.register("bin_counts", bin_counts.to_arrow())
            documents = connection.sql(_DOCUMENTS, params=paths).pl()
            hits = _contamination(connection, paths, lake)
        contaminated = documents.join(hits, on="doc_id", how="left")
        return Evidence(contaminated, bin_counts)
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        raise FactError(
            f"{lake.home.lake}: a fact cannot be checked ({error}). "
            "Remedy: delete sampling_manifest.parquet there and run the study again."
        ) from error


def _settings(study: Study, lake: Lake) -> dict:
    # Compared with a recount of the corpus, one by one, in `populations_match_corpus`.
    recorded = lake.read("bin_populations", columns=["population_documents"])
    return {
        "populations": str(lake.path("bin_populations")),
        "min_tokens": study.sampling.min_tokens,
        "topics": list(study.sampling.topics),
        "documents_per_bin": study.sampling.per_bin(recorded["population_documents"].to_list()),
    }


def _contamination(
    connection: duckdb.DuckDBPyConnection, paths: dict[str, str], lake: Lake
) -> pl.DataFrame:
    """Per sampled document in the corpus, how many questions it contains, and which."""
    items = lake.read("benchmark_items", columns=["benchmark", "item_id", "question"])
    keys = [
        f"{benchmark}/{item}" for benchmark, item in items.select("benchmark", "item_id").rows()
    ]
    questions = [question or "" for question in items["question"]]
    ids: list[str] = []
    counts: list[int] = []
    named: list[str] = []
    reader = connection.sql(_TEXTS, params=paths).to_arrow_reader(TEXT_BATCH)
    for batch in reader:
        ids.extend(batch.column("doc_id").to_pylist())
        texts = [text or "" for text in batch.column("text").to_pylist()]
        for positions in contained_questions(questions, texts):
            counts.append(len(positions))
            named.append(", ".join(sorted(keys[i] for i in positions)[:NAMED_ITEMS]))
    return pl.DataFrame(
        {
            "doc_id": pl.Series(ids, dtype=pl.String),
            "contained_items": pl.Series(named, dtype=pl.String),
            "n_contained_items": pl.Series(counts, dtype=pl.Int32),
        }
    )


def searched_questions(lake: Lake) -> int:
    """Benchmark items whose question is long enough to be searched in documents."""
    questions = lake.read("benchmark_items", columns=["question"])["question"]
    return sum(len(normalized(question or "")) >= MIN_QUESTION_CHARS for question in questions)
