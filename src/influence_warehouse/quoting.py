"""Texts put inside SQL or shown on a terminal, so that they stay texts.

An id, an address or a label may hold a quote that ends a literal, or escape sequences that
recolour, retitle or rewrite what stands on the screen. Does not belong here: parameters, which
serve better wherever a statement takes them; secrets (`secrecy`).
"""

# What breaks lines and aligns is no danger; cells of tables replace it themselves.
_PLAIN = "\n\t"


def sql_text(value: str) -> str:
    """SQL literal of a text."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(value: str) -> str:
    """SQL identifier of a name."""
    return '"' + value.replace('"', '""') + '"'


def printable(text: str) -> str:
    """`text` with control characters, and those that turn its direction, as escapes: `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in _PLAIN else c.encode("unicode_escape").decode() for c in text
    )


def printable_cell(text: str) -> str:
    """`printable`, on one line."""
    return printable(text.replace("\r\n", " ").replace("\n", " ").replace("\t", " "))
