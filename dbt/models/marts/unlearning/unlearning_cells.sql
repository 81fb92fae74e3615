{%- set keys = [
    'study', 'method', 'objective', 'benchmark', 'condition', 'region_kind', 'region',
    'evaluated_benchmark', 'relation', 'is_target', 'measure'
] -%}
select
    study,
    method,
    objective,
    benchmark,
    condition,
    region_kind,
    region,
    evaluated_benchmark,
    relation,
    is_target,
    measure,
    n_runs as n_seeds,
    n_items,
    baseline,
    unlearned,
    damage,
    standard_error,
    damage_low,
    damage_high,
    share_kept
from ({{ damage_summary(keys) }}) as summary
