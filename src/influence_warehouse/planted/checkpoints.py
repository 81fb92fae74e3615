"""Checkpoints of the planted model's training, with the optimizer's state: a folder.

They come from a replay, so that asking for some changes neither the model nor what follows from it.
The layout is that of `models.training_states`. Each of the demo's takes 14 MB.
"""

import json
from typing import Any

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.folders import replaced_folder
from influence_warehouse.models.loading import hide_bars, load_tokenizer
from influence_warehouse.models.training import learning_rates, train
from influence_warehouse.models.training_states import write_checkpoint, write_rates
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.planted.replay import recorded_course
from influence_warehouse.planted.training import fresh_model
from influence_warehouse.planted.world import planted_section
from influence_warehouse.study.study import Study

RECORD = "training.json"


def checkpoint_steps(steps: int, count: int) -> list[int]:
    """After which steps a state is kept: `count` of them, evenly, the last one among them."""
    return sorted({-(-steps * place // count) for place in range(1, count + 1)})


def identity_of_training_checkpoints(study: Study, lake: Lake) -> dict[str, Any]:
    """How many; of which training its record says, which is an input of the step."""
    return {"checkpoints": planted_section(study).checkpoints}


def are_checkpoints_made(lake: Lake, fingerprint: Fingerprint) -> bool:
    """Whether the folder, which is whole or absent, is of this fingerprint."""
    try:
        record = json.loads((lake.home.checkpoints / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("digest") == fingerprint.digest


def make_training_checkpoints(task: Task) -> list[Made]:
    """Replay the training and keep states of it. Rows: checkpoints. Details: after which steps.

    Raises FactError where the record and the texts do not fit, WarehouseError when the disk
    refuses.
    """
    study, lake = task.study, task.lake
    course, tokenizer = recorded_course(study, lake), load_tokenizer(study, lake.home)
    steps = checkpoint_steps(len(course.batches), planted_section(study).checkpoints)
    remedy = "free disk space, or ask for fewer in planted.checkpoints."
    hide_bars()
    with replaced_folder(lake.home.checkpoints, "checkpoints of the training", remedy) as folder:

        def keep(step: int, model: Any, optimizer: Any) -> None:
            if step in steps:
                write_checkpoint(folder, step, tokenizer, model, optimizer)

        train(fresh_model(tokenizer, study.seed), course, after_step=keep, label="replaying")
        write_rates(folder, learning_rates(course.recipe, len(course.batches)))
        record = {"digest": task.fingerprints["training_checkpoints"].digest, "steps": steps}
        (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")
    return [Made("training_checkpoints", len(steps), {"steps": steps})]
