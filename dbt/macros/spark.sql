{#- Apache Spark: how it says what the models say in standard SQL. Only `--target spark` reads this;
    docs/engines.md lists what models must not use. -#}

{#- SQL in Spark's words, outside of texts and comments: its names of types, its quotes of names,
    and 0.5 as a double (a bare 0.5 is a decimal there, which rounds where DuckDB does not). -#}
{% macro spark_words(sql) -%}
    {%- set ns = namespace(text="") -%}
    {%- for part in modules.re.split("('(?:[^']|'')*'|--[^\n]*)", sql) -%}
        {%- if loop.index0 % 2 -%}
            {%- set ns.text = ns.text ~ part -%}
        {%- else -%}
            {%- set typed = modules.re.sub("(?i)\\bdouble\\s+precision\\b", "double", part) -%}
            {%- set typed = modules.re.sub("(?i)\\bvarchar\\b(?!\\s*\\()", "string", typed) -%}
            {%- set typed = modules.re.sub('"([^"]+)"', "`\\1`", typed) -%}
            {%- set typed = modules.re.sub("(?<![\\w.])(\\d+\\.\\d+)(?![\\w.])", "\\1D", typed) -%}
            {%- set ns.text = ns.text ~ typed -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(ns.text) -}}
{%- endmacro %}

{#- A query of a model with a contract whose integers are as wide as the contract says: ranks are
    32-bit here and 64-bit in DuckDB. Any other difference is left to be refused. -#}
{% macro spark_wide_integers(sql) -%}
    select
        {%- for column in get_column_schema_from_query(sql) %}
        {%- set declared = model.columns.get(column.name, {}).get('data_type') %}
        {%- if column.dtype == 'int' and declared == 'bigint' %}
        cast({{ column.name }} as bigint) as {{ column.name }}
        {%- else %}
        {{ column.name }}
        {%- endif %}{{ "," if not loop.last }}
        {%- endfor %}
    from (
        {{ sql }}
    ) as unwidened
{%- endmacro %}

{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- set sql = spark_words(compiled_code) -%}
    {%- if config.get('contract').enforced -%}
        {%- set sql = spark_wide_integers(sql) -%}
    {%- endif -%}
    {{ dbt.spark__create_table_as(temporary, relation, sql, language) }}
{%- endmacro %}

{% macro spark__create_view_as(relation, sql) -%}
    {{ dbt.spark__create_view_as(relation, spark_words(sql)) }}
{%- endmacro %}

{#- What a contract declares, as a query without rows. -#}
{% macro spark__get_empty_schema_sql(columns) -%}
    {{ spark_words(dbt.default__get_empty_schema_sql(columns)) }}
{%- endmacro %}

{% macro spark__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {{ dbt.default__get_test_sql(spark_words(main_sql), fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}

{% macro spark__excerpt(column, characters) -%}
    left(
        trim(regexp_replace(left({{ column }}, {{ characters * 10 }}), '[\\s\\p{Cc}]+', ' ')),
        {{ characters }}
    )
{%- endmacro %}

{#- Beside other aggregates listagg(distinct) within an order fails in Spark 4.3. -#}
{% macro spark__distinct_texts(expression) -%}
    nullif(array_join(array_sort(collect_set({{ expression }})), ', '), '')
{%- endmacro %}
