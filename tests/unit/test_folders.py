"""Folders appear whole, or what was there stays."""

from pathlib import Path

import pytest

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.folders import made_once, replaced_folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_takes_the_place_of_an_earlier_one(tmp_path):
    place = tmp_path / "deep" / "report"
    for content in ("one", "two"):
        with replaced_folder(place, "the report", "free disk space.") as part:
            (part / content).write_text(content)
            assert not place.exists() or names(place) == {"one"}
    assert names(place) == {"two"}
    assert names(place.parent) == {"report"}


@pytest.mark.parametrize("error", [ValueError("own"), KeyboardInterrupt()])
def test_what_was_there_stays_when_the_block_fails(error, tmp_path):
    place = tmp_path / "report"
    place.mkdir()
    (place / "old").touch()
    with (
        pytest.raises(type(error)),
        replaced_folder(place, "the report", "free disk space.") as part,
    ):
        (part / "new").touch()
        raise error
    assert names(place) == {"old"} and names(tmp_path) == {"report"}


def test_a_refusing_disk_is_named_with_the_remedy(tmp_path):
    (tmp_path / "file").touch()
    told = r"file/report: the report cannot be written \(.*\). Remedy: free disk space"
    with (
        pytest.raises(WarehouseError, match=told),
        replaced_folder(tmp_path / "file" / "report", "the report", "free disk space."),
    ):
        raise AssertionError("no folder to write to")


def test_a_file_in_its_place_is_never_taken_away(tmp_path):
    place = tmp_path / "report"
    place.write_text("mine")
    with (
        pytest.raises(WarehouseError, match=r"the report cannot be written .Not a directory"),
        replaced_folder(place, "the report", "free disk space."),
    ):
        raise AssertionError("nothing is to be written")
    assert place.read_text() == "mine" and names(tmp_path) == {"report"}


def test_a_failed_rename_puts_the_earlier_one_back(tmp_path, monkeypatch):
    place = tmp_path / "report"
    place.mkdir()
    (place / "old").touch()
    rename = Path.rename

    def refuse(path: Path, target: Path):
        if path.suffix == ".part":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with (
        pytest.raises(WarehouseError, match="No space left"),
        replaced_folder(place, "the report", "free disk space.") as part,
    ):
        (part / "new").touch()
    assert names(place) == {"old"} and names(tmp_path) == {"report"}


def test_who_finished_first_wins(tmp_path):
    place = tmp_path / "work"
    with made_once(place) as part:
        (part / "second").touch()
        with made_once(place) as other:
            (other / "first").touch()
    assert names(place) == {"first"} and names(tmp_path) == {"work"}
