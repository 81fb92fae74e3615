"""The study file: what it accepts, and one readable line for each thing it does not."""

import json
from pathlib import Path

import pytest

from influence_warehouse.errors import StudyError
from influence_warehouse.study import load_study, parse_study, preset_names


def content(**changes) -> dict:
    """A minimal valid study; `changes` replace its sections."""
    valid = {
        "name": "small",
        "corpus": {"path": "documents.parquet"},
        "sampling": {"documents_per_bin": 3},
        "model": {"path": "model"},
        "benchmarks": [
            {"name": name, "domain": "d", "capability": "c", "path": "items.jsonl"}
            for name in ("p", "q", "r", "s")
        ],
        "contrasts": [
            {"name": "p_minus_q", "a": "p", "b": "q"},
            {"name": "r_minus_s", "a": "r", "b": "s"},
            {"name": "interaction", "a": "p_minus_q", "b": "r_minus_s"},
        ],
    }
    return valid | changes


def parse(folder: Path = Path("/data"), **changes):
    return parse_study(json.dumps(content(**changes)), "small.yaml", folder)


def benchmark(**changes) -> list[dict]:
    return [{"name": "p", "domain": "d", "capability": "c", "path": "items.jsonl"} | changes]


BROKEN = {
    "unknown key": ({"colour": "red"}, ["colour", "not permitted"]),
    "unknown nested key": ({"sampling": {"documents_per_bin": 3, "shard": 2}}, ["sampling.shard"]),
    "impossible value": ({"sampling": {"documents_per_bin": 0}}, ["sampling.documents_per_bin"]),
    "wrong type": ({"sampling": {"documents_per_bin": "many"}}, ["documents_per_bin", "'many'"]),
    "missing section": ({"sampling": None}, ["sampling"]),
    "no benchmarks": ({"benchmarks": [], "contrasts": []}, ["benchmarks"]),
    "bad name": ({"name": "Small Study"}, ["name", "pattern"]),
    "bad dtype": ({"model": {"path": "m", "dtype": "float8"}}, ["model.dtype", "'float8'"]),
    "path and hub": (
        {"model": {"path": "m", "hub": "org/m", "revision": "abc"}},
        ["model: give exactly one of `path` and `hub`"],
    ),
    "neither path nor hub": ({"corpus": {}}, ["corpus: give exactly one of"]),
    "hub without revision": ({"model": {"hub": "org/m"}}, ["a hub model needs `revision`"]),
    "labels without columns": (
        {"corpus": {"path": "d.parquet", "columns": {"topic": None}}},
        ["labels: columns needs columns.topic"],
    ),
    "same benchmark twice": (
        {"benchmarks": benchmark() * 2, "contrasts": []},
        ["names must be unique"],
    ),
    "unknown operand": (
        {"contrasts": [{"name": "x", "a": "p", "b": "nobody"}]},
        ["'x' names 'nobody'", "known: ['p', 'q', 'r', 's']"],
    ),
    "later operand": (
        {"contrasts": [{"name": "x", "a": "p", "b": "y"}, {"name": "y", "a": "p", "b": "q"}]},
        ["'x' names 'y'"],
    ),
    "contrast named as a benchmark": (
        {"contrasts": [{"name": "q", "a": "p", "b": "r"}]},
        ["'q' is taken"],
    ),
    "unknown prompt format": (
        {"benchmarks": benchmark(prompt_format="riddle"), "contrasts": []},
        ["benchmarks.0.prompt_format", "'riddle'"],
    ),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_each_problem_is_named(problem):
    changes, words = BROKEN[problem]
    with pytest.raises(StudyError) as caught:
        parse(**changes)
    for word in [*words, "small.yaml", "Remedy"]:
        assert word in str(caught.value)


def test_all_problems_are_listed_at_once():
    with pytest.raises(StudyError, match=r"2 problem\(s\)"):
        parse(colour="red", shape="round")


def test_missing_preset_names_those_there_are():
    with pytest.raises(StudyError, match="webtext"):
        load_study("demmo")


@pytest.mark.parametrize("text", ["name: [unclosed", "- a\n- list\n", "", "\tname: x"])
def test_text_that_is_no_study(text, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=r"study\.yaml"):
        load_study(str(path))


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(StudyError, match=r"study\.yaml: no such study"):
        load_study(str(path))


def test_a_folder_is_no_study(tmp_path):
    with pytest.raises(StudyError, match="Remedy"):
        load_study(str(tmp_path))


def test_coefficients_of_contrasts_and_their_interaction():
    assert parse().contrast_coefficients() == {
        "p_minus_q": {"p": 1.0, "q": -1.0},
        "r_minus_s": {"r": 1.0, "s": -1.0},
        "interaction": {"p": 1.0, "q": -1.0, "r": -1.0, "s": 1.0},
    }


def test_a_shared_benchmark_adds_up():
    study = parse(
        contrasts=[
            {"name": "x", "a": "p", "b": "q"},
            {"name": "y", "a": "q", "b": "r"},
            {"name": "z", "a": "x", "b": "y"},
        ]
    )
    assert study.contrast_coefficients()["z"] == {"p": 1.0, "q": -2.0, "r": 1.0}


def test_relative_paths_start_at_the_files_folder(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(content(model={"path": "/models/m"})))
    study = load_study(str(path))
    assert study.corpus.path == tmp_path / "documents.parquet"
    assert study.model.path == Path("/models/m")


def test_environment_variables_expand_in_paths(monkeypatch):
    monkeypatch.setenv("PLACE", "/somewhere")
    monkeypatch.delenv("ABSENT", raising=False)
    study = parse(corpus={"path": "${PLACE}/a.parquet"}, model={"path": "${ABSENT:-other}/m"})
    assert study.corpus.path == Path("/somewhere/a.parquet")
    assert study.model.path == Path("/data/other/m")


def test_a_variable_that_is_not_set_is_an_error(monkeypatch):
    monkeypatch.delenv("ABSENT", raising=False)
    with pytest.raises(StudyError, match="needs the environment variable ABSENT"):
        parse(corpus={"path": "${ABSENT}/a.parquet"})


def test_every_preset_loads_under_its_own_name():
    assert {"demo", "olmo3-dolma3", "webtext"} <= set(preset_names())
    for name in preset_names():
        study = load_study(name)
        assert study.name == name
        assert len(study.contrast_coefficients()) == len(study.contrasts)


@pytest.mark.parametrize("preset", ["demo", "webtext", "olmo3-dolma3"])
def test_presets_hold_the_two_by_two_design(preset):
    study = load_study(preset)
    factors = {(b.domain, b.capability) for b in study.benchmarks}
    assert factors == {(d, c) for d in ("social", "stem") for c in ("reasoning", "knowledge")}
    assert [contrast.name for contrast in study.contrasts] == [
        "reasoning_social_minus_stem",
        "knowledge_social_minus_stem",
        "social_minus_stem_interaction",
        "social_reasoning_minus_knowledge",
        "stem_reasoning_minus_knowledge",
    ]
    for weights in study.contrast_coefficients().values():
        assert sum(weights.values()) == 0


def test_hub_inputs_are_pinned():
    study = load_study("olmo3-dolma3")
    hubs = [study.corpus.hub, *(benchmark.hub for benchmark in study.benchmarks)]
    revisions = [hub.revision for hub in hubs if hub is not None] + [study.model.revision]
    assert len(revisions) == 6
    assert all(len(revision) == 40 for revision in revisions)
