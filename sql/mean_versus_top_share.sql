-- question: Where do the two measures, mean score and share of top documents, disagree?
-- grain: one row per model, method, benchmark and topic whose ranks differ by ten or more
-- reads: topic_influence
with ranked as (
    select
        model,
        method,
        benchmark,
        topic,
        z_rank,
        row_number() over (
            partition by model, method, benchmark order by enrichment desc nulls last, topic
        ) as enrichment_rank,
        z,
        enrichment
    from topic_influence
    where z is not null and enrichment is not null
)

select
    model,
    method,
    benchmark,
    topic,
    z_rank,
    enrichment_rank,
    round(z, 2) as z,
    round(enrichment, 2) as enrichment
from ranked
where abs(z_rank - enrichment_rank) >= 10
order by model, method, benchmark, abs(z_rank - enrichment_rank) desc, topic
