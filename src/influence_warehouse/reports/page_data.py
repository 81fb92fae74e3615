"""What stands on the pages of a report, as data: charts, tables, and why something is absent.

Belongs here: reading the published copy and the project's own texts. Does not belong here:
markup and escaping (report, templates/), where facts come from (lineage).
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import polars as pl
from markupsafe import Markup
from rich.console import Console

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import IMPORTED_FILES, Home
from influence_warehouse.pipeline.steps import steps
from influence_warehouse.reports import labels
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.gallery import chart_of, chart_specs
from influence_warehouse.reports.published import groupings
from influence_warehouse.reports.sections import Section
from influence_warehouse.reports.summary import findings
from influence_warehouse.study.methods import Method, TrackStar
from influence_warehouse.study.study import Model, Study
from influence_warehouse.warehouse.build import project_folder
from influence_warehouse.warehouse.dictionary import marts, measure_of
from influence_warehouse.warehouse.query import NamedQuery, named_queries, run_query
from influence_warehouse.warehouse.unknowns import unknowns_in

SHOWN_ROWS = 100
_SAID_ONCE = ("study", "model", "method", "item_subset", "objective")


@dataclass(frozen=True)
class Column:
    """One column of a table; `mart` and `description` where a mart that is read has its name."""

    name: str
    is_number: bool
    mart: str | None
    description: str


@dataclass(frozen=True)
class ShownTable:
    """First rows of a named query: pairs of column and text, None where there is no value.

    `unknown` says what of it the study cannot know.
    """

    name: str
    question: str
    grain: str
    command: str
    reads: tuple[str, ...]
    n_rows: int
    unknown: tuple[str, ...]
    columns: list[Column]
    rows: list[list[tuple[Column, str | None]]]

    @property
    def shown(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class ShownChart:
    """One chart as JSON that may stand in a script element, with what it distinguishes."""

    stem: str
    question: str
    shown: str
    command: str
    reads: tuple[str, ...]
    spec: Markup


@dataclass(frozen=True)
class Contents:
    """Charts and tables of a page, and names with reasons of those that are not there."""

    charts: list[ShownChart]
    tables: list[ShownTable]
    absent: list[tuple[str, str]]

    @property
    def is_empty(self) -> bool:
        return not self.charts and not self.tables

    @property
    def why_empty(self) -> str:
        """The reasons for all that is absent, each once."""
        return "; ".join(dict.fromkeys(reason for _, reason in self.absent))

    @property
    def reads(self) -> set[str]:
        """Marts that the page reads."""
        lists = [shown.reads for shown in self.charts] + [shown.reads for shown in self.tables]
        return {mart for reads in lists for mart in reads}


def published_tables(home: Home) -> set[str]:
    """Names of the marts in the published copy. Raises WarehouseError when there is none."""
    return set(run_query(home, "show tables").to_series())


def contents(home: Home, study: str, section: Section, tables: set[str]) -> Contents:
    """Everything of one page, read from the published copy."""
    found, called = Contents([], [], []), groupings(home)
    for name in section.charts:
        missing = set(chart_of(name).reads) - tables
        charts = [] if missing else list(_charts(home, study, name, called))
        found.charts.extend(charts)
        if not charts:
            why = _why(home, chart_of(name).sql, chart_of(name).reads, tables)
            found.absent.append((f"chart {name}", why))
    queries = named_queries()
    for name in section.queries:
        query = queries[name]
        rows = None if set(query.reads) - tables else run_query(home, name)
        if rows is None or rows.is_empty():
            why = _why(home, query.sql, query.reads, tables)
            found.absent.append((f"query {name}", why))
        else:
            unknown = unknowns_in(home, name).notes
            question = labels.own_words(query.question, called)
            query = replace(query, question=question)
            found.tables.append(_table(query, rows, study, unknown))
    return found


def _why(home: Home, sql: str, reads: Iterable[str], tables: set[str]) -> str:
    """Why a chart or table has nothing to show: not made yet, not known, or nothing there."""
    missing = sorted(set(reads) - tables)
    if missing:
        return f"{', '.join(missing)} not built yet"
    if deciding := unknowns_in(home, sql).deciding:
        return "; ".join(deciding)
    if any(run_query(home, f"select 1 from {mart} limit 1").is_empty() for mart in reads):
        return "this study has no rows of it"
    return "nothing to show: no row of its tables fits the question"


def _charts(home: Home, study: str, name: str, called: Mapping[str, str]) -> Iterator[ShownChart]:
    question = labels.own_words(CHARTS[name], called)
    for stem, spec in chart_specs(home, name).items():
        shown = ", ".join(stem.split("--")[1:])
        command = f"influence chart {name} --study {study}"
        yield ShownChart(stem, question, shown, command, chart_of(name).reads, Markup(spec))


def _table(
    query: NamedQuery, rows: pl.DataFrame, study: str, unknown: tuple[str, ...]
) -> ShownTable:
    # What is the same in every row is said once: a phone has no room for such columns.
    same = [name for name in _SAID_ONCE if name in rows.columns and rows[name].n_unique() == 1]
    said = "".join(f"; {name}: {rows[name][0]}" for name in same)
    rows = rows.drop(same)
    columns = [_column(name, dtype, query.reads) for name, dtype in rows.schema.items()]
    head = rows.head(SHOWN_ROWS)
    texts = [_texts(head[column.name]) for column in columns]
    return ShownTable(
        query.name,
        query.question,
        f"{query.grain.capitalize()}{said}",
        f"influence query {query.name} --study {study}",
        query.reads,
        rows.height,
        unknown,
        columns,
        [list(zip(columns, row, strict=True)) for row in zip(*texts, strict=True)],
    )


def _column(name: str, dtype: pl.DataType, reads: Iterable[str]) -> Column:
    described = _descriptions()
    mart = next((mart for mart in reads if (mart, name) in described), None)
    return Column(name, dtype.is_numeric(), mart, described[mart, name] if mart else "")


@cache
def _descriptions() -> dict[tuple[str, str], str]:
    """Description of each mart's columns, read once: a report has hundreds of columns."""
    return {
        (mart["name"], column["name"]): column["description"]
        for mart in described_marts()
        for column in mart["columns"]
    }


def _texts(values: pl.Series) -> list[str | None]:
    """The values of a column as people read them; numbers of one column have equal decimals."""
    if values.dtype.is_float():
        return _numbers(values)
    if values.dtype.is_integer():
        return [None if value is None else f"{value:,}" for value in values]
    if values.dtype == pl.Boolean:
        return [None if value is None else ("yes" if value else "no") for value in values]
    return [None if value is None else str(value) for value in values]


def _numbers(values: pl.Series) -> list[str | None]:
    # Adding zero turns -0.0 into 0.0.
    short = [None if value is None else f"{value + 0.0:.4g}" for value in values]
    known = [text for text in short if text is not None]
    if any("e" in text or "n" in text for text in known):
        return short
    decimals = max((len(text.partition(".")[2]) for text in known), default=0)
    return [None if value is None else f"{value + 0.0:,.{decimals}f}" for value in values]


def _line(text: str) -> str:
    return " ".join(text.split())


def findings_text(home: Home) -> str:
    """What `influence run` prints when it is done, as text of 80 columns."""
    output = io.StringIO()
    console = Console(file=output, width=80, force_terminal=False, color_system=None)
    for part in findings(home):
        console.print(part)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines())


def about(home: Home, study: Study | None) -> list[tuple[str, str]]:
    """What the numbers of all pages share: model, number type, method, seed; or the source."""
    if study is None:
        if not home.is_imported:
            return [("study", home.study)]
        first = Lake(home).read(IMPORTED_FILES).row(0, named=True)
        kept = ("source", "licence", "citation")
        told = [("study", f"{home.study} (imported)"), *_own_labels(home)]
        return [*told, *((name, str(first[name])) for name in kept)]
    return [
        ("study", study.name),
        *_own_labels(home),
        *((f"model {model.name}", _model(model)) for model in study.models),
        *((f"method {m.name}", _settings(m)) for m in study.attribution.methods),
        ("seed", str(study.seed)),
        ("resamples", f"{study.statistics.resamples:,}"),
    ]


def _own_labels(home: Home) -> Iterator[tuple[str, str]]:
    """What the tables' columns hold where charts call it otherwise."""
    for column, name in groupings(home).items():
        if name not in ("", column):
            yield f"column {column}", name


def _model(model: Model) -> str:
    folder = model.path.name if model.path else "made by the study itself"
    source = f"{model.hub} at {model.revision}" if model.hub else folder
    return f"{source}, {model.dtype}, attention {model.attention}"


def _settings(method: Method) -> str:
    if isinstance(method, TrackStar):
        return f"TrackStar, projection {method.projection_dim} x {method.projection_dim} a layer"
    told = method.model_dump(exclude={"name", "kind"})
    return ", ".join([method.kind, *(f"{name} {value}" for name, value in told.items())])


def needs(study: Study | None) -> dict[str, tuple[str, ...]]:
    """What each fact is made from, by the study's steps; none of an imported study."""
    return {fact: step.upstream for step in (steps(study) if study else []) for fact in step.facts}


def with_needs(study: Study | None, facts: Iterable[str]) -> list[str]:
    """The facts and all that they are made from, in the order of the contracts."""
    above, found, left = needs(study), set[str](), list(facts)
    while left:
        fact = left.pop()
        if fact not in found:
            found.add(fact)
            left += above.get(fact, ())
    return [fact for fact in CONTRACTS if fact in found]


def described_marts() -> list[dict[str, Any]]:
    """The data dictionary: each mart's name, description and columns with their measures."""
    return [
        mart
        | {
            "columns": [
                column
                | {"description": _line(column["description"]), "measure": measure_of(mart, column)}
                for column in mart["columns"]
            ]
        }
        for mart in marts()
    ]


def statistics_chapters() -> list[tuple[str, str]]:
    """Headings and texts of docs/statistics.md."""
    text = (project_folder("docs") / "statistics.md").read_text(encoding="utf-8")
    chapters = (chapter.partition("\n") for chapter in text.split("\n## ")[1:])
    return [(heading.strip(), body.strip()) for heading, _, body in chapters]


def setting_text(value: Any) -> str:
    """A part of a fingerprint as people read it."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
