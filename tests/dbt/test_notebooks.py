"""The analysts' notebooks run from top to bottom on a published copy, and on nothing else."""

import ast
import importlib.util
from typing import Any

import polars as pl
import pytest

from tests.conftest import ROOT
from tests.synthetic import PLANTED_TOPICS

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.py"))


def _run(path, home, monkeypatch) -> dict[str, Any]:
    """Names that the notebook's cells define, after running all of them."""
    monkeypatch.setenv("INFLUENCE_WAREHOUSE", str(home.root))
    monkeypatch.setenv("INFLUENCE_STUDY", home.study)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _, definitions = module.app.run()
    definitions["connection"].close()
    return dict(definitions)


def test_there_are_two():
    assert [path.stem for path in NOTEBOOKS] == ["real_difference", "support"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_the_published_copy_alone(path):
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert imported == {"marimo", "os", "altair", "duckdb"}


def test_support_shows_a_row_per_topic_with_its_interval(world, monkeypatch):
    support = next(path for path in NOTEBOOKS if path.stem == "support")
    found = _run(support, world.home, monkeypatch)
    topics: pl.DataFrame = found["topics"]
    assert topics.height == 24
    assert (topics["support_low"] < topics["support_high"]).all()
    ranks = topics["support_rank"]
    assert ranks.drop_nulls().to_list() == list(range(1, 1 + ranks.count()))
    assert ranks.count() > 0
    assert topics["topic"][0] in PLANTED_TOPICS[found["benchmark"].value]
    assert found["bins"].height == 15


def test_real_difference_answers_on_a_study_with_unlearning(truth, monkeypatch):
    path = next(path for path in NOTEBOOKS if path.stem == "real_difference")
    found = _run(path, truth.world.home, monkeypatch)
    assert found["differences"].height == 20
    ranges: pl.DataFrame = found["ranges"]
    assert (ranges["leave_one_bin_out_min"] <= ranges["leave_one_bin_out_max"]).all()
    assert found["verdicts"].height > 0
