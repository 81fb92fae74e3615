"""The data dictionary: every mart and column, as the dbt project describes them.

`python -m influence_warehouse.warehouse.dictionary > docs/data-dictionary.md` writes it; a
test holds the committed file to it. Does not belong here: any description (dbt's files).
"""

import re
from functools import cache
from typing import Any

import yaml

from influence_warehouse.warehouse.build import dbt_project_folder
from influence_warehouse.warehouse.units import NUMERIC, Measure, measure

_REFERENCE = re.compile(r"\{\{ doc\('(\w+)'\) \}\}")
_BLOCK = re.compile(r"\{% docs (\w+) %\}(.*?)\{% enddocs %\}", re.DOTALL)

_HEAD = """# Data dictionary

Generated from the dbt project (`dbt/models/marts/*.yml`) and the contracts of the facts
(`src/influence_warehouse/lake/contracts/`); change it there, then run `make docs`.

These are the tables of `influence.duckdb`, schema `marts`. Formulae and their sources:
[statistics.md](statistics.md). The same descriptions are comments in the database:
`select column_name, comment from duckdb_columns() where table_name = 'bin_influence'`.
"""


def marts() -> list[dict[str, Any]]:
    """The marts in alphabetical order: `name`, `description`, `columns` as in dbt's yml, with the
    texts of the blocks that descriptions refer to."""
    found = []
    blocks = _blocks()
    for path in sorted((dbt_project_folder() / "models" / "marts").rglob("*.yml")):
        found += yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    for mart in found:
        for column in mart["columns"]:
            if reference := _REFERENCE.fullmatch(column["description"]):
                column["description"] = blocks[reference[1]]
    return found


def _blocks() -> dict[str, str]:
    """Texts of dbt's blocks by their names."""
    texts = (
        path.read_text(encoding="utf-8")
        for path in sorted((dbt_project_folder() / "models").rglob("*.md"))
    )
    return {name: block.strip() for text in texts for name, block in _BLOCK.findall(text)}


@cache
def mart_keys() -> dict[str, tuple[str, ...]]:
    """Columns that make a mart's rows unique, as its first test of uniqueness in dbt says."""
    keys = {}
    for mart in marts():
        tests = [test["unique_key"] for test in mart.get("data_tests", ()) if "unique_key" in test]
        single = [[c["name"]] for c in mart["columns"] if "unique" in c.get("data_tests", ())]
        found = [test["arguments"]["columns"] for test in tests] + single
        if found:
            keys[mart["name"]] = tuple(found[0])
    return keys


def measure_of(mart: dict[str, Any], column: dict[str, Any]) -> Measure | None:
    """Unit, range and formula of a column as `marts` lists it; None for one that is no number."""
    return measure(mart["name"], column["name"]) if column["data_type"] in NUMERIC else None


def anchor_of(heading: str) -> str:
    """The anchor that Markdown gives a heading: `Bins in words` -> `bins-in-words`."""
    return re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")


def render_dictionary() -> str:
    """The data dictionary as Markdown, one table per mart."""
    tables = marts()
    index = "\n".join(f"- [`{mart['name']}`](#{mart['name']})" for mart in tables)
    first_of = {id(mart["columns"]): mart["name"] for mart in reversed(tables)}
    sections = (_section(mart, first_of[id(mart["columns"])]) for mart in tables)
    return "\n".join([_HEAD, index, *sections])


def _section(mart: dict[str, Any], first: str) -> str:
    """A mart with its columns, or whose columns it has: those that yml says once for both."""
    head = ["", f"## {mart['name']}", "", mart["description"].strip(), ""]
    if mart["name"] != first:
        return "\n".join([*head, f"Columns: those of [`{first}`](#{first}).", ""])
    rows = [
        f"| `{column['name']}` | {column['data_type']} | {_cell(column['description'])} | "
        f"{_unit(measure_of(mart, column))} |"
        for column in mart["columns"]
    ]
    columns = ["| column | type | meaning | unit, range, formula |", "|---|---|---|---|"]
    return "\n".join([*head, *columns, *rows, ""])


def _unit(found: Measure | None) -> str:
    if found is None:
        return ""
    if found.chapter is None:
        return found.unit
    return f"{found.unit} ([formula](statistics.md#{anchor_of(found.chapter)}))"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    print(render_dictionary(), end="")
