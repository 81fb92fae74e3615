"""Sampling and deduplication of many documents, out of core. See docs/performance.md."""

import os

import pytest

from tests.bench.side_by_side import own_process, side_by_side
from tests.bench.worlds import candidates_file

ROWS = int(os.environ.get("BENCH_CORPUS_ROWS", 50_000_000))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return candidates_file(tmp_path_factory.mktemp("corpus") / "documents.parquet", ROWS)


def test_sample_and_duplicates(benchmark, corpus, tmp_path):
    alternatives = {
        "two hashes of every row": own_process("hashes", corpus),
        "sampling manifest": own_process("sample", corpus, tmp_path),
        "deduplication": own_process("duplicates", corpus, tmp_path),
    }
    claim = f"Corpus of {ROWS:,} documents"
    side_by_side(benchmark, claim, alternatives, rounds=1, peak_mb=4096)
