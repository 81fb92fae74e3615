with tested as (
    select
        statistics.model,
        statistics.method,
        statistics.benchmark,
        statistics.level,
        statistics.region_id,
        statistics.z_correct,
        statistics.z_incorrect,
        statistics.z_correct - statistics.z_incorrect as delta_z,
        inference.delta_z_low,
        inference.delta_z_high,
        inference.delta_z_standard_error,
        inference.p_value
    from {{ ref('int_correctness_statistics') }} as statistics
    left join {{ source('lake', 'correctness_inference') }} as inference
        on
            statistics.model = inference.model
            and statistics.method = inference.method
            and statistics.benchmark = inference.benchmark
            and statistics.level = inference.level
            and statistics.region_id = inference.region_id
)

-- One family: all bins, topics or formats of one benchmark.
{{ benjamini_hochberg('tested', ['model', 'method', 'benchmark', 'level']) }}
