"""Imported studies: what an import is told, and how its name leads to its home.

What an import of document scores is told besides stands in `document_study`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from influence_warehouse.errors import StudyError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.layout import IMPORTED_FILES, IMPORTED_MODEL, Home
from influence_warehouse.lake.records import recorded_fingerprints
from influence_warehouse.secrecy import carries_credentials
from influence_warehouse.study.design import (
    Contrast,
    Section,
    Slug,
    check_names,
    contrast_rows,
    validation_problems,
)
from influence_warehouse.study.load import preset_names
from influence_warehouse.study.names import imported_home

# Of these an import has the ones that its files tell.
_SCORES = ("documents", "document_scores", "bin_item_scores", "bin_scores")


class ImportedStudy(Section):
    """What the command line says of every import; which files it reads, each kind says.

    `designs` maps a benchmark to its domain and capability, where they were told.
    """

    name: Slug
    model: Slug = IMPORTED_MODEL
    contrasts: tuple[Contrast, ...] = ()
    designs: dict[str, tuple[str, str]] = Field(default_factory=dict)
    source: str
    licence: str
    citation: str

    @model_validator(mode="after")
    def _has_a_free_name(self) -> Self:
        if self.name in preset_names():
            raise ValueError(f"study: {self.name!r} is the name of a preset; choose another")
        return self

    @model_validator(mode="after")
    def _is_without_credentials(self) -> Self:
        for name in ("source", "licence", "citation"):
            if carries_credentials(getattr(self, name)):
                # Not shown: the error would print what must not be kept.
                raise ValueError(f"--{name}: holds a password or an access token; leave it out")
        return self

    @property
    def terms(self) -> dict[str, str]:
        return {"source": self.source, "licence": self.licence, "citation": self.citation}

    def check_design(self, benchmarks: list[str]) -> None:
        """Raise StudyError for a contrast or design of what is no benchmark of the files."""
        try:
            check_names(benchmarks, self.contrasts)
        except ValueError as error:
            raise StudyError(f"{error}. Remedy: correct --contrast.") from error
        unknown = sorted(set(self.designs) - set(benchmarks))
        if unknown:
            raise StudyError(
                f"--design: no scores for {unknown} (benchmarks: {benchmarks}). "
                "Remedy: correct --design."
            )

    def design_rows(
        self, benchmarks: list[str], methods: Iterable[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """Rows of the facts that say what is compared; nobody says what kind a method is."""
        known = {name: self.designs.get(name, (None, None)) for name in benchmarks}
        compared = [
            {"benchmark": name, "domain": domain, "capability": capability, "position": position}
            for position, (name, (domain, capability)) in enumerate(known.items())
        ]
        made_by = [
            {
                "model": self.model,
                "method": name,
                "kind": "imported",
                "preconditioner": None,
                "settings": None,
                "score_unit": None,
                "position": position,
            }
            for position, name in enumerate(methods)
        ]
        own, unknown = {"study": self.name}, {"prompt_format": None, "metric": None}
        return {
            "study_benchmarks": [own | row | unknown for row in compared],
            "study_contrasts": contrast_rows(self.name, benchmarks, self.contrasts),
            "study_methods": [own | row for row in made_by],
        }


_Study = TypeVar("_Study", bound=ImportedStudy)


def described(
    kind: type[_Study], verb: str, contrasts: Iterable[str], designs: Iterable[str], **options: Any
) -> _Study:
    """The import of a command line: `NAME=A,B` and `BENCHMARK=DOMAIN,CAPABILITY` with the rest.

    Raises StudyError naming each part that cannot be understood.
    """
    operands, factors = (
        {key: pair(key, value) for key, value in assignments(what, texts).items()}
        for what, texts in (("--contrast", contrasts), ("--design", designs))
    )
    compared = [{"name": key, "a": a, "b": b} for key, (a, b) in operands.items()]
    try:
        return kind.model_validate({"contrasts": compared, "designs": factors, **options})
    except ValidationError as error:
        problems = "\n".join(validation_problems(error))
        raise StudyError(
            f"the import cannot be made:\n{problems}\n"
            f"Remedy: correct the arguments; `influence import {verb} --help` has an example."
        ) from error


class BinScoreFiles(ImportedStudy):
    """An import of bin scores: a file of each benchmark."""

    method: Slug
    files: dict[Slug, Path] = Field(min_length=1)
    z_tolerance: float = Field(gt=0, lt=1)


def bin_score_files(
    name: str,
    files: Iterable[str],
    contrasts: Iterable[str],
    designs: Iterable[str],
    **options: str | float,
) -> BinScoreFiles:
    """The import of a command line's `NAME=FILE`. Raises StudyError as `described` does, and for a
    contrast or design of a benchmark without a file."""
    paths = assignments("a file", files)
    study = described(
        BinScoreFiles, "bin-scores", contrasts, designs, name=name, files=paths, **options
    )
    study.check_design(list(study.files))
    return study


def assignments(what: str, texts: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` of each text. Raises StudyError for another form, or a name twice."""
    found: dict[str, str] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not (key and sign and value):
            raise StudyError(f"{text}: {what} is given as NAME=VALUE.")
        if key in found:
            raise StudyError(f"{text}: {what} named {key!r} is given twice.")
        found[key] = value
    return found


def pair(key: str, text: str) -> tuple[str, str]:
    """The two names of `A,B`, the value of `key`. Raises StudyError for another form."""
    first, comma, second = text.partition(",")
    if not (first and comma and second) or "," in second:
        raise StudyError(f"{key}={text}: two names with a comma between are needed: {key}=A,B.")
    return first.strip(), second.strip()


def refuse_other_kinds(home: Home) -> None:
    """Raise StudyError when a home holds a study that was run."""
    if home.facts_url or (
        not home.is_imported and (home.database.exists() or any(home.lake.glob("*.parquet")))
    ):
        raise StudyError(
            f"{home.path}: holds a study that was run, not imported. "
            "Remedy: give the import another name with --study."
        )


def refuse_imported(name: str) -> None:
    """Raise StudyError when the study of that name was imported: it has nothing to run."""
    home = imported_home(name)
    if home is not None:
        raise StudyError(
            f"{home.path}: the study {name} was imported, so there is nothing to run. "
            "Remedy: `influence import` makes it again; `query`, `chart`, `report` "
            "and `status` read it; a study file with the same name needs another one."
        )


def imported_status_lines(home: Home) -> Iterator[str]:
    """Text for people: what was imported from where, and each fact with its rows."""
    lake = Lake(home)
    sources = lake.read(IMPORTED_FILES)
    first = sources.row(0, named=True)
    facts = [IMPORTED_FILES, "study_benchmarks", "study_contrasts", "bin_populations", *_SCORES]
    if first["kind"] == "release":
        # Its marts were published as they are, from no facts.
        yield f"release of {first['benchmark']}: {first['file_name']}"
        sources, facts = sources.clear(), [IMPORTED_FILES]
    for row in sources.iter_rows(named=True):
        yield (
            f"{row['benchmark']:<24} {row['file_name']} (sha256 {row['sha256'][:12]}, "
            f"{row['n_bins']} bins, {row['n_documents']:,} documents)"
        )
    yield f"source: {first['source']}; licence: {first['licence']}; cite: {first['citation']}"
    recorded = {fact for fact, *_ in recorded_fingerprints(home)}
    for fact in facts:
        keys: list[Part | None] = [*lake.parts(fact)] if CONTRACTS[fact].in_parts else [None]
        is_readable = bool(keys) and all(lake.is_readable(fact, key) for key in keys)
        rows = sum(lake.rows(fact, key) for key in keys) if is_readable else 0
        if fact in _SCORES and fact not in recorded:
            continue
        found = f"{rows:,} rows" if is_readable else "missing; import again"
        yield f"imported     {fact:<24} {found}"
    yield "published    influence.duckdb         " + (
        str(home.database) if home.database.exists() else "missing; import again"
    )
