"""The study file of a release: the same study, without a path of this machine."""

import hashlib
from pathlib import Path

import pytest
import yaml

from influence_warehouse.exchange.releases.study_file import study_file
from influence_warehouse.study.load import load_study, parse_study, preset_names
from influence_warehouse.study.study import Study
from tests.synthetic import synthetic_study


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_comes_back_whole(name, tmp_path):
    study = load_study(name)
    text, inputs = study_file(study)
    again = parse_study(text, "release", tmp_path)
    fields = [field for part in inputs for field in part["fields"]]
    assert _without_places(again) == _without_places(study)
    assert str(Path.cwd()) not in text
    assert len(fields) == text.count("${INFLUENCE_INPUTS:-inputs}")


def test_inputs_are_found_beside_the_file_or_where_the_variable_says(tmp_path, monkeypatch):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "items.parquet").write_text(folder)
    content = synthetic_study(planted=False).model_dump(mode="json")
    content["corpus"]["path"] = str(tmp_path / "one")
    for benchmark, folder in zip(content["benchmarks"], ["one", "two", "one", "two"], strict=True):
        benchmark["path"] = str(tmp_path / folder / "items.parquet")
    text, inputs = study_file(Study.model_validate(content))
    assert str(tmp_path) not in text
    assert [(part["name"], len(part["fields"])) for part in inputs] == [
        ("one", 1),
        ("unread.parquet", 1),
        ("items.parquet", 2),
        ("2_items.parquet", 2),
    ]
    assert inputs[1]["files"] == []
    assert inputs[0]["files"] == inputs[2]["files"]
    assert inputs[3]["files"][0]["sha256"] == hashlib.sha256(b"two").hexdigest()
    place = tmp_path / "release"
    assert parse_study(text, "x", place).corpus.path == place / "inputs" / "one"
    monkeypatch.setenv("INFLUENCE_INPUTS", str(tmp_path))
    assert parse_study(text, "x", place).benchmarks[1].path == tmp_path / "2_items.parquet"


def test_folders_of_classifiers_are_inputs_too(tmp_path):
    content = synthetic_study(planted=False).model_dump(mode="json")
    content["corpus"] |= {"labels": "classifiers"}
    content["corpus"]["classifiers"] |= {
        "topic_model": str(tmp_path),
        "format_revision": "abc",
    }
    text, inputs = study_file(Study.model_validate(content))
    assert str(tmp_path) not in text
    assert f"topic_model: ./inputs/{tmp_path.name}" in text
    assert "corpus.classifiers.topic_model" in inputs[-1]["fields"] + inputs[-2]["fields"]
    parse_study(text, "x", tmp_path)


def _without_places(study: Study) -> dict:
    def bare(value):
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k != "path"}
        return [bare(part) for part in value] if isinstance(value, list) else value

    return bare(yaml.safe_load(yaml.safe_dump(study.model_dump(mode="json"))))
