with spreads as (
    select
        model,
        method,
        benchmark,
        item_subset,
        stddev_samp(mean) as spread
    from {{ ref('int_bin_statistics') }}
    group by model, method, benchmark, item_subset
)

select
    subsets.model,
    subsets.method,
    subsets.benchmark,
    subsets.item_subset,
    {{ ratio('subsets.spread', 'whole.spread') }} as scale
from spreads as subsets
inner join spreads as whole
    on
        subsets.model = whole.model
        and subsets.method = whole.method
        and subsets.benchmark = whole.benchmark
        and whole.item_subset = 'all'
where subsets.item_subset != 'all'
