"""The summary that a run ends with."""

import io

import duckdb
import pytest
from rich.console import Console

from influence_warehouse import taxonomy
from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.layout import Home
from influence_warehouse.reports.summary import print_summary
from tests import report_tables


@pytest.fixture
def home(tmp_path) -> Home:
    return report_tables.published_home(tmp_path)


def _printed(home: Home) -> str:
    output = io.StringIO()
    print_summary(home, "demo", Console(width=80, file=output))
    return output.getvalue()


def _add_recovery(home: Home) -> None:
    with duckdb.connect(str(home.database)) as connection:
        connection.register("frame", report_tables.recovery().to_arrow())
        connection.execute("insert into marts.planted_recovery select * from frame")


def test_every_line_fits_80_columns(home):
    _add_recovery(home)
    assert max(len(line) for line in _printed(home).splitlines()) <= 80


def test_it_shows_both_ends_with_intervals(home):
    text = _printed(home)
    table = report_tables.side_influence("topic").filter(benchmark="social_situations")
    strongest = table.sort("z", descending=True).row(0, named=True)
    assert strongest["topic"] == "literature"
    interval = f"[{strongest['z_low']:+.2f}, {strongest['z_high']:+.2f}]"
    (line,) = [line for line in text.splitlines() if interval in line]
    assert line.split()[0] == "Literature"
    assert f"{strongest['z']:+.2f}" in line
    weakest = taxonomy.TITLES[table.sort("z")["topic"][0]]
    assert text.index("Literature") < text.index(weakest)


def test_it_says_how_well_the_truth_was_found_beside_chance(home):
    assert "planted truth" not in _printed(home)
    _add_recovery(home)
    text = _printed(home)
    assert "1 of 2" in text
    assert "0.17" in text


def test_it_ends_with_where_to_look_and_what_to_type(home):
    text = _printed(home)
    for command in ("influence query", "influence chart", "influence ui"):
        assert f"{command} " in text
        assert "--study demo" in text


def test_a_study_without_contrasts_has_no_contrast_table(home):
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("delete from marts.topic_contrasts")
    assert "Contrasts" not in _printed(home)


def test_a_missing_database_names_the_remedy(tmp_path):
    with pytest.raises(WarehouseError, match="influence run demo"):
        print_summary(Home(tmp_path, "demo"), "demo", Console(quiet=True))


def test_verdicts_of_unlearning_are_shown_where_they_are_built(home):
    assert "Forgetting" not in _printed(home)
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(
            """
            create table marts.unlearning_verdicts as
            select 'demo' as study, model, 'trackstar' as method,
                'ngdiff' as objective, benchmark, 'margin' as measure,
                region, 2.5e0 as damage,
                1.5e0 as more_than_random_in_topic, position = 0 as is_worse_than_random_in_topic,
                -0.25e0 as more_than_random_global, false as is_worse_than_random_global,
                0.75e0 as more_than_others, region is null and position = 0 as is_selective,
                case position when 0 then region is null when 1 then false end as is_held
            from marts.benchmarks cross join (values (null), ('literature.tutorial')) as r(region)
            """
        )
    lines = _printed(home).splitlines()
    assert max(len(line) for line in lines) <= 80
    shown = [line.split() for line in lines if "+1.50" in line]
    assert [cells[-1] for cells in shown] == ["yes", "no", "no", "no", *["open"] * 4]
    assert ["+1.50*" in cells for cells in shown] == [True] * 2 + [False] * 6
    assert ["+0.75*" in cells for cells in shown] == [True] + [False] * 7
    assert [cells[0] for cells in shown[1::2]] == ["Literature"] * 4, "a region under its benchmark"
