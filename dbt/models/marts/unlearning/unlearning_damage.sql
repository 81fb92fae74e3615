with runs as (
    select
        study,
        model,
        method,
        objective,
        run_id,
        benchmark,
        condition,
        region_kind,
        region,
        set_number,
        seed,
        evaluated_benchmark,
        relation,
        is_target,
        measure,
        count(*) as n_items,
        avg(baseline) as baseline,
        avg(unlearned) as unlearned,
        avg(baseline - unlearned) as damage
    from {{ ref('int_unlearning_item_damage') }}
    group by
        study, model, method, objective, run_id, benchmark, condition, region_kind, region,
        set_number, seed, evaluated_benchmark, relation, is_target, measure
)

select
    runs.*,
    -- A share of something that is not positive has no meaning.
    case when runs.baseline > 0 then runs.unlearned / runs.baseline end as share_kept
from runs
