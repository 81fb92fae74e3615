"""Lines come out as they went in, whatever the compression; hostile files end in an error."""

import gzip
import tempfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from influence_warehouse.corpus import streams
from influence_warehouse.errors import InputError

COMPRESSIONS = {
    ".jsonl": lambda data: data,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1))


@given(first=LINES, second=LINES, suffix=st.sampled_from(sorted(COMPRESSIONS)))
def test_lines_survive_compression_in_two_frames(first, second, suffix):
    pack = COMPRESSIONS[suffix]
    content = b"".join(pack("".join(f"{t}\n" for t in part).encode()) for part in (first, second))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(content)
        found = list(streams.read_lines(path, "a"))
    assert found == list(enumerate(first + second, start=1))


def test_windows_line_ends_and_a_missing_last_one(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\r\n\r\ntwo")
    assert list(streams.read_lines(path, "a")) == [(1, "one"), (2, ""), (3, "two")]


def test_bytes_that_are_not_utf8_become_lone_surrogates(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"caf\xe9\n")
    assert list(streams.read_lines(path, "a")) == [(1, "caf\udce9")]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_file_cut_short_is_an_error_after_its_whole_lines(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    whole = COMPRESSIONS[suffix](b"".join(b'{"n": %d}\n' % (i * 7919) for i in range(20_000)))
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputError, match=r"a: cannot be read to its end .*Remedy"):
        list(streams.read_lines(path, "a"))


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_bomb_of_many_lines_is_an_error(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(streams, "EXPANSION_FLOOR_BYTES", 1 << 20)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(COMPRESSIONS[suffix](b"{}          \n" * 1_000_000))
    with pytest.raises(InputError, match="over 200 times its size"):
        list(streams.read_lines(path, "a"))


def test_a_bomb_without_line_ends_costs_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LINE_BYTES", 1 << 16)
    path = tmp_path / "a.zst"
    path.write_bytes(COMPRESSIONS[".zst"](b"x" * (200 << 20)))
    with pytest.raises(InputError, match="line 1: longer than 65,536 bytes"):
        list(streams.read_lines(path, "a"))
