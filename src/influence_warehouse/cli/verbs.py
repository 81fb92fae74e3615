"""What every verb of the command line takes: its place, its study, and readable ends.

Belongs here: options that stand before or after a verb, and how a command ends. Does not belong
here: any verb.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from influence_warehouse.errors import InfluenceError
from influence_warehouse.quoting import printable
from influence_warehouse.secrecy import redacted

DEBUG = "INFLUENCE_DEBUG"


def _set_root(context: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        os.environ["INFLUENCE_WAREHOUSE"] = str(value)


def _set_debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        os.environ[DEBUG] = "1"


def _common_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--warehouse"],
            type=click.Path(file_okay=True, path_type=Path),
            expose_value=False,
            is_eager=True,
            callback=_set_root,
            help="Root of all studies' homes; default: INFLUENCE_WAREHOUSE, else ./warehouse.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_set_debug,
            help="Show the traceback of an error.",
        ),
    ]


class Verb(click.Command):
    """A verb: it takes the common options, too, and its study by --study or as an argument."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params += _common_options()
        if any(isinstance(p, click.Argument) and p.name == "study" for p in self.params):
            self.params.append(
                click.Option(
                    ["--study", "study_by_option"],
                    expose_value=False,
                    is_eager=True,
                    hidden=True,
                    callback=_set_study,
                )
            )


def _set_study(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.default_map = {**(context.default_map or {}), "study": value}


class VerbGroup(click.Group):
    """The command: options of all verbs may stand before the verb."""

    command_class = Verb
    group_class = type

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params += _common_options()


def run(group: click.Group, arguments: Sequence[str]) -> NoReturn:
    """Run a command line and end with its status, whatever happens in it, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal of another encoding shows what it cannot as `?`.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        _require_a_place(arguments)
        status = group.main(args=list(arguments), prog_name="influence", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        _end(error.exit_code)
    except click.Abort:
        _end(130)
    except BrokenPipeError:
        # The reader has what it wanted: `influence query bins | head`.
        _end(1)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # panics of libraries in Rust are no Exception
        _tell(error)
        _end(1)
    _end(status if isinstance(status, int) else 0)


def _require_a_place(arguments: Sequence[str]) -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise click.ClickException(
            "the current folder was deleted. Remedy: cd to a folder that is there."
        ) from error
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise click.ClickException(
                f"{argument.encode(errors='replace').decode()}: is not UTF-8 text. "
                "Remedy: set the terminal to UTF-8, or put the text into a file."
            ) from error


def _tell(error: BaseException) -> None:
    """The last net: what no boundary made readable."""
    if DEBUG in os.environ:
        traceback.print_exception(error)
        return
    told = " ".join(str(error).split())[:500]
    name = "" if isinstance(error, InfluenceError) else f"{type(error).__name__}: "
    click.echo(
        printable(
            f"Error: {redacted(name + told)}\n"
            "This error was not foreseen. Remedy: if its words do not help, run the command again "
            "with --debug, which shows where it happened, and report that."
        ),
        err=True,
    )


def _end(status: int) -> NoReturn:
    """End without Python's teardown, all files being written.

    DuckDB's binding reports objects that dbt's adapter keeps when Python ends; its pages of
    warnings would bury the summary or the error.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
