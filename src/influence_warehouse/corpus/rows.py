"""All rows of a corpus, each good or with the reason why it is no document.

Belongs here: what a row shows by itself. Does not belong here: copies of other rows
(duplicates), and what a study does about either (documents).
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from influence_warehouse.corpus.labels import slug_of
from influence_warehouse.corpus.readers import TEXT_FIELDS, Batch, read_corpus
from influence_warehouse.errors import InputError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.layout import Home
from influence_warehouse.own_labels import ONE_LABEL, label_problem, spelt
from influence_warehouse.study.study import Study

_REPLACEMENT = "\ufffd"  # what decoders put in the place of bytes that they could not read
# Printable by their category, and yet blank: fillers, joiners, variation selectors, Braille.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code) for code in range(0xFE00, 0xFE10)
}
PRINTED_CHARS = 80  # of an id or a label that is named in a table
_COMPUTED = ("n_chars", "n_tokens")  # later, of the rows that stay
# (topic or format, what the column holds) -> the label, and what is wrong with it.
LabelReader = Callable[[str, str | None], tuple[str, str | None]]
COLUMNS: dict[str, pl.DataType] = {
    **{n: t for n, t in CONTRACTS["documents"].columns.items() if n not in _COMPUTED},
    **CONTRACTS["documents_set_aside"].columns,
}


def checked_rows(study: Study, home: Home) -> Iterator[pl.DataFrame]:
    """All rows with COLUMNS. Good ones have no `reason`; the others only place, id and reason."""
    read_label = _label_reader(study)
    for batch in read_corpus(study, home):
        found: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        for row in _each_row(batch, read_label):
            for name, values in found.items():
                values.append(row.get(name))
        yield pl.DataFrame(found, schema=COLUMNS)


def _each_row(batch: Batch, read_label: LabelReader | None) -> Iterator[dict[str, Any]]:
    names = list(batch.fields)
    columns = [batch.fields[name] for name in names]
    for number, *entries in zip(batch.rows, *columns, strict=True):
        values: dict[str, Any] = dict(zip(names, entries, strict=True))
        place = {"file": batch.file, "row": number}
        problem = _problem(values) or (_read_labels(values, read_label) if read_label else None)
        if problem:
            doc_id = values["doc_id"]
            printed = None if doc_id is None else _printable(doc_id)
            yield {**place, "doc_id": printed, "reason": problem[0], "detail": problem[1]}
            continue
        _require_confidence(values.get("label_confidence"), batch.file, number)
        yield {**values, **place, **_content(values)}


def _content(values: dict[str, Any]) -> dict[str, Any]:
    """text, prompt_chars and content_sha256: of a training pair that of its parts with NUL between,
    since another split of the same text is learned otherwise."""
    if "completion" not in values:
        text, content, prompt_chars = values["text"], values["text"], None
    else:
        prompt, completion = values["prompt"] or "", values["completion"]
        text, content, prompt_chars = prompt + completion, f"{prompt}\0{completion}", len(prompt)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return {"text": text, "prompt_chars": prompt_chars, "content_sha256": digest}


def _require_confidence(value: float | None, file: str, row: int) -> None:
    # Not a number is in no range.
    if value is not None and not 0 <= value <= 1:
        raise InputError(
            f"{file}, row {row}: label_confidence {value} is not from 0 to 1 (study field "
            "corpus.columns.label_confidence). Remedy: divide percentages by 100, write null "
            "where it is not known, or map no column."
        )


def _problem(values: dict[str, Any]) -> tuple[str, str] | None:
    """Reason and detail why a row is no document, or None. The first that holds is named."""
    for name in ("doc_id", *TEXT_FIELDS):
        detail = _encoding_problem(values.get(name))
        if detail:
            return "bad_encoding", f"{name}: {detail}"
    if not (values["doc_id"] or "").strip():
        return "missing_id", "the id is null or blank"
    learned = "completion" if "completion" in values else "text"
    if is_invisible(values[learned] or ""):
        what = "null" if values[learned] is None else "nothing that can be seen"
        return "empty_text", what if learned == "text" else f"completion: {what}"
    return None


def is_invisible(text: str) -> bool:
    """Whether nothing of a text can be seen: white space, controls, zero-width characters."""
    return not any(c.isprintable() and not c.isspace() and c not in _BLANK for c in text)


def _encoding_problem(value: str | None) -> str | None:
    if not value or (value.isascii() and "\x00" not in value):
        return None
    if "\x00" in value:
        return f"NUL at character {value.index(chr(0))}"
    if _REPLACEMENT in value:
        return f"replacement character U+FFFD at character {value.index(_REPLACEMENT)}"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        # surrogateescape puts a byte b that was not UTF-8 at U+DC00 + b.
        code = ord(value[error.start])
        kind = f"byte 0x{code & 0xFF:02x} is not UTF-8" if 0xDC80 <= code <= 0xDCFF else (
            f"lone surrogate U+{code:04X}")  # fmt: skip
        return f"{kind} at character {error.start}"
    return None


def _label_reader(study: Study) -> LabelReader | None:
    """How the study's columns of labels are read; None where classifiers label."""
    if study.corpus.labels != "columns":
        return None
    return _slug if study.taxonomy == "weborganizer" else _own_label


def _slug(kind: str, given: str | None) -> tuple[str, str | None]:
    slug = None if given is None else slug_of(kind, given)
    return slug or "", None if slug else f"{kind}: {_printable(given)}"


def _own_label(kind: str, given: str | None) -> tuple[str, str | None]:
    label = spelt(given or "")
    wrong = label_problem(label)
    return label, wrong and f"{kind}: {_printable(given)}: {wrong}"


def _read_labels(values: dict[str, Any], read_label: LabelReader) -> tuple[str, str] | None:
    """Reason and detail why the labels are none, or None with the labels put into `values`."""
    for kind in ("topic", "format"):
        # A study of one label column maps no format.
        given = values.get(kind, ONE_LABEL)
        values[kind], problem = read_label(kind, given)
        if problem:
            return "unknown_label", problem
    return None


def _printable(value: str | None) -> str:
    """At most PRINTED_CHARS characters that any terminal and any Parquet file can hold."""
    text = "null" if value is None else value[:PRINTED_CHARS]
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
