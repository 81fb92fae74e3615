-- One family: all bins, topics or formats of one contrast.
with tested as (
    select * from {{ ref('int_contrasts') }}
)

{{ benjamini_hochberg('tested', ['model', 'method', 'contrast', 'item_subset', 'level']) }}
