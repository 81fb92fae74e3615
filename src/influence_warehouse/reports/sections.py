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
        "Support is the mean squared score above 0 of a region's documents, in units of an item's "
        "mean squared score; where it is above that of all documents at q < 0.05 the region is "
        "told apart and has a rank. The mean z, which the published recipe uses, comes after it; "
        "it is doubtful where halves of the items oppose each other.",
        ("topic_support", "format_support", "top_bins", "concentration"),
    ),
    Section(
        "methods",
        "Do the methods agree?",
        "What one method ranks first another may not: each pair is compared on the same resamples "
        "of items and documents, beside a random control. The region that a pair disagrees on most "
        "was picked for its difference, so its interval holds for all regions at once; where that "
        "holds 0 the methods are not told apart. Methods that agree may be wrong alike.",
        ("methods", "method_agreement", "method_disagreements", "disputed_documents"),
    ),
    Section(
        "retraining",
        "Which method predicts retraining?",
        "The model was trained again with documents left out: regions one by one, and random "
        "halves. A method is graded by the linear datamodeling score (LDS), the rank correlation "
        "of what it says of the documents that are kept with what training on them does, on "
        "subsets that no setting was tuned on, beside a ceiling that chance of training sets. "
        "Methods whose places overlap are not told apart, and the random control must be at 0.",
        (
            *("method_quality", "method_quality_differences", "region_effects"),
            *("influence_versus_effect", "unlearning_versus_retraining"),
        ),
    ),
    Section(
        "contrasts",
        "Is this difference real?",
        "A contrast is the difference of two benchmarks' mean z in the same region, so it is as "
        "doubtful as they are. q < 0.05 (Benjamini-Hochberg) is what a false discovery rate of 5 % "
        "allows.",
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
        "should be quoted with the region that carries it, and a correlation with its "
        "preconditioner.",
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
        "Models that forgot what ranks first, against models that forgot as much at random. "
        "Intervals and verdicts are over forget sets: what other documents of the same regions "
        "would have done, not other items.",
        (
            *("unlearning_verdicts", "unlearning_by_region", "unlearning_selectivity"),
            *("unlearning_methods", "planted_unlearning", "chosen_regions"),
            *("unlearning_progress", "forget_set_overlap"),
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
        "Where is an imported study from, and what can a study not tell?",
        "Files, terms and citation of what was imported, and every column that is empty for want "
        "of what the files do not carry, or of a second method.",
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
