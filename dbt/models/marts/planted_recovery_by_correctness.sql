-- The only model that reads the truth: it grades, nothing chooses by it.
with truth as (
    select * from {{ source('lake', 'planted_truth') }}
),

measures as (
    select 'support' as measure
    union all
    select 'enrichment' as measure
    union all
    select 'z' as measure
),

planted_topics as (
    select distinct
        benchmark,
        topic
    from truth
),

topic_values as (
    select
        topics.model,
        topics.method,
        topics.benchmark,
        topics.item_subset,
        topics.topic,
        measures.measure,
        -- Equal shares tie, in whatever order an engine adds them up.
        case measures.measure
            when 'support' then round(topics.support, 12)
            when 'enrichment' then round(topics.enrichment, 12)
            else topics.z
        end as amount,
        case measures.measure
            when 'support' then topics.support_q_value
            when 'enrichment' then topics.enrichment_q_value
            else topics.q_value
        end as q_value,
        case measures.measure
            when 'support' then topics.support - topics.benchmark_support
            when 'enrichment' then topics.enrichment - 1
            else topics.z
        end as above_average
    from {{ ref('topic_influence_by_correctness') }} as topics
    cross join measures
),

topic_ranks as (
    select
        topics.*,
        {{ average_rank(
            '-amount',
            ['model', 'method', 'topics.benchmark', 'item_subset', 'measure']
        ) }}
            as topic_rank,
        count(*) over (
            partition by
                topics.model,
                topics.method,
                topics.benchmark,
                topics.item_subset,
                topics.measure
        ) as n_topics,
        case when planted.topic is null then 0 else 1 end as is_planted,
        case
            when topics.q_value < 0.05 and topics.above_average > 0 then 1
            when topics.q_value is not null then 0
        end as is_significant
    from topic_values as topics
    left join planted_topics as planted
        on topics.benchmark = planted.benchmark and topics.topic = planted.topic
    where topics.amount is not null
),

topic_totals as (
    select
        model,
        method,
        benchmark,
        item_subset,
        measure,
        max(n_topics) as n_topics,
        cast(sum(is_planted) as bigint) as n_planted_topics,
        cast(sum(is_planted * is_significant) as bigint) as n_significant,
        cast(sum((1 - is_planted) * is_significant) as bigint) as n_false,
        avg(case when is_planted = 1 then topic_rank end) as mean_rank
    from topic_ranks
    group by model, method, benchmark, item_subset, measure
),

topics_found as (
    select
        ranks.model,
        ranks.method,
        ranks.benchmark,
        ranks.item_subset,
        ranks.measure,
        count(*) as n_found
    from topic_ranks as ranks
    inner join topic_totals as totals
        on
            ranks.model = totals.model
            and ranks.method = totals.method
            and ranks.benchmark = totals.benchmark
            and ranks.item_subset = totals.item_subset
            and ranks.measure = totals.measure
    where ranks.is_planted = 1 and ranks.topic_rank <= totals.n_planted_topics
    group by ranks.model, ranks.method, ranks.benchmark, ranks.item_subset, ranks.measure
),

bin_values as (
    select
        bins.model,
        bins.method,
        bins.benchmark,
        bins.item_subset,
        bins.bin_id,
        measures.measure,
        case measures.measure
            when 'support' then round(bins.support, 12)
            when 'enrichment' then round(bins.enrichment, 12)
            else bins.z
        end as amount
    from {{ ref('bin_influence_by_correctness') }} as bins
    cross join measures
),

planted_bins as (
    select distinct bin_id from truth
),

labelled_bins as (
    select
        bins.*,
        case when own.bin_id is null then 0 else 1 end as is_planted,
        case when other.bin_id is null then 0 else 1 end as is_planted_for_any
    from bin_values as bins
    left join truth as own on bins.benchmark = own.benchmark and bins.bin_id = own.bin_id
    left join planted_bins as other on bins.bin_id = other.bin_id
    where bins.amount is not null
),

bin_ranks as (
    select
        labelled_bins.*,
        {{ average_rank('amount', ['model', 'method', 'benchmark', 'item_subset', 'measure']) }}
            as rank_among_all,
        {{ average_rank(
            'amount', ['model', 'method', 'benchmark', 'item_subset', 'measure', 'is_planted_for_any']
        ) }} as rank_among_planted
    from labelled_bins
),

bin_totals as (
    select
        model,
        method,
        benchmark,
        item_subset,
        measure,
        cast(sum(is_planted) as double precision) as n_planted_bins,
        cast(sum(1 - is_planted) as double precision) as n_other_bins,
        cast(sum(is_planted_for_any - is_planted) as double precision) as n_planted_elsewhere,
        sum(is_planted * rank_among_all) as rank_sum,
        sum(is_planted * rank_among_planted) as rank_sum_among_planted
    from bin_ranks
    group by model, method, benchmark, item_subset, measure
)

select
    studies.study,
    topics.model,
    topics.method,
    topics.benchmark,
    topics.item_subset,
    topics.measure,
    topics.n_topics,
    topics.n_planted_topics,
    coalesce(found.n_found, 0) as n_planted_topics_found,
    {{ ratio('topics.n_planted_topics * topics.n_planted_topics', 'topics.n_topics') }}
        as n_found_by_chance,
    topics.n_significant,
    topics.n_false,
    cast(topics.mean_rank as double precision) as mean_rank,
    (topics.n_planted_topics + 1) / 2.0e0 as best_mean_rank,
    (topics.n_topics + 1) / 2.0e0 as chance_mean_rank,
    cast(bins.n_planted_bins as bigint) as n_planted_bins,
    -- Mann and Whitney's U over the number of pairs.
    {{ ratio(
        '(bins.rank_sum - bins.n_planted_bins * (bins.n_planted_bins + 1) / 2)',
        '(bins.n_planted_bins * bins.n_other_bins)'
    ) }} as auc,
    {{ ratio(
        '(bins.rank_sum_among_planted - bins.n_planted_bins * (bins.n_planted_bins + 1) / 2)',
        '(bins.n_planted_bins * bins.n_planted_elsewhere)'
    ) }} as auc_among_planted,
    0.5e0 as chance_auc
from topic_totals as topics
inner join bin_totals as bins
    on
        topics.model = bins.model
        and topics.method = bins.method
        and topics.benchmark = bins.benchmark
        and topics.item_subset = bins.item_subset
        and topics.measure = bins.measure
left join topics_found as found
    on
        topics.model = found.model
        and topics.method = found.method
        and topics.benchmark = found.benchmark
        and topics.item_subset = found.item_subset
        and topics.measure = found.measure
cross join {{ ref('stg_studies') }} as studies
where topics.n_planted_topics > 0
