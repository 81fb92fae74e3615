"""The stages of Bergson's SOURCE in their order, up to the queries' gradients of each segment.

Bergson's own pipeline (`bergson.approx_unrolling`) goes on to score by a file of documents x
queries; here a gradient pass does. All stages read and write one folder, `index.run_path`.
Does not belong here: which checkpoints and documents (`methods.source`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from influence_warehouse.models.encoding import IGNORED
from influence_warehouse.models.loading import Encoded

if TYPE_CHECKING:
    from bergson.config.config import ApproxUnrollingConfig, HessianConfig, IndexConfig

# Where the stages look for the queries' gradients at the last checkpoint.
QUERY = "query"


@dataclass(frozen=True)
class Unrolling:
    """Bergson's settings of one unrolling, by one process."""

    index: "IndexConfig"
    hessian: "HessianConfig"
    training: "ApproxUnrollingConfig"

    def fit(self) -> None:
        """Curvature of each segment: Kronecker factors of its checkpoints together, with
        eigenvalues corrected in their common basis."""
        from bergson.approx_unrolling.precompute_checkpoints import (
            precompute_checkpoint_averaged_lambdas,
            precompute_checkpoint_hessians,
        )
        from bergson.approx_unrolling.segment_aggregation import (
            aggregate_segment_covariances,
            aggregate_segment_lambdas,
        )

        settings = (self.index, self.hessian, self.training)
        segments = self.training.segments
        each = len(self.training.checkpoints) // segments
        place = (self.index.run_path, self.hessian.method, segments, each, self.index.distributed)
        precompute_checkpoint_hessians(*settings)
        aggregate_segment_covariances(*place)
        precompute_checkpoint_averaged_lambdas(*settings)
        aggregate_segment_lambdas(*place)

    def walk(self, divisor: float) -> list[Path]:
        """The queries' gradients of each segment, first to last, from those in QUERY.

        They decay by rate x steps x curvature. The curvature is of a document's loss, a sum over
        its tokens; rates of a training whose loss is a mean over tokens are to be divided by the
        tokens of a document.
        """
        from bergson.approx_unrolling.approx_unrolling_math import (
            compute_lr_times_steps_per_segment,
            walk_query_phase1,
            walk_query_phase2,
        )

        run, method = self.index.run_path, self.hessian.method
        rates = [rate / divisor for rate in compute_lr_times_steps_per_segment(self.training)]
        scaled = (self.index.distributed, self._preconditioners(), self.training.inversion_cfg)
        of_segments = walk_query_phase1(run, method, rates, *scaled)
        return walk_query_phase2(run, method, rates, of_segments, *scaled)

    def _preconditioners(self) -> list[str] | None:
        """Adam's, of each segment; None of plain SGD."""
        from bergson.approx_unrolling.adam_preconditioner import build_segment_preconditioners

        training = self.training
        if not training.use_adam_preconditioner:
            return None
        made = build_segment_preconditioners(
            self.index.run_path, self.hessian.method, training.checkpoints, training.segments
        )
        return [str(path) for path in made]


def tokens_a_document(rows: Sequence[Encoded]) -> float:
    """Tokens that a document's loss is a sum over, on average."""
    return sum(label != IGNORED for row in rows for label in row["labels"][1:]) / len(rows)
