"""LiSSA (Agarwal et al., arXiv 1602.03943): the queries' gradients times an inverse Gauss-Newton
matrix, estimated by a series of products over batches of documents, one series a query."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.gradient_method import GradientMethod
from influence_warehouse.attribution.gradients import INDEX, Comparison, Projection
from influence_warehouse.attribution.methods import Artefacts, Documents, Preparation
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.errors import HealthError, StudyError
from influence_warehouse.lake.folders import made_once
from influence_warehouse.models.loading import Encoded
from influence_warehouse.study.methods import Lissa

_RAW = "raw"


class Method(GradientMethod):
    """Whole gradients. The queries' side follows from documents, so it is the preparation."""

    @property
    def projection(self) -> Projection:
        """None."""
        return Projection(0)

    @property
    def preparation(self) -> Preparation:
        """Documents, all queries, and the settings of the series."""
        names = tuple(benchmark.name for benchmark in self._study.benchmarks)
        series = self._lissa.model_dump(
            include={"damping", "scale", "depth", "repeats", "batch_documents"}
        )
        return Preparation(self._lissa.fit_documents_per_bin, names, series)

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """The solutions, in the place of the queries' gradients.

        Raises HealthError, naming the setting, when a series did not stay finite.
        """
        gradients, queries = self.gradients(), self._queries(items)
        if gradients.compute.nodes > 1:
            raise StudyError(
                f"attribution.methods.{self._lissa.name}: Bergson's LiSSA runs on one node. "
                "Remedy: set compute.nodes to 1, or leave the method out."
            )
        with made_once(folder) as scratch, bergson_output_to(gradients.log, "LiSSA"):
            gradients.index(queries, scratch / _RAW)
            self._solve(scratch, self._documents(documents), len(queries))
            shutil.rmtree(scratch / _RAW)

    def comparison(self, prepared: Path | None) -> Comparison:
        """Inner products: the inverse is in the solutions."""
        return Comparison()

    def score(
        self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts, write: WriteScores
    ) -> None:
        """Inner products with the solutions, which are of all the study's items."""
        assert artefacts.prepared is not None
        rows = self._documents(documents)
        self.gradients().score(rows, self.comparison(None), artefacts.prepared, write)

    def _solve(self, folder: Path, documents: Sequence[Encoded], n_queries: int) -> None:
        """Fill `folder`/index from `folder`/raw."""
        from bergson.config.config import LissaConfig
        from bergson.data import create_index, load_gradients
        from bergson.distributed import launch_distributed_run
        from bergson.hessians.lissa import lissa_worker

        raw, solved = folder / _RAW / INDEX, folder / INDEX
        sizes = json.loads((raw / "info.json").read_text(encoding="utf-8"))["grad_sizes"]
        create_index(solved, n_queries, sizes, load_gradients(raw).dtype)
        shutil.copy(raw / "processor_config.yaml", solved)
        # Products need derivatives forward, which other kernels of attention lack.
        eager = self._study.model.model_copy(update={"attention": "eager"})
        gradients = replace(self.gradients(), model=eager)
        config = gradients.index_config(folder / "documents", documents, folder)
        series = LissaConfig(
            damping=self._lissa.damping,
            scale=self._lissa.scale,
            depth=self._lissa.depth,
            repeats=self._lissa.repeats,
            batch_size=self._lissa.batch_documents,
            micro_batch_size=self._lissa.batch_documents,
            seed=self._study.seed,
        )
        arguments = [str(raw), str(solved), config, series]
        launch_distributed_run("lissa", lissa_worker, arguments, config.distributed)
        solutions = load_gradients(solved)
        lost = int((~np.isfinite(np.asarray(solutions)).all(axis=1)).sum())
        if lost:
            raise HealthError(
                f"attribution.methods.{self._lissa.name}: the series of {lost} of {n_queries} "
                f"queries grew without end. Remedy: raise scale (now {self._lissa.scale:g}), which "
                "must be over half the largest eigenvalue of the Gauss-Newton matrix."
            )

    @property
    def _lissa(self) -> Lissa:
        assert isinstance(self._study.method, Lissa)
        return self._study.method
