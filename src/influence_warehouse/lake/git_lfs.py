"""Files that Git LFS has not fetched: a few lines of text in the place of data or weights."""

from pathlib import Path

_POINTER = b"version https://git-lfs"


def pointer_problem(file: Path, content: str) -> str | None:
    """That a file is a pointer of Git LFS and not its content, with the remedy, or None."""
    with file.open("rb") as stream:
        if stream.read(len(_POINTER)) != _POINTER:
            return None
    return f"is a pointer of Git LFS, not {content}. Remedy: `git lfs pull` in its repository."
