"""How this project starts other programs: in an environment that says nothing of the place.

A child runs no Python file of the current folder, and dbt hears none of the shell's own `DBT_*`
variables: `DBT_EMPTY=1` would replace good tables by empty ones.
Belongs here: what a child inherits. Does not belong here: starting it.
"""

import os
import sys
from collections.abc import Mapping

_OF_DBT = "DBT_"


def python(*arguments: str) -> list[str]:
    """Command of this very Python, which does not search the current folder for modules."""
    return [sys.executable, "-P", *arguments]


def child_environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: this process's without variables of dbt, and its `own`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_DBT)}
    # Inherited by the child's own children, which are not started here.
    return kept | {"PYTHONSAFEPATH": "1"} | dict(own)


def adopt_environment(own: Mapping[str, str]) -> None:
    """Make this process's environment that of a child, for libraries that start one in it."""
    environment = child_environment(own)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
