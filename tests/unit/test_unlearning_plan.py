"""Which runs there are: a function of the chosen regions, the conditions and the seeds."""

from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.errors import FactError, InputError, WarehouseError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.sampling.regions import Region
from influence_warehouse.unlearning.plan import (
    plan_runs,
    planned_runs,
)
from tests.scoring_lake import CELL, scoring_study
from tests.unlearning_world import (
    OF,
    chosen_bins,
    make_plan,
    unlearning_study,
    write_unlearning_lake,
)

STUDY = unlearning_study(Path("model"))


@pytest.fixture
def lake(tmp_path) -> Lake:
    home = Home(tmp_path, "tiny")
    home.create()
    return Lake(home)


@pytest.mark.parametrize(
    ("region", "name", "kind"),
    [
        (Region("games"), "games", "topic"),
        (Region("games", "faq"), "games.faq", "bin"),
        (Region(None, "faq"), "any.faq", "format"),
        (Region(), "all", "all"),
    ],
)
def test_a_region_and_its_name_say_the_same(region, name, kind):
    assert (region.name, region.kind) == (name, kind)
    assert Region.parse(name) == region
    rows = pl.DataFrame({"topic": ["games", "games", "health"], "format": ["faq", "blog", "faq"]})
    wanted = [
        (region.topic in (None, topic)) and (region.format in (None, format))
        for topic, format in rows.iter_rows()
    ]
    assert rows.with_columns(x=region.contains())["x"].to_list() == wanted


@pytest.mark.parametrize("name", ["any", "all.faq", "", "games.", "a.b.c", "c++", "%41", "%2"])
def test_a_text_that_names_no_region_is_an_error(name):
    with pytest.raises(InputError, match="Remedy"):
        Region.parse(name)


def test_every_objective_forgets_the_same_sets_in_runs_of_its_own(tmp_path):
    study = unlearning_study(Path("model"), objectives=["npo", "graddiff"], random_sets=2)
    lake = write_unlearning_lake(tmp_path)
    make_plan(study, lake, chosen_bins(("alpha", "adult_content", None)))
    make_fact(study, lake, "forget_sets", CELL)
    plan = lake.read("unlearning_plan", CELL)
    forgotten = lake.read("forget_sets", CELL).join(plan, on="run_id")
    place = ["condition", "set_number", "doc_id"]
    npo, graddiff = (
        forgotten.filter(objective=name).select(place).sort(place) for name in ("npo", "graddiff")
    )
    assert npo.equals(graddiff) and npo.height > 0
    assert plan["run_id"].n_unique() == plan.height == 2 * plan.filter(objective="npo").height


def test_sets_run_once_per_seed_in_each_region_and_global_ones_once_per_benchmark():
    chosen = chosen_bins(
        ("alpha", "games", None), ("alpha", "health", None), ("beta", "games", None)
    )
    plan = plan_runs(unlearning_study(Path("model"), seeds=[3, 4], random_sets=5), chosen)
    assert plan["run_id"].is_unique().all()
    assert plan.filter(benchmark="alpha", condition="influence_in_topic").height == 2 * 2
    assert plan.filter(benchmark="alpha", condition="random_in_topic").height == 2 * 5 * 2
    assert plan.filter(benchmark="alpha", condition="random_global").height == 5 * 2
    assert plan.filter(benchmark="beta").height == (1 + 5 + 1 + 5) * 2
    assert set(plan["seed"]) == {3, 4}
    assert f"{OF}alpha|random_in_topic|health|5|4" in plan["run_id"]
    assert f"{OF}alpha|random_global|all|1|3" in plan["run_id"]


def test_other_studies_methods_and_benchmarks_are_left_out():
    chosen = chosen_bins(("alpha", "games", None))
    others = pl.concat(
        [
            chosen_bins(("beta", "games", None)),
            chosen.with_columns(study=pl.lit("other")),
            chosen.with_columns(method=pl.lit("bm25")),
            chosen.with_columns(model=pl.lit("another")),
        ]
    )
    study = unlearning_study(Path("model"), benchmarks=["alpha"])
    assert plan_runs(study, others).is_empty()
    assert plan_runs(study, pl.concat([chosen, others])).equals(plan_runs(study, chosen))


def test_the_plan_follows_the_choice_and_not_its_scores(lake):
    chosen = chosen_bins(("alpha", "games", None), ("beta", None, "faq"))
    assert not make_plan(STUDY, lake, chosen).reused
    rescored = chosen.with_columns(z=pl.col("z") + 1).reverse()
    assert make_plan(STUDY, lake, rescored).reused
    fewer = chosen.filter(benchmark="beta")
    outcome = make_plan(STUDY, lake, fewer)
    assert not outcome.reused
    assert outcome.details == {
        "influence_global": 1, "influence_in_topic": 1, "random_global": 2, "random_in_topic": 2
    }  # fmt: skip
    assert all(key.startswith(f"{OF}beta|") for key in planned_runs(STUDY, lake))


def test_nothing_chosen_is_a_plan_without_runs(lake):
    assert make_plan(STUDY, lake, chosen_bins()).rows == 0
    assert planned_runs(STUDY, lake) == []


def test_what_is_missing_is_named(lake):
    with pytest.raises(FactError, match=r"unlearning_plan.*Remedy"):
        planned_runs(STUDY, lake)
    with pytest.raises(WarehouseError, match=r"chosen_bins.*Remedy"):
        make_fact(STUDY, lake, "unlearning_plan", CELL)
    with pytest.raises(InputError, match="no section `unlearning`"):
        plan_runs(scoring_study(Path("model")), chosen_bins())
