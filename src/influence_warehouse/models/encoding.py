"""Documents as the model reads them: token ids with labels, cut at the study's length."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from influence_warehouse.models.loading import Encoded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode_documents(
    texts: Iterable[str], tokenizer: "PreTrainedTokenizerBase", max_tokens: int
) -> list[Encoded]:
    """Token ids of each text, at most `max_tokens`; every token after the first has a loss."""
    encoded = tokenizer(list(texts), truncation=True, max_length=max_tokens)["input_ids"]
    return [Encoded(input_ids=list(ids), labels=list(ids)) for ids in encoded]
