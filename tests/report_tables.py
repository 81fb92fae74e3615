"""Small tables with the columns of the marts, for the tests of charts and summary.

A made world of four benchmarks, each with two supporting topics; two topics' bins are partly
empty. `published_home` puts them into a DuckDB file as the published copy has them.
"""

from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from influence_warehouse import taxonomy
from influence_warehouse.lake.layout import Home

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
            (
                "demo",
                "base",
                name,
                domain,
                capability,
                72,
                0.6 + n / 12,
                0.5 + n / 12,
                0.7 + n / 16,
                0.28,
            )
            for n, (name, (domain, capability, _)) in enumerate(BENCHMARKS.items())
        ],
        schema=[
            *("study", "model", "benchmark", "domain", "capability", "n_items"),
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
                pl.lit("base").alias("model"),
                pl.lit("trackstar").alias("method"),
                pl.lit(name).alias("benchmark"),
                pl.lit("all").alias("item_subset"),
                *("topic", "format", "bin_id"),
                pl.col("sampled_documents").alias("n_documents"),
                pl.lit(72).alias("n_items"),
                pl.Series("mean", raw / 100),
                pl.Series("standard_deviation", spread / 50),
                pl.Series("standard_error", spread / 100),
                pl.Series("z", (raw - raw.mean()) / raw.std()),
                pl.Series("spread", spread),
            )
        )
    return _with_support(_with_intervals(pl.concat(frames)))


def _with_support(rows: pl.DataFrame) -> pl.DataFrame:
    """Support that grows with z, over 10 sources of 72 items; regions without z have none."""
    error = 0.12
    support = 0.5 + 0.2 * pl.col("z")
    t = (support - 0.5) / error
    of_benchmark = ["model", "method", "benchmark"]
    rows = rows.with_columns(
        n_items=pl.lit(72),
        n_clusters=pl.lit(10),
        unit=pl.lit("clusters"),
        support=support,
        support_low=support - 2.26 * error,
        support_high=support + 2.26 * error,
        benchmark_support=pl.lit(0.5),
        support_t=t,
        support_q_value=pl.when(t > 3).then(0.01).when(t.is_not_null()).then(0.6),
        item_reliability=pl.when(benchmark="stem_facts").then(-0.3).otherwise(0.6),
        is_z_doubtful=pl.col("benchmark") == "stem_facts",
    )
    told = pl.when(pl.col("support_q_value") < 0.05).then("support_t")
    return rows.with_columns(
        support_rank=told.rank("ordinal", descending=True).over(of_benchmark).cast(pl.Int64)
    )


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
    key = ["study", "model", "method", "benchmark", "item_subset", side]
    rows = (
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
    return _with_support(rows)


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
                *("study", "model", "method", "item_subset"),
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


def correctness_differences() -> pl.DataFrame:
    """marts.correctness_differences of topics; of the last benchmark no item is answered wrong."""
    last = list(BENCHMARKS)[-1]
    known = {name: pl.when(pl.col("benchmark") != last).then(name) for name in _DIFFERENCE}
    return side_influence("topic").select(
        *("study", "model", "method", "benchmark", "topic", "n_bins", "n_documents"),
        level=pl.lit("topic"),
        n_items_correct=pl.lit(40),
        n_items_incorrect=pl.when(pl.col("benchmark") != last).then(20).otherwise(0),
        **{f"delta_{name}" if name[0] == "z" else name: value for name, value in known.items()},
    )


_DIFFERENCE = ("z", "z_low", "z_high", "q_value")


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
                row = ("demo", "base", "trackstar", "all", level, a, b, r, r + 0.05, low, high)
                rows.append((*row, r - 0.04, r + 0.25, bin_name, n, "documents", 0.2))
    columns = [
        *(
            "study",
            "model",
            "method",
            "item_subset",
            "level",
            "benchmark_a",
            "benchmark_b",
            "pearson",
            "spearman",
        ),
        *("pearson_low", "pearson_high", "leave_one_out_min", "leave_one_out_max"),
        *("most_influential_bin", "n_regions", "preconditioner", "signal_share_a"),
    ]
    return pl.DataFrame(rows, schema=columns, orient="row")


def methods() -> pl.DataFrame:
    """marts.methods: a model's two methods and a control."""
    names = ["trackstar", "bm25", "random"]
    return pl.DataFrame({"method": names}).select(
        *(pl.lit("demo").alias("study"), pl.lit("base").alias("model"), "method"),
        *(pl.col("method").alias("kind"), pl.int_range(pl.len()).cast(pl.Int32).alias("position")),
    )


def method_agreement() -> pl.DataFrame:
    """marts.method_agreement: the control agrees with nothing."""
    sizes = {"bin": 551, "topic": 24, "format": 24, "document": 4032}
    rows = []
    for n, name in enumerate(BENCHMARKS):
        for level, size in sizes.items():
            for a, b, r in (("trackstar", "bm25", 0.6), ("trackstar", "random", 0.02)):
                r, is_document = r + n / 50, level == "document"
                shared = (20, r / 2, r / 2 - 0.1, r / 2 + 0.1, 0.005)
                overlap = shared if is_document else (None,) * 5
                unit = "documents" if is_document else "clusters"
                row = ("demo", "base", name, level, a, b, size, 72, 10, unit, r, r - 0.2, r + 0.2)
                rows.append((*row, *overlap))
    columns = [
        *("study", "model", "benchmark", "level", "method_a", "method_b", "n_regions"),
        *("n_shared_items", "n_clusters", "unit", "spearman", "spearman_low", "spearman_high"),
        *("n_strongest", "overlap", "overlap_low", "overlap_high", "overlap_by_chance"),
    ]
    return pl.DataFrame(rows, schema=columns, orient="row")


def concentration() -> pl.DataFrame:
    """marts.influence_concentration; of the means nothing is known of noise."""
    is_known = pl.col("measure") != "mean"
    noise = {"gini_of_noise": 0.71, "gini_of_noise_low": 0.68, "gini_of_noise_high": 0.74}
    return pl.DataFrame(
        [
            ("demo", "base", "trackstar", name, "all", measure, 551, 0.7 + n / 20, 150.0 - n)
            for n, name in enumerate(BENCHMARKS)
            for measure in ("mean", "top_share", "z")
        ],
        schema=[
            *("study", "model", "method", "benchmark", "item_subset", "measure", "n_bins"),
            *("gini", "effective_bins"),
        ],
        orient="row",
    ).with_columns(
        *(pl.when(is_known).then(value).alias(name) for name, value in noise.items()),
        effective_bins_of_noise=pl.when(is_known).then(207.0),
        noise_unknown_reason=pl.when(~is_known).then(pl.lit("needs scores of single documents")),
    )


def recovery() -> pl.DataFrame:
    """marts.planted_recovery of a study that plants a truth."""
    return pl.DataFrame(
        {
            "study": ["demo"] * 4,
            "model": ["base"] * 4,
            "method": ["trackstar"] * 4,
            "benchmark": list(BENCHMARKS),
            "item_subset": ["all"] * 4,
            "measure": ["z"] * 4,
            "n_planted_topics": [2] * 4,
            "n_planted_topics_found": [2, 2, 1, 2],
            "n_found_by_chance": [2 * 2 / 24] * 4,
            "n_significant": [2, 1, 0, 2],
            "n_false": [0, 0, 3, 0],
            "mean_rank": [1.5, 1.5, 3.0, 1.5],
            "chance_mean_rank": [12.5] * 4,
            "auc": [0.99, 0.98, 0.81, 0.97],
            "chance_auc": [0.5] * 4,
        }
    )


CONDITIONS = ("influence_in_topic", "random_in_topic", "influence_global", "random_global")
COMPARISONS = (
    ("influence_in_topic", "random_in_topic"),
    ("influence_in_topic", "random_global"),
    ("influence_global", "random_global"),
)
_BASELINES = {"margin": 46.0, "accuracy": 0.71}
_HURT = {  # damage on the target, by measure and condition
    "margin": (5.1, 2.6, 4.2, 0.4),
    "accuracy": (0.085, 0.045, 0.07, 0.004),
}
_NOISE = {"margin": 0.45, "accuracy": 0.015}


def unlearning_runs(benchmarks: dict = BENCHMARKS) -> pl.DataFrame:
    """A run per region (the planted topics, or the whole sample), condition and forget set."""
    rows = [
        (name, condition, region, number, 1)
        for name, (_, _, topics) in benchmarks.items()
        for condition in CONDITIONS
        for region in (("all",) if condition.endswith("_global") else topics)
        for number in ((1,) if condition.startswith("influence") else (1, 2, 3))
    ]
    key = ["benchmark", "condition", "region", "set_number", "seed"]
    return pl.DataFrame(rows, schema=key, orient="row").select(
        *(pl.lit("demo").alias("study"), pl.lit("base").alias("model")),
        pl.lit("trackstar").alias("method"),
        *(pl.lit("ngdiff").alias("objective"), pl.concat_str(key, separator="|").alias("run_id")),
        *key,
    )


def unlearning_damage(benchmarks: dict = BENCHMARKS) -> pl.DataFrame:
    """marts.unlearning_damage: what ranked first hurts most, and hurts the target most."""
    random = np.random.default_rng(3)
    runs = unlearning_runs(benchmarks).with_columns(region_kind=pl.lit("topic"))
    frames = []
    for evaluated, measure in ((e, m) for e in benchmarks for m in _BASELINES):
        hurts = dict(zip(CONDITIONS, _HURT[measure], strict=True))
        noise = _NOISE[measure] * random.normal(size=runs.height)
        full = pl.col("condition").replace_strict(hurts, return_dtype=pl.Float64)
        share = pl.when(pl.col("benchmark") == evaluated).then(1.0).otherwise(0.05)
        frames.append(
            runs.with_columns(
                evaluated_benchmark=pl.lit(evaluated),
                is_target=pl.col("benchmark") == evaluated,
                measure=pl.lit(measure),
                n_items=pl.lit(72),
                baseline=pl.lit(_BASELINES[measure]),
                damage=full * share + pl.Series(noise),
            )
        )
    return _with_what_is_left(pl.concat(frames))


def _with_what_is_left(rows: pl.DataFrame) -> pl.DataFrame:
    damage = pl.col("damage")
    return rows.with_columns(
        unlearned=pl.col("baseline") - damage, share_kept=1 - damage / pl.col("baseline")
    )


def unlearning_matrix(benchmarks: dict = BENCHMARKS) -> pl.DataFrame:
    """marts.unlearning_matrix: means of `unlearning_damage` over the runs of a condition."""
    key = ["study", "model", "method", "objective", "benchmark", "condition"]
    key += ["evaluated_benchmark", "is_target", "measure"]
    means = (
        unlearning_damage(benchmarks)
        .group_by(key, maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("n_runs"),
            pl.col("region").n_unique().cast(pl.Int64).alias("n_regions"),
            pl.len().cast(pl.Int64).alias("n_sets"),
            pl.col("n_items").first(),
            pl.col("baseline").mean(),
            pl.col("damage").mean(),
        )
    )
    half = 1.96 * pl.col("measure").replace_strict(_NOISE, return_dtype=pl.Float64)
    means = means.with_columns(
        damage_low=pl.col("damage") - half, damage_high=pl.col("damage") + half
    )
    factors = {name: set(factors[:2]) for name, factors in benchmarks.items()}
    relations = [
        ("crossed", "one_factor", "target")[len(factors[a] & factors[b])]
        for a, b in means.select("benchmark", "evaluated_benchmark").iter_rows()
    ]
    return _with_what_is_left(means.with_columns(pl.Series("relation", relations)))


def unlearning_tests(benchmarks: dict = BENCHMARKS) -> pl.DataFrame:
    """marts.unlearning_tests over regions: differences of `unlearning_damage`, made p-values."""
    damage = unlearning_damage(benchmarks).filter(pl.col("is_target"))
    rows = []
    for measure in _BASELINES:
        for a, b in COMPARISONS:
            of_a, of_b = (damage.filter(measure=measure, condition=c) for c in (a, b))
            units = ("set", "region") if b == "random_in_topic" else ("set",)
            for name in (*benchmarks, "all"):
                sides = [s if name == "all" else s.filter(benchmark=name) for s in (of_a, of_b)]
                found = _tested(*sides, is_known=name != "stem_facts" or b == "random_in_topic")
                for unit in units:
                    key = ("demo", "base", "trackstar", "ngdiff", name, "all", measure, a, b, unit)
                    rows.append((*key, *found))
    schema = [
        *("study", "model", "method", "objective", "benchmark", "region", "measure"),
        *("condition_a", "condition_b", "unit", "n_regions", "n_sets_a", "n_sets_b"),
        *("difference", "difference_low", "difference_high", "p_value", "q_value"),
    ]
    return pl.DataFrame(rows, schema=schema, orient="row", infer_schema_length=None)


def _tested(of_a: pl.DataFrame, of_b: pl.DataFrame, is_known: bool) -> tuple:
    """Counts, difference, and made interval and statistics where they are known."""
    a, b = of_a["damage"].to_numpy(), of_b["damage"].to_numpy()
    difference = float(a.mean() - b.mean())
    counts = (of_a["region"].n_unique(), len(a), len(b))
    if not is_known:
        return (*counts, difference, None, None, None, None)
    half = 2 * float(b.std(ddof=1))
    p_value = 0.01 if difference > 2.5 else 0.4
    return (*counts, difference, difference - half, difference + half, p_value, 1.5 * p_value)


def unlearning_losses(benchmarks: dict = BENCHMARKS) -> pl.DataFrame:
    """marts.unlearning_losses: forget loss climbs, retain loss creeps, runs stop differently."""
    random = np.random.default_rng(4)
    frames = []
    for number, run in enumerate(unlearning_runs(benchmarks).iter_slices(1)):
        ends_early = run["condition"][0] == "random_global" and number % 2
        steps = np.arange(0, 26 if ends_early else 41, 5)
        pace = 0.0022 * random.uniform(0.7, 1.3)
        retain = 3.1 + 0.004 * steps + random.normal(0, 0.01, steps.size)
        frames.append(
            run.join(pl.DataFrame({"step": steps}), how="cross").with_columns(
                forget_loss=pl.Series(2.8 + pace * steps**2),
                retain_loss=pl.Series(retain),
                utility=pl.Series(np.exp(-retain)),
                learning_rate=pl.lit(1e-3),
                stop_reason=pl.lit("utility_floor" if ends_early else "step_limit"),
            )
        )
    return pl.concat(frames)


def distinctive_terms() -> pl.DataFrame:
    """marts.distinctive_terms of every topic: terms that name it and their rank."""
    rows = [
        ("demo", "topic", topic, topic, rank, f"{topic}_{rank}".replace("_", ""), 9 - rank, 12)
        for topic in taxonomy.TOPICS
        for rank in range(1, 9)
    ]
    columns = ["study", "level", "topic", "region", "rank", "term", "n_documents"]
    frame = pl.DataFrame(rows, schema=[*columns, "region_documents"], orient="row")
    return frame.with_columns(
        count=3 * pl.col("n_documents"),
        log_odds=pl.col("n_documents") / 2,
        z_score=pl.col("n_documents").cast(pl.Float64),
    )


SUBSETS = (("leave_out", "topic", 18), ("halves", "topic", 12), ("halves", "bucket", 12))
_LDS = {"trackstar": 0.62, "bm25": 0.35, "random": 0.01}


def method_quality(benchmarks: dict = BENCHMARKS) -> pl.DataFrame:
    """marts.method_quality: the first method predicts best, the control nothing."""
    rows = []
    for outcome in ("margin", "answer_logprob"):
        for design, unit, n_subsets in SUBSETS:
            for rank, (method, lds) in enumerate(_LDS.items(), 1):
                for n, name in enumerate(("all", *benchmarks)):
                    own = lds + (n - 2) / 50
                    place = ("demo", "base", method, name, design, unit, outcome, n_subsets)
                    interval = (own, own - 0.1, own + 0.1, 0.97, 0.96)
                    rows.append((*place, *interval, rank, rank, 3, own + 0.05, 4))
    columns = [
        *("study", "model", "method", "benchmark", "design", "unit", "outcome", "n_subsets"),
        *("lds", "lds_low", "lds_high", "ceiling", "truth_reliability", "best_rank"),
        *("worst_rank", "n_methods", "tuning_lds", "n_tuning_subsets"),
    ]
    return pl.DataFrame(rows, schema=columns, orient="row")


def region_effects(benchmarks: dict = BENCHMARKS) -> pl.DataFrame:
    """marts.region_effects of topics: planted ones support their benchmark."""
    random = np.random.default_rng(6)
    rows = [
        ("demo", "base", name, "topic", topic, outcome, 4, 168,
         4.0 * (topic in planted) + random.normal(0, 0.2))
        for outcome in ("margin", "answer_logprob")
        for name, (_, _, planted) in benchmarks.items()
        for topic in taxonomy.TOPICS
    ]  # fmt: skip
    columns = ["study", "model", "benchmark", "unit", "region", "outcome", "n_repeats"]
    frame = pl.DataFrame(rows, schema=[*columns, "n_left_out", "effect"], orient="row")
    return frame.with_columns(
        effect_low=pl.col("effect") - 0.5,
        effect_high=pl.col("effect") + 0.5,
        q_value=pl.when(pl.col("effect") > 2).then(0.01).otherwise(0.7),
    )


def influence_versus_effect(benchmarks: dict = BENCHMARKS) -> pl.DataFrame:
    """marts.influence_versus_effect: the better a method, the less noise on the effects."""
    random = np.random.default_rng(7)
    planted = {(name, topic) for name, (_, _, topics) in benchmarks.items() for topic in topics}
    effects = region_effects(benchmarks).drop("n_repeats")
    frames = []
    for method, lds in _LDS.items():
        noise = random.normal(0, 1 - lds, effects.height)
        frames.append(
            effects.with_columns(
                method=pl.lit(method),
                influence_sum=pl.Series(lds * effects["effect"].to_numpy() / 4 + noise),
                n_regions=pl.lit(len(taxonomy.TOPICS)),
                is_planted=pl.Series(
                    [key in planted for key in effects.select("benchmark", "region").iter_rows()]
                ),
            )
        )
    return pl.concat(frames)


def unlearning_versus_retraining(benchmarks: dict = BENCHMARKS) -> pl.DataFrame:
    """marts.unlearning_versus_retraining: both hurt the benchmark that was planted there."""
    rows = [
        ("demo", "base", "trackstar", "ngdiff", target, condition, topic, evaluated,
         target == evaluated, n_sets, share * (2.5 if target == evaluated else 0.1),
         4.0 if target == evaluated else 0.1 * place)
        for condition, n_sets, share in (("influence_in_topic", 1, 2.0), ("random_in_topic", 3, 1))
        for target, (_, _, topics) in benchmarks.items()
        for topic in topics
        for place, evaluated in enumerate(benchmarks)
    ]  # fmt: skip
    columns = [
        *("study", "model", "method", "objective", "benchmark", "condition", "region"),
        *("evaluated_benchmark", "is_target", "n_sets", "damage", "effect"),
    ]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_columns(
        *((pl.col(name) - 0.4).alias(f"{name}_low") for name in ("damage", "effect")),
        *((pl.col(name) + 0.4).alias(f"{name}_high") for name in ("damage", "effect")),
        n_pairs=pl.len().over("condition"),
        n_regions=pl.col("region").n_unique().over("condition"),
        spearman=pl.lit(0.71),
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
        "correctness_differences": correctness_differences(),
        "benchmark_correlations": correlations(),
        "influence_concentration": concentration(),
        "distinctive_terms": distinctive_terms(),
        "methods": methods(),
        "method_agreement": method_agreement(),
        "method_quality": method_quality(),
        "region_effects": region_effects(),
        "influence_versus_effect": influence_versus_effect(),
        "unlearning_versus_retraining": unlearning_versus_retraining(),
        "planted_recovery": recovery().clear(),
        "unlearning_damage": unlearning_damage(),
        "unlearning_matrix": unlearning_matrix(),
        "unlearning_tests": unlearning_tests(),
        "unlearning_losses": unlearning_losses(),
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
