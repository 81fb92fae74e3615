"""Facts that grade methods by retraining: what regions do, and which method predicts it."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import (
    BENCHMARK,
    FORMAT,
    METHOD,
    MODEL,
    N_CLUSTERS,
    REGION_TOPIC,
)
from influence_warehouse.lake.contracts.declaring import INT, REAL, TEXT, Column, Contract
from influence_warehouse.lake.contracts.retraining import DESIGN, ROLE, UNIT

OUTCOME = Column(
    "outcome",
    TEXT,
    "What is measured of an item, in nats: `margin`, of the right answer over the best wrong one, "
    "or `answer_logprob`, the log-likelihood of the right answer.",
    values=("margin", "answer_logprob"),
)
_DESIGN = replace(
    DESIGN,
    meaning="What the subsets leave out: a region each (`leave_out`) or a random half (`halves`).",
    values=("leave_out", "halves"),
)
_UNIT = replace(UNIT, values=tuple(value for value in UNIT.values if value != "all"))
_GRADED = replace(
    BENCHMARK, meaning="Name of the benchmark in the study, or `all`: the mean over benchmarks."
)
_N_SUBSETS = Column(
    "n_subsets",
    INT,
    "Subsets of the documents that a model was trained on again.",
    unit="subsets",
    low=0,
)
_PLACE = (MODEL, _DESIGN, _UNIT)
N_REPEATS = Column(
    "n_repeats",
    INT,
    "Degrees of freedom of what is known of chance of training: subsets of this design and unit, "
    "for leave-outs the base, too, that were trained again by another seed, less one for each "
    "seed.",
    unit="trainings",
    low=0,
)


def _items(name: str, meaning: str) -> Column:
    return Column(name, INT, meaning, unit="items", low=0)


def _error(name: str, meaning: str, unit: str) -> Column:
    return Column(name, REAL, meaning, unit=unit, low=0, is_nullable=True)


def _lds(name: str, meaning: str) -> Column:
    return Column(name, REAL, meaning, unit="rank correlation", low=-1, high=1, is_nullable=True)


def _number(name: str, meaning: str, unit: str = "") -> Column:
    return Column(name, REAL, meaning, unit=unit, is_nullable=True)


def _tested(of: str) -> tuple[Column, ...]:
    """Degrees of freedom, t and two-sided p of an estimate."""
    return (
        Column(
            "degrees_of_freedom",
            REAL,
            "Degrees of freedom of standard_error, or null.",
            low=0,
            is_nullable=True,
        ),
        _number("statistic", f"Student's t that {of} is 0, or null."),
        Column(
            "p_value",
            REAL,
            f"Two-sided p-value that {of} is 0, or null.",
            unit="probability",
            low=0,
            high=1,
            is_nullable=True,
        ),
    )


def _reason(name: str, of: str) -> Column:
    return Column(name, TEXT, f"Why {of} is not known; null where it is.", is_nullable=True)


FACTS = {
    "region_effect_inference": Contract(
        "What a benchmark loses when a region is left out of training. None without retraining. "
        "One row per model, benchmark, unit, region and outcome.",
        (
            MODEL,
            BENCHMARK,
            replace(
                _UNIT,
                meaning="What the region is: a `topic`, a `format`, a `bin`, or one that the "
                "study's `sql` names.",
                values=("topic", "format", "bin", "sql"),
            ),
            Column(
                "region",
                TEXT,
                "Region that is left out: `literature`, `any.tutorial` or `literature.tutorial`.",
            ),
            OUTCOME,
            ROLE,
            REGION_TOPIC,
            replace(FORMAT, meaning="Format slug; null where the region does not fix it."),
            _items("n_asked_items", "Items that were asked."),
            N_CLUSTERS,
            N_REPEATS,
            Column(
                "n_trainings",
                INT,
                "Trainings without the region, one a seed.",
                unit="trainings",
                low=1,
            ),
            Column(
                "base",
                REAL,
                "Mean outcome with nothing left out, of the seeds of the trainings without the "
                "region.",
                unit="nats",
            ),
            Column("without", REAL, "Mean outcome without the region.", unit="nats"),
            Column(
                "effect",
                REAL,
                "base minus without: above 0 the region supports the benchmark.",
                unit="nats",
            ),
            _error(
                "training_standard_error",
                "Part of standard_error from chance of training, as what was trained again by "
                "another seed shows it; null where that is less than two.",
                "nats",
            ),
            _error(
                "item_standard_error",
                "Part of standard_error from the sources of items, beyond chance of training; null "
                "of one source.",
                "nats",
            ),
            _error(
                "standard_error",
                "Standard error of effect over trainings and sources of items; null where chance "
                "of training is not known.",
                "nats",
            ),
            _number("low", "Lower bound of its 95 % interval by Student's t, or null.", "nats"),
            _number("high", "Upper bound of the same.", "nats"),
            *_tested("the effect"),
            _reason("unknown_reason", "the error"),
        ),
        key=("model", "benchmark", "unit", "region", "outcome"),
        in_parts=True,
    ),
    "method_quality_inference": Contract(
        "How well each method predicts retraining: the linear datamodeling score (LDS), over "
        "subsets kept for grading and over those for tuning. None without retraining. One row per "
        "model, method, benchmark, design, unit, outcome and role.",
        (
            *_PLACE,
            METHOD,
            _GRADED,
            OUTCOME,
            ROLE,
            _N_SUBSETS,
            _items(
                "n_graded_items", "Items that are graded: their outcome differs between subsets."
            ),
            _items(
                "n_items_without_prediction",
                "Of them, items whose scores sum to the same in every subset: the method says "
                "nothing, which counts as a correlation of 0.",
            ),
            _items(
                "n_items_without_outcome",
                "Items that are left out, because no subset moves their outcome.",
            ),
            replace(
                N_CLUSTERS,
                meaning="Sources that the graded items come from (benchmark_items.cluster).",
                low=0,
            ),
            _lds(
                "lds",
                "Mean over items of Spearman's correlation over subsets between the item's scores "
                "summed over what is kept and its outcome; null where it is not known.",
            ),
            _error(
                "standard_error",
                "Jackknife error of lds over subsets, the items held; null where it is not known.",
                "rank correlation",
            ),
            _error(
                "item_standard_error",
                "Error of lds over sources of items, the subsets held; null of one source.",
                "rank correlation",
            ),
            _lds("low", "Lower bound of its 95 % interval over subsets by Student's t, or null."),
            _lds("high", "Upper bound of the same."),
            *_tested("lds"),
            Column(
                "truth_reliability",
                REAL,
                "Mean over items of the share of an outcome's variance over subsets that is not "
                "chance of training; null where too little was trained again.",
                unit="share",
                low=0,
                high=1,
                is_nullable=True,
            ),
            Column(
                "ceiling",
                REAL,
                "The lds that true effects would have against outcomes of this reliability; null "
                "where it is not known.",
                unit="rank correlation",
                low=0,
                high=1,
                is_nullable=True,
            ),
            N_REPEATS,
            _reason("unknown_reason", "lds"),
            _reason("truth_unknown_reason", "truth_reliability"),
        ),
        key=("model", "design", "unit", "method", "benchmark", "outcome", "role"),
        in_parts=True,
    ),
    "quality_difference_inference": Contract(
        "LDS of one method minus that of another on the same subsets, those kept for grading. One "
        "row per model, benchmark, design, unit, outcome and pair of methods.",
        (
            *_PLACE,
            replace(
                METHOD, name="method_a", meaning="Method of the pair that comes first in the study."
            ),
            replace(
                METHOD,
                name="method_b",
                meaning="Method of the pair that comes second in the study.",
            ),
            _GRADED,
            OUTCOME,
            _N_SUBSETS,
            _lds("lds_a", "LDS of method_a."),
            _lds("lds_b", "LDS of method_b."),
            Column(
                "difference",
                REAL,
                "lds_a less lds_b: above 0 method_a predicts better.",
                unit="difference of rank correlations",
                low=-2,
                high=2,
            ),
            _error(
                "standard_error",
                "Jackknife error of the difference over the subsets that both share; null where "
                "none of its spread is seen.",
                "difference of rank correlations",
            ),
            _number(
                "low",
                "Lower bound of its 95 % interval over subsets, or null.",
                "difference of rank correlations",
            ),
            _number("high", "Upper bound of the same.", "difference of rank correlations"),
            *_tested("the difference"),
        ),
        key=("model", "design", "unit", "method_a", "method_b", "benchmark", "outcome"),
        in_parts=True,
    ),
}
