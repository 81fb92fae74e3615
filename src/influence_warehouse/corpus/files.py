"""Which files of a corpus are read, and which are left out.

Belongs here: walking a folder, and files that are not what their names say. Does not belong
here: what is in them (readers).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from influence_warehouse.errors import InputError
from influence_warehouse.lake.fingerprint import cached_digest_of_file
from influence_warehouse.lake.git_lfs import pointer_problem

PARQUET_SUFFIXES = (".parquet",)
# `.json.gz` and `.json.zst` are how Dolma names JSON lines.
LINE_SUFFIXES = (
    *(".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst"),
    *(".json.gz", ".json.zst"),
)
NAMED_FILES = 5
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class CorpusFiles:
    """Files to read -> their names relative to the corpus, in the order of the names.

    `left_out` names what else lies in the folder: hidden files and folders (with a `/`), and
    files of other kinds.
    """

    read: dict[Path, str]
    left_out: tuple[str, ...]

    def in_words(self) -> str:
        """How many files were left out, and the first of their names."""
        names = ", ".join(self.left_out[:NAMED_FILES])
        more = ", ..." if len(self.left_out) > NAMED_FILES else ""
        return f"{len(self.left_out)} left out: {names}{more}"


def is_parquet(name: str) -> bool:
    """Whether a file of that name is read as Parquet; its suffix may be in any case."""
    return name.lower().endswith(PARQUET_SUFFIXES)


def is_lines(name: str) -> bool:
    """Whether a file of that name is read as JSON lines; its suffix may be in any case."""
    return name.lower().endswith(LINE_SUFFIXES)


def corpus_files(path: Path) -> CorpusFiles:
    """The files of a corpus: `path` itself, or those below it, links followed.

    Raises InputError when the path is missing or holds no Parquet or JSON lines, and for links
    that lead nowhere or back to a folder that they are in.
    """
    if not path.exists():
        raise InputError(
            f"{path}: no such file or folder (study field corpus.path). "
            "Remedy: correct the path, or make the file."
        )
    if path.is_file():
        found, left_out = {path: path.name} if _is_readable(path.name) else {}, []
    else:
        walked = list(_walk(path))
        found = {file: name for file, name in walked if file and _is_readable(name)}
        left_out = [name for file, name in walked if file not in found]
    if not found:
        raise _no_file(path, left_out)
    read = dict(sorted(found.items(), key=lambda entry: entry[1]))
    return CorpusFiles(read, tuple(sorted(left_out)))


def corpus_digests(path: Path) -> dict[str, str]:
    """Digest of each corpus file by its name relative to the corpus."""
    digests = {}
    for file, name in corpus_files(path).read.items():
        digests[name] = cached_digest_of_file(file)
    return digests


def disguise_of(file: Path) -> str | None:
    """What a file is that is not what its name says, with the remedy, or None."""
    if pointer := pointer_problem(file, "the data"):
        return pointer
    with file.open("rb") as stream:
        if stream.read(2) in _UTF16_MARKS:
            return "is UTF-16. Remedy: write it again as UTF-8."
    return None


def _is_readable(name: str) -> bool:
    return is_parquet(name) or is_lines(name)


def _walk(root: Path) -> Iterator[tuple[Path | None, str]]:
    """Files below `root` with their names relative to it; without the file what is hidden."""
    for folder, folders, files in os.walk(root, followlinks=True):
        here = Path(folder)
        inside = here.relative_to(root)
        for name in list(folders):
            if name.startswith("."):
                folders.remove(name)
                yield None, f"{(inside / name).as_posix()}/"
            elif (here / name).is_symlink():
                _require_no_circle(here / name)
        for name in files:
            file = here / name
            if name.startswith("."):
                yield None, (inside / name).as_posix()
                continue
            if not file.exists():
                raise InputError(
                    f"{file}: is a link to {file.readlink()}, which is not there (study field "
                    "corpus.path). Remedy: restore what it points to, or delete the link."
                )
            yield file, (inside / name).as_posix()


def _require_no_circle(link: Path) -> None:
    target = link.resolve()
    if link.parent.resolve().is_relative_to(target):
        raise InputError(
            f"{link}: is a link to {target}, which it lies in, so that the corpus has no end "
            "(study field corpus.path). Remedy: delete the link."
        )


def _no_file(path: Path, left_out: list[str]) -> InputError:
    known = ", ".join(PARQUET_SUFFIXES + LINE_SUFFIXES)
    names = [path.name, *left_out]
    remedy = f"give a file, or a folder of files, that end in one of {known}"
    if any(name.endswith(".arrow") for name in names) and "state.json" in names:
        remedy = (
            "this is a folder of datasets' `save_to_disk`; write it as Parquet, with "
            '`datasets.load_from_disk(folder).to_parquet("documents.parquet")`'
        )
    elif any(name.lower().endswith(".json") for name in names):
        remedy = f"a file of one JSON object a line must be named .jsonl; {remedy}"
    found = f"; it has {', '.join(left_out[:NAMED_FILES]) or 'none'}" if path.is_dir() else ""
    return InputError(
        f"{path}: no file that can be read as documents (study field corpus.path){found}. "
        f"Remedy: {remedy}."
    )
