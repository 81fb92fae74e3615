{#- Values outside [low, high] or not finite; nulls are allowed here. -#}
{% test between(model, column_name, low=none, high=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        {{ column_name }} is not null
        and not (
            {{ column_name }} >= {{ low if low is not none else "-1e308" }}
            and {{ column_name }} <= {{ high if high is not none else "1e308" }}
        )
{% endtest %}
