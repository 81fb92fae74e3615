"""Writes one document of the planted world: a topic's words in a format's shape.

Belongs here: how a text is put together. Does not belong here: how many documents there are
and which of them state facts (`world`).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from influence_warehouse.planted import wordings
from influence_warehouse.planted.wordings import FormatShape, PlantedFact, fill

UNITS = (5, 6)  # parts of a document: fewest and most


def write_page(topic: str, format: str, facts: Sequence[PlantedFact], rng: random.Random) -> str:
    """A head, units that state the facts or fill, in random order, and a foot."""
    slots = wordings.subject_matter(wordings.topics()[topic], rng)
    page = _Page(wordings.formats()[format], slots, rng)
    content: list[PlantedFact | None] = [*facts]
    content += [None] * (max(len(facts), rng.randint(*UNITS)) - len(facts))
    rng.shuffle(content)
    sentences = _varied(page.shape.sentences, rng)
    units = [page.unit(n, fact, sentences) for n, fact in enumerate(content, start=1)]
    head = fill(rng.choice(page.shape.heads), page.slots, rng)
    foot = fill(rng.choice(page.shape.feet), page.slots, rng)
    return "\n".join([head, page.shape.join.join(units), foot])


def _varied(templates: Sequence[str], rng: random.Random) -> Iterator[str]:
    """Endless templates, none again before all have come up."""
    while True:
        yield from rng.sample(templates, len(templates))


@dataclass(frozen=True)
class _Page:
    shape: FormatShape
    slots: dict[str, list[str]]
    rng: random.Random

    def unit(self, n: int, fact: PlantedFact | None, sentences: Iterator[str]) -> str:
        """One part of the document, of the fact's wordings or of the format's sentences."""
        if self.shape.exchanges:
            return self._exchange(fact, sentences)
        template = self.rng.choice(fact.relation.statements) if fact else next(sentences)
        text = fill(template, self.slots, self.rng, **_given(fact))
        return fill(self.shape.unit, self.slots, self.rng, n=str(n), text=text)

    def _exchange(self, fact: PlantedFact | None, sentences: Iterator[str]) -> str:
        if fact is None:
            asked, told = self.rng.choice(wordings.filler_questions()), next(sentences)
        else:
            asked, told = self.rng.choice(fact.relation.exchanges)
        question = fill(asked, self.slots, self.rng, **_given(fact))
        answer = fill(told, self.slots, self.rng, **_given(fact))
        return fill(self.shape.unit, self.slots, self.rng, question=question, answer=answer)


def _given(fact: PlantedFact | None) -> dict[str, str]:
    return {"key": fact.relation.key, "answer": fact.answer} if fact else {}
