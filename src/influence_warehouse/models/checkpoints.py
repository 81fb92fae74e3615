"""Whether a model folder holds the whole model that its configuration describes.

transformers fills parameters that a checkpoint lacks, names otherwise or has in another shape at
random, anew at each load. So the headers of the safetensors are compared with the architecture
before anything is loaded, and what was loaded is asked again.
Belongs here: weights, tokenizer and configuration fitting each other. Does not belong here: where
the folder is and what identifies it (models).
"""

import json
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from influence_warehouse.errors import InputError, first_of
from influence_warehouse.lake.git_lfs import pointer_problem

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_INDEX = "model.safetensors.index.json"
_SHOWN = 5
_SAVE = "Remedy: save model and tokenizer again with save_pretrained"


@lru_cache(maxsize=8)
def require_whole(folder: Path, state: tuple, trust_remote_code: bool) -> None:
    """Raise InputError unless every parameter is in the folder's safetensors, in its shape.

    Parameters that are tied to others may be absent. Pickled weights are not looked into.
    `state` keys the cache: a folder that changed is read again.
    """
    model = _architecture(folder, trust_remote_code)
    found = _shapes_of(folder)
    if found is None:
        return
    wanted = {name: list(value.shape) for name, value in model.state_dict().items()}
    renamed = _as_named_by(model, found)
    if renamed is None:  # parameters that are made of several: asked when loaded
        return
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    missing = sorted(wanted.keys() - renamed.keys() - tied)
    problems = [f"{name}: missing" for name in missing]
    problems += [
        f"{name}: {renamed[name]} in the file, {shape} in the architecture"
        for name, shape in sorted(wanted.items())
        if name in renamed and renamed[name] != shape
    ]
    if problems:
        strange = sorted(renamed.keys() - wanted.keys())
        hint = f"The files hold others instead, as {strange[0]}.\n" if strange else ""
        raise InputError(
            f"{folder}: {len(problems)} of {len(wanted)} parameters of {type(model).__name__} are "
            f"not in its safetensors, and would be random:\n  {first_of(problems, _SHOWN)}\n"
            f"{hint}{_SAVE}; of a compiled model save the module inside it."
        )


def count_parameters(folder: Path) -> int | None:
    """How many numbers the folder's safetensors hold; None for weights of another kind."""
    shapes = _shapes_of(folder)
    return None if shapes is None else sum(math.prod(shape) for shape in shapes.values())


def require_loaded(folder: str, told: dict[str, Any]) -> None:
    """Raise InputError for parameters that transformers says it did not find (`loading_info`)."""
    problems = [f"{name}: missing" for name in sorted(told.get("missing_keys", ()))]
    problems += [f"{name}: another shape" for name, *_ in told.get("mismatched_keys", ())]
    if problems:
        raise InputError(
            f"{folder}: parameters are not in its weights, and would be random:\n  "
            f"{first_of(problems, _SHOWN)}\n{_SAVE}."
        )


def require_fitting(tokenizer: "PreTrainedTokenizerBase", folder: str, rows: int) -> None:
    """Raise InputError unless an embedding of `rows` rows holds every id of the tokenizer, and it
    has a token that may end or fill a text, which scoring needs."""
    vocabulary = tokenizer.get_vocab()
    largest = max(vocabulary.values(), default=0)
    if largest >= rows:
        token = next(token for token, number in vocabulary.items() if number == largest)
        raise InputError(
            f"{folder}: the tokenizer's token {token!r} has id {largest}, but the model's "
            f"embedding has {rows} rows. Remedy: call resize_token_embeddings with the "
            "tokenizer's length and train it, or give the tokenizer that the model came with."
        )
    if tokenizer.eos_token_id is None and tokenizer.bos_token_id is None:
        raise InputError(
            f"{folder}: the tokenizer has no token that begins or ends a text (bos_token, "
            "eos_token), one of which scoring needs. Remedy: name one of the vocabulary as "
            "eos_token in tokenizer_config.json."
        )


def _architecture(folder: Path, trust_remote_code: bool) -> "PreTrainedModel":
    """The model of the folder's configuration, without weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=trust_remote_code)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:  # whatever a configuration makes of itself
        raise InputError(
            f"{folder / 'config.json'}: no causal language model can be made of it "
            f"({' '.join(str(error).split())[:300]}). {_SAVE}."
        ) from error


def _shapes_of(folder: Path) -> dict[str, list[int]] | None:
    """Shape by parameter's name, from the headers alone; None for weights of another kind."""
    from safetensors import SafetensorError, safe_open

    files = _files_of(folder)
    shapes: dict[str, list[int]] = {}
    for file in files:
        if pointer := pointer_problem(file, "the weights"):
            raise InputError(f"{file}: {pointer}")
        try:
            with safe_open(str(file), framework="np") as opened:
                for name in opened.keys():  # noqa: SIM118 (no mapping)
                    shapes[name] = list(opened.get_slice(name).get_shape())
        except (SafetensorError, OSError) as error:
            raise InputError(
                f"{file}: cannot be read as safetensors ({error}). "
                "Remedy: the file may be cut off; fetch or save it again."
            ) from error
    return shapes if files else None


def _files_of(folder: Path) -> Iterable[Path]:
    """The files that transformers reads: those of the index, where there is one."""
    index = folder / _INDEX
    if not index.exists() or (folder / "model.safetensors").exists():
        return sorted(folder.glob("*.safetensors"))
    try:
        named = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{index}: cannot be read ({error}). {_SAVE}.") from error
    lost = [name for name in named if not (folder / name).is_file()]
    if lost:
        raise InputError(
            f"{folder}: the weights' files {', '.join(lost)} are missing, which {_INDEX} names. "
            "Remedy: fetch them, or save the model again."
        )
    return [folder / name for name in named]


def _as_named_by(
    model: "PreTrainedModel", found: dict[str, list[int]]
) -> dict[str, list[int]] | None:
    """`found` under the architecture's names, as transformers renames; None where it converts."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightRenaming

    rules = get_model_conversion_mapping(model) or []
    if any(not isinstance(rule, WeightRenaming) for rule in rules):
        return None
    wanted, prefix = set(model.state_dict()), f"{model.base_model_prefix}."
    renamed = {}
    for name, shape in found.items():
        for rule in rules:
            for source in rule.source_patterns:
                name = re.sub(source, rule.target_patterns[0], name)
        # A checkpoint of the model without its head lacks the prefix.
        renamed[prefix + name if prefix + name in wanted and name not in wanted else name] = shape
    return renamed
