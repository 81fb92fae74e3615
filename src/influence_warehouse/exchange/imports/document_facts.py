"""Imported document scores as facts, so that the same marts are built from them.

Belongs here: which facts an import of document scores writes. Scores per item give what a study
that is run has, intervals included; scores per benchmark give means of bins (`bin_scores`), and
what only items could tell is null. Does not belong here: reading files (`document_scores`) and
statistics (dbt/, warehouse/).
"""

import tempfile
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from influence_warehouse.exchange.imports.document_scores import ReadScores, read_document_scores
from influence_warehouse.exchange.imports.document_study import ScoredDocuments
from influence_warehouse.exchange.imports.study import refuse_other_kinds
from influence_warehouse.exchange.imports.writing import drop_earlier_import, write_fact
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Outcome, Part
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of
from influence_warehouse.lake.layout import IMPORTED_FILES
from influence_warehouse.lake.records import Timer, write_record
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.progress import working
from influence_warehouse.study.methods import Random
from influence_warehouse.study.study import (
    Attribution,
    Benchmark,
    Model,
    Sampling,
    Statistics,
    Study,
)

_KIND = "document_scores"
# Raised when the facts of an import are made otherwise from the same files.
_VERSION = 2

_DOCUMENTS = """
    select doc_id, text, null as prompt_chars, url, source, topic, format, null as label_confidence,
        length(text) as n_chars, null as n_tokens, sha256(text) as content_sha256
    from sample
"""

# A bin's terms are counted in its first documents: an order that says nothing of them.
_MANIFEST = """
    select doc_id, topic, format, bin_id, null as population_documents,
        null as inclusion_probability,
        row_number() over (partition by bin_id order by md5(doc_id), doc_id) - 1 as sample_rank,
        0 as shard, sha256(text) as content_sha256
    from sample
"""

_POPULATIONS = """
    select bin_id, any_value(cells.topic) as topic, any_value(cells.format) as format,
        null as population_documents, count(doc_id) as sampled_documents,
        case when count(doc_id) = 0 then 'empty' end as stratum
    from cells
    left join sample using (bin_id)
    group by bin_id
"""

_DOCUMENT_SCORES = """
    select method, benchmark, doc_id, any_value(bin_id) as bin_id, avg(score)::float as score,
        case when count(item_id) > 0 then avg(greatest(score, 0) ** 2)::float end
            as positive_square
    from scored
    group by method, benchmark, doc_id
"""

_HEALTH = f"""
    select method, benchmark, 0 as shard, count(*) as n_documents,
        count(*) filter (where score = 0) as n_zero, 0 as n_not_finite,
        avg(score::double) as mean, stddev_samp(score::double) as standard_deviation,
        null as dtype, null as attention
    from ({_DOCUMENT_SCORES})
    group by method, benchmark
"""

_PROPONENTS = """
    with ranked as (
        select method, benchmark, item_id, doc_id, bin_id, score,
            row_number() over (strongest) as strong, row_number() over (weakest) as weak
        from scored
        where item_id is not null
        window strongest as (
                partition by method, benchmark, item_id order by score desc, doc_id
            ),
            weakest as (partition by method, benchmark, item_id order by score, doc_id)
    )

    select * exclude (strong, weak), strong as rank from ranked where strong <= $k
    union all
    select * exclude (strong, weak), -weak as rank from ranked where weak <= $k
"""

_BIN_ITEMS = """
    with sums as (
        select method, benchmark, item_id, bin_id, count(*) as n_documents,
            sum(score) as score_sum, sum(score * score) as score_sum_sq,
            sum(greatest(score, 0) ** 2) as positive_sum_sq,
            sum(greatest(score, 0) ** 4) as positive_sum_fourth
        from scored
        where item_id is not null
        group by method, benchmark, item_id, bin_id
    ),

    tops as (
        select method, benchmark, item_id, bin_id, count(*) as n_in_top_k
        from proponents
        where rank > 0
        group by method, benchmark, item_id, bin_id
    )

    select sums.*, coalesce(n_in_top_k, 0) as n_in_top_k
    from sums
    left join tops using (method, benchmark, item_id, bin_id)
"""

_BIN_MEANS = """
    select method, benchmark, bin_id, count(*) as n_documents, avg(score) as mean,
        null as stated_z
    from scored
    where item_id is null
    group by method, benchmark, bin_id
"""

_FILES = """
    select method, benchmark, list(distinct file order by file) as files,
        case when count(item_id) > 0 then 'item' else 'document' end as score_per,
        count(distinct bin_id) as n_bins, count(distinct doc_id) as n_documents
    from scored
    group by method, benchmark
"""


@dataclass(frozen=True)
class DocumentImport:
    """What came of an import: its facts, the documents that no score was given for, and what
    looks wrong and may be right."""

    outcomes: list[Outcome]
    n_without_score: int
    suspicion: str | None


def import_document_scores(study: ScoredDocuments, lake: Lake) -> DocumentImport:
    """Read and check all files of a study, then write its facts; equal inputs, equal bytes.

    Nothing is written when a file is refused. Raises InputError for a file that is broken or
    does not fit the others, StudyError for a contrast or design of an unknown benchmark and
    when the home holds a study that was run.
    """
    refuse_other_kinds(lake.home)
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as connection:
        connection.execute("set temp_directory = ?", [spill])
        found = read_document_scores(study, connection)
        study.check_design(found.benchmarks)
        lake.home.create()
        # Sums of doubles depend on their order, which several threads do not keep.
        connection.execute("set threads = 1")
        with working("writing facts"):
            outcomes = [*_write_told(study, found, lake), *_write_read(study, found, lake)]
        cells = _cells(study, found)
    with working("intervals"):
        outcomes += _write_computed(study, found, lake, cells)
    drop_earlier_import(lake, outcomes)
    return DocumentImport(outcomes, found.n_without_score, found.suspicion)


def _write_told(study: ScoredDocuments, found: ReadScores, lake: Lake) -> list[Outcome]:
    """Small facts: the files, benchmarks, contrasts and methods.

    The mark of an imported home comes first.
    """
    told = {
        IMPORTED_FILES: _sources(study, found),
        **study.design_rows(found.benchmarks, _methods(found)),
    }
    return [
        write_fact(
            lake,
            Fingerprint.of(fact, imported=_KIND, content=digest_of(rows)),
            pl.DataFrame(rows, schema=CONTRACTS[fact].columns),
            (),
        )
        for fact, rows in told.items()
    ]


def _methods(found: ReadScores) -> list[str]:
    rows = found.connection.execute("select distinct method from scored order by method")
    return [name for (name,) in rows.fetchall()]


def _cells(study: ScoredDocuments, found: ReadScores) -> list[str]:
    return [f"{study.model}|{method}" for method in _methods(found)]


def _write_read(study: ScoredDocuments, found: ReadScores, lake: Lake) -> list[Outcome]:
    """Facts that follow from the files alone."""
    connection = found.connection
    connection.execute(f"create table proponents as {_PROPONENTS}", {"k": study.top_k})
    documents = {
        "documents": _DOCUMENTS,
        "sampling_manifest": _MANIFEST,
        "bin_populations": _POPULATIONS,
    }
    scores = {
        "document_scores": _DOCUMENT_SCORES,
        "attribution_health": _HEALTH,
        "proponents": "from proponents",
        "bin_item_scores": _BIN_ITEMS,
        "bin_scores": _BIN_MEANS,
    }
    parts, cells = _parts(study, found), _cells(study, found)
    made = [
        write_fact(
            lake,
            Fingerprint.of(fact, **parts),
            _conforming(connection, fact, sql, study.model),
            cells,
        )
        for fact, sql in (documents | scores).items()
    ]
    # Resampling asks how the model answered and what items share, and nobody told.
    untold = {"item_predictions": cells, "benchmark_items": ()}
    for fact, parts_of in untold.items():
        nothing = pl.DataFrame(schema=CONTRACTS[fact].columns)
        made.append(write_fact(lake, Fingerprint.of(fact, imported=_KIND), nothing, parts_of))
    return made


def _write_computed(
    study: ScoredDocuments, found: ReadScores, lake: Lake, cells: list[str]
) -> list[Outcome]:
    """Terms, inference, halves and agreement, by the functions that make those of any study."""
    drawn = _as_study(study, found, [cell.split("|")[1] for cell in cells])
    outcomes = []
    if found.has_text:
        started = Timer()
        outcomes += _noted(lake, None, started, make_fact(drawn, lake, "bin_terms"))
    for fact in ("region_inference", "split_half_correlations", "concentration_noise"):
        for cell in cells:
            started = Timer()
            outcomes += _noted(lake, cell, started, make_fact(drawn, lake, fact, cell))
    started = Timer()
    agreement = make_fact(drawn, lake, "agreement_inference", study.model)
    return outcomes + _noted(lake, study.model, started, agreement)


def _noted(lake: Lake, part: Part | None, started: Timer, made: list[Outcome]) -> list[Outcome]:
    """Leave the records of facts that were made."""
    for outcome in made:
        if outcome.rows:
            digest = lake.require(outcome.fact, part).digest
            write_record(lake.home, outcome, digest, started, part)
    return made


def _as_study(study: ScoredDocuments, found: ReadScores, names: list[str]) -> Study:
    """What resampling reads of a study; the rest of one (model, corpus) an import has not."""
    untold = {"domain": "untold", "capability": "untold"}
    # Like a control, an imported method needs neither a model nor a preparation.
    methods = tuple(Random.model_construct(kind="random", name=name) for name in names)
    return Study.model_construct(
        models=(Model.model_construct(name=study.model),),
        attribution=Attribution.model_construct(methods=methods),
        name=study.name,
        seed=study.seed,
        sampling=Sampling(documents_per_bin=1, shards=1),
        benchmarks=tuple(Benchmark(name=name, **untold) for name in found.benchmarks),
        contrasts=study.contrasts,
        statistics=Statistics(resamples=study.resamples),
    )


def _conforming(
    connection: duckdb.DuckDBPyConnection, fact: str, sql: str, model: str
) -> pl.DataFrame:
    frame, columns = connection.sql(sql).pl(), dict(CONTRACTS[fact].columns)
    if "model" in columns:
        frame = frame.with_columns(model=pl.lit(model))
    return frame.select(list(columns)).cast(columns)


def _parts(study: ScoredDocuments, found: ReadScores) -> dict[str, Any]:
    told = study.model_dump(
        mode="json",
        include={
            "columns",
            "wide",
            "groupings",
            "method",
            "benchmark",
            "top_k",
            "negated",
            "model",
        },
    )
    files = [
        (table.sha256, file.method, file.benchmark)
        for table, file in zip(found.files, study.scores, strict=True)
    ]
    return {
        "imported": _KIND,
        "version": _VERSION,
        "scores": files,
        "documents": found.documents.sha256,
        **told,
    }


def _sources(study: ScoredDocuments, found: ReadScores) -> list[dict[str, Any]]:
    first, second = found.groupings
    return [
        {
            "study": study.name,
            "kind": _KIND,
            "score_per": row["score_per"],
            "model": study.model,
            "method": row["method"],
            "benchmark": row["benchmark"],
            "file_name": ", ".join(
                table.path.name
                for table in [*(found.files[n] for n in row["files"]), found.documents]
            ),
            "sha256": ", ".join(
                table.sha256 for table in [*(found.files[n] for n in row["files"]), found.documents]
            ),
            "n_bins": row["n_bins"],
            "n_documents": row["n_documents"],
            "z_tolerance": None,
            "top_k": study.top_k if row["score_per"] == "item" else None,
            "is_negated": row["method"] in study.negated,
            "topic_grouping": first,
            "format_grouping": second,
            **study.terms,
        }
        for row in found.connection.sql(f"{_FILES} order by method, benchmark").pl().to_dicts()
    ]
