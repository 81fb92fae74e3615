{#- Columns with nulls that the mart unknowns does not explain, and in how many rows. -#}
{% test known(model, columns) %}
    {% for column in columns %}
        select '{{ column }}' as column_name, count(*) as n_rows
        from {{ model }}
        where
            {{ column }} is null
            and not exists (
                select 1
                from {{ ref('unknowns') }} as unknowns
                where unknowns.mart = '{{ model.identifier }}'
                and unknowns.column_name = '{{ column }}'
            )
        having count(*) > 0
        {% if not loop.last %} union all {% endif %}
    {% endfor %}
{% endtest %}
