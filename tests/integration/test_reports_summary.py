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


def test_what_cannot_be_known_is_said_and_not_claimed(home):
    assert "not known" not in _printed(home)
    assert "Intervals: 95 %, bootstrap over items and documents" in _printed(home)
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("create table marts.unknowns (mart text, column_name text, reason text)")
        connection.execute("insert into marts.unknowns values ('topic_influence', 'z_low', 'why')")
        connection.execute(
            "update marts.topic_influence set z_low = null, z_high = null, q_value = null"
        )
    text = _printed(home)
    assert "Intervals and q: not known, why." in text
    assert "bootstrap over items" not in text and "*: q <" not in text
    topics = text[text.index("Topics that") : text.index("Bins that")]
    assert topics.count("not known") == 2 * 3 * len(report_tables.BENCHMARKS)


def test_a_benchmark_of_one_item_is_named(home):
    assert "Of one item" not in _printed(home)
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(
            "update marts.bin_influence set n_items = 1 where benchmark = 'stem_facts'"
        )
    assert "Of one item, so that nothing is told of others: stem_facts." in _printed(home)


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
                2.5e0 as damage, 1.25e0 as damage_low, 3.75e0 as damage_high,
                1.5e0 as more_than_random_in_topic, position = 0 as is_worse_than_random_in_topic,
                -0.25e0 as more_than_random_global, false as is_worse_than_random_global,
                case when position < 2 then 0.875e0 end as least_share_kept,
                case position when 0 then true when 1 then false end as is_held
            from marts.benchmarks
            """
        )
    lines = _printed(home).splitlines()
    assert max(len(line) for line in lines) <= 80
    shown = [line.split() for line in lines if "+1.50" in line]
    assert [cells[-1] for cells in shown] == ["yes", "no", "open", "open"]
    assert ["+1.50*" in cells for cells in shown] == [True, False, False, False]
    assert ["88%" in cells for cells in shown] == [True, True, False, False]
