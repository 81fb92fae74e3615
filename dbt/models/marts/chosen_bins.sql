{%- set sql = env_var('INFLUENCE_REGIONS_SQL', '') -%}
{#- `model|method`, separated by spaces: the study's SQL chooses once for each. -#}
{%- set cells = env_var('INFLUENCE_REGIONS_CELLS', '').split() -%}
{#- What the study's SQL may read (study/plain_select.py); each as a CTE of its own name, that holds
    the rows of one model and method. -#}
{%- set readable = [
    ref('benchmark_correlations'), ref('benchmark_correlations_by_correctness'), ref('benchmarks'),
    ref('bin_contrasts'), ref('bin_contrasts_by_correctness'), ref('bin_influence'),
    ref('bin_influence_by_correctness'), ref('bins'), ref('document_influence'),
    ref('format_contrasts'), ref('format_contrasts_by_correctness'), ref('format_influence'),
    ref('format_influence_by_correctness'), ref('influence_concentration'),
    ref('influence_concentration_by_correctness'), ref('top_documents'), ref('topic_contrasts'),
    ref('topic_contrasts_by_correctness'), ref('topic_influence'),
    ref('topic_influence_by_correctness')
] -%}
{%- set not_by_method = ['benchmarks', 'bins'] -%}
with rules as (
    select * from {{ source('lake', 'region_rules') }}
),

-- One rule, and so one limit, a study.
limits as (
    select max(max_q) as max_q
    from rules
),

regions as (
    select
        study,
        model,
        method,
        benchmark,
        'topic' as region_kind,
        topic,
        cast(null as varchar) as format,
        n_documents,
        support,
        benchmark_support,
        support_t,
        support_q_value,
        z
    from {{ ref('topic_influence') }}
    union all
    select
        study,
        model,
        method,
        benchmark,
        'format' as region_kind,
        cast(null as varchar) as topic,
        format,
        n_documents,
        support,
        benchmark_support,
        support_t,
        support_q_value,
        z
    from {{ ref('format_influence') }}
    union all
    select
        study,
        model,
        method,
        benchmark,
        'bin' as region_kind,
        topic,
        format,
        n_documents,
        support,
        benchmark_support,
        support_t,
        support_q_value,
        z
    from {{ ref('bin_influence') }}
),

ranked as (
    select
        regions.*,
        row_number() over (
            partition by regions.model, regions.method, regions.benchmark, regions.region_kind
            order by regions.support_t desc nulls last, regions.topic, regions.format
        ) as influence_rank,
        count(regions.support_t) over (
            partition by regions.model, regions.method, regions.benchmark, regions.region_kind
        ) as n_regions
    from regions
),

-- How many of the study's methods tell a region from all documents, with more support than those.
agreed as (
    select
        ranked.model,
        ranked.benchmark,
        ranked.region_kind,
        ranked.topic,
        ranked.format,
        count(*) as n_methods
    from ranked
    cross join limits
    where ranked.support > ranked.benchmark_support and ranked.support_q_value <= limits.max_q
    group by ranked.model, ranked.benchmark, ranked.region_kind, ranked.topic, ranked.format
),

-- A region with less support than documents have on average is not chosen.
passing as (
    select
        ranked.*,
        rules.per_benchmark,
        case
            when ranked.support_q_value < 0.05 then 'rank ' || ranked.influence_rank
            else 'not told apart from the average, place ' || ranked.influence_rank
        end || ' of ' || ranked.n_regions
        || ' by support over its error; q at most ' || rules.max_q
        || case
            when rules.min_methods > 1 then '; as ' || agreed.n_methods || ' methods say' else ''
        end as reason,
        row_number() over (
            partition by
                ranked.model,
                ranked.method,
                ranked.benchmark
            order by ranked.influence_rank
        ) as place
    from ranked
    inner join rules
        on
            ranked.model = rules.model
            and ranked.method = rules.method
            and ranked.benchmark = rules.benchmark
            and ranked.region_kind || 's' = rules.rule
    inner join agreed
        on
            ranked.model = agreed.model
            and ranked.benchmark = agreed.benchmark
            and ranked.region_kind = agreed.region_kind
            and ranked.topic is not distinct from agreed.topic
            and ranked.format is not distinct from agreed.format
    where
        ranked.support > ranked.benchmark_support
        and ranked.support_q_value <= rules.max_q
        and agreed.n_methods >= rules.min_methods
),

{% for cell in cells if sql %}
{%- set model, method = cell.split('|') %}
asked_{{ loop.index }} as (
    with {% for relation in readable %}
    {{ relation.identifier }} as (
        select * from {{ relation }}
        {%- if relation.identifier != 'bins' %}
        where model = '{{ model }}'
        {%- if relation.identifier not in not_by_method %} and method = '{{ method }}'{% endif %}
        {%- endif %}
    ){{ "," if not loop.last }}
    {%- endfor %}
    select distinct
        '{{ model }}' as model,
        '{{ method }}' as method,
        benchmark,
        topic,
        format
    from ({{ sql }}) as answer
),
{% endfor %}

named as (
    select
        model,
        method,
        benchmark,
        topic,
        format,
        reason
    from passing
    where place <= per_benchmark
    union all
    select distinct
        model,
        method,
        benchmark,
        topic,
        format,
        'listed in the study' as reason
    from rules
    where rule = 'explicit'
    {%- for cell in cells if sql %}
    union all
    select
        rules.model,
        rules.method,
        asked.benchmark,
        cast(asked.topic as varchar) as topic,
        cast(asked.format as varchar) as format,
        'by the SQL of the study' as reason
    from asked_{{ loop.index }} as asked
    inner join rules
        on
            asked.model = rules.model
            and asked.method = rules.method
            and asked.benchmark = rules.benchmark
            and rules.rule = 'sql'
    {%- endfor %}
)

select
    studies.study,
    named.model,
    named.method,
    named.benchmark,
    -- SQL that names neither names no region: null, so that the build fails.
    case
        when named.topic is not null and named.format is not null then 'bin'
        when named.topic is not null then 'topic'
        when named.format is not null then 'format'
    end as region_kind,
    named.topic,
    named.format,
    ranked.influence_rank,
    ranked.n_documents,
    ranked.support,
    ranked.benchmark_support,
    ranked.support_t,
    ranked.support_q_value,
    ranked.z,
    coalesce(agreed.n_methods, 0) as n_methods_agreeing,
    named.reason
from named
cross join {{ ref('stg_studies') }} as studies
left join ranked
    on
        named.model = ranked.model
        and named.method = ranked.method
        and named.benchmark = ranked.benchmark
        and named.topic is not distinct from ranked.topic
        and named.format is not distinct from ranked.format
left join agreed
    on
        ranked.model = agreed.model
        and ranked.benchmark = agreed.benchmark
        and ranked.region_kind = agreed.region_kind
        and ranked.topic is not distinct from agreed.topic
        and ranked.format is not distinct from agreed.format
