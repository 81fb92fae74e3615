"""Documents as the model reads them: token ids with labels, cut at the study's length.

Belongs here: which tokens a text has and on which of them there is a loss, for documents and for
what has a prompt (training pairs, items). Does not belong here: what an item's prompt is
(benchmarks).
"""

from typing import TYPE_CHECKING

import polars as pl

from influence_warehouse.errors import InputError
from influence_warehouse.models.loading import Encoded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# The label that transformers' loss ignores.
IGNORED = -100


def encode_documents(
    documents: pl.DataFrame, tokenizer: "PreTrainedTokenizerBase", max_tokens: int
) -> list[Encoded]:
    """Token ids of each document, at most `max_tokens`; every token after the first has a loss.

    `documents` has the columns doc_id, text and prompt_chars. Of a training pair, whose
    prompt_chars is not null, labels are -100 on the prompt: of one that is too long the prompt is
    cut from the left, to one token at least, then the completion's end. Raises InputError as
    `split_ids`.
    """
    whole = tokenizer(documents["text"].to_list(), truncation=True, max_length=max_tokens)
    encoded = [Encoded(input_ids=list(ids), labels=list(ids)) for ids in whole["input_ids"]]
    for position, (doc_id, text, prompt_chars) in enumerate(_rows(documents)):
        if prompt_chars is not None:
            parts = split_ids(text, text[:prompt_chars], tokenizer, f"document {doc_id}")
            encoded[position] = _encoded_pair(*parts, max_tokens)
    return encoded


def _encoded_pair(prompt: list[int], completion: list[int], max_tokens: int) -> Encoded:
    completion = completion[: max_tokens - min(len(prompt), 1)]
    prompt = prompt[max(0, len(prompt) + len(completion) - max_tokens) :]
    return Encoded(input_ids=prompt + completion, labels=[IGNORED] * len(prompt) + completion)


def require_pairs_split(documents: pl.DataFrame, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Raise InputError, as `split_ids`, unless all training pairs can be told apart in tokens."""
    pairs = documents.filter(pl.col("prompt_chars").is_not_null())
    for doc_id, text, prompt_chars in _rows(pairs):
        split_ids(text, text[:prompt_chars], tokenizer, f"document {doc_id}")


def _rows(documents: pl.DataFrame) -> list[tuple]:
    return documents.select("doc_id", "text", "prompt_chars").rows()


def split_ids(
    text: str, prompt: str, tokenizer: "PreTrainedTokenizerBase", name: str
) -> tuple[list[int], list[int]]:
    """Token ids of the prompt that a text begins with, and of the rest.

    White space that ends the prompt is the rest's, as in lm-eval: most tokenizers join it to the
    next word. Raises InputError, naming the text, unless the prompt's ids begin those of the
    whole and leave some: else the loss would be on other tokens than the rest's.
    """
    whole = tokenizer.encode(text, verbose=False)
    prompt_ids = tokenizer.encode(prompt.rstrip(), verbose=False)
    count = len(prompt_ids)
    if whole[:count] != prompt_ids or len(whole) <= count:
        place = next(
            (i for i, (a, b) in enumerate(zip(whole, prompt_ids, strict=False)) if a != b), 0
        )
        ends = tokenizer.convert_ids_to_tokens(prompt_ids[place : place + 3])
        raise InputError(
            f"{name}: the prompt's tokens do not begin those of prompt and answer, or leave none "
            f"to the answer (they part at {ends}). Remedy: take a tokenizer that appends nothing "
            "to a text (add_eos_token false, no template with an end), and prompts that end where "
            "a token ends."
        )
    return prompt_ids, whole[count:]
