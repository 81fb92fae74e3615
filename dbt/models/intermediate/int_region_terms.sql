-- Read once, by distinctive_terms: a view, so that millions of counts are not stored again.
{{ config(materialized='view') }}
with bins_of_regions as (
    select
        region_bins.level,
        region_bins.region_id,
        region_bins.bin_id,
        words.n_documents,
        words.n_words_kept
    from {{ ref('int_region_bins') }} as region_bins
    inner join {{ source('lake', 'bin_words') }} as words on region_bins.bin_id = words.bin_id
),

regions as (
    select
        level,
        region_id,
        sum(n_documents) as region_documents,
        sum(n_words_kept) as region_words
    from bins_of_regions
    group by level, region_id
    having sum(n_words_kept) > 0
),

levels as (
    select
        level,
        count(*) as n_regions,
        sum(region_words) as all_words
    from regions
    group by level
),

terms as (
    select
        term,
        sum(count) as all_count
    from {{ source('lake', 'bin_terms') }}
    group by term
),

counts as (
    select
        bins_of_regions.level,
        bins_of_regions.region_id,
        bin_terms.term,
        sum(bin_terms.n_documents) as n_documents,
        sum(bin_terms.count) as count
    from bins_of_regions
    inner join {{ source('lake', 'bin_terms') }} as bin_terms
        on bins_of_regions.bin_id = bin_terms.bin_id
    group by bins_of_regions.level, bins_of_regions.region_id, bin_terms.term
)

select
    counts.level,
    counts.region_id,
    counts.term,
    cast(counts.n_documents as bigint) as n_documents,
    cast(counts.count as bigint) as count,
    cast(terms.all_count as bigint) as all_count,
    cast(regions.region_documents as bigint) as region_documents,
    cast(regions.region_words as bigint) as region_words,
    cast(levels.all_words as bigint) as all_words,
    cast(levels.n_regions as bigint) as n_regions
from counts
inner join terms on counts.term = terms.term
inner join regions
    on counts.level = regions.level and counts.region_id = regions.region_id
inner join levels on counts.level = levels.level
