with tested as (
    select
        statistics.*,
        inference.delta_z_low,
        inference.delta_z_high,
        inference.delta_z_simultaneous_low,
        inference.delta_z_simultaneous_high,
        inference.delta_z_standard_error,
        inference.signal_delta_z,
        inference.signal_delta_z_low,
        inference.signal_delta_z_high,
        inference.p_value
    from {{ ref('int_contrast_statistics') }} as statistics
    left join {{ source('lake', 'contrast_inference') }} as inference
        on
            statistics.model = inference.model
            and statistics.method = inference.method
            and statistics.contrast = inference.contrast
            and statistics.item_subset = inference.item_subset
            and statistics.level = inference.level
            and statistics.region_id = inference.region_id
)

-- One family: all bins, topics or formats of one contrast.
{{ benjamini_hochberg('tested', ['model', 'method', 'contrast', 'item_subset', 'level']) }}
