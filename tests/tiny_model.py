"""A real causal language model small enough to write in a test.

Belongs here: the model folder that tests give to a study as `model.path`. Does not belong
here: a model that has learned anything (the planted demo trains one).
"""

from collections.abc import Iterable
from pathlib import Path

# Frequent words, single letters and digits, so that most texts in tests are not all unknown.
COMMON_TEXT = """
    the of and to in a is that for it as was with be by on not he his but at are this have
    from or had an they which one you were all her she there would their we him been has when
    who will no more if out so up said what its about than into them can only other time new
    some could these two may first then do any like my now over such our man me even most made
    after also did many off before must well back through years where much your way down
    should because long each just state those people too mr how little good world make very
    year still see work life men day answer question choose right wrong city river king planet
    helps friend angry happy water energy color food book game law health school market team
    road temple star
"""
SPECIAL_TOKENS = {
    "unk_token": "<unk>",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<pad>",
}


def write_tiny_tokenizer(folder: Path, words: Iterable[str] = ()):
    """Word-level tokenizer over COMMON_TEXT and `words`, lower-cased; anything else is <unk>."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    characters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,:;!?()'\"-&"]
    known = dict.fromkeys(
        [*SPECIAL_TOKENS.values(), *characters, *COMMON_TEXT.split(), *(w.lower() for w in words)]
    )
    vocabulary = {word: index for index, word in enumerate(known)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, model_max_length=512, **SPECIAL_TOKENS
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def write_tiny_model(
    folder: Path, words: Iterable[str] = (), seed: int = 0, layers: int = 2, hidden: int = 32
) -> Path:
    """Write a randomly initialised OLMo-3 model (by default 2 layers of 32) with its tokenizer.

    `words` join the vocabulary. Equal arguments give equal files. Returns `folder`, which
    `model_source` accepts as a study's `model.path`.
    """
    import torch
    from transformers import Olmo3Config, Olmo3ForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tiny_tokenizer(folder, words)
    config = Olmo3Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        sliding_window=128,
        layer_types=["sliding_attention", "full_attention"] * (layers // 2),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Olmo3ForCausalLM(config)
    model.save_pretrained(folder, safe_serialization=True)
    return folder
