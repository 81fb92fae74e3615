{#- What a study cannot tell: of an import, what would be needed, and the columns of each mart. -#}
{%- set needs = {
    "scores of single items": {
        "bin_influence": [
            "n_items", "n_clusters", "unit", "support", "support_low", "support_high",
            "support_standard_error", "benchmark_support", "support_t", "support_p_value",
            "support_q_value", "support_rank", "standard_error", "mean_low", "mean_high",
            "shrunken_mean", "z_low", "z_high", "z_standard_error", "signal_z", "signal_z_low",
            "signal_z_high", "shrunken_z", "n_in_top_k", "top_share", "top_share_low",
            "top_share_high", "enrichment", "enrichment_low", "enrichment_high",
            "enrichment_standard_error", "enrichment_p_value", "enrichment_q_value", "p_value",
            "q_value", "item_reliability", "is_z_doubtful"
        ],
        "topic_influence": [
            "n_items", "n_clusters", "unit", "support", "support_low", "support_high",
            "support_standard_error", "benchmark_support", "support_t", "support_p_value",
            "support_q_value", "support_rank", "z_low", "z_high", "z_standard_error", "signal_z",
            "signal_z_low", "signal_z_high", "shrunken_z", "top_share", "top_share_low",
            "top_share_high", "enrichment", "enrichment_low", "enrichment_high",
            "enrichment_standard_error", "enrichment_p_value", "enrichment_q_value", "p_value",
            "q_value", "item_reliability", "is_z_doubtful"
        ],
        "format_influence": [
            "n_items", "n_clusters", "unit", "support", "support_low", "support_high",
            "support_standard_error", "benchmark_support", "support_t", "support_p_value",
            "support_q_value", "support_rank", "z_low", "z_high", "z_standard_error", "signal_z",
            "signal_z_low", "signal_z_high", "shrunken_z", "top_share", "top_share_low",
            "top_share_high", "enrichment", "enrichment_low", "enrichment_high",
            "enrichment_standard_error", "enrichment_p_value", "enrichment_q_value", "p_value",
            "q_value", "item_reliability", "is_z_doubtful"
        ],
        "bin_contrasts": [
            "n_items", "delta_z_low", "delta_z_high", "delta_z_standard_error", "signal_delta_z",
            "signal_delta_z_low", "signal_delta_z_high", "p_value", "q_value"
        ],
        "topic_contrasts": [
            "n_items", "delta_z_low", "delta_z_high", "delta_z_standard_error", "signal_delta_z",
            "signal_delta_z_low", "signal_delta_z_high", "p_value", "q_value"
        ],
        "format_contrasts": [
            "n_items", "delta_z_low", "delta_z_high", "delta_z_standard_error", "signal_delta_z",
            "signal_delta_z_low", "signal_delta_z_high", "p_value", "q_value"
        ],
        "benchmark_correlations": [
            "pearson_low", "pearson_high", "signal_share_a", "signal_share_b", "true_pearson",
            "true_pearson_low", "true_pearson_high"
        ],
        "contrast_extremes": [
            "delta_z_simultaneous_low", "delta_z_simultaneous_high"
        ],
        "profile_reliability": [
            "n_items"
        ],
        "power": [
            "*"
        ],
        "top_documents": [
            "n_items_naming_it"
        ],
        "method_agreement": [
            "n_shared_items", "n_clusters", "signal_share_a", "signal_share_b", "n_told_apart_a",
            "n_told_apart_b", "n_told_apart_both", "n_strongest", "overlap", "overlap_low",
            "overlap_high", "overlap_by_chance"
        ],
        "method_disagreements": [
            "*"
        ],
        "method_disagreement_documents": [
            "*"
        ],
        "study_sources": [
            "top_k"
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
        "profile_reliability": [
            "half_correlation", "reliability", "reliability_low", "reliability_high"
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
    },
    "the texts of the documents": {
        "distinctive_terms": [
            "*"
        ],
    },
    "the texts of scored documents": {
        "top_documents": [
            "excerpt"
        ],
        "method_disagreement_documents": [
            "excerpt"
        ],
    },
    "the addresses of scored documents": {
        "document_influence": [
            "url"
        ],
        "top_documents": [
            "url"
        ],
        "method_disagreement_documents": [
            "url"
        ],
    },
    "the sources of scored documents": {
        "document_influence": [
            "source"
        ],
        "top_documents": [
            "source"
        ],
    },
    "how scored documents were sampled and read": {
        "document_influence": [
            "n_tokens", "inclusion_probability"
        ],
        "score_health": [
            "dtype", "attention"
        ],
    },
    "a second label of the documents": {
        "format_influence": [
            "*"
        ],
        "format_contrasts": [
            "*"
        ],
        "labels": [
            "format_grouping"
        ],
        "study_sources": [
            "format_grouping"
        ],
    },
    "how the scores were made": {
        "methods": [
            "unit", "preconditioner", "settings", "seconds", "core_seconds",
            "documents_per_second", "n_bytes"
        ],
        "benchmark_correlations": [
            "preconditioner"
        ],
    },
    "z in the imported files": {
        "study_sources": [
            "max_z_deviation", "z_tolerance"
        ],
    },
    "the answers of the model": {
        "correctness_differences": [
            "n_items_correct", "n_items_incorrect", "z_correct", "z_incorrect", "delta_z",
            "delta_z_low", "delta_z_high", "delta_z_standard_error", "p_value", "q_value"
        ],
        "correctness_contrast_differences": [
            "*"
        ],
        "benchmarks": [
            "n_items", "n_correct", "accuracy", "accuracy_low", "accuracy_high",
            "chance", "mean_margin"
        ],
    },
    "the benchmark items as they were asked": {
        "benchmarks": [
            "prompt_format", "metric"
        ],
    },
} -%}
{#- Marts that compare methods: a study with one has nothing to compare, imported or not. -#}
{%- set compared = ["method_agreement", "method_disagreements", "method_disagreement_documents"] -%}
{#- Marts of stages that a study may not have: the fact that a stage has from the start, and what to
    write into the study. -#}
{%- set stages = {
    "planted_truth": {
        "reason": "needs planted facts; the corpus was not planted",
        "marts": ["planted_recovery", "planted_recovery_by_correctness", "planted_unlearning"],
    },
    "region_rules": {
        "reason": "needs regions to forget; the study has no section unlearning",
        "marts": [
            "chosen_bins", "forgotten_documents", "planted_unlearning", "unlearning_cells",
            "unlearning_damage", "unlearning_losses", "unlearning_matrix", "unlearning_methods",
            "unlearning_progress", "unlearning_selectivity", "unlearning_tests",
            "unlearning_verdicts", "unlearning_versus_retraining"
        ],
    },
    "bucket_item_scores": {
        "reason": "needs trainings that leave documents out; the study has no section retraining",
        "marts": [
            "influence_versus_effect", "method_quality", "method_quality_differences",
            "region_effects", "unlearning_versus_retraining"
        ],
    },
    "imported_files": {
        "reason": "needs imported files; the scores were made here",
        "marts": ["study_sources"],
    },
} -%}
{#- Marts with one beside them that holds the same of items answered right and wrong. -#}
{%- set by_correctness = [
    "bin_influence", "topic_influence", "format_influence", "bin_contrasts", "topic_contrasts",
    "format_contrasts", "benchmark_correlations", "influence_concentration", "contrast_extremes",
    "contrast_sensitivity"
] -%}
{%- set rows = [] -%}
{%- for need, marts in needs.items() -%}
    {%- for mart, columns in marts.items() -%}
        {%- for column in columns -%}
            {%- do rows.append((mart, column, need)) -%}
            {%- if mart in by_correctness -%}
                {%- do rows.append((mart ~ "_by_correctness", column, need)) -%}
            {%- endif -%}
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
    from {{ source('lake', 'study_benchmarks') }}
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

-- Models of which one method is known say nothing of how methods agree.
alone as (
    select max(n_methods) = 1 as is_alone
    from (
        select
            model,
            count(*) as n_methods
        from {{ source('lake', 'study_methods') }}
        group by model
    ) as models
),

imported as (
    select
        study,
        case
            when max(kind) = 'bin_scores' then 'only means per bin were imported'
            when max(score_per) = 'document' then 'only scores per benchmark were imported'
            when min(score_per) = 'document' then 'of some methods only scores per benchmark were'
            else 'only scores were imported'
        end as known,
        max(kind) as kind,
        min(score_per) as least_score_per,
        count(format_grouping) as n_second_labels
    from {{ source('lake', 'imported_files') }}
    group by study
),

documents as (
    select
        count(text) as n_texts,
        count(url) as n_urls,
        count(source) as n_sources
    from {{ source('lake', 'documents') }}
),

-- What each import lacks.
lacking as (
    select
        listed.mart,
        listed.column_name,
        listed.needs,
        imported.study,
        imported.known
    from listed
    cross join imported
    cross join documents
    where
        case listed.needs
            when 'scores of single items' then imported.least_score_per != 'item'
            when 'scores of single documents' then imported.kind = 'bin_scores'
            when 'the texts of the documents' then documents.n_texts = 0
            when 'a second label of the documents' then imported.n_second_labels = 0
            when 'the texts of scored documents'
                then imported.kind = 'document_scores' and documents.n_texts = 0
            when 'the addresses of scored documents'
                then imported.kind = 'document_scores' and documents.n_urls = 0
            when 'the sources of scored documents'
                then imported.kind = 'document_scores' and documents.n_sources = 0
            when 'how scored documents were sampled and read'
                then imported.kind = 'document_scores'
            when 'z in the imported files' then imported.kind = 'document_scores'
            else true
        end
),

uncompared as (
    {% for mart in compared %}
        select
            studies.study,
            '{{ mart }}' as mart,
            '*' as column_name,
            'needs a second method; the study has one' as reason
        from {{ ref('stg_studies') }} as studies
        cross join alone
        where alone.is_alone
        {{ "union all" if not loop.last }}
    {% endfor %}
),

absent as (
    {% for fact, stage in stages.items() %}
        {% for mart in stage.marts %}
            select
                '{{ mart }}' as mart,
                '{{ stage.reason }}' as reason
            where not exists (select 1 from {{ source('lake', fact) }})
            {{ "union all" if not loop.last }}
        {% endfor %}
        {{ "union all" if not loop.last }}
    {% endfor %}
),

forgotten as (
    select count(distinct method) as n_methods
    from {{ source('lake', 'region_rules') }}
),

marts_without_rows as (
    select mart
    from lacking
    where column_name = '*'
)

select
    study,
    mart,
    column_name,
    'needs ' || needs || '; ' || known as reason
from lacking
-- Of a mart without rows the mart is listed, not its columns.
where
    (column_name = '*' or mart not in (select marts_without_rows.mart from marts_without_rows))
    and mart not in (select uncompared.mart from uncompared)
union all
select
    study,
    mart,
    column_name,
    reason
from uncompared
union all
select
    studies.study,
    'unlearning_methods' as mart,
    '*' as column_name,
    'needs a second method under unlearning.methods; regions of one are forgotten' as reason
from {{ ref('stg_studies') }} as studies
cross join forgotten
where forgotten.n_methods = 1
union all
-- A mart that compares two stages may lack either.
select
    studies.study,
    absent.mart,
    '*' as column_name,
    min(absent.reason) as reason
from {{ ref('stg_studies') }} as studies
cross join absent
group by studies.study, absent.mart
union all
select
    imported.study,
    untold.mart,
    untold.column_name,
    'was not told when the study was imported (--design)' as reason
from untold
cross join imported
