{#- One row per `keys` of int_unlearning_item_damage: damage with its error over items.

    Each item's damage is first averaged over the runs that share the keys: items are the
    sample, runs are what was done. The interval is normal, mean +- 1.96 standard errors.
    `counts` are select expressions over n_runs and n_regions. -#}
{% macro damage_summary(keys, counts=[]) -%}
    {%- set names = keys | join(", ") -%}
    select
        {% for column in keys + counts %}
        {{ column }},
        {%- endfor %}
        n_items,
        baseline,
        unlearned,
        damage,
        standard_error,
        damage - 1.959963984540054 * standard_error as damage_low,
        damage + 1.959963984540054 * standard_error as damage_high,
        -- A share of something that is not positive has no meaning.
        case when baseline > 0 then unlearned / baseline end as share_kept
    from (
        select
            {{ names }},
            max(n_runs) as n_runs,
            max(n_regions) as n_regions,
            count(*) as n_items,
            avg(baseline) as baseline,
            avg(unlearned) as unlearned,
            avg(baseline - unlearned) as damage,
            stddev_samp(baseline - unlearned) / sqrt(count(*)) as standard_error
        from (
            select
                {{ names }},
                item_id,
                count(*) as n_runs,
                count(distinct region) as n_regions,
                avg(baseline) as baseline,
                avg(unlearned) as unlearned
            from {{ ref('int_unlearning_item_damage') }}
            group by {{ names }}, item_id
        ) as items
        group by {{ names }}
    ) as estimates
{%- endmacro %}
