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
    "run_id", TEXT, "The run: `model|method|objective|benchmark|condition|region|set|seed`."
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
    Column(
        "set_number",
        INT,
        "Which forget set of the condition in the region: a random condition draws several, an "
        "influence condition has one, whose number is 1.",
        low=1,
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

_MEASURE = Column("measure", TEXT, "`accuracy` or `margin`.", values=("accuracy", "margin"))
_REGION_OR_ALL = Column(
    "region",
    TEXT,
    "Region that was forgotten from, or `all`: of a global condition, or the mean over the "
    "regions of the row.",
)
_INFERENCE = (MODEL, TESTED_METHOD, OBJECTIVE, TARGET)
_INFERENCE_KEY = tuple(column.name for column in _INFERENCE)
_CONDITION = next(column for column in _RUN if column.name == "condition")
_N_REGIONS = Column("n_regions", INT, "Regions that the runs forgot from.", unit="regions", low=1)


_N_SETS = Column(
    "n_sets",
    INT,
    "Forget sets that are averaged: one in a region under an influence condition, `random_sets` "
    "under a random one; their seeds are averaged first.",
    unit="forget sets",
    low=1,
)


def _errors(of: str) -> tuple[Column, ...]:
    return (
        replace(
            _statistic(
                "standard_error",
                f"Standard error of {of} over forget sets; null where none of their spread is "
                "seen.",
                "damage",
            ),
            low=0,
        ),
        replace(
            _statistic("degrees_of_freedom", "Degrees of freedom of standard_error, or null."),
            low=0,
        ),
        _statistic("low", "Lower bound of its 95 % interval by Student's t, or null.", "damage"),
        _statistic("high", "Upper bound of the same.", "damage"),
    )


_COMPARED = {
    "damage_inference": Contract(
        "Damage with its error over forget sets. One row per model, method, objective, benchmark, "
        "condition, region, evaluated benchmark and measure.",
        (
            *_INFERENCE,
            _CONDITION,
            _REGION_OR_ALL,
            Column("evaluated_benchmark", TEXT, "Benchmark that the unlearned model was asked."),
            _MEASURE,
            _N_REGIONS,
            _N_SETS,
            Column("estimate", REAL, "Mean damage over forget sets and regions.", unit="damage"),
            *_errors("the damage"),
        ),
        key=(*_INFERENCE_KEY, "condition", "region", "evaluated_benchmark", "measure"),
        in_parts=True,
    ),
    "selectivity_inference": Contract(
        "Damage on the target minus damage on others, with its error over forget sets. One row "
        "per model, method, objective, benchmark, condition, region, factor effect and measure.",
        (
            *_INFERENCE,
            _CONDITION,
            _REGION_OR_ALL,
            Column(
                "factor_effect",
                TEXT,
                "Which others: `A/1` share one of domain and capability with the target, `A/C` "
                "none, `A/3` are all others.",
                values=("A/1", "A/C", "A/3"),
            ),
            _MEASURE,
            _N_REGIONS,
            _N_SETS,
            Column(
                "estimate",
                REAL,
                "Mean over forget sets and regions of damage on the target minus mean damage on "
                "the others.",
                unit="damage",
            ),
            *_errors("that difference"),
            _statistic(
                "beyond_random",
                "The difference minus that of the random sets of the same region; null of random "
                "conditions and where there are none.",
                "damage",
            ),
            _statistic(
                "beyond_random_low",
                "Lower bound of its 95 % interval over forget sets, or null.",
                "damage",
            ),
            _statistic("beyond_random_high", "Upper bound of the same.", "damage"),
        ),
        key=(*_INFERENCE_KEY, "condition", "region", "factor_effect", "measure"),
        in_parts=True,
    ),
    "method_damage_inference": Contract(
        "Damage of regions that one method chose less that of regions of another, in sets of equal "
        "size and by the same seeds. None where regions of one method are forgotten. One row per "
        "model, objective, benchmark, condition, measure and pair of methods.",
        (
            MODEL,
            OBJECTIVE,
            replace(TARGET, meaning="Target benchmark, or `all`: the mean over those of both."),
            replace(_CONDITION, values=("influence_in_topic", "influence_global")),
            _MEASURE,
            replace(
                METHOD, name="method_a", meaning="Method of the pair that comes first in the study."
            ),
            replace(
                METHOD,
                name="method_b",
                meaning="Method of the pair that comes second in the study.",
            ),
            replace(
                _N_REGIONS, name="n_regions_a", meaning="Regions of method_a, a forget set in each."
            ),
            replace(_N_REGIONS, name="n_regions_b", meaning="Regions of method_b, likewise."),
            replace(_N_REGIONS, name="n_shared_regions", meaning="Regions that both chose.", low=0),
            Column("n_seeds", INT, "Seeds that both methods ran.", unit="seeds", low=1),
            Column(
                "damage_a", REAL, "Mean damage to the target over method_a's sets.", unit="damage"
            ),
            Column(
                "damage_b", REAL, "Mean damage to the target over method_b's sets.", unit="damage"
            ),
            Column("difference", REAL, "damage_a less damage_b.", unit="damage"),
            *_errors("damage_a less damage_b"),
            _statistic("statistic", "Student's t of the difference; null where there is none."),
            Column(
                "p_value",
                REAL,
                "Two-sided p-value that the difference is 0; null where there is none.",
                unit="probability",
                low=0,
                high=1,
                is_nullable=True,
            ),
        ),
        key=("model", "objective", "benchmark", "condition", "measure", "method_a", "method_b"),
        in_parts=True,
    ),
    "unlearning_comparisons": Contract(
        "How much more one condition hurts the target than its control. One row per model, "
        "method, objective, benchmark, region, measure, comparison and unit.",
        (
            *_INFERENCE,
            _REGION_OR_ALL,
            _MEASURE,
            Column("condition_a", TEXT, "Condition whose damage is the minuend."),
            Column("condition_b", TEXT, "Condition whose damage is subtracted."),
            Column(
                "unit",
                TEXT,
                "What the error is over: `set`, other forget sets of these regions (the verdicts' "
                "unit); `region`, other regions like these, each region's difference one value.",
                values=("set", "region"),
            ),
            _N_REGIONS,
            replace(_N_SETS, name="n_sets_a", meaning="Forget sets of condition_a."),
            replace(_N_SETS, name="n_sets_b", meaning="Forget sets of condition_b."),
            Column(
                "difference",
                REAL,
                "Damage under condition_a minus damage under condition_b.",
                unit="damage",
            ),
            *_errors("the difference"),
            _statistic("statistic", "Student's t of the difference; null where there is none."),
            Column(
                "p_value",
                REAL,
                "One-sided p-value for a larger damage under condition_a; null where there is "
                "none.",
                unit="probability",
                low=0,
                high=1,
                is_nullable=True,
            ),
        ),
        key=(
            *_INFERENCE_KEY,
            "region",
            "measure",
            "condition_a",
            "condition_b",
            "unit",
        ),
        in_parts=True,
    ),
}

FACTS = {**_SETS, **_RUNS, **_COMPARED}
