"""The stratified sample: `sampling_manifest` and `bin_populations`.

Per bin at most `documents_per_bin` documents, the first by a keyed hash of (seed, doc_id).
So the sample does not depend on file order or threads, and a larger one contains a smaller.
Belongs here: who is drawn and with what probability. Does not belong here: the expectations
on the result (expectations).
"""

from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.errors import InputError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.object_storage import FactPath, let_duckdb_read
from influence_warehouse.lake.out_of_core import spilling
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.sampling.bins import bins_of
from influence_warehouse.study.study import Sampling, Study

# A bin's ceiling leaves this many standard deviations more documents than are drawn.
_MARGIN = 10.0

_POPULATIONS = """
    select bins.bin_id, count(*) as population_documents
    from read_parquet($documents) as documents
    inner join bins on documents.topic = bins.topic and documents.format = bins.format
    where documents.n_tokens >= $min_tokens
    group by bins.bin_id
"""

# The text is not read. `draw` orders all documents at random, yet by (seed, doc_id) alone; what
# lies above its bin's ceiling is too far back to be drawn, and is not sorted.
_SAMPLE = """
    with eligible as (
        select
            documents.doc_id,
            documents.content_sha256,
            bins.*,
            sha256($seed || ':' || documents.doc_id) as draw
        from read_parquet($documents) as documents
        inner join bins on documents.topic = bins.topic and documents.format = bins.format
        where
            documents.n_tokens >= $min_tokens
            and sha256($seed || ':' || documents.doc_id) < bins.ceiling
    ),

    ranked as (
        select
            *,
            row_number() over (partition by bin_id order by draw, doc_id) - 1 as sample_rank
        from eligible
    ),

    sampled as (
        select * from ranked where sample_rank < $documents_per_bin
    )

    select
        doc_id,
        topic,
        format,
        bin_id,
        population_documents,
        least($documents_per_bin, population_documents)
        / population_documents as inclusion_probability,
        sample_rank,
        (row_number() over (order by draw, doc_id) - 1) % $shards as shard,
        content_sha256
    from sampled
"""


def identity_of_sampling_manifest(study: Study, lake: Lake) -> dict[str, Any]:
    """What the sample is made from beside the documents: seed and the sampling section."""
    return {
        "taxonomy": study.taxonomy,
        "seed": study.seed,
        "sampling": study.sampling.model_dump(mode="json"),
    }


def make_sampling_manifest(task: Task) -> list[Made]:
    """`sampling_manifest` and `bin_populations` (one row for each bin, empty or not).

    Documents with fewer than sampling.min_tokens tokens, or of topics that sampling.topics does
    not name, are no part of any population. Raises InputError when none is left, or when
    sampling.max_documents are fewer than bins.
    """
    study, lake = task.study, task.lake
    cells = bins_of(study, lake)
    manifest = draw_sample(lake.path("documents"), study, lake.home.work, cells)
    populations = bin_populations(manifest, study.sampling, cells)
    eligible = int(populations["population_documents"].sum())
    details = {
        "documents_eligible": eligible,
        "documents_not_eligible": lake.rows("documents") - eligible,
        "shards": study.sampling.shards,
    }
    strata = populations["stratum"].value_counts().sort("stratum").rows()
    return [
        Made("bin_populations", populations, dict(strata)),
        Made("sampling_manifest", manifest, details),
    ]


def draw_sample(
    documents: FactPath, study: Study, spill: Path, cells: pl.DataFrame
) -> pl.DataFrame:
    """Rows of `sampling_manifest` from a Parquet file with the documents' columns.

    `cells` are the bins: bin_id, topic, format. `spill` is the folder for what does not fit into
    memory. Shards are even to one document:
    the sampled documents in order of their hash, dealt out in turn.
    """
    settings = study.sampling
    readable = {"documents": str(documents), "min_tokens": settings.min_tokens}
    with spilling(spill) as connection:
        let_duckdb_read(connection, documents)
        connection.register("bins", eligible_bins(settings, cells).to_arrow())
        counts = connection.sql(_POPULATIONS, params=readable).pl()
        per_bin = drawn_per_bin(settings, counts["population_documents"].to_list(), documents)
        drawn = {
            "seed": str(study.seed),
            "documents_per_bin": per_bin,
            "shards": settings.shards,
        }
        expected_rows = int(counts["population_documents"].clip(0, per_bin).sum())
        # The second margin leaves all in: for a hash so uneven that the first fell short.
        for margin in (_MARGIN, float("inf")):
            ceilings = _ceilings(counts, per_bin, margin)
            connection.register("bins", cells.join(ceilings, on="bin_id").to_arrow())
            sample = connection.sql(_SAMPLE, params=readable | drawn).pl()
            if len(sample) == expected_rows:
                break
    return sample


def drawn_per_bin(settings: Sampling, populations: list[int], documents: object) -> int:
    """At most so many documents are drawn of one bin; `documents` is where they are from.

    Raises InputError when none can be drawn.
    """
    if not populations:
        topics = f" and one of sampling.topics = {list(settings.topics)}" if settings.topics else ""
        raise InputError(
            f"{documents}: no document has sampling.min_tokens = {settings.min_tokens} tokens"
            f"{topics}. Remedy: lower it, name more topics, or give other documents."
        )
    per_bin = settings.per_bin(populations)
    if not per_bin:
        raise InputError(
            f"{documents}: sampling.max_documents = {settings.max_documents} are fewer than the "
            f"{len(populations)} bins that have documents. Remedy: raise it, or name fewer "
            "topics in sampling.topics."
        )
    return per_bin


def eligible_bins(settings: Sampling, cells: pl.DataFrame) -> pl.DataFrame:
    """Those of the bins that documents are drawn from.

    Raises InputError for a topic of sampling.topics that no bin has.
    """
    if not settings.topics:
        return cells
    known = cells["topic"].unique().sort().to_list()
    if unknown := sorted(set(settings.topics) - set(known)):
        raise InputError(
            f"sampling.topics: {unknown} are no labels of the documents; they have {known[:20]}. "
            "Remedy: correct them, or leave sampling.topics out."
        )
    return cells.filter(pl.col("topic").is_in(settings.topics))


def _ceilings(counts: pl.DataFrame, documents_per_bin: int, margin: float) -> pl.DataFrame:
    """`counts` with the hash, in hexadecimal, that a bin's whole sample is almost surely below."""
    enough = documents_per_bin + margin * (documents_per_bin**0.5 + 1)
    ceilings = [
        "g" if enough >= population else f"{int(enough / population * 2**64):016x}"
        for population in counts["population_documents"]
    ]
    return counts.with_columns(ceiling=pl.Series(ceilings, dtype=pl.String))


def bin_populations(
    manifest: pl.DataFrame, settings: Sampling, cells: pl.DataFrame
) -> pl.DataFrame:
    """Population, sample and stratum of all bins (`cells`: bin_id, topic, format).

    Strata: full (as many sampled as asked for), partial (at least half), sparse, empty.
    """
    counts = manifest.group_by("bin_id").agg(
        pl.col("population_documents").first(), pl.len().alias("sampled_documents")
    )
    sampled = pl.col("sampled_documents")
    populations = counts["population_documents"].to_list()
    documents_per_bin = settings.per_bin(populations)
    return (
        cells.join(counts, on="bin_id", how="left")
        .with_columns(pl.col("population_documents", "sampled_documents").fill_null(0))
        .with_columns(
            stratum=pl.when(sampled >= documents_per_bin)
            .then(pl.lit("full"))
            .when(sampled == 0)
            .then(pl.lit("empty"))
            .when(2 * sampled >= documents_per_bin)
            .then(pl.lit("partial"))
            .otherwise(pl.lit("sparse"))
        )
    )
