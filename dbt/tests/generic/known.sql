{#- Nulls that the mart unknowns does not explain. -#}
{% test known(model, column_name) %}
    select {{ column_name }}
    from {{ model }}
    where
        {{ column_name }} is null
        and not exists (
            select 1
            from {{ ref('unknowns') }} as unknowns
            where unknowns.mart = '{{ model.identifier }}'
            and unknowns.column_name = '{{ column_name }}'
        )
{% endtest %}
