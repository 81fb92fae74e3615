with totals as (
    select
        model,
        method,
        benchmark,
        item_subset,
        bin_id,
        cast(max(n_documents) as bigint) as n_documents,
        count(*) as n_items,
        cast(sum(n_in_top_k) as bigint) as n_in_top_k,
        sum(score_sum) / (count(*) * max(n_documents)) as mean
    from {{ ref('stg_bin_item_scores') }}
    where n_documents > 0
    group by model, method, benchmark, item_subset, bin_id
    union all
    -- Imported means: what only items can tell stays null.
    select
        model,
        method,
        benchmark,
        'all' as item_subset,
        bin_id,
        n_documents,
        cast(null as bigint) as n_items,
        cast(null as bigint) as n_in_top_k,
        mean
    from {{ source('lake', 'bin_scores') }}
),

profiles as (
    select
        model,
        method,
        benchmark,
        item_subset,
        max(n_items) as n_items,
        cast(sum(n_documents) as bigint) as n_documents,
        cast(sum(n_in_top_k) as bigint) as n_in_top_k
    from totals
    group by model, method, benchmark, item_subset
),

-- Empty bins are rows: what was not sampled must be seen as such.
all_bins as (
    select
        profiles.model,
        profiles.method,
        profiles.benchmark,
        profiles.item_subset,
        bins.bin_id,
        bins.topic,
        bins.format,
        bins.population_documents,
        bins.stratum,
        coalesce(totals.n_documents, 0) as n_documents,
        profiles.n_items,
        case
            when profiles.n_in_top_k is not null then coalesce(totals.n_in_top_k, 0)
        end as n_in_top_k,
        totals.mean,
        {{ ratio('totals.n_in_top_k', 'profiles.n_in_top_k') }} as top_share,
        {{ ratio('totals.n_documents', 'profiles.n_documents') }} as document_share
    from profiles
    cross join {{ source('lake', 'bin_populations') }} as bins
    left join totals
        on
            profiles.model = totals.model
            and profiles.method = totals.method
            and profiles.benchmark = totals.benchmark
            and profiles.item_subset = totals.item_subset
            and bins.bin_id = totals.bin_id
)

select
    *,
    {{ ratio('top_share', 'document_share') }} as enrichment,
    (mean - avg(mean) over (partition by model, method, benchmark, item_subset))
    / nullif(stddev_samp(mean) over (partition by model, method, benchmark, item_subset), 0) as z
from all_bins
