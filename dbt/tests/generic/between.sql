{#- Columns with values outside their bounds or not finite, and in how many rows; nulls are
    allowed here. A bound that is not named is no bound. -#}
{% test between(model, bounds) %}
    {% for column, of_column in bounds.items() %}
        select '{{ column }}' as column_name, count(*) as n_rows
        from {{ model }}
        where
            {{ column }} is not null
            and not (
                {{ column }} >= {{ of_column.get("low", "-1e308") }}
                and {{ column }} <= {{ of_column.get("high", "1e308") }}
            )
        having count(*) > 0
        {% if not loop.last %} union all {% endif %}
    {% endfor %}
{% endtest %}
