{#- What differs between SQL engines stands here, behind adapter.dispatch; models are ANSI. -#}

{#- Quantile by linear interpolation between order statistics (type 7). -#}
{% macro quantile(column, probability) -%}
    {{ adapter.dispatch('quantile')(column, probability) }}
{%- endmacro %}

{% macro default__quantile(column, probability) -%}
    percentile_cont({{ probability }}) within group (order by {{ column }})
{%- endmacro %}

{% macro duckdb__quantile(column, probability) -%}
    quantile_cont({{ column }}, {{ probability }})
{%- endmacro %}

{#- First characters of a text with every run of white space or control characters turned into
    one space: a terminal must not obey what a document says. Markup is left as it is written;
    what shows it as HTML escapes it. -#}
{% macro excerpt(column, characters) -%}
    {{ adapter.dispatch('excerpt')(column, characters) }}
{%- endmacro %}

{#- Only a head of the text is cleaned: documents may be megabytes long. -#}
{% macro default__excerpt(column, characters, control='[\s[:cntrl:]]+') -%}
    left(
        trim(regexp_replace(left({{ column }}, {{ characters * 10 }}), '{{ control }}', ' ', 'g')),
        {{ characters }}
    )
{%- endmacro %}

{#- Its [:cntrl:] is ASCII alone. -#}
{% macro duckdb__excerpt(column, characters) -%}
    {{ default__excerpt(column, characters, '[\s\p{Cc}]+') }}
{%- endmacro %}

{#- Number of elements of a list column. -#}
{% macro list_length(column) -%}
    {{ adapter.dispatch('list_length')(column) }}
{%- endmacro %}

{% macro default__list_length(column) -%} cardinality({{ column }}) {%- endmacro %}

{% macro duckdb__list_length(column) -%} len({{ column }}) {%- endmacro %}

{#- The different values of an expression in their order, separated by commas. -#}
{% macro distinct_texts(expression) -%}
    {{ adapter.dispatch('distinct_texts')(expression) }}
{%- endmacro %}

{% macro default__distinct_texts(expression) -%}
    string_agg(distinct {{ expression }}, ', ' order by {{ expression }})
{%- endmacro %}
