"""SHA256SUMS: nothing is opened that is not listed, elsewhere, a link, too large or changed."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from influence_warehouse.errors import InputError
from influence_warehouse.exchange.releases.checksums import (
    FILE,
    digests_of,
    is_safe,
    unlisted,
    verify,
    write_checksums,
)

LARGE = 1 << 30


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "release"
    (folder / "marts").mkdir(parents=True)
    (folder / "README.md").write_text("read me")
    (folder / "marts" / "bins.csv").write_text("bin_id\n1\n")
    write_checksums(folder, digests_of(folder))
    return folder


def test_the_list_is_that_of_sha256sum(folder):
    assert list(verify(folder, LARGE)) == ["README.md", "marts/bins.csv"]
    checked = subprocess.run(["sha256sum", "-c", FILE], cwd=folder, capture_output=True)
    assert checked.returncode == 0


@pytest.mark.parametrize("name", ["README.md", "marts/bins.csv"])
def test_one_byte_names_the_file(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: differs"):
        verify(folder, LARGE)


def test_missing_and_unlisted_files_are_named(folder):
    (folder / "README.md").unlink()
    (folder / "marts" / ".hidden").write_text("")
    with pytest.raises(InputError, match=r"\.hidden: not listed(.|\n)*README\.md: missing"):
        verify(folder, LARGE)
    assert unlisted(folder) == ["marts/.hidden"]


def test_links_are_refused_whatever_they_lead_to(folder, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_bytes((folder / "marts" / "bins.csv").read_bytes())
    (folder / "marts" / "bins.csv").unlink()
    (folder / "marts" / "bins.csv").symlink_to(outside)
    with pytest.raises(InputError, match=r"marts/bins\.csv: a link"):
        verify(folder, LARGE)


def test_a_linked_folder_is_refused(folder, tmp_path):
    (folder / "marts").rename(tmp_path / "elsewhere")
    (folder / "marts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"marts/bins\.csv: a link"):
        verify(folder, LARGE)
    assert unlisted(folder) == ["marts"]


def test_pipes_and_sizes_are_refused_unread(folder):
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    with pytest.raises(InputError, match=r"README\.md: no plain file"):
        verify(folder, LARGE)
    (folder / "README.md").unlink()
    (folder / "README.md").write_text("read me")
    with pytest.raises(InputError, match="16 bytes in all, more than the 15"):
        verify(folder, 15)
    assert verify(folder, 16)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../b", "a//b", "./a", "a\\b", ".a", "a/.b", "a b", FILE]
)
def test_names_that_lead_elsewhere_are_refused(folder, name):
    with (folder / FILE).open("a") as stream:
        stream.write(f"{'0' * 64}  {name}\n")
    with pytest.raises(InputError, match="line 3"):
        verify(folder, LARGE)


@given(st.text())
def test_a_safe_name_stays_in_the_folder(name):
    if is_safe(name):
        place = Path("/release").joinpath(name)
        assert os.path.normpath(place) == str(place)
        assert place.is_relative_to("/release") and place != Path("/release")


@given(st.binary(max_size=300))
def test_a_broken_list_is_a_readable_error(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("broken")
    (folder / FILE).write_bytes(content)
    try:
        assert verify(folder, LARGE) == {}
    except InputError as error:
        assert "Remedy" in str(error)
