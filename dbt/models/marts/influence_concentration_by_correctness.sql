-- What is negative counts as none: concentration asks where the support is.
with measured as (
    select
        model,
        method,
        benchmark,
        item_subset,
        bin_id,
        'mean' as measure,
        greatest(mean, 0) as amount
    from {{ ref('int_bin_statistics') }}
    where n_documents > 0
    union all
    select
        model,
        method,
        benchmark,
        item_subset,
        bin_id,
        'z' as measure,
        greatest(z, 0) as amount
    from {{ ref('int_bin_statistics') }}
    where z is not null
    union all
    select
        model,
        method,
        benchmark,
        item_subset,
        bin_id,
        'top_share' as measure,
        top_share as amount
    from {{ ref('int_bin_statistics') }}
    where top_share is not null
),

shares as (
    select
        model,
        method,
        benchmark,
        item_subset,
        measure,
        amount / nullif(
            sum(amount) over (partition by model, method, benchmark, item_subset, measure), 0
        ) as share,
        row_number() over (
            partition by model, method, benchmark, item_subset, measure order by amount desc, bin_id
        ) as descending_rank,
        count(*) over (partition by model, method, benchmark, item_subset, measure) as n_bins
    from measured
)

select
    studies.study,
    shares.model,
    shares.method,
    shares.benchmark,
    shares.item_subset,
    shares.measure,
    max(shares.n_bins) as n_bins,
    cast(sum(case when shares.share > 0 then 1 else 0 end) as bigint) as n_positive_bins,
    -- Gini = sum over ranks i from the smallest of (2 i - n - 1) share_i / n.
    sum((shares.n_bins + 1 - 2 * shares.descending_rank) * shares.share) / max(shares.n_bins)
        as gini,
    exp(-sum(case when shares.share > 0 then shares.share * ln(shares.share) end))
        as effective_bins,
    sum(case when shares.descending_rank <= 10 then shares.share end) as top_10_share,
    sum(case when shares.descending_rank <= 50 then shares.share end) as top_50_share,
    sum(case when shares.descending_rank <= 100 then shares.share end) as top_100_share
from shares
cross join {{ ref('stg_studies') }} as studies
group by
    studies.study,
    shares.model,
    shares.method,
    shares.benchmark,
    shares.item_subset,
    shares.measure
