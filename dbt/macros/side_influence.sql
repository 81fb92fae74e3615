{#- Influence of every `topic` or `format`: of the two sides of a bin alike. -#}
{% macro side_influence(side) -%}
select
    studies.study,
    statistics.model,
    statistics.method,
    statistics.benchmark,
    statistics.item_subset,
    regions.{{ side }},
    statistics.n_bins,
    statistics.n_documents,
    statistics.population_documents,
    statistics.n_items,
    {{ support_columns('statistics', 'regions.' ~ side) }},
    statistics.mean,
    statistics.score_sum,
    statistics.z,
    intervals.z_low,
    intervals.z_high,
    intervals.z_standard_error,
    intervals.signal_z,
    intervals.signal_z_low,
    intervals.signal_z_high,
    intervals.shrunken_z,
    case
        when statistics.z is not null then row_number() over (
            partition by
                statistics.model,
                statistics.method,
                statistics.benchmark,
                statistics.item_subset
            order by statistics.z desc nulls last, regions.{{ side }}
        )
    end as z_rank,
    statistics.z_document_weighted,
    statistics.z_population_weighted,
    statistics.top_share,
    {{ enrichment_columns('statistics') }},
    intervals.p_value,
    intervals.q_value,
    reliabilities.reliability as item_reliability,
    reliabilities.reliability < 0 as is_z_doubtful
from {{ ref('int_region_statistics') }} as statistics
inner join {{ ref('int_regions') }} as regions
    on statistics.level = regions.level and statistics.region_id = regions.region_id
cross join {{ ref('stg_studies') }} as studies
left join {{ ref('int_region_tests') }} as intervals
    on
        statistics.model = intervals.model
        and statistics.method = intervals.method
        and statistics.benchmark = intervals.benchmark
        and statistics.item_subset = intervals.item_subset
        and statistics.level = intervals.level
        and statistics.region_id = intervals.region_id
left join {{ ref('profile_reliability') }} as reliabilities
    on
        statistics.model = reliabilities.model
        and statistics.method = reliabilities.method
        and statistics.benchmark = reliabilities.benchmark
        and statistics.item_subset = reliabilities.item_subset
        and reliabilities.split_over = 'items'
        and reliabilities.level = '{{ side }}'
where statistics.level = '{{ side }}'
{%- endmacro %}
