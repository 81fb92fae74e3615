"""Bins in words: the marts against numpy, and what a planted word or a page's markup becomes."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.taxonomy import FORMATS, TOPICS
from influence_warehouse.warehouse.build import build_warehouse, dbt_environment, read_built

LEVELS = {"topic": 24, "format": 24, "bin": 576}


def _counts(world) -> dict[str, np.ndarray]:
    """Uses of each term per bin [576], and beside it `term/documents`, from the texts alone."""
    texts = world.lake.read("documents").sort("doc_id")["text"]
    uses: dict[str, np.ndarray] = {}
    for text, bin_id in zip(texts, world.bin_of, strict=True):
        for term, count in Counter(re.findall("[a-z]{2,40}", text.lower())).items():
            for name, amount in ((term, count), (f"{term}/documents", 1)):
                uses.setdefault(name, np.zeros(576))[bin_id] += amount
    return uses


def _folded(values: np.ndarray, level: str) -> np.ndarray:
    table = values.reshape(24, 24)
    return {"topic": table.sum(axis=1), "format": table.sum(axis=0), "bin": values}[level]


def _expected(world, level: str) -> dict[tuple[int, str], tuple[float, float]]:
    """(region, term) -> (log_odds, z) as docs/statistics.md has it."""
    uses = _counts(world)
    terms = [t for t in uses if "/" not in t and uses[f"{t}/documents"].sum() >= 3]
    y = np.array([_folded(uses[term], level) for term in terms])
    documents = np.array([_folded(uses[f"{term}/documents"], level) for term in terms])
    sizes = _folded(np.bincount(world.bin_of, minlength=576), level)
    n, n_regions = y.sum(axis=0), (y.sum(axis=0) > 0).sum()
    alpha = y.sum(axis=1, keepdims=True) / n_regions
    other, n_other = y.sum(axis=1, keepdims=True) - y, y.sum() - n
    here = (y + alpha) / (n + alpha.sum() - y - alpha)
    elsewhere = (other + alpha) / (n_other + alpha.sum() - other - alpha)
    delta = np.log(here) - np.log(elsewhere)
    z = delta / np.sqrt(1 / (y + alpha) + 1 / (other + alpha))
    kept = (documents >= 2) & (documents >= 0.05 * sizes) & (z > 0)
    return {(r, terms[t]): (delta[t, r], z[t, r]) for t, r in np.argwhere(kept)}


@pytest.mark.parametrize("level", LEVELS)
def test_terms_log_odds_and_ranks_are_those_of_the_texts(world, query, level):
    names = [f"{t}/{f}" for t in TOPICS for f in FORMATS]
    names = {"topic": TOPICS, "format": FORMATS, "bin": names}[level]
    expected = _expected(world, level)
    rows = query(f"select * from distinctive_terms where level = '{level}'")
    assert len(rows) > LEVELS[level] / 2
    per_region = Counter(names[region] for region, _ in expected)
    found = dict(rows["region"].value_counts().iter_rows())
    assert found == {region: min(n, 20) for region, n in per_region.items()}
    keys = [
        (names.index(region), term) for region, term in rows.select("region", "term").iter_rows()
    ]
    values = np.array([expected[key] for key in keys])
    assert_allclose(rows["log_odds"], values[:, 0], rtol=1e-9, atol=1e-12)
    assert_allclose(rows["z_score"], values[:, 1], rtol=1e-9, atol=1e-12)
    for _, region in rows.sort("rank").group_by("region"):
        assert region["rank"].to_list() == list(range(1, len(region) + 1))
        assert region["z_score"].is_sorted(descending=True)


@pytest.mark.parametrize(("level", "name"), [("topic", "literature"), ("format", "tutorial")])
def test_counts_beside_the_statistic(world, query, level, name):
    uses = _counts(world)
    position = (TOPICS if level == "topic" else FORMATS).index(name)
    row = query(
        f"select * from distinctive_terms where level = '{level}' and region = '{name}' "
        f"and term = '{name}'"
    ).row(0, named=True)
    folded = _folded(uses[name], level)
    assert row["rank"] == 1, "the synthetic texts name their topic and format"
    assert row["count"] == folded[position]
    assert row["count_elsewhere"] == folded.sum() - folded[position]
    assert row["n_documents"] == _folded(uses[f"{name}/documents"], level)[position]
    sizes = _folded(np.bincount(world.bin_of, minlength=576), level)
    assert row["region_documents"] == sizes[position]


@pytest.fixture(scope="module")
def rebuilt(world, tmp_path_factory) -> Home:
    """The study with a word that one topic alone uses, and pages full of markup and controls."""
    root = tmp_path_factory.mktemp("terms")
    shutil.copytree(world.home.path, root / world.home.study)
    home = Home(root, world.home.study)
    lake = Lake(home)
    page = "<script>alert('evil')</script>\x1b[31m red \x9b0m\x00 &lt;b&gt; "
    texts = pl.when(pl.col("topic") == "politics").then(pl.lit("zebrafish " * 8) + pl.col("text"))
    changed = lake.read("documents").with_columns(
        text=texts.otherwise(pl.lit(page) + pl.col("text"))
    )
    lake.write("documents", changed, Fingerprint.of("documents", planted="zebrafish"))
    assert not make_fact(world.study, lake, "bin_terms")[0].reused
    build_warehouse(world.study, lake)
    return home


@pytest.mark.slow
def test_a_word_that_one_topic_alone_uses_ranks_first_there(rebuilt):
    terms = read_built(rebuilt, "distinctive_terms")
    rows = terms.filter(term="zebrafish", level="topic")
    assert rows.select("region", "rank", "count_elsewhere").rows() == [("politics", 1, 0)]
    bins = terms.filter(pl.col("term") == "zebrafish", pl.col("level") == "bin")
    assert set(bins["topic"]) == {"politics"}


@pytest.mark.slow
def test_no_markup_enters_a_term_and_an_excerpt_stays_a_line_of_its_text(rebuilt):
    terms = read_built(rebuilt, "distinctive_terms")["term"]
    assert "script" in terms
    assert all(re.fullmatch(r"[^\W\d_]{2,40}", term) for term in terms)
    excerpts = read_built(rebuilt, "top_documents").filter(pl.col("topic") != "politics")["excerpt"]
    start = "<script>alert('evil')</script> [31m red 0m &lt;b&gt; doc-"
    assert excerpts.str.starts_with(start).all(), "as the page has it: escaping is for who shows it"
    assert not excerpts.str.contains(r"\p{Cc}").any()
    assert excerpts.str.len_chars().max() <= 200


@pytest.mark.slow
def test_a_study_without_texts_has_the_table_without_rows(world, rebuilt, tmp_path):
    home = Home(tmp_path, rebuilt.study)
    shutil.copytree(rebuilt.path, home.path)
    for fact in ("bin_terms", "bin_words"):
        Lake(home).path(fact).unlink()
    command = ["build", "--select", "source:lake.bin_terms+", "source:lake.bin_words+"]
    finished = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", *command],
        env=os.environ | dbt_environment(home, world.study),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-3000:]
    assert read_built(home, "distinctive_terms").is_empty()
