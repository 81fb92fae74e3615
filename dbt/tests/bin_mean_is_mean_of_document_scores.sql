{{ config(meta={'dagster': {'ref': {'name': 'bin_influence'}}}) }}
-- The mean from the sums by item equals the mean of the documents' scores, which are float32:
-- the two facts were made from the same scores. No model needs this mean.
with documents as (
    select
        method,
        benchmark,
        bin_id,
        avg(cast(score as double precision)) as mean
    from {{ ref('stg_document_scores') }}
    group by method, benchmark, bin_id
)

select
    influence.method,
    influence.benchmark,
    influence.bin_id,
    influence.mean,
    documents.mean as document_mean
from {{ ref('bin_influence') }} as influence
inner join documents
    on
        influence.method = documents.method
        and influence.benchmark = documents.benchmark
        and influence.bin_id = documents.bin_id
where
    influence.item_subset = 'all'
    and abs(influence.mean - documents.mean)
    > 1e-5 * (abs(influence.mean) + coalesce(influence.standard_deviation, 0)) + 1e-9
