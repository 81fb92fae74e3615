"""Where each number of a report is from: the facts behind a mart, with what made them.

Belongs here: dbt's graph, fingerprints of facts and their run records, as data for pages.
Does not belong here: dbt's own page (`warehouse.docs`) and any markup.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.layout import Home

_SOURCE = "source.influence.lake."
_RECORDS = "run_records"  # read by dbt beside the facts, and no fact itself


@dataclass(frozen=True)
class Maker:
    """One run record: when a part of a fact was made, how long it took, by which software."""

    started_at: str
    seconds: float
    software: Mapping[str, str]


@dataclass(frozen=True)
class Made:
    """A fact as it is on disk.

    `digest` is the fingerprint's, or the digest over all parts'; `parts` the number of its files,
    `settings` the fingerprint of the first, `makers` what the run records say of all.
    """

    fact: str
    description: str
    digest: str
    parts: int
    settings: Mapping[str, Any]
    makers: list[Maker] = field(default_factory=list)

    @property
    def last_made(self) -> str | None:
        """When the making of its last part began, or None where nothing was noted."""
        last = max((maker.started_at for maker in self.makers), default=None)
        return None if last is None else f"{last[:19].replace('T', ' ')} UTC"

    @property
    def seconds(self) -> float:
        return sum(maker.seconds for maker in self.makers)

    @property
    def software(self) -> list[str]:
        """Versions that took part, `bergson 2.5.1`, each once."""
        return sorted(
            {f"{name} {text}" for maker in self.makers for name, text in maker.software.items()}
        )


def facts_of_marts(manifest: Path, marts: Iterable[str]) -> dict[str, list[str]]:
    """The facts that each mart rests on, at any depth, alphabetically, by dbt's graph."""
    parents = json.loads(manifest.read_text(encoding="utf-8"))["parent_map"]
    return {mart: _facts_above(f"model.influence.{mart}", parents) for mart in marts}


def _facts_above(node: str, parents: Mapping[str, list[str]]) -> list[str]:
    found, seen, left = set(), set(), [node]
    while left:
        here = left.pop()
        if here in seen:
            continue
        seen.add(here)
        if here.startswith(_SOURCE):
            found.add(here.removeprefix(_SOURCE))
        left += parents.get(here, [])
    return sorted(found - {_RECORDS})


def made_facts(home: Home, facts: Iterable[str]) -> dict[str, Made]:
    """What made each fact that is in the home's lake; facts that are not there are left out."""
    lake, makers = Lake(home), _makers(home)
    found = {}
    for fact in facts:
        made = _made(lake, fact, makers.get(fact, []))
        if made is not None:
            found[fact] = made
    return found


def _made(lake: Lake, fact: str, makers: list[Maker]) -> Made | None:
    contract = CONTRACTS[fact]
    if contract.in_parts:
        parts = [lake.require(fact, part) for part in lake.parts(fact)]
    else:
        single = lake.fingerprint(fact)
        parts = [] if single is None else [single]
    if not parts:
        return None
    digests = [part.digest for part in parts]
    digest = digests[0] if len(digests) == 1 else digest_of(digests)
    return Made(fact, contract.description, digest, len(parts), parts[0].parts, makers)


def _makers(home: Home) -> dict[str, list[Maker]]:
    found: dict[str, list[Maker]] = {}
    for path in sorted((home.runs / "records").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        maker = Maker(record["started_at"], record["seconds"], record["software"])
        found.setdefault(record["fact"], []).append(maker)
    return found
