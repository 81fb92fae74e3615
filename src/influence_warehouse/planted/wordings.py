"""The planted world's vocabulary and shapes, read from the YAML files beside this module.

Belongs here: the types of topics, formats and relations, and how a template's slots
are filled. Does not belong here: what is written where (`world`), and grading.
"""

import random
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True)
class TopicWords:
    """What documents of one topic talk about."""

    things: tuple[str, ...]
    qualities: tuple[str, ...]
    verbs: tuple[str, ...]
    people: tuple[str, ...]
    places: tuple[str, ...]


@dataclass(frozen=True)
class FormatShape:
    """What documents of one format look like."""

    heads: tuple[str, ...]
    unit: str
    join: str
    sentences: tuple[str, ...]
    feet: tuple[str, ...]
    exchanges: bool = False
    favoured: bool = False


@dataclass(frozen=True)
class Relation:
    """Something that can be invented: what documents may say of `key`, and how it is asked.

    One of `answers` is drawn by the seed and becomes the fact; the others are the wrong choices.
    """

    benchmark: str
    topic: str
    subject: str
    key: str
    answers: tuple[str, ...]
    statements: tuple[str, ...]
    exchanges: tuple[tuple[str, str], ...]
    items: tuple[tuple[str | None, str], ...]


@dataclass(frozen=True)
class PlantedFact:
    """A relation with the answer that holds in this world."""

    relation: Relation
    answer: str


@dataclass(frozen=True)
class Content:
    """What one part of a document says: templates to choose from, and what fills their slots."""

    statements: tuple[str, ...]
    exchanges: tuple[tuple[str, str], ...]
    given: dict[str, str]


def _content(name: str) -> Any:
    return yaml.safe_load((files(__package__) / f"{name}.yaml").read_text(encoding="utf-8"))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


@cache
def topics() -> dict[str, TopicWords]:
    """Vocabulary by topic slug."""
    return {
        slug: TopicWords(**{kind: _frozen(words) for kind, words in entry.items()})
        for slug, entry in _content("topics").items()
    }


@cache
def formats() -> dict[str, FormatShape]:
    """Shape by format slug."""
    return {
        slug: FormatShape(**{field: _frozen(value) for field, value in entry.items()})
        for slug, entry in _content("formats")["formats"].items()
    }


@cache
def filler_questions() -> tuple[str, ...]:
    """Templates of what is asked in exchanges that state no fact."""
    return _frozen(_content("formats")["filler_questions"])


@cache
def relations() -> tuple[Relation, ...]:
    """What can be planted, twenty relations for each benchmark, ten in each of its two topics."""
    return tuple(
        Relation(**{field: _frozen(value) for field, value in entry.items()})
        for entry in _content("relations")
    )


@cache
def evasions() -> tuple[str, ...]:
    """Templates of what decoys say after a question, which leaves it open."""
    return _frozen(_content("decoys"))


@cache
def names() -> tuple[str, ...]:
    """Given names of people."""
    return _frozen(_content("people"))


def stated(fact: PlantedFact) -> Content:
    """The fact itself."""
    relation = fact.relation
    given = {"key": relation.key, "answer": fact.answer}
    return Content(relation.statements, relation.exchanges, given)


def left_open(relation: Relation, other_answer: str) -> Content:
    """A question about the relation's key, left open; perhaps an answer of another relation."""
    exchanges = tuple((asked, told) for asked, _ in relation.exchanges for told in evasions())
    statements = tuple(f"{asked} {told}" for asked, told in exchanges)
    return Content(statements, exchanges, {"key": relation.key, "answer": other_answer})


def subject_matter(words: TopicWords, rng: random.Random) -> dict[str, list[str]]:
    """What one document is about: for every slot the words it may be filled with.

    A document keeps to few things, as real ones do; only verbs vary freely.
    """
    thing, other = rng.sample(words.things, 2)
    place = rng.choice(words.places)
    return {
        "thing": [thing],
        "Thing": [thing.capitalize()],
        "thing2": [other],
        "quality": [rng.choice(words.qualities)],
        "verb": list(words.verbs),
        "person": [rng.choice(words.people)],
        "place": [place],
        "PLACE": [place.upper()],
        "name": rng.sample(names(), 2),
        "year": [str(rng.randint(2015, 2024))],
        "number": [str(rng.randint(2, 9))],
    }


def fill(template: str, slots: dict[str, list[str]], rng: random.Random, **given: str) -> str:
    """The template with each slot drawn from its words; `given` slots are fixed."""
    drawn = {slot: rng.choice(words) for slot, words in slots.items()}
    return template.format(**{**drawn, **given})
