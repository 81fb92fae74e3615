"""Imported bin scores as facts, so that the same marts are built from them.

Belongs here: which facts an import of bin scores writes. What it cannot know is an absent fact
(no documents, no items), and null columns that the mart `unknowns` explains. Does not belong
here: reading files (`bin_scores`) and statistics (dbt/, warehouse/).
"""

from typing import Any

import polars as pl

from influence_warehouse.exchange.imports.bin_scores import (
    BinScores,
    check_one_sample,
    read_bin_scores,
)
from influence_warehouse.exchange.imports.study import BinScoreFiles, refuse_other_kinds
from influence_warehouse.exchange.imports.writing import drop_earlier_import, write_fact
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Outcome
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of
from influence_warehouse.lake.layout import IMPORTED_FILES
from influence_warehouse.taxonomy import bins
from influence_warehouse.warehouse.concentration import noise_of_counts, noise_rows
from influence_warehouse.warehouse.resamples import random_stream

_KIND = "bin_scores"


def import_bin_scores(study: BinScoreFiles, lake: Lake) -> list[Outcome]:
    """Read and check all files of a study, then write its facts; equal inputs, equal bytes.

    Nothing is written when a file is refused. Raises InputError for a file that is broken or of
    another sample than the first, StudyError when the home holds a study that was run.
    """
    refuse_other_kinds(lake.home)
    files = {name: read_bin_scores(path, study.z_tolerance) for name, path in study.files.items()}
    check_one_sample(files)
    lake.home.create()
    frames = {
        IMPORTED_FILES: _sources(study, files),
        **study.design_rows(list(files), [study.method]),
        "bin_populations": _populations(files),
        "bin_scores": _scores(study, files),
        "concentration_noise": _noise(study, files),
    }
    cells = [f"{study.model}|{study.method}"]
    outcomes = [_make(fact, rows, lake, cells) for fact, rows in frames.items()]
    drop_earlier_import(lake, outcomes)
    return outcomes


def _make(fact: str, rows: list[dict[str, Any]], lake: Lake, cells: list[str]) -> Outcome:
    fingerprint = Fingerprint.of(fact, imported=_KIND, content=digest_of(rows))
    frame = pl.DataFrame(rows, schema=CONTRACTS[fact].columns)
    return write_fact(lake, fingerprint, frame, cells)


def _sources(study: BinScoreFiles, files: dict[str, BinScores]) -> list[dict[str, Any]]:
    return [
        {
            "study": study.name,
            "kind": _KIND,
            "score_per": "bin",
            "model": study.model,
            "method": study.method,
            "benchmark": name,
            "file_name": file.path.name,
            "sha256": file.sha256,
            "n_bins": file.rows.height,
            "n_documents": file.rows["n_documents"].sum(),
            "z_tolerance": study.z_tolerance,
            "top_k": None,
            "is_negated": False,
            "topic_grouping": "topic",
            "format_grouping": "format",
            **study.terms,
        }
        for name, file in files.items()
    ]


def _populations(files: dict[str, BinScores]) -> list[dict[str, Any]]:
    """All bins with the documents that were scored; how many there were to draw from is unknown."""
    first = next(iter(files.values()))
    counts = dict(first.rows["bin_id", "n_documents"].iter_rows())
    return [
        {
            "bin_id": cell.bin_id,
            "topic": cell.topic,
            "format": cell.format,
            "population_documents": None,
            "sampled_documents": counts.get(cell.bin_id, 0),
            "stratum": None if cell.bin_id in counts else "empty",
        }
        for cell in bins()
    ]


def _scores(study: BinScoreFiles, files: dict[str, BinScores]) -> list[dict[str, Any]]:
    return [
        {"model": study.model, "method": study.method, "benchmark": name, **row}
        for name, file in files.items()
        for row in file.rows.iter_rows(named=True)
    ]


def _noise(study: BinScoreFiles, files: dict[str, BinScores]) -> list[dict[str, Any]]:
    """What noise makes of bins of these sizes, which is all that the files tell of it."""
    return [
        {"model": study.model, "method": study.method, "benchmark": name, **row}
        for name, file in files.items()
        for row in noise_rows(
            noise_of_counts(
                file.rows["n_documents"].to_numpy(),
                random_stream(0, "noise of concentration", name),
            )
        )
    ]
