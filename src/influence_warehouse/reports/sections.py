"""What a report shows in which order: a page per question, with its charts and named queries.

A chart says itself on which page it stands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from influence_warehouse.reports.chart import Chart


@dataclass(frozen=True)
class Section:
    """One page: a short lead for its reader, queries of sql/, and the charts that name it."""

    slug: str
    title: str
    lead: str
    queries: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()


_SECTIONS = (
    Section(
        "support",
        "Where does support come from?",
        "z compares a region's mean score with all bins'; above 0 is above their mean, which need "
        "not be support: that has the sign of `mean`. Read n with it, and the interval where there "
        "is one: a thin region moves easily.",
        ("topic_support", "format_support", "top_bins", "concentration"),
    ),
    Section(
        "contrasts",
        "Is this difference real?",
        "A contrast is the difference of two benchmarks' z in the same region. q < 0.05 "
        "(Benjamini-Hochberg) is what a false discovery rate of 5 % allows.",
        (
            *("topic_differences", "format_differences"),
            *("significant_contrasts", "reasoning_versus_knowledge"),
            *("right_versus_wrong", "right_versus_wrong_contrasts"),
        ),
    ),
    Section(
        "sensitivity",
        "Does it hang on one bin?",
        "Each bin, and each topic, left out of the whole study in turn. What does not survive that "
        "should be quoted with the region that carries it.",
        (
            *("hangs_on_one_bin", "contrasts_without_a_bin", "correlations"),
            *("correlations_without_a_topic", "mean_versus_top_share", "sampling_sensitivity"),
        ),
    ),
    Section(
        "words",
        "What are the regions like?",
        "Terms that set a region's texts apart from all others: a guide to what is in them.",
        ("regions_in_words", "strongest_bins_in_words"),
    ),
    Section(
        "documents",
        "Which documents are strongest?",
        "Excerpts stand as they are in the corpus, cut to length; nobody has vetted them.",
        ("strongest_documents",),
    ),
    Section(
        "unlearning",
        "Does forgetting it hurt?",
        "Models that forgot what ranks first, against models that forgot as much at random.",
        (
            *("unlearning_verdicts", "unlearning_by_region", "unlearning_selectivity"),
            *("planted_unlearning", "chosen_regions", "unlearning_progress", "forget_set_overlap"),
        ),
    ),
    Section(
        "health",
        "Can the numbers be trusted?",
        "Whether the model can do the benchmarks, the sample fills the bins, the scores are sound, "
        "and other items or documents would say the same.",
        (
            *("base_model_accuracy", "planted_truth_found", "score_health", "reliability"),
            *("power", "thin_bins", "set_aside"),
        ),
    ),
    Section(
        "sources",
        "Where is an imported study from, and what can it not tell?",
        "Files, terms and citation of what was imported, and every column that is empty for want "
        "of what the files do not carry.",
        ("sources", "unknowns"),
    ),
)

_ELSEWHERE = {"provenance"}  # the page of that name says it fact by fact


def sections(charts: Mapping[str, Chart], queries: Iterable[str]) -> list[Section]:
    """The pages with the charts that name them; queries that no page names stand on a last one."""
    named = {name for section in _SECTIONS for name in section.queries}
    more = Section(
        "more",
        "What else was asked?",
        "Further questions of the folder sql/.",
        tuple(name for name in queries if name not in named | _ELSEWHERE),
    )
    in_order = sorted(charts, key=lambda name: charts[name].place)
    pages = [
        replace(page, charts=tuple(name for name in in_order if charts[name].page == page.slug))
        for page in (*_SECTIONS, more)
    ]
    return [page for page in pages if page.charts or page.queries]
