"""The size of batches: the largest doubling that fits in memory."""

import pytest

from influence_warehouse.attribution.gradient_pass import largest_that_fits


@pytest.mark.parametrize(
    ("memory", "longest", "expected"),
    [
        (2048, 100, 2048),
        (4095, 100, 2048),
        (50_000, 100, 32_768),
        (10**9, 100, 1 << 18),
        (2047, 100, 1024),
        (300, 100, 256),
        (90, 100, 100),
        (50, 4096, 2048),
    ],
)
def test_the_largest_doubling_that_fits(memory, longest, expected):
    tried = []

    def fits(tokens: int) -> bool:
        tried.append(tokens)
        return tokens <= memory

    assert largest_that_fits(fits, longest) == expected
    assert len(tried) == len(set(tried)), "no size is tried twice"
