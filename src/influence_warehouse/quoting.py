"""Texts and names inside SQL that is put together, quoted so that they stay texts and names.

Does not belong here: parameters, which serve better wherever a statement takes them.
"""


def sql_text(value: str) -> str:
    """SQL literal of a text."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(value: str) -> str:
    """SQL identifier of a name."""
    return '"' + value.replace('"', '""') + '"'
