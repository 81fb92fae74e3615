"""What dbt made of the project is kept for the next home, and never of another project."""

from pathlib import Path

import pytest

from influence_warehouse.warehouse.dbt_cache import keep, restore


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "model.sql").write_text("select 1")
    return folder


def test_what_one_home_made_the_next_one_has(project, tmp_path):
    made = tmp_path / "one" / "manifest.json"
    made.parent.mkdir()
    made.write_text("{}")
    assert not restore(tmp_path / "two" / "manifest.json", project)
    keep(made, project)
    assert restore(tmp_path / "two" / "manifest.json", project)
    assert (tmp_path / "two" / "manifest.json").read_text() == "{}"
    assert not restore(tmp_path / "two" / "other.json", project)


def test_a_changed_project_begins_anew(project, tmp_path):
    made = tmp_path / "manifest.json"
    made.write_text("{}")
    keep(made, project)
    (project / "model.sql").write_text("select 2")
    assert not restore(tmp_path / "two" / "manifest.json", project)


def test_without_a_folder_for_it_nothing_is_kept(project, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    made = tmp_path / "manifest.json"
    made.write_text("{}")
    keep(made, project)
    assert not restore(tmp_path / "two" / "manifest.json", project)
