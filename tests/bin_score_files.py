"""Made CSV files of bin scores, as others publish them."""

import csv
from pathlib import Path

import numpy as np

from influence_warehouse.taxonomy import TITLES, bins

HEADER = ("topic_label", "format_label", "mean_score", "zscore", "doc_count")


def made_means(seed: int, left_out: frozenset[int] = frozenset()) -> dict[int, float]:
    """Mean score of each bin but those left out."""
    random = np.random.default_rng(seed)
    values = random.normal(1e-5, 2e-5, 576)
    return {cell: float(values[cell]) for cell in range(576) if cell not in left_out}


def made_rows(means: dict[int, float], titles: bool = False) -> list[list[str]]:
    """Lines of a file whose z are those of its means; 10 + bin_id documents a bin."""
    values = np.array(list(means.values()))
    z = (values - values.mean()) / values.std(ddof=1)
    cells = bins()
    rows = []
    for cell, mean, score in zip(means, values, z, strict=True):
        labels = (cells[cell].topic, cells[cell].format)
        if titles:
            labels = tuple(TITLES[label] for label in labels)
        rows.append([*labels, repr(float(mean)), repr(float(score)), str(10 + cell)])
    return rows


def write_csv(path: Path, rows: list[list[str]], header: tuple[str, ...] = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path
