"""A study whose labels are its own, from the corpus to the tables, the charts and forget sets."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.errors import InfluenceError, InputError, StudyError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_fact, make_step
from influence_warehouse.pipeline.steps import steps
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.gallery import chart_specs
from influence_warehouse.reports.page_data import findings_text
from influence_warehouse.reports.report import write_report
from influence_warehouse.sampling.expectations import check_sampling_manifest
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.expectations import check_unlearning_sets
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish
from influence_warehouse.warehouse.query import run_query
from tests.corpus_world import write_lines
from tests.scoring_lake import WORDS
from tests.tiny_model import write_tiny_model
from tests.unlearning_world import make_plan

# The same label twice, by composed letters and kinds of space; words that mean something here.
TOPICS = ["C++ / Qt", "nai\u0308ve.texts", "na\u00efve.texts ", "any", "\u65e5\u672c\u8a9e|x", "7"]
KNOWN = sorted({"C++ / Qt", "na\u00efve.texts", "any", "\u65e5\u672c\u8a9e|x", "7"})
FORMATS = ["all", "Q&A '?' \"#\""]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "model")


def _texts(count: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(12, 20))) for _ in range(count)]


def _rows(count: int = 60) -> list[dict]:
    return [
        {
            "doc_id": f"d{i:03d}",
            "text": text,
            "subject": int(topic) if (topic := TOPICS[i % len(TOPICS)]).isdigit() else topic,
            "kind": FORMATS[i // len(TOPICS) % 2],
        }
        for i, text in enumerate(_texts(count))
    ]


def _study(folder: Path, model: Path, rows: list[dict], columns: dict, **changes) -> Study:
    items = [
        {"question": text, "choices": ["red river", "blue star"], "answer_index": i % 2}
        for i, text in enumerate(_texts(24, seed=2))
    ]
    benchmarks = []
    for number, name in enumerate(("alpha", "beta")):
        path = write_lines(folder / f"{name}.jsonl", items[12 * number : 12 * number + 12])
        benchmarks.append(
            {"name": name, "domain": "social", "capability": "reasoning", "path": str(path)}
            | {"columns": {"item_id": None}}
        )
    return Study.model_validate(
        {
            "name": "own",
            "taxonomy": "columns",
            "corpus": {
                "path": str(write_lines(folder / "corpus.jsonl", rows)),
                "columns": columns,
            },
            "sampling": {"documents_per_bin": 50},
            "models": [{"path": str(model), "max_tokens": 64}],
            "benchmarks": benchmarks,
            "attribution": {"methods": [{"kind": "bm25"}], "top_k": 5},
            "contrasts": [{"name": "alpha_minus_beta", "a": "alpha", "b": "beta"}],
            "statistics": {"resamples": 100},
        }
        | changes
    )


def _make(study: Study, lake: Lake, *stages: str) -> None:
    for step in steps(study):
        if step.stage in stages and "unlearned_models" not in step.facts:
            for part in step.part_keys(study, lake):
                make_step(step, study, lake, part)


def _lake(folder: Path) -> Lake:
    home = Home(folder, "own")
    home.create()
    return Lake(home)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [("subject",), ("subject", "kind")])
def test_own_labels_go_from_the_corpus_to_the_tables(tmp_path, model, columns):
    lake = _lake(tmp_path)
    study = _study(tmp_path, model, _rows(), dict(zip(("topic", "format"), columns, strict=False)))
    _make(study, lake, "corpus", "sampling", "benchmarks", "attribution", "warehouse")
    assert all(outcome.success for outcome in check_sampling_manifest(study, lake))
    build_warehouse(study, lake)
    publish(lake.home, study)
    formats = sorted(FORMATS) if len(columns) > 1 else ["all"]
    bins = run_query(lake.home, "select topic, format from bins order by bin_id")
    assert bins.rows() == [(topic, format) for topic in KNOWN for format in formats]
    z = run_query(
        lake.home, "select topic, z from topic_influence where benchmark = 'alpha' order by topic"
    )
    assert z["topic"].unique().sort().to_list() == KNOWN and z["z"].null_count() == 0
    heat_maps = chart_specs(lake.home, "bin_heatmap")
    assert len(heat_maps) == (2 if len(columns) > 1 else 0)
    assert chart_specs(lake.home, "topic_profile")
    assert bool(chart_specs(lake.home, "format_profile")) == (len(columns) > 1)
    _check_that_words_are_the_studys(lake.home, study, columns)


def _check_that_words_are_the_studys(home: Home, study: Study, columns: tuple[str, ...]) -> None:
    """Charts, the summary and pages call labels by the names of their columns."""
    told = run_query(home, "select topic_grouping, format_grouping from labels").rows()
    assert told == [(columns[0], columns[1] if len(columns) > 1 else None)]
    for name in CHARTS:
        for spec in chart_specs(home, name).values():
            words = str(list(_words(json.loads(spec))))
            assert not re.search(r"\b(topic|format)s?\b", words, re.IGNORECASE), (name, words)
    profile = next(iter(chart_specs(home, "topic_profile").values()))
    assert json.loads(profile)["title"]["text"] == "Which subjects support which benchmark most?"
    text = findings_text(home)
    assert re.search(r"Subjects that support a benchmark|No subject is told apart", text)
    assert "Contrasts: subjects at both ends" in text and "opics" not in text
    page = write_report(home, study, "own").with_name("support.html").read_text(encoding="utf-8")
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert "Where does what speaks for each benchmark stand, by subject" in str(headings)
    assert not re.search(r"\btopics?\b", str(headings))


def _words(part) -> Iterator[str]:
    """What a chart's specification shows beside its rows: titles and notes."""
    if isinstance(part, list):
        for each in part:
            yield from _words(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ("title", "text", "subtitle") and not isinstance(value, dict):
                yield str(value)
            elif key != "datasets":
                yield from _words(value)


def test_forget_sets_are_of_own_labels_and_pass_their_checks(tmp_path, model):
    lake = _lake(tmp_path)
    listed = [
        {"benchmark": "alpha", "topic": "nai\u0308ve.texts"},
        {"benchmark": "beta", "topic": "any", "format": "all"},
    ]
    unlearning = {
        "regions": {"rule": "explicit", "explicit": listed},
        "seeds": [1],
        **dict.fromkeys(("forget_documents", "retain_documents", "probe_documents"), 3),
    }
    columns = {"topic": "subject", "format": "kind"}
    study = _study(tmp_path, model, _rows(), columns, unlearning=unlearning)
    _make(study, lake, "corpus", "sampling", "benchmarks", "attribution")
    rules = next(step for step in steps(study) if "region_rules" in step.facts)
    make_step(rules, study, lake)
    chosen = lake.read("region_rules").with_columns(region_kind=pl.lit("topic"))
    make_plan(study, lake, chosen, "base|bm25")
    make_fact(study, lake, "forget_sets", "base|bm25")
    assert all(outcome.success for outcome in check_unlearning_sets(study, lake))
    of_any = lake.read("forget_sets", "base|bm25").filter(
        pl.col("run_id").str.contains("random_in_topic|%61ny.%61ll", literal=True)
    )
    drawn = lake.read("documents").join(of_any, on="doc_id")
    assert set(drawn.select("topic", "format").rows()) == {("any", "all")}
    stranger = [{"benchmark": "alpha", "topic": "games"}]
    other = {**unlearning, "regions": {"rule": "explicit", "explicit": stranger}}
    with pytest.raises(InputError, match=r"no 'games'.*corpus\.columns"):
        make_step(rules, _study(tmp_path, model, _rows(), columns, unlearning=other), lake)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject": "Sp\u200bort"}, r"look alike.*corpus\.columns\.topic.*Remedy"),
        ({"subject": None}, r"unknown_label: 1 rows"),
        ({"subject": " \u00a0"}, r"unknown_label: 1 rows(.|\n)*is empty"),
        ({"subject": "x" * 101}, r"unknown_label: 1 rows(.|\n)*more than 100"),
        ({"subject": "a\u202eb"}, r"unknown_label: 1 rows(.|\n)*control character U\+202E"),
        ({"subject": 1.5}, "expected text or integer"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path, model, change, message):
    rows = [*_rows(6), {"doc_id": "x", "text": "the king", "subject": "Sport", "kind": "all"}]
    rows.append({"doc_id": "y", "text": "a queen", "kind": "all"} | change)
    study = _study(tmp_path, model, rows, {"topic": "subject"})
    with pytest.raises(InputError, match=message):
        _make(study, _lake(tmp_path), "corpus")


def test_one_label_for_all_documents_is_refused(tmp_path, model):
    rows = [row | {"subject": "same"} for row in _rows(6)]
    with pytest.raises(InputError, match=r"all documents have the label 'same'.*Remedy"):
        _make(_study(tmp_path, model, rows, {"topic": "subject"}), _lake(tmp_path), "corpus")


def test_sampled_topics_are_those_of_the_corpus(tmp_path, model):
    sampling = {"documents_per_bin": 50, "topics": ["any", 7]}
    study = _study(tmp_path, model, _rows(), {"topic": "subject"}, sampling=sampling)
    lake = _lake(tmp_path)
    _make(study, lake, "corpus", "sampling")
    assert set(lake.read("sampling_manifest")["topic"]) == {"any", "7"}
    sampling = {"documents_per_bin": 50, "topics": ["games"]}
    other = _study(tmp_path, model, _rows(), {"topic": "subject"}, sampling=sampling)
    with pytest.raises(InputError, match=r"sampling\.topics.*'games'.*Remedy"):
        _make(other, lake, "sampling")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus": {"path": "c"}}, r"corpus\.columns\.topic"),
        ({"unlearning": {"regions": {"rule": "formats"}}}, r"corpus\.columns\.format"),
        ({"corpus": {"path": "c", "columns": {"topic": "t"}, "labels": "classifiers",
                     "classifiers": {"topic_revision": "a", "format_revision": "b"}}},
         "taxonomy"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_label_is_refused(tmp_path, model, changes, message):
    with pytest.raises((ValueError, StudyError, InfluenceError), match=message):
        _study(tmp_path, model, _rows(6), {"topic": "subject"}, **changes)


def test_a_study_with_own_labels_is_the_same_when_read_again(tmp_path, model):
    study = _study(tmp_path, model, _rows(6), {"topic": "subject"})
    assert study.corpus.columns.format is None
    assert Study.model_validate(json.loads(study.model_dump_json())) == study
