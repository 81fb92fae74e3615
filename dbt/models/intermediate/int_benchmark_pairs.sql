{{ benchmark_pairs(
    ref('int_region_statistics'), ['method', 'item_subset', 'level', 'region_id']
) }}
