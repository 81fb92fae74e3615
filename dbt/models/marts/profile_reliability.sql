with kinds as (
    select 'items' as split_over
    union all
    select 'documents' as split_over
),

-- A bin of one document has no halves. Subsets of items are not halved.
halved as (
    select
        bins.model,
        bins.method,
        bins.benchmark,
        bins.item_subset,
        kinds.split_over,
        members.level,
        members.region_id,
        max(bins.n_items) as n_items,
        count(*) as n_bins,
        sum(case when kinds.split_over = 'items' or bins.n_documents > 1 then 1 else 0 end)
            as n_halved_bins
    from {{ ref('int_bin_statistics') }} as bins
    cross join kinds
    inner join {{ ref('int_region_bins') }} as members on bins.bin_id = members.bin_id
    where bins.n_documents > 0 and bins.item_subset = 'all'
    group by
        bins.model,
        bins.method,
        bins.benchmark,
        bins.item_subset,
        kinds.split_over,
        members.level,
        members.region_id
),

profiles as (
    select
        model,
        method,
        benchmark,
        item_subset,
        split_over,
        level,
        max(n_items) as n_items,
        cast(sum(case when n_halved_bins > 0 then 1 else 0 end) as bigint) as n_regions,
        cast(sum(n_halved_bins) as bigint) as n_bins,
        cast(sum(n_bins - n_halved_bins) as bigint) as n_bins_of_one_document
    from halved
    group by model, method, benchmark, item_subset, split_over, level
),

-- A correlation of -1 would mean no reliability at all, without a bound.
corrected as (
    select
        *,
        2 * pearson / nullif(1 + pearson, 0) as reliability
    from {{ ref('stg_split_half_correlations') }}
),

summaries as (
    select
        model,
        method,
        benchmark,
        item_subset,
        split_over,
        level,
        count(pearson) as n_splits,
        avg(pearson) as half_correlation,
        {{ quantile('reliability', 0.025) }} as reliability_low,
        {{ quantile('reliability', 0.975) }} as reliability_high
    from corrected
    group by model, method, benchmark, item_subset, split_over, level
)

select
    studies.study,
    profiles.model,
    profiles.method,
    profiles.benchmark,
    profiles.item_subset,
    profiles.split_over,
    profiles.level,
    profiles.n_items,
    profiles.n_regions,
    profiles.n_bins,
    profiles.n_bins_of_one_document,
    coalesce(summaries.n_splits, 0) as n_splits,
    summaries.half_correlation,
    2 * summaries.half_correlation / nullif(1 + summaries.half_correlation, 0) as reliability,
    summaries.reliability_low,
    summaries.reliability_high,
    case
        when summaries.half_correlation is not null then null
        when profiles.n_regions < 3 then 'fewer than three regions can be halved'
        when profiles.split_over = 'items' and profiles.n_items is null
            then 'the study has no scores of single items'
        when profiles.split_over = 'items' and profiles.n_items < 2 then 'fewer than two items'
        when summaries.n_splits = 0 then 'the halves give equal values everywhere'
        else 'the study has no scores to halve'
    end as unknown_reason
from profiles
cross join {{ ref('stg_studies') }} as studies
left join summaries
    on
        profiles.model = summaries.model
        and profiles.method = summaries.method
        and profiles.benchmark = summaries.benchmark
        and profiles.item_subset = summaries.item_subset
        and profiles.split_over = summaries.split_over
        and profiles.level = summaries.level
