{%- set keys = [
    'study', 'model', 'method', 'objective', 'run_id', 'benchmark', 'condition', 'region_kind', 'region',
    'seed', 'evaluated_benchmark', 'relation', 'is_target', 'measure'
] -%}
{{ damage_summary(keys) }}
