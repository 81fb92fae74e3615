"""The facts `bin_terms` and `bin_words`: which terms the sampled texts of each bin use.

A term is a run of letters and their combining marks (any script, NFC, lower case) of 2 to 40
characters; digits, punctuation and markup divide terms and are never part of one. Scripts
that write no spaces give runs, not words.
Belongs here: counting. Does not belong here: which terms set a region apart (dbt:
distinctive_terms).
"""

from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.object_storage import FactPath, let_duckdb_read
from influence_warehouse.lake.out_of_core import spilling
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.progress import counted
from influence_warehouse.study.study import Study

# Only the first of a bin's random order are read: a few hundred pages say what its text is
# like, and the cost stays bounded however large the sample is.
DOCUMENTS_PER_BIN = 500
# A term of fewer documents says something about them, not about a region.
MIN_DOCUMENTS = 3
# The terms of most documents; bounds `bin_terms` at as many rows a bin.
MAX_TERMS = 20_000
TEXT_BATCH = 2000  # texts in memory at once

_TEXTS = """
    select manifest.bin_id, documents.text
    from read_parquet($documents) as documents
    inner join read_parquet($manifest) as manifest on documents.doc_id = manifest.doc_id
    where manifest.sample_rank < $documents_per_bin
"""

# Lower case first: it may give letters that NFC then joins with their marks. Normalizing stops
# at a NUL, so those go before.
_COUNT_BATCH = r"""
    insert into counted
    with texts as (
        select
            bin_id,
            list_histogram(list_filter(
                regexp_extract_all(
                    nfc_normalize(lower(replace(text, chr(0), ' '))), '[\p{L}\p{M}]+'
                ),
                lambda term: length(term) between 2 and 40
            )) as terms
        from batch
    ),

    entries as (
        select bin_id, unnest(map_entries(terms)) as entry from texts
    )

    select bin_id, entry.key, count(*), sum(entry.value)
    from entries
    group by all
"""

_VOCABULARY = """
    create table vocabulary as
    select term
    from counted
    group by term
    having sum(n_documents) >= $min_documents
    order by sum(n_documents) desc, term
    limit $max_terms
"""

_TERMS = """
    select
        bin_id,
        term,
        sum(n_documents)::integer as n_documents,
        sum(count)::bigint as count
    from counted
    semi join vocabulary using (term)
    group by bin_id, term
"""

_WORDS = """
    with documents as (
        select bin_id, count(*) as n_documents
        from read_parquet($manifest)
        where sample_rank < $documents_per_bin
        group by bin_id
    ),

    words as (
        select
            counted.bin_id,
            sum(counted.count) as n_words,
            sum(counted.count) filter (where vocabulary.term is not null) as n_words_kept
        from counted
        left join vocabulary using (term)
        group by counted.bin_id
    )

    select
        documents.bin_id,
        documents.n_documents::integer as n_documents,
        coalesce(words.n_words, 0)::bigint as n_words,
        coalesce(words.n_words_kept, 0)::bigint as n_words_kept
    from documents
    left join words using (bin_id)
"""


def identity_of_bin_terms(study: Study, lake: Lake) -> dict[str, Any]:
    """What counting follows from beside the texts and who of them was sampled: its bounds."""
    return {"bounds": [DOCUMENTS_PER_BIN, MIN_DOCUMENTS, MAX_TERMS]}


def make_bin_terms(task: Task) -> list[Made]:
    """`bin_terms` and `bin_words` in one pass over the sampled texts."""
    lake = task.lake
    terms, words = count_terms(
        lake.path("documents"), lake.path("sampling_manifest"), lake.home.work
    )
    details = {
        "terms": terms["term"].n_unique(),
        "documents": int(words["n_documents"].sum()),
        "words": int(words["n_words"].sum()),
        "words_kept": int(words["n_words_kept"].sum()),
    }
    return [Made("bin_words", words), Made("bin_terms", terms, details)]


def count_terms(
    documents: FactPath, manifest: FactPath, spill: Path
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `bin_terms` and of `bin_words`, from two Parquet files with the facts' columns.

    Counts do not depend on the order of documents. `spill` is the folder for what does not
    fit into memory; the returned terms do.
    """
    parameters = {"manifest": str(manifest), "documents_per_bin": DOCUMENTS_PER_BIN}
    bounds = {"min_documents": MIN_DOCUMENTS, "max_terms": MAX_TERMS}
    with spilling(spill) as connection:
        let_duckdb_read(connection, documents)
        connection.execute(
            "create table counted (bin_id integer, term varchar, n_documents bigint, count bigint)"
        )
        texts = parameters | {"documents": str(documents)}
        # A cursor of its own: another statement on a connection ends its reader.
        with connection.cursor() as reading:
            reader = reading.sql(_TEXTS, params=texts).to_arrow_reader(TEXT_BATCH)
            for batch in counted(reader, "counting terms", "batches"):
                connection.register("batch", batch)
                connection.execute(_COUNT_BATCH)
        connection.execute(_VOCABULARY, bounds)
        return connection.sql(_TERMS).pl(), connection.sql(_WORDS, params=parameters).pl()
