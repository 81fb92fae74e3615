-- In the scores' own unit; int_region_tests shrinks z.
with estimates as (
    select
        statistics.model,
        statistics.method,
        statistics.benchmark,
        statistics.item_subset,
        statistics.bin_id,
        statistics.mean,
        inference.standard_error
    from {{ ref('int_bin_statistics') }} as statistics
    inner join {{ ref('stg_region_inference') }} as inference
        on
            statistics.model = inference.model
            and statistics.method = inference.method
            and statistics.benchmark = inference.benchmark
            and statistics.item_subset = inference.item_subset
            and inference.level = 'bin'
            and statistics.bin_id = inference.region_id
),

shrunken as (
    {{ empirical_bayes(
        'estimates', ['model', 'method', 'benchmark', 'item_subset'],
        'mean', 'standard_error', 'shrunken_mean'
    ) }}
)

select
    model,
    method,
    benchmark,
    item_subset,
    bin_id,
    tau_squared,
    shrunken_mean
from shrunken
