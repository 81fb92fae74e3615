{%- set keys = [
    'study', 'method', 'objective', 'benchmark', 'condition', 'evaluated_benchmark', 'relation',
    'is_target', 'measure'
] -%}
select
    study,
    method,
    objective,
    benchmark,
    condition,
    evaluated_benchmark,
    relation,
    is_target,
    measure,
    n_runs,
    n_regions,
    n_items,
    baseline,
    unlearned,
    damage,
    standard_error,
    damage_low,
    damage_high,
    share_kept
from ({{ damage_summary(keys) }}) as summary
