"""Facts that imports alone make: scores of bins, and the files that they are from."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import (
    BENCHMARK,
    BIN_ID,
    FORMAT_GROUPING,
    MEAN,
    METHOD,
    MODEL,
    N_DOCUMENTS,
    STUDY,
    TOPIC_GROUPING,
)
from influence_warehouse.lake.contracts.declaring import (
    BIG,
    FLAG,
    INT,
    REAL,
    TEXT,
    Column,
    Contract,
)

FACTS = {
    "bin_scores": Contract(
        "Imported means of bins; none in a study that is run. One row per model, method, "
        "benchmark and bin with documents.",
        (
            MODEL,
            METHOD,
            BENCHMARK,
            BIN_ID,
            replace(N_DOCUMENTS, dtype=BIG, meaning="Documents that the mean is over.", low=1),
            replace(
                MEAN, meaning="Mean of the scores of the documents in the bin.", is_nullable=False
            ),
            Column(
                "stated_z",
                REAL,
                "Standardized mean as the imported file states it.",
                unit="z",
                is_nullable=True,
            ),
        ),
        key=("model", "method", "benchmark", "bin_id"),
    ),
    "imported_files": Contract(
        "Files that an imported study was made from; none in a study that is run. One row per "
        "model, method and benchmark.",
        (
            STUDY,
            Column("kind", TEXT, "What was imported: `bin_scores` or `document_scores`."),
            Column(
                "score_per",
                TEXT,
                "What there is a score of: `bin`, `document`, or `item` (and document).",
                is_nullable=True,
            ),
            MODEL,
            METHOD,
            BENCHMARK,
            Column(
                "file_name",
                TEXT,
                "Names of the imported files, without folders, divided by commas.",
            ),
            Column(
                "sha256",
                TEXT,
                "SHA-256 of the imported files, in hexadecimal, in the order of file_name.",
            ),
            Column(
                "n_bins",
                INT,
                "Bins with documents in the file, 2 or more.",
                unit="bins",
                low=0,
                is_nullable=True,
            ),
            Column(
                "n_documents",
                BIG,
                "Documents behind the scores of the file, 2 or more.",
                unit="documents",
                low=0,
                is_nullable=True,
            ),
            Column(
                "z_tolerance",
                REAL,
                "How far a stated z may lie from the one that the means give, in z, more than 0; "
                "null where no z was imported.",
                unit="z",
                low=0,
                is_nullable=True,
            ),
            Column(
                "top_k",
                INT,
                "Documents of each item that n_in_top_k and top_share count, 1 or more; null "
                "without scores of single items.",
                unit="documents",
                low=1,
                is_nullable=True,
            ),
            Column(
                "is_negated",
                FLAG,
                "Whether the import turned the sign of the file's scores, as --negate told it.",
                is_nullable=True,
            ),
            replace(TOPIC_GROUPING, is_nullable=True),
            FORMAT_GROUPING,
            Column("source", TEXT, "Where the file is from, as the import was told."),
            Column("licence", TEXT, "Terms of the file's use, as the import was told."),
            Column("citation", TEXT, "Work to cite for the file, as the import was told."),
        ),
        key=("model", "method", "benchmark"),
    ),
}
