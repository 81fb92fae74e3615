{{ config(meta={'dagster': {'ref': {'name': 'topic_influence_by_correctness'}}}) }}
-- A region without documents has no estimate, so it must not count as a test either.
select
    'bin_influence' as mart,
    p_value,
    q_value
from {{ ref('bin_influence_by_correctness') }}
where z is null and (p_value is not null or q_value is not null)
union all
select
    'topic_influence' as mart,
    p_value,
    q_value
from {{ ref('topic_influence_by_correctness') }}
where z is null and (p_value is not null or q_value is not null)
union all
select
    'format_influence' as mart,
    p_value,
    q_value
from {{ ref('format_influence_by_correctness') }}
where z is null and (p_value is not null or q_value is not null)
union all
select
    'bin_contrasts' as mart,
    p_value,
    q_value
from {{ ref('bin_contrasts_by_correctness') }}
where delta_z is null and (p_value is not null or q_value is not null)
union all
select
    'topic_contrasts' as mart,
    p_value,
    q_value
from {{ ref('topic_contrasts_by_correctness') }}
where delta_z is null and (p_value is not null or q_value is not null)
union all
select
    'format_contrasts' as mart,
    p_value,
    q_value
from {{ ref('format_contrasts_by_correctness') }}
where delta_z is null and (p_value is not null or q_value is not null)
