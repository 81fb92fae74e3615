"""Verbs that read what was published: queries, charts, reports, differences.

Does not belong here: anything that writes into a lake.
"""

import sys
from pathlib import Path
from typing import Any

import click

from influence_warehouse.cli.shared import (
    MAX_GIGABYTES_OPTION,
    STUDY_OPTION,
    example,
    home_of,
    opened,
    readable_errors,
)
from influence_warehouse.errors import InfluenceError


@click.command()
@click.argument("name_or_sql")
@STUDY_OPTION
@click.option(
    "--output",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
)
@click.option("--to", type=click.Path(path_type=Path), help="File to write; needed for parquet.")
@readable_errors
@example('influence query top_topics\n  influence query "select * from bins limit 5" --output csv')
def query(name_or_sql: str, study: str, output: str, to: Path | None) -> None:
    """Run a named query of sql/, or SQL, on the published read-only copy."""
    from influence_warehouse.warehouse.output import write_rows
    from influence_warehouse.warehouse.query import reading

    with reading(home_of(study), name_or_sql) as (connection, sql):
        write_rows(connection, sql, output, to)


@click.command()
@click.argument("name", required=False)
@STUDY_OPTION
@readable_errors
@example("influence chart bin_heatmap --study demo")
def chart(name: str | None, study: str) -> None:
    """Draw chart NAME (or all) from the published copy as HTML, PNG and SVG."""
    from influence_warehouse.reports.gallery import draw_and_save
    from influence_warehouse.reports.names import CHARTS

    home = home_of(study)
    for each in [name] if name else list(CHARTS):
        for path in draw_and_save(home, each):
            click.echo(path)


@click.command()
@click.argument("study", default="demo")
@readable_errors
@example("influence report demo")
def report(study: str) -> None:
    """Make STUDY's report (default: demo): pages with charts and tables that open offline."""
    from influence_warehouse.reports.report import write_report

    loaded, home = opened(study)
    click.echo(write_report(home, loaded, Path(study).name, progress=sys.stderr.isatty()))


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Numbers this close are equal.",
)
@click.option(
    "--movers",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Regions shown per benchmark, those whose rank changes most.",
)
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@MAX_GIGABYTES_OPTION
@example("influence diff demo demo-1.0\n  influence diff a.duckdb b.duckdb --output json")
def diff(a: str, b: str, tolerance: float, movers: int, output: str, max_gigabytes: float) -> None:
    """Compare two studies: tables, columns, rows, values, and ranks of regions.

    A and B are each a study (preset, file or imported), a release's folder, or a DuckDB file.
    Ends with status 0 when they are equal, 1 when they differ, 2 when they cannot be compared.
    The column `study`, and when, how fast and with which software a fact was made (in `runs`),
    are not compared.
    """
    from influence_warehouse.releases.diff import compare
    from influence_warehouse.releases.diff_output import as_json, as_text

    try:
        first, second = (_published(name, max_gigabytes) for name in (a, b))
        difference = compare(first, second, tolerance, movers)
    except InfluenceError as error:
        click.ClickException(str(error)).show()
        sys.exit(2)
    click.echo(as_json(difference) if output == "json" else as_text(difference), nl=False)
    sys.exit(0 if difference.is_equal else 1)


def _published(name: str, max_gigabytes: float) -> Any:
    """Where the marts of a release's folder, a DuckDB file or a study are."""
    from influence_warehouse.releases.diff import Side
    from influence_warehouse.releases.read import is_release, open_release

    path = Path(name)
    if is_release(path):
        return Side(name, path.absolute(), open_release(path, max_gigabytes))
    if path.suffix == ".duckdb":
        return Side(name, path.absolute())
    return Side(name, home_of(name).database)
