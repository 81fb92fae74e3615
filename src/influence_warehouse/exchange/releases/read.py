"""Reading a release that others made: verified before anything of it is used.

Belongs here: opening a release, and making a study of its marts. Does not belong here: the parts
of the check (`checksums`, `notes`, `tables`).

The marts are published as they are, not rebuilt: a release does not depend on the dbt project of
the version that reads it, and what comes out is what was released.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter, ValidationError

from influence_warehouse.errors import InputError, StudyError
from influence_warehouse.exchange.imports.study import refuse_other_kinds
from influence_warehouse.exchange.releases import MAX_GIGABYTES
from influence_warehouse.exchange.releases.checksums import FILE as SUMS
from influence_warehouse.exchange.releases.checksums import verify
from influence_warehouse.exchange.releases.notes import FILE as NOTES
from influence_warehouse.exchange.releases.notes import Release, parse_release
from influence_warehouse.exchange.releases.tables import contract_problems, publish_files
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Outcome
from influence_warehouse.lake.fingerprint import Fingerprint, sha256_of_file
from influence_warehouse.lake.layout import IMPORTED_FILES, Home, warehouse_root
from influence_warehouse.lake.records import Timer, write_record
from influence_warehouse.study.design import Slug
from influence_warehouse.study.load import preset_names
from influence_warehouse.warehouse.dictionary import marts

KIND = "release"
_MAX_NOTES_BYTES = 16 << 20
_PATTERN = "*?[]{}"


def is_release(path: Path) -> bool:
    """Whether a path looks like a release's folder."""
    return (path / SUMS).is_file() and (path / NOTES).is_file()


def open_release(folder: Path, max_gigabytes: float = MAX_GIGABYTES) -> Release:
    """The notes of a release whose files are all as they were released.

    Raises InputError naming every file that is not, and every mart that is not as noted.
    """
    folder = folder.absolute()
    if set(_PATTERN).intersection(str(folder)):
        raise InputError(
            f"{folder}: the path holds one of {' '.join(_PATTERN)}, which SQL reads as a pattern. "
            "Remedy: move the release."
        )
    listed = verify(folder, int(max_gigabytes * 1e9))
    if NOTES not in listed or (folder / NOTES).stat().st_size > _MAX_NOTES_BYTES:
        raise InputError(f"{folder}: no {NOTES}, or one too large. Remedy: name a whole release.")
    release = parse_release((folder / NOTES).read_text(encoding="utf-8"), str(folder / NOTES))
    problems = [
        f"{table.parquet}: missing" for table in release.tables if table.parquet not in listed
    ]
    problems = problems or contract_problems(folder, release.tables)
    if problems:
        raise InputError(
            f"{folder}: the marts are not as {NOTES} says:\n  " + "\n  ".join(problems) + "\n"
            "Remedy: ask who released it for a whole one."
        )
    return release


def import_release(folder: Path, name: str, max_gigabytes: float = MAX_GIGABYTES) -> Iterator[str]:
    """Make the study `name` of a release; yields what was done, for people.

    Its marts are the release's, value by value; the column `study` holds the new name. Nothing is
    written when the release is refused. Raises InputError for a release that is not whole,
    StudyError for a name that is taken.
    """
    home = Home(warehouse_root(), _new_name(name))
    _refuse_taken(home)
    release = open_release(folder, max_gigabytes)
    home.create()
    started = Timer()
    outcome, digest = _mark(Lake(home), folder, release, name)
    publish_files(folder.absolute(), release.tables, home.database, name)
    write_record(home, outcome, digest, started)
    yield f"{len(release.tables)} tables of study {release.study}, as they were released"
    yield f"licence: {release.terms.licence}; cite: {release.terms.citation}"
    yield from _version_lines(release)
    yield f"published: {home.database}"
    yield f"Next: influence query top_topics --study {name}"


def _new_name(name: str) -> str:
    try:
        TypeAdapter(Slug).validate_python(name)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise StudyError(f"--study {name!r}: {problem}. Remedy: a name such as demo_2.") from error
    if name in preset_names():
        raise StudyError(f"--study {name}: the name of a preset. Remedy: choose another.")
    return name


def _refuse_taken(home: Home) -> None:
    refuse_other_kinds(home)
    if home.is_imported and set(Lake(home).read(IMPORTED_FILES)["kind"]) != {KIND}:
        raise StudyError(
            f"{home.path}: holds another import, not of a release. "
            "Remedy: give this one another name with --study."
        )


def _mark(lake: Lake, folder: Path, release: Release, name: str) -> tuple[Outcome, str]:
    """Write the fact that marks the home as imported: where the release is from, its terms."""
    row = {
        "study": name,
        "kind": KIND,
        "model": KIND,
        "method": KIND,
        "benchmark": release.study,
        "file_name": folder.absolute().name,
        "sha256": sha256_of_file(folder / SUMS),
        "source": release.terms.url or f"release of study {release.study}",
        "licence": release.terms.licence,
        "citation": release.terms.citation,
    }
    frame = pl.DataFrame([row], schema=CONTRACTS[IMPORTED_FILES].columns)
    fingerprint = Fingerprint.of(IMPORTED_FILES, imported=KIND, study=name, release=row["sha256"])
    lake.write(IMPORTED_FILES, frame, fingerprint)
    return Outcome(IMPORTED_FILES, frame.height, reused=False), fingerprint.digest


def _version_lines(release: Release) -> Iterator[str]:
    """What of this version's marts the release lacks, so that a query that fails is understood."""
    held = {table.name: {c.name for c in table.columns} for table in release.tables}
    for mart in marts():
        missing = {c["name"] for c in mart["columns"]} - held.get(mart["name"], set())
        if mart["name"] not in held:
            yield f"not in the release: {mart['name']}"
        elif missing:
            yield f"not in the release: {mart['name']}.{', '.join(sorted(missing))}"
