with bins as (
    select * from {{ source('lake', 'bin_populations') }}
),

bin_regions as (
    select
        'bin' as level,
        bin_id as region_id,
        topic || '/' || format as region,
        topic,
        format
    from bins
),

-- One label alone has nothing to be compared with: its z is 0 whatever the scores are.
topic_regions as (
    select
        'topic' as level,
        cast(row_number() over (order by topic) - 1 as integer) as region_id,
        topic as region,
        topic,
        cast(null as varchar) as format
    from (select distinct topic from bins) as topics
    where (select count(distinct bins.topic) from bins) > 1
),

format_regions as (
    select
        'format' as level,
        cast(row_number() over (order by format) - 1 as integer) as region_id,
        format as region,
        cast(null as varchar) as topic,
        format
    from (select distinct format from bins) as formats
    where (select count(distinct bins.format) from bins) > 1
)

select * from bin_regions
union all
select * from topic_regions
union all
select * from format_regions
