"""The study's section `unlearning`: defaults that hold together, and readable refusals."""

import pytest
from pydantic import ValidationError

from influence_warehouse.study.study import Study
from influence_warehouse.study.unlearning import CONDITIONS, Unlearning

SQL = "select benchmark, topic, null as format from topic_influence"


def test_defaults_are_the_four_conditions_with_five_random_sets():
    settings = Unlearning()
    assert settings.conditions == CONDITIONS
    assert {name: len(settings.sets_of(name)) for name in CONDITIONS} == {
        "influence_in_topic": 1, "random_in_topic": 5, "influence_global": 1, "random_global": 5
    }  # fmt: skip
    assert len(settings.seeds) == 1
    assert (settings.lora.rank, settings.lora.alpha) == (8, 16)
    assert settings.npo_beta == 0.1
    assert settings.stops.utility_floor == 0.9


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"batch_documents": 6, "gradient_accumulation": 4}, "does not divide"),
        ({"seeds": [1, 1]}, "each once"),
        ({"random_sets": 1}, "greater than or equal to 2"),
        ({"learning_rate": 0}, "above 0"),
        ({"learning_rate": "fast"}, "auto"),
        ({"conditions": ["influence"]}, "influence_in_topic"),
        ({"regions": {"rule": "sql"}}, "sql: give the query"),
        ({"regions": {"min_methods": 0}}, "greater than or equal to 1"),
        ({"regions": {"rule": "sql", "sql": SQL, "min_methods": 2}}, "whoever agrees"),
        ({"regions": {"sql": "select 1"}}, "sql: give the query"),
        ({"regions": {"rule": "explicit"}}, "explicit: give the list"),
        ({"regions": {"rule": "explicit", "explicit": [{"benchmark": "a"}]}}, "or both"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_impossible_sections_are_refused(section, message):
    with pytest.raises(ValidationError, match=message):
        Unlearning.model_validate(section)


@pytest.mark.parametrize(
    "section",
    [
        {"benchmarks": ["quiz", "nowhere"]},
        {
            "regions": {
                "rule": "explicit",
                "explicit": [{"benchmark": "nowhere", "topic": "games"}],
            }
        },
    ],
)
def test_a_benchmark_that_the_study_has_not_is_refused(section):
    quiz = {"name": "quiz", "domain": "stem", "capability": "knowledge", "path": "items.jsonl"}
    study = {
        "name": "small",
        "corpus": {"path": "a.jsonl"},
        "sampling": {"documents_per_bin": 5},
        "models": [{"path": "m"}],
        "benchmarks": [quiz],
        "unlearning": section,
    }
    with pytest.raises(ValidationError, match=r"no benchmarks.*nowhere"):
        Study.model_validate(study)


def test_more_methods_cannot_agree_than_there_are():
    quiz = {"name": "quiz", "domain": "stem", "capability": "knowledge", "path": "items.jsonl"}
    study = {
        "name": "small",
        "corpus": {"path": "a.jsonl"},
        "sampling": {"documents_per_bin": 5},
        "models": [{"path": "model"}],
        "benchmarks": [quiz],
        "attribution": {"methods": [{"kind": "bm25"}, {"kind": "random"}]},
        "unlearning": {"regions": {"min_methods": 2}},
    }
    assert Study.model_validate(study)
    study["unlearning"] = {"regions": {"min_methods": 3}}
    with pytest.raises(ValidationError, match=r"min_methods: 3 cannot agree, the study has 2"):
        Study.model_validate(study)
