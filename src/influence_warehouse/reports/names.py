"""The charts' names with the question that each answers.

Belongs here: what the command line and orchestration need before anything is drawn, without
loading altair. Does not belong here: what a chart reads and how it is drawn (gallery).
"""

CHARTS: dict[str, str] = {
    "sample_sizes": "How many documents stand behind each bin?",
    "benchmark_accuracy": "Can the base model do the benchmarks at all?",
    "bin_heatmap": "Which bins of the corpus support a benchmark?",
    "topic_profile": "Which topics support which benchmark?",
    "format_profile": "Which formats support which benchmark?",
    "topic_contrast": "Which topics support one benchmark more than the other?",
    "format_contrast": "Which formats support one benchmark more than the other?",
    "right_versus_wrong": "Which topics support right answers more than wrong ones?",
    "correlations": "Do two benchmarks lean on the same regions?",
    "distinctive_terms": "What are the texts like that support a benchmark most?",
    "unlearning_damage": (
        "Does forgetting what was ranked first hurt more than forgetting at random?"
    ),
    "unlearning_differences": "How much more than at random, benchmark by benchmark?",
    "unlearning_matrix": "Is the damage where it was aimed?",
    "unlearning_losses": "What did the unlearning runs do as they went on?",
}

UNLEARNING_CHARTS = tuple(name for name in CHARTS if name.startswith("unlearning_"))
"""Charts that wait for unlearning runs."""
