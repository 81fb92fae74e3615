"""What of a study is done: each fact current, stale, missing, failed or waiting for another.

Reads footers and inputs only; makes nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from influence_warehouse.errors import InfluenceError
from influence_warehouse.lake.built_from import facts_changed_since
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import failure_of, recorded_fingerprint
from influence_warehouse.pipeline.identity import fingerprints
from influence_warehouse.pipeline.steps import Step, steps
from influence_warehouse.study.study import Study


@dataclass(frozen=True)
class State:
    """One fact, or one part of it: `current`, `stale`, `missing`, `failed` or `waiting`."""

    stage: str
    fact: str
    part: Part | None
    state: str
    reason: str = ""


def states(study: Study, home: Home) -> Iterator[State]:
    """The state of every fact in the order in which they are made."""
    lake = Lake(home)
    unready: set[str] = set()
    for step in steps(study):
        blockers = sorted(unready.intersection(step.upstream))
        for part in [None] if blockers and step.is_of_runs else step.part_keys(study, lake):
            step_states = (
                [_waiting(step, fact, part, blockers) for fact in step.facts]
                if blockers
                else _step_states(step, part, study, lake)
            )
            unready |= {state.fact for state in step_states if state.state != "current"}
            yield from step_states


def status_lines(study: Study, home: Home) -> Iterator[str]:
    """Text for people: a line per fact, its parts counted together, and a last line of totals."""
    counts: Counter[str] = Counter()
    grouped: dict[tuple[str, str], list[State]] = {}
    for state in states(study, home):
        counts[state.state] += 1
        grouped.setdefault((state.stage, state.fact), []).append(state)
    for (stage, fact), fact_states in grouped.items():
        kinds = Counter(state.state for state in fact_states)
        summary = ", ".join(
            f"{count} {kind}" if len(fact_states) > 1 else kind
            for kind, count in sorted(kinds.items())
        )
        yield f"{stage:<12} {fact:<24} {summary}{_reason(fact, fact_states, Lake(home))}"
    if home.facts_url:
        yield f"facts        {home.facts_url}"
    yield f"published    influence.duckdb         {_published(home)}"
    yield ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def _published(home: Home) -> str:
    if not home.database.exists():
        return "missing"
    changed = facts_changed_since(home)
    state = f"stale ({changed[0]} and {len(changed) - 1} more made since)" if changed else "current"
    return f"{state}, {home.database}"


def _reason(fact: str, fact_states: list[State], lake: Lake) -> str:
    """Why runs stopped, and the first reason of what is not current."""
    done = [state.part for state in fact_states if state.state == "current"]
    stops: Counter[str] = Counter()
    if fact == "unlearning_runs":
        stops.update(lake.read(fact, part)["stop_reason"].item() for part in done)
    reasons = [f"{count} {stop}" for stop, count in sorted(stops.items())]
    # A failure says more than a missing file.
    ordered = sorted(fact_states, key=lambda state: state.state != "failed")
    reasons += [state.reason for state in ordered if state.reason][:1]
    return f" ({'; '.join(reasons)})" if reasons else ""


def _waiting(step: Step, fact: str, part: Part | None, blockers: list[str]) -> State:
    return State(step.stage, fact, part, "waiting", f"for {', '.join(blockers)}")


def _step_states(step: Step, part: Part | None, study: Study, lake: Lake) -> list[State]:
    try:
        expected = fingerprints(step, study, lake, part)
    except InfluenceError as error:
        reason = str(error).splitlines()[0]
        return [State(step.stage, fact, part, "missing", reason) for fact in step.facts]
    return [
        (_state if fact in CONTRACTS else folder_state)(step, part, expected[fact], lake)
        for fact in step.facts
    ]


def folder_state(step: Step, part: Part | None, expected: Fingerprint, lake: Lake) -> State:
    """Of a folder, by what its record says that it was made from."""
    fact = expected.fact
    recorded = recorded_fingerprint(lake.home, fact, part)
    if recorded is None:
        return State(step.stage, fact, part, "missing")
    if recorded != expected.digest:
        return State(step.stage, fact, part, "stale", "made from something else")
    if fact == step.facts[0] and not step.has_folder(lake, expected):
        return State(step.stage, fact, part, "missing", "its folder is gone")
    return State(step.stage, fact, part, "current")


def _state(step: Step, part: Part | None, expected: Fingerprint, lake: Lake) -> State:
    fact = expected.fact
    try:
        existing = lake.fingerprint(fact, part)
    except InfluenceError as error:
        return State(step.stage, fact, part, "stale", str(error).splitlines()[0])
    differences = existing.differences(expected) if existing else ["missing"]
    if not differences:
        return State(step.stage, fact, part, "current")
    failure = failure_of(lake.home, part) if step.is_of_runs and part else None
    if failure is not None:
        return State(step.stage, fact, part, "failed", f"{part}: {failure}"[:200])
    if existing is None:
        return State(step.stage, fact, part, "missing")
    return State(step.stage, fact, part, "stale", "; ".join(differences)[:200])
