{%- set keys = [
    'study', 'method', 'objective', 'run_id', 'benchmark', 'condition', 'region_kind', 'region',
    'seed', 'evaluated_benchmark', 'relation', 'is_target', 'measure'
] -%}
select
    study,
    method,
    objective,
    run_id,
    benchmark,
    condition,
    region_kind,
    region,
    seed,
    evaluated_benchmark,
    relation,
    is_target,
    measure,
    n_items,
    baseline,
    unlearned,
    damage,
    standard_error,
    damage_low,
    damage_high,
    share_kept
from ({{ damage_summary(keys) }}) as summary
