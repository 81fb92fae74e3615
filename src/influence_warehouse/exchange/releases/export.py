"""Export: a study's published copy and manifests as a release folder, whole or not at all.

Belongs here: the order of a release's parts and the folder's safe replacement. Does not belong
here: the parts. Equal inputs give equal bytes: the only times are those of the run records.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse import __version__
from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.exchange.releases.card import dataset_card, licence_note
from influence_warehouse.exchange.releases.checksums import FILE as SUMS
from influence_warehouse.exchange.releases.checksums import digests_of, unlisted, write_checksums
from influence_warehouse.exchange.releases.contents import (
    write_manifests,
    write_matrix,
    write_provenance,
)
from influence_warehouse.exchange.releases.croissant import croissant
from influence_warehouse.exchange.releases.notes import FILE as NOTES
from influence_warehouse.exchange.releases.notes import Release, Table, Terms
from influence_warehouse.exchange.releases.study_file import study_file
from influence_warehouse.exchange.releases.tables import write_marts
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import sha256_of_file
from influence_warehouse.lake.folders import replaced_folder
from influence_warehouse.lake.layout import IMPORTED_FILES, Home
from influence_warehouse.pipeline.status import states
from influence_warehouse.reports.published import read_table
from influence_warehouse.study.study import Study

_CROISSANT = "croissant.json"


def export_release(
    home: Home, study: Study | None, to: Path, terms: Terms, replace: bool = False
) -> Iterator[str]:
    """Write the release of a published study to the folder `to`; yields what was done, for people.

    `study` is None for an imported one. The folder appears whole: it is written beside its place
    and renamed. Raises WarehouseError when the study is not published or the disk refuses, and
    InputError when `to` holds anything but, with `replace`, an earlier release.
    """
    if not home.database.exists():
        raise WarehouseError(
            f"{home.database}: missing, so there is nothing to export. "
            f"Remedy: {home.maker} publishes it."
        )
    to = to.resolve()
    _refuse_other_content(to, replace)
    remedy = "free disk space or choose a writable folder with --to DIR."
    with replaced_folder(to, "the release", remedy) as part:
        release, files = _write(home, study, part, terms)
        size = sum((part / name).stat().st_size for name in files)
    yield f"{len(release.tables)} tables, {len(files)} files, {size:,} bytes: {to}"
    if release.not_current:
        yield f"not as the study file says: {', '.join(release.not_current)}"
    for field in ("licence", "citation"):
        if getattr(release.terms, field) == "not stated":
            yield f"{field} not stated; --{field} says it"


def _refuse_other_content(to: Path, replace: bool) -> None:
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not ((to / SUMS).is_file() and (to / NOTES).is_file()):
        raise InputError(f"{to}: exists and is no release. Remedy: choose another folder.")
    if not replace:
        raise InputError(f"{to}: a release is there. Remedy: add --replace, or another folder.")
    others = unlisted(to)
    if others:
        raise InputError(
            f"{to}: holds files that are not of the release: {', '.join(others[:5])}. "
            "Remedy: move them away; replacing would delete them."
        )


def _write(
    home: Home, study: Study | None, folder: Path, terms: Terms
) -> tuple[Release, list[str]]:
    """Write all files of a release into an empty folder: its notes, and the files' names."""
    lake = Lake(home)
    tables = write_marts(home.database, folder, terms.text)
    write_matrix(home, tables, folder)
    manifests = write_manifests(lake, folder, terms.text)
    inputs: list[dict[str, Any]] = []
    if study is not None:
        text, inputs = study_file(study)
        (folder / "study.yaml").write_text(text, encoding="utf-8")
    made = write_provenance(lake, folder, inputs)
    release = _notes(home, study, terms, tables, made)
    _write_words(home, study, folder, release, manifests)
    digests = digests_of(folder)
    described = json.dumps(croissant(release, folder, digests), indent=1, ensure_ascii=False)
    (folder / _CROISSANT).write_text(described + "\n", encoding="utf-8")
    digests[_CROISSANT] = sha256_of_file(folder / _CROISSANT)
    write_checksums(folder, digests)
    return release, list(digests)


def _notes(
    home: Home, study: Study | None, terms: Terms, tables: list[Table], made: list[str]
) -> Release:
    return Release(
        study=home.study,
        kind="run" if study else "imported",
        description=study.description.strip() if study else "Results of others, imported.",
        made_with=__version__,
        last_made=made[-1] if made else None,
        terms=terms if study else _with_source(terms, Lake(home)),
        not_current=_not_current(home, study) if study else (),
        tables=tuple(tables),
    )


def _with_source(terms: Terms, lake: Lake) -> Terms:
    """Terms that were told of an import hold for its release unless others are given."""
    told = {}
    for field in ("licence", "citation"):
        if getattr(terms, field) == "not stated":
            told[field] = "; ".join(sorted(set(lake.read(IMPORTED_FILES)[field].drop_nulls())))
    return terms.model_copy(update=told)


def _not_current(home: Home, study: Study) -> tuple[str, ...]:
    found = {f"{state.fact} {state.state}" for state in states(study, home)}
    return tuple(sorted(line for line in found if not line.endswith(" current")))


def _write_words(
    home: Home, study: Study | None, folder: Path, release: Release, manifests: dict[str, int]
) -> None:
    unknown = pl.DataFrame(schema=["mart", "column_name", "reason"])
    if any(table.name == "unknowns" for table in release.tables):
        sql = "select mart, column_name, reason from marts.unknowns order by reason, mart, 2"
        unknown = read_table(home, sql)
    words = {
        NOTES: release.model_dump_json(indent=1) + "\n",
        "README.md": dataset_card(release, study, manifests, unknown),
        "LICENCE.txt": licence_note(release, study),
    }
    for name, text in words.items():
        (folder / name).write_text(text, encoding="utf-8")
