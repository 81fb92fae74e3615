{{ config(meta={'dagster': {'ref': {'name': 'method_quality'}}}) }}
-- A control whose scores are noise has an LDS of 0 within its error, or grades mean nothing here.
-- Where it has none, one study in a thousand fails (Bonferroni over its tests), or a few: jackknife
-- errors of few subsets may be too small. An LDS within 0.15 of 0 passes.
with controls as (
    select
        quality.*,
        count(quality.p_value) over () as n_tests
    from {{ ref('method_quality') }} as quality
    inner join {{ source('lake', 'study_methods') }} as methods
        on quality.model = methods.model and quality.method = methods.method
    where methods.kind = 'random'
)

select
    model,
    method,
    benchmark,
    design,
    unit,
    outcome,
    n_subsets,
    lds,
    lds_standard_error,
    p_value
from controls
-- Without a p-value the LDS is the same whatever subset is left out.
where abs(lds) > 0.15 and coalesce(p_value, 0) * n_tests < 0.001
