"""Items as attribution queries: token ids whose loss counts on the right answer alone.

Belongs here: the tokens and labels of a query. Does not belong here: gradients
(attribution), likelihoods of the wrong answers (scoring.py).
"""

from typing import TYPE_CHECKING

import polars as pl

from influence_warehouse.benchmarks.prompts import DELIMITER
from influence_warehouse.errors import InputError
from influence_warehouse.models import Encoded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# The label that transformers' loss ignores.
IGNORED = -100


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
        prompt_ids, answer_ids = _encode_pair(row["prompt"], DELIMITER + completion, tokenizer)
        kept = max_tokens - len(answer_ids)
        if not answer_ids or kept < 1:
            raise InputError(
                f"item {name}: its right answer takes {len(answer_ids)} tokens of {max_tokens}, "
                "which must hold it and some of the prompt. "
                "Remedy: raise model.max_tokens or remove the item."
            )
        prompt_ids = prompt_ids[-kept:]
        queries.append(
            Encoded(
                input_ids=prompt_ids + answer_ids,
                labels=[IGNORED] * len(prompt_ids) + answer_ids,
            )
        )
    return queries


def _encode_pair(
    prompt: str, completion: str, tokenizer: "PreTrainedTokenizerBase"
) -> tuple[list[int], list[int]]:
    """Token ids of prompt and completion, split as lm-eval's `_encode_pair` splits them."""
    stripped = prompt.rstrip()
    whole = tokenizer.encode(prompt + completion)
    prompt_ids = tokenizer.encode(stripped)
    return whole[: len(prompt_ids)], whole[len(prompt_ids) :]
