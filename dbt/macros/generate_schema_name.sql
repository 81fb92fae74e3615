{# A schema is called exactly what its folder says: analysts write marts.bin_influence. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
