{#- What the errors of two methods' comparison are over, from columns of a relation: sources of
    items and documents, or documents alone. -#}
{% macro unit_of_pairs(relation) -%}
    case
        when {{ relation }}.n_clusters is null or {{ relation }}.n_clusters = 1 then 'documents'
        when {{ relation }}.n_clusters < {{ relation }}.n_shared_items then 'clusters'
        else 'items'
    end
{%- endmacro %}
