"""The resamples behind every interval. See docs/performance.md."""

import os

from tests.bench.side_by_side import own_process, side_by_side
from tests.bench.worlds import RESAMPLES, interval_lake

ITEMS = int(os.environ.get("BENCH_ITEMS", 3000))


def test_resamples(benchmark, tmp_path):
    interval_lake(tmp_path, ITEMS)
    alternatives = {
        "numpy's matrix products": own_process("matrix_products", ITEMS, RESAMPLES),
        "make_inference, read to written": own_process("intervals", tmp_path),
    }
    claim = f"Intervals: 576 bins x 4 benchmarks x {RESAMPLES:,} resamples of {ITEMS:,} items"
    side_by_side(benchmark, claim, alternatives, rounds=2)
