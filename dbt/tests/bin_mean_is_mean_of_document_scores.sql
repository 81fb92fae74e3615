{{ config(meta={'dagster': {'ref': {'name': 'bin_influence'}}}) }}
-- The mean from the sums by item equals the mean of the documents' scores, which are float32:
-- the two facts were made from the same scores. From the mart, which holds the scores anyway: a
-- mean in int_bin_document_statistics would slow its scan, the one that a roll-up waits for.
with documents as (
    select
        model,
        method,
        benchmark,
        bin_id,
        avg(score) as mean
    from {{ ref('document_influence') }}
    group by model, method, benchmark, bin_id
)

select
    influence.model,
    influence.method,
    influence.benchmark,
    influence.bin_id,
    influence.mean,
    documents.mean as document_mean
from {{ ref('bin_influence') }} as influence
inner join documents
    on
        influence.model = documents.model
        and influence.method = documents.method
        and influence.benchmark = documents.benchmark
        and influence.bin_id = documents.bin_id
where
    abs(influence.mean - documents.mean)
    > 1e-5 * (abs(influence.mean) + coalesce(influence.standard_deviation, 0)) + 1e-9
