"""Which files a corpus has: links followed, hidden ones skipped, what is left out told."""

import shutil

import pytest
import zstandard

from influence_warehouse.corpus.files import corpus_files
from influence_warehouse.errors import InputError
from influence_warehouse.pipeline.making import made_line, make_fact
from tests.corpus_world import lake_at, rows_of, study_of, write_lines


def names_of(folder):
    return list(corpus_files(folder).read.values())


def test_linked_folders_and_files_are_followed(tmp_path):
    write_lines(tmp_path / "elsewhere" / "part2" / "a.jsonl", rows_of(2))
    write_lines(tmp_path / "in" / "b.jsonl", rows_of(2))
    (tmp_path / "in" / "part2").symlink_to(tmp_path / "elsewhere" / "part2")
    (tmp_path / "in" / "c.jsonl").symlink_to(tmp_path / "in" / "b.jsonl")
    assert names_of(tmp_path / "in") == ["b.jsonl", "c.jsonl", "part2/a.jsonl"]


@pytest.mark.parametrize("target", ["nowhere.jsonl", "nowhere"])
def test_a_link_to_nothing_is_refused(target, tmp_path):
    write_lines(tmp_path / "b.jsonl", rows_of(2))
    (tmp_path / "lost").symlink_to(tmp_path / target)
    with pytest.raises(InputError, match=rf"lost: is a link to .*{target}, which is not there"):
        corpus_files(tmp_path)


def test_a_link_back_is_refused(tmp_path):
    write_lines(tmp_path / "in" / "deep" / "b.jsonl", rows_of(2))
    (tmp_path / "in" / "deep" / "again").symlink_to(tmp_path / "in")
    with pytest.raises(InputError, match=r"again: is a link to .* has no end.*Remedy"):
        corpus_files(tmp_path / "in")


def test_hidden_files_are_skipped_and_all_that_is_left_out_is_told(tmp_path, tiny_model):
    folder = tmp_path / "in"
    rows = rows_of(3)
    path = write_lines(folder / "a.JSONL", rows)
    write_lines(folder / ".ipynb_checkpoints" / "a-checkpoint.jsonl", rows)
    shutil.copy(path, folder / "._a.jsonl")
    write_lines(folder / "more.json", rows)
    (folder / "README.md").write_text("about")
    found = corpus_files(folder)
    assert list(found.read.values()) == ["a.JSONL"]
    assert found.left_out == ("._a.jsonl", ".ipynb_checkpoints/", "README.md", "more.json")
    outcome, _ = make_fact(study_of(tiny_model, {"path": folder}), lake_at(tmp_path), "documents")
    assert outcome.rows == 3
    assert "4 left out: ._a.jsonl, .ipynb_checkpoints/, README.md" in made_line(outcome, 0.1)


@pytest.mark.parametrize("suffix", [".JSONL.GZ", ".Ndjson.Zst", ".PARQUET"])
def test_suffixes_may_be_in_any_case(suffix, tmp_path, tiny_model):
    import polars as pl

    path = tmp_path / f"a{suffix}"
    if suffix == ".PARQUET":
        pl.DataFrame(rows_of(3)).write_parquet(path)
    else:
        write_lines(tmp_path / f"a{suffix.lower()}", rows_of(3)).rename(path)
    outcome, _ = make_fact(study_of(tiny_model, {"path": path}), lake_at(tmp_path), "documents")
    assert outcome.rows == 3


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path, tiny_model):
    path = write_lines(tmp_path / "a.jsonl", rows_of(3))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    outcome, _ = make_fact(study_of(tiny_model, {"path": path}), lake_at(tmp_path), "documents")
    assert outcome.rows == 3


def test_zstd_with_the_longest_window_is_read(tmp_path, tiny_model):
    content = write_lines(tmp_path / "a.jsonl", rows_of(3)).read_bytes()
    settings = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    codec = zstandard.ZstdCompressor(compression_params=settings).compressobj()  # of no known size
    (tmp_path / "b.jsonl.zst").write_bytes(codec.compress(content) + codec.flush())
    corpus = {"path": tmp_path / "b.jsonl.zst"}
    assert make_fact(study_of(tiny_model, corpus), lake_at(tmp_path), "documents")[0].rows == 3
