"""Facts of the stage corpus."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import CONTENT_SHA256, DOC_ID, FORMAT, TOPIC
from influence_warehouse.lake.contracts.declaring import BIG, INT, REAL, TEXT, Column, Contract

FACTS = {
    "documents": Contract(
        "Documents of the corpus after exact duplicates and broken rows are out. One row per "
        "document.",
        (
            DOC_ID,
            Column(
                "text",
                TEXT,
                "Text of the document; of a training pair prompt and completion.",
                is_nullable=True,
            ),
            Column(
                "prompt_chars",
                INT,
                "Characters of `text` that are a training pair's prompt, without loss; null of a "
                "plain text.",
                unit="characters",
                low=0,
                is_nullable=True,
            ),
            Column(
                "url",
                TEXT,
                "Address of the document; null where the corpus has none.",
                is_nullable=True,
            ),
            Column(
                "source",
                TEXT,
                "Source of the document within the corpus; null where the corpus names none.",
                is_nullable=True,
            ),
            TOPIC,
            FORMAT,
            Column(
                "label_confidence",
                REAL,
                "Confidence of the labels, 0 to 1; null where unknown.",
                low=0,
                high=1,
                is_nullable=True,
            ),
            Column(
                "n_chars", INT, "Length of the text.", unit="characters", low=0, is_nullable=True
            ),
            Column(
                "n_tokens",
                INT,
                "Length of the document in tokens of the model, before any cut.",
                unit="tokens",
                low=0,
                is_nullable=True,
            ),
            CONTENT_SHA256,
        ),
        key=("doc_id",),
    ),
    "documents_set_aside": Contract(
        "Input rows that the corpus rules set aside, with the reason. One row per input row.",
        (
            Column("row", BIG, "Row of the input file, from 0.", low=0),
            Column("file", TEXT, "Input file."),
            replace(DOC_ID, is_nullable=True),
            Column("reason", TEXT, "Why the row is out."),
            Column("detail", TEXT, "What was found.", is_nullable=True),
        ),
        key=("file", "row"),
    ),
}
