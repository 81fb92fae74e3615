"""The narrow interface that an attribution method fills in.

A method turns encoded documents and queries into a score matrix; everything around it
(shards, roll-ups, facts, fingerprints) is common to all methods. TrackStar is the first;
EK-FAC, SOURCE, MAGIC, BM25 or random baselines take the same calls.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from influence_warehouse.models.loading import Encoded


class AttributionMethod(Protocol):
    """Scores documents against queries; folders are complete or absent, never partial."""

    name: str

    def fit_preconditioner(
        self, documents: Sequence[Encoded], queries: Sequence[Encoded], folder: Path
    ) -> None:
        """Fit whatever the method corrects gradients with, into `folder`."""

    def index_queries(self, queries: Sequence[Encoded], folder: Path) -> None:
        """Store the queries' side of the score, row i for query i, into `folder`."""

    def score(
        self, documents: Sequence[Encoded], preconditioner: Path, query_index: Path
    ) -> np.ndarray:
        """Float32 scores [documents, queries]; positive means supportive."""

    def store_gradients(self, documents: Sequence[Encoded], folder: Path) -> None:
        """Store the documents' side of the score, row i for document i, into `folder`."""

    def score_stored(self, gradients: Path, preconditioner: Path, query_index: Path) -> np.ndarray:
        """What `score` gives for the documents stored in `gradients`, up to rounding."""
