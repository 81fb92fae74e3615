"""SOURCE (Bae et al., arXiv 2405.12186): how a document's steps of the recorded training moved what
a query asks, unrolled segment by segment. Each segment has one curvature, an average over its
checkpoints, and the query's gradient is carried back from the last to the first."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.gradient_method import GradientMethod
from influence_warehouse.attribution.gradients import (
    FIT_TOKENS,
    INDEX,
    Comparison,
    Gradients,
    Projection,
    drawing_by,
)
from influence_warehouse.attribution.methods import Artefacts, Documents, Preparation
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.attribution.unrolling import QUERY, Unrolling, tokens_a_document
from influence_warehouse.errors import HealthError, StudyError
from influence_warehouse.lake.folders import made_once
from influence_warehouse.models.loading import Encoded, ModelSource, local_folder
from influence_warehouse.models.training_states import (
    RATES,
    checkpoints_digest,
    require_checkpoints,
    require_same_weights,
)
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.study.methods import Source
from influence_warehouse.study.study import Compute

if TYPE_CHECKING:
    from torch import Tensor

_RUN = "run"
_BLOCK_BYTES = 256 << 20
_ROWS_CHECKED = 64


class Method(GradientMethod):
    """Whole gradients at every checkpoint. The queries' side of each segment follows from
    documents, so it is the preparation."""

    @property
    def projection(self) -> Projection:
        """None: curvature is of layers, not of projections."""
        return Projection(0)

    @property
    def settings(self) -> Mapping[str, object]:
        """The recorded training, and how it is divided."""
        return {"checkpoints": self._training, "segments": self._source.segments}

    @property
    def preparation(self) -> Preparation:
        """Documents, all queries, and how curvature is fitted and inverted."""
        names = tuple(benchmark.name for benchmark in self._study.benchmarks)
        fit = {"damping", "draw_labels", "use_adam_preconditioner", "training_loss"}
        settings = self._source.model_dump(include=fit)
        return Preparation(self._source.fit_documents_per_bin, names, settings)

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """The queries' gradients of each segment, by one process: `folder`/segment-<n>/index.

        Raises InputError for checkpoints that are incomplete or not of the study's model,
        StudyError where segments do not divide them, HealthError for gradients that are lost.
        """
        gradients, checkpoints = replace(self.gradients(), compute=Compute()), self._checkpoints()
        last = self._at(gradients, checkpoints[-1])
        require_same_weights(checkpoints[-1], Path(local_folder(gradients.source, gradients.model)))
        rows, queries = self._documents(documents), self._queries(items)
        with (
            made_once(folder) as scratch,
            bergson_output_to(gradients.log, "SOURCE"),
            drawing_by(self._study.seed),
        ):
            run = scratch / _RUN
            unrolling = self._unrolling(run, gradients, rows, checkpoints)
            unrolling.fit()
            last.index(queries, run)
            (run / INDEX).rename(run / QUERY)
            is_mean = self._source.training_loss == "mean"
            solved = unrolling.walk(tokens_a_document(rows) if is_mean else 1.0)
            self._require_sound(solved)
            for number, path in enumerate(solved):
                _segment(scratch, number).mkdir()
                path.rename(_segment(scratch, number) / INDEX)
            shutil.rmtree(run)

    def comparison(self, prepared: Path | None) -> Comparison:
        """Inner products: curvature is in the segments' gradients."""
        return Comparison()

    def score(
        self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts, write: WriteScores
    ) -> None:
        """Sum over segments of the mean over their checkpoints of inner products.

        The roll-up takes each document once, complete. So checkpoints are read one after another
        for a block of documents, which is the whole shard unless its scores are many: a model is
        loaded for each checkpoint and block, and memory holds one model and one block.
        """
        assert artefacts.prepared is not None
        rows = self._documents(documents)
        size = max(1, _BLOCK_BYTES // (np.dtype(np.float32).itemsize * len(items)))
        for start in range(0, len(rows), size):
            block = rows[start : start + size]
            scores = self._scores(block, artefacts.prepared, len(items))
            write(range(start, start + len(block)), scores)

    def _scores(self, rows: Sequence[Encoded], prepared: Path, n_queries: int) -> np.ndarray:
        """Of all rows, float32 [rows, queries]."""
        import torch

        gradients, checkpoints = self.gradients(), self._checkpoints()
        each = len(checkpoints) // self._source.segments
        total = np.zeros((len(rows), n_queries), dtype=np.float32)

        def add(where: Sequence[int], scores: "np.ndarray | Tensor") -> None:
            total[np.asarray(where)] += torch.as_tensor(scores).cpu().numpy() / np.float32(each)

        for place, checkpoint in enumerate(checkpoints):
            index = _segment(prepared, place // each)
            self._at(gradients, checkpoint).score(rows, self.comparison(None), index, add)
        return total

    def _unrolling(
        self, run: Path, gradients: Gradients, rows: Sequence[Encoded], checkpoints: Sequence[Path]
    ) -> Unrolling:
        from bergson.config.config import ApproxUnrollingConfig, HessianConfig, InversionConfig

        source = self._source
        tokens = FIT_TOKENS if source.draw_labels else None
        training = ApproxUnrollingConfig(
            checkpoints=[str(checkpoint) for checkpoint in checkpoints],
            segments=source.segments,
            use_adam_preconditioner=source.use_adam_preconditioner,
            inversion_cfg=InversionConfig(damping_factor=source.damping),
        )
        return Unrolling(
            gradients.index_config(run, rows, run.parent, tokens),
            HessianConfig("kfac", ev_correction=True, use_dataset_labels=not source.draw_labels),
            training,
        )

    def _checkpoints(self) -> list[Path]:
        """First to last. Raises InputError, and StudyError where segments do not divide them."""
        found = require_checkpoints(self._folder, self._source.use_adam_preconditioner)
        if len(found) % self._source.segments:
            raise StudyError(
                f"attribution.methods.{self._source.name}.segments: {self._source.segments} do not "
                f"divide the {len(found)} checkpoints in {self._folder}. Remedy: a number that "
                "does."
            )
        return found

    @property
    def _folder(self) -> Path:
        given = self._source.checkpoints
        return self._lake.home.checkpoints if given is None else given.path

    @property
    def _training(self) -> str:
        """What identifies the recorded training, with the states that are kept of it."""
        if self._source.checkpoints is None:
            return fingerprint_of(self._study, self._lake, "training_checkpoints").digest
        return checkpoints_digest(self._folder)

    def _at(self, gradients: Gradients, checkpoint: Path) -> Gradients:
        """Those of the model as it was at a checkpoint."""
        digest = f"{self._training}/{checkpoint.name}"
        return replace(gradients, source=ModelSource(str(checkpoint), None, digest))

    def _require_sound(self, solved: Sequence[Path]) -> None:
        """Raise HealthError for segments' gradients that are not finite, or zero in all segments:
        of a training whose rates are 0."""
        from bergson.data import load_gradients

        largest = [_largest(load_gradients(path)) for path in solved]
        field = f"attribution.methods.{self._source.name}"
        lost = [place for place, size in enumerate(largest, start=1) if not np.isfinite(size)]
        if lost:
            raise HealthError(
                f"{field}: the queries' gradients of segment {lost[0]} of {len(solved)} are not "
                "finite. Remedy: check weights and optimizer states of its checkpoints for NaN, "
                "and raise damping."
            )
        if not any(largest):
            raise HealthError(
                f"{field}: the queries' gradients of all segments are zero, as of a training that "
                f"changes nothing. Remedy: check the learning rates in {self._folder / RATES}."
            )

    @property
    def _source(self) -> Source:
        assert isinstance(self._study.method, Source)
        return self._study.method


def _segment(prepared: Path, number: int) -> Path:
    return prepared / f"segment-{number}"


def _largest(gradients: np.ndarray) -> float:
    """Absolute value; NaN where there is one. `gradients` are on disk."""
    blocks = range(0, len(gradients), _ROWS_CHECKED)
    return float(np.max([np.abs(gradients[at : at + _ROWS_CHECKED]).max() for at in blocks]))
