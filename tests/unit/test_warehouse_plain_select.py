"""SQL of a study file: one select on marts of influence passes, nothing else does."""

import duckdb
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from influence_warehouse.errors import StudyError
from influence_warehouse.study.load import load_study
from influence_warehouse.study.plain_select import READABLE, plain_select
from influence_warehouse.study.study import Study
from tests.synthetic import synthetic_study

TOPICS = "select benchmark, topic, null as format from topic_influence"
TABLES = (*READABLE, "planted_recovery", "chosen_bins", "bins.csv", "duckdb_settings", "secret")


def _columns(sql: str) -> list[str]:
    """Columns of a query on empty marts, so that it is known to bind."""
    with duckdb.connect() as connection:
        connection.execute("create schema marts; set search_path = 'marts'")
        for mart in READABLE:
            connection.execute(
                f"create table marts.{mart} (benchmark text, topic text, format text, z double)"
            )
        return [column[0] for column in connection.execute(f"select * from ({sql})").description]


@pytest.mark.parametrize(
    "sql",
    [
        TOPICS,
        f"{TOPICS};",
        f"  {TOPICS} ; -- the end",
        f"-- the strongest\n{TOPICS} /* by z */ where z > 1 -- and no more",
        f"with strong as ({TOPICS} where z > 1) select * from strong",
        f"with a as ({TOPICS}), b as (select * from a) select * from b union select * from a",
        f"with bins as ({TOPICS}) select * from bins",
        "select t.benchmark, t.topic, f.format from topic_influence as t "
        "left join format_influence as f on t.benchmark = f.benchmark and f.z > t.z",
        f"{TOPICS} where z > (select max(z) from format_influence) order by z limit 3",
        f"{TOPICS} where topic in (select topic from marts.topic_contrasts)",
        f"{TOPICS} qualify row_number() over (partition by benchmark order by z desc) <= 2",
        "select benchmark, topic, format from marts.bin_influence, range(2) as twice",
        "select benchmark, topic, 'a;b -- c' as format from bins",
        "from (values ('social_reasoning', 'games', null)) as listed(benchmark, topic, format)",
    ],
)
def test_one_select_on_marts_passes_bare(sql):
    plain = plain_select(sql)
    outside_texts = plain.replace("'a;b -- c'", "")
    assert not any(mark in outside_texts for mark in (";", "--", "/*", "\n"))
    assert _columns(plain) == ["benchmark", "topic", "format"]
    assert plain_select(plain), "what it writes passes again"


@pytest.mark.parametrize(
    "table",
    [
        "planted_recovery",
        "marts.planted_recovery",
        "planted_unlearning",
        "unlearning_tests",
        "chosen_bins",
        "staging.stg_document_scores",
        "main.bins",
        "other.marts.bins",
        "information_schema.tables",
        "duckdb_tables",
        "pg_catalog.pg_class",
        "bins.csv",
        "'bins.csv'",
        "'bins.parquet'",
        "'https://example.org/bins.csv'",
        "(describe planted_recovery)",
        "(summarize planted_recovery)",
        "duckdb_settings()",
        "duckdb_secrets()",
        "pragma_table_info('bins')",
        "glob('*')",
        "read_csv('bins.csv')",
        "read_csv_auto('bins.csv')",
        "read_parquet('bins.parquet')",
        "read_json('bins.json')",
        "read_text('bins.csv')",
        "read_blob('bins.csv')",
        "sniff_csv('bins.csv')",
        "query('select 1')",
        "query_table('planted_recovery')",
        "parquet_metadata('bins.parquet')",
    ],
)
def test_no_other_table(table):
    with pytest.raises(ValueError, match=r"cannot be read here|not allowed"):
        plain_select(f"select * from {table}")


@pytest.mark.parametrize(
    "sql",
    [
        "select * from bins union all select 1 from {}",
        "with a as (select * from {}) select * from a",
        "with a as (select 1) select * from bins, a where exists (from {})",
        "select (select 1 from {}) from bins",
        "select * from bins where topic in (select 1 from {})",
        "select * from bins order by (select 1 from {})",
        "select 1 limit (select count(*) from {})",
        "select sum((select 1 from {})) over () from bins",
        "select case when true then (select 1 from {}) end from bins",
        "select * from bins, lateral (select * from {}) as x",
        "select count(*) filter (where exists (from {})) from bins",
    ],
)
@pytest.mark.parametrize("table", ["planted_recovery", "'bins.csv'", "glob('*')"])
def test_no_other_table_wherever_it_stands(sql, table):
    with pytest.raises(ValueError, match=r"cannot be read here|not allowed"):
        plain_select(sql.format(table))


@pytest.mark.parametrize("name", ["planted_recovery", "bins.csv", "duckdb_tables"])
@pytest.mark.parametrize(
    "sql",
    [
        'select * from "{0}" where exists (with "{0}" as (select 1) select 1)',
        'with "{0}" as (select * from "{0}") select * from "{0}"',
        'with a as (select * from "{0}"), "{0}" as (select 1) select * from a',
        'select 1 from (with "{0}" as (select 1) from "{0}") as x, "{0}"',
    ],
)
def test_a_name_given_in_one_place_opens_no_table_in_another(sql, name):
    with pytest.raises(ValueError, match="cannot be read here"):
        plain_select(sql.format(name))


def test_a_name_is_known_within_its_query_and_to_later_names():
    sql = "with a as (from bins), b as (from a) select (select 1 from a) from (from b) as x"
    assert plain_select(sql)
    assert plain_select("with recursive a as (select 1 union all from a) from a")


@pytest.mark.parametrize("sql", ["show tables", "from (show databases)", "describe bins"])
def test_what_there_is_is_not_shown(sql):
    with pytest.raises(ValueError, match="not allowed"):
        plain_select(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1; select 2",
        f"{TOPICS}; drop table bins",
        "drop table bins",
        "create table x as select 1",
        "create macro x() as 1",
        "insert into bins values (1)",
        "update bins set topic = 'games'",
        "delete from bins",
        "copy bins to 'out.csv'",
        "copy (select 1) to 'out.csv'",
        "attach 'other.db' as other",
        "install httpfs",
        "load httpfs",
        "pragma version",
        "call pragma_version()",
        "set threads = 1",
        "set variable x = 1",
        "use marts",
        "export database 'folder'",
        "prepare x as select 1",
        "execute x",
        "explain select 1",
        "begin",
        "vacuum",
        "checkpoint",
    ],
)
def test_no_other_statement(sql):
    with pytest.raises(ValueError, match=r"."):
        plain_select(sql)


@pytest.mark.parametrize("sql", ["", " ", ";", "-- nothing", "select", "selec 1", "select (1"])
def test_no_select_is_an_error_that_says_so(sql):
    with pytest.raises(ValueError, match=r"0 statements|syntax|selection list"):
        plain_select(sql)


@pytest.mark.parametrize(
    "call",
    [
        "getenv('HOME')",
        "read_text('/etc/passwd')",
        # Spark's, which runs the same text.
        "java_method('java.lang.System', 'exit', 1)",
        "reflect('java.lang.Runtime', 'getRuntime')",
        "try_reflect('java.lang.System', 'getProperty', 'user.home')",
        "input_file_name()",
        "current_setting('home_directory')",
        "nextval('s')",
        "write_log('x')",
        "sum(z) over (order by getvariable('x'))",
        "first(reflect('a', 'b')) over ()",
        "main.abs(1)",
        "list_value(1)",
        "topic.getenv()",
    ],
)
def test_no_function_but_those_of_both_engines(call):
    with pytest.raises(ValueError, match=r"the function .* is not allowed, as not both engines"):
        plain_select(f"select {call} as benchmark from bins")


def test_an_unknown_function_is_told_with_those_close_to_it():
    with pytest.raises(ValueError, match="stddev_pop"):
        plain_select("select stdev_pop(z) from bins")


@pytest.mark.parametrize(
    "write",
    [
        "copy (select 1) to 'x'",
        "copy (select 1) to 'x' (format blob, use_tmp_file false)",
        "insert into bins values (1) returning *",
        "update bins set topic = 'games' returning *",
        "delete from bins returning *",
    ],
)
@pytest.mark.parametrize(
    "sql",
    [
        "with x as ({}) select * from x",
        "select * from (with x as ({}) select * from x) as y",
        "with recursive x as (with y as ({}) select 1 from y union all select 1) select * from x",
        "select 1 from bins union all (with x as ({}) select 1 from x)",
        "select (with x as ({}) select 1 from x) from bins",
        "with a as (with b as ({}) from b) select * from a",
    ],
)
def test_nothing_is_written_wherever_it_stands(sql, write):
    with pytest.raises(ValueError, match="is not allowed in a query, which only reads"):
        plain_select(sql.format(write))


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
@example("\x00")
@example("(" * 2000)
@example("select " + "(" * 900 + "1" + ")" * 900)
@example("select " + " + ".join(["1"] * 2000))
def test_any_text_is_a_query_or_a_value_error(text):
    try:
        plain_select(text)
    except ValueError as error:
        assert str(error)


@st.composite
def _queries(draw) -> str:
    """Nested selects on tables that may and may not be read."""
    table = st.sampled_from(TABLES).map('"{}"'.format)
    sources = st.recursive(table, lambda s: s.map("(select * from {}) as x".format), max_leaves=4)
    first, second = draw(sources), draw(sources)
    shape = draw(
        st.sampled_from(
            [
                "select * from {0}",
                "select * from {0} cross join {1}",
                "with a as (select * from {0}) select * from a where exists (from {1})",
                "select (select count(*) from {0}) from {1}",
                "select 1 from {0} union select 2 from {1}",
            ]
        )
    )
    return shape.format(first, second)


@given(_queries())
@settings(max_examples=60, deadline=None)
def test_a_query_passes_exactly_if_all_its_tables_may_be_read(sql):
    named = {table for table in TABLES if f'"{table}"' in sql}
    if named <= set(READABLE):
        assert plain_select(sql)
    else:
        with pytest.raises(ValueError, match="cannot be read here"):
            plain_select(sql)


def _study_file(tmp_path, sql: str) -> str:
    study = synthetic_study().model_dump(mode="json")
    study["unlearning"] = {"regions": {"rule": "sql", "sql": sql}}
    path = tmp_path / "synthetic.yaml"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select * from planted_recovery", "planted_recovery"),
        ("select * from read_csv('x.csv')", "read_csv"),
        ("select 1; select 2", "2 statements"),
        ("drop table bins", "SELECT"),
        ("selec 1", "syntax error"),
    ],
)
def test_a_study_with_such_sql_is_refused_and_the_field_named(tmp_path, sql, why):
    with pytest.raises(StudyError, match=rf"(?s)unlearning\.regions.*{why}"):
        load_study(_study_file(tmp_path, sql))


def test_a_study_with_a_plain_select_is_taken(tmp_path):
    study = load_study(_study_file(tmp_path, f"{TOPICS};"))
    assert isinstance(study, Study) and study.unlearning is not None
    assert study.unlearning.regions.sql == f"{TOPICS};"


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(ValueError, match="surrogates"):
        plain_select("select '\ud800' as benchmark from bins")
