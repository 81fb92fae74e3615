{#- Student's t by way of the normal distribution: docs/statistics.md, "Uncertainty". -#}

{#- Degrees of freedom of the documents in one bin: the pooled covariance, which counts as four
    documents beside the bin's own, is taken as known. A bin of one has none of its own: as two. -#}
{% macro document_freedom(n_documents) -%}
    power(4 + greatest({{ n_documents }} - 1, 1), 2) / greatest({{ n_documents }} - 1, 1)
{%- endmacro %}

{#- The smaller of items and documents. A single item is no sample of items: documents alone. -#}
{% macro freedom(n_items, document_freedom) -%}
    case
        when {{ n_items }} > 1 then least({{ n_items }} - 1, {{ document_freedom }})
        else {{ document_freedom }}
    end
{%- endmacro %}

{#- The normal value whose two tails hold what those of t with df degrees of freedom do: Wallace
    1959; abs keeps a rounding error of log 1 from a negative root. -#}
{% macro normal_of_t(t, df) -%}
    (8 * {{ df }} + 1) / (8 * {{ df }} + 3)
    * sqrt(abs({{ df }} * ln(1 + power({{ t }}, 2) / {{ df }})))
{%- endmacro %}

{#- Its inverse at 1.96: t beyond which lie 5 % in two tails. So an interval of this many standard
    errors leaves out 0 exactly where p < 0.05. -#}
{% macro t_quantile(df) -%}
    sqrt({{ df }} * (
        exp(power(1.959963984540054 * (8 * {{ df }} + 3) / (8 * {{ df }} + 1), 2) / {{ df }}) - 1
    ))
{%- endmacro %}

{#- Correlations of 1 and -1 have no transform of Fisher's, and estimates may lie beyond: just short
    of them. Null stays null: least() of some engines passes over nulls. -#}
{% macro bounded_correlation(r) -%}
    case
        when {{ r }} is not null then least(greatest({{ r }}, -0.9999999999), 0.9999999999)
    end
{%- endmacro %}

{#- Fisher's transform of a correlation. -#}
{% macro fisher(r) -%}
    ln((1 + {{ bounded_correlation(r) }}) / (1 - {{ bounded_correlation(r) }})) / 2
{%- endmacro %}

{#- One bound of the 95 % interval of a correlation; sign is -1 or +1. Far out all is 1. -#}
{% macro fisher_bound(r, error, sign) -%}
    {%- set x -%}
        {{ fisher(r) }} + ({{ sign }}) * 1.959963984540054 * {{ error }}
    {%- endset -%}
    case
        when {{ r }} is not null and {{ error }} is not null
            then 1 - 2 / (exp(2 * least(greatest({{ x }}, -300), 300)) + 1)
    end
{%- endmacro %}
