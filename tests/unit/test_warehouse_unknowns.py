"""What a query asks for that cannot be known is told from what is not there."""

import duckdb
import pytest

from influence_warehouse.warehouse.output import write_rows
from influence_warehouse.warehouse.query import Asked
from influence_warehouse.warehouse.unknowns import Unknowns, unknowns_of

ITEMS, TEXTS = "needs scores of single items", "needs the texts"
LISTED = [
    ("topics", "q_value", ITEMS),
    ("topics", "z_low", ITEMS),
    ("bins", "q_value", ITEMS),
    ("terms", "*", TEXTS),
]


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        for table in ("topics", "bins"):
            connection.execute(
                f"create table {table} as select 'a' as topic, 1.0::double as z, "
                "null::double as z_low, null::double as q_value"
            )
        connection.execute("create table terms as select 'a' as topic where false")
        connection.execute("create table unknowns (mart text, column_name text, reason text)")
        connection.executemany("insert into unknowns values (?, ?, ?)", LISTED)
        yield connection


@pytest.mark.parametrize(
    ("sql", "notes", "decides"),
    [
        ("select topic, z from topics", [], False),
        ("select q_value, z from topics", ["q_value (topics)"], False),
        ("select * from topics", ["q_value, z_low (topics)"], False),
        ("from topics", ["q_value, z_low (topics)"], False),
        ("select topic from topics where q_value < 0.05", ["q_value (topics)"], True),
        ("select count(*) from topics where q_value < 0.05", ["q_value (topics)"], True),
        ("select z from topics order by q_value", ["q_value (topics)"], False),
        ("select z from topics qualify rank() over (order by z_low) < 2", ["z_low (topics)"], True),
        ("select a.q_value from topics as a join bins using (topic)", ["q_value (bins, topics)"],
         False),
        ("select a.z from topics as a join bins on a.z_low = bins.z", ["z_low (topics)"], True),
        ("select topic from terms", ["terms"], True),
        ("select * from (select topic, z from topics)", [], False),
        ("with kept as (select topic, z_low from topics) select * from kept", ["z_low (topics)"],
         False),
        ("select z from topics where topic in (select topic from terms)", ["terms"], True),
        ("explain select q_value from topics", [], False),
        ("pivot topics on topic using sum(z)", [], False),
        ("show tables", [], False),
    ],
)  # fmt: skip
def test_notes_name_what_is_read_and_what_decides(connection, sql, notes, decides):
    found = unknowns_of(connection, sql)
    reason = TEXTS if notes == ["terms"] else ITEMS
    assert found.notes == tuple(f"not known: {note}: {reason}" for note in notes)
    assert bool(found.deciding) == decides


def test_a_study_that_knows_all_and_a_release_that_does_not_tell_have_no_notes(connection):
    connection.execute("delete from unknowns")
    assert unknowns_of(connection, "from topics where q_value < 1") == Unknowns()
    connection.execute("drop table unknowns")
    assert unknowns_of(connection, "from topics where q_value < 1") == Unknowns()


def test_no_rows_are_not_said_to_be_none_where_that_cannot_be_known(connection, capsys):
    write_rows(connection, Asked("select topic from topics where q_value < 0.05"), "table", None)
    told = capsys.readouterr().out.splitlines()
    assert told[-2:] == ["(rows: not known)", f"not known: q_value (topics): {ITEMS}"]
    write_rows(connection, Asked("select topic from topics where z > 5"), "table", None)
    assert capsys.readouterr().out.splitlines()[-1] == "(0 rows)"


@pytest.mark.parametrize("output", ["csv", "json"])
def test_other_output_holds_rows_alone_and_the_notes_are_on_stderr(connection, capsys, output):
    write_rows(connection, Asked("select topic, q_value from topics"), output, None)
    told = capsys.readouterr()
    assert "not known" not in told.out
    assert told.err == f"not known: q_value (topics): {ITEMS}\n"
