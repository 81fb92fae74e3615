"""A small lake with known structure, written through `Lake.write` as the stages would.

Belongs here: facts whose true values the tests can recompute with numpy, fast (no model, no
gradients). Does not belong here: the planted demo, which the package itself generates.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from influence_warehouse.benchmarks.tables import study_definitions
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import record_path
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import bins

BENCHMARKS = {
    "social_reasoning": ("social", "reasoning"),
    "stem_reasoning": ("stem", "reasoning"),
    "social_knowledge": ("social", "knowledge"),
    "stem_knowledge": ("stem", "knowledge"),
}
CONTRASTS = [
    ("reasoning_social_minus_stem", "social_reasoning", "stem_reasoning"),
    ("knowledge_social_minus_stem", "social_knowledge", "stem_knowledge"),
    ("interaction", "reasoning_social_minus_stem", "knowledge_social_minus_stem"),
    ("social_reasoning_minus_knowledge", "social_reasoning", "social_knowledge"),
    ("stem_reasoning_minus_knowledge", "stem_reasoning", "stem_knowledge"),
]
PLANTED_TOPICS = {
    "social_reasoning": ("social_life", "literature"),
    "stem_reasoning": ("electronics_and_hardware", "industrial"),
    "social_knowledge": ("history_and_geography", "politics"),
    "stem_knowledge": ("science_math_and_technology", "health"),
}
PLANTED_FORMATS = ("customer_support", "q_a_forum", "tutorial", "knowledge_article")
MODEL, METHOD = "base", "trackstar"
CELL = f"{MODEL}|{METHOD}"
TOP_K = 10


@dataclass(frozen=True)
class SyntheticLake:
    """The study, its lake, and the whole truth behind the facts.

    `item_scores[benchmark]` is float64 [items, documents]; `bin_of` is int [documents];
    `population` is int [576].
    """

    study: Study
    lake: Lake
    doc_ids: list[str]
    bin_of: np.ndarray
    population: np.ndarray
    item_scores: dict[str, np.ndarray]
    items_of_a_source: int = 2
    method: str = METHOD

    @property
    def cell(self) -> str:
        """Key of the model and method whose scores these are."""
        return f"{MODEL}|{self.method}"

    @property
    def home(self) -> Home:
        return self.lake.home

    def moved_to(self, root: Path) -> "SyntheticLake":
        """The same lake in a copy of its warehouse."""
        return replace(self, lake=Lake(Home(root, self.study.name)))

    def document_scores(self, benchmark: str) -> np.ndarray:
        """Mean over the benchmark's items, as float32 is stored, [documents]."""
        return self.item_scores[benchmark].mean(axis=0).astype(np.float32).astype(float)

    def positive_squares(self, benchmark: str) -> np.ndarray:
        """Mean over the items of the squared positive part, as float32 is stored, [documents]."""
        squares = np.maximum(self.item_scores[benchmark], 0) ** 2
        return squares.mean(axis=0).astype(np.float32).astype(float)

    def clusters(self, benchmark: str) -> np.ndarray:
        """Number of each item's source, [items]."""
        return np.arange(len(self.item_scores[benchmark])) // self.items_of_a_source

    def bin_means(self, benchmark: str) -> np.ndarray:
        """Mean document score per bin, [576]; NaN where a bin is empty."""
        sums = np.bincount(self.bin_of, self.item_scores[benchmark].mean(axis=0), minlength=576)
        counts = np.bincount(self.bin_of, minlength=576)
        return np.divide(sums, counts, out=np.full(576, np.nan), where=counts > 0)

    def bin_z(self, benchmark: str) -> np.ndarray:
        """Standardized bin means (ddof = 1), [576]; NaN where a bin is empty."""
        means = self.bin_means(benchmark)
        return (means - np.nanmean(means)) / np.nanstd(means, ddof=1)


def synthetic_study(planted: bool = True, resamples: int = 200, shards: int = 2) -> Study:
    """A study of the 2 x 2 design; not planted ones name files that nothing reads."""
    source = {} if planted else {"path": "unread.parquet"}
    return Study.model_validate(
        {
            "name": "synthetic",
            "seed": 7,
            "planted": {} if planted else None,
            "corpus": source,
            "models": [{"name": MODEL, **source}],
            "sampling": {"documents_per_bin": 4, "shards": shards},
            "attribution": {"top_k": TOP_K, "methods": [{"kind": "trackstar"}]},
            "benchmarks": [
                {"name": name, "domain": domain, "capability": capability, **source}
                for name, (domain, capability) in BENCHMARKS.items()
            ],
            "contrasts": [{"name": name, "a": a, "b": b} for name, a, b in CONTRASTS],
            "statistics": {"resamples": resamples},
        }
    )


def synthetic_lake(
    folder: Path,
    *,
    planted: bool = True,
    documents: int = 1200,
    items: int = 16,
    resamples: int = 200,
    shards: int = 2,
    items_of_a_source: int = 2,
) -> SyntheticLake:
    """Write every fact of a synthetic study under `folder`, the resamples included."""
    study = synthetic_study(planted, resamples, shards)
    home = Home(folder, study.name)
    world = _world(study, Lake(home), documents, items)
    world = replace(world, items_of_a_source=items_of_a_source)
    write_facts(world)
    if planted:
        write_fact(world, "planted_truth", _truth())
    return world


def write_facts(world: SyntheticLake) -> None:
    """Write all facts of a world but the truth, and a run record per shard."""

    world.home.create()
    _write_corpus(world)
    _write_benchmarks(world)
    write_scores(world)
    make_fact(world.study, world.lake, "bin_terms")
    make_cell(world)
    make_fact(world.study, world.lake, "agreement_inference", MODEL)
    write_run_records(world)


def make_cell(world: SyntheticLake) -> None:
    """What inference makes of one method's scores."""
    for fact in ("region_inference", "split_half_correlations", "concentration_noise"):
        make_fact(world.study, world.lake, fact, world.cell)


def _world(study: Study, lake: Lake, documents: int, items: int) -> SyntheticLake:
    """Scores with topic effects, document noise shared by the benchmarks, and item noise."""
    rng = np.random.default_rng(study.seed)
    # Every 17th bin stays empty; thin bins come by chance.
    open_bins = np.array([cell.bin_id for cell in bins() if cell.bin_id % 17])
    bin_of = np.sort(rng.choice(open_bins, documents))
    population = np.bincount(bin_of, minlength=576) * rng.integers(1, 40, 576)
    shared = rng.normal(0, 0.004, documents)
    truth = _truth()
    scores = {}
    for name in BENCHMARKS:
        planted = truth.filter(pl.col("benchmark") == name)["bin_id"].to_numpy()
        effect = 0.012 * np.isin(bin_of, planted) + rng.normal(0, 0.003, 576)[bin_of]
        noise = rng.normal(0, 0.01, (items, documents))
        scores[name] = effect + shared + rng.normal(0, 0.003, items)[:, None] + noise
    ids = [f"doc-{number:05d}" for number in range(documents)]
    return SyntheticLake(study, lake, ids, bin_of, population, scores)


def _truth() -> pl.DataFrame:
    rows = [
        (name, cell.topic, cell.format, cell.bin_id, 0.4)
        for name, topics in PLANTED_TOPICS.items()
        for cell in bins()
        if cell.topic in topics and cell.format in PLANTED_FORMATS
    ]
    columns = ["benchmark", "topic", "format", "bin_id", "fact_share"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def write_fact(
    world: SyntheticLake, fact: str, frame: pl.DataFrame, part: str | None = None
) -> None:
    world.lake.write(fact, frame, Fingerprint.of(fact, synthetic=len(world.doc_ids)), part)


def _write_corpus(world: SyntheticLake) -> None:
    cells = bins()
    sampled = np.bincount(world.bin_of, minlength=576)
    texts = [
        f"{doc_id}\n\na page  about {cells[b].topic} written as {cells[b].format}. " * 4
        for doc_id, b in zip(world.doc_ids, world.bin_of, strict=True)
    ]
    labels = pl.DataFrame(
        {
            "doc_id": world.doc_ids,
            "topic": [cells[b].topic for b in world.bin_of],
            "format": [cells[b].format for b in world.bin_of],
            "content_sha256": [hashlib.sha256(text.encode()).hexdigest() for text in texts],
        }
    )
    documents = labels.with_columns(
        text=pl.Series(texts),
        url=pl.format("https://example.org/{}", "doc_id"),
        source=pl.lit("synthetic"),
        label_confidence=pl.lit(0.9),
        prompt_chars=pl.lit(None, pl.Int32),
        n_chars=pl.Series([len(text) for text in texts]),
        n_tokens=pl.Series([len(text.split()) for text in texts]),
    )
    write_fact(world, "documents", documents)
    set_aside = {"row": [3], "file": ["a.parquet"], "doc_id": ["doc-x"], "reason": ["empty_text"]}
    write_fact(
        world, "documents_set_aside", pl.DataFrame(set_aside).with_columns(detail=pl.lit(""))
    )
    shard = np.arange(len(world.doc_ids)) % world.study.sampling.shards
    manifest = labels.with_columns(
        bin_id=pl.Series(world.bin_of),
        population_documents=pl.Series(world.population[world.bin_of]),
        inclusion_probability=pl.Series((sampled / np.maximum(world.population, 1))[world.bin_of]),
        shard=pl.Series(shard),
    ).with_columns(sample_rank=pl.int_range(pl.len()).over("bin_id"))
    write_fact(world, "sampling_manifest", manifest)
    target = world.study.sampling.documents_per_bin
    strata = [_stratum(number, target) for number in sampled]
    populations = pl.DataFrame([(c.bin_id, c.topic, c.format) for c in cells], orient="row")
    populations.columns = ["bin_id", "topic", "format"]
    populations = populations.with_columns(
        population_documents=pl.Series(world.population),
        sampled_documents=pl.Series(sampled),
        stratum=pl.Series(strata),
    )
    write_fact(world, "bin_populations", populations)


def _stratum(sampled: int, target: int) -> str:
    if sampled == 0:
        return "empty"
    if sampled >= target:
        return "full"
    return "partial" if 2 * sampled >= target else "sparse"


def _write_benchmarks(world: SyntheticLake) -> None:
    items, predictions, designs = [], [], []
    for position, benchmark in enumerate(world.study.benchmarks):
        name = benchmark.name
        designs.append((world.study.name, name, benchmark.domain, benchmark.capability, position))
        for number in range(len(world.item_scores[name])):
            choices = ["yes", "no", "maybe", "never"][: 3 + number % 2]
            head = (name, f"{name}-{number:03d}")
            source = f"source {number // world.items_of_a_source}"
            items.append((*head, benchmark.domain, benchmark.capability, "all", source, choices))
            logprobs = [-1.0, *[-1.5 - 0.1 * number] * (len(choices) - 1)]
            right = number % 3 != 0
            margin = (0.5 + 0.1 * number) * (1 if right else -1)
            predictions.append((MODEL, *head, logprobs, 0 if right else 1, right, margin))
    names = ["benchmark", "item_id", "domain", "capability", "subject", "cluster", "choices"]
    frame = pl.DataFrame(items, schema=names, orient="row").with_columns(
        question=pl.format("What about {}?", "item_id"),
        prompt=pl.format("Question: {} Answer:", "item_id"),
        answer_index=pl.lit(0),
    )
    write_fact(world, "benchmark_items", frame)
    names = ["model", "benchmark", "item_id", "choice_logprobs", "predicted_index"]
    names += ["is_correct", "correct_logprob_margin"]
    write_fact(
        world, "item_predictions", pl.DataFrame(predictions, schema=names, orient="row"), MODEL
    )
    names = ["study", "benchmark", "domain", "capability", "position"]
    design = pl.DataFrame(designs, schema=names, orient="row")
    extra = {"prompt_format": pl.lit("question_answer"), "metric": pl.lit("acc")}
    write_fact(world, "study_benchmarks", design.with_columns(**extra))
    write_fact(world, "study_contrasts", _contrasts(world.study))
    write_methods(world)


def write_methods(world: SyntheticLake) -> None:
    """The methods of the world's study, as the study says them."""
    rows = study_definitions(world.study, world.lake)["study_methods"]
    write_fact(
        world, "study_methods", pl.DataFrame(rows, schema=CONTRACTS["study_methods"].columns)
    )


def _contrasts(study: Study) -> pl.DataFrame:
    weights = study.contrast_coefficients()
    rows = [
        (study.name, contrast.name, position, contrast.a, contrast.b, name, coefficient)
        for position, contrast in enumerate(study.contrasts)
        for name, coefficient in weights[contrast.name].items()
    ]
    names = ["study", "contrast", "position", "benchmark_a", "benchmark_b", "benchmark"]
    return pl.DataFrame(rows, schema=[*names, "coefficient"], orient="row")


def write_scores(world: SyntheticLake) -> None:
    shards = world.study.sampling.shards
    for shard in range(shards):
        keep = np.flatnonzero(np.arange(len(world.doc_ids)) % shards == shard)
        parts = [
            pl.DataFrame(
                {
                    "doc_id": [world.doc_ids[i] for i in keep],
                    "bin_id": world.bin_of[keep],
                    "score": world.document_scores(name)[keep],
                    "positive_square": world.positive_squares(name)[keep],
                }
            ).with_columns(model=pl.lit(MODEL), method=pl.lit(world.method), benchmark=pl.lit(name))
            for name in world.item_scores
        ]
        write_fact(world, "document_scores", pl.concat(parts), f"{world.cell}|{shard:05d}")
    sums = [_bin_items(world, name) for name in world.item_scores]
    write_fact(world, "bin_item_scores", pl.concat(sums), world.cell)
    extremes = [_proponents(world, name) for name in world.item_scores]
    write_fact(world, "proponents", pl.concat(extremes), world.cell)
    health = [
        pl.DataFrame({"shard": np.arange(shards), "n_documents": len(world.doc_ids) // shards})
        .with_columns(method=pl.lit(world.method), benchmark=pl.lit(name), mean=pl.lit(0.0))
        .with_columns(n_zero=pl.lit(0), n_not_finite=pl.lit(0), standard_deviation=pl.lit(0.01))
        .with_columns(model=pl.lit(MODEL), dtype=pl.lit("float32"), attention=pl.lit("sdpa"))
        for name in world.item_scores
    ]
    write_fact(world, "attribution_health", pl.concat(health), world.cell)


def _bin_items(world: SyntheticLake, benchmark: str) -> pl.DataFrame:
    counts = np.bincount(world.bin_of, minlength=576)
    frames = []
    for number, scores in enumerate(world.item_scores[benchmark]):
        top = np.argsort(-scores, kind="stable")[:TOP_K]
        positive = np.maximum(scores, 0)
        frames.append(
            pl.DataFrame(
                {
                    "bin_id": np.arange(576),
                    "n_documents": counts,
                    "n_in_top_k": np.bincount(world.bin_of[top], minlength=576),
                    "score_sum": np.bincount(world.bin_of, scores, minlength=576),
                    "score_sum_sq": np.bincount(world.bin_of, scores**2, minlength=576),
                    "positive_sum_sq": np.bincount(world.bin_of, positive**2, minlength=576),
                    "positive_sum_fourth": np.bincount(world.bin_of, positive**4, minlength=576),
                }
            )
            .filter(pl.col("n_documents") > 0)
            .with_columns(item_id=pl.lit(f"{benchmark}-{number:03d}"))
        )
    frame = pl.concat(frames)
    return frame.with_columns(
        model=pl.lit(MODEL), method=pl.lit(world.method), benchmark=pl.lit(benchmark)
    )


def _proponents(world: SyntheticLake, benchmark: str) -> pl.DataFrame:
    """Ranks 1 to k for the strongest documents of an item, -1 to -k for the weakest."""
    rows = []
    for number, scores in enumerate(world.item_scores[benchmark]):
        order = np.argsort(-scores, kind="stable")
        for rank in [*range(1, TOP_K + 1), *range(-TOP_K, 0)]:
            index = order[rank - 1] if rank > 0 else order[rank]
            head = (MODEL, world.method, benchmark, f"{benchmark}-{number:03d}", rank)
            rows.append((*head, world.doc_ids[index], int(world.bin_of[index]), scores[index]))
    names = ["model", "method", "benchmark", "item_id", "rank", "doc_id", "bin_id", "score"]
    return pl.DataFrame(rows, schema=names, orient="row")


def write_run_records(world: SyntheticLake) -> None:
    """A record for each shard of one method's scores."""
    for shard in range(world.study.sampling.shards):
        part = f"{world.cell}|{shard:05d}"
        record = {
            "asset": "document_scores",
            "part": part,
            "fact": "document_scores",
            "fingerprint": world.lake.require("document_scores", part).digest,
            "rows": world.lake.rows("document_scores", part),
            "reused": False,
            "started_at": "2026-01-02T03:04:05+00:00",
            "seconds": 1.5,
            "core_seconds": 2.5,
            "bytes": 4000,
            "software": {"bergson": "2.5.1"},
        }
        path = record_path(world.home, "document_scores", part)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
