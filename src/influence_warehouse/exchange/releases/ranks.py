"""How the ranks of regions differ between two studies, per benchmark.

Ranks are by z over the items of all answers, 1 = strongest, ties in the order of names; Spearman's
correlation is over the regions that both have, with mean ranks for ties. Does not belong here:
values (`diff`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import polars as pl

from influence_warehouse.exchange.releases.notes import Table

TOP = 10
_REGIONS = {"bin": "topic || ' x ' || format", "topic": "topic", "format": "format"}


@dataclass(frozen=True)
class RankChange:
    """Ranks of one benchmark's regions on both sides.

    `movers`: region, rank in A, rank in B, the largest changes first. `enters` and `leaves` are
    regions in B's and not in A's first ten, and the reverse. `spearman` is null for fewer than two
    shared regions, or where a side's z are all equal.
    """

    level: str
    model: str
    method: str
    benchmark: str
    n_regions: int
    spearman: float | None
    movers: tuple[tuple[str, int, int], ...]
    enters: tuple[str, ...]
    leaves: tuple[str, ...]


def rank_changes(
    connection: duckdb.DuckDBPyConnection,
    a: Mapping[str, Table],
    b: Mapping[str, Table],
    movers: int,
) -> tuple[RankChange, ...]:
    """Changes of the benchmarks that both sides have, for the marts of both that have ranks."""
    found = []
    for level, region in _REGIONS.items():
        mart = f"{level}_influence"
        needed = {"method", "benchmark", "z", *({"topic", "format"} & set(region.split()))}
        if not all(mart in side and needed <= _names(side[mart]) for side in (a, b)):
            continue
        # An earlier version's release has one model, and no column for it.
        model = "model" if all("model" in _names(side[mart]) for side in (a, b)) else "''"
        ranked = [
            _ranked(connection, f"{name}.{mart}", side[mart], region, model)
            for name, side in (("a", a), ("b", b))
        ]
        for key, rows in ranked[0].items():
            if key in ranked[1]:
                found.append(_change(level, key, rows, ranked[1][key], movers))
    return tuple(found)


def _names(table: Table) -> set[str]:
    return {column.name for column in table.columns}


def _ranked(
    connection: duckdb.DuckDBPyConnection, relation: str, table: Table, region: str, model: str
) -> dict[tuple[str, str, str], pl.DataFrame]:
    """Per model, method and benchmark: region, z and rank, strongest first."""
    rows = connection.sql(
        f"select {model} as model, method, benchmark, {region} as region, z from {relation} "
        f"where z is not null order by model, method, benchmark, z desc, region"
    ).pl()
    groups = rows.group_by(["model", "method", "benchmark"], maintain_order=True)
    return {
        (str(model), str(method), str(benchmark)): group.select("region", "z").with_row_index(
            "rank", 1
        )
        for (model, method, benchmark), group in groups
    }


def _change(
    level: str, key: tuple[str, str, str], a: pl.DataFrame, b: pl.DataFrame, movers: int
) -> RankChange:
    both = a.join(b, on="region", suffix="_b").with_columns(
        change=(pl.col("rank").cast(pl.Int64) - pl.col("rank_b").cast(pl.Int64)).abs()
    )
    moved = both.filter(pl.col("change") > 0).sort(["change", "rank"], descending=[True, False])
    firsts = [frame["region"].head(TOP).to_list() for frame in (a, b)]
    spearman = both.select(pl.corr("z", "z_b", method="spearman")).item()
    return RankChange(
        level,
        *key,
        n_regions=both.height,
        spearman=None if spearman is None or spearman != spearman else spearman,
        movers=tuple(moved.select("region", "rank", "rank_b").head(movers).rows()),
        enters=tuple(region for region in firsts[1] if region not in firsts[0]),
        leaves=tuple(region for region in firsts[0] if region not in firsts[1]),
    )
