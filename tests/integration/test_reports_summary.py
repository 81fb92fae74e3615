"""The summary that a run ends with."""

import io
import re

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


def _change(home: Home, statement: str) -> None:
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(statement)


def _add_recovery(home: Home) -> None:
    with duckdb.connect(str(home.database)) as connection:
        connection.register("frame", report_tables.recovery().to_arrow())
        connection.execute("insert into marts.planted_recovery select * from frame")


def test_every_line_fits_80_columns(home):
    _add_recovery(home)
    assert max(len(line) for line in _printed(home).splitlines()) <= 80


def test_what_is_told_apart_leads_with_its_interval(home):
    text = _printed(home)
    table = report_tables.side_influence("topic").filter(benchmark="social_situations")
    strongest = table.sort("support_rank", nulls_last=True).row(0, named=True)
    assert strongest["topic"] == "literature"
    interval = f"[{strongest['support_low']:.2f}, {strongest['support_high']:.2f}]"
    (line,) = [line for line in text.splitlines() if interval in line]
    assert line.split()[0] == "Literature"
    assert f"{strongest['support']:.2f}" in line
    assert f"{strongest['z']:+.2f}" in line
    assert taxonomy.TITLES[table.sort("support_t")["topic"][0]] not in text.split("Contrasts")[0]
    assert "10 sources of 72 items, and over documents" in text


def test_a_doubtful_z_is_marked(home):
    text = _printed(home)
    assert "halves of the items oppose each other" in text
    for name, mark in (("stem_facts", "?"), ("social_facts", "")):
        for topic in report_tables.BENCHMARKS[name][2]:
            title = taxonomy.TITLES[topic]
            line = next(line for line in text.splitlines() if line.startswith(f"   {title}  "))
            assert re.search(r"[+-]\d\.\d\d(\??)$", line.rstrip())[1] == mark


def test_where_nothing_is_told_apart_it_says_so_and_ranks_nothing(home):
    _change(home, "update marts.bin_influence set support_rank = null")
    text = _printed(home)
    said = text.split("No bin is told apart from the average of all documents (trackstar (base)):")
    assert len(said) == 2
    assert said[1].split("\n\n")[0].split() == [
        "social_situations,",
        "social_facts,",
        "stem_situations,",
        "stem_facts",
    ]
    assert "\N{MULTIPLICATION SIGN}" not in text


def test_thin_bins_are_counted_and_do_not_lead(home):
    thin = "update marts.bin_influence set n_documents = 2 where support_rank is not null"
    _change(home, thin)
    ranked = report_tables.bin_influence().drop_nulls("support_rank")
    text = _printed(home)
    assert "\N{MULTIPLICATION SIGN}" not in text
    for name in report_tables.BENCHMARKS:
        count = ranked.filter(benchmark=name).height
        assert f"and {count} of 1 or 2 documents" in text


def _without_items(home: Home) -> None:
    unknown = ("support", "support_rank", "z_low", "z_high", "q_value", "n_clusters")
    for mart in ("topic_influence", "bin_influence"):
        _change(home, f"update marts.{mart} set " + ", ".join(f"{c} = null" for c in unknown))
    _change(home, "create table marts.unknowns (mart text, column_name text, reason text)")
    _change(home, "insert into marts.unknowns values ('topic_influence', 'z_low', 'why')")


def test_without_items_both_ends_by_z_are_shown(home):
    _without_items(home)
    text = _printed(home)
    table = report_tables.side_influence("topic").filter(benchmark="social_situations").sort("z")
    weakest, strongest = (taxonomy.TITLES[table["topic"][place]] for place in (0, -1))
    assert text.index(strongest) < text.index(weakest)
    assert "told apart" not in text


def test_it_says_how_well_the_truth_was_found_beside_chance(home):
    assert "planted truth" not in _printed(home)
    _add_recovery(home)
    text = _printed(home)
    (line,) = [line for line in text.splitlines() if "1 of 2" in line]
    assert line.split()[-4:] == ["0", "3", "3.00", "0.81"]
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
    assert "Intervals: 95 %, over 10 sources of 72 items" in _printed(home)
    _without_items(home)
    text = _printed(home)
    assert "Intervals and q: not known, why." in text
    assert "Intervals: 95 %" not in text and "*: q <" not in text
    topics = text[text.index("Topics with") : text.index("Bins with")]
    assert topics.count("not known") == 2 * 3 * len(report_tables.BENCHMARKS)


def test_a_benchmark_of_one_item_is_named(home):
    assert "Of one item" not in _printed(home)
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(
            "update marts.topic_influence set n_items = 1 where benchmark = 'stem_facts'"
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
