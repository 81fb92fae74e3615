with answers as (
    select
        benchmark,
        cast(sum(case when is_correct then 1 else 0 end) as bigint) as n_items_correct,
        cast(sum(case when is_correct then 0 else 1 end) as bigint) as n_items_incorrect
    from {{ ref('stg_item_predictions') }}
    group by benchmark
)

select
    studies.study,
    statistics.model,
    statistics.method,
    statistics.benchmark,
    statistics.level,
    regions.region,
    regions.topic,
    regions.format,
    statistics.n_bins,
    statistics.n_documents,
    answers.n_items_correct,
    answers.n_items_incorrect,
    differences.z_correct,
    differences.z_incorrect,
    differences.delta_z,
    differences.delta_z_low,
    differences.delta_z_high,
    differences.delta_z_standard_error,
    differences.p_value,
    differences.q_value,
    case
        when differences.delta_z_low is not null then null
        when answers.n_items_correct is null then 'the study has no answers of the model'
        when answers.n_items_correct = 0 then 'no item was answered right'
        when answers.n_items_incorrect = 0 then 'no item was answered wrong'
        when statistics.n_documents = 0 then 'the region has no documents'
        when answers.n_items_correct < answers.n_items_incorrect
            then 'too few items were answered right for an interval'
        else 'too few items were answered wrong for an interval'
    end as unknown_reason
from {{ ref('int_region_statistics') }} as statistics
inner join {{ ref('int_regions') }} as regions
    on statistics.level = regions.level and statistics.region_id = regions.region_id
cross join {{ ref('stg_studies') }} as studies
left join answers on statistics.benchmark = answers.benchmark
left join {{ ref('int_correctness_differences') }} as differences
    on
        statistics.model = differences.model
        and statistics.method = differences.method
        and statistics.benchmark = differences.benchmark
        and statistics.level = differences.level
        and statistics.region_id = differences.region_id
where statistics.item_subset = 'all'
