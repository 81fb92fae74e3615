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
),

figures as (
    select
        model,
        method,
        benchmark,
        item_subset,
        measure,
        max(n_bins) as n_bins,
        cast(sum(case when share > 0 then 1 else 0 end) as bigint) as n_positive_bins,
        -- Gini = sum over ranks i from the smallest of (2 i - n - 1) share_i / n.
        sum((n_bins + 1 - 2 * descending_rank) * share) / max(n_bins) as gini,
        exp(-sum(case when share > 0 then share * ln(share) end)) as effective_bins,
        sum(case when descending_rank <= 10 then share end) as top_10_share,
        sum(case when descending_rank <= 50 then share end) as top_50_share,
        sum(case when descending_rank <= 100 then share end) as top_100_share
    from shares
    group by model, method, benchmark, item_subset, measure
)

select
    studies.study,
    figures.model,
    figures.method,
    figures.benchmark,
    figures.item_subset,
    figures.measure,
    figures.n_bins,
    figures.n_positive_bins,
    figures.gini,
    figures.effective_bins,
    figures.top_10_share,
    figures.top_50_share,
    figures.top_100_share,
    noise.gini_of_noise,
    noise.gini_of_noise_low,
    noise.gini_of_noise_high,
    noise.effective_bins_of_noise,
    noise.effective_bins_of_noise_low,
    noise.effective_bins_of_noise_high,
    noise.top_10_share_of_noise,
    noise.top_10_share_of_noise_low,
    noise.top_10_share_of_noise_high,
    noise.top_50_share_of_noise,
    noise.top_50_share_of_noise_low,
    noise.top_50_share_of_noise_high,
    noise.top_100_share_of_noise,
    noise.top_100_share_of_noise_low,
    noise.top_100_share_of_noise_high,
    case
        when noise.gini_of_noise is not null then null
        when figures.item_subset != 'all'
            then 'needs scores of single documents for these items alone; means over all are kept'
        when noise.measure is null then 'needs scores of single documents'
        else 'noise makes no bin positive'
    end as noise_unknown_reason
from figures
cross join {{ ref('stg_studies') }} as studies
left join {{ ref('stg_concentration_noise') }} as noise
    on
        figures.item_subset = 'all'
        and figures.model = noise.model
        and figures.method = noise.method
        and figures.benchmark = noise.benchmark
        and figures.measure = noise.measure
