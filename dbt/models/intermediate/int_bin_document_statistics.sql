select
    model,
    method,
    benchmark,
    bin_id,
    count(*) as n_documents,
    stddev_samp(cast(score as double precision)) as standard_deviation
from {{ ref('stg_document_scores') }}
group by model, method, benchmark, bin_id
