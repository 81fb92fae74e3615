"""Facts of the stage retraining."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import ANSWERS, MODEL, SEED
from influence_warehouse.lake.contracts.declaring import INT, REAL, TEXT, Column, Contract

RUN_ID = Column("run_id", TEXT, "The run: `model|design|unit|subset|seed`.")
DESIGN = Column(
    "design",
    TEXT,
    "What is left out: nothing (`base`), one region (`leave_out`), or a random half (`halves`).",
    values=("base", "leave_out", "halves"),
)
UNIT = Column(
    "unit",
    TEXT,
    "What documents are divided by: `topic`, `format`, `bin`, hashed `bucket`, regions of the "
    "study's `sql`, or `all` of the base.",
    values=("topic", "format", "bin", "bucket", "sql", "all"),
)
SUBSET = Column(
    "subset",
    TEXT,
    "Which subset: the name of the region that is left out, the number of a half from 1, or `all` "
    "of the base.",
)
ROLE = Column(
    "role",
    TEXT,
    "`tuning`: settings may be tuned on it; `grading`: methods are graded on it.",
    values=("grading", "tuning"),
)
_RUN = (
    MODEL,
    DESIGN,
    UNIT,
    SUBSET,
    replace(SEED, meaning="Seed of the training: first weights and order of the documents."),
)
_N_LEFT_OUT = Column(
    "n_left_out", INT, "Documents that are left out in place.", unit="documents", low=0
)
_LEFT_OUT_DIGEST = Column(
    "left_out_digest", TEXT, "SHA-256 over the ids of the documents that are left out."
)

FACTS = {
    "retraining_plan": Contract(
        "Planned trainings, with nothing, one region or half of the documents left out. One row "
        "per run.",
        (RUN_ID, *_RUN, ROLE),
        key=("run_id",),
        in_parts=True,
    ),
    "retraining_sets": Contract(
        "What each subset leaves out; the base leaves out nothing and has no rows. One row per "
        "model, design, unit, subset and member.",
        (
            MODEL,
            DESIGN,
            UNIT,
            SUBSET,
            Column(
                "member",
                TEXT,
                "A region's name, as `literature`, `any.faq` or `literature.faq`, or the number of "
                "a bucket.",
            ),
        ),
        key=("model", "design", "unit", "subset", "member"),
        in_parts=True,
    ),
    "retraining_set_digests": Contract(
        "Size and digest of what each run leaves out. One row per run.",
        (
            RUN_ID,
            Column(
                "n_documents",
                INT,
                "Documents of the training, those left out among them.",
                unit="documents",
                low=1,
            ),
            _N_LEFT_OUT,
            _LEFT_OUT_DIGEST,
        ),
        key=("run_id",),
        in_parts=True,
    ),
    "retraining_runs": Contract(
        "What each training did; files of runs that left the plan stay. One row per run.",
        (
            RUN_ID,
            *_RUN,
            _N_LEFT_OUT,
            _LEFT_OUT_DIGEST,
            Column("steps", INT, "Optimizer steps done.", unit="steps", low=1),
            Column(
                "loss",
                REAL,
                "Mean loss over the tokens that are kept in the last tenth of the steps; null "
                "where none is kept.",
                unit="nats per token",
                low=0,
                is_nullable=True,
            ),
            Column(
                "learning_rate",
                REAL,
                "Highest learning rate of the schedule.",
                unit="per step",
                low=0,
            ),
        ),
        key=("run_id",),
        in_parts=True,
    ),
    "retrained_predictions": Contract(
        "Each retrained model's log-likelihoods of each item's choices, by lm-eval. One row per "
        "run, benchmark and item.",
        (RUN_ID, *ANSWERS),
        key=("run_id", "benchmark", "item_id"),
        in_parts=True,
    ),
}
