-- Regions that a method tells from the average of all documents, by itself and with the other.
with told as (
    select
        model,
        method,
        benchmark,
        level,
        region_id,
        case
            when support_q_value < 0.05 then 1
            when support_q_value is not null then 0
        end as is_told
    from {{ ref('int_region_tests') }}
    where item_subset = 'all'
),

told_by_both as (
    select
        first_method.model,
        first_method.benchmark,
        first_method.level,
        first_method.method as method_a,
        second_method.method as method_b,
        sum(first_method.is_told) as n_told_apart_a,
        sum(second_method.is_told) as n_told_apart_b,
        sum(first_method.is_told * second_method.is_told) as n_told_apart_both
    from told as first_method
    inner join told as second_method
        on
            first_method.model = second_method.model
            and first_method.benchmark = second_method.benchmark
            and first_method.level = second_method.level
            and first_method.region_id = second_method.region_id
    group by
        first_method.model,
        first_method.benchmark,
        first_method.level,
        first_method.method,
        second_method.method
)

select
    studies.study,
    agreement.model,
    agreement.benchmark,
    agreement.level,
    agreement.method_a,
    agreement.method_b,
    agreement.n_regions,
    agreement.n_shared_items,
    agreement.n_clusters,
    case
        when agreement.level = 'document' then 'documents' else {{ unit_of_pairs('agreement') }}
    end as unit,
    agreement.spearman,
    agreement.spearman_low,
    agreement.spearman_high,
    agreement.signal_share_a,
    agreement.signal_share_b,
    cast(told_by_both.n_told_apart_a as bigint) as n_told_apart_a,
    cast(told_by_both.n_told_apart_b as bigint) as n_told_apart_b,
    cast(told_by_both.n_told_apart_both as bigint) as n_told_apart_both,
    agreement.n_strongest,
    agreement.overlap,
    agreement.overlap_low,
    agreement.overlap_high,
    agreement.overlap_by_chance
from {{ ref('stg_agreement_inference') }} as agreement
cross join {{ ref('stg_studies') }} as studies
left join told_by_both
    on
        agreement.model = told_by_both.model
        and agreement.benchmark = told_by_both.benchmark
        and agreement.level = told_by_both.level
        and agreement.method_a = told_by_both.method_a
        and agreement.method_b = told_by_both.method_b
