"""Facts of the stage unlearning."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import (
    ANSWERS,
    BIN_ID,
    DOC_ID,
    METHOD,
    MODEL,
    REGION_TOPIC,
    SEED,
    TARGET,
    TESTED_METHOD,
)
from influence_warehouse.lake.contracts.declaring import INT, REAL, TEXT, Column, Contract

RUN_ID = Column(
    "run_id", TEXT, "The run: `model|method|objective|benchmark|condition|region|seed`."
)
OBJECTIVE = Column("objective", TEXT, "Unlearning objective: `ngdiff`, `graddiff` or `npo`.")
LEARNING_RATE = Column(
    "learning_rate",
    REAL,
    "Learning rate of the last step.",
    unit="per step",
    low=0,
    is_nullable=True,
)
_CONDITIONS = ("influence_in_topic", "random_in_topic", "influence_global", "random_global")
# What a run is, as its plan and its summary say it.
_RUN = (
    MODEL,
    TESTED_METHOD,
    OBJECTIVE,
    TARGET,
    Column(
        "condition",
        TEXT,
        "How the forget set was filled: `influence_in_topic`, `random_in_topic`, "
        "`influence_global` or `random_global`.",
        values=_CONDITIONS,
    ),
    Column(
        "region_kind",
        TEXT,
        "`topic`, `bin`, `format`, or `all` of a global condition.",
        values=("topic", "bin", "format", "all"),
    ),
    replace(
        REGION_TOPIC,
        meaning="Region that was forgotten from: `literature`, `literature.tutorial`, "
        "`any.tutorial`, or `all` of a global condition.",
        is_nullable=False,
    ),
    SEED,
)


def _digest(name: str, of: str) -> Column:
    return Column(name, TEXT, f"SHA-256 over the ids of {of}.")


def _documents(name: str, meaning: str) -> Column:
    return Column(name, INT, meaning, unit="documents", low=0)


def _loss(name: str, meaning: str) -> Column:
    return Column(name, REAL, meaning, unit="nats per token", low=0, is_nullable=True)


def _utility(name: str, when: str) -> Column:
    meaning = (
        f"Mean over held-out retain documents of their tokens' geometric mean probability{when}."
    )
    return Column(name, REAL, meaning, unit="mean probability", low=0, high=1, is_nullable=True)


def _statistic(name: str, meaning: str, unit: str = "") -> Column:
    return Column(name, REAL, meaning, unit=unit, is_nullable=True)


FORGET_DIGEST = _digest("forget_digest", "the forget set")
N_FORGET = _documents("n_forget", "Documents in the forget set.")

_SETS = {
    "unlearning_plan": Contract(
        "Planned unlearning runs, from the chosen regions. One row per run.",
        (RUN_ID, *_RUN),
        key=("run_id",),
        in_parts=True,
    ),
    "forget_sets": Contract(
        "Documents that each run forgets. One row per run and document.",
        (
            RUN_ID,
            DOC_ID,
            BIN_ID,
            Column("role", TEXT, "Always `forget`.", values=("forget",)),
            Column(
                "influence_rank",
                INT,
                "Rank by mean score for the benchmark in the region, from 1; null where the set "
                "was drawn.",
                low=1,
                is_nullable=True,
            ),
        ),
        key=("run_id", "doc_id"),
        in_parts=True,
    ),
    "retain_sets": Contract(
        "Documents that runs of one method and seed share beside what they forget. One row per "
        "model, method, seed and document.",
        (
            MODEL,
            METHOD,
            SEED,
            DOC_ID,
            BIN_ID,
            Column(
                "role",
                TEXT,
                "`retain`: trained on, to be kept; `probe`: utility is measured on it.",
                values=("retain", "probe"),
            ),
        ),
        key=("model", "method", "seed", "doc_id"),
        in_parts=True,
    ),
    "unlearning_set_digests": Contract(
        "Size and digest of each run's forget set and of its seed's retain set. One row per run.",
        (
            RUN_ID,
            N_FORGET,
            FORGET_DIGEST,
            _documents("n_retain", "Documents of its seed that are trained on to be kept."),
            _documents("n_probe", "Documents of its seed that utility is measured on."),
            _digest("retain_digest", "the retain set, with their roles"),
        ),
        key=("run_id",),
        in_parts=True,
    ),
}

_RUNS = {
    "unlearning_runs": Contract(
        "What each run did and why it stopped; files of runs that left the plan stay. One row per "
        "run.",
        (
            RUN_ID,
            *_RUN,
            FORGET_DIGEST,
            N_FORGET,
            Column("steps", INT, "Optimizer steps done.", unit="steps", low=0),
            Column(
                "stop_reason",
                TEXT,
                "`step_limit`, `utility_floor`, `forget_perplexity` or `wall_time`.",
            ),
            _loss(
                "forget_loss_before",
                "Loss per token of the forget set before the first step, in nats.",
            ),
            _loss("forget_loss_after", "Loss per token of the forget set at the end, in nats."),
            _loss(
                "retain_loss_before",
                "Loss per token of held-out retain documents before the first step, in nats.",
            ),
            _loss(
                "retain_loss_after",
                "Loss per token of held-out retain documents at the end, in nats.",
            ),
            _utility("utility_before", ", before"),
            _utility("utility_after", ", at the end"),
            LEARNING_RATE,
        ),
        key=("run_id",),
        in_parts=True,
    ),
    "unlearning_steps": Contract(
        "Losses of each run as it goes on. One row per run and measured step.",
        (
            RUN_ID,
            Column("step", INT, "Optimizer steps done when measured, from 0.", unit="steps", low=0),
            _loss("forget_loss", "Loss per token of the forget set, in nats."),
            _loss("retain_loss", "Loss per token of held-out retain documents, in nats."),
            _utility("utility", ""),
            LEARNING_RATE,
        ),
        key=("run_id", "step"),
        in_parts=True,
    ),
    "unlearned_predictions": Contract(
        "Each unlearned model's log-likelihoods of each item's choices, by lm-eval. One row per "
        "run, benchmark and item.",
        (RUN_ID, *ANSWERS),
        key=("run_id", "benchmark", "item_id"),
        in_parts=True,
    ),
    "unlearning_outcomes": Contract(
        "Which of the planned runs are done, failed or left. One row per run.",
        (
            RUN_ID,
            Column("state", TEXT, "`done`, `failed` or `left`.", values=("done", "failed", "left")),
            Column("detail", TEXT, "Error of a failed run; null otherwise.", is_nullable=True),
        ),
        key=("run_id",),
        in_parts=True,
    ),
}

_COMPARISONS = Contract(
    "Paired tests of damage between conditions, over regions and seeds. One row per model, "
    "method, objective, benchmark, measure, comparison and test.",
    (
        MODEL,
        TESTED_METHOD,
        OBJECTIVE,
        TARGET,
        Column("measure", TEXT, "`accuracy` or `margin`.", values=("accuracy", "margin")),
        Column("condition_a", TEXT, "Condition whose damage is the minuend."),
        Column("condition_b", TEXT, "Condition whose damage is subtracted."),
        Column("test", TEXT, "How the pairs are tested."),
        Column("n_cells", INT, "Pairs of runs.", unit="pairs", low=0),
        Column("n_units", INT, "What the test counts as independent.", low=0),
        _statistic("statistic", "Test statistic; null where there is none."),
        Column(
            "p_value",
            REAL,
            "One-sided p-value; null where there is none.",
            unit="probability",
            low=0,
            high=1,
            is_nullable=True,
        ),
        _statistic("median_difference", "Median difference over the pairs.", "damage"),
        _statistic(
            "median_low",
            "2.5 % bootstrap quantile of the median; null where there is none.",
            "damage",
        ),
        _statistic(
            "median_high",
            "97.5 % bootstrap quantile of the median; null where there is none.",
            "damage",
        ),
    ),
    key=(
        "model",
        "method",
        "objective",
        "benchmark",
        "measure",
        "condition_a",
        "condition_b",
        "test",
    ),
    in_parts=True,
)

FACTS = {**_SETS, **_RUNS, "unlearning_comparisons": _COMPARISONS}
