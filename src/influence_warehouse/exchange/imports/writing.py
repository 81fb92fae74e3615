"""One fact of an import: written, or kept where it was made from the same.

Belongs here: what all imports share in writing. Does not belong here: what they write.
"""

import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Outcome
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.records import Timer, write_record


def write_fact(lake: Lake, fingerprint: Fingerprint, frame: pl.DataFrame) -> Outcome:
    """Write a fact (of a sharded one the single part 0) and, where it has rows, its record."""
    started, fact = Timer(), fingerprint.fact
    part = 0 if CONTRACTS[fact].sharded else None
    if lake.is_current(fingerprint, part):
        outcome = lake.reused(fingerprint, part)
    else:
        lake.write(fact, frame, fingerprint, part)
        outcome = Outcome(fact, frame.height, reused=False)
    if outcome.rows:
        write_record(lake.home, outcome, fingerprint.digest, started)
    return outcome


def no_rows(fact: str) -> pl.DataFrame:
    """A fact that an import knows nothing of."""
    return pl.DataFrame(schema=CONTRACTS[fact].columns)
