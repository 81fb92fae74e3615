{{ config(meta={'dagster': {'ref': {'name': 'bin_influence'}}}) }}
-- The mean from the sums by item equals the mean of the documents' scores, which are float32:
-- the two facts were made from the same scores.
select
    influence.method,
    influence.benchmark,
    influence.bin_id,
    influence.mean,
    documents.mean as document_mean
from {{ ref('bin_influence') }} as influence
inner join {{ ref('int_bin_document_statistics') }} as documents
    on
        influence.method = documents.method
        and influence.benchmark = documents.benchmark
        and influence.bin_id = documents.bin_id
where
    influence.item_subset = 'all'
    and abs(influence.mean - documents.mean)
    > 1e-5 * (abs(influence.mean) + coalesce(documents.standard_deviation, 0)) + 1e-9
