select
    studies.study,
    plan.model,
    plan.method,
    plan.objective,
    plan.run_id,
    plan.benchmark,
    plan.condition,
    plan.region,
    plan.set_number,
    plan.seed,
    members.doc_id,
    members.bin_id,
    scores.topic,
    scores.format,
    members.influence_rank,
    scores.score
from {{ source('lake', 'forget_sets') }} as members
inner join {{ ref('stg_unlearning_plan') }} as plan on members.run_id = plan.run_id
cross join {{ ref('stg_studies') }} as studies
left join {{ ref('document_influence') }} as scores
    on
        members.doc_id = scores.doc_id
        and plan.model = scores.model
        and plan.method = scores.method
        and plan.benchmark = scores.benchmark
