"""Text of data on a terminal: what would steer the terminal is shown, not obeyed.

An id, an address or a label may hold escape sequences that recolour, retitle or rewrite what
stands on the screen. Belongs here: that alone. Does not belong here: secrets (`secrecy`).
"""

# What breaks lines and aligns is no danger; cells of tables replace it themselves.
_PLAIN = "\n\t"


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
