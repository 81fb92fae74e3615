"""What a query prints of a study that cannot know everything has the words for it."""

from click.testing import CliRunner

from influence_warehouse.cli import influence
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.query import run_query


def check_words(home: Home, name: str) -> None:
    """Neither an empty table nor a column of nulls goes without a reason."""
    arguments = ["--warehouse", str(home.root), "query", name, "--study", home.study]
    result = CliRunner().invoke(influence, arguments)
    assert result.exit_code == 0, result.output
    rows, told = run_query(home, name), result.output
    if rows.is_empty():
        assert "(rows: not known)" in told, told
    elif any(rows[column].null_count() == rows.height for column in rows.columns):
        assert "not known: " in told, told
