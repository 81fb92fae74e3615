"""Words on charts and in the summary: regions, intervals and counts as people read them.

Names of models, methods, benchmarks and contrasts stand as the study writes them: so a reader can
type what a chart shows into a query. Only WebOrganizer's labels have other titles (`taxonomy`).
"""

import re
from collections.abc import Iterable, Mapping

import polars as pl

from influence_warehouse import taxonomy
from influence_warehouse.lake.layout import IMPORTED_MODEL
from influence_warehouse.own_labels import unescaped

MOST_LABELS = 60
"""Rows that a chart shows at most: own labels may be thousands."""


def scored_by(table: pl.DataFrame) -> str:
    """The one method of a table and the model that it explains, as a chart's subtitle begins."""
    method, model = table["method"][0], table["model"][0]
    return method if model == IMPORTED_MODEL else f"{method} ({model})"


WHOLE_SAMPLE = "whole sample"


def regions(names: Iterable[str]) -> dict[str, str]:
    """Regions that unlearning forgot from, by the names that their runs carry.

    `literature` -> `Literature`; `literature.tutorial` -> `Literature x Tutorial` with a true
    multiplication sign; `any.tutorial` -> `Tutorial`; `all` -> `whole sample`. Labels of the
    study's own stay as they are.
    """
    sides = {
        name: [unescaped(side) for side in name.split(".") if side != "any"]
        for name in names
        if name != "all"
    }
    shown = titles(label for each in sides.values() for label in each)
    return {"all": WHOLE_SAMPLE} | {name: region(each, shown) for name, each in sides.items()}


def region(sides: Iterable[str], shown: dict[str, str]) -> str:
    """A topic, a format or both by their `titles`."""
    return " \N{MULTIPLICATION SIGN} ".join(shown[side] for side in sides)


def titles(slugs: Iterable[str]) -> dict[str, str]:
    """WebOrganizer's slugs as titles: `food_and_dining` -> `Food & Dining`.

    Labels of the study's own stay as they are, all of them: two might get one title.
    """
    labels = set(slugs)
    known = taxonomy.TITLES if labels <= set(taxonomy.TITLES) else {}
    return {label: known.get(label, label) for label in labels}


def titled(column: str, to: str | None = None) -> pl.Expr:
    """Topics or formats of a column by their `titles`."""
    labels = pl.col(column)
    return (
        pl.when(labels.is_in(list(taxonomy.TITLES)).all())
        .then(labels.replace(taxonomy.TITLES))
        .otherwise(labels)
        .alias(to or f"{column}_title")
    )


def titled_bin(to: str) -> pl.Expr:
    """Topic and format of a bin by their `titles`, with a true multiplication sign."""
    return pl.concat_str(
        titled("topic"), pl.lit(" \N{MULTIPLICATION SIGN} "), titled("format")
    ).alias(to)


def grouping(table: pl.DataFrame, side: str) -> str:
    """What the column `topic` or `format` holds: `language` where the study groups by it.

    Empty for the format of documents that have one label.
    """
    told = table[f"{side}_grouping"][0] if f"{side}_grouping" in table.columns else side
    return told or ""


def own_words(text: str, called: Mapping[str, str]) -> str:
    """A text of this project about topics and formats, in the study's names of them (`called`)."""

    def own(found: re.Match[str]) -> str:
        word = found[0]
        noun = called[word.lower().removesuffix("s")]
        if not noun:
            return word
        noun = plural(noun) if word.endswith("s") else noun
        return capital(noun) if word[0].isupper() else noun

    return re.sub(r"\b(topic|format)s?\b", own, text, flags=re.IGNORECASE)


def capital(noun: str) -> str:
    """A noun as a sentence begins with it: `myLabel` -> `MyLabel`."""
    return noun[:1].upper() + noun[1:]


def plural(noun: str) -> str:
    """`topic` -> `topics`, `category` -> `categories`, `class` -> `classes`."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def ends(order: list[str]) -> list[str]:
    """The labels that a chart has room for: both ends of a ranking that is longer."""
    half = MOST_LABELS // 2
    return order if len(order) <= MOST_LABELS else [*order[:half], *order[-half:]]


def left_out(order: list[str], noun: str) -> list[str]:
    """A note on what `ends` leaves out; none where nothing is."""
    if len(order) <= MOST_LABELS:
        return []
    return [f"Shown are {MOST_LABELS} of {len(order):,} {plural(noun)}: both ends of the ranking."]


def interval(low: str, high: str, to: str = "interval", digits: int = 2) -> pl.Expr:
    """Two bounds as the text `-0.12 to 1.20`; null where a bound is null."""
    return pl.concat_str(fixed(low, digits), pl.lit(" to "), fixed(high, digits)).alias(to)


def fixed(column: str, digits: int) -> pl.Expr:
    """A number with a fixed count of decimals, and no negative zero."""

    def text(value: float) -> str:
        # Adding zero turns a rounded -0.0 into 0.0.
        return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")

    return pl.col(column).map_elements(text, return_dtype=pl.String)


def short_number(column: str, to: str) -> pl.Expr:
    """A number as a cell of a grid has room for: `-5.8`, `16`, with a true minus."""

    def text(value: float) -> str:
        shown = f"{value:.1f}" if abs(round(value, 1)) < 10 else f"{value:.0f}"
        return shown.replace("-", "\N{MINUS SIGN}")

    return pl.col(column).map_elements(text, return_dtype=pl.String).alias(to)


def count(number: int, noun: str) -> str:
    """`1 bin`, `2,016 documents`."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def interval_unit(table: pl.DataFrame) -> str:
    """What intervals are over, `20 sources of 120 items, and over documents`; ranges where the
    benchmarks of a table differ.

    Reads n_clusters and n_items; items that share no source are their own.
    """
    sources, items = table["n_clusters"].drop_nulls(), table["n_items"].drop_nulls()
    if sources.is_empty() or sources.max() == 1:
        return "documents alone"
    if sources.equals(items):
        return f"{_range(items)} items, and over documents"
    return f"{_range(sources)} sources of {_range(items)} items, and over documents"


def _range(values: pl.Series) -> str:
    numbers = values.to_list()
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def doubtful(benchmarks: Iterable[str]) -> list[str]:
    """A note on benchmarks whose z is doubtful; none where there are none."""
    names = list(dict.fromkeys(benchmarks))
    if not names:
        return []
    return [
        f"z is doubtful for {', '.join(names)}: halves of the items oppose each other, so that "
        "their mean says little. See support."
    ]


def untested(table: pl.DataFrame, value: str) -> str:
    """What follows "filled: q < 0.05" where some regions have a value and no q."""
    q_values = table.filter(pl.col(value).is_not_null())["q_value"]
    return "; grey: q is not known" if q_values.null_count() else ""


def uncertainty(lows: pl.Series, note: str) -> str:
    """The note on a chart's intervals, or that it has none: all their lower bounds are null."""
    if lows.is_not_null().any():
        return note
    return "Intervals and q are not known: they need scores of single items, several a benchmark."
