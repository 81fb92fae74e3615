{#- Rows of `relation` with tau_squared and `estimate`: normal-normal empirical Bayes.

    Within each family, values with standard errors are drawn towards their precision-weighted
    centre; the variance between them is DerSimonian and Laird's. Formulae: docs/statistics.md. -#}
{% macro empirical_bayes(relation, family, value, error, estimate) -%}
    {%- set within = "over (partition by " ~ family | join(", ") ~ ")" -%}
    select
        centred.*,
        -- A value without error keeps itself; so does every one where no error could be computed.
        case
            when eb_weight is null or eb_centre is null then {{ value }}
            else
                eb_centre
                + ({{ value }} - eb_centre) * tau_squared
                / (tau_squared + power({{ error }}, 2))
        end as {{ estimate }}
    from (
        select
            spread.*,
            sum(
                case when eb_weight is not null
                    then {{ value }} / (power({{ error }}, 2) + tau_squared) end
            ) {{ within }}
            / sum(
                case when eb_weight is not null
                    then 1 / (power({{ error }}, 2) + tau_squared) end
            ) {{ within }} as eb_centre
        from (
            select
                fixed.*,
                greatest(
                    0,
                    (
                        sum(eb_weight * power({{ value }} - eb_fixed, 2)) {{ within }}
                        - (count(eb_weight) {{ within }} - 1)
                    ) / nullif(
                        sum(eb_weight) {{ within }}
                        - sum(eb_weight * eb_weight) {{ within }} / sum(eb_weight) {{ within }},
                        0
                    )
                ) as tau_squared
            from (
                select
                    weighted.*,
                    sum(eb_weight * {{ value }}) {{ within }}
                    / sum(eb_weight) {{ within }} as eb_fixed
                from (
                    select
                        {{ relation }}.*,
                        1 / nullif(power({{ error }}, 2), 0) as eb_weight
                    from {{ relation }}
                ) as weighted
            ) as fixed
        ) as spread
    ) as centred
{%- endmacro %}
