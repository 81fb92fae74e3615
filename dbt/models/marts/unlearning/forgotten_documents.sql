with methods as (
    select distinct method from {{ ref('stg_region_rules') }}
),

scores as (
    select influence.*
    from {{ ref('document_influence') }} as influence
    inner join methods on influence.method = methods.method
)

select
    studies.study,
    plan.run_id,
    plan.benchmark,
    plan.condition,
    plan.region,
    plan.seed,
    members.doc_id,
    members.bin_id,
    scores.topic,
    scores.format,
    members.influence_rank,
    scores.score
from {{ ref('stg_forget_sets') }} as members
inner join {{ ref('stg_unlearning_plan') }} as plan on members.run_id = plan.run_id
cross join {{ ref('stg_studies') }} as studies
left join scores
    on
        members.doc_id = scores.doc_id
        and plan.benchmark = scores.benchmark
