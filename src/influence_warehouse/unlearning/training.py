"""One unlearning run on transformers' Trainer: a LoRA adapter, trained until a rule stops it.

The Trainer keeps optimizer, checkpoints and resuming; `UnlearningTrainer` replaces how a step's
gradient comes about. Dropout is off, so that gradients are those of the model that is measured.
Belongs here: batches, the step, resuming. Does not belong here: the formulae (objectives), the
rules that stop (stops), files of the finished adapter (adapters).
"""

import random
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import functional_call
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.trainer_callback import TrainerState
from transformers.utils import logging

from influence_warehouse.errors import StudyError
from influence_warehouse.models.loading import Encoded
from influence_warehouse.study.unlearning import Lora, Unlearning
from influence_warehouse.unlearning.objectives import (
    GradientMean,
    document_losses,
    mean_loss,
    objective_of,
    padded,
    write_gradient,
)
from influence_warehouse.unlearning.rates import bounded, fitted_rate, proposed_step
from influence_warehouse.unlearning.stops import WHOLE, Measurement, StopRules, records

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

RATE = "unlearning_rate"


@dataclass(frozen=True)
class RunData:
    """Tokenized documents of one run, and the id that pads them."""

    forget: list[Encoded]
    retain: list[Encoded]
    probe: list[Encoded]
    pad: int


@dataclass(frozen=True)
class Trained:
    """What was measured, step 0 first, and why the run ended."""

    measured: list[dict[str, float]]
    stop_reason: str


def with_adapter(base: "PreTrainedModel", settings: Lora, seed: int) -> "PeftModel":
    """`base` with a fresh LoRA adapter, which changes nothing until it is trained.

    The start follows from `seed`; torch's own random state stays. Raises StudyError when the
    model has none of the target modules.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=list(settings.target_modules),
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(), without_notices():
        torch.manual_seed(seed)
        try:
            return get_peft_model(base, config)
        except ValueError as error:
            raise StudyError(
                f"unlearning.lora.target_modules: {error}. Remedy: name linear layers of the model."
            ) from error


def train(
    model: "PeftModel", data: RunData, settings: Unlearning, seed: int, folder: Path
) -> Trained:
    """Train the adapter in `model` until a stop; checkpoints go to `folder`.

    An unbroken run and one that was killed at any moment and called again end alike. Stops by
    `max_seconds` excepted, the result follows from the arguments (on CUDA up to the kernels'
    own determinism). Runs on CUDA where there is one, on one device.
    """
    checkpoint = last_whole_checkpoint(folder)
    with without_notices():
        trainer = UnlearningTrainer(model, data, settings, _arguments(settings, seed, folder))
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    assert trainer.stop_rules.reason is not None
    return Trained(records(trainer.state), trainer.stop_rules.reason)


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; deletes those that were not."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda p: int(p.name.partition("-")[2]))
    for checkpoint in checkpoints:
        if not (checkpoint / WHOLE).exists():
            shutil.rmtree(checkpoint)
    return next((c for c in reversed(checkpoints) if c.exists()), None)


@contextmanager
def without_notices() -> Iterator[None]:
    """Keep notices of Trainer and PEFT, the same with every run, off the terminal."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            # Raised by PEFT's use of a name that transformers is about to change.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)


def _arguments(settings: Unlearning, seed: int, folder: Path) -> TrainingArguments:
    auto = settings.learning_rate == "auto"
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=settings.stops.steps,
        per_device_train_batch_size=settings.batch_documents // settings.gradient_accumulation,
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.auto_initial_rate if auto else float(settings.learning_rate),
        lr_scheduler_type="constant",
        optim="adamw_torch",
        weight_decay=0.0,
        # Clipping would change the length of a direction that is normalized already.
        max_grad_norm=0.0,
        train_sampling_strategy="sequential",
        save_strategy="steps",
        save_steps=settings.checkpoint_every,
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        seed=seed,
    )
    if arguments.n_gpu > 1:
        # DataParallel would split a batch; several devices are for several runs.
        arguments._n_gpu = 1
    return arguments


class Pairs(torch.utils.data.Dataset):
    """Pairs of a forget and a retain document in the order in which a run takes them.

    Each set is gone through in a new random order again and again, both by `seed` alone.
    """

    def __init__(self, data: RunData, count: int, seed: int):
        self._forget = list(_cycled(data.forget, count, random.Random(f"{seed}:forget")))
        self._retain = list(_cycled(data.retain, count, random.Random(f"{seed}:retain")))

    def __len__(self) -> int:
        return len(self._forget)

    def __getitem__(self, index: int) -> tuple[Encoded, Encoded]:
        return self._forget[index], self._retain[index]


def _cycled(documents: list[Encoded], count: int, rng: random.Random) -> Iterator[Encoded]:
    left = count
    while left > 0:
        order = rng.sample(documents, len(documents))
        yield from order[:left]
        left -= len(order)


class UnlearningTrainer(Trainer):
    """A Trainer whose gradient is the objective's, made once per step from averaged gradients."""

    def __init__(
        self, model: "PeftModel", data: RunData, settings: Unlearning, arguments: TrainingArguments
    ):
        pairs = Pairs(data, settings.stops.steps * settings.batch_documents, arguments.seed)
        self.stop_rules = StopRules(settings, lambda: self._measured(), lambda: self._rate())
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=pairs,
            data_collator=lambda rows: {
                "forget": padded([forget for forget, _ in rows], data.pad),
                "retain": padded([retain for _, retain in rows], data.pad),
            },
            callbacks=[self.stop_rules],
        )
        self.remove_callback(PrinterCallback)
        self._peft = model
        self._data = data
        self._settings = settings
        self._objective = objective_of(settings)
        self._named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._trained = list(self._named.values())
        self._mean = GradientMean(self._trained)
        self._retain_parts: list[dict[str, Tensor]] = []

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Add one micro-batch's gradients; at a step's last one, write the joined gradient."""
        model.eval()
        batch: dict[str, Any] = self._prepare_inputs(inputs)
        forget_loss = self._objective.forget_loss(self._peft, batch["forget"])
        self._mean.add(forget_loss, mean_loss(self._peft, batch["retain"]))
        self._retain_parts.append(batch["retain"])
        if self.accelerator.sync_gradients:
            write_gradient(self._objective.join(*self._mean.take()), self._trained)
            self._set_rate()
            self._retain_parts.clear()
        return forget_loss.detach()

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted: the Trainer's estimate knows one input a batch."""
        return 0

    def _set_rate(self) -> None:
        # The optimizer itself, not Accelerate's wrapper of it.
        optimizer: Any = getattr(self.optimizer, "optimizer", self.optimizer)
        rate = self._rate()
        automatic = self._settings.learning_rate == "auto"
        if automatic and self.state.global_step % self._settings.auto_every == 0:
            step = proposed_step(optimizer, self._trained)
            fitted = fitted_rate(self._retain_loss_at, self._trained, step, rate)
            rate = bounded(fitted, self._settings.auto_initial_rate)
            # In the state, so that a checkpoint keeps it: the scheduler resets the optimizer's.
            self.state.log_history.append({RATE: rate})
        for group in optimizer.param_groups:
            group["lr"] = rate

    def _rate(self) -> float:
        return _last_rate(self.state) or self.args.learning_rate

    def _retain_loss_at(self, values: list[Tensor]) -> float:
        """Retain loss of the step's documents with the trained parameters at `values`."""
        weights = dict(zip(self._named, values, strict=True))

        def forward(**inputs: Tensor) -> Any:
            return functional_call(self._peft, weights, kwargs=inputs)

        with torch.no_grad():
            losses = [mean_loss(forward, part) for part in self._retain_parts]
        return torch.stack(losses).mean().item()

    def _measured(self) -> Measurement:
        forget = self._losses(self._data.forget)
        probe = self._losses(self._data.probe)
        return Measurement(
            forget.mean().item(), probe.mean().item(), torch.exp(-probe).mean().item()
        )

    def _losses(self, documents: list[Encoded]) -> Tensor:
        """Length-normalized loss of each document, those of like length computed together."""
        ordered = sorted(documents, key=lambda document: len(document["input_ids"]))
        size = self.args.per_device_train_batch_size
        parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        self._peft.eval()
        with torch.no_grad():
            losses = [
                document_losses(
                    self._peft, self._prepare_inputs(padded(part, self._data.pad))
                ).per_token
                for part in parts
            ]
        return torch.cat(losses).double()


def _last_rate(state: TrainerState) -> float | None:
    return next((entry[RATE] for entry in reversed(state.log_history) if RATE in entry), None)
