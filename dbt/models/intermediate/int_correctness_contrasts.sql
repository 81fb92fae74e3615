with compared as (
    select
        statistics.model,
        statistics.method,
        contrasts.contrast,
        contrasts.benchmark_a,
        contrasts.benchmark_b,
        statistics.level,
        statistics.region_id,
        sum(contrasts.coefficient * statistics.z_correct) as delta_z_correct,
        sum(contrasts.coefficient * statistics.z_incorrect) as delta_z_incorrect
    from {{ ref('int_correctness_statistics') }} as statistics
    inner join {{ ref('stg_study_contrasts') }} as contrasts
        on statistics.benchmark = contrasts.benchmark
    where statistics.level != 'bin'
    group by
        statistics.model,
        statistics.method,
        contrasts.contrast,
        contrasts.benchmark_a,
        contrasts.benchmark_b,
        statistics.level,
        statistics.region_id
    having count(statistics.z_correct - statistics.z_incorrect) = max(contrasts.n_benchmarks)
),

tested as (
    select
        compared.*,
        compared.delta_z_correct - compared.delta_z_incorrect as difference,
        inference.difference_low,
        inference.difference_high,
        inference.difference_standard_error,
        inference.p_value
    from compared
    left join {{ source('lake', 'correctness_contrast_inference') }} as inference
        on
            compared.model = inference.model
            and compared.method = inference.method
            and compared.contrast = inference.contrast
            and compared.level = inference.level
            and compared.region_id = inference.region_id
)

-- One family: all topics or formats of one contrast.
{{ benjamini_hochberg('tested', ['model', 'method', 'contrast', 'level']) }}
