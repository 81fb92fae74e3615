"""Finished LoRA adapters: weights, a record of the run and a model card in `adapters/<run>/`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.folders import replaced_folder
from influence_warehouse.lake.layout import Home, file_name_of
from influence_warehouse.unlearning.training import Trained, without_notices

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

RECORD = "unlearning.json"


@dataclass(frozen=True)
class Adapter:
    """Where a run's adapter is, and what it must have been made from."""

    folder: Path
    fingerprint: Fingerprint

    def trained(self) -> Trained | None:
        """What the run measured, or None where no whole adapter of this fingerprint stands."""
        try:
            record = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
            if record["fingerprint"] != self.fingerprint.digest:
                return None
            return Trained(record["measured"], record["stop_reason"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def adapter_folder(home: Home, run_id: str) -> Path:
    """`adapters/<run>/`, the run's id as a file's name."""
    return home.adapters / file_name_of(run_id)


def save_adapter(
    model: "PeftModel", adapter: Adapter, trained: Trained, run: dict[str, Any]
) -> None:
    """Write the folder whole, in place of an earlier one; `run` is the plan's row, for the card.

    Raises WarehouseError when the disk refuses.
    """
    measured = [
        {name: value for name, value in entry.items() if name != "seconds"}
        for entry in trained.measured
    ]
    record = {"fingerprint": adapter.fingerprint.digest, **asdict(trained), "measured": measured}
    text = json.dumps(record, indent=1, sort_keys=True) + "\n"
    remedy = "free disk space or choose a writable folder with --warehouse DIR."
    with replaced_folder(adapter.folder, "the adapter", remedy) as part:
        # The vocabulary never grows; asking whether it did would ask the hub.
        model.save_pretrained(str(part), safe_serialization=True, save_embedding_layers=False)
        (part / RECORD).write_text(text, encoding="utf-8")
        (part / "README.md").write_text(_card(adapter, trained, run), encoding="utf-8")


def load_adapter(base: "PreTrainedModel", adapter: Adapter) -> "PeftModel":
    """`base` with the saved adapter."""
    from peft import PeftModel

    with without_notices():
        return PeftModel.from_pretrained(base, str(adapter.folder))


def _card(adapter: Adapter, trained: Trained, run: dict[str, Any]) -> str:
    first, last = trained.measured[0], trained.measured[-1]
    settings = adapter.fingerprint.parts["settings"]
    return f"""---
library_name: peft
tags: [unlearning, lora]
---

# Unlearned: {run["run_id"]}

A LoRA adapter (rank {settings["lora"]["rank"]}, alpha {settings["lora"]["alpha"]}) that makes its
base model forget documents. It was made to measure what the model loses, not to remove
information: forgetting of this kind can be undone by a little training.

- benchmark: {run["benchmark"]}; condition: {run["condition"]}; region: {run["topic"]}
- forget set: {adapter.fingerprint.parts["n_forget"]} documents, SHA-256 of their sorted ids
  {adapter.fingerprint.parts["forget_digest"]}
- objective: {settings["objective"]}; seed: {run["seed"]}; steps: {last["step"]:.0f};
  stopped by: {trained.stop_reason}
- base model: {adapter.fingerprint.parts["model"]} ({adapter.fingerprint.parts["dtype"]})

| nats per token | before | after |
|---|---|---|
| loss on the forget set | {first["forget_loss"]:.4f} | {last["forget_loss"]:.4f} |
| loss on held-out retain documents | {first["retain_loss"]:.4f} | {last["retain_loss"]:.4f} |
| utility | {first["utility"]:.4f} | {last["utility"]:.4f} |

Load it with `peft.PeftModel.from_pretrained(base, folder)`. Fingerprint:
{adapter.fingerprint.digest}.
"""
