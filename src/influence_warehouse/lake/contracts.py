"""Contracts of the facts: meaning, columns with dtypes, and the key that orders the rows.

Belongs here: what parts, tests and users agree on about the lake. Does not belong here:
reading and writing (`facts`), and the columns of marts (dbt/).
"""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Contract:
    """Columns with dtypes, and the key that totally orders the rows.

    `sharded`: one file per shard (a number) or per unlearning run (its partition key).
    """

    description: str
    columns: dict[str, pl.DataType]
    key: tuple[str, ...]
    sharded: bool = False


_TEXT, _REAL, _SCORE = pl.String(), pl.Float64(), pl.Float32()
_INT, _BIG, _FLAG = pl.Int32(), pl.Int64(), pl.Boolean()

CONTRACTS: dict[str, Contract] = {
    "documents": Contract(
        "Documents of the corpus, validated, one row each.",
        {
            "doc_id": _TEXT,
            "text": _TEXT,
            "url": _TEXT,
            "source": _TEXT,
            "topic": _TEXT,
            "format": _TEXT,
            "label_confidence": _REAL,
            "n_chars": _INT,
            "n_tokens": _INT,
            "content_sha256": _TEXT,
        },
        key=("doc_id",),
    ),
    "documents_set_aside": Contract(
        "Input rows that were set aside, with the reason.",
        {"row": _BIG, "file": _TEXT, "doc_id": _TEXT, "reason": _TEXT, "detail": _TEXT},
        key=("file", "row"),
    ),
    "sampling_manifest": Contract(
        "Documents drawn per bin, with inclusion probability and shard.",
        {
            "doc_id": _TEXT,
            "topic": _TEXT,
            "format": _TEXT,
            "bin_id": _INT,
            "population_documents": _BIG,
            "inclusion_probability": _REAL,
            "sample_rank": _INT,
            "shard": _INT,
            "content_sha256": _TEXT,
        },
        key=("doc_id",),
    ),
    "bin_populations": Contract(
        "All bins (576, but of an import's own labels) with population, sample and stratum.",
        {
            "bin_id": _INT,
            "topic": _TEXT,
            "format": _TEXT,
            "population_documents": _BIG,
            "sampled_documents": _INT,
            "stratum": _TEXT,
        },
        key=("bin_id",),
    ),
    "bin_terms": Contract(
        "Terms that the sampled texts of each bin use.",
        {"bin_id": _INT, "term": _TEXT, "n_documents": _INT, "count": _BIG},
        key=("bin_id", "term"),
    ),
    "bin_words": Contract(
        "Documents and words of each bin in which terms were counted.",
        {"bin_id": _INT, "n_documents": _INT, "n_words": _BIG, "n_words_kept": _BIG},
        key=("bin_id",),
    ),
    "benchmark_items": Contract(
        "Benchmark items as prompts and completions.",
        {
            "benchmark": _TEXT,
            "item_id": _TEXT,
            "domain": _TEXT,
            "capability": _TEXT,
            "subject": _TEXT,
            "question": _TEXT,
            "prompt": _TEXT,
            "choices": pl.List(pl.String()),
            "answer_index": _INT,
        },
        key=("benchmark", "item_id"),
    ),
    "item_predictions": Contract(
        "The model's log-likelihoods of each item's choices, by lm-eval.",
        {
            "model_id": _TEXT,
            "benchmark": _TEXT,
            "item_id": _TEXT,
            "choice_logprobs": pl.List(pl.Float64()),
            "predicted_index": _INT,
            "is_correct": _FLAG,
            "correct_logprob_margin": _REAL,
        },
        key=("model_id", "benchmark", "item_id"),
    ),
    "document_scores": Contract(
        "Mean score of each document over a benchmark's items.",
        {"method": _TEXT, "benchmark": _TEXT, "doc_id": _TEXT, "bin_id": _INT, "score": _SCORE},
        key=("method", "benchmark", "doc_id"),
        sharded=True,
    ),
    "shard_bin_item_scores": Contract(
        "Sums of scores per item and bin within one shard.",
        {
            "method": _TEXT,
            "benchmark": _TEXT,
            "item_id": _TEXT,
            "bin_id": _INT,
            "n_documents": _INT,
            "score_sum": _REAL,
            "score_sum_sq": _REAL,
        },
        key=("method", "benchmark", "item_id", "bin_id"),
        sharded=True,
    ),
    "shard_proponents": Contract(
        "Strongest and weakest documents per item within one shard.",
        {
            "method": _TEXT,
            "benchmark": _TEXT,
            "item_id": _TEXT,
            "doc_id": _TEXT,
            "bin_id": _INT,
            "score": _SCORE,
        },
        key=("method", "benchmark", "item_id", "doc_id"),
        sharded=True,
    ),
    "bin_item_scores": Contract(
        "Sums of scores per item and bin, with the count of top documents.",
        {
            "method": _TEXT,
            "benchmark": _TEXT,
            "item_id": _TEXT,
            "bin_id": _INT,
            "n_documents": _INT,
            "n_in_top_k": _INT,
            "score_sum": _REAL,
            "score_sum_sq": _REAL,
        },
        key=("method", "benchmark", "item_id", "bin_id"),
    ),
    "proponents": Contract(
        "Strongest (rank 1..k) and weakest (rank -1..-k) documents per item.",
        {
            "method": _TEXT,
            "benchmark": _TEXT,
            "item_id": _TEXT,
            "rank": _INT,
            "doc_id": _TEXT,
            "bin_id": _INT,
            "score": _SCORE,
        },
        key=("method", "benchmark", "item_id", "rank"),
    ),
    "gradient_diagnosis": Contract(
        "Bergson's model-configuration diagnostic, per configuration tried.",
        {
            "configuration": _TEXT,
            "n_trials": _INT,
            "min_cosine": _REAL,
            "threshold": _REAL,
            "is_passed": _FLAG,
        },
        key=("configuration",),
    ),
    "attribution_health": Contract(
        "Zero and non-finite scores per benchmark and shard.",
        {
            "method": _TEXT,
            "benchmark": _TEXT,
            "shard": _INT,
            "n_documents": _INT,
            "n_zero": _INT,
            "n_not_finite": _INT,
            "mean": _REAL,
            "standard_deviation": _REAL,
            "dtype": _TEXT,
            "attention": _TEXT,
        },
        key=("method", "benchmark", "shard"),
    ),
    "bin_mean_resamples": Contract(
        "Two-way bootstrap resamples of the bins' means.",
        {
            "method": _TEXT,
            "benchmark": _TEXT,
            "item_subset": _TEXT,
            "resample": _INT,
            "bin_id": _INT,
            "mean": _REAL,
        },
        key=("method", "benchmark", "item_subset", "resample", "bin_id"),
    ),
    "split_half_correlations": Contract(
        "Correlations of the profiles of random halves of items, or of each bin's documents.",
        {
            "method": _TEXT,
            "benchmark": _TEXT,
            "item_subset": _TEXT,
            "split_over": _TEXT,
            "level": _TEXT,
            "split": _INT,
            "pearson": _REAL,
        },
        key=("method", "benchmark", "item_subset", "split_over", "level", "split"),
    ),
    "bin_scores": Contract(
        "Means of imported scores per bin with documents, with the z that a file of means states.",
        {
            "method": _TEXT,
            "benchmark": _TEXT,
            "bin_id": _INT,
            "n_documents": _BIG,
            "mean": _REAL,
            "stated_z": _REAL,
        },
        key=("method", "benchmark", "bin_id"),
    ),
    "imported_files": Contract(
        "Files that an imported study was made from, with licence and citation.",
        {
            "study": _TEXT,
            "kind": _TEXT,
            "score_per": _TEXT,
            "method": _TEXT,
            "benchmark": _TEXT,
            "file_name": _TEXT,
            "sha256": _TEXT,
            "n_bins": _INT,
            "n_documents": _BIG,
            "z_tolerance": _REAL,
            "top_k": _INT,
            "is_negated": _FLAG,
            "topic_grouping": _TEXT,
            "format_grouping": _TEXT,
            "source": _TEXT,
            "licence": _TEXT,
            "citation": _TEXT,
        },
        key=("method", "benchmark"),
    ),
    "study_benchmarks": Contract(
        "The study's benchmarks with their design factors.",
        {
            "study": _TEXT,
            "benchmark": _TEXT,
            "domain": _TEXT,
            "capability": _TEXT,
            "position": _INT,
            "prompt_format": _TEXT,
            "metric": _TEXT,
        },
        key=("benchmark",),
    ),
    "study_contrasts": Contract(
        "The study's contrasts as weights of benchmarks.",
        {
            "study": _TEXT,
            "contrast": _TEXT,
            "position": _INT,
            "benchmark_a": _TEXT,
            "benchmark_b": _TEXT,
            "benchmark": _TEXT,
            "coefficient": _REAL,
        },
        key=("contrast", "benchmark"),
    ),
    "region_rules": Contract(
        "The rule by which regions to forget are chosen, per benchmark or listed region.",
        {
            "study": _TEXT,
            "method": _TEXT,
            "position": _INT,
            "benchmark": _TEXT,
            "rule": _TEXT,
            "per_benchmark": _INT,
            "max_q": _REAL,
            "topic": _TEXT,
            "format": _TEXT,
        },
        key=("position",),
    ),
    "unlearning_plan": Contract(
        "Unlearning runs that there are to do, from the chosen regions.",
        {
            "partition_key": _TEXT,
            "benchmark": _TEXT,
            "condition": _TEXT,
            "region_kind": _TEXT,
            "topic": _TEXT,
            "seed": _INT,
        },
        key=("partition_key",),
    ),
    "forget_sets": Contract(
        "Documents that each unlearning run forgets.",
        {
            "partition_key": _TEXT,
            "doc_id": _TEXT,
            "bin_id": _INT,
            "role": _TEXT,
            "influence_rank": _INT,
        },
        key=("partition_key", "doc_id"),
    ),
    "retain_sets": Contract(
        "Documents that runs of one seed keep (retain) or measure utility on (probe).",
        {"seed": _INT, "doc_id": _TEXT, "bin_id": _INT, "role": _TEXT},
        key=("seed", "doc_id"),
    ),
    "unlearning_set_digests": Contract(
        "Size and digest of each run's forget set and of its seed's retain set.",
        {
            "partition_key": _TEXT,
            "n_forget": _INT,
            "forget_digest": _TEXT,
            "n_retain": _INT,
            "n_probe": _INT,
            "retain_digest": _TEXT,
        },
        key=("partition_key",),
    ),
    "unlearning_runs": Contract(
        "What each unlearning run did and why it stopped.",
        {
            "run_id": _TEXT,
            "benchmark": _TEXT,
            "condition": _TEXT,
            "region_kind": _TEXT,
            "topic": _TEXT,
            "seed": _INT,
            "objective": _TEXT,
            "forget_digest": _TEXT,
            "n_forget": _INT,
            "steps": _INT,
            "stop_reason": _TEXT,
            "forget_loss_before": _REAL,
            "forget_loss_after": _REAL,
            "retain_loss_before": _REAL,
            "retain_loss_after": _REAL,
            "utility_before": _REAL,
            "utility_after": _REAL,
            "learning_rate": _REAL,
        },
        key=("run_id",),
        sharded=True,
    ),
    "unlearning_steps": Contract(
        "Losses of each unlearning run as it goes on.",
        {
            "run_id": _TEXT,
            "step": _INT,
            "forget_loss": _REAL,
            "retain_loss": _REAL,
            "utility": _REAL,
            "learning_rate": _REAL,
        },
        key=("run_id", "step"),
        sharded=True,
    ),
    "unlearned_predictions": Contract(
        "Each unlearned model's log-likelihoods of each item's choices, by lm-eval.",
        {
            "model_id": _TEXT,
            "benchmark": _TEXT,
            "item_id": _TEXT,
            "choice_logprobs": pl.List(pl.Float64()),
            "predicted_index": _INT,
            "is_correct": _FLAG,
            "correct_logprob_margin": _REAL,
        },
        key=("model_id", "benchmark", "item_id"),
        sharded=True,
    ),
    "unlearning_outcomes": Contract(
        "Which of the planned unlearning runs are done, failed or left.",
        {"partition_key": _TEXT, "state": _TEXT, "detail": _TEXT},
        key=("partition_key",),
    ),
    "unlearning_comparisons": Contract(
        "Paired tests of damage between conditions, over regions and seeds.",
        {
            "objective": _TEXT,
            "benchmark": _TEXT,
            "measure": _TEXT,
            "condition_a": _TEXT,
            "condition_b": _TEXT,
            "test": _TEXT,
            "n_cells": _INT,
            "n_units": _INT,
            "statistic": _REAL,
            "p_value": _REAL,
            "median_difference": _REAL,
            "median_low": _REAL,
            "median_high": _REAL,
        },
        key=("benchmark", "measure", "condition_a", "condition_b", "test"),
    ),
    "planted_truth": Contract(
        "Where the demo's facts were planted; read by grading alone.",
        {"benchmark": _TEXT, "topic": _TEXT, "format": _TEXT, "bin_id": _INT, "fact_share": _REAL},
        key=("benchmark", "bin_id"),
    ),
}
