"""Errors, intervals and tests of damage, over forget sets and regions, as tables.

Frames in, frames out. Every table starts from one row a run, evaluated benchmark and measure:
benchmark (the target), condition, region (of global conditions: not read), set_number, seed,
evaluated_benchmark, measure, damage (positive = worse than before). A run that is missing is one
set or seed less.
"""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from influence_warehouse.errors import FactError, HealthError, InputError
from influence_warehouse.unlearning.estimates import (
    ALL,
    CONTROLS,
    Sets,
    beyond_control,
    in_region,
    mean_of,
    minus,
    of_sample,
    over_regions,
    regions_of,
    sets_of,
)
from influence_warehouse.warehouse.estimate import Estimate

# Condition expected to hurt more, and its control.
COMPARISONS: tuple[tuple[str, str], ...] = (
    ("influence_in_topic", "random_in_topic"),
    ("influence_in_topic", "random_global"),
    ("influence_global", "random_global"),
)
# Other benchmarks by how many of domain and capability they share with the target.
FACTOR_EFFECTS: dict[str, tuple[str, ...]] = {
    "A/1": ("one_factor",),
    "A/C": ("crossed",),
    "A/3": ("same_factors", "one_factor", "crossed"),
}
_RUN = ["benchmark", "condition", "region", "set_number", "seed"]
_REAL = pl.Float64()
_ERROR = {"standard_error": _REAL, "degrees_of_freedom": _REAL, "low": _REAL, "high": _REAL}
_BEYOND = ("beyond_random", "beyond_random_low", "beyond_random_high")
_COUNTS = {"n_regions": pl.Int32(), "n_sets": pl.Int32()}
DAMAGE_KEY = ["benchmark", "condition", "region", "evaluated_benchmark", "measure"]
SELECTIVITY_KEY = ["benchmark", "condition", "region", "factor_effect", "measure"]
COMPARISON_KEY = ["benchmark", "region", "measure", "condition_a", "condition_b", "unit"]
_COMPARED = {
    **dict.fromkeys(COMPARISON_KEY, pl.String()),
    "n_regions": pl.Int32(),
    "n_sets_a": pl.Int32(),
    "n_sets_b": pl.Int32(),
    "difference": _REAL,
    **_ERROR,
    "statistic": _REAL,
    "p_value": _REAL,
}
# A row of COMPARISON_KEY without its benchmark and measure, the counts, and the estimate.
Compared = tuple[tuple[str, str, str, str], tuple[int, int, int], Estimate]


def damage_table(runs: pl.DataFrame) -> pl.DataFrame:
    """Damage of each condition on each benchmark, in each region and over regions (`all`)."""
    grouped = checked_runs(runs).rename({"damage": "value"})
    return _estimated(grouped, "evaluated_benchmark", DAMAGE_KEY)


def selectivity_table(runs: pl.DataFrame, relations: Mapping[tuple[str, str], str]) -> pl.DataFrame:
    """Damage on the target minus mean damage on others, run by run, by factor effect.

    `relations[target, evaluated]` is target, same_factors, one_factor or crossed. beyond_random is
    the difference less that of the random sets: a benchmark that anything hurts most is not aimed
    at by that.
    """
    checked = checked_runs(runs)
    pairs = [(*pair, relation) for pair, relation in relations.items()]
    names = ["benchmark", "evaluated_benchmark", "relation"]
    related = checked.join(pl.DataFrame(pairs, schema=names, orient="row"), on=names[:2])
    key = [*_RUN, "measure"]
    target = related.filter(relation="target").select(*key, target="damage")
    parts = []
    for effect, group in FACTOR_EFFECTS.items():
        others = related.filter(pl.col("relation").is_in(group)).group_by(key)
        both = others.agg(pl.col("damage").mean()).join(target, on=key)
        parts.append(
            both.select(
                *key,
                value=pl.col("target") - pl.col("damage"),
                factor_effect=pl.lit(effect),
            )
        )
    return _estimated(pl.concat(parts), "factor_effect", SELECTIVITY_KEY, _BEYOND)


def comparison_table(runs: pl.DataFrame) -> pl.DataFrame:
    """How much more one condition hurts the target than its control, by region and benchmark.

    Rows of `unit` set, for each region, each benchmark (region `all`) and all benchmarks: other
    forget sets of these regions. Rows of `unit` region, of benchmarks and all of them: other
    regions like these; not against random_global, whose sets all regions share. Tests are
    one-sided (condition_a hurts more); null where they cannot be made.
    """
    own = checked_runs(runs).filter(pl.col("benchmark") == pl.col("evaluated_benchmark"))
    rows = []
    for (measure,), of_measure in own.rename({"damage": "value"}).group_by("measure"):
        groups = of_measure.group_by("benchmark", maintain_order=True)
        benchmarks = {str(name): sets_of(group) for (name,), group in groups}
        for name, sets in benchmarks.items():
            for key, counts, estimate in compared(sets):
                rows.append((name, measure, key, counts, estimate))
        for key, counts, estimate in over_benchmarks(
            [list(compared(s)) for s in benchmarks.values()]
        ):
            rows.append((ALL, measure, key, counts, estimate))
    table = [
        (name, region, measure, a, b, unit, *counts, each.value, *_error(each), *each.test)
        for name, measure, (region, a, b, unit), counts, each in rows
    ]
    return pl.DataFrame(table, schema=_COMPARED, orient="row").sort(COMPARISON_KEY)


def compared(sets: Sets) -> Iterator[Compared]:
    """The comparisons of one benchmark's sets, by region, conditions and unit."""
    for a, b in COMPARISONS:
        if b == CONTROLS[a]:
            regions = [name for name in regions_of(sets, a) if (b, name) in sets]
            found = {name: beyond_control(sets, a, name) for name in regions}
        else:
            regions = regions_of(sets, a) if (b, ALL) in sets else []
            control = in_region(sets, b, ALL) if regions else Estimate(0)
            found = {name: minus(in_region(sets, a, name), control) for name in regions}
        controls = {name: len(sets[b, name if (b, name) in sets else ALL]) for name in regions}
        for name in regions:
            if name != ALL:
                yield (name, a, b, "set"), (1, 1, controls[name]), found[name]
        if not regions:
            continue
        if b == CONTROLS[a]:
            counts = (len(regions), len(regions), sum(controls.values()))
            yield (ALL, a, b, "set"), counts, mean_of(list(found.values()))
            if regions != [ALL]:
                values = [estimate.value for estimate in found.values()]
                yield (ALL, a, b, "region"), counts, of_sample(values)
        else:
            counts = (len(regions), len(regions), controls[regions[0]])
            yield (ALL, a, b, "set"), counts, minus(over_regions(sets, a), control)


def over_benchmarks(benchmarks: Sequence[Sequence[Compared]]) -> Iterator[Compared]:
    """The same over all benchmarks: the mean of theirs, or a test over all of their regions."""
    for a, b in COMPARISONS:
        rows = [row for rows in benchmarks for row in rows if row[0][1:3] == (a, b)]
        sets = [row for row in rows if row[0] == (ALL, a, b, "set")]
        if not sets:
            continue
        first, of_a, of_b = (sum(row[1][place] for row in sets) for place in range(3))
        yield (ALL, a, b, "set"), (first, of_a, of_b), mean_of([row[2] for row in sets])
        single = [row[2].value for row in rows if row[0][0] != ALL]
        if b == CONTROLS[a] and single:
            yield (ALL, a, b, "region"), (first, of_a, of_b), of_sample(single)


def _estimated(
    runs: pl.DataFrame, quantity: str, key: list[str], beyond: Sequence[str] = ()
) -> pl.DataFrame:
    """Estimates of `value` in each region and over the regions, for each quantity and measure.

    `beyond` names the columns of what a condition has beyond its control, if any.
    """
    rows = []
    for (benchmark, of, measure), group in runs.group_by("benchmark", quantity, "measure"):
        sets = sets_of(group)
        for condition in {name for name, _ in sets}:
            regions = regions_of(sets, condition)
            places = {name: (1, in_region(sets, condition, name)) for name in regions}
            places[ALL] = (len(regions), over_regions(sets, condition))
            for name, (n_regions, estimate) in places.items():
                members = regions if name == ALL else [name]
                n_sets = sum(len(sets[condition, member]) for member in members)
                row = (benchmark, condition, name, of, measure, n_regions, n_sets)
                more = _beyond(sets, condition, members) if beyond else ()
                rows.append((*row, estimate.value, *_error(estimate), *more))
    schema = {
        **dict.fromkeys(key, pl.String()),
        **_COUNTS,
        "estimate": _REAL,
        **_ERROR,
        **dict.fromkeys(beyond, _REAL),
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort(key)


def _beyond(sets: Sets, condition: str, regions: Sequence[str]) -> tuple[float | None, ...]:
    """What an influence condition has beyond its control, over those regions that have one."""
    control = CONTROLS.get(condition)
    found = [beyond_control(sets, condition, name) for name in regions if (control, name) in sets]
    if not found:
        return None, None, None
    estimate = mean_of(found)
    return (estimate.value, *estimate.interval)


def _error(estimate: Estimate) -> tuple[float | None, ...]:
    return (estimate.standard_error, estimate.degrees_of_freedom, *estimate.interval)


def checked_runs(runs: pl.DataFrame) -> pl.DataFrame:
    """`runs` with region `all` for global conditions, one finite number per run and quantity."""
    region = pl.when(pl.col("condition").str.ends_with("_global")).then(pl.lit(ALL))
    runs = runs.with_columns(region=region.otherwise("region"))
    key = [*_RUN, "evaluated_benchmark", "measure"]
    if ALL in runs["benchmark"]:
        raise InputError(
            f"benchmark {ALL!r}: the name stands for all benchmarks together. "
            "Remedy: rename it under benchmarks in the study."
        )
    twice = runs.filter(pl.struct(key).is_duplicated())
    if len(twice):
        raise FactError(
            f"damage: {twice.select(key).row(0)} ({', '.join(key)}) is there more than once. "
            "Remedy: give one row per run of the plan, evaluated benchmark and measure."
        )
    broken = runs.filter(~pl.col("damage").is_finite().fill_null(False))
    if len(broken):
        raise HealthError(
            f"damage of {broken.select(key).row(0)} ({', '.join(key)}) is "
            f"{broken['damage'][0]}, not a number. Remedy: run that partition again, or leave "
            "its rows out."
        )
    return runs.sort(key)
