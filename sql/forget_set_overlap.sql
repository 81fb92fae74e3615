-- question: How much of what was drawn at random ranks first as well?
-- grain: one row per benchmark and region
-- reads: forgotten_documents
with influential as (
    select distinct
        benchmark,
        region,
        doc_id
    from forgotten_documents
    where condition = 'influence_in_topic'
)

select
    drawn.benchmark,
    drawn.region,
    count(distinct drawn.run_id) as n_random_runs,
    round(count(influential.doc_id) / count(*), 3) as share_also_ranked_first
from forgotten_documents as drawn
left join influential
    on
        drawn.benchmark = influential.benchmark
        and drawn.region = influential.region
        and drawn.doc_id = influential.doc_id
where drawn.condition = 'random_in_topic'
group by drawn.benchmark, drawn.region
order by drawn.benchmark, drawn.region
