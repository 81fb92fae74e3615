{%- set kept = 20 -%}
{#- A region's prior is its level's average region: all counts over the number of regions. -#}
with prior as (
    select
        *,
        all_count - count as count_elsewhere,
        {{ ratio('all_count', 'n_regions') }} as prior_count,
        {{ ratio('all_words', 'n_regions') }} as prior_words
    from {{ ref('int_region_terms') }}
    -- One document's favourite word is not the region's.
    where n_documents >= 2 and 20 * n_documents >= region_documents
),

odds as (
    select
        *,
        {{ ratio(
            'count + prior_count',
            'region_words + prior_words - count - prior_count'
        ) }} as odds_here,
        {{ ratio(
            'count_elsewhere + prior_count',
            'all_words - region_words + prior_words - count_elsewhere - prior_count'
        ) }} as odds_elsewhere,
        1 / (count + prior_count) + 1 / (count_elsewhere + prior_count) as variance
    from prior
),

scored as (
    select
        *,
        ln(odds_here / odds_elsewhere) as log_odds,
        ln(odds_here / odds_elsewhere) / sqrt(variance) as z_score
    from odds
),

ranked as (
    select
        *,
        row_number() over (
            partition by level, region_id order by z_score desc, term
        ) as rank
    from scored
    where z_score > 0
)

select
    studies.study,
    ranked.level,
    regions.topic,
    regions.format,
    regions.region,
    ranked.rank,
    ranked.term,
    ranked.n_documents,
    ranked.region_documents,
    ranked.count,
    ranked.count_elsewhere,
    ranked.log_odds,
    ranked.z_score
from ranked
inner join {{ ref('int_regions') }} as regions
    on ranked.level = regions.level and ranked.region_id = regions.region_id
cross join {{ ref('stg_studies') }} as studies
where ranked.rank <= {{ kept }}
