"""Running Bergson inside our process without its side effects.

Importing Bergson removes the root logger's handlers and reports on stdout; stages print; its
settings of torch stay. Here its output goes to a log file, and logging and torch are put back.
Nothing here knows what Bergson computes.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from influence_warehouse.models.loading import Encoded, hide_bars
from influence_warehouse.progress import LibraryProgress, working

if TYPE_CHECKING:
    from datasets import Dataset


@contextlib.contextmanager
def bergson_output_to(log: Path, label: str = "gradients") -> Iterator[None]:
    """Send what Bergson prints and logs to the end of `log`; put all back afterwards.

    The counts of its progress bars are shown as this project shows progress.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.parent.mkdir(parents=True, exist_ok=True)
    # Importing Bergson closes the root handlers that it finds; hide ours from it.
    root.handlers.clear()
    with (
        working(label, unit="batches") as activity,
        log.open("a", encoding="utf-8") as stream,
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(LibraryProgress(activity, stream)),
        _torch_settings_kept(),
    ):
        import bergson  # noqa: F401

        hide_bars()

        root.handlers[:] = [logging.StreamHandler(stream)]
        try:
            yield
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)


@contextlib.contextmanager
def _torch_settings_kept() -> Iterator[None]:
    """Precision of products and kernels of attention: the diagnostic tries others, tf32 sets one.

    Later steps of this process must not compute with what an earlier one left.
    """
    import torch
    from torch.backends import cuda

    precision = torch.get_float32_matmul_precision()
    flash, efficient = cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled()
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        cuda.enable_flash_sdp(flash)
        cuda.enable_mem_efficient_sdp(efficient)


def dataset_of(rows: Sequence[Encoded]) -> "Dataset":
    """Tokenized rows as Bergson reads them, in their order; `length` fills its token batches."""
    from datasets import Dataset

    return Dataset.from_dict(
        {
            "input_ids": [row["input_ids"] for row in rows],
            "labels": [row["labels"] for row in rows],
            "length": [len(row["input_ids"]) for row in rows],
        }
    )


def save_dataset(rows: Sequence[Encoded], folder: Path) -> str:
    """Write tokenized rows as a datasets folder that Bergson's commands read as they are."""
    dataset_of(rows).save_to_disk(str(folder))
    return str(folder)


def kwargs_text(options: Mapping[str, object]) -> str:
    """Keyword arguments as Bergson's configurations take them: `a=1,b=True`."""
    return ",".join(f"{name}={value}" for name, value in options.items())
