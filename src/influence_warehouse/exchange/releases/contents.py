"""What a release holds beside its marts: the influence matrix, manifests, provenance.

Belongs here: those files, from the published copy and the study's facts. Does not belong here:
marts (`tables`), the study file (`study_file`) and the words about all of it (`card`).
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.exchange.releases.notes import Table, Text
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.reports.published import read_table

_MATRIX = """
    select i.model, i.method, i.benchmark, i.bin_id, i.topic, i.format, i.n_documents, i.mean, i.z
    from marts.bin_influence as i
    join marts.benchmarks as b using (study, model, benchmark)
    order by i.model, i.method, b.position, i.benchmark, i.bin_id
"""


def write_matrix(home: Home, tables: list[Table], folder: Path) -> None:
    """`bin_matrix.csv` and `.parquet`: per model, method and bin, columns
    `n_documents_<benchmark>`, `mean_<benchmark>` and `z_<benchmark>`; and
    `bin_scores/<model>/<method>/<benchmark>.csv`, which `influence import bin-scores` reads.
    Nothing where the copy has no such marts.
    """
    if not {"bin_influence", "benchmarks"} <= {table.name for table in tables}:
        return
    rows = read_table(home, _MATRIX)
    measures = ["n_documents", "mean", "z"]
    matrix = rows.pivot(
        on="benchmark", index=["model", "method", "bin_id", "topic", "format"], values=measures
    )
    names = rows["benchmark"].unique(maintain_order=True)
    columns = [f"{measure}_{name}" for name in names for measure in measures]
    matrix = matrix.select("model", "method", "bin_id", "topic", "format", *columns)
    matrix.write_csv(folder / "bin_matrix.csv")
    matrix.write_parquet(folder / "bin_matrix.parquet", compression="zstd")
    files = rows.group_by(["model", "method", "benchmark"], maintain_order=True)
    for (model, method, benchmark), bins in files:
        target = folder / "bin_scores" / str(model) / str(method) / f"{benchmark}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        bins.select(
            topic_label="topic",
            format_label="format",
            mean_score="mean",
            zscore="z",
            doc_count="n_documents",
        ).write_csv(target)


def write_manifests(lake: Lake, folder: Path, text: Text) -> dict[str, int]:
    """Facts that say what was used: `manifests/<fact>.parquet`; rows by fact.

    Without texts, unless `text` is full: then the sampled documents and the items, too. A fact
    that the study does not have, or has no rows of, is left out.
    """
    shapes: dict[str, Callable[[str], pl.DataFrame]] = {
        "sampling_manifest": lake.read,
        "benchmark_items": lake.read if text == "full" else partial(_without_prompts, lake),
        "unlearning_plan": partial(_of_all_methods, lake),
        "forget_sets": partial(_of_all_methods, lake),
        "retain_sets": partial(_of_all_methods, lake),
        "unlearning_set_digests": partial(_of_all_methods, lake),
        "retraining_plan": partial(_of_all_methods, lake),
        "retraining_sets": partial(_of_all_methods, lake),
        "retraining_set_digests": partial(_of_all_methods, lake),
    }
    if text == "full":
        shapes["documents"] = partial(_sampled, lake)
    written = {}
    for fact, shape in sorted(shapes.items()):
        is_there = CONTRACTS[fact].in_parts or lake.exists(fact)
        rows = shape(fact) if is_there else pl.DataFrame()
        if rows.height:
            target = folder / "manifests" / f"{fact}.parquet"
            target.parent.mkdir(exist_ok=True)
            rows.write_parquet(target, compression="zstd")
            written[fact] = rows.height
    return written


def _without_prompts(lake: Lake, fact: str) -> pl.DataFrame:
    """Ids and design of the items, with a digest by which who has the prompt can check it."""
    items = lake.read(fact)
    digests = [hashlib.sha256(prompt.encode()).hexdigest() for prompt in items["prompt"]]
    kept = items.select("benchmark", "item_id", "domain", "capability", "subject", "answer_index")
    return kept.with_columns(prompt_sha256=pl.Series(digests, dtype=pl.String))


def _of_all_methods(lake: Lake, fact: str) -> pl.DataFrame:
    return lake.read_parts(fact, lake.parts(fact))


def _sampled(lake: Lake, _documents: str) -> pl.DataFrame:
    manifest = lake.read("sampling_manifest", columns=["doc_id"])
    return read_documents(lake, manifest["doc_id"])


def write_provenance(lake: Lake, folder: Path, inputs: list[dict[str, Any]]) -> list[str]:
    """`provenance/`: the fingerprint of every fact with its parts, the run records, the inputs.

    Returns when each recorded fact was begun, in UTC.
    """
    folder = folder / "provenance"
    folder.mkdir()
    records = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((lake.home.runs / "records").glob("*.json"))
    ]
    files = {"fingerprints": list(_fingerprints(lake)), "records": records, "inputs": inputs}
    for name, content in files.items():
        text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return sorted(str(record["started_at"]) for record in records)


def _fingerprints(lake: Lake) -> Iterator[dict[str, Any]]:
    for fact, contract in sorted(CONTRACTS.items()):
        parts: list[str | None] = [None]
        if contract.in_parts:
            parts = list(lake.parts(fact))
        for part in parts:
            found = lake.fingerprint(fact, part)
            if found is not None:
                yield {
                    "fact": fact,
                    "part": part,
                    "rows": lake.rows(fact, part),
                    "digest": found.digest,
                    "parts": dict(found.parts),
                }
