"""The charts there are: their names, what each reads, and how they are drawn and saved.

Belongs here: the registry from a chart's name to its SQL over the published copy and its
function. Does not belong here: how a chart looks (its own module and theme), and the names
and questions alone (names).
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.lake.facts import write_atomically
from influence_warehouse.lake.layout import Home
from influence_warehouse.progress import counted
from influence_warehouse.reports import (
    contrasts,
    heatmaps,
    overview,
    profiles,
    terms,
    unlearning,
    unlearning_comparisons,
)
from influence_warehouse.reports.names import CHARTS
from influence_warehouse.reports.published import read_table


@dataclass(frozen=True)
class ChartSpec:
    """One kind of chart: its rows and its function.

    `one_of` names the columns of which a chart shows one value (a benchmark, a method): a
    file per combination of them. An optional chart may have no rows (a study without
    contrasts or unlearning, or an imported one); any other empty table is an error.
    """

    sql: str
    draw: Callable[[pl.DataFrame], Any]
    one_of: tuple[str, ...] = ()
    optional: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """The marts that the statement reads, alphabetically."""
        return tuple(sorted(set(re.findall(r"\bmarts\.(\w+)", self.sql))))


_DEFAULTS = {"item_subset": "all"}


class ScriptSafeEncoder(json.JSONEncoder):
    """JSON that can stand inside a script element: altair writes `</script>` as it is.

    `<` occurs in strings alone, where its escape means the same to a reader of JSON.
    """

    def encode(self, o: Any) -> str:
        """JSON text of `o` without any `<`."""
        return super().encode(o).replace("<", "\\u003c")


# Formats that a chart is saved in, with altair's arguments. The page carries its scripts, and
# its menu only what works offline.
_MENU = {"export": True, "source": False, "compiled": False, "editor": False}
_KINDS: dict[str, dict[str, Any]] = {
    "html": {
        "inline": True,
        "embed_options": {"actions": _MENU},
        "json_kwds": {"cls": ScriptSafeEncoder},
    },
    "png": {"scale_factor": 2},
    "svg": {},
}


def _influence_sql(side: str) -> str:
    return f"""
        select i.method, i.item_subset, i.benchmark,
            coalesce(b.domain, 'not told') as domain,
            coalesce(b.capability, 'not told') as capability, i.{side},
            i.n_documents, i.z, i.z_low, i.z_high, i.q_value
        from marts.{side}_influence as i
        join marts.benchmarks as b using (study, benchmark)
        order by i.method, i.item_subset, b.position, i.{side}
    """


def _contrast_sql(side: str) -> str:
    return f"""
        select method, item_subset, contrast, benchmark_a, benchmark_b, {side},
            delta_z, delta_z_low, delta_z_high, q_value
        from marts.{side}_contrasts
        order by method, item_subset, contrast, {side}
    """


SPECS: dict[str, ChartSpec] = {
    "benchmark_accuracy": ChartSpec(
        """
        select benchmark, domain, capability, n_items,
            accuracy, accuracy_low, accuracy_high, chance
        from marts.benchmarks
        where accuracy is not null
        order by position
        """,
        overview.benchmark_accuracy,
        optional=True,
    ),
    "bin_heatmap": ChartSpec(
        """
        select i.method, i.item_subset, i.benchmark, i.topic, i.format, i.n_documents,
            i.z, i.z_low, i.z_high, i.q_value, i.top_share
        from marts.bin_influence as i
        join marts.benchmarks as b using (study, benchmark)
        order by i.method, i.item_subset, b.position, i.bin_id
        """,
        heatmaps.bin_heatmap,
        one_of=("method", "item_subset", "benchmark"),
    ),
    "correlations": ChartSpec(
        """
        select c.method, c.item_subset, c.level, c.benchmark_a, c.benchmark_b, c.n_regions,
            c.pearson, c.spearman, c.pearson_low, c.pearson_high,
            c.leave_one_out_min, c.leave_one_out_max, c.most_influential_bin
        from marts.benchmark_correlations as c
        join marts.benchmarks as a on c.study = a.study and c.benchmark_a = a.benchmark
        join marts.benchmarks as b on c.study = b.study and c.benchmark_b = b.benchmark
        order by c.method, c.item_subset, c.level, a.position, b.position
        """,
        overview.correlations,
        one_of=("method", "item_subset"),
        optional=True,
    ),
    "distinctive_terms": ChartSpec(
        """
        with ranked as (
            select *, row_number() over (
                partition by method, item_subset, benchmark order by z desc, topic
            ) as place
            from marts.topic_influence
            where z is not null
        )
        select i.method, i.item_subset, i.benchmark,
            coalesce(b.domain, 'not told') as domain,
            coalesce(b.capability, 'not told') as capability,
            i.topic, i.z, i.place as z_rank,
            t.rank, t.term, t.n_documents, t.region_documents, t.count, t.log_odds, t.z_score
        from ranked as i
        join marts.distinctive_terms as t
            on t.study = i.study and t.level = 'topic' and t.topic = i.topic and t.rank <= 8
        join marts.benchmarks as b on b.study = i.study and b.benchmark = i.benchmark
        where i.place <= 3
        order by i.method, i.item_subset, b.position, i.place, t.rank
        """,
        terms.distinctive_terms,
        one_of=("method", "item_subset"),
        optional=True,
    ),
    "format_contrast": ChartSpec(
        _contrast_sql("format"),
        contrasts.format_contrast,
        one_of=("method", "item_subset"),
        optional=True,
    ),
    "format_profile": ChartSpec(
        _influence_sql("format"),
        profiles.format_profile,
        one_of=("method", "item_subset"),
        optional=True,
    ),
    "right_versus_wrong": ChartSpec(
        """
        select d.method, d.benchmark, d.topic, d.n_items_correct, d.n_items_incorrect,
            d.delta_z, d.delta_z_low, d.delta_z_high, d.q_value
        from marts.correctness_differences as d
        join marts.benchmarks as b using (study, benchmark)
        where d.level = 'topic' and d.n_items_correct > 0 and d.n_items_incorrect > 0
        order by d.method, b.position, d.topic
        """,
        contrasts.right_versus_wrong,
        one_of=("method",),
        optional=True,
    ),
    "sample_sizes": ChartSpec(
        """
        select topic, format, population_documents, sampled_documents, stratum
        from marts.bins
        order by bin_id
        """,
        heatmaps.sample_sizes,
    ),
    "topic_contrast": ChartSpec(
        _contrast_sql("topic"),
        contrasts.topic_contrast,
        one_of=("method", "item_subset"),
        optional=True,
    ),
    "topic_profile": ChartSpec(
        _influence_sql("topic"),
        profiles.topic_profile,
        one_of=("method", "item_subset"),
    ),
    "unlearning_damage": ChartSpec(
        """
        with shown as (
            select 'run' as kind, study, method, objective, measure, benchmark, condition,
                region, seed, n_items, damage, damage_low, damage_high, share_kept
            from marts.unlearning_damage
            where is_target
            union all by name
            select 'mean' as kind, study, method, objective, measure, benchmark, condition,
                n_runs, n_items, damage, damage_low, damage_high, share_kept
            from marts.unlearning_matrix
            where is_target
        )
        select shown.* exclude (study)
        from shown
        join marts.benchmarks as b using (study, benchmark)
        order by method, objective, measure, b.position, kind, condition, region, seed
        """,
        unlearning.unlearning_damage,
        one_of=("method", "objective", "measure"),
        optional=True,
    ),
    "unlearning_differences": ChartSpec(
        """
        select w.method, w.objective, w.measure, w.benchmark, b.domain, b.capability,
            w.condition_a, w.condition_b, w.n_cells, w.n_regions,
            w.n_positive, w.n_negative, w.n_zero,
            w.median_difference, w.median_low, w.median_high,
            w.p_value, w.q_value, w.cohens_dz, t.p_value as p_value_of_t
        from marts.unlearning_tests as w
        left join marts.unlearning_tests as t
            on t.test = 't_region_means' and t.study = w.study and t.method = w.method
            and t.objective = w.objective and t.measure = w.measure
            and t.benchmark = w.benchmark
            and t.condition_a = w.condition_a and t.condition_b = w.condition_b
        left join marts.benchmarks as b on w.study = b.study and w.benchmark = b.benchmark
        where w.test = case w.condition_b
            when 'random_global' then 'wilcoxon_items' else 'wilcoxon' end
        order by w.method, w.objective, w.measure, w.condition_a desc, w.condition_b desc,
            b.position nulls last
        """,
        unlearning_comparisons.unlearning_differences,
        one_of=("method", "objective", "measure"),
        optional=True,
    ),
    "unlearning_losses": ChartSpec(
        """
        select l.method, l.objective, l.run_id, l.benchmark, b.domain, b.capability,
            l.condition, l.region, l.seed, l.step, l.forget_loss, l.retain_loss, l.utility,
            l.stop_reason
        from marts.unlearning_losses as l
        join marts.benchmarks as b using (study, benchmark)
        order by l.method, l.objective, b.position, l.run_id, l.step
        """,
        unlearning.unlearning_losses,
        one_of=("method", "objective"),
        optional=True,
    ),
    "unlearning_matrix": ChartSpec(
        """
        select m.method, m.objective, m.measure, m.condition, m.benchmark,
            m.evaluated_benchmark, m.is_target, m.n_runs, m.n_regions, m.n_items,
            m.damage, m.damage_low, m.damage_high, m.share_kept
        from marts.unlearning_matrix as m
        join marts.benchmarks as b using (study, benchmark)
        join marts.benchmarks as e
            on m.study = e.study and m.evaluated_benchmark = e.benchmark
        order by m.method, m.objective, m.measure, m.condition, b.position, e.position
        """,
        unlearning_comparisons.unlearning_matrix,
        one_of=("method", "objective", "measure"),
        optional=True,
    ),
}


def draw_chart(home: Home, name: str, **filters: str) -> Any:
    """One chart of the published copy, as an altair chart.

    Filters keep the rows whose column has the value: `benchmark="social_facts"`. Raises
    InputError for an unknown chart, column or value, or where several charts remain
    (naming the choices); WarehouseError when the table is empty.
    """
    spec = _spec(name)
    table = _filtered(name, _rows(home, name, required=True), filters)
    choices = {column: _values(table, column) for column in spec.one_of}
    several = {column: values for column, values in choices.items() if len(values) > 1}
    if several:
        lines = [f"{column}: {', '.join(values)}" for column, values in several.items()]
        example = " ".join(f"{column}={values[0]}" for column, values in several.items())
        raise InputError(
            f"{name}: a chart shows one value of each of these, say which ({'; '.join(lines)}). "
            f"Remedy: add for example {example}."
        )
    return spec.draw(table)


def save_chart(chart: Any, folder: Path, stem: str) -> list[Path]:
    """Save a chart as `<stem>.html`, `.png` and `.svg`; each file appears whole or not at all.

    The page holds its scripts and opens without a network. Raises WarehouseError when the
    folder cannot be written.
    """
    paths = []
    for kind, arguments in _KINDS.items():
        path = folder / f"{stem}.{kind}"
        write_atomically(path, partial(chart.save, format=kind, **arguments))
        paths.append(path)
    return paths


def draw_and_save(home: Home, name: str) -> list[Path]:
    """Draw a chart of all items for each method and benchmark it distinguishes, and save them.

    Returns the files in the home's charts, `bin_heatmap--trackstar--social_facts.html`; none
    for an optional chart without rows. Subsets of the items are drawn by `draw_chart` alone.
    Files that this chart left earlier, for benchmarks or methods that the study no longer has,
    are deleted. Raises InputError for an unknown name, WarehouseError when the published copy
    lacks the rows or the folder cannot be written.
    """
    paths = [
        path
        for stem, chart in draw_each(home, name)
        for path in save_chart(chart, home.charts, stem)
    ]
    for kind in _KINDS:
        for path in {*home.charts.glob(f"{name}.{kind}"), *home.charts.glob(f"{name}--*.{kind}")}:
            if path not in paths:
                path.unlink()
    return paths


def draw_filtered(home: Home, name: str, filters: dict[str, str]) -> list[Path]:
    """Save one chart of the rows that `filters` keep, under a name that tells them.

    Raises as `draw_chart` and `save_chart`.
    """
    told = "--".join([name, *(f"{column}={value}" for column, value in filters.items())])
    return save_chart(
        draw_chart(home, name, **filters), home.charts, re.sub(r"[^\w=-]+", "_", told)
    )


def draw_all(home: Home) -> list[tuple[str, list[Path]]]:
    """`draw_and_save` every chart: names with files."""
    names = counted(CHARTS, "drawing", "charts")
    return [(name, draw_and_save(home, name)) for name in names]


def draw_each(home: Home, name: str) -> Iterator[tuple[str, Any]]:
    """File stem and altair chart for each method, item subset and benchmark that it distinguishes.

    None for an optional chart without rows. Raises as `draw_and_save`.
    """
    for stem, table in _tables(home, name):
        yield stem, SPECS[name].draw(table)


def _tables(home: Home, name: str) -> Iterator[tuple[str, pl.DataFrame]]:
    """File stem and rows of each chart of a name, in the rows' order."""
    spec = _spec(name)
    rows = _rows(home, name, required=not spec.optional)
    if rows.is_empty():
        return
    if not spec.one_of:
        yield name, rows
        return
    columns = [column for column in spec.one_of if column not in _DEFAULTS]
    for values, table in _filtered(name, rows, {}).group_by(columns, maintain_order=True):
        yield "--".join([name, *map(str, values)]), table


def _spec(name: str) -> ChartSpec:
    if name not in SPECS:
        raise InputError(f"{name}: no such chart. Remedy: choose one of {', '.join(CHARTS)}.")
    return SPECS[name]


_GROUPINGS = """
    select column_name
    from duckdb_columns()
    where schema_name = 'marts' and table_name = 'study_sources'
        and column_name in ('topic_grouping', 'format_grouping')
    order by column_name
"""


def _rows(home: Home, name: str, required: bool) -> pl.DataFrame:
    rows = _with_groupings(home, read_table(home, SPECS[name].sql))
    if rows.is_empty() and required:
        reason = "the study may have no contrasts, texts, unlearning or second benchmark; else "
        raise WarehouseError(
            f"{home.database}: chart {name} finds no rows. Remedy: "
            f"{reason if SPECS[name].optional else ''}{home.maker} rebuilds the "
            "marts that it reads."
        )
    return rows


def _with_groupings(home: Home, rows: pl.DataFrame) -> pl.DataFrame:
    """Beside topic and format what they are called, where an import calls them otherwise."""
    if not {"topic", "format"} & set(rows.columns):
        return rows
    # A release of an earlier version does not tell.
    columns = read_table(home, _GROUPINGS)["column_name"].to_list()
    if not columns:
        return rows
    told = read_table(home, f"select distinct {', '.join(columns)} from marts.study_sources")
    return rows.with_columns(pl.lit(told[c][0]).alias(c) for c in columns if len(told))


def _values(table: pl.DataFrame, column: str) -> list[str]:
    return [str(value) for value in table[column].unique(maintain_order=True)]


def _filtered(name: str, rows: pl.DataFrame, filters: dict[str, str]) -> pl.DataFrame:
    defaults = {column: value for column, value in _DEFAULTS.items() if column in rows.columns}
    table = rows
    for column, value in (defaults | filters).items():
        if column not in rows.columns:
            raise InputError(
                f"{name}: no column {column!r}. Remedy: filter by {', '.join(rows.columns)}."
            )
        kept = table.filter(pl.col(column).cast(pl.String) == value)
        if kept.is_empty():
            raise InputError(
                f"{name}: no rows with {column} = {value!r}. "
                f"Remedy: choose one of {', '.join(_values(table, column)[:30])}."
            )
        table = kept
    return table
