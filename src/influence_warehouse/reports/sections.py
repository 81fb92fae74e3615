"""What a report shows in which order: a page per question, with its charts and named queries.

Belongs here: the plan of the pages. Does not belong here: how charts are drawn (gallery), what
the queries say (sql/), and how pages are made (report).
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """One page: a short lead for its reader, charts (`names`) and queries of sql/."""

    slug: str
    title: str
    lead: str
    charts: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()


_SECTIONS = (
    Section(
        "support",
        "Where does support come from?",
        "z compares a region's mean score with all bins'; above 0 it supports the benchmark. "
        "Read the interval and n with it: a thin region moves easily.",
        ("topic_profile", "format_profile", "bin_heatmap"),
        ("topic_support", "format_support", "top_bins", "concentration"),
    ),
    Section(
        "contrasts",
        "Is this difference real?",
        "A contrast is the difference of two benchmarks' z in the same region. q < 0.05 "
        "(Benjamini-Hochberg) is what a false discovery rate of 5 % allows.",
        ("topic_contrast", "format_contrast", "right_versus_wrong"),
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
        ("correlations",),
        (
            *("hangs_on_one_bin", "contrasts_without_a_bin", "correlations"),
            *("correlations_without_a_topic", "mean_versus_top_share", "sampling_sensitivity"),
        ),
    ),
    Section(
        "words",
        "What are the regions like?",
        "Terms that set a region's texts apart from all others: a guide to what is in them.",
        ("distinctive_terms",),
        ("regions_in_words", "strongest_bins_in_words"),
    ),
    Section(
        "documents",
        "Which documents are strongest?",
        "Excerpts stand as they are in the corpus, cut to length; nobody has vetted them.",
        (),
        ("strongest_documents",),
    ),
    Section(
        "unlearning",
        "Does forgetting it hurt?",
        "Models that forgot what ranks first, against models that forgot as much at random.",
        (
            *("unlearning_damage", "unlearning_differences"),
            *("unlearning_matrix", "unlearning_losses"),
        ),
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
        ("benchmark_accuracy", "sample_sizes"),
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
        (),
        ("sources", "unknowns"),
    ),
)

_ELSEWHERE = {"provenance"}  # the page of that name says it fact by fact


def sections(charts: Iterable[str], queries: Iterable[str]) -> list[Section]:
    """The pages; charts and queries that no page names stand on a last one."""
    named = {name for section in _SECTIONS for name in (*section.charts, *section.queries)}
    more = Section(
        "more",
        "What else was asked?",
        "Further questions of the folder sql/.",
        tuple(name for name in charts if name not in named),
        tuple(name for name in queries if name not in named | _ELSEWHERE),
    )
    return [*_SECTIONS, *([more] if more.charts or more.queries else [])]
