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
    tell_if_stale,
)
from influence_warehouse.cli.verbs import Verb
from influence_warehouse.errors import InfluenceError, InputError


@click.command(cls=Verb)
@readable_errors
@example("influence studies")
def studies() -> None:
    """List the studies that have a name: presets, and those of the warehouse."""
    from influence_warehouse.study.names import known_studies

    for study in known_studies():
        published = "published" if study.is_published else "not published"
        click.echo(f"{study.name:<24} {study.kind:<9} {published:<14} {study.origin}")


@click.command(
    cls=Verb,
    # SQL may begin with a comment, `--`, which is no option.
    context_settings={"ignore_unknown_options": True},
)
@click.argument("query", nargs=-1, type=click.UNPROCESSED, metavar="[QUERY] [COLUMN=VALUE]...")
@STUDY_OPTION
@click.option("--list", "listed", is_flag=True, help="List the named queries.")
@click.option("--output", type=click.Choice(["table", "csv", "json", "parquet"]))
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="File to write; its ending tells the format where --output does not.",
)
@readable_errors
@example(
    "influence query top_topics benchmark=social_facts\n"
    '  influence query "select * from bins limit 5" --output csv\n'
    "  influence query my-query.sql --to rows.parquet\n"
    "  cat my-query.sql | influence query -"
)
def query(
    query: tuple[str, ...], study: str, listed: bool, output: str | None, to: Path | None
) -> None:
    """Run QUERY on the published read-only copy: a named query of sql/, SQL, a file of SQL, or -.

    COLUMN=VALUE keeps the rows whose column has the value. Without QUERY, or with `-`, SQL is
    read from the standard input.
    """
    from influence_warehouse.warehouse.output import format_of, write_rows
    from influence_warehouse.warehouse.query import filtered, named_queries, reading

    if listed:
        for named in named_queries().values():
            click.echo(f"{named.name:<28} {named.question}")
        return
    text, filters = _asked(query)
    output = format_of(output, to)
    home = home_of(study)
    tell_if_stale(home)
    with reading(home, text) as (connection, sql):
        write_rows(connection, filtered(connection, sql, filters), output, to)


def _asked(words: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The query of a command line, and the values that its columns are to have."""
    first, *rest = words or ("-",)
    if first.startswith("-") and first != "-" and not any(c.isspace() for c in first):
        raise click.NoSuchOption(first, ctx=click.get_current_context())
    if first == "-":
        if sys.stdin.isatty():
            raise click.UsageError("Missing argument 'QUERY'.", click.get_current_context())
        first = sys.stdin.read()
    elif first.endswith(".sql") and not any(c.isspace() for c in first):
        first = _text_of(Path(first))
    return first, _assigned(rest)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}). Remedy: give a file of SQL, or the SQL itself."
        ) from error


def _assigned(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for name, sign, value in pairs:
        if not (name and sign):
            raise InputError(
                f"{name}{sign}{value}: is no COLUMN=VALUE. Remedy: put SQL into quotes, as one "
                "word; values of columns follow it, as benchmark=social_facts."
            )
    return {name: value for name, _, value in pairs}


@click.command(cls=Verb)
@click.argument("name", required=False)
@click.argument("filters", nargs=-1, metavar="[COLUMN=VALUE]...")
@STUDY_OPTION
@click.option("--list", "listed", is_flag=True, help="List the charts.")
@readable_errors
@example(
    "influence chart bin_heatmap --study demo\n"
    "  influence chart topic_profile benchmark=social_facts"
)
def chart(name: str | None, filters: tuple[str, ...], study: str, listed: bool) -> None:
    """Draw chart NAME (or all) from the published copy as HTML, PNG and SVG.

    COLUMN=VALUE keeps the rows whose column has the value; the files' names tell.
    """
    from influence_warehouse.reports.charts import CHARTS
    from influence_warehouse.reports.gallery import draw_and_save, draw_filtered, why_nothing

    if listed:
        for each, question in CHARTS.items():
            click.echo(f"{each:<28} {question}")
        return
    home, kept = home_of(study), _assigned(list(filters))
    tell_if_stale(home)
    if name and kept:
        for path in draw_filtered(home, name, kept):
            click.echo(path)
        return
    for each in [name] if name else list(CHARTS):
        paths = draw_and_save(home, each)
        for path in paths:
            click.echo(path)
        if name and not paths:
            click.echo(f"{name}: nothing to draw ({why_nothing(home, name)})", err=True)


@click.command(cls=Verb)
@click.argument("study", default="demo")
@readable_errors
@example("influence report demo")
def report(study: str) -> None:
    """Make STUDY's report (default: demo): pages with charts and tables that open offline."""
    from influence_warehouse.reports.report import write_report

    loaded, home = opened(study)
    tell_if_stale(home)
    click.echo(write_report(home, loaded, Path(study).name))


@click.command(cls=Verb)
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
    from influence_warehouse.exchange.releases.diff import compare
    from influence_warehouse.exchange.releases.diff_output import as_json, as_text

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
    from influence_warehouse.exchange.releases.diff import Side
    from influence_warehouse.exchange.releases.read import is_release, open_release

    path = Path(name)
    if is_release(path):
        return Side(name, path.absolute(), open_release(path, max_gigabytes))
    if path.suffix == ".duckdb":
        return Side(name, path.absolute())
    return Side(name, home_of(name).database)
