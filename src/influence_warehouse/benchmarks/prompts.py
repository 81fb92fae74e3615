"""How an item becomes a prompt and the completions that follow it.

Belongs here: the three prompt formats and the one delimiter between prompt and completion.
Does not belong here: reading items (items.py), tokens (queries.py), likelihoods (scoring.py).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

# Stands between prompt and completion everywhere: lm-eval's target_delimiter and the queries.
DELIMITER = " "

LETTERS = "ABCDEFGHIJ"


class Rendered(NamedTuple):
    """A prompt, and its completions as they follow it, without the delimiter."""

    prompt: str
    completions: tuple[str, ...]


def render(prompt_format: str, context: str, question: str, choices: Sequence[str]) -> Rendered:
    """Prompt and completions of one item.

    `multiple_choice` lists the choices with letters and completes with a letter, at most ten;
    `question_answer` asks and completes with the choice's text; `cloze` lets the choice
    continue context and question. `context` may be empty. Raises KeyError on another format.
    """
    return _FORMATS[prompt_format](join_text(context, question), tuple(choices))


def join_text(context: str, question: str) -> str:
    """Context and question as one text; the text that identifies an item."""
    return f"{context} {question}".strip()


def _multiple_choice(text: str, choices: tuple[str, ...]) -> Rendered:
    letters = tuple(LETTERS[: len(choices)])
    lines = [f"{letter}. {choice}" for letter, choice in zip(letters, choices, strict=True)]
    return Rendered("\n".join([f"Question: {text}", *lines, "Answer:"]), letters)


def _question_answer(text: str, choices: tuple[str, ...]) -> Rendered:
    return Rendered(f"Question: {text}\nAnswer:", choices)


def _cloze(text: str, choices: tuple[str, ...]) -> Rendered:
    return Rendered(text, choices)


_FORMATS: dict[str, Callable[[str, tuple[str, ...]], Rendered]] = {
    "multiple_choice": _multiple_choice,
    "question_answer": _question_answer,
    "cloze": _cloze,
}
