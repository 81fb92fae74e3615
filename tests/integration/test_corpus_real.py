"""The corpus and sampling stages over real web pages, where the shared data is present."""

import polars as pl

from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.sampling.contamination import contained_questions
from tests.corpus_world import lake_at, study_of

COLUMNS = {
    "url": "url",
    "topic": "topic_label",
    "format": "format_label",
    "label_confidence": "topic_confidence",
}


def test_real_pages_become_documents_and_a_manifest(shared_data, tmp_path, tiny_model):
    path = shared_data / "weborganizer" / "documents.parquet"
    # As in the preset: four pages were read with the wrong encoding before they were published.
    corpus = {"path": path, "columns": COLUMNS, "rules": {"bad_encoding": "set_aside"}}
    study = study_of(tiny_model, corpus, documents_per_bin=10, shards=4)
    lake = lake_at(tmp_path)
    documents, aside = make_fact(study, lake, "documents")
    assert (documents.rows, aside.rows) == (7425, 11)
    assert aside.details == {"bad_encoding": 4, "duplicate_text": 7}
    manifest, populations = make_fact(study, lake, "sampling_manifest")
    # Adult content was left out of the data on purpose, and six bins are naturally empty.
    assert populations.details == {"empty": 30, "full": 529, "partial": 3, "sparse": 14}
    assert manifest.rows == 5343
    found = lake.read("documents")
    assert (found["n_chars"] == pl.read_parquet(path).join(found, on="doc_id", maintain_order=
            "right")["n_chars"]).all()  # fmt: skip
    assert (found["format"] == "truncated").sum() > 0


def test_no_real_question_stands_in_a_real_page(shared_data):
    questions = pl.read_parquet(shared_data / "benchmarks" / "items.parquet")["question"].to_list()
    pages = pl.read_parquet(shared_data / "weborganizer" / "documents.parquet")["text"].to_list()
    assert sum(len(found) for found in contained_questions(questions, pages)) == 0
    # The same search finds a question that is put into a page.
    pages[17] += f" Quiz of the day: {questions[42]} Answer below."
    assert 42 in contained_questions(questions, pages[10:20])[7]
