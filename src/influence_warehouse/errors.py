"""Errors that a user can act on.

Belongs here: the exception types whose message names the file, the field and the remedy.
Does not belong here: errors of programming, which stay Python's own.
"""

from collections.abc import Sequence


class InfluenceError(Exception):
    """Base of every error that the command line prints without a traceback."""


class StudyError(InfluenceError):
    """The study file is missing, unreadable or says something impossible."""


class InputError(InfluenceError):
    """A file that the study names is missing, empty, of the wrong type or broken."""


class FactError(InfluenceError):
    """A fact is missing, damaged, or was made from something else than its reader expects."""


class HealthError(InfluenceError):
    """Numbers came out that must not be used: not finite, all zero, unstable gradients."""


class NodesError(InfluenceError):
    """Nodes that share a shard did not come, do not fit together, failed or were lost."""


class WarehouseError(InfluenceError):
    """The DuckDB file or its folder cannot be read, written or locked."""


def first_of(problems: Sequence[str], shown: int, total: int | None = None) -> str:
    """The first `shown` problems, a line each, and how many more of `total` there are."""
    left = (total or len(problems)) - shown
    return "\n  ".join([*problems[:shown], *([f"and {left} more"] if left > 0 else [])])
