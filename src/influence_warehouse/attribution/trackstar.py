"""TrackStar (Chang et al., arXiv 2410.17413) through Bergson's Python stages.

Gradients of the completion's loss are randomly projected per module, corrected by the
second moments of documents mixed with those of queries, and normalized to unit length;
a score is their inner product. Bergson does all of that; this file only calls it in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured

from influence_warehouse.attribution.bergson_commands import run_call
from influence_warehouse.attribution.bergson_session import (
    bergson_output_to,
    kwargs_text,
    save_dataset,
)
from influence_warehouse.attribution.nodes import Rendezvous, rendezvous_of
from influence_warehouse.attribution.stored_gradients import score_stored_gradients
from influence_warehouse.errors import HealthError, StudyError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.folders import made_once
from influence_warehouse.lake.leftovers import scratch_folder
from influence_warehouse.models.loading import (
    Encoded,
    ModelSource,
    context_length,
    loading_options,
    local_folder,
    model_source,
)
from influence_warehouse.study import methods
from influence_warehouse.study.study import Attribution, Compute, Model, Study

if TYPE_CHECKING:
    from bergson.config.config import (
        DistributedConfig,
        IndexConfig,
        PreprocessConfig,
        ScoreConfig,
    )

PRECISIONS = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
_DOCUMENT_HESSIAN, _QUERY_HESSIAN, _MIXED_HESSIAN = "documents", "queries", "mixed"
_INDEX = "index"


@dataclass(frozen=True)
class TrackStar:
    """The method with its study's settings; `log` takes what Bergson prints.

    `seed` draws the random projections.
    """

    model: Model
    source: ModelSource
    settings: methods.TrackStar
    attribution: Attribution
    compute: Compute
    log: Path
    seed: int
    rendezvous: Rendezvous | None = None

    def fit_preconditioner(
        self, documents: Sequence[Encoded], queries: Sequence[Encoded], folder: Path
    ) -> None:
        """Second moments of the documents' gradients, mixed with the queries' if there are any.

        The mixing coefficient is chosen by Bergson (section A.1.3 of the paper) so that
        about `downweight_components` components are downweighted.
        """
        with (
            made_once(folder) as scratch,
            bergson_output_to(self.log, "gradients for the preconditioner"),
        ):
            from bergson.process_grads import mix_autocorrelation_matrices

            self._fit_hessian(documents, scratch / _DOCUMENT_HESSIAN)
            if queries:
                self._fit_hessian(queries, scratch / _QUERY_HESSIAN)
                mix_autocorrelation_matrices(
                    query_path=scratch / _QUERY_HESSIAN,
                    index_path=scratch / _DOCUMENT_HESSIAN,
                    output_path=scratch / _MIXED_HESSIAN,
                    target_downweight_components=self.settings.preconditioner.downweight_components,
                )

    def index_queries(self, queries: Sequence[Encoded], folder: Path) -> None:
        """Projected gradients of the queries; correction and norm are applied at scoring."""
        self._index(queries, folder)

    def store_gradients(self, documents: Sequence[Encoded], folder: Path) -> None:
        """Projected gradients of the documents, raw as those of the queries."""
        self._index(documents, folder)

    def _index(self, rows: Sequence[Encoded], folder: Path) -> None:
        with made_once(folder) as scratch, bergson_output_to(self.log, "gradients"):
            from bergson.cli.commands import Build
            from bergson.config.config import PreprocessConfig

            config = self._index_config(scratch / _INDEX, rows, scratch)
            # Raw gradients: what Bergson normalizes while building, it does not normalize
            # again after the correction at scoring.
            run_call(Build(config, PreprocessConfig()), self.rendezvous)

    def score(
        self, documents: Sequence[Encoded], preconditioner: Path, query_index: Path
    ) -> np.ndarray:
        """Float32 [documents, queries]: inner products of corrected unit gradients."""
        with scratch_folder(query_index.parent) as folder, bergson_output_to(self.log, "scores"):
            scratch = Path(folder)
            from bergson.cli.commands import Score
            from bergson.data import load_scores

            config = self._index_config(scratch / "scores", documents, scratch)
            score_config, preprocess = self._score_config(preconditioner, query_index)
            run_call(Score(score_config, config, preprocess), self.rendezvous)
            scores = load_scores(Path(config.run_path))
            if config.distributed.nnode > 1:
                _require_written(scores.mmap, [len(row["input_ids"]) > 1 for row in documents])
            return np.array(scores[:], dtype=np.float32)

    def score_stored(self, gradients: Path, preconditioner: Path, query_index: Path) -> np.ndarray:
        """As `score`, of documents whose gradients are in the folder; no model is loaded."""
        with (
            scratch_folder(query_index.parent) as scratch,
            bergson_output_to(self.log, "scores of stored gradients"),
        ):
            configs = self._score_config(preconditioner, query_index)
            return score_stored_gradients(gradients / _INDEX, *configs, Path(scratch))

    def _fit_hessian(self, rows: Sequence[Encoded], folder: Path) -> None:
        from bergson.cli.commands import Hessian
        from bergson.config.config import HessianConfig

        config = self._index_config(folder, rows, folder.parent)
        run_call(Hessian(HessianConfig(method="autocorrelation"), config), self.rendezvous)

    def _score_config(
        self, preconditioner: Path, query_index: Path
    ) -> tuple["ScoreConfig", "PreprocessConfig"]:
        from bergson.config.config import PreprocessConfig, ScoreConfig

        hessian = str(_hessian(preconditioner))
        return (
            ScoreConfig(query_path=str(query_index / _INDEX), precision="fp32"),
            PreprocessConfig(unit_normalize=True, hessian_path=hessian),
        )

    def _index_config(self, run: Path, rows: Sequence[Encoded], scratch: Path) -> "IndexConfig":
        from bergson.config.config import DataConfig, IndexConfig

        dataset = save_dataset(rows, scratch / f"{run.name}.data")
        distributed = self._distributed(rows)
        options = {"attn_implementation": self.model.attention, **loading_options(self.model)}
        return IndexConfig(
            run_path=str(run),
            model=local_folder(self.source, self.model),
            precision=PRECISIONS[self.model.dtype],
            projection_dim=self.settings.projection_dim,
            projection_seed=self.seed,
            token_batch_size=self.attribution.token_batch_size,
            use_tf32_matmuls=self.attribution.tf32,
            model_kwargs=kwargs_text(options),
            data=DataConfig(dataset=dataset),
            distributed=distributed,
            fsdp=self.compute.fsdp and distributed.world_size > 1,
        )

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


def trackstar_of(study: Study, lake: Lake) -> TrackStar:
    """TrackStar of a study that was narrowed to one model and method, ready to run.

    Raises StudyError when a batch may hold more tokens than the model reads, which Bergson
    would refuse after loading everything, when there are fewer GPUs than processes, which would
    wait for each other for ever, and when several nodes have no place to meet.
    """
    assert isinstance(study.method, methods.TrackStar)
    _require_gpus(study.compute.processes)
    longest = context_length(study, lake.home)
    if study.attribution.token_batch_size > longest:
        raise StudyError(
            f"attribution.token_batch_size: {study.attribution.token_batch_size} is more than the "
            f"{longest} positions of the model {study.model.name}. Remedy: set it to {longest} or "
            "less."
        )
    return TrackStar(
        study.model,
        model_source(study, lake.home),
        study.method,
        study.attribution,
        study.compute,
        lake.home.runs / "bergson.log",
        study.seed,
        rendezvous_of(study, lake.home),
    )


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


def _hessian(preconditioner: Path) -> Path:
    """Of the statistics in a preconditioner's folder those that correct gradients."""
    mixed = preconditioner / _MIXED_HESSIAN
    return mixed if mixed.exists() else preconditioner / _DOCUMENT_HESSIAN
