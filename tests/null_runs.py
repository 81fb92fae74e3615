"""How often the tests of unlearning call real runs different that differ by chance alone.

Every run forgets a random set: of a region that the demo chose, or of the whole sample. Sets then
play the part of the set ranked first and of its controls, by lot, and the package's own estimates
judge them. All runs have one seed, as those of the demo. After `influence run demo`,

    python -m tests.null_runs [WAREHOUSE]

makes the 84 runs, two at a time (it can be killed and started again: each run is a line of
a file in the study's `work`), and prints what docs/statistics.md says.
"""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.layout import Home
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.load import load_study
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.estimates import (
    Sets,
    beyond_control,
    in_region,
    mean_of,
    regions_of,
)
from influence_warehouse.unlearning.inference import compared, over_benchmarks
from influence_warehouse.unlearning.plan import unlearning_section
from influence_warehouse.unlearning.sets import drawn
from influence_warehouse.warehouse.build import read_built
from influence_warehouse.warehouse.estimate import Estimate

ANYWHERE = Region().name
SETS_OF_A_REGION, SETS_OF_ANYWHERE = 8, 20
SEED = 1
Job = tuple[str, int]  # a region's name and the number of a set drawn from it


@dataclass(frozen=True)
class World:
    """The demo as it was made: its study, its facts, and its regions that were chosen."""

    study: Study
    lake: Lake

    @classmethod
    def at(cls, warehouse: Path) -> "World":
        """Narrowed to the method whose choice is forgotten."""
        study = load_study("demo").narrowed("small_olmo3", "trackstar")
        return cls(study, Lake(Home(warehouse, "demo")))

    def regions(self) -> list[str]:
        """Names of the regions that were chosen for any benchmark, sorted."""
        chosen = read_built(self.lake.home, "chosen_bins").filter(method=self.study.method.name)
        rows = chosen.select("topic", "format").unique().iter_rows()
        return sorted(Region(topic, format).name for topic, format in rows)

    def results(self) -> Path:
        """A line of JSON for each run that is made, in a file named by what runs are made from."""
        made_from = [
            self.lake.require("item_predictions", self.study.model.name).digest,
            self.lake.require("sampling_manifest").digest,
            unlearning_section(self.study).model_dump(mode="json"),
        ]
        return self.lake.home.work / f"null_runs-{digest_of(made_from)[:12]}.jsonl"


def jobs(regions: list[str]) -> Iterator[Job]:
    """Set by set over the regions, so that those of a broken run are of use."""
    for number in range(SETS_OF_ANYWHERE):
        yield ANYWHERE, number
        if number < SETS_OF_A_REGION:
            yield from ((region, number) for region in regions)


def made_runs(world: World) -> pl.DataFrame:
    """region, number, benchmark, measure (margin, accuracy) and damage of the runs so far."""
    answers = world.lake.read("item_predictions", world.study.model.name)
    before = {row.pop("benchmark"): row for row in _means(answers).to_dicts()}
    file = world.results()
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rows = [
        (line["region"], line["number"], benchmark, measure, before[benchmark][measure] - value)
        for line in map(json.loads, lines)
        for benchmark, values in line["benchmarks"].items()
        for measure, value in values.items()
    ]
    schema = ["region", "number", "benchmark", "measure", "damage"]
    return pl.DataFrame(rows, schema=schema, orient="row")


def make_runs(world: World, warehouse: Path) -> None:
    """Make the runs that are missing, two at a time."""
    regions = world.regions()
    existing = set(made_runs(world).select("region", "number").iter_rows())
    missing = [job for job in jobs(regions) if job not in existing]
    total = len(missing) + len(existing)
    world.results().parent.mkdir(parents=True, exist_ok=True)
    with (
        ProcessPoolExecutor(2, get_context("spawn"), _begin, (warehouse, regions)) as pool,
        world.results().open("a", encoding="utf-8") as file,
    ):
        for number, line in enumerate(pool.map(_run, missing), start=len(existing) + 1):
            print(json.dumps(line), file=file, flush=True)
            print(f"{number}/{total} {line['region']} {line['number']}", flush=True)


_WORLD: World
_REGIONS: list[str]


def _begin(warehouse: Path, regions: list[str]) -> None:
    import torch

    global _WORLD, _REGIONS  # of a process that makes runs one after the other
    torch.set_num_threads(1)
    _WORLD, _REGIONS = World.at(warehouse), regions


def _run(job: Job) -> dict[str, object]:
    """Forget one set as the package does, and ask the model all items."""
    from influence_warehouse.benchmarks.scoring import score_items
    from influence_warehouse.corpus.chosen import read_documents
    from influence_warehouse.models.encoding import encode_documents
    from influence_warehouse.models.small import choices_at_once
    from influence_warehouse.unlearning.runs import base_of
    from influence_warehouse.unlearning.training import RunData, train, with_adapter

    study, lake = _WORLD.study, _WORLD.lake
    settings, base = unlearning_section(study), base_of(study, lake)
    members = _members(job)
    texts = read_documents(lake, members["doc_id"], "doc_id", "text", "prompt_chars")
    documents = members.join(texts, on="doc_id", maintain_order="left")
    forget, retain, probe = (
        encode_documents(documents.filter(role=role), base.tokenizer, settings.max_tokens)
        for role in ("forget", "retain", "probe")
    )
    model = with_adapter(base.model, settings.lora, SEED)
    data = RunData(forget, retain, probe, base.tokenizer.pad_token_id or 0)
    with TemporaryDirectory() as folder:
        train(model, data, settings, SEED, Path(folder))
    metrics = {benchmark.name: benchmark.metric for benchmark in study.benchmarks}
    items, inner = lake.read("benchmark_items"), model.get_base_model()
    answers = score_items(inner, base.tokenizer, items, metrics, "run", choices_at_once(inner))
    model.unload()
    values = {row.pop("benchmark"): row for row in _means(answers).to_dicts()}
    return {"region": job[0], "number": job[1], "benchmarks": values}


def _means(answers: pl.DataFrame) -> pl.DataFrame:
    """margin and accuracy of each benchmark."""
    means = answers.group_by("benchmark").agg(
        margin=pl.col("correct_logprob_margin").mean(), accuracy=pl.col("is_correct").mean()
    )
    return means.sort("benchmark")


def _members(job: Job) -> pl.DataFrame:
    """role and doc_id: a random set of the job's region, and retain sets from outside of all."""
    settings = unlearning_section(_WORLD.study)
    columns = ["doc_id", "topic", "format", "bin_id"]
    documents = _WORLD.lake.read("sampling_manifest", columns=columns)
    region, number = job
    inside = documents.filter(Region.parse(region).contains())
    forget = drawn(inside, f"null:{region}:{number}", settings.forget_documents)
    chosen = pl.any_horizontal(Region.parse(name).contains() for name in _REGIONS)
    outside = documents.filter(~chosen, ~pl.col("doc_id").is_in(forget["doc_id"].to_list()))
    kept = drawn(outside, "null:retain", settings.retain_documents + settings.probe_documents)
    roles = [
        ("forget", forget),
        ("retain", kept.head(settings.retain_documents)),
        ("probe", kept.tail(settings.probe_documents)),
    ]
    frames = [frame.select("doc_id").with_columns(role=pl.lit(role)) for role, frame in roles]
    return pl.concat(frames).sort("role", "doc_id")


Values = dict[tuple[str, str], np.ndarray]  # (region, benchmark) -> a value for each set


def rates(runs: pl.DataFrame, measure: str) -> dict[str, tuple[float, float]]:
    """Share of verdicts that call a difference at 5 %, with its error over the sets, by test."""
    of_measure = runs.filter(measure=measure).sort("region", "benchmark", "number")
    groups = of_measure.group_by("region", "benchmark", maintain_order=True)
    values = {(str(r), str(b)): group["damage"].to_numpy() for (r, b), group in groups}
    found: dict[str, tuple[float, float]] = {}
    for name, (draws, n_sets) in {
        "regions": (_draws_of_regions(values), SETS_OF_A_REGION),
        "anywhere": (_draws_of_anywhere(values), SETS_OF_ANYWHERE),
    }.items():
        counts: dict[str, list[np.ndarray]] = {}
        for left_out, called in draws:
            for test, calls in called.items():
                row = np.zeros((n_sets + 1, 2))
                # In the last place every draw counts, in a set's place those that leave it out.
                row[[*left_out, n_sets]] = sum(calls), len(calls)
                counts.setdefault(f"{name}: {test}", []).append(row)
        for test, rows in counts.items():
            share = np.divide(*np.sum(rows, axis=0).T)
            spread = ((share[:-1] - share[:-1].mean()) ** 2).sum()
            found[test] = float(share[-1]), float(np.sqrt((n_sets - 1) / n_sets * spread))
    return found


Called = dict[str, list[bool]]


def _draws_of_regions(values: Values) -> Iterator[tuple[list[int], Called]]:
    """One set of each region plays the one ranked first, five the controls, two are left out.

    Two regions at a time are a benchmark's; which ones, and whose, changes from draw to draw.
    """
    rng = np.random.default_rng(1)
    regions = sorted({region for region, _ in values} - {ANYWHERE})
    benchmarks = sorted({benchmark for _, benchmark in values})
    for first in range(SETS_OF_A_REGION):
        rest = [number for number in range(SETS_OF_A_REGION) if number != first]
        for controls in combinations(rest, 5):
            left_out = sorted({*rest} - {*controls})
            pairs = rng.permutation(regions).reshape(-1, 2)
            found: Called = {}
            pooled = []
            for benchmark, pair in zip(benchmarks, pairs, strict=False):
                rows = []
                for target in (True, False):
                    sets: Sets = {}
                    for region in map(str, pair):
                        line = _damage(values, region, benchmark, target)
                        sets["influence_in_topic", region] = line[[first]]
                        sets["random_in_topic", region] = line[list(controls)]
                    rows.append(sets)
                damage, aimed = rows
                pooled.append(list(compared(damage)))
                _call(found, damage, aimed, values, benchmark)
            for (_, _, _, unit), _, estimate in over_benchmarks(pooled):
                _add(found, f"all benchmarks, random in the region, unit {unit}", estimate)
            yield left_out, found


def _draws_of_anywhere(values: Values) -> Iterator[tuple[list[int], Called]]:
    """Sets of the whole sample play two regions with controls of their own, and random_global."""
    rng = np.random.default_rng(2)
    benchmarks = sorted({benchmark for _, benchmark in values})
    for _ in range(400):
        order = rng.permutation(SETS_OF_ANYWHERE)
        parts = np.split(order, [1, 6, 7, 12, 17])
        found: Called = {}
        for benchmark in benchmarks:
            both = []
            for target in (True, False):
                line = _damage(values, ANYWHERE, benchmark, target)
                both.append(
                    {
                        ("influence_in_topic", "one"): line[parts[0]],
                        ("random_in_topic", "one"): line[parts[1]],
                        ("influence_in_topic", "two"): line[parts[2]],
                        ("random_in_topic", "two"): line[parts[3]],
                        ("random_global", ANYWHERE): line[parts[4]],
                    }
                )
            _call(found, *both, values, benchmark)
        yield [int(number) for number in parts[5]], found


def _damage(values: Values, region: str, benchmark: str, of_target: bool) -> np.ndarray:
    """Of each set, on the benchmark; or what it exceeds the mean of the others by."""
    own = values[region, benchmark]
    if of_target:
        return own
    others = [line for (r, b), line in values.items() if r == region and b != benchmark]
    return own - np.mean(others, axis=0)


def _call(found: Called, damage: Sets, aimed: Sets, values: Values, benchmark: str) -> None:
    """What each part of the verdict says of these sets, region by region and over both."""
    held: dict[str, list[bool]] = {}
    for (region, _, control, unit), _, estimate in compared(damage):
        level = "benchmark" if region == ANYWHERE else "region"
        is_called = _add(found, f"{level}, {control}, unit {unit}", estimate)
        if unit == "set":
            held.setdefault(region, []).append(is_called)
    regions = regions_of(aimed, "influence_in_topic")
    for region, members in {**{name: [name] for name in regions}, ANYWHERE: regions}.items():
        level = "benchmark" if region == ANYWHERE else "region"
        beyond = mean_of([beyond_control(aimed, "influence_in_topic", name) for name in members])
        low = beyond.interval[0]
        is_beyond = low is not None and low > 0
        found.setdefault(f"{level}, selectivity beyond random", []).append(is_beyond)
        own = mean_of([in_region(aimed, "influence_in_topic", name) for name in members])
        # What all sets come to stands for the truth, which need not be 0.
        places = [name if (name, benchmark) in values else ANYWHERE for name in members]
        truth = np.mean([_damage(values, place, benchmark, False).mean() for place in places])
        low = own.interval[0]
        found.setdefault(f"{level}, selectivity above its mean", []).append(
            low is not None and low > truth
        )
        claim = all(held[region]) and is_beyond and low is not None and low > 0
        found.setdefault(f"{level}, whole claim", []).append(claim)


def _add(found: Called, test: str, estimate: Estimate) -> bool:
    p_value = estimate.test[1]
    is_called = p_value is not None and p_value < 0.05
    found.setdefault(test, []).append(is_called)
    return is_called


if __name__ == "__main__":
    # Threads that spin would slow the two processes down; read before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    place = Path(
        sys.argv[1] if sys.argv[1:] else os.environ.get("INFLUENCE_WAREHOUSE", "warehouse")
    )
    world = World.at(place.resolve())
    make_runs(world, place.resolve())
    for measure in ("margin", "accuracy"):
        for test, (rate, error) in rates(made_runs(world), measure).items():
            print(f"{measure}; {test}: {rate:.1%} +- {error:.1%}", flush=True)
