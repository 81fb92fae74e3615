"""The main tables of a study as text: what `influence run` prints when it is done.

Belongs here: a short look at the published copy, fit for 80 columns, and where to go next.
Does not belong here: charts, and anything that an analyst would rather ask in SQL.
"""

from collections.abc import Iterator, Sequence

import polars as pl
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from influence_warehouse.lake.layout import Home
from influence_warehouse.reports import labels
from influence_warehouse.reports.published import groupings, read_table
from influence_warehouse.warehouse.unknowns import reason_of

_TOPICS_SHOWN, _BINS_SHOWN, _CONTRAST_TOPICS_SHOWN = 3, 3, 2

_INTERVAL = "95 % interval"
_NOT_KNOWN = "not known"

_THIN = 3  # documents; regions of fewer do not lead
_KNOWN = pl.col("support").is_not_null()
_DOUBTFUL = "?"

_REGIONS = """
    select i.model, i.method, i.benchmark, {regions}, i.n_documents as n,
        i.support, i.support_low, i.support_high, i.benchmark_support, i.support_rank,
        i.z, i.z_low, i.z_high, i.q_value, i.is_z_doubtful
    from marts.{mart} as i
    join marts.benchmarks as b using (study, model, benchmark)
    where i.z is not null
    order by i.model, i.method, b.position, i.support_rank nulls last, i.z desc, {regions}
"""


def print_summary(home: Home, study: str, console: Console | None = None) -> None:
    """Print `summary` to a console (default: stdout).

    `study` is the preset's name or the path that commands take. Raises WarehouseError when
    the published copy is missing or lacks a mart.
    """
    (console or Console()).print(summary(home, study))


def summary(home: Home, study: str) -> Group:
    """`findings`, and where to look next. Raises as it does."""
    return Group(*findings(home), _next_steps(home, study))


def findings(home: Home) -> list[RenderableType]:
    """Accuracy, regions that lead, contrasts, planted truth, unlearning.

    Raises WarehouseError when the published copy is missing or lacks a mart.
    """
    parts: list[RenderableType] = [_header(home), *_accuracy(home)]
    parts += _regions(home, "topic_influence", ("topic",), _TOPICS_SHOWN)
    parts += _regions(home, "bin_influence", ("topic", "format"), _BINS_SHOWN)
    parts += _contrasts(home)
    parts += _planted(home)
    parts += _unlearning(home)
    return parts


def _header(home: Home) -> RenderableType:
    sampled, population, filled, bins = read_table(
        home,
        "select sum(sampled_documents), sum(population_documents),"
        " count(*) filter (where sampled_documents > 0), count(*) from marts.bins",
    ).row(0)
    return Text.assemble(
        (f"Study {home.study}\n", "bold"),
        f"{_sample(int(sampled or 0), population)}; "
        f"{filled} of {labels.count(bins, 'bin')} have documents.\n",
        *_explained(home),
    )


def _explained(home: Home) -> Iterator[str]:
    """What the measures are and what their intervals are over, as far as the study has them."""
    benchmarks = read_table(
        home,
        "select distinct benchmark, n_items, n_clusters, support is not null as has_support,"
        " is_z_doubtful from marts.topic_influence where z is not null order by benchmark",
    )
    if benchmarks["has_support"].any():
        yield (
            "Support: mean squared score above 0, in units of an item's mean squared score;\n"
            "listed where it is above that of all documents at q < 0.05.\n"
        )
    yield "z: mean score against all bins'"
    if benchmarks["is_z_doubtful"].any():
        yield f"; {_DOUBTFUL} where halves of the items oppose each other"
    yield ".\n"
    reason = reason_of(home, "topic_influence", "z_low")
    if reason is None:
        yield f"Intervals: 95 %, over {labels.interval_unit(benchmarks)}\n"
        yield "(accuracy: Wilson). *: q < 0.05 (Benjamini-Hochberg).\n"
    else:
        yield f"Intervals and q: {_NOT_KNOWN}, {reason}.\n"
    single = benchmarks.filter(n_items=1)["benchmark"]
    if len(single):
        yield f"Of one item, so that nothing is told of others: {', '.join(single)}.\n"
    reason = reason_of(home, "benchmarks", "accuracy")
    if reason:
        yield f"Accuracy of the base model: {_NOT_KNOWN}, {reason}.\n"


def _sample(sampled: int, population: int | None) -> str:
    """How many documents were drawn; an import knows only those that were scored."""
    if population is None:
        return f"{labels.count(sampled, 'document')} scored (of how many: {_NOT_KNOWN})"
    return f"{sampled:,} of {labels.count(int(population), 'document')} sampled"


def _accuracy(home: Home) -> Iterator[RenderableType]:
    """Nothing where the model was not asked, as in an import."""
    rows = read_table(
        home,
        "select model, benchmark, n_items, accuracy, accuracy_low, accuracy_high, chance"
        " from marts.benchmarks where accuracy is not null order by model, position",
    )
    if rows.is_empty():
        return
    table = _table(
        "Accuracy of the base model", "Benchmark", ["Items", "Accuracy", _INTERVAL, "Chance"]
    )
    models = rows["model"].n_unique()
    for model, benchmark, n_items, accuracy, low, high, chance in rows.iter_rows():
        table.add_row(
            benchmark + (f" ({model})" if models > 1 else ""),
            f"{n_items:,}",
            _number(accuracy, signed=False),
            _interval(low, high, signed=False),
            _number(chance, signed=False),
        )
    yield table


def _regions(
    home: Home, mart: str, region: tuple[str, ...], shown: int
) -> Iterator[RenderableType]:
    """Regions of each method and benchmark that are told from the average; nothing of regions that
    are others under another name, as the bins of documents with one label are."""
    sql = _REGIONS.format(mart=mart, regions=", ".join(f"i.{name}" for name in region))
    found = read_table(home, sql)
    if any(found[side].n_unique() < 2 for side in region):
        return
    shown_as = labels.titles(label for side in region for label in found[side])
    named = found.with_columns(
        region=pl.Series(
            labels.region(sides, shown_as) for sides in found.select(region).iter_rows()
        )
    )
    kind = "bin" if len(region) > 1 else groupings(home)[region[0]]
    of_items, means = (named.filter(has) for has in (_KNOWN, ~_KNOWN))
    if len(of_items):
        yield from _by_support(of_items, kind, shown)
    if len(means):
        yield _by_z(means, kind, shown)


def _by_support(found: pl.DataFrame, kind: str, shown: int) -> Iterator[RenderableType]:
    """Regions by rank, and the benchmarks that have none: no order is claimed of them."""
    for _, of_method in found.group_by("model", "method", maintain_order=True):
        told = of_method.filter(pl.col("support_rank").is_not_null())
        method = labels.scored_by(of_method)
        if len(told):
            yield _ranked(told, kind, method, shown)
        untold = [
            name
            for name in of_method["benchmark"].unique(maintain_order=True)
            if name not in told["benchmark"]
        ]
        if untold:
            yield Text(
                f"No {kind} is told apart from the average of all documents ({method}): "
                f"{', '.join(untold)}\n"
            )


def _ranked(told: pl.DataFrame, kind: str, method: str, shown: int) -> Table:
    kinds = labels.capital(labels.plural(kind))
    title = f"{kinds} that support a benchmark more than average, by {method}"
    columns = ["n", "Support", _INTERVAL, "Average", "z"]
    table = _table(title, labels.capital(kind), columns)
    for (benchmark,), rows in told.group_by("benchmark", maintain_order=True):
        _section(table, str(benchmark))
        _add_ranked(table, rows, shown)
    return table


def _add_ranked(table: Table, told: pl.DataFrame, shown: int) -> None:
    leading = told.filter(pl.col("n") >= _THIN)
    for row in leading.head(shown).iter_rows(named=True):
        table.add_row(
            f"  {row['region']}",
            f"{row['n']:,}",
            _number(row["support"], signed=False),
            _interval(row["support_low"], row["support_high"], signed=False),
            _number(row["benchmark_support"], signed=False),
            _number(row["z"]) + (_DOUBTFUL if row["is_z_doubtful"] else ""),
        )
    if leading.height > shown:
        table.add_row(f"  and {leading.height - shown} more")
    if told.height > leading.height:
        table.add_row(f"  and {told.height - leading.height} of 1 or 2 documents")


def _by_z(found: pl.DataFrame, kind: str, shown: int) -> Table:
    """Both ends of the ranking by z, where no items are known and so no support."""
    table = _table(
        f"{labels.capital(labels.plural(kind))} with the highest and lowest mean score of each "
        "benchmark",
        labels.capital(kind),
        ["n", "z", _INTERVAL, ""],
    )
    of_each = found.group_by("model", "method", "benchmark", maintain_order=True)
    for (_, _, benchmark), rows in of_each:
        _section(table, f"{benchmark} ({labels.scored_by(rows)})")
        for row in _ends(rows, shown):
            table.add_row(f"  {row['region']}", f"{row['n']:,}", *_estimate(row, "z"))
    return table


def _contrasts(home: Home) -> Iterator[RenderableType]:
    """Topics at both ends of each contrast; nothing in a study without contrasts."""
    rows = read_table(
        home,
        "select model, method, contrast, topic, delta_z, delta_z_low, delta_z_high, q_value"
        " from marts.topic_contrasts"
        " where delta_z is not null"
        " order by model, method, contrast, delta_z desc, topic",
    )
    if rows.is_empty():
        return
    kind = labels.plural(groupings(home)["topic"])
    table = _table(
        f"Contrasts: {kind} at both ends", "", ["\N{GREEK CAPITAL LETTER DELTA}z", "", ""]
    )
    shown_as = labels.titles(rows["topic"])
    of_each = rows.group_by("model", "method", "contrast", maintain_order=True)
    for (_, _, contrast), group in of_each:
        _section(table, f"{contrast} ({labels.scored_by(group)})")
        for row in _ends(group, _CONTRAST_TOPICS_SHOWN):
            table.add_row(f"  {shown_as[row['topic']]}", *_estimate(row, "delta_z"))
    yield table


def _planted(home: Home) -> Iterator[RenderableType]:
    """How well attribution found what the study planted; nothing where nothing was."""
    rows = read_table(
        home,
        "select p.* from marts.planted_recovery as p"
        " join marts.benchmarks as b using (study, model, benchmark)"
        " order by p.model, p.method, p.measure = 'z', p.measure desc, b.position",
    )
    if rows.is_empty():
        return
    columns = ["Rank first", "q < 0.05", "Wrongly", "Mean rank", "Bins' AUC"]
    for _, of_method in rows.group_by("model", "method", maintain_order=True):
        title = f"How well {labels.scored_by(of_method)} found the planted truth"
        table = _table(title, "Topics by", columns)
        for (measure,), group in of_method.group_by("measure", maintain_order=True):
            _section(table, _MEASURES.get(str(measure), str(measure)))
            _add_recovery(table, group)
        yield table


def _add_recovery(table: Table, group: pl.DataFrame) -> None:
    for row in group.iter_rows(named=True):
        found = f"{row['n_planted_topics_found']} of {row['n_planted_topics']}"
        passing = [_count(row[column]) for column in ("n_significant", "n_false")]
        recovered = [_number(row[column], signed=False) for column in ("mean_rank", "auc")]
        table.add_row(f"  {row['benchmark']}", found, *passing, *recovered)
    chance = group.select("n_found_by_chance", "chance_mean_rank", "chance_auc").mean().row(0)
    by_chance, *others = (_number(value, signed=False) for value in chance)
    table.add_row("  By chance", by_chance, "", "", *others)


def _unlearning(home: Home) -> Iterator[RenderableType]:
    """What forgetting the chosen regions did; nothing without runs."""
    # Its tables are built after the runs, so the attribution stage alone has none.
    built = "select 1 from duckdb_tables() where table_name = 'unlearning_verdicts'"
    if read_table(home, built).is_empty():
        return
    rows = read_table(
        home,
        "select v.* from marts.unlearning_verdicts as v"
        " join marts.benchmarks as b using (study, model, benchmark)"
        " where v.measure = 'margin' order by v.model, v.method, v.objective, b.position,"
        " v.region nulls first",
    )
    if rows.is_empty():
        return
    columns = ["Lost", "In region", "Anywhere", "Others", "Holds"]
    title = (
        "Forgetting what ranks first: margin lost (nats), and how much more than\n"
        "by random sets of the region, of anywhere, and than the other benchmarks\n"
        "(* told apart over forget sets)"
    )
    table = _table(title, "Benchmark", columns)
    for group in rows.partition_by("model", "method", "objective", maintain_order=True):
        if rows.select("model", "method", "objective").n_unique() > 1:
            _section(table, labels.scored_by(group))
        _add_verdicts(table, group)
    yield table


def _add_verdicts(table: Table, rows: pl.DataFrame) -> None:
    shown = labels.regions(rows["region"].drop_nulls())
    for row in rows.iter_rows(named=True):
        beyond = [
            _number(row[value]) + ("*" if row[flag] else " ")
            for value, flag in (
                ("more_than_random_in_topic", "is_worse_than_random_in_topic"),
                ("more_than_random_global", "is_worse_than_random_global"),
                ("more_than_others", "is_selective"),
            )
        ]
        region = row["region"]
        table.add_row(
            row["benchmark"] if region is None else f"  {shown[region]}",
            _number(row["damage"]),
            *beyond,
            {True: "yes", False: "no", None: "open"}[row["is_held"]],
        )


_MEASURES = {
    "support": "Support",
    "enrichment": "Share of top documents",
    "z": "z of the mean score",
}


def _next_steps(home: Home, study: str) -> RenderableType:
    lines = {
        "Charts": str(home.charts),
        "Report": f"influence report {study}",
        "Database": str(home.database),
        "Query": f"influence query top_topics --study {study}",
        "Chart": f"influence chart topic_profile --study {study}",
        "Lineage": f"influence ui --study {study}",
    }
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, line in lines.items():
        table.add_row(name, line)
    return table


def _ends(rows: pl.DataFrame, shown: int) -> Iterator[dict]:
    """The first and last rows, each once, strongest first."""
    ends = rows if rows.height <= 2 * shown else pl.concat([rows.head(shown), rows.tail(shown)])
    yield from ends.iter_rows(named=True)


def _estimate(row: dict, value: str) -> tuple[str, str, str]:
    """Value, interval and the mark of significance, as cells."""
    q_value = row["q_value"]
    mark = "*" if q_value is not None and q_value < 0.05 else ""
    return _number(row[value]), _interval(row[f"{value}_low"], row[f"{value}_high"]), mark


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _number(value: float | None, signed: bool = True) -> str:
    if value is None:
        return ""
    # Adding zero turns a rounded -0.0 into 0.0.
    rounded = round(value, 2) + 0.0
    return f"{rounded:+.2f}" if signed else f"{rounded:.2f}"


def _interval(low: float | None, high: float | None, signed: bool = True) -> str:
    if low is None or high is None:
        return _NOT_KNOWN
    return f"[{_number(low, signed)}, {_number(high, signed)}]"


def _table(title: str, first: str, others: Sequence[str]) -> Table:
    """A table of one column of names and columns of numbers."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _section(table: Table, name: str) -> None:
    table.add_row(Text(name, style="italic"))
