"""Checkpoints of the planted model's training, with the optimizer's state.

The layout is that of Bergson's SOURCE (`bergson.approx_unrolling`): `checkpoint-<steps done>/`
holds the model as transformers saves it, its tokenizer, and `optimizer.pt`, AdamW's state_dict;
beside them `log_history.json` has `{step, learning_rate}` of every step, counted from 1. Each of
the demo's takes 14 MB, so a study asks for them (`planted.checkpoints`).
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.folders import replaced_folder
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.loading import hide_bars
from influence_warehouse.models.training import Course, learning_rates
from influence_warehouse.pipeline.task import Task
from influence_warehouse.planted.world import planted_section

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RATES, RECORD = "log_history.json", "training.json"
AfterStep: TypeAlias = Callable[[int, Any, Any], None]


def checkpoint_steps(steps: int, count: int) -> list[int]:
    """After which steps a state is kept: `count` of them, evenly, the last one among them."""
    return sorted({-(-steps * place // count) for place in range(1, count + 1)})


def checkpoint_folders(home: Home) -> list[Path]:
    """The folders of the checkpoints that are there, first to last."""
    folders = home.checkpoints.glob("checkpoint-*")
    return sorted(folders, key=lambda folder: int(folder.name.partition("-")[2]))


def are_kept(home: Home, fingerprint: Fingerprint) -> bool:
    """Whether the checkpoints, which are there whole or not at all, are of this fingerprint."""
    try:
        record = json.loads((home.checkpoints / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("digest") == fingerprint.digest


@contextmanager
def kept_checkpoints(
    task: Task, course: Course, tokenizer: "PreTrainedTokenizerBase"
) -> Iterator[AfterStep]:
    """What a training calls after each step; when the block ends the checkpoints are in their
    place, and those of an earlier training gone. Raises WarehouseError when the disk refuses."""
    home, count = task.lake.home, planted_section(task.study).checkpoints
    if not count:
        yield lambda step, model, optimizer: None
        shutil.rmtree(home.checkpoints, ignore_errors=True)
        return
    steps = checkpoint_steps(len(course.batches), count)
    remedy = "free disk space, or ask for fewer in planted.checkpoints."
    hide_bars()
    with replaced_folder(home.checkpoints, "checkpoints of the training", remedy) as folder:

        def keep(step: int, model: Any, optimizer: Any) -> None:
            if step in steps:
                _save(folder / f"checkpoint-{step}", model, optimizer)
                tokenizer.save_pretrained(folder / f"checkpoint-{step}")

        yield keep
        rates = learning_rates(course.recipe, len(course.batches))
        history = [{"step": n, "learning_rate": rate} for n, rate in enumerate(rates, start=1)]
        (folder / RATES).write_text(json.dumps(history), encoding="utf-8")
        record = {"digest": task.fingerprints["planted_model"].digest, "steps": steps}
        (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")


def _save(folder: Path, model: Any, optimizer: Any) -> None:
    import torch

    model.save_pretrained(folder)
    torch.save(optimizer.state_dict(), folder / "optimizer.pt")
