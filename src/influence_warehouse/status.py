"""What of a study is done: each fact current, stale, missing or waiting for another.

Reads footers and inputs only; makes nothing. Does not belong here: running (Dagster).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from influence_warehouse.contracts import CONTRACTS
from influence_warehouse.errors import InfluenceError
from influence_warehouse.facts import Lake
from influence_warehouse.layout import Home
from influence_warehouse.records import record_path
from influence_warehouse.steps import Step, steps
from influence_warehouse.study import Study


@dataclass(frozen=True)
class State:
    """One fact, or one shard of it: `current`, `stale`, `missing` or `waiting`."""

    stage: str
    fact: str
    shard: int | None
    state: str
    reason: str = ""


def states(study: Study, home: Home) -> Iterator[State]:
    """The state of every fact in the order in which they are made."""
    lake = Lake(home)
    unready: set[str] = set()
    for step in steps(study):
        for shard in range(study.sampling.shards) if step.is_sharded else [None]:
            blockers = sorted(unready.intersection(step.needs))
            for fact in step.facts:
                state = (
                    State(step.stage, fact, shard, "waiting", f"for {', '.join(blockers)}")
                    if blockers
                    else _state(step, fact, shard, study, lake)
                )
                if state.state != "current":
                    unready.add(fact)
                yield state


def status_lines(study: Study, home: Home) -> Iterator[str]:
    """Text for people: a line per fact, shards counted together, and a last line of totals."""
    counts: dict[str, int] = {}
    grouped: dict[tuple[str, str], list[State]] = {}
    for state in states(study, home):
        counts[state.state] = counts.get(state.state, 0) + 1
        grouped.setdefault((state.stage, state.fact), []).append(state)
    for (stage, fact), found in grouped.items():
        kinds = sorted({state.state for state in found})
        summary = ", ".join(
            f"{sum(state.state == kind for state in found)} {kind}" if len(found) > 1 else kind
            for kind in kinds
        )
        reason = next((f" ({state.reason})" for state in found if state.reason), "")
        yield f"{stage:<12} {fact:<24} {summary}{reason}"
    yield "published    influence.duckdb         " + (
        str(home.database) if home.database.exists() else "missing"
    )
    yield ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def _state(step: Step, fact: str, shard: int | None, study: Study, lake: Lake) -> State:
    shard_argument = [] if shard is None else [shard]
    try:
        expected = step.expected(study, lake, *shard_argument)
    except InfluenceError as error:
        return State(step.stage, fact, shard, "missing", str(error).splitlines()[0])
    if fact not in CONTRACTS:
        made = record_path(lake.home, fact, None).exists()
        return State(step.stage, fact, shard, "current" if made else "missing")
    try:
        found = lake.fingerprint(fact, shard)
    except InfluenceError as error:
        return State(step.stage, fact, shard, "stale", str(error).splitlines()[0])
    if found is None:
        return State(step.stage, fact, shard, "missing")
    # Facts of one step share their parts, whatever their names.
    differences = found.differences(expected)
    if differences:
        return State(step.stage, fact, shard, "stale", "; ".join(differences)[:200])
    return State(step.stage, fact, shard, "current")
