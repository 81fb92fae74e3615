"""Counting terms: what a term is, and that nothing but the texts decides the counts."""

import re
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.sampling import terms
from influence_warehouse.sampling.terms import count_terms
from tests.synthetic import synthetic_lake

# (bin, text): letters of several scripts, marks, controls and markup.
PAGES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.text(
            st.sampled_from("aAbBäÄéßİ\u03c3Σjтшन\u093f\u0301\u2019'<>&-_ 1\n\x00"), max_size=30
        ),
    ),
    max_size=25,
)


def counted(pages: list[tuple[int, str]], rank: list[int] | None = None):
    """`count_terms` of pages, as ({(bin, term): (documents, uses)}, rows of bin_words)."""
    ids = [f"d{number}" for number in range(len(pages))]
    schema = {"doc_id": pl.String, "bin_id": pl.Int32, "text": pl.String, "sample_rank": pl.Int32}
    columns = [ids, [b for b, _ in pages], [t for _, t in pages], rank or [0] * len(pages)]
    frame = pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame.select("doc_id", "text").write_parquet(folder / "documents.parquet")
        frame.reverse().drop("text").write_parquet(folder / "manifest.parquet")
        found, words = count_terms(
            folder / "documents.parquet", folder / "manifest.parquet", folder
        )
    return {row[:2]: row[2:] for row in found.iter_rows()}, words.sort("bin_id")


def terms_of(text: str) -> list[str]:
    """Runs of letters and marks by Unicode's categories, one character at a time."""
    plain = unicodedata.normalize("NFC", text)
    letters = [c if unicodedata.category(c)[0] in "LM" else " " for c in plain]
    return [run for run in "".join(letters).split() if 2 <= len(run) <= 40]


@settings(deadline=None, max_examples=40)
@given(pages=PAGES)
def test_counts_are_those_of_the_letters_in_the_texts(monkeypatch_module, pages):
    found, words = counted(pages)
    uses, documents, per_bin = Counter(), Counter(), Counter()
    for bin_id, text in pages:
        # Lower-casing by the engine, one to one: Python's own differs on a few letters.
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        lowered = lowered.replace("İ", "i")
        run = terms_of(lowered)
        per_bin[bin_id] += len(run)
        uses.update((bin_id, term) for term in run)
        documents.update((bin_id, term) for term in set(run))
    assert found == {key: (documents[key], uses[key]) for key in uses}
    assert dict(words.select("bin_id", "n_words").iter_rows()) == {
        bin_id: per_bin[bin_id] for bin_id, _ in pages
    }
    assert words["n_words"].equals(words["n_words_kept"].alias("n_words"))


@pytest.fixture(scope="module", autouse=True)
def monkeypatch_module():
    """Every term is kept, unless a test says otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terms, "MIN_DOCUMENTS", 1)
        patch.setattr(terms, "TEXT_BATCH", 4)
        yield patch


@settings(deadline=None, max_examples=15)
@given(pages=PAGES, data=st.data())
def test_the_order_of_documents_does_not_matter(pages, data):
    shuffled = data.draw(st.permutations(pages))
    first, words = counted(pages)
    again, words_again = counted(shuffled)
    assert first == again
    assert words.equals(words_again)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't <b>STOP</b>", {"don", "stop"}),
        ("<script>alert(1)</script>", {"script", "alert"}),
        ("café cafe\u0301 CAFÉ", {"café"}),
        ("हिन्दी में", {"हिन्दी", "में"}),
        ("x y 42 a_b 3d", set()),
        ("a" * 40 + " " + "b" * 41, {"a" * 40}),
        ("日本語 2026", {"日本語"}),
    ],
)
def test_what_a_term_is(text, expected):
    found, _ = counted([(0, text)])
    assert {term for _, term in found} == expected


def test_rare_terms_and_those_beyond_the_limit_are_out_and_the_words_still_count(monkeypatch):
    monkeypatch.setattr(terms, "MIN_DOCUMENTS", 2)
    monkeypatch.setattr(terms, "MAX_TERMS", 2)
    pages = [(0, "cc bb cc"), (1, "bb aa cc"), (1, "aa once")]
    found, words = counted(pages)
    # Three terms of two documents each: the first two of the alphabet stay.
    assert found == {(0, "bb"): (1, 1), (1, "bb"): (1, 1), (1, "aa"): (2, 2)}
    assert words.rows() == [(0, 1, 3, 1), (1, 2, 5, 3)]


def test_only_the_first_documents_of_a_bin_are_read(monkeypatch):
    monkeypatch.setattr(terms, "DOCUMENTS_PER_BIN", 2)
    found, words = counted([(0, "aa"), (0, "bb"), (0, "cc")], rank=[2, 0, 1])
    assert set(found) == {(0, "bb"), (0, "cc")}
    assert words["n_documents"].to_list() == [2]


def test_the_fact_is_reused_and_does_not_depend_on_shards(tmp_path):
    few = synthetic_lake(tmp_path / "few", documents=200, resamples=100, shards=1)
    many = synthetic_lake(tmp_path / "many", documents=200, resamples=100, shards=5)
    for fact in ("bin_terms", "bin_words"):
        assert few.lake.read(fact).equals(many.lake.read(fact))
    before = few.lake.path("bin_terms").read_bytes()
    assert all(outcome.reused for outcome in make_fact(few.study, few.lake, "bin_terms"))
    few.lake.path("bin_words").unlink()
    assert not any(outcome.reused for outcome in make_fact(few.study, few.lake, "bin_terms"))
    assert few.lake.path("bin_terms").read_bytes() == before
    pattern = re.compile(r"[a-z]{2,40}")
    assert all(pattern.fullmatch(term) for term in few.lake.read("bin_terms")["term"])
