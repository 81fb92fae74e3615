"""The data dictionary says what dbt says, about every mart and column."""

import re

import yaml

from influence_warehouse.contracts import CONTRACTS
from influence_warehouse.warehouse.build import dbt_project_folder
from influence_warehouse.warehouse.dictionary import marts, render_dictionary
from tests.conftest import ROOT


def test_committed_dictionary_is_current():
    committed = (ROOT / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert committed == render_dictionary(), (
        "run: python -m influence_warehouse.warehouse.dictionary > docs/data-dictionary.md"
    )


def test_every_model_has_its_yml_beside_it():
    models = dbt_project_folder() / "models"
    for sql in models.rglob("*.sql"):
        assert sql.with_suffix(".yml").exists(), f"{sql.name} has no yml"


def test_every_mart_ends_with_its_grain_and_describes_every_column():
    for mart in marts():
        assert re.search(r"One row per [^.]+\.$", mart["description"].strip()), mart["name"]
        for column in mart["columns"]:
            assert len(column["description"]) > 8, (mart["name"], column["name"])


def test_sources_are_the_facts_column_by_column():
    text = (dbt_project_folder() / "models" / "staging" / "lake.yml").read_text(encoding="utf-8")
    for table in yaml.safe_load(text)["sources"][0]["tables"]:
        if table["name"] != "run_records":
            columns = [column["name"] for column in table["columns"]]
            assert columns == list(CONTRACTS[table["name"]].columns), table["name"]


def test_staging_selects_what_its_yml_names():
    for path in (dbt_project_folder() / "models" / "staging").glob("stg_*.yml"):
        names = [c["name"] for c in yaml.safe_load(path.read_text())["models"][0]["columns"]]
        sql = path.with_suffix(".sql").read_text()
        assert all(re.search(rf"\b{name}\b", sql) for name in names), path.name


def test_no_table_has_the_name_of_a_fact():
    """Both are assets of one graph, where a name stands for one thing."""
    models = {path.stem for path in (dbt_project_folder() / "models").rglob("*.sql")}
    assert models.isdisjoint(CONTRACTS)
