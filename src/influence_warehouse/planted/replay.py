"""The planted model's training again, from what was kept of it.

Belongs here: reading the record. Does not belong here: what is left out of the training, and why
it is done again (`retraining`).
"""

import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.models.loading import load_tokenizer
from influence_warehouse.models.training import Course
from influence_warehouse.planted.training import (
    RECIPE,
    draw_course,
    encode,
    read_trained_documents,
)
from influence_warehouse.planted.world import planted_section
from influence_warehouse.study.study import Study


def recorded_course(study: Study, lake: Lake) -> Course:
    """The training that made the model: the texts by `doc_id`, the batches by `training_batches`.

    Raises FactError where texts or tokenizer are not those of the record.
    """
    documents, tokenizer = (
        read_trained_documents(lake.home.inputs),
        load_tokenizer(study, lake.home),
    )
    encoded = encode(documents["text"].to_list(), tokenizer)
    lengths = documents.select(
        "doc_id",
        place=pl.int_range(pl.len(), dtype=pl.Int64),
        length=pl.Series([len(each["input_ids"]) for each in encoded], dtype=pl.Int32),
    )
    record = lake.read("training_batches").rename({"place": "row"})
    found = record.join(lengths, on="doc_id", how="left", maintain_order="left")
    differ = found.filter(~pl.col("n_tokens").eq_missing(pl.col("length")))
    if differ.height:
        raise FactError(
            f"{lake.path('training_batches')}: {differ.height} of {found.height} documents are "
            f"not in {lake.home.inputs} or have other tokens now ({differ['doc_id'][0]}). "
            "Remedy: run the study again; it trains the model anew."
        )
    batches = found.group_by("step", maintain_order=True).agg("place")["place"].to_list()
    return Course(documents["doc_id"].to_list(), encoded, batches, RECIPE, tokenizer.pad_token_id)


def repeated_course(study: Study, lake: Lake, seed: int) -> Course:
    """The same documents in batches that another seed draws."""
    documents, tokenizer = (
        read_trained_documents(lake.home.inputs),
        load_tokenizer(study, lake.home),
    )
    return draw_course(documents, tokenizer, seed, planted_section(study).epochs)
