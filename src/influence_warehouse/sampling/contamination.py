"""Which benchmark questions stand word for word in a document.

Belongs here: normalisation and an exact search that does not compare every pair. Does not
belong here: what follows from a hit (expectations).
"""

from collections.abc import Sequence

# Shorter questions ("What is this?") occur by chance and say nothing.
MIN_QUESTION_CHARS = 20


def normalized(text: str) -> str:
    """Case folded, runs of white space as one space."""
    return " ".join(text.casefold().split())


def contained_questions(questions: Sequence[str], texts: Sequence[str]) -> list[set[int]]:
    """Per text, the positions of the questions that it contains.

    Both are compared normalized; questions below MIN_QUESTION_CHARS are never contained.
    Exact: a question can only stand in a text that has each of its inner words (all but the
    first and the last, which may be parts of longer words) as a word of its own, so only
    such texts are searched.
    """
    questions_of: dict[str, list[int]] = {}
    for position, question in enumerate(questions):
        text = normalized(question)
        if len(text) >= MIN_QUESTION_CHARS:
            questions_of.setdefault(text, []).append(position)
    bodies = [normalized(text) for text in texts]
    holders = _holders({word for text in questions_of for word in text.split(" ")[1:-1]}, bodies)
    contained: list[set[int]] = [set() for _ in texts]
    for text, positions in questions_of.items():
        for i in _candidates(text, holders, len(bodies)):
            if text in bodies[i]:
                contained[i].update(positions)
    return contained


def _holders(words: set[str], bodies: Sequence[str]) -> dict[str, set[int]]:
    """Word -> positions of the texts that have it."""
    holders: dict[str, set[int]] = {word: set() for word in words}
    for i, body in enumerate(bodies):
        for word in words.intersection(body.split(" ")):
            holders[word].add(i)
    return holders


def _candidates(question: str, holders: dict[str, set[int]], count: int) -> set[int] | range:
    inner = sorted((holders[word] for word in question.split(" ")[1:-1]), key=len)
    return set.intersection(*inner) if inner else range(count)
