"""What concentration pure noise gives: documents dealt anew to the bins, as one fact.

Bins differ by chance even where labels mean nothing, and most where they hold few documents, so a
Gini of 0.7 may be nothing. Belongs here: the noise that the mart `influence_concentration` shows
beside each figure. Does not belong here: concentration of the study's own values, which is SQL in
the dbt project; docs/statistics.md has the formulae of both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy.special import entr

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.pipeline.parts import shards_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.resamples import random_stream

FACT = "concentration_noise"
# Quantiles of 200 draws are the 5th from either end; a figure over hundreds of bins varies little.
DRAWS = 200
_LARGEST = (10, 50, 100)


def identity_of_concentration_noise(study: Study, lake: Lake, cell: Part) -> dict[str, Any]:
    """What is drawn: for which benchmarks, how often, by which seed."""
    names = [benchmark.name for benchmark in study.benchmarks]
    return {"benchmarks": names, "draws": DRAWS, "seed": study.seed}


def make_concentration_noise(task: Task) -> list[Made]:
    """Deal one method's documents anew DRAWS times: how concentrated their bins are.

    Holds one benchmark's document scores in memory, and an amount per draw and bin.
    """
    model, method = task.key.split("|")
    proponents = task.lake.read("proponents", task.key).filter(pl.col("rank") > 0)
    rows = []
    for name in (benchmark.name for benchmark in task.study.benchmarks):
        documents = _documents(task, proponents, name)
        if not documents.is_empty():
            rng = random_stream(task.study.seed, "noise of concentration", name)
            key = {"model": model, "method": method, "benchmark": name}
            rows += [key | row for row in noise_rows(dealt_amounts(documents, rng))]
    schema = CONTRACTS[FACT].columns
    return [Made(FACT, pl.DataFrame(rows, schema=schema), {"draws": DRAWS})]


def dealt_amounts(documents: pl.DataFrame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Amounts [DRAWS, bins] of each measure, the documents dealt anew to the bins.

    `documents` has the columns bin_id, score and n_tops; every bin keeps its number of documents.
    """
    _, bins, counts = np.unique(documents["bin_id"], return_inverse=True, return_counts=True)
    scores, tops = documents["score"].to_numpy(), documents["n_tops"].to_numpy()
    means, shares = np.empty((2, DRAWS, len(counts)))
    for draw in range(DRAWS):
        rng.shuffle(bins)
        means[draw] = np.bincount(bins, scores, len(counts)) / counts
        shares[draw] = np.bincount(bins, tops, len(counts))
    amounts = {"mean": means, "z": _standardized(means)}
    # Without scores of single items nothing is among their strongest.
    return amounts | ({"top_share": shares} if tops.any() else {})


def noise_of_counts(documents: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Amounts [DRAWS, bins] of `z` where only the number of documents in each bin is known.

    A bin mean is then normal with a variance of 1 / documents: what dealing many documents comes
    to. Noise of means needs the documents' own spread, and is not known.
    """
    means = rng.standard_normal((DRAWS, len(documents))) / np.sqrt(documents)
    return {"z": _standardized(means)}


def noise_rows(amounts: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Columns of the fact for each measure: mean and central 95 % of each figure over the draws.

    Draws without a positive bin have no figures; where all are such, the row says no more.
    """
    rows = []
    for measure, drawn in amounts.items():
        row: dict[str, Any] = {"measure": measure}
        known = drawn[(drawn > 0).any(axis=1)]
        for name, values in concentration(known).items() if len(known) else ():
            low, high = np.quantile(values, [0.025, 0.975])
            row[f"{name}_of_noise"] = float(values.mean())
            row[f"{name}_of_noise_low"] = float(low)
            row[f"{name}_of_noise_high"] = float(high)
        rows.append(row)
    return rows


def concentration(amounts: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of amounts [draws, bins], each [draws]; what is negative counts as 0.

    Every draw needs a positive amount. The formulae of the mart `influence_concentration`.
    """
    share = np.sort(np.maximum(amounts, 0), axis=1)[:, ::-1]
    share = share / share.sum(axis=1, keepdims=True)
    n_bins = share.shape[1]
    gini = share @ (n_bins - 1 - 2 * np.arange(n_bins)) / n_bins
    # Rounding must not leave the range from 0 to 1.
    return {
        "gini": np.maximum(gini, 0),
        "effective_bins": np.exp(entr(share).sum(axis=1)),
        **{f"top_{n}_share": np.minimum(share[:, :n].sum(axis=1), 1) for n in _LARGEST},
    }


def _documents(task: Task, proponents: pl.DataFrame, benchmark: str) -> pl.DataFrame:
    """bin_id, score and n_tops of each document, in an order that shards do not change.

    n_tops counts the items that have it among their strongest, as top_share does.
    """
    columns = ["benchmark", "doc_id", "bin_id", "score"]
    shards = [
        task.lake.read("document_scores", part, columns=columns).filter(benchmark=benchmark)
        for part in shards_of(task.study, task.key)
    ]
    tops = proponents.filter(benchmark=benchmark).group_by("doc_id").agg(n_tops=pl.len())
    return (
        pl.concat(shards)
        .sort("doc_id")
        .join(tops, on="doc_id", how="left", maintain_order="left")
        .select("bin_id", pl.col("score").cast(pl.Float64), pl.col("n_tops").fill_null(0))
    )


def _standardized(means: np.ndarray) -> np.ndarray:
    """z of bin means [draws, bins]; NaN where a draw has no spread."""
    centred = means - means.mean(axis=1, keepdims=True)
    spread = means.std(axis=1, ddof=1, keepdims=True) if means.shape[1] > 1 else np.zeros(1)
    return centred / np.where(spread > 0, spread, np.nan)
