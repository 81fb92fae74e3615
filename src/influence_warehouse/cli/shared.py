"""What the verbs share: arguments, readable errors, and which study a name means.

Does not belong here: any verb.
"""

import os
import traceback
from collections.abc import Callable
from functools import wraps
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

from influence_warehouse.cli import verbs
from influence_warehouse.errors import InfluenceError
from influence_warehouse.exchange.releases import MAX_GIGABYTES
from influence_warehouse.quoting import printable
from influence_warehouse.secrecy import redacted

STUDY = click.argument("study")
STUDY_OPTION = click.option(
    "--study",
    default="demo",
    show_default=True,
    help="Name of a study (`influence studies`), or path of a study file.",
)
FACTS_OPTION = click.option(
    "--facts",
    metavar="URL",
    help="Keep the study's facts under s3://BUCKET/FOLDER; remembered from then on.",
)
MAX_GIGABYTES_OPTION = click.option(
    "--max-gigabytes",
    type=click.FloatRange(min=0, min_open=True),
    default=MAX_GIGABYTES,
    show_default=True,
    help="Refuse a larger release.",
)


def example(text: str) -> Callable:
    """Append an example to a verb's help."""

    def decorate(function: Callable) -> Callable:
        function.__doc__ = f"{cleandoc(function.__doc__ or '')}\n\n\b\nExample:\n  {text}"
        return function

    return decorate


def readable_errors(function: Callable) -> Callable:
    """Print the library's errors as one message and end with status 1."""

    @wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except InfluenceError as error:
            if verbs.DEBUG in os.environ:
                traceback.print_exception(error)
            raise click.ClickException(printable(redacted(str(error)))) from error

    return wrapped


def study_and_home(study: str) -> tuple[Any, Any]:
    """The study of a name or file, which can be run, and its home."""
    from influence_warehouse.exchange.imports.study import refuse_imported
    from influence_warehouse.lake.layout import Home, warehouse_root
    from influence_warehouse.study.load import load_study
    from influence_warehouse.study.names import reference_of

    refuse_imported(study)
    loaded = load_study(reference_of(study))
    refuse_imported(loaded.name)
    return loaded, Home(warehouse_root(), loaded.name)


def made_home(study: str) -> tuple[Any, Any]:
    """`study_and_home`, with the home made and what it is made from noted in it."""
    from influence_warehouse.study.names import note_origin, reference_of

    loaded, home = study_and_home(study)
    home.create()
    note_origin(home, reference_of(study))
    return loaded, home


def opened(study: str) -> tuple[Any, Any]:
    """The study, None where it was imported and cannot be run, and its home."""
    from influence_warehouse.study.names import imported_home

    imported = imported_home(study)
    return (None, imported) if imported else study_and_home(study)


def tell_if_stale(home: Any) -> None:
    """Say on stderr when the published copy is older than the facts beside it."""
    from influence_warehouse.lake.built_from import facts_changed_since

    changed = facts_changed_since(home) if home.database.exists() else []
    if changed:
        click.echo(
            f"note: the published copy is older than {len(changed)} facts ({changed[0]} ...); "
            f"`influence run {home.study}` publishes them.",
            err=True,
        )


def home_of(study: str) -> Any:
    """Home of a study that was run or imported. What is published is found by its name."""
    from influence_warehouse.lake.layout import Home, warehouse_root

    # Validating the study would cost a query a third of its time.
    home = Home(warehouse_root(), study)
    is_name = Path(study).name == study and not Path(study).is_file()
    return home if is_name and home.database.exists() else opened(study)[1]
