with lengths as (
    select
        manifest.bin_id,
        avg(documents.n_tokens) as mean_tokens
    from {{ source('lake', 'sampling_manifest') }} as manifest
    inner join {{ source('lake', 'documents') }} as documents on manifest.doc_id = documents.doc_id
    group by manifest.bin_id
)

select
    studies.study,
    bins.bin_id,
    bins.topic,
    bins.format,
    bins.population_documents,
    bins.sampled_documents,
    bins.stratum,
    {{ ratio('bins.sampled_documents', 'bins.population_documents') }} as inclusion_probability,
    cast(lengths.mean_tokens as double precision) as mean_tokens
from {{ source('lake', 'bin_populations') }} as bins
cross join {{ ref('stg_studies') }} as studies
left join lengths on bins.bin_id = lengths.bin_id
