{%- set keys = [
    'study', 'model', 'method', 'objective', 'benchmark', 'condition', 'evaluated_benchmark', 'relation',
    'is_target', 'measure'
] -%}
{{ damage_summary(keys, counts=['n_runs', 'n_regions']) }}
