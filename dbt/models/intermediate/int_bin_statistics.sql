-- Mean squared score of each item over all documents.
with second_moments as (
    select
        model,
        method,
        benchmark,
        item_subset,
        item_id,
        {{ ratio('sum(score_sum_sq)', 'sum(n_documents)') }} as second_moment
    from {{ ref('stg_bin_item_scores') }}
    group by model, method, benchmark, item_subset, item_id
),

totals as (
    select
        scores.model,
        scores.method,
        scores.benchmark,
        scores.item_subset,
        scores.bin_id,
        cast(max(scores.n_documents) as bigint) as n_documents,
        count(*) as n_items,
        cast(sum(scores.n_in_top_k) as bigint) as n_in_top_k,
        sum(scores.score_sum) / (count(*) * max(scores.n_documents)) as mean,
        -- An item whose scores are all 0 finds no support anywhere.
        avg(
            coalesce(
                {{ ratio(
                    'scores.positive_sum_sq', 'scores.n_documents * second_moments.second_moment'
                ) }},
                0
            )
        ) as support
    from {{ ref('stg_bin_item_scores') }} as scores
    inner join second_moments
        on
            scores.model = second_moments.model
            and scores.method = second_moments.method
            and scores.benchmark = second_moments.benchmark
            and scores.item_subset = second_moments.item_subset
            and scores.item_id = second_moments.item_id
    where scores.n_documents > 0
    group by
        scores.model, scores.method, scores.benchmark, scores.item_subset, scores.bin_id
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
        mean,
        cast(null as double precision) as support
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
        totals.support,
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
    mean * n_documents as score_sum,
    {{ ratio(
        'sum(support * n_documents) over '
        ~ '(partition by model, method, benchmark, item_subset)',
        'sum(case when support is not null then n_documents end) over '
        ~ '(partition by model, method, benchmark, item_subset)'
    ) }} as benchmark_support,
    {{ ratio('top_share', 'document_share') }} as enrichment,
    (mean - avg(mean) over (partition by model, method, benchmark, item_subset))
    / nullif(stddev_samp(mean) over (partition by model, method, benchmark, item_subset), 0) as z
from all_bins
