"""One pass of gradients over documents, in this process, with what is set up once kept.

Bergson's `collect_gradients` with our batches, and a `Scorer` whose writer hands each batch's
scores on as one block: no file of documents x queries, no copy for each query. The model and its
projections stay from shard to shard, and so do the queries with their correction.
Does not belong here: what is compared how (`gradients`), sums of scores (`rollup`).
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from influence_warehouse.attribution.bergson_session import dataset_of
from influence_warehouse.attribution.compiled import compile_small_parts, require_same_scores
from influence_warehouse.attribution.gradients import (
    INDEX,
    Comparison,
    Gradients,
    score_configs,
)
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.lake.leftovers import scratch_folder
from influence_warehouse.models.loading import Encoded, device

if TYPE_CHECKING:
    from bergson.score.scorer import Scorer

_BLOCK_BYTES = 64 << 20
_USUAL_TOKENS, _MOST_TOKENS = 2048, 1 << 18
# What is left is for scores, and for blocks that the allocator cannot use.
_MEMORY_SHARE = 0.8
_CHECKED_ROWS = 8


class KeptModel:
    """A model on its device with the random projections of its layers."""

    def __init__(self, gradients: Gradients) -> None:
        from bergson.utils.worker_utils import processor_for, setup_model_and_peft

        self._gradients = gradients
        config = gradients.pass_config(gradients.home.work / "pass")
        self._model, self._targets = setup_model_and_peft(config)
        self._processor = processor_for(config)
        self.is_compiled = gradients.compute.compile and device() == "cuda"
        if self.is_compiled:
            print(f"compiled {compile_small_parts(self._model)} norms and rotary embeddings")

    def score(
        self, rows: Sequence[Encoded], scorer: "Scorer", scratch: Path, tokens: int | None = None
    ) -> list[int]:
        """Feed the scorer with every row's gradient; the rows that have none are returned."""
        return self._collect(rows, scratch / "scores", scorer, tokens)

    def store(self, rows: Sequence[Encoded], folder: Path) -> None:
        """Raw gradients of the rows in `folder`/index, as Bergson's `build` leaves them."""
        self._collect(rows, folder / INDEX, None)
        config = self._gradients.pass_config(folder / INDEX)
        config.partial_run_path.rename(folder / INDEX)

    @property
    def tracked_parameters(self) -> int:
        """How many numbers a whole gradient has: weights of linear and convolution layers."""
        from bergson.collector.collector import HookCollectorBase

        found = HookCollectorBase.discover_targets(self._model.base_model, self._targets)
        return sum(shape.numel() for _, shape, _ in found.values())

    def label_probabilities(self, rows: Sequence[Encoded]) -> np.ndarray:
        """Of each row the mean probability that the model gives its labelled tokens, float32."""
        import torch
        from bergson.data import allocate_batches, pad_and_tensor

        found = np.zeros(len(rows), dtype=np.float32)
        lengths = [len(row["input_ids"]) for row in rows]
        tokens = max(self._gradients.attribution.batch_tokens, *lengths)
        place = self._model.device
        for batch in allocate_batches(lengths, tokens):
            ids = [rows[row]["input_ids"] for row in batch]
            labels = [rows[row]["labels"] for row in batch]
            x, y, _, _ = pad_and_tensor(ids, labels=labels, device=place, sync_max_len=False)
            with torch.no_grad():
                logits = self._model(input_ids=x).logits[:, :-1].float()
            targets = y[:, 1:]
            likely = logits.log_softmax(-1).gather(-1, targets.clamp_min(0)[..., None])[..., 0]
            counted = (targets != -100).float()
            mean = (likely.exp() * counted).sum(1) / counted.sum(1).clamp_min(1)
            found[batch] = mean.cpu().numpy()
        return found

    def _collect(
        self,
        rows: Sequence[Encoded],
        run: Path,
        scorer: "Scorer | None",
        tokens: int | None = None,
    ) -> list[int]:
        from bergson.collection import collect_gradients
        from bergson.data import allocate_batches

        config = self._gradients.pass_config(run)
        config.partial_run_path.mkdir(parents=True)
        data = dataset_of(rows)
        lengths = data["length"][:]
        # Of one token there is nothing to predict, so Bergson leaves these rows out.
        empty = [row for row, length in enumerate(lengths) if length < 2]
        if len(empty) == len(rows):
            return empty
        tokens = max(tokens or self._gradients.attribution.batch_tokens, *lengths)
        collect_gradients(
            self._model,
            data,
            self._processor,
            config,
            batches=allocate_batches(lengths, tokens),
            target_modules=self._targets,
            scorer=scorer,
        )
        return empty


class KeptPass:
    """A kept model with the corrected gradients of all queries of an index."""

    def __init__(self, gradients: Gradients, comparison: Comparison, index: Path) -> None:
        self._model = kept_model(gradients)
        self._scorer = query_scorer(comparison, index, gradients.home.work)
        self._gradients = gradients
        self._tokens: int | None = None
        self._is_checked = False

    def score(self, rows: Sequence[Encoded], scratch: Path, write: WriteScores) -> None:
        """Give `write` each batch's scores as one block, then the zeros of rows without loss."""
        writer = _block_writer(write)
        if self._model.is_compiled and not self._is_checked:
            self.check_compiled(rows, scratch)
        tokens = self._batch_tokens(rows, scratch)
        self._scorer.writer = writer
        empty = self._model.score(rows, self._scorer, scratch, tokens)
        if empty:
            n_queries = next(iter(self._scorer.query_grads_t.values())).shape[1]
            write(empty, np.zeros((len(empty), n_queries), dtype=np.float32))

    def check_compiled(self, rows: Sequence[Encoded], scratch: Path) -> None:
        """Score some rows with and without compiled parts. Raises HealthError unless alike."""
        import torch

        rows = [row for row in rows if len(row["input_ids"]) > 1][:_CHECKED_ROWS]
        if not rows:
            return
        found: list[torch.Tensor] = []
        self._scorer.writer = _block_writer(lambda _, scores: found.append(torch.as_tensor(scores)))
        for stance in ("default", "force_eager"):
            with torch.compiler.set_stance(stance):
                batches = len(found)
                self._model.score(rows, self._scorer, scratch / stance)
        require_same_scores(torch.cat(found[:batches]), torch.cat(found[batches:]))
        self._is_checked = True

    def _batch_tokens(self, rows: Sequence[Encoded], scratch: Path) -> int | None:
        """On a GPU as many as fit, found once a process by trying full batches of the longest
        row, unless the study says how many."""
        import torch

        if self._tokens is None and self._gradients.attribution.token_batch_size is None:
            longest = max(rows, key=lambda row: len(row["input_ids"]))
            if device() == "cuda" and len(longest["input_ids"]) > 1:
                limit = _MEMORY_SHARE * torch.cuda.get_device_properties(0).total_memory
                self._scorer.writer = _block_writer(lambda *_: None)

                def fits(tokens: int) -> bool:
                    return self._peak_bytes(longest, tokens, scratch / f"{tokens}") <= limit

                self._tokens = largest_that_fits(fits, len(longest["input_ids"]))
                print(f"batches of {self._tokens} tokens")  # to Bergson's log
        return self._tokens

    def _peak_bytes(self, row: Encoded, tokens: int, scratch: Path) -> float:
        """Of memory on the GPU, with one batch of so many tokens; infinite where it ran out."""
        import torch

        torch.cuda.reset_peak_memory_stats()
        try:
            batch = [row] * max(1, tokens // len(row["input_ids"]))
            self._model.score(batch, self._scorer, scratch, tokens)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            return float("inf")
        return float(torch.cuda.max_memory_allocated())


def largest_that_fits(fits: Callable[[int], bool], least: int) -> int:
    """Tokens of a batch: the largest doubling of the usual size that fits, up to _MOST_TOKENS.

    `fits` tries a size. Where the usual one does not fit, halves of it are tried down to
    `least`, one row, which is returned untried: its own error says that memory is too small.
    """
    tokens = _USUAL_TOKENS
    if fits(tokens):
        while tokens < _MOST_TOKENS and fits(2 * tokens):
            tokens *= 2
        return tokens
    while tokens > least:
        tokens = max(least, tokens // 2)
        if tokens == least or fits(tokens):
            break
    return tokens


@lru_cache(maxsize=1)
def kept_model(gradients: Gradients) -> KeptModel:
    """The model of these gradients, which stays until another is asked for."""
    return KeptModel(gradients)


@lru_cache(maxsize=1)
def kept_pass(gradients: Gradients, comparison: Comparison, index: Path) -> KeptPass:
    """Model and queries, which stay until others are asked for; folders never change."""
    return KeptPass(gradients, comparison, index)


def let_go() -> None:
    """Free what is kept: the next step has other use for the memory."""
    kept_pass.cache_clear()
    kept_model.cache_clear()


def query_scorer(comparison: Comparison, index: Path, work: Path) -> "Scorer":
    """Bergson's scorer against the queries of an index, which its caller gives a writer."""
    import torch
    from bergson.score.score import create_scorer
    from bergson.utils.utils import get_device

    placeholder: Any = range(1)  # the file that Bergson's own writer makes, which is not used
    with scratch_folder(work) as folder:
        return create_scorer(
            Path(folder),
            placeholder,
            *score_configs(comparison, index),
            device=torch.device(get_device(0)),
            dtype=torch.float32,
        )


def score_stored(stored: Path, scorer: "Scorer", write: WriteScores) -> None:
    """As a pass, of documents whose raw gradients are in the folder; no model is loaded."""
    from bergson.data import column_offsets, load_gradients
    from bergson.utils.utils import numpy_to_tensor

    gradients = load_gradients(stored / INDEX)
    sizes = json.loads((stored / INDEX / "info.json").read_text(encoding="utf-8"))["grad_sizes"]
    columns = column_offsets(sizes)
    scorer.writer = _block_writer(write)
    rows = max(1, _BLOCK_BYTES // (gradients.shape[1] * gradients.itemsize))
    for start in range(0, len(gradients), rows):
        block = numpy_to_tensor(np.array(gradients[start : start + rows]))
        modules = {name: block[:, low:high] for name, (low, high) in columns.items()}
        scorer(list(range(start, start + len(block))), modules)


def _block_writer(write: WriteScores) -> Any:
    from bergson.score.score_writer import ScoreWriter

    class BlockWriter(ScoreWriter):
        """Hands on what one batch scored, on the device where it was scored."""

        def __call__(self, indices: list[int], scores: Any, query_offset: int = 0) -> None:
            write(indices, scores)

        def flush(self) -> None:
            """Nothing waits."""

    return BlockWriter()
