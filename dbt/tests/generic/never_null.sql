{#- Columns with nulls, and in how many rows. One test a table, not one a column: dbt spends
    more on a test than the engine does. -#}
{% test never_null(model, columns) %}
    {% for column in columns %}
        select '{{ column }}' as column_name, count(*) as n_rows
        from {{ model }}
        where {{ column }} is null
        having count(*) > 0
        {% if not loop.last %} union all {% endif %}
    {% endfor %}
{% endtest %}
