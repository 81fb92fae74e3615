"""The study file's reference page says what the model says."""

from pathlib import Path

from influence_warehouse.study.load import parse_study
from influence_warehouse.study.reference import EXAMPLE, render_reference
from tests.conftest import ROOT


def test_committed_reference_is_current():
    committed = (ROOT / "docs" / "study-file.md").read_text(encoding="utf-8")
    assert committed == render_reference(), (
        "remake it: python -m influence_warehouse.study.reference > docs/study-file.md"
    )


def test_example_of_the_reference_is_a_valid_study():
    assert parse_study(EXAMPLE, "example", Path("/")).name == "my_study"


def test_reference_has_a_section_for_each_part_and_its_limits():
    page = render_reference()
    assert "### `attribution.methods[] (kind: trackstar).preconditioner`" in page
    assert "### `benchmarks[].columns`" in page
    assert "| `resamples` | whole number, at least 100 | `1000` |" in page
