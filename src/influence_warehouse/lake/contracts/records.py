"""Run records as a table: no fact, for it says when things were made."""

import polars as pl

from influence_warehouse.lake.contracts.declaring import BIG, FLAG, REAL, TEXT, Column, Contract

RUN_RECORDS = Contract(
    "How each fact on disk was made, of the records under runs/. One row per asset and part.",
    (
        Column("asset", TEXT, "Name of the asset."),
        Column(
            "part",
            TEXT,
            "Key of the part, as `base|trackstar|00003`; null of an asset that is not in parts.",
            is_nullable=True,
        ),
        Column("fact", TEXT, "Fact that was written."),
        Column("fingerprint", TEXT, "Digest of everything that the fact was made from."),
        Column("n_rows", BIG, "Rows of the fact.", unit="rows", low=0),
        Column("is_reused", FLAG, "Whether the fact on disk was already right."),
        Column("started_at", pl.Datetime("us"), "Start, in UTC."),
        Column("seconds", REAL, "Duration in seconds.", unit="seconds", low=0),
        Column(
            "core_seconds",
            REAL,
            "Seconds that the processor's cores worked meanwhile, in the process and in children "
            "that ended; null of a record of an earlier version.",
            unit="core-seconds",
            low=0,
            is_nullable=True,
        ),
        Column(
            "n_bytes",
            BIG,
            "Bytes of the fact's file or of the folder that was made; null where it was already "
            "right, or in a record of an earlier version.",
            unit="bytes",
            low=0,
            is_nullable=True,
        ),
        Column(
            "software",
            TEXT,
            "Versions of the software that ran and the name of the GPU or processor, as JSON.",
        ),
    ),
    key=("asset", "part"),
)
