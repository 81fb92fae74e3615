{#- What means per bin cannot tell: what would be needed, and the columns of each mart. -#}
{%- set needs = {
    "scores of single items": {
        "bin_influence": [
            "n_items", "standard_error", "mean_low", "mean_high", "shrunken_mean", "z_low",
            "z_high", "z_standard_error", "true_z", "true_z_low", "true_z_high", "shrunken_z",
            "n_in_top_k", "top_share", "enrichment", "p_value", "q_value"
        ],
        "topic_influence": [
            "n_items", "z_low", "z_high", "z_standard_error", "true_z", "true_z_low",
            "true_z_high", "shrunken_z", "top_share", "enrichment", "p_value", "q_value"
        ],
        "format_influence": [
            "n_items", "z_low", "z_high", "z_standard_error", "true_z", "true_z_low",
            "true_z_high", "shrunken_z", "top_share", "enrichment", "p_value", "q_value"
        ],
        "bin_contrasts": [
            "n_items", "delta_z_low", "delta_z_high", "delta_z_standard_error", "true_delta_z",
            "true_delta_z_low", "true_delta_z_high", "p_value", "q_value"
        ],
        "topic_contrasts": [
            "n_items", "delta_z_low", "delta_z_high", "delta_z_standard_error", "true_delta_z",
            "true_delta_z_low", "true_delta_z_high", "p_value", "q_value"
        ],
        "format_contrasts": [
            "n_items", "delta_z_low", "delta_z_high", "delta_z_standard_error", "true_delta_z",
            "true_delta_z_low", "true_delta_z_high", "p_value", "q_value"
        ],
        "benchmark_correlations": [
            "pearson_low", "pearson_high", "signal_share_a", "signal_share_b", "true_pearson",
            "true_pearson_low", "true_pearson_high"
        ],
        "benchmarks": [
            "n_items"
        ],
        "contrast_extremes": [
            "delta_z_low", "delta_z_high"
        ],
        "profile_reliability": [
            "n_items", "half_correlation", "reliability", "reliability_low", "reliability_high"
        ],
    },
    "scores of single documents": {
        "bin_influence": [
            "standard_deviation"
        ],
        "document_influence": [
            "*"
        ],
        "top_documents": [
            "*"
        ],
        "score_health": [
            "*"
        ],
        "power": [
            "*"
        ],
    },
    "the corpus that was sampled": {
        "bins": [
            "population_documents", "stratum", "inclusion_probability", "mean_tokens"
        ],
        "bin_influence": [
            "population_documents", "stratum"
        ],
        "topic_influence": [
            "population_documents", "z_population_weighted"
        ],
        "format_influence": [
            "population_documents", "z_population_weighted"
        ],
        "bin_contrasts": [
            "population_documents"
        ],
        "topic_contrasts": [
            "population_documents", "delta_z_population_weighted"
        ],
        "format_contrasts": [
            "population_documents", "delta_z_population_weighted"
        ],
        "set_aside_reasons": [
            "*"
        ],
        "distinctive_terms": [
            "*"
        ],
    },
    "the answers of the model": {
        "benchmarks": [
            "model_id", "n_correct", "accuracy", "accuracy_low", "accuracy_high", "chance",
            "mean_margin"
        ],
    },
    "the benchmark items as they were asked": {
        "benchmarks": [
            "prompt_format", "metric"
        ],
    },
} -%}
{%- set rows = [] -%}
{%- for need, marts in needs.items() -%}
    {%- for mart, columns in marts.items() -%}
        {%- for column in columns -%}
            {%- do rows.append((mart, column, need)) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endfor -%}
with listed as (
    {% for mart, column, need in rows %}
        select
            '{{ mart }}' as mart,
            '{{ column }}' as column_name,
            '{{ need }}' as needs
        {{ "union all" if not loop.last }}
    {% endfor %}
),

designs as (
    select
        count(domain) as n_domains,
        count(capability) as n_capabilities,
        count(*) as n_benchmarks
    from {{ ref('stg_study_benchmarks') }}
),

untold as (
    select
        'benchmarks' as mart,
        'domain' as column_name
    from designs
    where n_domains < n_benchmarks
    union all
    select
        'benchmarks' as mart,
        'capability' as column_name
    from designs
    where n_capabilities < n_benchmarks
),

reasons as (
    select
        mart,
        column_name,
        'needs ' || needs || '; only means per bin were imported' as reason
    from listed
    union all
    select
        mart,
        column_name,
        'was not told when the study was imported (--design)' as reason
    from untold
),

imported as (
    select distinct study
    from {{ ref('stg_imported_files') }}
    where kind = 'bin_scores'
)

select
    imported.study,
    reasons.mart,
    reasons.column_name,
    reasons.reason
from reasons
cross join imported
