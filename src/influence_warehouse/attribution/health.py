"""Numerical health: whether gradients and scores can be trusted. Facts that checks block on.

Bergson's own model-configuration diagnostic compares a document's gradient alone and in a
padded batch, in the study's precision but always with attention sdpa; the shards' scores are
counted for zeros and values that are not finite.
"""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.attribution.bergson_session import bergson_output_to, kwargs_text
from influence_warehouse.attribution.gradient_pass import let_go
from influence_warehouse.attribution.gradients import PRECISIONS
from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.errors import HealthError
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.leftovers import scratch_folder
from influence_warehouse.models.loading import loading_options, local_folder, model_source
from influence_warehouse.pipeline.parts import shards_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.study import Study

_DIAGNOSED_DOCUMENTS = 32
_REPORT_LINE = re.compile(r"^\s+(?:PASS|FAIL)\s+(.+?)\s+\(min cos_sim=([-\d.naif]+)\)", re.M)


def identity_of_gradient_diagnosis(study: Study, lake: Lake, model: Part) -> dict[str, Any]:
    """The model, how it is read, and the diagnostic's settings."""
    settings = study.attribution
    return {
        "model": model_source(study, lake.home).digest,
        "dtype": study.model.dtype,
        "max_tokens": study.model.max_tokens,
        "trials": settings.health_trials,
        "threshold": settings.min_gradient_cosine,
        "seed": study.seed,
    }


def make_gradient_diagnosis(task: Task) -> list[Made]:
    """Run Bergson's diagnostic on sampled documents; one row per configuration it tried.

    It loads the model with PyTorch's own attention (sdpa), whatever the study's is.
    """
    study, lake = task.study, task.lake
    report = _diagnose(study, lake)
    cosines = [(name, float(cosine)) for name, cosine in _REPORT_LINE.findall(report)]
    if not cosines:
        raise HealthError(
            "Bergson's gradient diagnostic gave no result. Remedy: read its report in "
            f"{lake.home.runs / 'bergson.log'}."
        )
    threshold = study.attribution.min_gradient_cosine
    frame = pl.DataFrame(
        {
            "model": study.model.name,
            "configuration": [name for name, _ in cosines],
            "n_trials": study.attribution.health_trials,
            "min_cosine": [cosine for _, cosine in cosines],
            "threshold": threshold,
            # not (x < t): a cosine that is not a number fails.
            "is_passed": [cosine >= threshold for _, cosine in cosines],
        }
    )
    return [Made("gradient_diagnosis", frame, {"min_cosine": min(c for _, c in cosines)})]


def make_attribution_health(task: Task) -> list[Made]:
    """Count zero and non-finite scores of one method per benchmark and shard."""
    let_go()  # all shards are scored
    study, lake = task.study, task.lake
    reads_model = study.method.needs in ("gradients", "model")
    frames = [
        lake.read("document_scores", part)
        .group_by("model", "method", "benchmark")
        .agg(
            n_documents=pl.len(),
            n_zero=(pl.col("score") == 0).sum(),
            n_not_finite=(~pl.col("score").is_finite()).sum(),
            mean=pl.col("score").cast(pl.Float64).mean(),
            standard_deviation=pl.col("score").cast(pl.Float64).std(),
        )
        .with_columns(
            shard=pl.lit(shard),
            dtype=pl.lit(study.model.dtype if reads_model else None),
            attention=pl.lit(study.model.attention if reads_model else None),
        )
        for shard, part in enumerate(shards_of(study, task.key))
    ]
    return [Made("attribution_health", pl.concat(frames))]


def diagnosis_problems(diagnosis: pl.DataFrame) -> list[str]:
    """What the diagnostic says against the study's own configuration, one line each."""
    # Further configurations are those Bergson tries as remedies once the first one failed.
    checked = diagnosis.filter(
        pl.col("configuration").str.starts_with("precision=")
        | pl.col("configuration").str.contains("Equal-length")
    )
    return [
        f"{row['model']}, {row['configuration']}: smallest gradient cosine "
        f"{row['min_cosine']:.4f} is under {row['threshold']}. Remedy: set the model's dtype to "
        "float32. (The diagnostic computes with attention sdpa, whatever the model's is.)"
        for row in checked.filter(~pl.col("is_passed")).iter_rows(named=True)
    ]


def health_problems(health: pl.DataFrame, max_zero_share: float) -> list[str]:
    """What the counts say against the scores, one line per method, benchmark and shard.

    Words that a document does not share with any query score exactly 0; a gradient or a hidden
    state does not.
    """
    problems = []
    for row in health.iter_rows(named=True):
        reads_model = row["dtype"] is not None
        read = f" ({row['dtype']}, {row['attention']})" if reads_model else ""
        where = f"{row['method']} of {row['model']}, {row['benchmark']}, shard {row['shard']}{read}"
        if row["n_not_finite"]:
            problems.append(
                f"{where}: {row['n_not_finite']} of {row['n_documents']} scores are not finite. "
                "Remedy: check the model's weights for NaN, or set its dtype to float32."
            )
        if reads_model and row["n_zero"] > max_zero_share * row["n_documents"]:
            problems.append(
                f"{where}: {row['n_zero']} of {row['n_documents']} scores are zero, more than the "
                f"share {max_zero_share}. Remedy: raise sampling.min_tokens or model precision."
            )
        if row["n_documents"] > 1 and row["standard_deviation"] == 0:
            problems.append(
                f"{where}: all {row['n_documents']} scores are the same, so they rank nothing. "
                "Remedy: check the method's settings, and that documents and items have texts."
            )
    return problems


def _diagnose(study: Study, lake: Lake) -> str:
    """Text of Bergson's report; it is its only output, so it is captured and kept in the log."""
    manifest = lake.read("sampling_manifest").sort("sample_rank", "bin_id")
    chosen = manifest.head(_DIAGNOSED_DOCUMENTS)["doc_id"]
    texts = read_documents(lake, chosen, "text")
    output = io.StringIO()
    log = lake.home.runs / "bergson.log"
    with scratch_folder(lake.home.work) as folder, bergson_output_to(log, "diagnosis"):
        texts.write_parquet(Path(folder) / "documents.parquet")
        with redirect_stdout(output):
            from bergson.diagnose import DiagnoseConfig, diagnose

            diagnose(
                DiagnoseConfig(
                    model=local_folder(model_source(study, lake.home), study.model),
                    model_kwargs=kwargs_text(loading_options(study.model)),
                    dataset=folder,
                    n_trials=study.attribution.health_trials,
                    seed=study.seed,
                    precision=PRECISIONS[study.model.dtype],
                    max_len=study.model.max_tokens,
                    threshold=study.attribution.min_gradient_cosine,
                )
            )
        print(output.getvalue())
    return output.getvalue()
