"""The `documents` fact: every usable document, and every row that is not, with its reason.

Belongs here: the study's rules for rows that are no documents, and writing both kinds. Does not
belong here: reading files (readers), what is wrong with a row (rows), copies (duplicates),
classifiers (labels).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import polars as pl

from influence_warehouse.corpus.duplicates import find_duplicates
from influence_warehouse.corpus.files import CorpusFiles, corpus_digests, corpus_files
from influence_warehouse.corpus.labels import classify, load_classifiers
from influence_warehouse.corpus.readers import corpus_path
from influence_warehouse.corpus.rows import COLUMNS, PRINTED_CHARS, checked_rows
from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import digest_of, digest_of_file
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.leftovers import scratch_folder
from influence_warehouse.lake.out_of_core import (
    GROUP_ROWS,
    in_groups,
    in_order,
    spilling,
    write_groups,
)
from influence_warehouse.models.encoding import require_pairs_split
from influence_warehouse.models.loading import load_tokenizer, model_source
from influence_warehouse.own_labels import MAX_BINS, labels_problem, pairs_problem
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.progress import counted
from influence_warehouse.study.study import Study

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

EXAMPLES = 5
_ROWS = "rows.parquet"  # all that were read
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
    "empty_text": "remove the documents without text, or pairs without completion",
    "unknown_label": "use WebOrganizer's slugs, corpus.labels: classifiers, or, for labels of the "
    "study's own, taxonomy: columns, where each is a short text",
    "duplicate_id": "give each document its own id",
    "duplicate_text": "remove the copies",
}
_TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*",
                    "merges.txt", "*.model")  # fmt: skip

# Of equal ids the one whose content hash is smallest stays, of equal texts the one whose id is
# smallest: the choice does not depend on file order.
_SET_ASIDE = f"""
    create temp view set_aside as
    select "row", file, doc_id, reason, detail from all_rows where reason is not null
    union all
    select
        "row",
        file,
        left(doc_id, {PRINTED_CHARS}) as doc_id,
        reason,
        case reason
            when 'duplicate_id' then 'another document has this id'
            else 'same text as ' || kept
        end as detail
    from copies
"""
_COUNTS = "select reason, count(*) from set_aside group by reason order by reason"
_EXAMPLES = f"""
    select file, "row", doc_id, detail from set_aside
    where reason = $1 order by file, "row" limit {EXAMPLES}
"""
_ASIDE = 'from set_aside order by file, "row"'
_LEFT_OUT = """
    select file_row_number from all_rows where reason is not null
    union all
    select file_row_number from all_rows semi join copies using (file, "row")
"""


def identity_of_documents(study: Study, lake: Lake) -> dict[str, Any]:
    """What the documents are made from: the files' contents, the corpus section, the tokenizer."""
    home, corpus = lake.home, study.corpus
    path, hub = corpus_path(study, home), corpus.hub
    section = corpus.model_dump(mode="json", exclude={"path", "hub", "licence", "classifiers"})
    if path is None:
        assert hub is not None
        section["input"] = hub.model_dump(mode="json")
    else:
        section["input"] = digest_of(corpus_digests(path))
    if corpus.labels == "classifiers":
        section["classifiers"] = _classifier_parts(study)
    return {
        "corpus": section,
        "taxonomy": study.taxonomy,
        "tokenizer": _tokenizer_digest(study, home),
    }


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


def make_documents(task: Task) -> Iterator[Made]:
    """`documents` and `documents_set_aside`; every input row is in exactly one of them.

    Memory does not grow with the corpus: its rows go to a scratch file, DuckDB finds the copies
    and spills, rows are sorted in parts, and both facts are written a group of rows at a time.
    Raises InputError for a corpus that is missing, unreadable or without a usable document,
    and for rows that a rule of corpus.rules refuses (counts and examples in the message).
    """
    study, home = task.study, task.lake.home
    tokenizer = load_tokenizer(study, home)
    with _scratch(home) as folder, spilling(folder) as connection:
        frames = counted(checked_rows(study, home), "reading documents", "batches")
        n_rows, counts = judge_rows(study, home, frames, folder, connection)
        # Before anything is written: a classifier may be missing.
        label = _labeller(study)
        aside = connection.sql(_ASIDE).to_arrow_reader(GROUP_ROWS)
        yield Made("documents_set_aside", _frames(aside), counts)
        details = {"rows_read": n_rows, "tokens": 0, **_left_out(study, home)}
        rows = unique_documents(folder, n_rows, connection)
        documents = _sized(rows, label, tokenizer, details)
        shown = counted(documents, "counting tokens", "groups of documents")
        yield Made("documents", shown, details)


def _sized(
    rows: Iterable[pl.DataFrame],
    label: Callable[[pl.DataFrame], pl.DataFrame],
    tokenizer: "PreTrainedTokenizerBase",
    details: dict[str, Any],
) -> Iterator[pl.DataFrame]:
    """The documents with labels and sizes, a group at a time; counts them in `details`."""
    bins: set[tuple[str, str]] = set()
    for group in in_groups(rows):
        sized = with_sizes(label(group), tokenizer)
        details["tokens"] += int(sized["n_tokens"].cast(pl.Int64).sum())
        bins.update(sized.select("topic", "format").unique().iter_rows())
        details["bins_with_documents"] = len(bins)
        yield sized


@contextmanager
def _scratch(home: Home) -> Iterator[Path]:
    """A folder as large as the corpus, removed in the end. Raises WarehouseError: disk full."""
    try:
        with scratch_folder(home.work) as folder:
            yield Path(folder)
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise WarehouseError(
            f"{home.work}: the corpus cannot be sorted there ({error}). "
            "Remedy: free disk space, about twice the size of the corpus's texts, or choose "
            "another folder with --warehouse DIR."
        ) from error


def _left_out(study: Study, home: Home) -> dict[str, Any]:
    path = corpus_path(study, home)
    found = CorpusFiles({}, ()) if path is None else corpus_files(path)
    return {"files_left_out": found.in_words()} if found.left_out else {}


def judge_rows(
    study: Study,
    home: Home,
    frames: Iterable[pl.DataFrame],
    folder: Path,
    connection: duckdb.DuckDBPyConnection,
) -> tuple[int, dict[str, int]]:
    """The number of `checked_rows`, and how many are set aside for each reason.

    Makes, in `folder` and the connection, what `unique_documents` and the statements above read.
    Raises InputError for rows that a rule of corpus.rules refuses, and when none is left.
    """
    n_rows = write_groups(folder / _ROWS, frames, COLUMNS)
    rows = connection.read_parquet(str(folder / _ROWS), file_row_number=True)
    rows.create_view("all_rows")
    connection.execute("create temp view candidates as from all_rows where reason is null")
    find_duplicates(connection)
    connection.execute(_SET_ASIDE)
    counts = dict(connection.sql(_COUNTS).fetchall())
    _apply_rules(study, n_rows, counts, connection)
    if sum(counts.values()) == n_rows:
        raise _no_documents(study, home, n_rows, counts)
    if study.taxonomy == "columns":
        _check_own_labels(study, home, connection)
    return n_rows, counts


def _check_own_labels(study: Study, home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Raise InputError for labels that cannot be told apart, are too many, or one alone."""
    where = corpus_path(study, home) or study.corpus.hub
    labels = {}
    for kind in ("topic", "format"):
        sql = f"select distinct {kind} from candidates order by 1 limit {MAX_BINS + 1}"
        labels[kind] = [label for (label,) in connection.execute(sql).fetchall()]
        if wrong := labels_problem(labels[kind]):
            raise InputError(
                f"{where}: {wrong} (study field corpus.columns.{kind}). "
                "Remedy: correct these labels, or name a column of coarser ones."
            )
    wrong = pairs_problem(labels["topic"], labels["format"])
    if len(labels["topic"]) * len(labels["format"]) < 2:
        wrong = f"all documents have the label {labels['topic'][0]!r}, and z compares groups"
    if wrong:
        raise InputError(
            f"{where}: {wrong} (study fields corpus.columns.topic and corpus.columns.format). "
            "Remedy: name other columns, or give the labels other names."
        )


def unique_documents(
    folder: Path, n_rows: int, connection: duckdb.DuckDBPyConnection
) -> Iterator[pl.DataFrame]:
    """The documents of rows that were judged, by doc_id, without what only a model can tell.

    A byte of memory a row says which are left out.
    """
    keep = np.ones(n_rows, dtype=bool)
    for frame in _frames(connection.sql(_LEFT_OUT).to_arrow_reader(GROUP_ROWS)):
        keep[frame["file_row_number"].to_numpy()] = False
    columns = [name for name in COLUMNS if name in CONTRACTS["documents"].columns]
    for frame in in_order(folder / _ROWS, "doc_id", folder, keep):
        yield frame.select(columns)


def _frames(reader: Iterable["pa.RecordBatch"]) -> Iterator[pl.DataFrame]:
    for batch in reader:
        yield pl.DataFrame(batch)


def _apply_rules(
    study: Study, n_rows: int, counts: dict[str, int], connection: duckdb.DuckDBPyConnection
) -> None:
    """Raise InputError for reasons whose rule is `refuse`: counts and examples of each."""
    rules = study.corpus.rules.model_dump()
    lines = []
    for reason, rule in RULE_OF_REASON.items():
        if reason not in counts or rules[rule] != "refuse":
            continue
        lines.append(f"  {reason}: {counts[reason]} rows, refused by corpus.rules.{rule}")
        for file, row, doc_id, detail in connection.execute(_EXAMPLES, [reason]).fetchall():
            lines.append(f"    {file}, row {row}, doc_id {doc_id}: {detail}")
        lines.append(f"    Remedy: {_REMEDIES[reason]}, or set corpus.rules.{rule}: set_aside.")
    if lines:
        raise InputError(f"corpus: {n_rows} rows read, some cannot be used:\n" + "\n".join(lines))


def _no_documents(study: Study, home: Home, n_rows: int, counts: dict[str, int]) -> InputError:
    where = corpus_path(study, home) or study.corpus.hub
    return InputError(
        f"{where}: no usable document (study field corpus.path or corpus.hub): {n_rows} rows "
        f"read, set aside: {counts or 'none'}. Remedy: give a corpus with text, or correct "
        "corpus.columns."
    )


def _labeller(study: Study) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Gives a group of documents its labels, where the study has them classified.

    Which texts a classifier reads at once shows in its last digits; groups depend on rows alone.
    """
    if study.corpus.labels == "columns":
        return lambda group: group
    settings = study.corpus.classifiers
    classifiers = load_classifiers(settings)
    return lambda group: group.with_columns(classify(group, settings, classifiers).get_columns())


def with_sizes(group: pl.DataFrame, tokenizer: "PreTrainedTokenizerBase") -> pl.DataFrame:
    """The documents with n_chars and n_tokens of their `text`.

    Raises InputError for a training pair whose prompt's tokens do not begin those of the whole.
    """
    counts = token_counts(group["text"].to_list(), tokenizer)
    require_pairs_split(group, tokenizer)
    return group.with_columns(
        n_chars=pl.col("text").str.len_chars(), n_tokens=pl.Series(counts, dtype=pl.Int32)
    )


def token_counts(texts: list[str], tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Tokens of each whole text, with the special tokens that the tokenizer adds by itself."""
    counts: list[int] = []
    for start in range(0, len(texts), TOKENIZER_BATCH):
        batch = texts[start : start + TOKENIZER_BATCH]
        # verbose: documents longer than the model's context are fine here.
        encoded = tokenizer(batch, return_attention_mask=False, verbose=False)
        counts.extend(len(ids) for ids in encoded["input_ids"])
    return counts
