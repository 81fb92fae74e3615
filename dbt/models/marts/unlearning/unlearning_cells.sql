{%- set keys = [
    'study', 'model', 'method', 'objective', 'benchmark', 'condition', 'region_kind', 'region',
    'evaluated_benchmark', 'relation', 'is_target', 'measure'
] -%}
{{ damage_summary(keys, counts=['n_runs as n_seeds']) }}
