"""The `documents` fact: every usable document, and every row that is not, with its reason.

Belongs here: which rows are good documents, and the study's rules for the others. Does not
belong here: reading files (readers), labels' spellings and classifiers (labels).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from tqdm import tqdm

from influence_warehouse.corpus.duplicates import find_duplicates
from influence_warehouse.corpus.labels import classify, slug_of
from influence_warehouse.corpus.readers import (
    TEXT_FIELDS,
    Batch,
    corpus_digests,
    corpus_path,
    read_corpus,
)
from influence_warehouse.errors import InputError
from influence_warehouse.facts import CONTRACTS, Lake, Outcome
from influence_warehouse.fingerprint import Fingerprint, digest_of, digest_of_file
from influence_warehouse.layout import Home
from influence_warehouse.models import load_tokenizer, model_source
from influence_warehouse.study import Study

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EXAMPLES = 5
TOKENIZER_BATCH = 512
# Reason for setting a row aside -> the rule of corpus.rules that governs it.
RULE_OF_REASON = {
    "bad_encoding": "bad_encoding",
    "missing_id": "duplicate_id",
    "empty_text": "empty_text",
    "unknown_label": "unknown_label",
    "duplicate_id": "duplicate_id",
    "duplicate_text": "duplicate_text",
}
_REMEDIES = {
    "bad_encoding": "write the corpus as UTF-8 without NUL characters",
    "missing_id": "give each document an id in the column of corpus.columns.doc_id",
    "empty_text": "remove the documents without text",
    "unknown_label": "use the taxonomy's slugs, or corpus.labels: classifiers",
    "duplicate_id": "give each document its own id",
    "duplicate_text": "remove the copies",
}
_TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*",
                    "merges.txt", "*.model")  # fmt: skip


@dataclass
class _Sorted:
    """Rows of the corpus, sorted into good ones (by column) and ones set aside."""

    good: dict[str, list[Any]] = field(default_factory=dict)
    aside: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0

    def set_aside(self, place: dict[str, Any], reason: str, detail: str) -> None:
        """Record a row that is no document: `place` has file, row and doc_id."""
        doc_id = None if place["doc_id"] is None else _printable(place["doc_id"])
        self.aside.append({**place, "doc_id": doc_id, "reason": reason, "detail": detail})


def fingerprint_of_documents(study: Study, lake: Lake) -> Fingerprint:
    """What `documents` is made from: the files' contents, the corpus section, the tokenizer."""
    return Fingerprint.of("documents", **_parts(study, lake.home))


def fingerprint_of_documents_set_aside(study: Study, lake: Lake) -> Fingerprint:
    """What `documents_set_aside` is made from: the same as `documents`."""
    return Fingerprint.of("documents_set_aside", **_parts(study, lake.home))


def _parts(study: Study, home: Home) -> dict[str, Any]:
    path, hub, corpus = corpus_path(study, home), study.corpus.hub, study.corpus
    section = corpus.model_dump(mode="json", exclude={"path", "hub", "licence", "classifiers"})
    if path is None:
        assert hub is not None
        section["input"] = hub.model_dump(mode="json")
    else:
        section["input"] = digest_of(corpus_digests(path))
    if corpus.labels == "classifiers":
        section["classifiers"] = _classifier_parts(study)
    return {"corpus": section, "tokenizer": _tokenizer_digest(study, home)}


def _classifier_parts(study: Study) -> dict[str, Any]:
    """The classifiers' settings; a local folder counts by its content, not by its path."""
    settings = study.corpus.classifiers
    parts = settings.model_dump(mode="json", exclude={"batch_size"})
    if not settings.trust_remote_code:
        del parts["trust_remote_code"]
    for name in ("topic_model", "format_model"):
        folder = Path(parts[name])
        if folder.is_dir():
            parts[name] = digest_of_file(folder)
    return parts


def _tokenizer_digest(study: Study, home: Home) -> str:
    source = model_source(study, home)
    if study.model.hub is not None:
        return source.digest
    folder = Path(source.location)
    files = {file for pattern in _TOKENIZER_FILES for file in folder.glob(pattern)}
    return digest_of({file.name: digest_of_file(file) for file in files})


def make_documents(study: Study, lake: Lake) -> list[Outcome]:
    """Make `documents` and `documents_set_aside`; every input row is in exactly one of them.

    Raises InputError for a corpus that is missing, unreadable or without a usable document,
    and for rows that a rule of corpus.rules refuses (counts and examples in the message).
    """
    made = fingerprint_of_documents(study, lake)
    aside_made = fingerprint_of_documents_set_aside(study, lake)
    if lake.is_current(made) and lake.is_current(aside_made):
        return [lake.reused(made), lake.reused(aside_made)]
    tokenizer = load_tokenizer(study, lake.home)
    rows = _sorted_rows(study, lake.home)
    candidates = _frame_of(rows)
    unique = _without_duplicates(candidates, rows, lake.home.work)
    _apply_rules(study, rows)
    if unique.is_empty():
        raise _no_documents(study, lake.home, rows)
    documents = _finished(unique, study, tokenizer)
    aside = pl.DataFrame(rows.aside, schema=CONTRACTS["documents_set_aside"].columns)
    if documents.height + aside.height != rows.rows:
        raise AssertionError(f"{rows.rows} rows became {documents.height} and {aside.height}")
    lake.write("documents_set_aside", aside, aside_made)
    lake.write("documents", documents, made)
    counts = dict(sorted(Counter(row["reason"] for row in rows.aside).items()))
    details = {
        "rows_read": rows.rows,
        "tokens": int(documents["n_tokens"].sum()),
        "bins_with_documents": documents.select("topic", "format").n_unique(),
        "ignored_files": _ignored_files(study, lake.home),
    }
    return [
        Outcome("documents", documents.height, False, details),
        Outcome("documents_set_aside", aside.height, False, counts),
    ]


def _ignored_files(study: Study, home: Home) -> int:
    """Files in a corpus folder that are neither Parquet nor JSON lines."""
    path = corpus_path(study, home)
    if path is None or path.is_file():
        return 0
    return sum(file.is_file() for file in path.rglob("*")) - len(corpus_digests(path))


def _sorted_rows(study: Study, home: Home) -> _Sorted:
    """Read the corpus; set aside the rows that are broken by themselves."""
    rows = _Sorted()
    with_labels = study.corpus.labels == "columns"
    for batch in tqdm(read_corpus(study, home), desc="reading documents", unit=" batch", delay=2):
        rows.rows += len(batch.rows)
        for place, values in _each_row(batch):
            problem = _problem(values) or (_label_problem(values) if with_labels else None)
            if problem:
                rows.set_aside(place, *problem)
                continue
            if with_labels:
                values["topic"] = slug_of("topic", values["topic"])
                values["format"] = slug_of("format", values["format"])
            for name, value in {**values, **place}.items():
                rows.good.setdefault(name, []).append(value)
    return rows


def _each_row(batch: Batch) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    names = list(batch.fields)
    columns = [batch.fields[name] for name in names]
    for number, *values in zip(batch.rows, *columns, strict=True):
        content = dict(zip(names, values, strict=True))
        yield {"file": batch.file, "row": number, "doc_id": content["doc_id"]}, content


def _problem(values: dict[str, Any]) -> tuple[str, str] | None:
    """Reason and detail why a row is no document, or None. The first that holds is named."""
    for name in ("doc_id", *TEXT_FIELDS):
        detail = _encoding_problem(values.get(name))
        if detail:
            return "bad_encoding", f"{name}: {detail}"
    if not (values["doc_id"] or "").strip():
        return "missing_id", "the id is null or blank"
    if not (values["text"] or "").strip():
        return "empty_text", "null" if values["text"] is None else "nothing but white space"
    return None


def _encoding_problem(value: str | None) -> str | None:
    if not value or (value.isascii() and "\x00" not in value):
        return None
    if "\x00" in value:
        return f"NUL at character {value.index(chr(0))}"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        # surrogateescape puts a byte b that was not UTF-8 at U+DC00 + b.
        code = ord(value[error.start])
        kind = f"byte 0x{code & 0xFF:02x} is not UTF-8" if 0xDC80 <= code <= 0xDCFF else (
            f"lone surrogate U+{code:04X}")  # fmt: skip
        return f"{kind} at character {error.start}"
    return None


def _label_problem(values: dict[str, Any]) -> tuple[str, str] | None:
    for kind in ("topic", "format"):
        label = values[kind]
        if label is None or slug_of(kind, label) is None:
            return "unknown_label", f"{kind}: {_printable(label)}"
    return None


def _printable(value: str | None) -> str:
    """At most 80 characters that any terminal and any Parquet file can hold."""
    text = "null" if value is None else value[:80]
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def _frame_of(rows: _Sorted) -> pl.DataFrame:
    """Good rows as a frame with the contract's columns, plus their file and row."""
    contract = CONTRACTS["documents"].columns
    inputs = [n for n in contract if n not in ("n_chars", "n_tokens", "content_sha256")]
    count = len(rows.good.get("doc_id", []))
    columns = {
        name: pl.Series(name, rows.good.get(name, [None] * count), dtype=contract[name])
        for name in inputs
    }
    texts = rows.good.get("text", [])
    return pl.DataFrame(
        {
            **columns,
            "content_sha256": pl.Series(
                [hashlib.sha256(text.encode()).hexdigest() for text in texts], dtype=pl.String
            ),
            "file": pl.Series(rows.good.get("file", []), dtype=pl.String),
            "row": pl.Series(rows.good.get("row", []), dtype=pl.Int64),
        }
    )


def _without_duplicates(candidates: pl.DataFrame, rows: _Sorted, spill: Path) -> pl.DataFrame:
    """Keep one row per id, then one per text; the choice does not depend on file order.

    Of equal ids the one whose content hash is smallest stays, of equal texts the one whose
    id is smallest.
    """
    copies = find_duplicates(candidates, spill)
    for file, row, doc_id, reason, kept in copies.iter_rows():
        detail = "another document has this id"
        if reason == "duplicate_text":
            detail = f"same text as {kept}"
        rows.set_aside({"file": file, "row": row, "doc_id": doc_id}, reason, detail)
    return candidates.join(copies, on=["file", "row"], how="anti").sort("doc_id")


def _apply_rules(study: Study, rows: _Sorted) -> None:
    """Raise InputError for reasons whose rule is `refuse`: counts and examples of each."""
    rules = study.corpus.rules.model_dump()
    lines = []
    for reason, rule in RULE_OF_REASON.items():
        found = [row for row in rows.aside if row["reason"] == reason]
        if not found or rules[rule] != "refuse":
            continue
        lines.append(f"  {reason}: {len(found)} rows, refused by corpus.rules.{rule}")
        for row in sorted(found, key=lambda entry: (entry["file"], entry["row"]))[:EXAMPLES]:
            place = f"{row['file']}, row {row['row']}, doc_id {row['doc_id']}"
            lines.append(f"    {place}: {row['detail']}")
        lines.append(f"    Remedy: {_REMEDIES[reason]}, or set corpus.rules.{rule}: set_aside.")
    if lines:
        raise InputError(
            f"corpus: {rows.rows} rows read, some cannot be used:\n" + "\n".join(lines)
        )


def _no_documents(study: Study, home: Home, rows: _Sorted) -> InputError:
    counts = dict(Counter(row["reason"] for row in rows.aside))
    where = corpus_path(study, home) or study.corpus.hub
    return InputError(
        f"{where}: no usable document (study field corpus.path or corpus.hub): {rows.rows} rows "
        f"read, set aside: {counts or 'none'}. Remedy: give a corpus with text, or correct "
        "corpus.columns."
    )


def _finished(
    unique: pl.DataFrame, study: Study, tokenizer: "PreTrainedTokenizerBase"
) -> pl.DataFrame:
    """Add what is computed from the text: labels where classified, sizes."""
    documents = unique.drop("file", "row")
    if study.corpus.labels == "classifiers":
        found = classify(documents, study.corpus.classifiers)
        documents = documents.with_columns(found.get_columns())
    counts = token_counts(documents["text"].to_list(), tokenizer)
    return documents.with_columns(
        n_chars=pl.col("text").str.len_chars(),
        n_tokens=pl.Series(counts, dtype=pl.Int32),
    )


def token_counts(texts: list[str], tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Tokens of each whole text, with the special tokens that the tokenizer adds by itself."""
    counts: list[int] = []
    batches = range(0, len(texts), TOKENIZER_BATCH)
    for start in tqdm(batches, desc="counting tokens", unit=" batch", delay=2):
        batch = texts[start : start + TOKENIZER_BATCH]
        # verbose: documents longer than the model's context are fine here.
        encoded = tokenizer(batch, return_attention_mask=False, verbose=False)
        counts.extend(len(ids) for ids in encoded["input_ids"])
    return counts
