"""A study file is data: it runs nothing, costs little, and brings no secret into a home."""

import json
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.errors import InfluenceError, StudyError
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import failure_of, write_failure
from influence_warehouse.secrecy import carries_credentials, redacted
from influence_warehouse.study.load import load_study, parse_study, preset_names
from influence_warehouse.study.study import Study
from tests.unit.test_study import content

FUZZ = settings(max_examples=200, deadline=None, derandomize=True, database=None)
LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
)
MERGES = "\n".join(
    ["a0: &a0 {x: 1}"]
    + [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 12)]
)
HOSTILE = {
    "code": ("name: !!python/object/apply:os.system ['touch {folder}/ran']", "could not determine"),
    "a class": ("name: !!python/name:os.system", "could not determine"),
    "a billion laughs": (LAUGHS, "aliases"),
    "a billion merges": (MERGES, "takes one mapping"),
    "a list in itself": ("name: &a [*a]", "aliases"),
    "depth": ("name: " + "[" * 20_000, "not valid YAML"),
    "length": ("name: " + "x" * (1 << 21), "longer than"),
    "a key twice": ("name: a\nname: b", "'name' is given twice"),
    "a nested key twice": ("model: {path: a, path: b}", "'path' is given twice"),
    "month 13": ("name: 2026-13-01", "not valid YAML"),
    "a number of 5,000 digits": ("seed: " + "9" * 5000, "not valid YAML"),
    "NUL": ("name: 'a\0b'", "not valid YAML"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_one_readable_error(name, tmp_path):
    text, expected = HOSTILE[name]
    with pytest.raises(StudyError, match=expected):
        parse_study(text.replace("{folder}", str(tmp_path)), "hostile.yaml", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_anchors_and_one_merge_are_read():
    shared = "benchmarks: [{<<: &b {name: b, domain: d, capability: c, path: i.jsonl}, name: e}]"
    text = "name: s\nsampling: {documents_per_bin: 1}\ncorpus: {path: d}\nmodels: [{path: m}]"
    study = parse_study(f"{text}\n{shared}", "s", Path("/data"))
    assert [benchmark.name for benchmark in study.benchmarks] == ["e"]


def fields() -> st.SearchStrategy:
    """Values of any kind under keys that studies have, and others."""
    known = [*Study.model_fields, "path", "hub", "columns", "name", "sql", "rule"]
    keys = st.sampled_from(known) | st.text(max_size=5) | st.integers() | st.none()
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    return st.recursive(
        leaves | st.dates(),
        lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
        max_leaves=9,
    )


@FUZZ
@given(st.dictionaries(st.sampled_from([*Study.model_fields]), fields()))
def test_any_values_give_a_study_or_a_readable_error(changes):
    try:
        text = yaml.safe_dump(content() | changes, allow_unicode=True)
    except ValueError:
        return
    try:
        parse_study(text, "fuzz.yaml", Path("/data"))
    except StudyError as error:
        assert "fuzz.yaml" in str(error)


@FUZZ
@given(st.text(st.sampled_from(string.printable + "&*{}[]:<!|>\u2028\0\ud800"), max_size=60))
def test_any_text_gives_a_study_or_a_readable_error(text):
    try:
        parse_study(text, "fuzz.yaml", Path("/data"))
    except StudyError as error:
        assert "fuzz.yaml" in str(error)


@FUZZ
@given(st.text(max_size=30) | st.sampled_from(["\0", "a" * 5000, "~nobody/x", "../..", "/"]))
def test_any_name_of_a_study_gives_a_readable_error(name):
    if name not in preset_names():
        with pytest.raises(InfluenceError, match="Remedy"):
            load_study(name)


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "from https://ann:s3cretpass@example.com/x"},
        {"corpus": {"path": "https://ann:s3cretpass@example.com/d.parquet"}},
        {"models": [{"hub": "https://s3cretpass@example.com/m", "revision": "a"}]},
        {"models": [{"path": "m", "revision": "hf_s3cretpassABCDEFGHIJKLMNOPQRS"}]},
    ],
)
def test_credentials_in_a_study_are_refused_and_not_shown(changes):
    with pytest.raises(StudyError, match="password or an access token") as caught:
        parse_study(json.dumps(content(**changes)), "small.yaml", Path("/data"))
    assert "s3cretpass" not in str(caught.value)


@pytest.mark.parametrize(
    "variable", ["HF_TOKEN", "DB_PASSWORD", "GITHUB_PAT", "MASTER_KEY", "SSH_KEY"]
)
def test_a_path_cannot_carry_a_secret_variable(variable, monkeypatch):
    monkeypatch.setenv(variable, "s3cretpass")
    changes = {"models": [{"path": f"/models/${{{variable}}}"}]}
    with pytest.raises(StudyError, match=variable) as caught:
        parse_study(json.dumps(content(**changes)), "small.yaml", Path("/data"))
    assert "s3cretpass" not in str(caught.value)


@pytest.mark.parametrize("path", ["a\0b", "~nobody-of-that-name/x"])
def test_what_is_no_path_is_a_readable_error(path):
    with pytest.raises(StudyError, match="Remedy"):
        parse_study(json.dumps(content(models=[{"path": path}])), "small.yaml", Path("/data"))


def test_failures_are_noted_without_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "s3cretpass")
    home = Home(tmp_path, "s")
    write_failure(home, "a|b", OSError("403 for https://ann:pw@hub.example/x with s3cretpass"))
    noted = failure_of(home, "a|b")
    assert noted == "OSError: 403 for https://[hidden]@hub.example/x with [hidden]"


def test_plain_addresses_and_words_are_left_alone():
    for text in ("https://example.com/a@b", "mail ann@example.com", "s3://bucket/key", "hf_hub"):
        assert not carries_credentials(text)
        assert redacted(text) == text
