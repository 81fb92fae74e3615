{#- A source, named `facts`, whose files may be absent: then no rows of the same columns.

    `columns` maps each name to its SQL type. The source is named either way, so that lineage
    shows it. -#}
{% macro optional_source(name, pattern, columns) -%}
    {%- set relation = source('lake', name) -%}
    {%- if execute and count_files(pattern) == 0 -%}
        (
            select
                {%- for column, type in columns.items() %}
                cast(null as {{ type }}) as {{ column }}{{ "," if not loop.last }}
                {%- endfor %}
            where 1 = 0
        ) as facts
    {%- else -%}
        {{ relation }} as facts
    {%- endif -%}
{%- endmacro %}

{#- Absolute folder of a study's facts. -#}
{% macro lake_folder() -%} {{ return(env_var('INFLUENCE_LAKE', 'lake')) }} {%- endmacro %}

{#- Absolute folder of a study's run records. -#}
{% macro records_folder() -%} {{ return(env_var('INFLUENCE_RECORDS', 'records')) }} {%- endmacro %}
