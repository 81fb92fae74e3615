{#- Pairs of columns of which the first exceeds the second, and in how many rows. -#}
{% test ordered(model, pairs) %}
    {% for low, high in pairs %}
        select '{{ low }} > {{ high }}' as columns_in_order, count(*) as n_rows
        from {{ model }}
        where {{ low }} > {{ high }}
        having count(*) > 0
        {% if not loop.last %} union all {% endif %}
    {% endfor %}
{% endtest %}
