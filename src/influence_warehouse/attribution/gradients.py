"""Gradients of one model through Bergson's Python stages: fits, indices and scores.

Bergson takes per-document gradients of the completion's loss, projects, corrects and compares
them; this file says what it is to do and calls it. One process keeps its model from shard to
shard (`gradient_pass`); several processes or nodes run Bergson's own commands.
Does not belong here: which method fits and compares what (`methods`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured

from influence_warehouse.attribution.bergson_commands import run_call
from influence_warehouse.attribution.bergson_session import (
    bergson_output_to,
    kwargs_text,
    save_dataset,
)
from influence_warehouse.attribution.nodes import Rendezvous, rendezvous_of
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.errors import HealthError, StudyError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.leftovers import scratch_folder
from influence_warehouse.models.loading import (
    Encoded,
    ModelSource,
    context_length,
    loading_options,
    local_folder,
    model_source,
)
from influence_warehouse.study.study import Attribution, Compute, Model, Study

if TYPE_CHECKING:
    from bergson.config.config import (
        DataConfig,
        DistributedConfig,
        HessianConfig,
        IndexConfig,
        PreprocessConfig,
        ScoreConfig,
    )

PRECISIONS = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
INDEX = "index"
# Labels that are drawn follow from the batches, which no setting of memory may change then.
FIT_TOKENS = 2048
_BLOCK_DOCUMENTS = 1024


@dataclass(frozen=True)
class Projection:
    """Of what the gradient is taken, and how it is made small.

    `dim`: to dim x dim numbers a layer, or, for `global`, to dim numbers in all; 0: whole.
    """

    dim: int
    target: Literal["per_module", "global"] = "per_module"
    loss: Literal["ce", "log_odds"] = "ce"


@dataclass(frozen=True)
class Comparison:
    """How a document's gradient is compared with a query's.

    `hessian` is a folder of second moments or of Kronecker factors. With `unit_normalize` both
    sides take its inverse root and have unit length; else the queries take its inverse.
    `damping` is added to its eigenvalues, as a share of their mean.
    """

    hessian: Path | None = None
    unit_normalize: bool = False
    is_corrected: bool = False
    damping: float = 0.1


@dataclass(frozen=True)
class Gradients:
    """The gradients of a study's model; `log` takes what Bergson prints.

    `seed` draws random projections and labels; `positions` are those that the model reads.
    """

    model: Model
    source: ModelSource
    projection: Projection
    attribution: Attribution
    compute: Compute
    home: Home
    seed: int
    positions: int
    # Where nodes meet says nothing of what is computed, so it does not tell kept models apart.
    rendezvous: Rendezvous | None = field(default=None, compare=False)

    @property
    def log(self) -> Path:
        return self.home.runs / "bergson.log"

    def fit_moments(self, rows: Sequence[Encoded], folder: Path) -> None:
        """Second moments of the projected gradients; `folder` is made."""
        from bergson.config.config import HessianConfig

        self._fit(HessianConfig(method="autocorrelation", use_dataset_labels=True), rows, folder)

    def fit_factors(
        self, rows: Sequence[Encoded], folder: Path, is_corrected: bool, draws_labels: bool
    ) -> None:
        """Kronecker factors of the Fisher matrix, in their eigenbasis; `folder` is made.

        `is_corrected`: with the eigenvalues that a second pass finds. `draws_labels`: from the
        model, by the seed; else the documents' own, which is the empirical Fisher matrix.
        """
        from bergson.config.config import HessianConfig

        config = HessianConfig(
            method="kfac", ev_correction=is_corrected, use_dataset_labels=not draws_labels
        )
        with drawing_by(self.seed):
            self._fit(config, rows, folder, FIT_TOKENS if draws_labels else None)

    def index(self, rows: Sequence[Encoded], folder: Path) -> None:
        """Gradients of the rows in `folder`/index, raw: corrections and norms come later."""
        from bergson.cli.commands import Build
        from bergson.config.config import PreprocessConfig

        config = self.index_config(folder / INDEX, rows, folder)
        run_call(Build(config, PreprocessConfig()), self.rendezvous)

    def score(
        self, rows: Sequence[Encoded], comparison: Comparison, index: Path, write: WriteScores
    ) -> None:
        """Give `write` the scores of all rows against the queries of `index`."""
        from influence_warehouse.attribution.gradient_pass import kept_pass

        distributed = self._distributed(rows)
        with scratch_folder(self.home.work) as folder, bergson_output_to(self.log, "scores"):
            if distributed.world_size > 1:
                self._score_together(rows, (comparison, index), Path(folder), write)
            else:
                kept_pass(self, comparison, index).score(rows, Path(folder), write)

    def store(self, rows: Sequence[Encoded], folder: Path) -> None:
        """Gradients of the rows, as `index`, by the model that is kept if it may be."""
        from influence_warehouse.attribution.gradient_pass import kept_model

        if self._distributed(rows).world_size > 1:
            self.index(rows, folder)
        else:
            kept_model(self).store(rows, folder)

    def index_config(
        self, run: Path, rows: Sequence[Encoded], scratch: Path, tokens: int | None = None
    ) -> "IndexConfig":
        """Bergson's settings for the rows, which are written beside; a command reads no batch
        of more tokens than the model has positions."""
        wanted = tokens or self.attribution.batch_tokens
        longest = max((len(row["input_ids"]) for row in rows), default=0)
        return replace(
            self.pass_config(run),
            data=_data_config(save_dataset(rows, scratch / f"{run.name}.data")),
            token_batch_size=min(max(wanted, longest), self.positions),
            distributed=(distributed := self._distributed(rows)),
            fsdp=self.compute.fsdp and distributed.world_size > 1,
        )

    def pass_config(self, run: Path) -> "IndexConfig":
        """Bergson's settings for the model and its gradients, of one process."""
        from bergson.config.config import DistributedConfig, IndexConfig

        options = {"attn_implementation": self.model.attention, **loading_options(self.model)}
        return IndexConfig(
            run_path=str(run),
            model=local_folder(self.source, self.model),
            precision=PRECISIONS[self.model.dtype],
            projection_dim=self.projection.dim,
            projection_target=self.projection.target,
            projection_seed=self.seed,
            loss_fn=self.projection.loss,
            token_batch_size=self.attribution.batch_tokens,
            use_tf32_matmuls=self.attribution.tf32,
            model_kwargs=kwargs_text(options),
            distributed=DistributedConfig(nnode=1, nproc_per_node=1, node_rank=0),
        )

    def _fit(
        self,
        config: "HessianConfig",
        rows: Sequence[Encoded],
        folder: Path,
        tokens: int | None = None,
    ) -> None:
        from bergson.cli.commands import Hessian

        index = self.index_config(folder, rows, folder.parent, tokens)
        run_call(Hessian(config, index), self.rendezvous)

    def _score_together(
        self,
        rows: Sequence[Encoded],
        queries: tuple[Comparison, Path],
        scratch: Path,
        write: WriteScores,
    ) -> None:
        """By Bergson's command, whose processes share one file of scores."""
        from bergson.cli.commands import Score
        from bergson.data import load_scores

        config = self.index_config(scratch / "scores", rows, scratch)
        scoring, preprocessing = score_configs(*queries)
        run_call(Score(scoring, config, preprocessing), self.rendezvous)
        scores = load_scores(Path(config.run_path))
        if config.distributed.nnode > 1:
            _require_written(scores.mmap, [len(row["input_ids"]) > 1 for row in rows])
        table = np.array(scores[:], dtype=np.float32)
        for start in range(0, len(rows), _BLOCK_DOCUMENTS):
            block = table[start : start + _BLOCK_DOCUMENTS]
            write(range(start, start + len(block)), block)

    def _distributed(self, rows: Sequence[Encoded]) -> "DistributedConfig":
        """The study's processes; for fewer rows than these, as many of the first node alone.

        One process neither spawns nor opens a port. The rank is given, else Bergson takes it
        from variables of Slurm, which count a worker's node among those of other workers.
        """
        from bergson.config.config import DistributedConfig

        nodes, processes = self.compute.nodes, self.compute.processes
        # Bergson leaves shorter ones out and needs one for each process.
        trained_on = sum(len(row["input_ids"]) > 1 for row in rows)
        if trained_on < nodes * processes:
            nodes, processes = 1, max(1, min(trained_on, processes))
        return DistributedConfig(nnode=nodes, nproc_per_node=processes, node_rank=0)


@contextmanager
def drawing_by(seed: int) -> Iterator[None]:
    """Let torch draw by a seed, and afterwards go on as if nothing had been drawn."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def score_configs(comparison: Comparison, index: Path) -> tuple["ScoreConfig", "PreprocessConfig"]:
    """Bergson's settings for a comparison with the queries in `index`."""
    from bergson.config.config import InversionConfig, PreprocessConfig, ScoreConfig

    return (
        ScoreConfig(query_path=str(index / INDEX), precision="fp32"),
        PreprocessConfig(
            unit_normalize=comparison.unit_normalize,
            hessian_path=None if comparison.hessian is None else str(comparison.hessian),
            ev_correction=comparison.is_corrected,
            inversion_cfg=InversionConfig(damping_factor=comparison.damping),
        ),
    )


def gradients_of(study: Study, lake: Lake, projection: Projection) -> Gradients:
    """Gradients of a study that was narrowed to one model, ready to be taken.

    Raises StudyError when there are fewer GPUs than processes, which would wait for each other
    for ever, and when several nodes have no place to meet.
    """
    _require_gpus(study.compute.processes)
    return Gradients(
        study.model,
        model_source(study, lake.home),
        projection,
        study.attribution,
        study.compute,
        lake.home,
        study.seed,
        context_length(study, lake.home),
        rendezvous_of(study, lake.home),
    )


def _data_config(dataset: str) -> "DataConfig":
    from bergson.config.config import DataConfig

    return DataConfig(dataset=dataset)


def _require_gpus(processes: int) -> None:
    import torch

    gpus = torch.cuda.device_count()
    if 0 < gpus < processes:
        raise StudyError(
            f"compute.processes: {processes} processes, but this machine has {gpus} GPU(s), and "
            f"each process needs one. Remedy: set it to {gpus} or less, or hide the GPUs "
            "(CUDA_VISIBLE_DEVICES='') to work on the processor."
        )


def _require_written(stored: np.ndarray, expected: Sequence[bool]) -> None:
    """Raise HealthError when scores that one node wrote are not in the file that all share.

    `stored` is Bergson's structured array, for each query a score and whether it was written.
    """
    names = [name for name in stored.dtype.names or () if name.startswith("written_")]
    written = structured_to_unstructured(stored[names]).all(axis=1)
    lost = int((np.asarray(expected) & ~written).sum())
    if lost:
        raise HealthError(
            f"scores of {lost} documents, written by another node, are not in the file that the "
            "nodes share: its file system does not keep memory maps of several machines alike. "
            "Remedy: put the warehouse on a parallel file system (Lustre, GPFS), not on NFS."
        )
