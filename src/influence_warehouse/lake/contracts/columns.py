"""Columns that stand in several facts, each declared once."""

from dataclasses import replace

from influence_warehouse.lake.contracts.declaring import (
    BIG,
    FLAG,
    INT,
    REAL,
    REALS,
    SCORE,
    TEXT,
    Column,
)

STUDY = Column("study", TEXT, "Name of the study.")
MODEL = Column(
    "model",
    TEXT,
    "Model that is explained, by its name in the study; an import's is `imported`.",
)
METHOD = Column("method", TEXT, "Attribution method, for example `trackstar`.")
BENCHMARK = Column("benchmark", TEXT, "Name of the benchmark in the study.")
ITEM_ID = Column("item_id", TEXT, "Identifier of the item.")
DOMAIN = Column(
    "domain", TEXT, "Design factor: domain, for example `social` or `stem`.", is_nullable=True
)
CAPABILITY = Column(
    "capability",
    TEXT,
    "Design factor: capability, for example `reasoning` or `knowledge`.",
    is_nullable=True,
)

DOC_ID = Column("doc_id", TEXT, "Identifier of the document in the corpus.")
BIN_ID = Column(
    "bin_id",
    INT,
    "Number of the topic x format bin, 0 to 575: topic position * 24 + format position, both "
    "alphabetical. Pairs of own labels are numbered likewise.",
    low=0,
)
TOPIC = Column("topic", TEXT, "Topic slug of WebOrganizer, as `health`; of own labels the first.")
FORMAT = Column(
    "format",
    TEXT,
    "Format slug of WebOrganizer, as `faq`; of own labels the second.",
    is_nullable=True,
)
CONTENT_SHA256 = Column(
    "content_sha256",
    TEXT,
    "SHA-256 of the text; of a training pair with NUL after its prompt.",
    is_nullable=True,
)
POPULATION_DOCUMENTS = Column(
    "population_documents",
    BIG,
    "Documents of the corpus (before sampling, duplicates out) here, 0 or more.",
    unit="documents",
    low=0,
    is_nullable=True,
)
BUCKET = Column(
    "bucket",
    INT,
    "Number of the bucket that a hash of the study's seed and the id puts a document into, from 0.",
    low=0,
)
SHARD = Column("shard", INT, "Number of the shard, from 0.", low=0)

ITEM_SUBSET = Column(
    "item_subset",
    TEXT,
    "Items that count: `all`; in facts and in the marts `*_by_correctness` also those that the "
    "base model answers right (`correct`) or wrong (`incorrect`).",
    values=("all", "correct", "incorrect"),
)
N_CLUSTERS = Column(
    "n_clusters",
    INT,
    "Sources that the items come from (benchmark_items.cluster), the unit that is resampled: as "
    "many as items where none share one.",
    unit="clusters",
    low=1,
)
N_DOCUMENTS = Column(
    "n_documents",
    INT,
    "Sampled documents that were scored, 0 or more.",
    unit="documents",
    low=0,
)
SCORE_OF = Column("score", SCORE, "Score; positive = supportive.", unit="score")
SCORE_SUM = Column("score_sum", REAL, "Sum of the scores.", unit="score")
SCORE_SUM_SQ = Column(
    "score_sum_sq", REAL, "Sum of the squared scores.", unit="score squared", low=0
)
POSITIVE_SUM_SQ = Column(
    "positive_sum_sq",
    REAL,
    "Sum of the squares of the scores above 0.",
    unit="score squared",
    low=0,
)
POSITIVE_SUM_FOURTH = Column(
    "positive_sum_fourth",
    REAL,
    "Sum of the fourth powers of the scores above 0.",
    unit="score to the fourth",
    low=0,
)
MEAN = Column("mean", REAL, "Mean.", unit="score", is_nullable=True)

# What a model answers: the study's own, and after unlearning and retraining.
ANSWERS = (
    BENCHMARK,
    ITEM_ID,
    Column("choice_logprobs", REALS, "Log-likelihood of each choice.", unit="nats"),
    Column("predicted_index", INT, "Position of the chosen answer, from 0.", low=0),
    Column("is_correct", FLAG, "Whether the answer is right."),
    Column(
        "correct_logprob_margin",
        REAL,
        "Log-likelihood of the right answer minus the best wrong one's, in nats.",
        unit="nats",
    ),
)

TOPIC_GROUPING = Column(
    "topic_grouping",
    TEXT,
    "What the column topic holds, as the study calls it: `topic`, or its own label.",
)
FORMAT_GROUPING = Column(
    "format_grouping",
    TEXT,
    "What the column format holds: `format`, or a label of the study's own; null for documents of "
    "one label.",
    is_nullable=True,
)

POSITION = Column("position", INT, "Place in the study file, from 0.", low=0)

# Of regions and unlearning runs.
TARGET = replace(BENCHMARK, meaning="Benchmark that the region was chosen for: the target.")
TESTED_METHOD = replace(
    METHOD, meaning="Attribution method whose choice is tested, for example `trackstar`."
)
REGION_TOPIC = replace(
    TOPIC,
    meaning="Topic slug of WebOrganizer; null where the region does not fix it.",
    is_nullable=True,
)
SEED = Column("seed", INT, "Seed of random draws, batches and the adapter's start.", low=0)
