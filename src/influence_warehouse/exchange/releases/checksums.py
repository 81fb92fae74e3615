"""SHA256SUMS: which files a release has, and that they are what was released.

A release comes from others, so nothing in it is opened that is not listed, lies elsewhere, is a
link, or is larger than the reader allows. Belongs here: writing and checking the list. Does not
belong here: what the files say.
"""

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from influence_warehouse.errors import InputError, first_of
from influence_warehouse.lake.fingerprint import sha256_of_file
from influence_warehouse.progress import counted

FILE = "SHA256SUMS"
_MAX_LIST_BYTES = 1 << 20
_LINE = re.compile(r"^([0-9a-f]{64})  (\S+)$")
# No part starts with a dot, so that none leads elsewhere or is hidden.
_PATH = re.compile(r"^[A-Za-z0-9_][\w.+-]*(/[A-Za-z0-9_][\w.+-]*)*$", re.ASCII)
_SHOWN = 10


def is_safe(name: str) -> bool:
    """Whether a name is a plain path under a release's folder."""
    return _PATH.match(name) is not None


def digests_of(folder: Path) -> dict[str, str]:
    """SHA-256 by name of all files of a folder."""
    names = sorted(_present(folder))
    return {name: sha256_of_file(folder / name) for name in counted(names, "digests", "files")}


def write_checksums(folder: Path, digests: dict[str, str]) -> None:
    """Write SHA256SUMS, as `sha256sum -c` reads it, sorted by name.

    Raises InputError for a file that no reader of releases would open.
    """
    unsafe = [name for name in digests if not is_safe(name)]
    if unsafe:
        raise InputError(f"{folder}: a release cannot hold files of these names: {unsafe}")
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    (folder / FILE).write_text(lines, encoding="utf-8")


def verify(folder: Path, max_bytes: int) -> dict[str, str]:
    """SHA-256 by name of a release's files, all of which were read and are as listed.

    Raises InputError naming each file that differs, is missing, is not listed, is a link or no
    plain file, or leads out of the folder; and when all files together exceed `max_bytes`.
    """
    listed = _listed(folder)
    present = set(_present(folder))
    problems = [f"{name}: not listed in {FILE}" for name in sorted(present - {FILE, *listed})]
    sizes = {}
    for name in listed:
        try:
            sizes[name] = _plain_size(folder, name)
        except InputError as error:
            problems.append(str(error))
    total = sum(sizes.values())
    if total > max_bytes:
        problems.append(f"{total:,} bytes in all, more than the {max_bytes:,} that are allowed")
    if not problems:
        names = counted(listed, "checksums", "files")
        problems = [
            f"{name}: differs from its checksum"
            for name in names
            if sha256_of_file(folder / name) != listed[name]
        ]
    _refuse(folder, problems)
    return listed


def unlisted(folder: Path) -> list[str]:
    """Files in a release's folder that are not of the release."""
    return sorted(set(_present(folder)) - {FILE, *_listed(folder)})


def _listed(folder: Path) -> dict[str, str]:
    path = folder / FILE
    try:
        if _plain_size(folder, FILE) > _MAX_LIST_BYTES:
            raise InputError(f"{path}: larger than any list of a release's files.")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}). Remedy: name the folder of a release."
        ) from error
    found: dict[str, str] = {}
    problems = []
    for number, line in enumerate(lines, 1):
        match = _LINE.match(line)
        if match is None or not is_safe(match[2]) or match[2] in (FILE, *found):
            problems.append(f"{FILE}, line {number}: {line[:100]!r} lists no file of a release")
        else:
            found[match[2]] = match[1]
    _refuse(folder, problems)
    return found


def _present(folder: Path) -> Iterable[str]:
    """Everything in a folder but plain folders; links are not followed."""
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for file in files + links:
            yield (Path(parent) / file).relative_to(folder).as_posix()


def _plain_size(folder: Path, name: str) -> int:
    """Bytes of a file that is one, reached without links. Raises InputError."""
    path = folder
    for part in Path(name).parts:
        path = path / part
        try:
            found = path.lstat()
        except OSError as error:
            raise InputError(f"{name}: missing ({error.strerror})") from error
        if stat.S_ISLNK(found.st_mode):
            raise InputError(f"{name}: a link, which may lead out of the release")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{name}: no plain file")
    return found.st_size


def _refuse(folder: Path, problems: list[str]) -> None:
    if problems:
        raise InputError(
            f"{folder}: not the release that was made:\n  {first_of(problems, _SHOWN)}\n"
            "Remedy: get the release again, whole, and add nothing to its folder."
        )
