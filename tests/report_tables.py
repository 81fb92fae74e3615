"""Small tables with the columns of the marts, for the tests of charts and summary.

A made world of four benchmarks, each with two supporting topics; two topics' bins are partly
empty. `published_home` puts them into a DuckDB file as the published copy has them.
"""

from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from influence_warehouse import taxonomy
from influence_warehouse.layout import Home

BENCHMARKS = {
    "social_situations": ("social", "reasoning", ("literature", "social_life")),
    "social_facts": ("social", "knowledge", ("religion", "politics")),
    "stem_situations": ("stem", "reasoning", ("software_development", "home_and_hobbies")),
    "stem_facts": ("stem", "knowledge", ("science_math_and_technology", "industrial")),
}
CONTRASTS = {
    "reasoning_social_minus_stem": ("social_situations", "stem_situations"),
    "knowledge_social_minus_stem": ("social_facts", "stem_facts"),
    "social_reasoning_minus_knowledge": ("social_situations", "social_facts"),
}


def bins() -> pl.DataFrame:
    random = np.random.default_rng(1)
    rows = []
    for number, cell in enumerate(taxonomy.bins()):
        population = 0 if number % 23 == 5 else int(random.integers(1, 16))
        sampled = min(population, 8)
        stratum = "empty" if not population else "full" if sampled == 8 else "partial"
        rows.append((cell.topic, cell.format, cell.bin_id, population, sampled, stratum))
    columns = ["topic", "format", "bin_id", "population_documents", "sampled_documents", "stratum"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.select(pl.lit("demo").alias("study"), *columns)


def benchmarks() -> pl.DataFrame:
    return pl.DataFrame(
        [
            ("demo", name, domain, capability, 72, 0.6 + n / 12, 0.5 + n / 12, 0.7 + n / 16, 0.28)
            for n, (name, (domain, capability, _)) in enumerate(BENCHMARKS.items())
        ],
        schema=[
            *("study", "benchmark", "domain", "capability", "n_items"),
            *("accuracy", "accuracy_low", "accuracy_high", "chance"),
        ],
        orient="row",
    ).with_row_index("position")


def bin_influence() -> pl.DataFrame:
    random = np.random.default_rng(2)
    cells = bins()
    frames = []
    for name, (_, _, planted) in BENCHMARKS.items():
        raw = random.normal(0, 0.35, cells.height)
        raw += 3.2 * np.isin(cells["topic"].to_numpy(), planted)
        spread = random.uniform(0.15, 0.5, cells.height)
        frames.append(
            cells.select(
                "study",
                pl.lit("trackstar").alias("method"),
                pl.lit(name).alias("benchmark"),
                pl.lit("all").alias("item_subset"),
                *("topic", "format", "bin_id"),
                pl.col("sampled_documents").alias("n_documents"),
                pl.Series("mean", raw / 100),
                pl.Series("standard_deviation", spread / 50),
                pl.Series("standard_error", spread / 100),
                pl.Series("z", (raw - raw.mean()) / raw.std()),
                pl.Series("spread", spread),
            )
        )
    return _with_intervals(pl.concat(frames))


def _with_intervals(rows: pl.DataFrame) -> pl.DataFrame:
    z, spread, filled = pl.col("z"), pl.col("spread"), pl.col("n_documents") > 0
    statistics = {
        "z_low": z - 1.96 * spread,
        "z_high": z + 1.96 * spread,
        "shrunken_mean": pl.col("mean") * 0.8,
        "top_share": (z.exp() / z.exp().sum()),
        "p_value": (-(z / spread).abs()).exp(),
        "q_value": (-(z / spread).abs() / 2).exp(),
    }
    rows = rows.with_columns(**statistics).drop("spread")
    empty = ["mean", "standard_deviation", "standard_error", "z", *statistics]
    return rows.with_columns(pl.when(filled).then(pl.col(name)).alias(name) for name in empty)


def side_influence(side: str) -> pl.DataFrame:
    """marts.topic_influence or marts.format_influence, by `side`."""
    key = ["study", "method", "benchmark", "item_subset", side]
    return (
        bin_influence()
        .group_by(key, maintain_order=True)
        .agg(
            pl.col("z").count().cast(pl.Int64).alias("n_bins"),
            pl.col("n_documents").sum(),
            pl.col("z", "z_low", "z_high", "p_value", "q_value").mean(),
        )
        .with_columns(
            z_low=pl.col("z") - 0.3,
            z_high=pl.col("z") + 0.3,
            q_value=pl.when(pl.col("z").abs() > 0.5).then(0.01).otherwise(0.4),
        )
    )


def side_contrasts(side: str) -> pl.DataFrame:
    """marts.topic_contrasts or marts.format_contrasts, by `side`."""
    influence = side_influence(side)
    frames = []
    for contrast, (a, b) in CONTRASTS.items():
        first = influence.filter(benchmark=a)
        second = influence.filter(benchmark=b)
        delta = first["z"] - second["z"]
        frames.append(
            first.select(
                *("study", "method", "item_subset"),
                pl.lit(contrast).alias("contrast"),
                pl.lit(a).alias("benchmark_a"),
                pl.lit(b).alias("benchmark_b"),
                side,
                "n_bins",
                "n_documents",
                delta.alias("delta_z"),
                (delta - 0.5).alias("delta_z_low"),
                (delta + 0.5).alias("delta_z_high"),
                pl.Series("p_value", np.where(delta.abs() > 0.7, 0.001, 0.5)),
                pl.Series("q_value", np.where(delta.abs() > 0.7, 0.01, 0.6)),
            )
        )
    return pl.concat(frames)


def correlations() -> pl.DataFrame:
    names = list(BENCHMARKS)
    rows = []
    for level in ("bin", "topic", "format"):
        for i, a in enumerate(names):
            for j, b in enumerate(names[i + 1 :]):
                r = -0.2 + 0.1 * (i + j)
                low, high = r - 0.15, r + 0.15
                bin_name = "literature x customer_support"
                n = 551 if level == "bin" else 24
                row = ("demo", "trackstar", "all", level, a, b, r, r + 0.05, low, high)
                rows.append((*row, r - 0.04, r + 0.25, bin_name, n))
    columns = [
        *(
            "study",
            "method",
            "item_subset",
            "level",
            "benchmark_a",
            "benchmark_b",
            "pearson",
            "spearman",
        ),
        *("pearson_low", "pearson_high", "leave_one_out_min", "leave_one_out_max"),
        *("most_influential_bin", "n_regions"),
    ]
    return pl.DataFrame(rows, schema=columns, orient="row")


def recovery() -> pl.DataFrame:
    """marts.planted_recovery of a study that plants a truth."""
    return pl.DataFrame(
        {
            "study": ["demo"] * 4,
            "method": ["trackstar"] * 4,
            "benchmark": list(BENCHMARKS),
            "item_subset": ["all"] * 4,
            "measure": ["z"] * 4,
            "n_planted_topics": [2] * 4,
            "n_planted_topics_found": [2, 2, 1, 2],
            "n_found_by_chance": [2 * 2 / 24] * 4,
            "mean_rank": [1.5, 1.5, 3.0, 1.5],
            "chance_mean_rank": [12.5] * 4,
            "auc": [0.99, 0.98, 0.81, 0.97],
            "chance_auc": [0.5] * 4,
        }
    )


def marts() -> dict[str, pl.DataFrame]:
    """All tables that the charts and the summary read, by mart."""
    return {
        "bins": bins(),
        "benchmarks": benchmarks(),
        "bin_influence": bin_influence(),
        "topic_influence": side_influence("topic"),
        "format_influence": side_influence("format"),
        "topic_contrasts": side_contrasts("topic"),
        "format_contrasts": side_contrasts("format"),
        "benchmark_correlations": correlations(),
        "planted_recovery": recovery().clear(),
    }


def published_home(folder: Path) -> Home:
    """The home of the study `demo` with a published copy that holds these tables."""
    home = Home(folder, "demo")
    home.create()
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("create schema marts")
        for mart, frame in marts().items():
            connection.register("frame", frame.to_arrow())
            connection.execute(f"create table marts.{mart} as select * from frame")
    return home
