"""The command `influence`: few thin verbs over the library and the Dagster project.

Heavy modules are imported inside the verbs, so that `--help` answers at once; `run` and
`ui` alone reach for Dagster. Does not belong here: any decision about data.
"""

import os
from pathlib import Path

import click

from influence_warehouse import __version__
from influence_warehouse.cli import exchange, reading, running


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


for verb in (
    running.run,
    running.work,
    running.join,
    running.build,
    running.check,
    running.status,
    reading.query,
    reading.chart,
    reading.report,
    reading.diff,
    exchange.import_,
    exchange.export,
    running.ui,
    running.prepare_model,
):
    main.add_command(verb)
