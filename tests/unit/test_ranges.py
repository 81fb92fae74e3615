"""A value that a column's declaration excludes is never written; all else is."""

import polars as pl
import pytest

from influence_warehouse.errors import FactError
from influence_warehouse.lake.contracts import CONTRACTS, RUN_RECORDS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home

_HALVES = {
    "model": "base",
    "method": "trackstar",
    "benchmark": "one",
    "item_subset": "all",
    "split_over": "items",
    "level": "bin",
    "split": 0,
    "pearson": 0.5,
}
_HEALTH = {
    "model": "base",
    "method": "trackstar",
    "benchmark": "one",
    "shard": 0,
    "n_documents": 2,
    "n_zero": 0,
    "n_not_finite": 0,
    "mean": 0.0,
    "standard_deviation": 1.0,
    "dtype": None,
    "attention": None,
}


def _write(tmp_path, fact: str, row: dict, part: str) -> pl.DataFrame:
    lake = Lake(Home(tmp_path, "study"))
    lake.write(fact, pl.DataFrame([row]), Fingerprint.of(fact), part)
    return lake.read(fact, part)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"level": "page"}, r"level holds 'page', declared `bin` or `topic` or `format`"),
        ({"split": -1}, "split holds -1, declared 0 or more"),
        ({"model": None}, "model holds None, declared never null"),
        ({"level": "page", "split": -1}, "level holds .*; split holds"),
    ],
)
def test_a_value_outside_is_refused_by_name(tmp_path, changed, told):
    with pytest.raises(FactError, match=f"split_half_correlations: .*{told}"):
        _write(tmp_path, "split_half_correlations", _HALVES | changed, "base|trackstar")


def test_what_may_be_null_and_what_is_no_number_is_written(tmp_path):
    row = _HALVES | {"pearson": None}
    assert _write(tmp_path, "split_half_correlations", row, "base|trackstar").height
    broken = _HEALTH | {"mean": float("nan"), "standard_deviation": float("nan")}
    assert _write(tmp_path, "attribution_health", broken, "base|trackstar").height


@pytest.mark.parametrize("fact", [*CONTRACTS, "run_records"])
def test_declarations_are_whole(fact):
    contract = CONTRACTS.get(fact, RUN_RECORDS)
    names = [column.name for column in contract.declared]
    assert len(set(names)) == len(names)
    assert set(contract.key) <= set(names)
    assert "One row per " in contract.description
    for column in contract.declared:
        assert column.meaning.endswith("."), column.name
        assert column.dtype.is_numeric() or (column.low is None and column.high is None)
        assert not column.values or column.dtype == pl.String()
