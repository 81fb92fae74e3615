{#- Formulae with their sources: docs/statistics.md. -#}

{#- a / b in double precision; null where b is zero. -#}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double precision)
    / nullif(cast({{ denominator }} as double precision), 0)
{%- endmacro %}

{#- Two-sided p-value of a standard normal statistic: erfc(|z| / sqrt 2).

    The Chebyshev fit of erfc in Press et al., Numerical Recipes (2nd edition, section 6.2), with a
    relative error below 1.2e-7 everywhere, so that p-values far in the tail keep their order.
    The argument stops at 26 (p about 1e-295): beyond, a double is zero or an underflow error. -#}
{% macro two_sided_p(z) -%}
    {%- set x = "least(abs(" ~ z ~ ") / sqrt(2), 26)" -%}
    {%- set t = "(1 / (1 + " ~ x ~ " / 2))" -%}
    {%- set terms = [
        "-1.26551223", "1.00002368", "0.37409196", "0.09678418", "-0.18628806", "0.27886807",
        "-1.13520398", "1.48851587", "-0.82215223", "0.17087277"
    ] -%}
    {%- set horner = namespace(text=terms[-1]) -%}
    {%- for term in terms[:-1] | reverse -%}
        {%- set horner.text = term ~ " + " ~ t ~ " * (" ~ horner.text ~ ")" -%}
    {%- endfor -%}
    case
        -- least() of some engines passes over nulls: no estimate has no p-value.
        when {{ z }} is not null
            then least(1, {{ t }} * exp(-{{ x }} * {{ x }} + {{ horner.text }}))
    end
{%- endmacro %}

{#- Rows of `relation` with q_value: Benjamini and Hochberg's adjusted p-value within a family.

    q of the i-th smallest of m p-values is the minimum over j >= i of p_j m / j. Rows without
    a p-value do not count in m and get none. -#}
{% macro benjamini_hochberg(relation, family) -%}
    select
        steps.*,
        -- p m / m may round below p: the greatest keeps q >= p.
        case
            when p_value is not null then greatest(p_value, least(1, min(bh_step) over (
                partition by {{ family | join(", ") }}
                order by p_value desc nulls first, bh_position desc
                rows between unbounded preceding and current row
            )))
        end as q_value
    from (
        select
            ranked.*,
            p_value * count(p_value) over (partition by {{ family | join(", ") }})
            / bh_position as bh_step
        from (
            select
                {{ relation }}.*,
                row_number() over (
                    partition by {{ family | join(", ") }} order by p_value nulls last
                ) as bh_position
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
