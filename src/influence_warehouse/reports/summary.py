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

_RANKED = """
    select i.model, i.method, i.benchmark, {regions}, i.n_documents as n, i.z as value,
        i.z_low as low, i.z_high as high, i.q_value
    from marts.{mart} as i
    join marts.benchmarks as b using (study, model, benchmark)
    where i.z is not null
    order by i.model, i.method, b.position, i.z desc, {regions}
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
    """Accuracy, ends of each ranking, contrasts, planted truth, unlearning.

    Raises WarehouseError when the published copy is missing or lacks a mart.
    """
    parts: list[RenderableType] = [_header(home), *_accuracy(home)]
    parts += _ranking(home, "topic_influence", ("topic",), _TOPICS_SHOWN)
    parts += _ranking(home, "bin_influence", ("topic", "format"), _BINS_SHOWN)
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
        f"{filled} of {labels.count(bins, 'bin')} have documents.\n"
        "z: a region's mean score against all bins'; above 0: above their mean.\n",
        *_uncertainty(home),
    )


def _uncertainty(home: Home) -> Iterator[str]:
    """What intervals are of, and what the study cannot know of what is to come."""
    reason = reason_of(home, "topic_influence", "z_low")
    if reason is None:
        yield "Intervals: 95 %, bootstrap over items and documents (accuracy: Wilson).\n"
        yield "*: q < 0.05 (Benjamini-Hochberg).\n"
    else:
        yield f"Intervals and q: {_NOT_KNOWN}, {reason}.\n"
    single = read_table(
        home, "select distinct benchmark from marts.bin_influence where n_items = 1 order by 1"
    )
    if len(single):
        yield f"Of one item, so that nothing is told of others: {', '.join(single['benchmark'])}.\n"
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


def _ranking(
    home: Home, mart: str, region: tuple[str, ...], shown: int
) -> Iterator[RenderableType]:
    """Strongest and weakest regions of each method and benchmark; nothing of regions that are
    others under another name, as the bins of documents with one label are."""
    sql = _RANKED.format(mart=mart, regions=", ".join(f"i.{name}" for name in region))
    found = read_table(home, sql)
    if any(found[side].n_unique() < 2 for side in region):
        return
    shown_as = labels.titles(label for side in region for label in found[side])
    noun = groupings(home)[region[0]] if len(region) == 1 else "bin"
    kind = labels.capital(labels.plural(noun))
    title = f"{kind} that support each benchmark most and least"
    table = _table(title, labels.capital(noun), ["n", "z", _INTERVAL, ""])
    of_each = found.group_by("model", "method", "benchmark", maintain_order=True)
    for (_, _, benchmark), rows in of_each:
        _section(table, f"{benchmark} ({labels.scored_by(rows)})")
        for row in _ends(rows, shown):
            name = labels.region((row[side] for side in region), shown_as)
            table.add_row(f"  {name}", f"{row['n']:,}", *_estimate(row))
    yield table


def _contrasts(home: Home) -> Iterator[RenderableType]:
    """Topics at both ends of each contrast; nothing in a study without contrasts."""
    rows = read_table(
        home,
        "select model, method, contrast, topic, delta_z as value, delta_z_low as low,"
        " delta_z_high as high, q_value from marts.topic_contrasts"
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
            table.add_row(f"  {shown_as[row['topic']]}", *_estimate(row))
    yield table


def _planted(home: Home) -> Iterator[RenderableType]:
    """How well attribution found what the study planted; nothing where nothing was."""
    rows = read_table(
        home,
        "select p.* from marts.planted_recovery as p"
        " join marts.benchmarks as b using (study, model, benchmark)"
        " order by p.model, p.method, p.measure desc, b.position",
    )
    if rows.is_empty():
        return
    columns = ["Topics found", "Mean rank", "AUC of bins"]
    table = _table("How well the planted truth was found", "Ranked by", columns)
    of_each = rows.group_by("model", "method", "measure", maintain_order=True)
    for (_, _, measure), group in of_each:
        _section(table, f"{_MEASURES.get(str(measure), measure)} ({labels.scored_by(group)})")
        for row in group.iter_rows(named=True):
            found = f"{row['n_planted_topics_found']} of {row['n_planted_topics']}"
            recovered = [_number(row[column], signed=False) for column in ("mean_rank", "auc")]
            table.add_row(f"  {row['benchmark']}", found, *recovered)
        chance = group.select("n_found_by_chance", "chance_mean_rank", "chance_auc").mean()
        table.add_row("  By chance", *(_number(value, signed=False) for value in chance.row(0)))
    yield table


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
        " where v.measure = 'margin' order by v.model, v.method, v.objective, b.position",
    )
    if rows.is_empty():
        return
    columns = ["Lost", _INTERVAL, "In region", "Anywhere", "Others", "Holds"]
    title = (
        "Forgetting what ranks first: margin lost (nats), how much more than at random\n"
        "in the region and anywhere, and the least share of theirs that others keep"
    )
    table = _table(title, "Benchmark", columns)
    for group in rows.partition_by("model", "method", "objective", maintain_order=True):
        if rows.select("model", "method", "objective").n_unique() > 1:
            _section(table, labels.scored_by(group))
        _add_verdicts(table, group)
    yield table


def _add_verdicts(table: Table, rows: pl.DataFrame) -> None:
    for row in rows.iter_rows(named=True):
        beyond = [
            _number(row[f"more_than_random_{place}"]) + ("*" if row[flag] else " ")
            for place, flag in (
                ("in_topic", "is_worse_than_random_in_topic"),
                ("global", "is_worse_than_random_global"),
            )
        ]
        kept = row["least_share_kept"]
        table.add_row(
            row["benchmark"],
            _number(row["damage"]),
            _interval(row["damage_low"], row["damage_high"]),
            *beyond,
            "" if kept is None else f"{kept:.0%}",
            {True: "yes", False: "no", None: "open"}[row["is_held"]],
        )


_MEASURES = {"z": "z of the mean score", "enrichment": "Share of top documents"}


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


def _estimate(row: dict) -> tuple[str, str, str]:
    """Value, interval and the mark of significance, as cells."""
    q_value = row["q_value"]
    mark = "*" if q_value is not None and q_value < 0.05 else ""
    return _number(row["value"]), _interval(row["low"], row["high"]), mark


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
