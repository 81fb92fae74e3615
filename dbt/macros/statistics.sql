{#- Formulae with their sources: docs/statistics.md. -#}

{#- a / b in double precision; null where b is zero. -#}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double precision)
    / nullif(cast({{ denominator }} as double precision), 0)
{%- endmacro %}

{#- Rows of `relation` with q_value: Benjamini and Hochberg's adjusted p-value within a family.

    q of the i-th smallest of m p-values is the minimum over j >= i of p_j m / j. Rows without
    a p-value do not count in m and get none. `of` stands before the columns' names, where a table
    tests several values: `support_` makes support_q_value of support_p_value. -#}
{% macro benjamini_hochberg(relation, family, of='') -%}
    select
        steps.*,
        -- p m / m may round below p: the greatest keeps q >= p.
        case
            when {{ of }}p_value is not null then greatest({{ of }}p_value, least(1, min({{ of }}bh_step) over (
                partition by {{ family | join(", ") }}
                order by {{ of }}p_value desc nulls first, {{ of }}bh_position desc
                rows between unbounded preceding and current row
            )))
        end as {{ of }}q_value
    from (
        select
            ranked.*,
            {{ of }}p_value * count({{ of }}p_value) over (partition by {{ family | join(", ") }})
            / {{ of }}bh_position as {{ of }}bh_step
        from (
            select
                {{ relation }}.*,
                row_number() over (
                    partition by {{ family | join(", ") }} order by {{ of }}p_value nulls last
                ) as {{ of }}bh_position
            from {{ relation }}
        ) as ranked
    ) as steps
{%- endmacro %}

{#- Rank from the smallest, equal values sharing the mean of their ranks. -#}
{% macro average_rank(column, partition) -%}
    rank() over (partition by {{ partition | join(", ") }} order by {{ column }})
    + (count(*) over (partition by {{ partition | join(", ") }}, {{ column }}) - 1) / 2.0
{%- endmacro %}

{#- One bound of Wilson's 95 % interval of a share; sign is -1 or +1. Rounding must not carry
    the bound of 0 or n successes out of [0, 1]; least() of some engines passes over nulls. -#}
{% macro wilson_bound(successes, trials, sign) -%}
    {%- set c = "3.841458820694124" -%}
    {%- set n = "cast(" ~ trials ~ " as double precision)" -%}
    case
        when {{ trials }} is not null
            then least(1.0, greatest(0.0, ({{ successes }} + {{ c }} / 2 + ({{ sign }}) * sqrt(
                {{ c }} * ({{ successes }} * ({{ n }} - {{ successes }}) / {{ n }} + {{ c }} / 4)
            )) / ({{ n }} + {{ c }})))
    end
{%- endmacro %}

{#- Columns of regions, from a relation of `values` and the tests joined to it as `intervals`:
    support with its unit, interval, test, and place. Regions are ordered by estimate over error
    (`ties` break it); a rank have those that are told from the benchmark's average at q < 0.05.
    The unit is the sources of the items, the items where none share one, or the documents alone
    where there is a single source. -#}
{% macro support_columns(values, ties) -%}
    {%- set over_error -%}
        ({{ values }}.support - {{ values }}.benchmark_support)
        / nullif(intervals.support_standard_error, 0)
    {%- endset -%}
    intervals.n_clusters,
    case
        when intervals.n_clusters = 1 then 'documents'
        when intervals.n_clusters < {{ values }}.n_items then 'clusters'
        when intervals.n_clusters is not null then 'items'
    end as unit,
    {{ values }}.support,
    intervals.support_low,
    intervals.support_high,
    intervals.support_standard_error,
    {{ values }}.benchmark_support,
    {{ over_error }} as support_t,
    intervals.support_p_value,
    intervals.support_q_value,
    case
        when intervals.support_q_value < 0.05 then row_number() over (
            partition by
                {{ values }}.model,
                {{ values }}.method,
                {{ values }}.benchmark,
                {{ values }}.item_subset
            order by
                case when intervals.support_q_value < 0.05 then {{ over_error }} end
                desc nulls last,
                {{ ties }}
        )
    end as support_rank
{%- endmacro %}

{#- The same of enrichment, and of top_share, whose interval follows from its own. -#}
{% macro enrichment_columns(values) -%}
    intervals.enrichment_low * {{ values }}.document_share as top_share_low,
    intervals.enrichment_high * {{ values }}.document_share as top_share_high,
    {{ values }}.enrichment,
    intervals.enrichment_low,
    intervals.enrichment_high,
    intervals.enrichment_standard_error,
    intervals.enrichment_p_value,
    intervals.enrichment_q_value
{%- endmacro %}
