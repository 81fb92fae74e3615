"""Facts of the stage sampling."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import (
    BIN_ID,
    CONTENT_SHA256,
    DOC_ID,
    FORMAT,
    N_DOCUMENTS,
    POPULATION_DOCUMENTS,
    SHARD,
    TOPIC,
)
from influence_warehouse.lake.contracts.declaring import BIG, INT, REAL, TEXT, Column, Contract

FACTS = {
    "sampling_manifest": Contract(
        "The stratified sample that is scored. One row per sampled document.",
        (
            DOC_ID,
            TOPIC,
            FORMAT,
            BIN_ID,
            POPULATION_DOCUMENTS,
            Column(
                "inclusion_probability",
                REAL,
                "Chance of the document to be sampled, above 0.",
                unit="probability",
                low=0,
                high=1,
                is_nullable=True,
            ),
            Column("sample_rank", INT, "Place in its bin's keyed-hash order, from 0.", low=0),
            SHARD,
            CONTENT_SHA256,
        ),
        key=("doc_id",),
    ),
    "bin_populations": Contract(
        "Bins with their population and sample. One row per bin, empty ones included.",
        (
            BIN_ID,
            TOPIC,
            FORMAT,
            POPULATION_DOCUMENTS,
            Column(
                "sampled_documents",
                INT,
                "Documents in the sampling manifest, 0 to population_documents.",
                unit="documents",
                low=0,
            ),
            Column(
                "stratum",
                TEXT,
                "How well the sample fills the bin: `full` (as many documents as the study asks "
                "for), `partial` (at least half of them), `sparse` (fewer) or `empty`.",
                values=("full", "partial", "sparse", "empty"),
                is_nullable=True,
            ),
        ),
        key=("bin_id",),
    ),
    "bin_terms": Contract(
        "Terms that the sampled texts of each bin use, of the sample's 20,000 most widely used. "
        "One row per bin and term.",
        (
            BIN_ID,
            Column(
                "term", TEXT, "A run of 2 to 40 letters, lower case: no digits, marks or markup."
            ),
            replace(N_DOCUMENTS, meaning="Documents of the bin that use the term.", low=1),
            Column(
                "count",
                BIG,
                "Uses of the term in the bin, at least n_documents.",
                unit="words",
                low=1,
            ),
        ),
        key=("bin_id", "term"),
    ),
    "bin_words": Contract(
        "Documents and words in which terms were counted. One row per bin with documents.",
        (
            BIN_ID,
            replace(
                N_DOCUMENTS,
                meaning="Documents of the bin whose words were counted.",
                low=1,
                high=500,
            ),
            Column("n_words", BIG, "Uses of any term in them.", unit="words", low=0),
            Column(
                "n_words_kept",
                BIG,
                "Uses of the terms that bin_terms keeps, at most n_words.",
                unit="words",
                low=0,
            ),
        ),
        key=("bin_id",),
    ),
}
