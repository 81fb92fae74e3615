"""The study's language model: where it is, what identifies it, and its tokenizer.

Belongs here: locating a model folder or hub id, its digest, loading tokenizer and weights
with the study's dtype and attention.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from influence_warehouse.errors import InputError
from influence_warehouse.lake.fingerprint import digest_of_file
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.study import Model, Study

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Encoded(TypedDict):
    """One tokenized document or query. Labels of -100 carry no loss."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class ModelSource:
    """What transformers loads: a local folder (absolute path) or a hub id with a revision."""

    location: str
    revision: str | None
    digest: str


def model_source(study: Study, home: Home) -> ModelSource:
    """Locate the study's model and identify it by content (folder) or by revision (hub).

    Raises InputError when a local folder lacks config, weights or tokenizer.
    """
    risks = _allowed_risks(study.model)
    if study.model.hub is not None:
        identity = f"{study.model.hub}@{study.model.revision}"
        return ModelSource(study.model.hub, study.model.revision, identity + risks)
    folder = study.model.path or home.model
    _check_folder(folder, study.model.allow_pickle)
    digest = _folder_digest(folder, folder_state(folder))
    return ModelSource(str(folder), None, digest + risks)


def _allowed_risks(model: Model) -> str:
    """Part of the model's identity: with code of its own, or pickles, it may be another model."""
    allowed = {"remote-code": model.trust_remote_code, "pickle": model.allow_pickle}
    return "".join(f"+{name}" for name, is_allowed in allowed.items() if is_allowed)


def local_folder(source: ModelSource, model: Model, may_download: bool = True) -> str:
    """Folder of exactly the files that `source` names, downloaded first if they are the hub's.

    For Bergson, which else looks on the hub's default branch for tokenizer and adapters, takes
    pickled weights, and follows an adapter to another model. Raises InputError.
    """
    if source.revision is None:
        return source.location
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    patterns = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
    patterns += ["*.py"] if model.trust_remote_code else []
    patterns += ["*.bin"] if model.allow_pickle else []
    try:
        return snapshot_download(
            source.location,
            revision=source.revision,
            allow_patterns=patterns,
            ignore_patterns=["adapter_*", "*/*"],
            local_files_only=not may_download,
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise InputError(
            f"{source.location}@{source.revision}: the model cannot be fetched ({error}). "
            "Remedy: check models.hub, model.revision and the network, or give models.path."
        ) from error


def loading_options(model: Model) -> dict[str, bool]:
    """What transformers may do while it loads the weights: by default no code, no pickles."""
    # None: safetensors where there are any.
    only_safetensors = {} if model.allow_pickle else {"use_safetensors": True}
    return {"trust_remote_code": model.trust_remote_code, **only_safetensors}


def _check_folder(folder: Path, allow_pickle: bool) -> None:
    pickled = allow_pickle and not any(folder.glob("*.safetensors"))
    wanted = {
        "config.json": "the model's configuration",
        "*.bin" if pickled else "*.safetensors": "weights as safetensors",
        "tokenizer*.json": "a tokenizer",
    }
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such model folder (study field models.path). Remedy: give a folder "
            "that transformers' save_pretrained wrote."
        )
    for pattern, meaning in wanted.items():
        if not any(folder.glob(pattern)):
            raise InputError(
                f"{folder}: no {pattern}, so the folder lacks {meaning} (study field models.path). "
                "Remedy: save model and tokenizer into it with save_pretrained."
            )
    if (folder / "adapter_config.json").exists():
        raise InputError(
            f"{folder}: holds an adapter, which names another model by itself (study field "
            "models.path). Remedy: merge it into its base model (peft's merge_and_unload), save "
            "that, and give its folder."
        )


def folder_state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and change times: what keys the caches of what was read from a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    told = [(path, path.stat()) for path in files]
    return tuple((str(path), status.st_size, status.st_mtime_ns) for path, status in told)


@lru_cache(maxsize=8)
def _folder_digest(folder: Path, state: tuple) -> str:
    # The state only keys the cache: hashing half a gigabyte takes a second.
    return digest_of_file(folder)


def require_whole_model(study: Study, home: Home) -> None:
    """Raise InputError unless a local model folder holds all that its configuration describes.

    A hub's model is asked when it has been fetched, by `load_model`.
    """
    source = model_source(study, home)
    if source.revision is None:
        _require_whole(Path(source.location), study.model)


def _require_whole(folder: Path, model: Model) -> None:
    from influence_warehouse.models.checkpoints import require_whole

    require_whole(folder, folder_state(folder), model.trust_remote_code)


def hide_bars() -> None:
    """Show no progress bars of transformers, which no variable of the environment hides."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def load_tokenizer(study: Study, home: Home) -> "PreTrainedTokenizerBase":
    """The model's own tokenizer.

    Raises InputError when it cannot be loaded or does not fit the model, and where the model
    itself is not whole: nothing is made with a tokenizer alone.
    """
    from transformers import AutoTokenizer

    from influence_warehouse.models.checkpoints import require_fitting

    source = model_source(study, home)
    require_whole_model(study, home)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source.location,
            revision=source.revision,
            trust_remote_code=study.model.trust_remote_code,
        )
    except Exception as error:  # its files are parsed by several libraries
        raise InputError(
            f"{source.location}: the tokenizer cannot be loaded "
            f"({' '.join(str(error).split())[:300]}). "
            "Remedy: save it beside the model, or check models.hub and models.revision."
        ) from error
    rows = getattr(_config(study, home).get_text_config(), "vocab_size", None)
    require_fitting(tokenizer, source.location, int(rows or 2**31))
    return tokenizer


def _config(study: Study, home: Home) -> Any:
    from transformers import AutoConfig

    source = model_source(study, home)
    try:
        return AutoConfig.from_pretrained(
            source.location,
            revision=source.revision,
            trust_remote_code=study.model.trust_remote_code,
        )
    except Exception as error:  # whatever a configuration makes of itself
        raise InputError(
            f"{source.location}: the model's configuration cannot be read "
            f"({' '.join(str(error).split())[:300]}). Remedy: save the model again."
        ) from error


def context_length(study: Study, home: Home) -> int:
    """Positions that the model reads at most, in tokens."""
    return int(getattr(_config(study, home), "max_position_embeddings", 2**31))


def layer_count(study: Study, home: Home) -> int:
    """Layers of the model, the embeddings not counted."""
    return int(_config(study, home).get_text_config().num_hidden_layers)


def device() -> str:
    """Where models run: on CUDA where there is one, else on the processor."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_model(study: Study, home: Home) -> "PreTrainedModel":
    """The model in the study's dtype and attention backend, in evaluation mode, on `device()`.

    Raises InputError when it cannot be loaded, or is not whole.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from influence_warehouse.models.checkpoints import require_loaded

    hide_bars()
    source = model_source(study, home)
    folder = local_folder(source, study.model)
    _require_whole(Path(folder), study.model)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, study.model.dtype),
            attn_implementation=study.model.attention,
            output_loading_info=True,
            **loading_options(study.model),
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        raise InputError(
            f"{source.location}: the model cannot be loaded "
            f"({' '.join(str(error).split())[:300]}). "
            "Remedy: check models.path, or models.hub and models.revision."
        ) from error
    model, told = loaded
    require_loaded(source.location, told)
    return model.to(device()).eval()
