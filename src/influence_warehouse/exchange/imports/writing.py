"""One fact of an import: written, or kept where it was made from the same.

Belongs here: what all imports share in writing. Does not belong here: what they write.
"""

from collections.abc import Sequence

import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Outcome, Part
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.records import Timer, drop_records, write_record
from influence_warehouse.pipeline.parts import model_of
from influence_warehouse.pipeline.steps import attributed_facts


def write_fact(
    lake: Lake, fingerprint: Fingerprint, frame: pl.DataFrame, cells: Sequence[Part]
) -> Outcome:
    """Write a fact, one in parts as those of these models and methods; where it has rows, its
    record. Parts of other methods, from an earlier import, go."""
    fact = fingerprint.fact
    if not CONTRACTS[fact].in_parts:
        return _written(lake, fingerprint, frame, None)
    keys = part_keys(fact, cells)
    lake.drop_parts(fact, keys)
    made = [_written(lake, fingerprint, _rows_of(frame, key), key) for key in keys]
    rows = sum(outcome.rows for outcome in made)
    return Outcome(fact, rows, all(outcome.reused for outcome in made))


def part_keys(fact: str, cells: Sequence[Part]) -> list[Part]:
    """The parts of an import's fact: its sample is one shard."""
    kind = attributed_facts()[fact]
    if kind == "shards":
        return [f"{cell}|00000" for cell in cells]
    if kind == "cells":
        return list(cells)
    return sorted({model_of(cell) for cell in cells})


def drop_earlier_import(lake: Lake, outcomes: Sequence[Outcome]) -> None:
    """Delete the facts that an import of the same name told once and this one does not tell."""
    told = {outcome.fact for outcome in outcomes}
    for fact in CONTRACTS:
        if fact not in told:
            lake.drop(fact)
            drop_records(lake.home, fact)


def _rows_of(frame: pl.DataFrame, key: Part) -> pl.DataFrame:
    names = zip(("model", "method"), key.split("|"), strict=False)
    return frame.filter(*(pl.col(column) == name for column, name in names))


def _written(
    lake: Lake, fingerprint: Fingerprint, frame: pl.DataFrame, part: Part | None
) -> Outcome:
    started, fact = Timer(), fingerprint.fact
    if lake.is_current(fingerprint, part):
        outcome = lake.reused(fingerprint, part)
    else:
        lake.write(fact, frame, fingerprint, part)
        outcome = Outcome(fact, frame.height, reused=False)
    if outcome.rows:
        write_record(lake.home, outcome, fingerprint.digest, started, part)
    return outcome
