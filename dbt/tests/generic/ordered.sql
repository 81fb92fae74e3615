{#- Rows where the low column exceeds the high one. -#}
{% test ordered(model, low, high) %}
    select {{ low }}, {{ high }}
    from {{ model }}
    where {{ low }} > {{ high }}
{% endtest %}
