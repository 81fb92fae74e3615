{{ config(meta={'dagster': {'ref': {'name': 'document_influence'}}}) }}
-- As many rows per method and benchmark as the manifest has documents.
select
    model,
    method,
    benchmark,
    count(*) as n_rows
from {{ ref('document_influence') }}
group by model, method, benchmark
having count(*) != (select count(*) from {{ source('lake', 'sampling_manifest') }})
