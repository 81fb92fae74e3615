-- In the scores' own unit; int_region_tests shrinks z.
with estimates as (
    select
        statistics.model,
        statistics.method,
        statistics.benchmark,
        statistics.item_subset,
        statistics.bin_id,
        statistics.mean,
        errors.standard_error
    from {{ ref('int_bin_statistics') }} as statistics
    inner join {{ ref('int_bin_mean_errors') }} as errors
        on
            statistics.model = errors.model
            and statistics.method = errors.method
            and statistics.benchmark = errors.benchmark
            and statistics.item_subset = errors.item_subset
            and statistics.bin_id = errors.bin_id
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
    standard_error,
    tau_squared,
    shrunken_mean
from shrunken
