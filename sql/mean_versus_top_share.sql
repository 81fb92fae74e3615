-- question: Where do the mean score and what stands above 0 rank topics differently?
-- grain: one row per model, method, benchmark and topic whose ranks differ by ten or more
-- reads: topic_influence
with ranked as (
    select
        *,
        row_number() over (
            partition by model, method, benchmark order by support desc nulls last, topic
        ) as place_by_support,
        row_number() over (
            partition by model, method, benchmark order by enrichment desc nulls last, topic
        ) as place_by_enrichment
    from topic_influence
    where z is not null and support is not null
)

select
    model,
    method,
    benchmark,
    topic,
    z_rank,
    place_by_support,
    place_by_enrichment,
    round(z, 2) as z,
    round(support, 3) as support,
    round(enrichment, 2) as enrichment,
    round(item_reliability, 2) as item_reliability
from ranked
where abs(z_rank - place_by_support) >= 10
order by model, method, benchmark, abs(z_rank - place_by_support) desc, topic
