"""Items as read: every input shape gives the same items, and samples grow by adding."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.benchmarks.items import read_items
from influence_warehouse.errors import InputError
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.load import load_study
from tests.benchmark_world import item, lake_of, study_of, write_items


def read(folder: Path, items: Path, **benchmark):
    study = study_of(folder, items, **benchmark)
    return read_items(study, study.benchmarks[0], lake_of(folder).home)


def test_parquet_and_json_lines_give_the_same_items(tmp_path):
    rows = [item(n) for n in range(5)]
    from_parquet = read(tmp_path, write_items(tmp_path / "a.parquet", rows))
    from_lines = read(tmp_path, write_items(tmp_path / "a.jsonl", rows))
    assert from_parquet == from_lines
    assert len(from_parquet.items) == from_parquet.available == 5


def test_columns_are_mapped_and_texts_stripped(tmp_path):
    rows = [{"id": 3, "q": " Who? ", "options": ["a ", "b"], "gold": 1, "c": " Once. ", "s": "law"}]
    found = read(
        tmp_path,
        write_items(tmp_path / "a.jsonl", rows),
        columns={
            "item_id": "id",
            "question": "q",
            "choices": "options",
            "answer_index": "gold",
            "context": "c",
            "subject": "s",
        },
    )
    only = found.items[0]
    assert (only.item_id, only.question, only.context, only.subject) == (
        "3",
        "Who?",
        "Once.",
        "law",
    )
    assert only.choices == ("a", "b")


@pytest.mark.parametrize(
    ("columns", "clusters"),
    [
        ({}, ["0", "1", "2", "3", "4"]),
        ({"subject": "s"}, ["law", "law", "arts", "3", "4"]),
        ({"subject": "s", "cluster": "fact"}, ["7", "8", "7", "8", "7"]),
        ({"subject": "s", "cluster": "item_id"}, ["0", "1", "2", "3", "4"]),
        # A single source is no sample of sources: then each item is its own.
        ({"subject": "same"}, ["0", "1", "2", "3", "4"]),
    ],
)
def test_items_are_drawn_by_what_they_share(tmp_path, columns, clusters):
    sources = [("law", 7), ("law", 8), ("arts", 7), (None, 8), (" ", 7)]
    rows = [
        item(n) | {"item_id": str(n), "s": subject, "fact": fact, "same": "one"}
        for n, (subject, fact) in enumerate(sources)
    ]
    path = write_items(tmp_path / "a.jsonl", rows)
    study, lake = study_of(tmp_path, path, columns=columns), lake_of(tmp_path)
    make_fact(study, lake, "benchmark_items")
    made = lake.read("benchmark_items").sort("item_id")
    assert made["cluster"].to_list() == clusters


def test_hub_shapes_of_arc_and_socialiqa_and_mmlu(tmp_path):
    arc = [
        {
            "id": "x",
            "question": "Which?",
            "choices": {"text": ["ice", "fire", "air"], "label": ["1", "2", "3"]},
            "answerKey": "3",
        }
    ]
    social = [
        {"context": "C.", "question": "Why?", "A": "x", "B": "y", "C": "z", "label": "2"},
        {"context": "D.", "question": "Who?", "A": "x", "B": "y", "C": "z", "label": "1"},
    ]
    arc_items = read(
        tmp_path,
        write_items(tmp_path / "arc.jsonl", arc),
        columns={"item_id": "id", "answer_index": "answerKey"},
    )
    social_items = read(
        tmp_path,
        write_items(tmp_path / "social.jsonl", social),
        columns={
            "item_id": None,
            "context": "context",
            "choices": ["A", "B", "C"],
            "answer_index": "label",
            "answer_labels": ["1", "2", "3"],
        },
    )
    assert (arc_items.items[0].answer_index, arc_items.items[0].choices[2]) == (2, "air")
    assert [found.answer_index for found in social_items.items] == [1, 0]
    assert [found.item_id for found in social_items.items] == ["00000000", "00000001"]


@pytest.mark.parametrize("answer", [1, "1", 1.0])
@pytest.mark.parametrize("labels", [["1", "2", "3"], ["0", "1", "2"]])
def test_a_number_with_labels_is_a_label(answer, labels, tmp_path):
    path = write_items(
        tmp_path / "a.jsonl", [item(0, choices=["x", "y", "z"], answer_index=answer)]
    )
    found = read(tmp_path, path, columns={"answer_labels": labels})
    assert found.items[0].answer_index == labels.index("1")


@pytest.mark.parametrize(
    ("answer", "labels"), [(0, "123"), (4, "123"), (0, "ABC"), ("a", "ABC"), (True, "123")]
)
def test_with_labels_no_answer_is_an_index(answer, labels, tmp_path):
    path = write_items(
        tmp_path / "a.jsonl", [item(0, choices=["x", "y", "z"], answer_index=answer)]
    )
    with pytest.raises(InputError, match=rf"item-000.*label {answer!r} is none of.*answer_labels"):
        read(tmp_path, path, columns={"answer_labels": [*labels]})


def test_rows_of_another_benchmark_are_left_alone(tmp_path):
    rows = [item(n, bench="one" if n < 2 else "two") for n in range(5)]
    rows.append(item(9, bench="three", choices=[]))
    path = write_items(tmp_path / "a.parquet", rows)
    one = read(tmp_path, path, columns={"benchmark": "bench"}, select="one")
    both = read(tmp_path, path, columns={"benchmark": "bench"}, select=["one", "two"])
    assert [len(one.items), len(both.items)] == [2, 5]


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30), st.integers(2, 30))
def test_a_larger_sample_keeps_the_smaller_one(tmp_path_factory, small, large):
    small, large = sorted((small, large))
    folder = tmp_path_factory.mktemp("sample")
    path = write_items(folder / "a.parquet", [item(n) for n in range(30)])
    backwards = write_items(folder / "b.parquet", [item(n) for n in reversed(range(30))])
    few = {found.item_id for found in read(folder, path, max_items=small).items}
    many = {found.item_id for found in read(folder, path, max_items=large).items}
    assert few <= many
    assert (len(few), len(many)) == (small, large)
    assert few == {found.item_id for found in read(folder, backwards, max_items=small).items}


def test_items_with_a_repeated_choice_are_set_aside_and_named(tmp_path):
    rows = [item(0), item(1, choices=["x", "y", "x ", "z"]), item(2)]
    study = study_of(
        tmp_path, write_items(tmp_path / "a.jsonl", rows), repeated_choices="set_aside"
    )
    outcome = make_fact(study, lake_of(tmp_path), "benchmark_items")[0]
    assert outcome.rows == 2
    assert outcome.details["b1"]["set_aside"] == ["item-001"]


def test_fact_is_reused_until_items_or_rules_change(tmp_path):
    path = write_items(tmp_path / "a.parquet", [item(n) for n in range(4)])
    lake = lake_of(tmp_path)
    assert not make_fact(study_of(tmp_path, path), lake, "benchmark_items")[0].reused
    assert make_fact(study_of(tmp_path, path), lake, "benchmark_items")[0].reused
    # The metric does not change what is asked; the prompt's format does.
    assert make_fact(study_of(tmp_path, path, metric="acc_norm"), lake, "benchmark_items")[0].reused
    assert not make_fact(study_of(tmp_path, path, prompt_format="cloze"), lake, "benchmark_items")[
        0
    ].reused
    write_items(path, [item(n) for n in range(5)])
    assert not make_fact(study_of(tmp_path, path, prompt_format="cloze"), lake, "benchmark_items")[
        0
    ].reused


def test_fingerprint_does_not_depend_on_where_the_file_is(tmp_path):
    rows = [item(n) for n in range(4)]
    (tmp_path / "elsewhere").mkdir()
    here = study_of(tmp_path, write_items(tmp_path / "a.parquet", rows))
    there = study_of(tmp_path, write_items(tmp_path / "elsewhere/a.parquet", rows))
    lake = lake_of(tmp_path)
    digests = {fingerprint_of(study, lake, "benchmark_items").digest for study in (here, there)}
    assert len(digests) == 1


def test_study_definitions_hold_the_contrasts_coefficients(tmp_path):
    study = load_study("demo")
    lake = lake_of(tmp_path)
    outcomes = make_fact(study, lake, "study_benchmarks")
    assert [outcome.rows for outcome in outcomes] == [4, 12, 1, 4]
    assert all(outcome.reused for outcome in make_fact(study, lake, "study_benchmarks"))
    rows = lake.read("study_contrasts").filter(contrast="social_minus_stem_interaction")
    weights = dict(zip(rows["benchmark"], rows["coefficient"], strict=True))
    assert weights == {
        "social_situations": 1.0,
        "stem_situations": -1.0,
        "social_facts": -1.0,
        "stem_facts": 1.0,
    }
    assert set(rows["benchmark_a"]) == {"reasoning_social_minus_stem"}
    assert lake.read("study_benchmarks")["position"].sort().to_list() == [0, 1, 2, 3]


@pytest.mark.parametrize("preset", ["webtext"])
def test_real_items_of_the_preset(preset, shared_data, monkeypatch, tmp_path):
    monkeypatch.setenv("INFLUENCE_SHARED_DATA", str(shared_data))
    study = load_study(preset)
    lake = lake_of(tmp_path)
    outcome = make_fact(study, lake, "benchmark_items")[0]
    wanted = sum(benchmark.max_items for benchmark in study.benchmarks)
    assert outcome.rows == wanted
    sizes = lake.read("benchmark_items").group_by("benchmark").agg(pl.col("item_id").n_unique())
    assert sizes["item_id"].to_list() == [wanted // 4] * 4
