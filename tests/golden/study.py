"""The golden study: every step of the library over 40 documents, and what its facts hold.

`python -m tests.golden.study` notes what the facts hold now in `facts.json`; it refuses a fact that
changed while the version of its step, and of the libraries whose results it writes, did not.
Does not belong here: what is right (every other test); this one says that something changed.
"""

import json
import math
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.identity import fingerprints
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.pipeline.steps import Step, steps
from influence_warehouse.study.study import Study
from tests.benchmark_world import item, write_items
from tests.corpus_world import write_lines
from tests.tiny_model import COMMON_TEXT, write_tiny_model
from tests.unlearning_world import SETTINGS, chosen_bins, write_chosen_bins

RECORD = Path(__file__).with_name("facts.json")
WORDS = COMMON_TEXT.split()
# Sums of scores on processors of other kinds agree to about a millionth.
TOLERANCE = 1e-3

Summary = dict[str, Any]


def golden_study(folder: Path) -> Study:
    """Its inputs, written to `folder`, and the study that reads them."""
    rng = random.Random(11)
    rows = [
        {
            "doc_id": f"d{number:03d}",
            "text": " ".join(rng.choices(WORDS, k=rng.randint(8, 30))),
            "topic": ("games", "health", "literature")[number % 3],
            "format": ("tutorial", "listicle")[number // 3 % 2],
        }
        for number in range(40)
    ]
    rows.append(rows[0] | {"doc_id": "copy"})
    benchmarks = []
    for position, name in enumerate(("alpha", "beta")):
        questions = [
            item(number, question=" ".join(rng.choices(WORDS, k=7)), subject=f"s{number // 2}")
            for number in range(position, position + 4)
        ]
        path = write_items(folder / f"{name}.jsonl", questions)
        benchmarks.append(
            {"name": name, "domain": "social", "capability": "reasoning", "path": str(path)}
        )
    methods = [{"kind": "trackstar", "projection_dim": 4}, {"kind": "bm25"}, {"kind": "random"}]
    model = write_tiny_model(folder / "model")
    return Study.model_validate(
        {
            "name": "tiny",
            "seed": 3,
            "corpus": {"path": str(write_lines(folder / "documents.jsonl", rows))},
            "sampling": {"documents_per_bin": 6, "shards": 2},
            "models": [{"path": str(model), "max_tokens": 64}],
            "benchmarks": benchmarks,
            "contrasts": [{"name": "alpha_minus_beta", "a": "alpha", "b": "beta"}],
            "attribution": {"methods": methods, "token_batch_size": 256, "top_k": 3,
                            "health_trials": 1},
            "statistics": {"resamples": 100},
            "unlearning": SETTINGS | {"forget_documents": 3, "retain_documents": 3, "seeds": [1],
                                      "probe_documents": 2, "methods": ["trackstar"],
                                      "conditions": ["influence_in_topic", "random_in_topic"]},
            "retraining": {"leave_out": [], "halves": {"topics": 1, "buckets": 1}, "buckets": 4,
                           "seeds": [], "repeated_subsets": 0,
                           "continued": {"learning_rate": 0.01, "max_tokens": 32}},
        }
    )  # fmt: skip


def make_all(study: Study, lake: Lake) -> None:
    """Every step in its order; `chosen_bins`, which dbt makes of a study, is given."""
    write_chosen_bins(lake, chosen_bins(("alpha", "games", None), ("beta", "health", None)))
    for step in steps(study):
        for part in step.part_keys(study, lake):
            make_fact(study, lake, step.facts[0], part)


def summaries(study: Study, lake: Lake) -> dict[str, Summary]:
    """By fact and part: the versions that made it, and what its columns hold."""
    found: dict[str, Summary] = {}
    for step in steps(study):
        for part in step.part_keys(study, lake):
            versions = _versions(step, study, lake, part)
            for fact in step.facts:
                if fact in CONTRACTS:
                    rows = lake.read(fact, part)
                    name = fact if part is None else f"{fact} {part}"
                    found[name] = {"versions": versions, **_summary(rows)}
    return found


def differences(before: Summary, now: Summary) -> list[str]:
    """Columns, and the number of rows, that are not what they were."""
    changed = [] if before["rows"] == now["rows"] else ["rows"]
    names = sorted({*before["columns"], *now["columns"]})
    return changed + [
        name
        for name in names
        if not _is_same(before["columns"].get(name), now["columns"].get(name))
    ]


def _versions(step: Step, study: Study, lake: Lake, part: str | None) -> dict[str, Any]:
    parts = fingerprints(step, study, lake, part)[step.facts[0]].parts
    libraries = dict(parts["libraries"])
    libraries |= {name: parts[name] for name in ("bergson", "bm25s") if name in parts}
    return {"step": parts["version"], "libraries": libraries}


def _summary(rows: pl.DataFrame) -> Summary:
    return {
        "rows": rows.height,
        "columns": {name: _column(rows[name]) for name in rows.columns},
    }


def _column(values: pl.Series) -> Any:
    """Sums and sums of squares of numbers that are computed, a digest of all else."""
    flat = values.explode() if values.dtype == pl.List(pl.Float64) else values
    if not flat.dtype.is_float():
        return digest_of(values.to_list())
    known = flat.drop_nulls().cast(pl.Float64)
    weights = pl.Series(range(1, len(known) + 1), dtype=pl.Float64)
    return [len(known), known.sum(), (known * known).sum(), (known * weights).sum()]


def _is_same(before: Any, now: Any) -> bool:
    if not isinstance(before, list) or not isinstance(now, list):
        return before == now
    # A weighted sum is small beside its terms where signs differ: compared with the others' scale.
    scale = TOLERANCE * max(1e-6, *(abs(value) for value in before[1:]))
    return before[0] == now[0] and all(
        math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=scale)
        for a, b in zip(before[1:], now[1:], strict=True)
    )


def _refresh() -> int:
    """Note what the facts hold now. Returns the exit status: 1 where that is refused."""
    with tempfile.TemporaryDirectory() as folder:
        study, home = golden_study(Path(folder)), Home(Path(folder), "tiny")
        home.create()
        make_all(study, Lake(home))
        now = summaries(study, Lake(home))
    before = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    refused = [
        f"{name}: {', '.join(changed)}"
        for name, held in now.items()
        if name in before
        and before[name]["versions"] == held["versions"]
        and (changed := differences(before[name], held))
    ]
    if refused:
        print("Raise the version of the steps in pipeline/steps.py that make these:", *refused,
              sep="\n  ")  # fmt: skip
        return 1
    RECORD.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(_refresh())
