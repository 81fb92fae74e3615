"""Facts that say what the study file says: benchmarks, labels, methods, contrasts, regions."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import (
    BENCHMARK,
    CAPABILITY,
    DOMAIN,
    FORMAT,
    FORMAT_GROUPING,
    METHOD,
    MODEL,
    POSITION,
    REGION_TOPIC,
    STUDY,
    TARGET,
    TOPIC_GROUPING,
)
from influence_warehouse.lake.contracts.declaring import INT, REAL, TEXT, Column, Contract

FACTS = {
    "study_benchmarks": Contract(
        "Benchmarks of the study with their design factors. One row per benchmark.",
        (
            STUDY,
            BENCHMARK,
            DOMAIN,
            CAPABILITY,
            POSITION,
            Column(
                "prompt_format",
                TEXT,
                "How an item becomes a query: `multiple_choice`, `question_answer` or `cloze`.",
                is_nullable=True,
            ),
            Column(
                "metric",
                TEXT,
                "How lm-eval scores the choices: `acc` (log-likelihood) or `acc_norm` (by length).",
                is_nullable=True,
            ),
        ),
        key=("benchmark",),
    ),
    "study_labels": Contract(
        "What documents are grouped by; none of an import, whose files tell. One row per study.",
        (STUDY, TOPIC_GROUPING, FORMAT_GROUPING),
        key=("study",),
    ),
    "study_methods": Contract(
        "Methods of the study on each of its models. One row per model and method.",
        (
            STUDY,
            MODEL,
            replace(
                METHOD,
                meaning="Attribution method by its name in the study, for example `trackstar`.",
            ),
            Column(
                "kind",
                TEXT,
                "What the method computes, for example `trackstar`; of an import `imported`.",
            ),
            Column(
                "preconditioner",
                TEXT,
                "What the method's second-moment correction is fitted on; null where it has none "
                "or nobody told. Mixed with queries, it suppresses the direction that means over "
                "items read, and profiles of different benchmarks come out opposed.",
                is_nullable=True,
            ),
            Column(
                "settings",
                TEXT,
                "What the study says of the method beside kind and name, as JSON; null of an "
                "import.",
                is_nullable=True,
            ),
            Column(
                "score_unit",
                TEXT,
                "What one score of the method is measured in; null of an import.",
                is_nullable=True,
            ),
            replace(POSITION, meaning="Position in the study file, from 0, by model and method."),
        ),
        key=("model", "method"),
    ),
    "study_contrasts": Contract(
        "Contrasts of the study as weights of benchmarks. One row per contrast and benchmark with "
        "a weight.",
        (
            STUDY,
            Column("contrast", TEXT, "Name of the contrast in the study."),
            POSITION,
            Column("benchmark_a", TEXT, "First operand: a benchmark, or an earlier contrast."),
            Column(
                "benchmark_b",
                TEXT,
                "Second operand, which is subtracted: a benchmark, or an earlier contrast.",
            ),
            BENCHMARK,
            Column("coefficient", REAL, "Weight of the benchmark's z."),
        ),
        key=("contrast", "benchmark"),
    ),
    "region_rules": Contract(
        "The rule by which regions to forget are chosen; none without unlearning. One row per "
        "target benchmark, or per region of an explicit list.",
        (
            STUDY,
            MODEL,
            METHOD,
            replace(POSITION, meaning="Place in the rule, from 0."),
            replace(TARGET, is_nullable=True),
            Column(
                "rule",
                TEXT,
                "How the regions are chosen.",
                values=("topics", "bins", "formats", "explicit", "sql"),
            ),
            Column(
                "per_benchmark",
                INT,
                "Regions for each benchmark, at most.",
                unit="regions",
                low=1,
                is_nullable=True,
            ),
            Column(
                "max_q",
                REAL,
                "Regions with a larger q are not chosen.",
                unit="probability",
                low=0,
                high=1,
                is_nullable=True,
            ),
            Column(
                "min_methods",
                INT,
                "Methods of the study that have to tell a region from all documents, at a q of at "
                "most max_q.",
                unit="methods",
                low=1,
                is_nullable=True,
            ),
            REGION_TOPIC,
            replace(
                FORMAT,
                meaning="Format slug of WebOrganizer; null where the region does not fix it.",
            ),
        ),
        key=("model", "method", "position"),
    ),
}
