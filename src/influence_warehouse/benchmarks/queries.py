"""Items as attribution queries: token ids whose loss counts on the right answer alone.

Belongs here: the tokens and labels of a query. Does not belong here: likelihoods of
the wrong answers (`scoring`).
"""

from typing import TYPE_CHECKING

import polars as pl

from influence_warehouse.benchmarks.prompts import DELIMITER
from influence_warehouse.errors import InputError
from influence_warehouse.models.encoding import IGNORED, split_ids
from influence_warehouse.models.loading import Encoded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode_queries(
    items: pl.DataFrame, tokenizer: "PreTrainedTokenizerBase", max_tokens: int
) -> list[Encoded]:
    """One query per row of `items` (fact `benchmark_items`), in the order of the rows.

    Each query holds `input_ids` and `labels` of one length, at most `max_tokens`; labels are
    -100 on the prompt and the token ids on the right answer. Tokens are those that lm-eval
    scores: prompt + delimiter + answer encoded as one text with the tokenizer's own special
    tokens, split where the prompt alone ends. A longer prompt is cut from the left.
    Raises InputError for an empty answer or one that leaves no token to the prompt.
    """
    queries = []
    for row in items.iter_rows(named=True):
        name = f"{row['benchmark']}/{row['item_id']}"
        completion = row["choices"][row["answer_index"]]
        if not completion.strip():
            raise InputError(
                f"item {name}: its right answer is empty, so it has no loss. "
                "Remedy: give the choice a text or remove the item."
            )
        prompt_ids, answer_ids = split_pair(row["prompt"], completion, tokenizer, name)
        kept = max_tokens - len(answer_ids)
        if not answer_ids or kept < 1:
            raise InputError(
                f"item {name}: its right answer takes {len(answer_ids)} tokens of {max_tokens}, "
                "which must hold it and some of the prompt. "
                "Remedy: raise models.max_tokens or remove the item."
            )
        prompt_ids = prompt_ids[-kept:]
        queries.append(
            Encoded(
                input_ids=prompt_ids + answer_ids,
                labels=[IGNORED] * len(prompt_ids) + answer_ids,
            )
        )
    return queries


def require_splits(items: pl.DataFrame, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Raise InputError unless, of every choice of `items`, prompt and answer can be told apart."""
    for row in items.iter_rows(named=True):
        for choice in row["choices"]:
            split_pair(row["prompt"], choice, tokenizer, f"{row['benchmark']}/{row['item_id']}")


def split_pair(
    prompt: str, completion: str, tokenizer: "PreTrainedTokenizerBase", name: str
) -> tuple[list[int], list[int]]:
    """Token ids of prompt and of delimiter + completion, split as lm-eval splits them.

    Raises InputError, naming the item, as `split_ids`.
    """
    whole = prompt + DELIMITER + completion
    return split_ids(whole, prompt, tokenizer, f"item {name}, answer {completion!r}")
