"""Labels of a study's own: how they are spelt, which may be, and the bins that they span.

What a study with `taxonomy: columns` and an import have in common. Does not belong here: the names
of WebOrganizer (`taxonomy`).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import unquote

# What one label or pair too many would cost is paid by every resample of every benchmark.
MAX_BINS = 5_000
MAX_LABEL = 100
# The second label of documents that have one alone.
ONE_LABEL = "all"
# `spelt` in SQL, where documents are too many to pass through Python.
SPELT_SQL = r"nullif(trim(regexp_replace(nfc_normalize({}), '[\s\p{{Z}}]+', ' ', 'g')), '')"

# Other white space is controls, which no label may have.
_SPACES = re.compile(r"[^\S\x0b\x1c-\x1f\x85]+")
_OVERRIDES = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
# What a region's name says without a label: any topic, or the whole sample.
RESERVED = ("any", "all")


@lru_cache(maxsize=MAX_BINS)
def spelt(label: str) -> str:
    """A label in its one spelling: two that look the same by composed letters and kinds of space
    are one."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", label)).strip(" ")


def label_problem(label: str) -> str | None:
    """Why a label, as `spelt`, cannot name a group, or None."""
    if not label:
        return "is empty"
    if len(label) > MAX_LABEL:
        return f"has {len(label)} characters, more than {MAX_LABEL}: is it a text?"
    for character in label:
        control = unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs")
        if control or unicodedata.bidirectional(character) in _OVERRIDES:
            return f"has the control character U+{ord(character):04X}"
    return None


def lookalikes(labels: Iterable[str]) -> tuple[str, str] | None:
    """Two labels that differ only in characters that are not seen, or None."""
    shown: dict[str, str] = {}
    for label in labels:
        seen = "".join(c for c in label if unicodedata.category(c) != "Cf")
        if seen in shown:
            return shown[seen], label
        shown[seen] = label
    return None


def labels_problem(labels: Sequence[str]) -> str | None:
    """Why the labels of one column, as `spelt` and each once, cannot be told apart, or None."""
    if len(labels) > MAX_BINS:
        return f"more than {MAX_BINS:,} labels"
    if alike := lookalikes(labels):
        return f"labels {alike[0]!a} and {alike[1]!a} look alike"
    return None


def pairs(first: Iterable[str], second: Iterable[str]) -> list[tuple[str, str]]:
    """All bins of two lists of labels, in the order of their numbers."""
    columns = sorted(second)
    return [(a, b) for a in sorted(first) for b in columns]


def pairs_problem(first: Sequence[str], second: Sequence[str]) -> str | None:
    """Why the pairs of two columns' labels cannot be bins, or None.

    Marts name a bin `topic/format`.
    """
    if (count := len(first) * len(second)) > MAX_BINS:
        return f"{count:,} groups, more than {MAX_BINS:,}"
    names: set[str] = set()
    for topic, format in pairs(first, second):
        if (name := f"{topic}/{format}") in names:
            return f"two groups are called {name!r}: a label holds the / that divides a pair"
        names.add(name)
    return None


def escaped(label: str) -> str:
    """A label inside the name of a region, whatever it holds: `C++ / Qt` -> `C%2B%2B %2F Qt`.

    Slugs stay as they are. Other signs than letters, digits, `_`, `-` and spaces are UTF-8 bytes
    in hexadecimal, and so is the first letter of a label that is a reserved word.
    """
    if label in RESERVED:
        return _hexadecimal(label[0]) + label[1:]
    return "".join(c if c.isalnum() or c in " _-" else _hexadecimal(c) for c in label)


def unescaped(name: str) -> str:
    """The label that `escaped` gave this name."""
    return unquote(name)


def _hexadecimal(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
