"""What a release says of itself: the model behind `release.json`.

Belongs here: the fields, their reading and their limits. Does not belong here: writing a release
(`export`) and checking its files (`checksums`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from influence_warehouse.errors import InputError

FORMAT_VERSION = 1
FILE = "release.json"

Text = Literal["none", "excerpts", "full"]
# Both become parts of SQL and of file names.
_Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class _Note(BaseModel):
    """Fields that a later version adds are left aside."""

    model_config = ConfigDict(frozen=True)


class Column(_Note):
    """A column of a mart with its DuckDB type."""

    name: _Name
    type: str
    description: str


class Table(_Note):
    """A mart: `key` are the columns that make its rows unique; empty where none are known."""

    name: _Name
    description: str
    key: tuple[_Name, ...]
    rows: int = Field(ge=0)
    columns: tuple[Column, ...] = Field(min_length=1)

    @property
    def parquet(self) -> str:
        return f"marts/{self.name}.parquet"

    @property
    def csv(self) -> str:
        return f"marts/{self.name}.csv"


class Terms(_Note):
    """What the person who releases says of the release, which nothing else tells."""

    licence: str = "not stated"
    citation: str = "not stated"
    creators: tuple[str, ...] = ()
    url: str | None = None
    version: str = "1.0.0"
    text: Text = "excerpts"


class Release(_Note):
    """`release.json`: where the marts are from, their terms, and what each of them holds."""

    format: Literal["influence-warehouse-release"] = "influence-warehouse-release"
    format_version: int = Field(FORMAT_VERSION, ge=1)
    study: str
    kind: Literal["run", "imported"]
    description: str
    made_with: str = Field(description="Version of this package that wrote the release.")
    last_made: str | None = Field(description="When the last fact was made; null where unknown.")
    terms: Terms
    not_current: tuple[str, ...] = Field(description="Facts that the study file would remake.")
    tables: tuple[Table, ...] = Field(min_length=1)


def parse_release(text: str, origin: str) -> Release:
    """The release of a `release.json`. Raises InputError naming each field that is wrong."""
    try:
        release = Release.model_validate_json(text)
    except ValidationError as error:
        problems = "\n  ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors()[:5]
        )
        raise InputError(
            f"{origin}: not the notes of a release:\n  {problems}\n"
            "Remedy: get the release again, whole."
        ) from error
    if release.format_version > FORMAT_VERSION:
        raise InputError(
            f"{origin}: format version {release.format_version}, but this version reads up to "
            f"{FORMAT_VERSION}. Remedy: upgrade influence-warehouse."
        )
    names = [table.name for table in release.tables]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{origin}: tables named twice: {twice}. Remedy: get the release again.")
    return release
