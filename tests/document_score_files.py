"""Files of document scores as other tools write them, with the means they should give.

Belongs here: drawing scores with known group effects, and writing them. Does not belong here:
what the import makes of them.
"""

from pathlib import Path

import numpy as np
import polars as pl

DOMAINS = ("news", "code", "Érudit / x", "<b>shop</b>")
LANGUAGES = ("de", "en", "日本語")


def made_documents(n: int = 240, seed: int = 0) -> pl.DataFrame:
    """Columns id, domain, lang, body; ids that a number would lose the zeros of."""
    rng = np.random.default_rng(seed)
    # The third language has one document, so that of its pairs three are empty.
    domain = [DOMAINS[0], *rng.choice(DOMAINS, n - 1).tolist()]
    lang = [LANGUAGES[2], *rng.choice(LANGUAGES[:2], n - 1).tolist()]
    body = [
        f"page {i} of a {d} site, written in {v}"
        for i, (d, v) in enumerate(zip(domain, lang, strict=True))
    ]
    return pl.DataFrame(
        {"id": [f"{i:04d}" for i in range(n)], "domain": domain, "lang": lang, "body": body}
    )


def made_scores(
    documents: pl.DataFrame, methods: tuple[str, ...], tasks: dict[str, int], seed: int = 1
) -> pl.DataFrame:
    """Columns method, task, query, id, value: a score per method, query and document."""
    rng = np.random.default_rng(seed)
    frames = []
    for method in methods:
        for task, queries in tasks.items():
            effect = {domain: rng.normal() for domain in DOMAINS}
            base = documents["domain"].replace_strict(effect).to_numpy()
            for query in range(queries):
                frames.append(
                    documents.select("id").with_columns(
                        method=pl.lit(method),
                        task=pl.lit(task),
                        query=pl.lit(f"q{query}"),
                        value=pl.Series(base + rng.normal(0, 2, len(base))),
                    )
                )
    return pl.concat(frames).sample(fraction=1, shuffle=True, seed=seed)


def write(frame: pl.DataFrame, path: Path) -> str:
    """Write by the path's suffix; the path as text."""
    writer = {
        ".csv": frame.write_csv,
        ".jsonl": frame.write_ndjson,
        ".parquet": frame.write_parquet,
    }
    writer[path.suffix](path)
    return str(path)


def z_by(scores: pl.DataFrame, documents: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """Mean and z of each group by polars alone: method, task, groups, n, mean, z."""
    joined = scores.join(documents.select("id", *groups), on="id")
    means = joined.group_by("method", "task", *groups).agg(
        n=pl.col("id").n_unique(), mean=pl.col("value").mean()
    )
    key = ["method", "task"]
    centred = pl.col("mean") - pl.col("mean").mean().over(key)
    return means.with_columns(z=centred / pl.col("mean").std(ddof=1).over(key)).sort(*key, *groups)
