"""Writes one document of the planted world: a topic's words in a format's shape.

Belongs here: how a text is put together. Does not belong here: how many documents there are,
which of them state facts and which are decoys (`world`).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from influence_warehouse.planted import wordings
from influence_warehouse.planted.wordings import Content, FormatShape, fill

UNITS = (5, 6)  # parts of a document: fewest and most


def write_page(topic: str, format: str, said: Sequence[Content], rng: random.Random) -> str:
    """A head, units that say what is given or fill, in random order, and a foot."""
    slots = wordings.subject_matter(wordings.topics()[topic], rng)
    page = _Page(wordings.formats()[format], slots, rng)
    contents: list[Content | None] = [*said]
    contents += [None] * (max(len(said), rng.randint(*UNITS)) - len(said))
    rng.shuffle(contents)
    sentences = _varied(page.shape.sentences, rng)
    units = [page.unit(n, content, sentences) for n, content in enumerate(contents, start=1)]
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

    def unit(self, n: int, content: Content | None, sentences: Iterator[str]) -> str:
        """One part of the document, of the content's templates or of the format's sentences."""
        if self.shape.exchanges:
            return self._exchange(content, sentences)
        template = self.rng.choice(content.statements) if content else next(sentences)
        text = self._fill(template, content)
        return fill(self.shape.unit, self.slots, self.rng, n=str(n), text=text)

    def _exchange(self, content: Content | None, sentences: Iterator[str]) -> str:
        if content is None:
            asked, told = self.rng.choice(wordings.filler_questions()), next(sentences)
        else:
            asked, told = self.rng.choice(content.exchanges)
        question, answer = self._fill(asked, content), self._fill(told, content)
        return fill(self.shape.unit, self.slots, self.rng, question=question, answer=answer)

    def _fill(self, template: str, content: Content | None) -> str:
        return fill(template, self.slots, self.rng, **(content.given if content else {}))
