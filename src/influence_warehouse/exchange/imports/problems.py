"""Refusing a file: one error that names the file, its first problems and the remedy.

Belongs here: how a refusal reads. Does not belong here: what is refused.
"""

from collections.abc import Sequence
from pathlib import Path

from influence_warehouse.errors import InputError, first_of

SHOWN = 5


def refuse(path: Path, problems: Sequence[str], remedy: str, total: int | None = None) -> None:
    """Raise InputError when there are problems; `total` counts also those that are not listed."""
    if problems:
        listed = first_of(problems, SHOWN, total)
        raise InputError(f"{path}:\n  {listed}\nRemedy: {remedy}.")
