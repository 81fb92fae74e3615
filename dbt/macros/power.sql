{#- Sample size for two means: docs/statistics.md, "Power". -#}

{#- Quantiles of the normal distribution: 97.5 % for two-sided 5 %, and 80 % for the power. -#}
{% macro normal_quantiles_for_power() -%} (1.959963984540054 + 0.8416212335729143) {%- endmacro %}

{#- Documents in each of two bins that tell a difference of `size` z; null where none do.

    Reads document_variance, item_part (the variance of the difference that items leave) and
    spread (the size of 1 z). -#}
{% macro documents_for(size) -%}
    {%- set room -%}
        (power({{ size }} * spread / {{ normal_quantiles_for_power() }}, 2) - item_part)
    {%- endset -%}
    -- greatest() of some engines passes over nulls: an unknown variance asks for no number.
    case
        when document_variance is not null and {{ room }} > 0
            then cast(greatest(ceil(2 * document_variance / {{ room }}), 1) as bigint)
    end
{%- endmacro %}
