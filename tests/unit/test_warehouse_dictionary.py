"""The data dictionary says what dbt says, about every mart and column."""

import re
from collections import Counter

import yaml

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.warehouse.build import dbt_project_folder
from influence_warehouse.warehouse.dbt_sources import blocks, render_blocks, render_sources
from influence_warehouse.warehouse.dictionary import (
    anchor_of,
    marts,
    measure_of,
    render_dictionary,
)
from influence_warehouse.warehouse.units import NUMERIC, RULES
from tests.conftest import ROOT


def test_committed_dictionary_is_current():
    committed = (ROOT / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert committed == render_dictionary(), (
        "run: python -m influence_warehouse.warehouse.dictionary > docs/data-dictionary.md"
    )


def test_every_model_has_its_yml_beside_it():
    models = dbt_project_folder() / "models"
    for sql in models.rglob("*.sql"):
        # A mart by correctness has the columns of the one without, said once for both.
        yml = sql.with_name(f"{sql.stem.removesuffix('_by_correctness')}.yml")
        assert yml.exists(), f"{sql.name} has no yml"
        described = yaml.safe_load(yml.read_text(encoding="utf-8"))["models"]
        assert sql.stem in {model["name"] for model in described}, f"{yml.name}: no {sql.stem}"


def test_every_mart_ends_with_its_grain_and_describes_every_column():
    for mart in marts():
        assert re.search(r"One row per [^.]+\.$", mart["description"].strip()), mart["name"]
        for column in mart["columns"]:
            assert len(column["description"]) > 8, (mart["name"], column["name"])


def test_every_number_has_a_unit_and_every_computed_one_a_formula():
    """What is measured or counted as it is has no formula: all such columns stand here."""
    counted = {
        "seconds",
        "core_seconds",
        "documents_per_second",
        "mean_tokens",
        "inclusion_probability",
        "learning_rate",
    }
    text = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    chapters = set(re.findall(r"^## (.+)$", text, re.MULTILINE))
    for mart in marts():
        for column in mart["columns"]:
            place = (mart["name"], column["name"])
            measure = measure_of(mart, column)
            if column["data_type"] not in NUMERIC:
                assert measure is None
                continue
            assert measure, f"{place}: no rule of warehouse/units.py says its unit and range"
            if column["data_type"] == "double precision" and column["name"] not in counted:
                assert measure.chapter in chapters, f"{place}: {measure.chapter} is no chapter"


def test_no_rule_of_units_is_idle():
    names = {f"{mart['name']}.{column['name']}" for mart in marts() for column in mart["columns"]}
    for pattern, _, _ in RULES:
        assert any(re.fullmatch(pattern, name) for name in names), pattern


def test_formulae_link_to_headings_that_statistics_has():
    text = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    anchors = {anchor_of(heading) for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}
    linked = set(re.findall(r"statistics\.md#([\w-]+)", render_dictionary()))
    assert linked
    assert linked <= anchors


def test_committed_sources_are_those_of_the_contracts():
    folder = dbt_project_folder() / "models" / "staging"
    for name, text in (("lake.yml", render_sources()), ("lake.md", render_blocks())):
        assert (folder / name).read_text(encoding="utf-8") == text, "run: make docs"


def test_a_description_is_typed_once():
    """What a column of a fact means, and what two tables say alike, is referred to."""
    meanings = {(name.rpartition("__")[2], text) for name, text in blocks().items()}
    typed = []
    for path in (dbt_project_folder() / "models").rglob("*.yml"):
        models = yaml.safe_load(path.read_text(encoding="utf-8")).get("models", ())
        # A mart and the one by correctness refer to the same columns by an anchor.
        columns = {id(column): column for model in models for column in model["columns"]}
        typed += [
            (column["name"], " ".join(column["description"].split()))
            for column in columns.values()
            if "{{" not in column["description"]
        ]
    assert typed
    repeated = [pair for pair, count in Counter(typed).items() if count > 1]
    assert [*repeated, *meanings.intersection(typed)] == []


def test_descriptions_refer_to_blocks_that_are_there_and_no_shared_block_is_idle():
    models = dbt_project_folder() / "models"
    text = "".join(path.read_text(encoding="utf-8") for path in models.rglob("*.yml"))
    used = set(re.findall(r"doc\('(\w+)'\)", text))
    shared = re.findall(r"% docs (\w+) %", (models / "columns.md").read_text(encoding="utf-8"))
    assert len(set(shared)) == len(shared)
    assert used == set(shared) | used.intersection(blocks())
    assert not set(shared) & set(blocks())


def test_staging_selects_what_its_yml_names():
    for path in (dbt_project_folder() / "models" / "staging").glob("stg_*.yml"):
        names = [c["name"] for c in yaml.safe_load(path.read_text())["models"][0]["columns"]]
        sql = path.with_suffix(".sql").read_text()
        assert all(re.search(rf"\b{name}\b", sql) for name in names), path.name


def test_no_table_has_the_name_of_a_fact():
    """Both are assets of one graph, where a name stands for one thing."""
    models = {path.stem for path in (dbt_project_folder() / "models").rglob("*.sql")}
    assert models.isdisjoint(CONTRACTS)
