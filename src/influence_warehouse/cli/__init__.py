"""The command `influence`: few thin verbs over the library and the Dagster project.

Heavy modules are imported inside the verbs, so that `--help` answers at once; `run` and
`ui` alone reach for Dagster. Does not belong here: any decision about data.
"""

import sys

import click

from influence_warehouse import __version__
from influence_warehouse.cli import exchange, reading, running, verbs
from influence_warehouse.cli.interrupts import end_when_told


@click.group(cls=verbs.VerbGroup)
@click.version_option(__version__)
@click.option("--study", help="The verb's study, as after the verb.")
@click.pass_context
def influence(context: click.Context, study: str | None) -> None:
    """Which regions of a corpus support which capability of a language model?"""
    if study is not None:
        context.default_map = {name: {"study": study} for name in influence.commands}


for verb in (
    running.run,
    running.work,
    running.join,
    running.build,
    running.check,
    running.status,
    reading.studies,
    reading.query,
    reading.chart,
    reading.report,
    reading.diff,
    exchange.import_,
    exchange.export,
    running.ui,
    running.prepare_model,
):
    influence.add_command(verb)


def main() -> None:
    """Run the command line of this process and end with its status."""
    end_when_told()
    verbs.run(influence, sys.argv[1:])
