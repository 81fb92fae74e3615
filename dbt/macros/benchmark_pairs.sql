{#- Each pair of benchmarks once, in the study's order, with their z in rows that share `keys`.

    Rows where either z is null are left out. -#}
{% macro benchmark_pairs(relation, keys) -%}
    select
        {%- for key in keys %}
        a.{{ key }},
        {%- endfor %}
        a.benchmark as benchmark_a,
        b.benchmark as benchmark_b,
        a.z as z_a,
        b.z as z_b
    from {{ relation }} as a
    inner join {{ relation }} as b
        on
            {%- for key in keys %}
            {{ "and " if not loop.first }}a.{{ key }} = b.{{ key }}
            {%- endfor %}
    inner join {{ source('lake', 'study_benchmarks') }} as first_benchmark
        on a.benchmark = first_benchmark.benchmark
    inner join {{ source('lake', 'study_benchmarks') }} as second_benchmark
        on b.benchmark = second_benchmark.benchmark
    where
        first_benchmark.position < second_benchmark.position
        and a.z is not null
        and b.z is not null
{%- endmacro %}
