{{ benchmark_pairs(
    ref('int_region_statistics'), ['model', 'method', 'item_subset', 'level', 'region_id']
) }}
