"""Checkpoints of a training with the optimizer's state, as Bergson's SOURCE reads them: a folder.

`checkpoint-<steps done>/` holds the model as transformers saves it, its tokenizer, and
`optimizer.pt`, the optimizer's state_dict; beside them `log_history.json` has
`{step, learning_rate}` of every step, counted from 1.
Belongs here: the layout, and what of it must be there. Does not belong here: the training whose
states are kept (`planted.checkpoints`).
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

from influence_warehouse.errors import InputError
from influence_warehouse.lake.fingerprint import digest_of, digest_of_file
from influence_warehouse.models.loading import folder_state

RATES, OPTIMIZER = "log_history.json", "optimizer.pt"
_PREFIX = "checkpoint-"
_PARTS = {
    "config.json": "configuration",
    "*.safetensors": "weights",
    "tokenizer*.json": "tokenizer",
}


def write_checkpoint(folder: Path, step: int, tokenizer: Any, model: Any, optimizer: Any) -> None:
    """The state after `step` steps."""
    import torch

    place = folder / f"{_PREFIX}{step}"
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
    torch.save(optimizer.state_dict(), place / OPTIMIZER)


def write_rates(folder: Path, rates: Sequence[float]) -> None:
    """The learning rate of each step, first to last."""
    history = [{"step": n, "learning_rate": rate} for n, rate in enumerate(rates, start=1)]
    (folder / RATES).write_text(json.dumps(history), encoding="utf-8")


def checkpoint_folders(folder: Path) -> list[Path]:
    """The folders of the checkpoints that are there, first to last."""
    found = [path for path in folder.glob(f"{_PREFIX}*") if _steps_text(path).isdigit()]
    return sorted(found, key=steps_done)


def steps_done(checkpoint: Path) -> int:
    """After how many steps the state was kept."""
    return int(_steps_text(checkpoint))


def checkpoints_digest(folder: Path) -> str:
    """Of the checkpoints and their rates, by content; whatever else is there does not count."""
    states = {path.name: _digest(path, folder_state(path)) for path in checkpoint_folders(folder)}
    return digest_of({**states, RATES: digest_of_file(folder / RATES)})


def require_checkpoints(folder: Path, with_optimizer: bool) -> list[Path]:
    """The checkpoints, first to last.

    Raises InputError where there are none, one lacks something, or the learning rate of a step up
    to the last checkpoint is not told: Bergson would take it for 0.
    """
    found = checkpoint_folders(folder)
    if not found:
        raise InputError(
            f"{folder}: holds no {_PREFIX}<steps>. Remedy: give the folder of a training's "
            "checkpoints in attribution.methods[].checkpoints.path."
        )
    parts = _PARTS | ({OPTIMIZER: "optimizer's state"} if with_optimizer else {})
    for checkpoint in found:
        for pattern, meaning in parts.items():
            if not any(checkpoint.glob(pattern)):
                raise InputError(
                    f"{checkpoint}: no {pattern}, so the checkpoint lacks its {meaning}. Remedy: "
                    "save model and tokenizer with save_pretrained, and the optimizer's "
                    f"state_dict as {OPTIMIZER}."
                )
    told = _told_rates(folder / RATES)
    untold = [step for step in range(1, steps_done(found[-1]) + 1) if step not in told]
    if untold:
        raise InputError(
            f"{folder / RATES}: tells no learning_rate of {len(untold)} steps, the first of them "
            f"{untold[0]}. Remedy: write {{step, learning_rate}} of every step, as transformers' "
            "Trainer does with logging_steps=1."
        )
    return found


def require_same_weights(checkpoint: Path, model: Path) -> None:
    """Raise InputError unless both folders' safetensors hold the same tensors to the bit."""
    import torch
    from safetensors import safe_open

    with ExitStack() as stack:
        sides: list[dict[str, Any]] = []
        for folder in (checkpoint, model):
            files = [
                stack.enter_context(safe_open(file, framework="pt"))
                for file in sorted(folder.glob("*.safetensors"))
            ]
            sides.append({name: file for file in files for name in file.keys()})  # noqa: SIM118
        a, b = sides
        if a.keys() == b.keys() and all(
            torch.equal(a[name].get_tensor(name), b[name].get_tensor(name)) for name in a
        ):
            return
    raise InputError(
        f"{checkpoint}: the last checkpoint is not the model in {model}, so what is measured of "
        f"the one would be explained by the other. Remedy: give {checkpoint} as models.path, or "
        "the checkpoints of the model's own training."
    )


def _steps_text(checkpoint: Path) -> str:
    return checkpoint.name.removeprefix(_PREFIX)


def _told_rates(path: Path) -> set[int]:
    try:
        history = json.loads(path.read_text(encoding="utf-8"))
        return {int(each["step"]) for each in history if each.get("learning_rate") is not None}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: cannot be read as a list of {{step, learning_rate}} ({error}). Remedy: write "
            "it beside the checkpoints, as JSON."
        ) from error


@lru_cache(maxsize=64)
def _digest(folder: Path, state: tuple) -> str:
    # The state only keys the cache.
    return digest_of_file(folder)
