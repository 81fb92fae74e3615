"""Digests of files and folders say what is in them, under which names."""

import hashlib

from influence_warehouse.lake.fingerprint import digest_of_file, sha256_of_file


def test_a_file_has_the_sha256_of_its_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 3_000_000)
    assert sha256_of_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest_of_file(path) == sha256_of_file(path)[:16]


def test_a_folder_changes_with_content_name_and_border_of_its_files(tmp_path):
    def folder(name, files):
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return digest_of_file(tmp_path / name)

    first = folder("one", {"a": "x", "b/c": "y"})
    assert first == folder("same", {"b/c": "y", "a": "x"})
    others = [{"a": "x", "b/c": "z"}, {"a": "x", "c": "y"}, {"a": "xb/cy"}]
    assert first not in {folder(f"other-{n}", files) for n, files in enumerate(others)}
