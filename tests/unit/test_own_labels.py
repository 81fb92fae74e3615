"""Labels of a study's own: one spelling, told apart, and safe in the name of a run."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from influence_warehouse.errors import InputError
from influence_warehouse.own_labels import (
    MAX_BINS,
    SPELT_SQL,
    escaped,
    label_problem,
    labels_problem,
    pairs,
    pairs_problem,
    spelt,
    unescaped,
)
from influence_warehouse.sampling.bins import Labels
from influence_warehouse.sampling.regions import Region
from influence_warehouse.taxonomy import FORMATS, TOPICS
from influence_warehouse.unlearning.plan import plan_runs
from tests.unlearning_world import chosen_bins, unlearning_study

LABELS = st.text(max_size=20).map(spelt).filter(lambda label: label_problem(label) is None)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_python_and_sql_spell_alike(text):
    sql = f"select {SPELT_SQL.format('$1')}"
    assert spelt(text) == (duckdb.execute(sql, [text]).fetchone()[0] or "")


def test_what_looks_the_same_is_one_label():
    assert spelt(" nai\u0308ve\u00a0 text\u3000") == spelt("na\u00efve text")


@given(st.lists(LABELS, min_size=2, max_size=4, unique=True))
def test_regions_of_any_labels_have_names_of_their_own(labels):
    regions = [Region(), *(Region(a) for a in labels), *(Region(None, b) for b in labels)]
    regions += [Region(a, b) for a in labels for b in labels]
    names = [region.name for region in regions]
    assert len(set(names)) == len(names)
    assert [Region.parse(name) for name in names] == regions
    for name in names:
        assert not {"/", "\\", "|", "+", "\0"} & set(name)


@given(LABELS)
def test_duckdb_reads_the_names_of_regions_as_python_does(label):
    """The suite on forget sets recounts by SQL."""
    found = duckdb.execute("select url_decode($1)", [escaped(label)]).fetchone()[0]
    assert found == label == unescaped(escaped(label))


def test_slugs_of_weborganizer_keep_their_names():
    assert all(escaped(slug) == slug for slug in (*TOPICS, *FORMATS))


def test_labels_that_cannot_be_told_apart_are_named():
    assert "look alike" in str(labels_problem(["Sport", "Sp\u200bort"]))
    assert f"more than {MAX_BINS:,}" in str(pairs_problem(TOPICS * 4, FORMATS * 4))
    assert "'a/b/c'" in str(pairs_problem(["a", "a/b"], ["b/c", "c"]))
    assert labels_problem(["a", "b"]) is pairs_problem(["a", "b"], ["a"]) is None
    assert pairs(["b", "a"], ["y", "x"]) == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]


def test_a_run_is_planned_for_own_labels_and_refused_for_others(tmp_path):
    study = unlearning_study(tmp_path)
    known = Labels(("any", "C++ / Qt"), ("all",), "choose labels")
    plan = plan_runs(study, chosen_bins(("alpha", "C++ / Qt", None), ("beta", "any", "all")), known)
    kinds = dict(plan.select("topic", "region_kind").iter_rows())
    assert kinds == {"C%2B%2B %2F Qt": "topic", "%61ny.%61ll": "bin", "all": "all"}
    with pytest.raises(InputError, match=r"no 'games'.*unlearning\.regions.*Remedy"):
        plan_runs(study, chosen_bins(("alpha", "games", None)), known)


def test_a_label_too_long_for_a_file_is_refused(tmp_path):
    label = "\u65e5." * 50
    assert label_problem(label) is None
    with pytest.raises(InputError, match=r"180 bytes.*Remedy: shorter labels"):
        plan_runs(
            unlearning_study(tmp_path),
            chosen_bins(("alpha", label, None)),
            Labels((label,), ("all",), "choose labels"),
        )
