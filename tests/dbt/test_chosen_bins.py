"""marts.chosen_bins under each rule, rebuilt alone over the marts that exist."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.study import Study
from influence_warehouse.study.unlearning import CONDITIONS
from influence_warehouse.unlearning.plan import plan_runs
from influence_warehouse.warehouse.build import dbt_environment, read_built
from tests.synthetic import BENCHMARKS, CELL, METHOD

REASONING, STEM = "social_reasoning", "stem_reasoning"
LEVELS = {"topics": "topic", "formats": "format", "bins": "bin"}
FIGURES = ["influence_rank", "n_documents", "support", "benchmark_support", "support_t"]
FIGURES += ["support_q_value", "z"]
PLACE = ["benchmark", "topic", "format"]
pytestmark = pytest.mark.slow
Choose = Callable[..., tuple[Study, subprocess.CompletedProcess[str]]]


@pytest.fixture(scope="module")
def home(world, tmp_path_factory) -> Home:
    """A copy of the built study, in which only the choice is built again."""
    root = tmp_path_factory.mktemp("chosen")
    shutil.copytree(world.home.path, root / world.home.study)
    return Home(root, world.home.study)


@pytest.fixture(scope="module")
def choose(world, home) -> Choose:
    """Build the choice of a rule; the study that has the rule, and how dbt ended."""

    def build(benchmarks: list[str] | None = None, **regions: object):
        section = {"regions": regions, "benchmarks": benchmarks}
        study = Study.model_validate(world.study.model_dump(mode="json") | {"unlearning": section})
        make_fact(study, Lake(home), "region_rules")
        command = ["build", "--select", "chosen_bins"]
        finished = subprocess.run(
            [sys.executable, "-m", "dbt.cli.main", *command],
            env=os.environ | dbt_environment(home, study),
            capture_output=True,
            text=True,
            check=False,
        )
        return study, finished

    return build


@pytest.fixture(scope="module")
def chosen(home, choose) -> Callable[..., tuple[Study, pl.DataFrame]]:
    """Study and rows of the choice that a rule makes."""

    def build(**rule: object) -> tuple[Study, pl.DataFrame]:
        study, finished = choose(**rule)
        assert finished.returncode == 0, finished.stdout[-2000:]
        return study, read_built(home, "chosen_bins")

    return build


@pytest.fixture(scope="module")
def ranked(query) -> pl.DataFrame:
    """All regions of all kinds, ranked by support over its error within benchmark and kind."""
    missing = {
        "topic": pl.lit(None, pl.String).alias("format"),
        "format": pl.lit(None, pl.String).alias("topic"),
    }
    frames = []
    for level in LEVELS.values():
        frame = query(f"from {level}_influence")
        frame = frame.with_columns(missing[level]) if level in missing else frame
        frame = frame.select(*PLACE, *FIGURES[1:], region_kind=pl.lit(level))
        order = frame.sort(
            "benchmark", "support_t", "topic", "format",
            descending=[False, True, False, False], nulls_last=True,
        )  # fmt: skip
        frames.append(
            order.with_columns(
                influence_rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("benchmark"),
                n_regions=pl.col("support_t").count().over("benchmark"),
            )
        )
    return pl.concat(frames)


def _by_place(frame: pl.DataFrame) -> dict[tuple, dict]:
    rows = {tuple(row[name] for name in PLACE): row for row in frame.iter_rows(named=True)}
    assert len(rows) == frame.height, "each region once"
    return rows


def _assert_rows(found: pl.DataFrame, expected: pl.DataFrame) -> dict[tuple, dict]:
    """The same regions with the figures of their marts; the found rows by place."""
    rows, wanted = _by_place(found), _by_place(expected)
    assert set(rows) == set(wanted)
    for place, row in rows.items():
        names = [*FIGURES, "region_kind"]
        assert [row[name] for name in names] == [wanted[place][name] for name in names], place
        assert (row["study"], row["method"]) == ("synthetic", METHOD)
    return rows


def _keys(rows: dict[tuple, dict]) -> set[str]:
    """Partition keys that follow from chosen regions."""
    names = {(benchmark, Region(*region).name) for benchmark, *region in rows}
    return {
        f"{CELL}|ngdiff|{benchmark}|{condition}|"
        f"{'all' if condition.endswith('global') else name}|{number}|1"
        for benchmark, name in names
        for condition in CONDITIONS
        for number in (range(1, 6) if condition.startswith("random") else [1])
    }


def test_shrunken_z_is_empirical_bayes_of_z(query):
    for level in LEVELS.values():
        frame = query(f"from {level}_influence where shrunken_z is not null")
        for rows in frame.partition_by("benchmark"):
            z, error = rows["z"].to_numpy(), rows["z_standard_error"].to_numpy()
            weight = error**-2
            fixed = np.average(z, weights=weight)
            excess = (weight * (z - fixed) ** 2).sum() - (len(z) - 1)
            tau = max(0.0, excess / (weight.sum() - (weight**2).sum() / weight.sum()))
            centre = np.average(z, weights=1 / (tau + error**2))
            expected = centre + (z - centre) * tau / (tau + error**2)
            assert_allclose(rows["shrunken_z"], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("rule", "per_benchmark", "max_q", "benchmarks"),
    [
        ("topics", 2, 0.05, None),
        ("topics", 3, 0.9, None),
        ("bins", 4, 0.2, [REASONING, STEM]),
        # Whether a format has more than the average alone keeps it out.
        ("formats", 24, 1.0, [STEM]),
    ],
)
def test_ranking_rules_take_the_first_that_pass(
    chosen, ranked, rule, per_benchmark, max_q, benchmarks
):
    settings = {"rule": rule, "per_benchmark": per_benchmark, "max_q": max_q}
    study, found = chosen(benchmarks=benchmarks, **settings)
    targets = benchmarks or list(BENCHMARKS)
    passing = ranked.filter(
        pl.col("region_kind") == LEVELS[rule],
        pl.col("benchmark").is_in(targets),
        pl.col("support") > pl.col("benchmark_support"),
        pl.col("support_q_value") <= max_q,
    )
    places = pl.col("influence_rank").rank("ordinal").over("benchmark")
    expected = passing.filter(places <= per_benchmark)
    assert expected.height, "the rule has something to choose"
    rows = _assert_rows(found, expected)
    for row, wanted in zip(
        found.sort(PLACE).iter_rows(named=True), expected.sort(PLACE).iter_rows(named=True),
        strict=True,
    ):  # fmt: skip
        rank, is_told = wanted["influence_rank"], wanted["support_q_value"] < 0.05
        place = f"rank {rank}" if is_told else f"not told apart from the average, place {rank}"
        of = f"{place} of {wanted['n_regions']} by support over its error"
        assert row["reason"] == f"{of}; q at most {max_q}"
    assert set(plan_runs(study, found)["run_id"]) == _keys(rows)


def test_each_limit_of_the_rule_keeps_something_out(ranked):
    """So that the test above can fail: each limit binds on these marts."""
    topics = ranked.filter(pl.col("region_kind") == "topic")
    above = pl.col("support") > pl.col("benchmark_support")
    assert topics.filter(~above, pl.col("support_q_value") <= 1).height, "more than the average"
    passing = topics.filter(above, pl.col("support_q_value") <= 0.9)
    assert passing.height < topics.filter(above).height, "q"
    assert passing["benchmark"].value_counts()["count"].max() > 3, "the number"
    bins = ranked.filter(pl.col("region_kind") == "bin")
    firsts = [
        bins.sort("benchmark", by, descending=[False, True], nulls_last=True)
        .group_by("benchmark", maintain_order=True)
        .head(4)["topic"]
        .to_list()
        for by in ("support", "support_t")
    ]
    assert firsts[0] != firsts[1], "the order by support over its error is another than by support"
    told = topics.filter(above)["support_q_value"] < 0.05
    assert told.any() and not told.all(), "reasons of both kinds"


def test_an_explicit_list_is_taken_whatever_its_figures(chosen, ranked):
    opposing = ranked.filter(
        pl.col("benchmark") == STEM, pl.col("region_kind") == "topic", pl.col("z") < 0
    )["topic"][-1]
    listed = [
        (STEM, opposing, None),
        (STEM, None, "faq"),
        (REASONING, "games", "tutorial"),
        (REASONING, "adult_content", "about_org"),
    ]
    explicit = [dict(zip(PLACE, place, strict=True)) for place in (*listed, listed[0])]
    study, found = chosen(rule="explicit", explicit=explicit)
    expected = ranked.filter(
        pl.any_horizontal(
            pl.all_horizontal(
                pl.col(name).eq_missing(pl.lit(value, pl.String))
                for name, value in zip(PLACE, place, strict=True)
            )
            for place in listed
        )
    )
    rows = _assert_rows(found, expected)
    assert set(rows) == set(listed), "the empty bin, too, and the repeated one once"
    assert rows[listed[3]]["n_documents"] == 0 and rows[listed[3]]["z"] is None
    assert set(found["reason"]) == {"listed in the study"}
    assert set(plan_runs(study, found)["run_id"]) == _keys(rows)


SQL = f"""
-- Bins of the two reasoning benchmarks that topics alone would not show; a comment; a CTE.
with strong as (
    select b.benchmark, b.topic, b.format
    from bin_influence as b
    inner join topic_influence as t on b.benchmark = t.benchmark and b.topic = t.topic
    where b.z > 2 and t.z < 1
    qualify row_number() over (partition by b.benchmark order by b.z desc) <= 2
)
select * from strong where benchmark in ('{REASONING}', 'stem_knowledge')
union all select '{STEM}', 'games', null
union all select '{STEM}', 'games', null
union all select '{STEM}', null, 'faq'
;
"""


def test_the_study_s_own_sql_chooses(chosen, ranked, query):
    study, found = chosen(rule="sql", sql=SQL, benchmarks=[REASONING, STEM])
    asked = set(query(SQL.split(";\n")[0].replace("; a CTE", "")).unique().rows())
    targets = {place for place in asked if place[0] in (REASONING, STEM)}
    assert len(targets) == 4 and asked - targets, "a benchmark that is no target is asked for"
    places = pl.concat_list(pl.col(PLACE).fill_null("-"))
    wanted = [[part or "-" for part in place] for place in targets]
    rows = _assert_rows(found, ranked.filter(places.is_in(wanted)))
    assert set(rows) == targets
    assert set(found["reason"]) == {"by the SQL of the study"}
    assert set(plan_runs(study, found)["run_id"]) == _keys(rows)


def test_sql_that_names_no_region_fails_the_build(choose):
    nowhere = f"select '{STEM}' as benchmark, null as topic, null as format"
    _, finished = choose(rule="sql", sql=nowhere)
    assert finished.returncode != 0
    assert "Failure in test never_null_chosen_bins_" in finished.stdout


def test_a_rule_that_nothing_passes_chooses_nothing(chosen):
    study, found = chosen(rule="topics", max_q=1e-300)
    assert found.is_empty() and plan_runs(study, found).is_empty()
