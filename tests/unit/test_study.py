"""The study file: what it accepts, and one readable line for each thing it does not."""

import json
from pathlib import Path

import pytest
import yaml

from influence_warehouse.errors import StudyError
from influence_warehouse.study.load import load_study, parse_study, preset_names


def content(**changes) -> dict:
    """A minimal valid study; `changes` replace its sections."""
    valid = {
        "name": "small",
        "corpus": {"path": "documents.parquet"},
        "sampling": {"documents_per_bin": 3},
        "models": [{"path": "model"}],
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
    "bad dtype": ({"models": [{"path": "m", "dtype": "float8"}]}, ["models.0.dtype", "'float8'"]),
    "path and hub": (
        {"models": [{"path": "m", "hub": "org/m", "revision": "abc"}]},
        ["models.base: give exactly one of `path` and `hub`"],
    ),
    "neither path nor hub": ({"corpus": {}}, ["corpus: give exactly one of"]),
    "an objective as it was said before": (
        {"unlearning": {"objective": "npo"}},
        ["`objectives: [ngdiff]`"],
    ),
    "a model as it was said before": ({"model": {"path": "m"}}, ["`models: [{...}]`"]),
    "settings of a method outside": (
        {"attribution": {"projection_dim": 8}},
        ["attribution", "`methods: [{kind: trackstar, projection_dim: ...}]`"],
    ),
    "a method without a kind": (
        {"attribution": {"methods": [{}]}},
        ["one of trackstar"],
    ),
    "a training that nobody recorded": (
        {"attribution": {"methods": [{"kind": "source"}]}},
        ["methods.source: SOURCE follows a recorded training", "source.checkpoints.path"],
    ),
    "one training of two models": (
        {
            "models": [{"path": "m"}, {"name": "other", "path": "n"}],
            "attribution": {"methods": [{"kind": "source", "checkpoints": {"path": "c"}}]},
        },
        ["methods.source.checkpoints: are of one given model"],
    ),
    "same model twice": (
        {"models": [{"path": "m"}, {"path": "n"}]},
        ["models: names must be unique", "add `name`"],
    ),
    "same method twice": (
        {"attribution": {"methods": [{"kind": "random"}, {"kind": "random"}]}},
        ["methods: names must be unique"],
    ),
    "hub without revision": ({"models": [{"hub": "org/m"}]}, ["a hub model needs `revision`"]),
    "labels without columns": (
        {"corpus": {"path": "d.parquet", "columns": {"topic": None}}},
        ["labels: columns needs corpus.columns.topic"],
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
    with pytest.raises(StudyError, match=r"study\.yaml: is not UTF-8"):
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
    path.write_text(json.dumps(content(models=[{"path": "/models/m"}])))
    study = load_study(str(path))
    assert study.corpus.path == tmp_path / "documents.parquet"
    assert study.model.path == Path("/models/m")


def test_environment_variables_expand_in_paths(monkeypatch):
    monkeypatch.setenv("PLACE", "/somewhere")
    monkeypatch.delenv("ABSENT", raising=False)
    study = parse(corpus={"path": "${PLACE}/a.parquet"}, models=[{"path": "${ABSENT:-other}/m"}])
    assert study.corpus.path == Path("/somewhere/a.parquet")
    assert study.model.path == Path("/data/other/m")


def test_a_variable_that_is_not_set_is_an_error(monkeypatch):
    monkeypatch.delenv("ABSENT", raising=False)
    with pytest.raises(StudyError, match="needs the environment variable ABSENT"):
        parse(corpus={"path": "${ABSENT}/a.parquet"})


def test_every_preset_loads_under_its_own_name():
    assert {"demo", "graded", "olmo3-dolma3", "webtext"} <= set(preset_names())
    for name in preset_names():
        study = load_study(name)
        assert study.name == name
        assert len(study.contrast_coefficients()) == len(study.contrasts)


def graded(kept: int, **settings):
    given = load_study("graded").model_dump(mode="json", exclude_unset=True)
    given["planted"]["checkpoints"], given["unlearning"] = kept, None
    given["attribution"]["methods"] = [{"kind": "source", "segments": 3} | settings]
    return parse_study(json.dumps(given), "graded.yaml", Path("/data"))


@pytest.mark.parametrize(
    ("checkpoints", "settings", "told"),
    [
        (0, {}, "set planted.checkpoints to 6"),
        (4, {}, "methods.source.segments: 3 do not divide the 4 checkpoints"),
        (6, {"checkpoints": {"path": "c"}}, "leave it out in a study with a `planted` section"),
    ],
)
def test_a_planted_world_keeps_the_checkpoints_that_source_follows(checkpoints, settings, told):
    with pytest.raises(StudyError, match=told):
        graded(checkpoints, **settings)
    assert graded(6).method.checkpoints is None


def test_only_source_waits_for_checkpoints():
    from influence_warehouse.pipeline.steps import step_of

    waiting, study = "training_checkpoints", graded(6)
    plain = graded(6).model_copy(update={"attribution": load_study("demo").attribution})
    for fact in ("method_preparation", "document_scores"):
        assert waiting in step_of(study, fact).needs
        assert waiting not in step_of(plain, fact).needs
    given = parse(attribution={"methods": [{"kind": "source", "checkpoints": {"path": "c"}}]})
    assert waiting not in step_of(given, "method_preparation").needs
    assert given.method.checkpoints.path == Path("/data/c")


@pytest.mark.parametrize("preset", ["demo", "graded", "webtext", "olmo3-dolma3"])
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


MISREAD = {
    "truth value as a text": ("name: yes", "name: .*YAML reads yes, no, on and off.*quote it"),
    "number as a text": ("description: 2024", "description: .*as a number: quote it, '2024'"),
    "date as a name": ("name: 2024-11-05", "name: .*as a date: quote it, '2024-11-05'"),
    "number in a list of texts": (
        "benchmarks: [{name: p, domain: d, capability: c, path: a, select: [1]}]",
        r"benchmarks.0.select.0: .*quote it, '1'",
    ),
    "truth value as a number": ("seed: yes", "seed: .*a number is needed; YAML reads yes"),
    "truth value as a rate": ("unlearning: {learning_rate: on}", "learning_rate: .*a number is"),
    "octal": ("seed: 0123", "YAML reads 0123 as a number of base 8"),
    "sexagesimal": ("seed: 12:30:45", "YAML reads 12:30:45 as a number of base 60"),
    "sexagesimal fraction": ("unlearning: {learning_rate: 1:30.5}", "number of base 60"),
}


@pytest.mark.parametrize("problem", MISREAD)
def test_what_yaml_reads_otherwise_says_to_quote_it(problem):
    text, message = MISREAD[problem]
    key = text.partition(":")[0]
    rest = json.dumps({name: value for name, value in content().items() if name != key})
    with pytest.raises(StudyError, match=message) as caught:
        parse_study(f"{text}\n" + yaml.safe_dump(json.loads(rest)), "small.yaml", Path("/data"))
    assert "1 problem" in str(caught.value) or "not valid YAML" in str(caught.value)


def test_numbers_as_people_write_them():
    def seed(text: str) -> int:
        rest = yaml.safe_dump(content())
        return parse_study(f"seed: {text}\n{rest}", "small.yaml", Path("/data")).seed

    assert [seed(text) for text in ("1_000", "0", "7", "0x10")] == [1000, 0, 7, 16]


def test_a_study_that_is_not_utf8_says_so(tmp_path):
    (tmp_path / "a.yaml").write_text("name: a", encoding="utf-16")
    with pytest.raises(StudyError, match=r"is not UTF-8.*Remedy: save it as UTF-8"):
        load_study(str(tmp_path / "a.yaml"))
