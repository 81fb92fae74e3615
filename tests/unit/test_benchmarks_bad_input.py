"""Broken items: one readable error that names file, item, field and remedy, and no fact."""

import pytest

from influence_warehouse.errors import FactError, InputError
from influence_warehouse.pipeline.making import make_fact
from tests.benchmark_world import item, lake_of, study_of, write_items

BROKEN_ITEMS = {
    "no right answer": (item(1, answer_index=None), ["item-001", "answer_index", "right answer"]),
    "answer out of range": (item(1, answer_index=4), ["item-001", "answer_index", "0 to 3"]),
    "negative answer": (item(1, answer_index=-1), ["item-001", "answer_index"]),
    "answer is text": (item(1, answer_index="B"), ["item-001", "answer_labels"]),
    "answer is a fraction": (item(1, answer_index=1.5), ["item-001", "whole number"]),
    "one choice": (item(1, choices=["x"], answer_index=0), ["item-001", "1 choices"]),
    "eleven choices": (item(1, choices=[*"abcdefghijk"]), ["item-001", "11 choices"]),
    "empty choice": (item(1, choices=["x", " "]), ["item-001", "choices", "non-empty"]),
    "choices not a list": (item(1, choices="x, y"), ["item-001", "list of choices"]),
    "choices null": (item(1, choices=None), ["item-001", "list of choices"]),
    "repeated choice": (item(1, choices=["x", "x"]), ["item-001", "set_aside"]),
    "empty question": (item(1, question="  "), ["item-001", "question", "empty"]),
    "question null": (item(1, question=None), ["item-001", "question", "not text"]),
    "duplicate id": (item(1, item_id="item-000"), ["item-000", "twice"]),
    "empty id": (item(1, item_id=""), ["row 1", "item_id"]),
}


@pytest.mark.parametrize("problem", BROKEN_ITEMS)
def test_one_broken_item_is_named(problem, tmp_path):
    broken, words = BROKEN_ITEMS[problem]
    path = write_items(tmp_path / "items.jsonl", [item(0), broken])
    lake = lake_of(tmp_path)
    with pytest.raises(InputError) as caught:
        make_fact(study_of(tmp_path, path), lake, "benchmark_items")
    for word in [*words, "items.jsonl", "Remedy"]:
        assert word in str(caught.value)
    with pytest.raises(FactError):
        lake.require("benchmark_items")


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"absent\.parquet.*benchmarks\.b1\.path"):
        make_fact(
            study_of(tmp_path, tmp_path / "absent.parquet"), lake_of(tmp_path), "benchmark_items"
        )


def test_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "items.parquet").mkdir()
    with pytest.raises(InputError, match="no such file"):
        make_fact(
            study_of(tmp_path, tmp_path / "items.parquet"), lake_of(tmp_path), "benchmark_items"
        )


def test_unknown_suffix(tmp_path):
    path = tmp_path / "items.xlsx"
    path.write_text("x")
    with pytest.raises(InputError, match=r"\.xlsx.*convert the file"):
        make_fact(study_of(tmp_path, path), lake_of(tmp_path), "benchmark_items")


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
@pytest.mark.parametrize("content", [b"", b"not { a table", b"\xff\xfe\x00", b"[1, 2]\n"])
def test_a_file_that_is_not_what_it_says(tmp_path, suffix, content):
    path = tmp_path / f"items{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="items"):
        make_fact(study_of(tmp_path, path), lake_of(tmp_path), "benchmark_items")


def test_missing_column_lists_those_that_are_there(tmp_path):
    path = write_items(tmp_path / "items.parquet", [item(0)])
    study = study_of(tmp_path, path, columns={"question": "prompt", "context": "story"})
    with pytest.raises(InputError, match=r"'prompt', 'story'; it has \['item_id', 'question'"):
        make_fact(study, lake_of(tmp_path), "benchmark_items")


def test_benchmark_without_items(tmp_path):
    path = write_items(tmp_path / "items.parquet", [item(0, bench="other")])
    study = study_of(tmp_path, path, columns={"benchmark": "bench"})
    with pytest.raises(InputError, match=r"no items of benchmark 'b1'.*select"):
        make_fact(study, lake_of(tmp_path), "benchmark_items")


def test_label_outside_the_labels(tmp_path):
    path = write_items(tmp_path / "items.jsonl", [item(0, answer_index="E")])
    study = study_of(tmp_path, path, columns={"answer_labels": ["A", "B", "C", "D"]})
    with pytest.raises(InputError, match="label 'E' is none of"):
        make_fact(study, lake_of(tmp_path), "benchmark_items")


def test_an_earlier_fact_survives_broken_items(tmp_path):
    path = write_items(tmp_path / "items.jsonl", [item(0), item(1)])
    lake = lake_of(tmp_path)
    make_fact(study_of(tmp_path, path), lake, "benchmark_items")
    before = lake.path("benchmark_items").read_bytes()
    write_items(path, [item(0), item(1, answer_index=None)])
    with pytest.raises(InputError):
        make_fact(study_of(tmp_path, path), lake, "benchmark_items")
    assert lake.path("benchmark_items").read_bytes() == before


def test_two_benchmarks_that_take_the_same_items(tmp_path):
    path = write_items(tmp_path / "items.jsonl", [item(0), item(1)])
    study = study_of(tmp_path, path)
    twin = study.benchmarks[0].model_copy(update={"name": "b2"})
    both = study.model_copy(update={"benchmarks": (*study.benchmarks, twin)})
    with pytest.raises(InputError, match=r"b2 and benchmarks.b1 ask the same 2 items.*select"):
        make_fact(both, lake_of(tmp_path), "benchmark_items")
    # The same items in another form are another question.
    other = twin.model_copy(update={"prompt_format": "cloze"})
    asked = study.model_copy(update={"benchmarks": (*study.benchmarks, other)})
    assert make_fact(asked, lake_of(tmp_path), "benchmark_items")[0].rows == 4
