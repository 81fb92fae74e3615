"""Lines of text files, plain or compressed, with bounds on what a hostile file can cost.

Belongs here: decompression and cutting into lines. Does not belong here: what a line means
(readers).
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from influence_warehouse.corpus.files import disguise_of
from influence_warehouse.errors import InputError

# One document per line: the longest books are below 64 MiB of JSON.
MAX_LINE_BYTES = 64 << 20
# Text compresses 3 to 10 times. A file that grows 200 times and past the floor is a bomb.
MAX_EXPANSION = 200
EXPANSION_FLOOR_BYTES = 256 << 20
# Zstandard can expand a byte 32,768 times, so little is fed at once: at most 64 MiB come out.
ZSTD_FEED_BYTES = 2048
# What `zstd --long=31` writes, its largest.
ZSTD_WINDOW_BYTES = 1 << 31
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _ZstdFile(io.RawIOBase):
    """Decompressed bytes of a .zst file; unlike the library's reader it notices truncation."""

    def __init__(self, path: Path):
        import zstandard

        self._source = path.open("rb")
        self._codec = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
        self._frame = self._codec.decompressobj()
        self._pending = memoryview(b"")
        self._unfed = b""
        self._begun = False

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._source.close()
        super().close()

    def readinto(self, buffer) -> int:
        while not self._pending:
            compressed = self._unfed or self._source.read(ZSTD_FEED_BYTES)
            self._unfed = b""
            if not compressed:
                if self._begun and not self._frame.eof:
                    raise EOFError("the compressed file ends in the middle of a frame")
                return 0
            if self._frame.eof:
                self._frame = self._codec.decompressobj()
            self._begun = True
            self._pending = memoryview(self._frame.decompress(compressed))
            if self._frame.eof:
                self._unfed = self._frame.unused_data
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count


def _opened(path: Path) -> io.BufferedIOBase:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path, "rb")
    if suffix == ".zst":
        return io.BufferedReader(_ZstdFile(path), 1 << 20)
    return path.open("rb")


def read_lines(path: Path, name: str) -> Iterator[tuple[int, str]]:
    """Line numbers (from 1) and texts of a .jsonl, .gz or .zst file, line ends removed.

    Bytes that are not UTF-8 come as lone surrogates (Python's surrogateescape), so that the
    row they stand in can be named and set aside; a byte order mark is left out. `name` is the
    file's name in errors. Raises InputError for a damaged file, an endless line, a decompression
    bomb, and a file that is not what its name says.
    """
    import zstandard

    if disguise := disguise_of(path):
        raise InputError(f"{name}: {disguise}")
    allowed = max(EXPANSION_FLOOR_BYTES, MAX_EXPANSION * path.stat().st_size)
    read = number = 0
    try:
        with _opened(path) as stream:
            while line := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                read += len(line)
                if number == 1:
                    line = line.removeprefix(_BYTE_ORDER_MARK)
                if len(line) > MAX_LINE_BYTES:
                    raise InputError(
                        f"{name}, line {number}: longer than {MAX_LINE_BYTES:,} bytes. "
                        "Remedy: write one JSON object per line, and cut documents of that size."
                    )
                if read > allowed:
                    raise InputError(
                        f"{name}: decompresses to more than {allowed:,} bytes, "
                        f"over {MAX_EXPANSION} times its size. "
                        "Remedy: decompress it yourself if it is what you mean to read."
                    )
                yield number, line.decode("utf-8", errors="surrogateescape").rstrip("\r\n")
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise InputError(
            f"{name}: cannot be read to its end ({error}). "
            "Remedy: check that the file is complete and that its suffix fits its compression."
        ) from error
