"""Work that is measured in a process of its own: `python -m tests.bench.tasks TASK ARGUMENTS`.

Prints seconds, seconds of the processor and peak memory of the task alone, its imports before.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from influence_warehouse.pipeline.making import make_fact
from tests.scoring_lake import CELL

SCORES = "document_scores/*.parquet"


def duckdb_aggregate(lake: str) -> Callable[[], Any]:
    """The bare scan: count, mean and spread by method, benchmark and bin."""
    import duckdb

    sql = (
        "select method, benchmark, bin_id, count(*), avg(cast(score as double)), "
        f"stddev_samp(cast(score as double)) from read_parquet('{lake}/{SCORES}') group by all"
    )
    return lambda: duckdb.connect(config={"threads": 2}).execute(sql).fetchall()


def pandas_rollup(lake: str) -> Callable[[], Any]:
    """The straightforward way: read the files, group, standardize, roll up to topics."""
    import pandas as pd

    def run() -> Any:
        files = sorted(Path(lake).glob(SCORES))
        scores = pd.concat([pd.read_parquet(file) for file in files])
        bins = scores.groupby(["method", "benchmark", "bin_id"])["score"].agg(
            ["count", "mean", "std"]
        )
        by_benchmark = bins["mean"].groupby(["method", "benchmark"])
        bins["z"] = (bins["mean"] - by_benchmark.transform("mean")) / by_benchmark.transform("std")
        rows = bins.reset_index()
        return rows.groupby(["method", "benchmark", rows["bin_id"] // 24])["z"].mean()

    return run


def marts(lake: str, models: str) -> Callable[[], Any]:
    """Compiled models of dbt, two at a time as dbt's profile says, each after what it reads.

    A row of the file: relation, materialization, SQL, relations it needs.
    """
    import duckdb

    rows = json.loads(Path(models).read_text(encoding="utf-8"))
    statements = {relation: f"create {kind} {relation} as {sql}" for relation, kind, sql, _ in rows}
    file = Path(models).with_name("build.duckdb")
    file.unlink(missing_ok=True)

    def run() -> None:
        settings = {"threads": 2, "memory_limit": "2GB", "preserve_insertion_order": False}
        order = TopologicalSorter({relation: needs for relation, _, _, needs in rows})
        order.prepare()
        with duckdb.connect(str(file), config=settings) as connection:
            for schema in ("staging", "intermediate", "marts"):
                connection.execute(f"create schema {schema}")
            running: dict[Future, str] = {}
            with ThreadPoolExecutor(2) as pool:
                while order.is_active():
                    for relation in order.get_ready():
                        cursor = connection.cursor()
                        running[pool.submit(cursor.execute, statements[relation])] = relation
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        done.result()
                        order.done(running.pop(done))

    return run


def intervals(folder: str) -> Callable[[], Any]:
    """The step that draws the resamples of all bin means and writes the intervals."""
    from influence_warehouse.lake.facts import Lake
    from influence_warehouse.lake.layout import Home
    from tests.bench.worlds import interval_study

    home = Home(Path(folder), "synthetic")
    Lake(home).path("region_inference", CELL).unlink(missing_ok=True)
    return lambda: make_fact(interval_study(), Lake(home), "region_inference", CELL)


def matrix_products(items: str, resamples: str) -> Callable[[], Any]:
    """Numpy's part that no way around has: resampled counts times means of items by bin."""
    import numpy as np

    rng = np.random.default_rng(0)
    # Per benchmark all items, and those answered right and wrong: 2 x items rows in all.
    sizes = [int(items), 2 * int(items) // 3, int(items) // 3]
    parts = [(rng.random((int(resamples), n)), rng.random((n, 576))) for n in sizes]
    return lambda: [counts @ means for _ in range(4) for counts, means in parts]


def sample(documents: str, spill: str) -> Callable[[], Any]:
    """The sampling manifest of a documents file: 10,000 documents a bin, 64 shards."""
    import polars as pl

    from influence_warehouse.sampling.manifest import draw_sample
    from influence_warehouse.taxonomy import bins
    from tests.synthetic import synthetic_study

    study = synthetic_study(planted=False)
    larger = study.sampling.model_copy(update={"documents_per_bin": 10_000, "shards": 64})
    study = study.model_copy(update={"sampling": larger})
    cells = pl.DataFrame(bins()).cast({"bin_id": pl.Int32})
    return lambda: draw_sample(Path(documents), study, Path(spill), cells)


def duplicates(documents: str, spill: str) -> Callable[[], Any]:
    """The rows of a documents file that are copies by id or text."""
    from influence_warehouse.corpus.duplicates import find_duplicates
    from influence_warehouse.lake.out_of_core import spilling

    def run() -> None:
        with spilling(Path(spill)) as connection:
            connection.read_parquet(documents).create_view("candidates")
            find_duplicates(connection)

    return run


def hashes(documents: str) -> Callable[[], Any]:
    """The bare scan of a documents file that any sample or deduplication needs: two hashes."""
    import duckdb

    sql = (
        "select count(*), max(sha256(doc_id)), bit_xor(hash(doc_id)), bit_xor(hash(content_sha256))"
        f" from read_parquet('{documents}')"
    )
    return lambda: duckdb.connect(config={"threads": 2}).execute(sql).fetchall()


def _peak_mb() -> int:
    """Largest resident memory; Linux counts its starter's in a child's ru_maxrss, not in VmHWM."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) >> 10


TASKS = (
    *(duckdb_aggregate, pandas_rollup, marts),
    *(intervals, matrix_products),
    *(sample, duplicates, hashes),
)


def main() -> None:
    """Run the named task once."""
    task = {function.__name__: function for function in TASKS}[sys.argv[1]]
    action = task(*sys.argv[2:])
    start, clock = time.perf_counter(), os.times()
    action()
    seconds, now = time.perf_counter() - start, os.times()
    core_seconds = sum(now[:4]) - sum(clock[:4])
    print(json.dumps({"seconds": seconds, "core_seconds": core_seconds, "peak_mb": _peak_mb()}))


if __name__ == "__main__":
    main()
