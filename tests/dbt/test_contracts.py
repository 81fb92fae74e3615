"""The published tables are what their contracts and the dictionary say, column by column."""

import duckdb

from influence_warehouse.warehouse.dictionary import marts

_SAME = {"DOUBLE": "double precision"}


def _published(home) -> dict[str, list[tuple[str, str, str]]]:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        rows = connection.sql(
            "select table_name, column_name, data_type, comment from duckdb_columns()"
            " where schema_name = 'marts' order by table_name, column_index"
        ).fetchall()
    found: dict[str, list[tuple[str, str, str]]] = {}
    for table, column, kind, comment in rows:
        found.setdefault(table, []).append((column, _SAME.get(kind, kind.lower()), comment))
    return found


def test_every_published_table_is_its_contract(truth):
    described = {
        mart["name"]: [
            (column["name"], column["data_type"], column["description"].strip())
            for column in mart["columns"]
        ]
        for mart in marts()
    }
    found = _published(truth.world.home)
    assert set(found) == set(described)
    for mart, columns in described.items():
        assert [column[:2] for column in found[mart]] == [column[:2] for column in columns], mart
        assert [column[2].strip() for column in found[mart]] == [c[2] for c in columns], mart
