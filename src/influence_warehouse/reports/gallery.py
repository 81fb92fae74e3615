"""Charts by their names: drawn from the published copy, and saved.

Belongs here: rows, filters, files. Does not belong here: which charts there are and how each looks
(`charts`, a file each), how all look (theme).
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.lake.facts import write_atomically
from influence_warehouse.lake.layout import Home
from influence_warehouse.progress import counted
from influence_warehouse.reports import charts
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.drawn import digest_of_drawing, files_drawn_from, note_drawn
from influence_warehouse.reports.published import groupings, methods, read_table
from influence_warehouse.warehouse.unknowns import unknowns_in


class ScriptSafeEncoder(json.JSONEncoder):
    """JSON that can stand inside a script element: altair writes `</script>` as it is.

    `<` occurs in strings alone, where its escape means the same to a reader of JSON.
    """

    def encode(self, o: Any) -> str:
        """JSON text of `o` without any `<`."""
        return super().encode(o).replace("<", "\\u003c")


_KINDS = ("html", "json", "png", "svg")
# What altair saves, with its arguments. The page carries its scripts, and its menu only what
# works offline. The PNG is made of the SVG, in the resolution of a sharp screen.
_MENU = {"export": True, "source": False, "compiled": False, "editor": False}
_SAVED: dict[str, dict[str, Any]] = {
    "html": {
        "inline": True,
        "embed_options": {"actions": _MENU},
        "json_kwds": {"cls": ScriptSafeEncoder},
    },
    "svg": {},
}
_PNG_SCALE = 2


def chart_of(name: str) -> Chart:
    """The chart of a name. Raises InputError for an unknown one."""
    if name not in CHARTS:
        raise InputError(f"{name}: no such chart. Remedy: choose one of {', '.join(CHARTS)}.")
    found: Chart = import_module(f"{charts.__name__}.{name}").CHART
    return found


def draw_chart(home: Home, name: str, **filters: str) -> Any:
    """One chart of the published copy, as an altair chart.

    Filters keep the rows whose column has the value: `benchmark="social_facts"`. Raises
    InputError for an unknown chart, column or value, or where several charts remain
    (naming the choices); WarehouseError when the table is empty.
    """
    chart = chart_of(name)
    table = _filtered(name, _rows(home, name, required=True), filters)
    choices = {column: _values(table, column) for column in chart.facets}
    several = {column: values for column, values in choices.items() if len(values) > 1}
    if several:
        lines = [f"{column}: {', '.join(values)}" for column, values in several.items()]
        example = " ".join(f"{column}={values[0]}" for column, values in several.items())
        raise InputError(
            f"{name}: a chart shows one value of each of these, say which ({'; '.join(lines)}). "
            f"Remedy: add for example {example}."
        )
    return chart.draw(table)


def save_chart(chart: Any, folder: Path, stem: str) -> list[Path]:
    """Save a chart as `<stem>.html`, `.json`, `.png` and `.svg`; each file is whole or absent.

    The page holds its scripts and opens without a network; the JSON is Vega-Lite's, with the
    rows, and may stand in a script element. Raises WarehouseError when the folder cannot be
    written.
    """
    from vl_convert import svg_to_png

    paths = {kind: folder / f"{stem}.{kind}" for kind in _KINDS}
    spec = json.dumps(chart.to_dict(), cls=ScriptSafeEncoder, sort_keys=True, allow_nan=False)
    write_atomically(paths["json"], lambda part: part.write_text(spec, encoding="utf-8"))
    for kind, arguments in _SAVED.items():
        write_atomically(paths[kind], partial(chart.save, format=kind, **arguments))
    # The same bytes as altair's, which would compile the whole chart again.
    picture = svg_to_png(paths["svg"].read_text(encoding="utf-8"), scale=_PNG_SCALE)
    write_atomically(paths["png"], lambda part: part.write_bytes(picture))
    return list(paths.values())


def draw_and_save(home: Home, name: str) -> list[Path]:
    """Draw a chart for each method and benchmark it distinguishes, and save them.

    Returns the files in the home's charts, `bin_heatmap--trackstar--social_facts.html`; none
    for an optional chart without rows. Files that were drawn from the same rows are kept.
    Files that this chart left earlier, for benchmarks or methods that the study no longer has,
    are deleted. Raises InputError for an unknown name, WarehouseError when the published copy
    lacks the rows or the folder cannot be written.
    """
    rows = _rows(home, name, required=not chart_of(name).is_optional)
    digest = digest_of_drawing(rows)
    kept = files_drawn_from(home, name, digest)
    if kept is not None:
        return kept
    paths = [
        path
        for stem, table in _tables(home, name, rows)
        for path in save_chart(chart_of(name).draw(table), home.charts, stem)
    ]
    for kind in _KINDS:
        for path in {*home.charts.glob(f"{name}.{kind}"), *home.charts.glob(f"{name}--*.{kind}")}:
            if path not in paths:
                path.unlink()
    note_drawn(home, name, digest, paths)
    return paths


def draw_filtered(home: Home, name: str, filters: dict[str, str]) -> list[Path]:
    """Save one chart of the rows that `filters` keep, under a name that tells them.

    Raises as `draw_chart` and `save_chart`.
    """
    told = "--".join([name, *(f"{column}={value}" for column, value in filters.items())])
    return save_chart(
        draw_chart(home, name, **filters), home.charts, re.sub(r"[^\w=-]+", "_", told)
    )


def draw_all(home: Home) -> list[tuple[str, list[Path]]]:
    """`draw_and_save` every chart: names with files."""
    names = counted(CHARTS, "drawing", "charts")
    return [(name, draw_and_save(home, name)) for name in names]


def chart_specs(home: Home, name: str) -> dict[str, str]:
    """`draw_and_save`, and what the saved JSON holds, by file stem."""
    saved = [path for path in draw_and_save(home, name) if path.suffix == ".json"]
    return {path.stem: path.read_text(encoding="utf-8") for path in saved}


def _tables(home: Home, name: str, rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """File stem and rows of each chart of a name: models by name, methods as the study has them."""
    chart = chart_of(name)
    if rows.is_empty():
        return
    if not chart.facets:
        yield name, rows
        return
    if {"model", "method"} <= set(chart.facets):
        place = {method: place for place, method in enumerate(methods(home))}
        places = pl.col("method").replace_strict(place, default=len(place))
        rows = rows.sort("model", places, maintain_order=True)
    for values, table in rows.group_by(chart.facets, maintain_order=True):
        yield "--".join([name, *map(str, values)]), table


def _rows(home: Home, name: str, required: bool) -> pl.DataFrame:
    rows = _with_groupings(home, read_table(home, chart_of(name).sql))
    if rows.is_empty() and required:
        raise WarehouseError(
            f"{home.database}: chart {name} finds no rows"
            f"{f' ({why_nothing(home, name)})' if chart_of(name).is_optional else ''}. Remedy: "
            f"{home.maker} rebuilds the marts that it reads."
        )
    return rows


def why_nothing(home: Home, name: str) -> str:
    """Why an optional chart has no rows, in words."""
    if deciding := unknowns_in(home, chart_of(name).sql).deciding:
        return "; ".join(deciding)
    return "the study may have no contrasts, texts, second label, unlearning or second benchmark"


def _with_groupings(home: Home, rows: pl.DataFrame) -> pl.DataFrame:
    """Beside topic and format, or levels, what they are called."""
    if not {"topic", "format", "level"} & set(rows.columns):
        return rows
    return rows.with_columns(
        pl.lit(name).alias(f"{side}_grouping") for side, name in groupings(home).items()
    )


def _values(table: pl.DataFrame, column: str) -> list[str]:
    return [str(value) for value in table[column].unique(maintain_order=True)]


def _filtered(name: str, rows: pl.DataFrame, filters: dict[str, str]) -> pl.DataFrame:
    table = rows
    for column, value in filters.items():
        if column not in rows.columns:
            raise InputError(
                f"{name}: no column {column!r}. Remedy: filter by {', '.join(rows.columns)}."
            )
        kept = table.filter(pl.col(column).cast(pl.String) == value)
        if kept.is_empty():
            raise InputError(
                f"{name}: no rows with {column} = {value!r}. "
                f"Remedy: choose one of {', '.join(_values(table, column)[:30])}."
            )
        table = kept
    return table
