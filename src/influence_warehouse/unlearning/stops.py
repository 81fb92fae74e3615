"""Measurements during an unlearning run, and the rules that end it.

Belongs here: the callback that measures, records and stops. What it records stands in the
Trainer's state, so that a checkpoint carries it. Does not belong here: the step (training).
"""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from influence_warehouse.errors import HealthError
from influence_warehouse.progress import Activity, working
from influence_warehouse.study.unlearning import Unlearning

# A checkpoint without this file was cut off while it was written.
WHOLE = "whole"


@dataclass(frozen=True)
class Measurement:
    """Losses in nats per token, means over documents; utility: see `Stops.utility_floor`."""

    forget_loss: float
    retain_loss: float
    utility: float


def records(state: TrainerState) -> list[dict[str, float]]:
    """What was measured so far, oldest first."""
    return [entry for entry in state.log_history if "utility" in entry]


class StopRules(TrainerCallback):
    """Measures before the first step, every `eval_every` steps and at the end; stops the run.

    `reason` after training: utility_floor, forget_perplexity, wall_time or step_limit, in that
    order when several hold at once. Raises HealthError when a loss is not finite.
    """

    def __init__(
        self, settings: Unlearning, measure: Callable[[], Measurement], rate: Callable[[], float]
    ):
        self._settings = settings
        self._measure = measure
        self._rate = rate
        self._started = 0.0
        self._shown = ExitStack()
        self._activity: Activity | None = None
        self.reason: str | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock where an interrupted run left it; measure the untouched model."""
        earlier = records(state)
        self._started = time.monotonic() - (earlier[-1]["seconds"] if earlier else 0.0)
        if not earlier:
            self._record(state)
        self._activity = self._shown.enter_context(working("unlearning", state.max_steps, "steps"))
        self._activity.advance(state.global_step)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Measure when due; stop when a rule says so."""
        assert self._activity is not None
        self._activity.advance()
        limit = self._settings.stops.max_seconds
        late = limit is not None and time.monotonic() - self._started > limit
        last = state.global_step >= state.max_steps
        if late or last or state.global_step % self._settings.eval_every == 0:
            self._record(state)
            self.reason = self._stop_reason(state, late, last)
        if self.reason is not None:
            control.should_training_stop = True
            # Without a checkpoint of the end, a resumed run never starts from a finished one.
            control.should_save = False

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Mark the checkpoint as whole."""
        (Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / WHOLE).touch()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End what is shown of this run."""
        self._shown.close()

    def _record(self, state: TrainerState) -> None:
        measured = self._measure()
        if not all(math.isfinite(value) for value in asdict(measured).values()):
            raise HealthError(
                f"step {state.global_step}: {measured}. "
                "Remedy: lower unlearning.learning_rate, or use models.dtype float32."
            )
        entry: dict[str, float] = {
            "step": state.global_step,
            **asdict(measured),
            "learning_rate": self._rate(),
            "seconds": time.monotonic() - self._started,
        }
        state.log_history.append(entry)

    def _stop_reason(self, state: TrainerState, late: bool, last: bool) -> str | None:
        stops, measured = self._settings.stops, records(state)
        if measured[-1]["utility"] < stops.utility_floor * measured[0]["utility"]:
            return "utility_floor"
        worst = stops.max_forget_perplexity
        if worst is not None and measured[-1]["forget_loss"] > math.log(worst):
            return "forget_perplexity"
        if late:
            return "wall_time"
        return "step_limit" if last else None
