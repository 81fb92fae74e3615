"""Unit, range and formula of the marts' numbers, by rule: a column's name says what it measures.

Belongs here: what holds for all columns of a name. Does not belong here: what one column means
(its description in dbt's yml) and the formulae themselves (docs/statistics.md).
"""

import re
from dataclasses import dataclass

NUMERIC = frozenset({"double precision", "real", "integer", "bigint"})


@dataclass(frozen=True)
class Measure:
    """Unit with range, and the chapter of docs/statistics.md that has the formula.

    The chapter is None for what is counted or measured and not computed.
    """

    unit: str
    chapter: str | None


_VALUES, _SUPPORT, _BOOTSTRAP = "Values", "Support", "Uncertainty: a two-way bootstrap"
_CORRELATIONS, _SENSITIVITY = "Correlations", "Sensitivity: what hangs on one bin"
_WORDS, _RELIABILITY, _POWER = "Bins in words", "Reliability of a profile", "Power"
_CORRECTNESS = "Right and wrong answers"
_AGREEMENT = "Agreement of methods"
_BENCHMARKS, _PLANTED = "Benchmarks", "Planted truth"
_IMPORTED, _UNLEARNING = "Imported bin scores", "Unlearning"
_RETRAINING = "Retraining"

_DAMAGE = "share of items (accuracy) or nats (margin), any sign"
_PER_TOKEN = "nats per token, 0 or more"
_SCORE = "score, any sign; above 0 supports"
_Z = "z: standard deviations over the bins, any sign"
_Z_ERROR = "z, 0 or more"
_R = "correlation, -1 to 1"
_SHARE = "share, 0 to 1"
_PROBABILITY = "probability, 0 to 1"

# The first rule whose pattern is the whole of `mart.column` holds.
RULES: tuple[tuple[str, str, str | None], ...] = (
    (r".*\.seconds", "seconds, 0 or more", None),
    (r".*\.core_seconds", "core-seconds, 0 or more", None),
    (r".*\.n_bytes", "bytes, 0 or more", None),
    (r"methods\.documents_per_second", "documents per second, above 0", None),
    (r".*\.(seed|set_number|shard|bin_id|position|step)", "number, 0 or more", None),
    (r"unlearning_.*\.(forget|retain)_loss(_\w+)?", _PER_TOKEN, _UNLEARNING),
    (r"unlearning_.*\.utility(_\w+)?", "mean probability, 0 to 1", _UNLEARNING),
    (r"unlearning_.*\.learning_rate", "per step, more than 0", None),
    (
        r"unlearning_.*\.(share_kept|least_share_kept)",
        "share, 1 where nothing is lost",
        _UNLEARNING,
    ),
    (r"unlearning_selectivity\.ratio", "ratio, any sign", _UNLEARNING),
    (r"unlearning_(tests|methods)\.statistic", "no unit, any sign", _UNLEARNING),
    (r"unlearning_\w+\.degrees_of_freedom", "degrees of freedom, above 0", _UNLEARNING),
    (r"(planted_)?unlearning(_\w+)?\.(p_value|q_\w+)", _PROBABILITY, _UNLEARNING),
    (
        r"(planted_)?unlearning(_\w+)?\.(baseline|unlearned|\w*damage\w*|\w*difference\w*|"
        r"more_(than|selective)_\w+|beyond_random\w*|standard_error)",
        _DAMAGE,
        _UNLEARNING,
    ),
    (
        r"(method_quality(_differences)?|region_effects)\.(statistic|degrees_of_freedom)",
        "no unit",
        _RETRAINING,
    ),
    (
        r"(method_quality(_differences)?|region_effects|influence_versus_effect)\.[pq]_value",
        _PROBABILITY,
        _RETRAINING,
    ),
    (r"method_quality(_differences)?\.(tuning_)?lds(_a|_b|_low|_high)?", _R, _RETRAINING),
    (r"method_quality\.\w*lds_\w*standard_error", "rank correlation, 0 or more", _RETRAINING),
    (r"method_quality\.(truth_reliability|ceiling)", _SHARE, _RETRAINING),
    (r"method_quality\.share_of_ceiling", "ratio, any sign", _RETRAINING),
    (
        r"method_quality_differences\.(difference(_low|_high)?|standard_error)",
        "difference of rank correlations, -2 to 2",
        _RETRAINING,
    ),
    (
        r"region_effects\.(\w+_)?standard_error|"
        r"(region_effects|influence_versus_effect|unlearning_versus_retraining)\."
        r"(base|without|(predicted_)?effect(_low|_high)?|residual)",
        "nats, any sign; an effect above 0 supports",
        _RETRAINING,
    ),
    (r"influence_versus_effect\.influence_sum", _SCORE, _RETRAINING),
    (r"influence_versus_effect\.scale", "nats a score, any sign", _RETRAINING),
    (
        r"(influence_versus_effect|unlearning_versus_retraining)\.\w+_rank",
        "rank, 1 the most",
        _RETRAINING,
    ),
    (r"unlearning_versus_retraining\.spearman", _R, _RETRAINING),
    (r"planted_recovery\.\w*auc\w*", "probability, 0 to 1; 0.5 by chance", _PLANTED),
    (r"planted_recovery\.n_found_by_chance", "topics, 0 or more", _PLANTED),
    (r"planted_recovery\.\w*mean_rank", "rank, 1 the strongest", _PLANTED),
    (r"benchmark_correlations\.signal_share_[ab]", "share, at most 1", _CORRELATIONS),
    (r"power\.signal_share", "share, at most 1", _BOOTSTRAP),
    (r"power\.signal_share_standard_error", "share, 0 or more", _BOOTSTRAP),
    (r"benchmark_correlations\.((true_)?pearson|spearman|leave_one)\w*", _R, _CORRELATIONS),
    (r"contrast_(extremes|sensitivity)\.\w*lead\w*", _Z, _SENSITIVITY),
    (r"contrast_(extremes|sensitivity)\.(delta_z|leave_one)\w*(?<!rank)", _Z, _SENSITIVITY),
    (
        r"correctness_\w+\.(z_(in)?correct|delta_z_(in)?correct|difference(_low|_high)?)",
        _Z,
        _CORRECTNESS,
    ),
    (r"correctness_\w+\.(difference_standard_error)", _Z_ERROR, _CORRECTNESS),
    (r"distinctive_terms\.log_odds", "natural logarithm, above 0", _WORDS),
    (r"distinctive_terms\.z_score", "standard errors, above 0", _WORDS),
    (r"influence_concentration\.(gini|top_\d+_share)(_of_noise\w*)?", _SHARE, _VALUES),
    (r"influence_concentration\.effective_bins(_of_noise\w*)?", "bins, 0 to all", _VALUES),
    (r"power\.documents_per_bin", "documents, 1 or more", _POWER),
    (r"power\.share_from_documents", _SHARE, _POWER),
    (r"power\.detectable_z\w*", _Z_ERROR, _POWER),
    (r"power\.(\w*deviation|\w*spread|\w*difference)", "score, 0 or more", _POWER),
    (r"profile_reliability\.half_correlation", _R, _RELIABILITY),
    (r"profile_reliability\.reliability\w*", "correlation, at most 1", _RELIABILITY),
    (r"benchmarks\.(accuracy\w*|chance)", _SHARE, _BENCHMARKS),
    (r"benchmarks\.mean_margin", "nats, any sign", _BENCHMARKS),
    (r"bins\.mean_tokens", "tokens, 0 or more", None),
    (r".*\.inclusion_probability", "probability, more than 0 to 1", None),
    (r"study_sources\.\w+_z_\w+|study_sources\.z_\w+", _Z_ERROR, _IMPORTED),
    (r"method_agreement\.spearman\w*", _R, _AGREEMENT),
    (r"method_agreement\.signal_share_[ab]", "share, at most 1", _AGREEMENT),
    (r"method_agreement\.overlap\w*", _SHARE, _AGREEMENT),
    (
        r"method_disagreements\.(standardized_[ab]|difference(_low|_high)?)",
        "standard deviations over the regions, any sign",
        _AGREEMENT,
    ),
    (
        r"method_disagreements\.support_[ab](_low|_high)?",
        "share of an item's mean squared score; 0 or more",
        _SUPPORT,
    ),
    (r"method_disagreement_documents\.score_by_other", _SCORE, _VALUES),
    (r"method_disagreement_documents\.place\w*", "place, from 1", _AGREEMENT),
    (r".*\.(support|enrichment)_[pq]_value", _PROBABILITY, _SUPPORT),
    (r".*\.support_t", "standard errors, any sign", _SUPPORT),
    (
        r".*\.(benchmark_)?support(_low|_high|_standard_error)?",
        "share of an item's mean squared score; 0 or more",
        _SUPPORT,
    ),
    (r".*\.enrichment_(low|high|standard_error)", "ratio to chance", _SUPPORT),
    (r".*\.top_share_(low|high)", "share of the places", _SUPPORT),
    (r".*\.item_reliability", "correlation, at most 1", _RELIABILITY),
    (r".*\.score_sum", _SCORE, _VALUES),
    (r".*\.[pq]_value", _PROBABILITY, _BOOTSTRAP),
    (r".*\.(signal_)?(delta_)?z_(low|high)|.*\.(shrunken_z|signal_(delta_)?z)", _Z, _BOOTSTRAP),
    (r".*\.(delta_)?z_standard_error", _Z_ERROR, _BOOTSTRAP),
    (r".*\.(delta_)?z(_(document|population)_weighted)?", _Z, _VALUES),
    (r".*\.top_share", _SHARE, _VALUES),
    (r".*\.enrichment", "ratio to chance, 0 or more; 1 is chance", _VALUES),
    (r".*\.standard_error", "score, 0 or more", _BOOTSTRAP),
    (r".*\.(shrunken_mean|mean_low|mean_high)", _SCORE, _BOOTSTRAP),
    (r".*\.standard_deviation", "score, 0 or more", _VALUES),
    (r".*\.(mean|score)", _SCORE, _VALUES),
    (r".*rank\w*", "rank, from 1", None),
    (
        r".*\.(n_\w+|count\w*|steps|\w+_documents|documents_for_\w+|resamples|top_k)",
        "count, 0 or more",
        None,
    ),
)


def measure(mart: str, column: str) -> Measure | None:
    """Unit, range and formula of a mart's numeric column; None where no rule is about it."""
    # By correctness a mart holds the same columns of more items.
    place = f"{mart.removesuffix('_by_correctness')}.{column}"
    for pattern, unit, chapter in RULES:
        if re.fullmatch(pattern, place):
            return Measure(unit, chapter)
    return None
