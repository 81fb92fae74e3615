-- question: What do the strongest documents say of the bin that each benchmark draws on most?
-- grain: one row per model, method, benchmark and document, three of each benchmark's surest bin
-- reads: bin_influence, document_influence, top_documents
with ranked as (
    select
        *,
        row_number() over (
            partition by model, method, benchmark
            order by n_documents < 3, support_t desc nulls last, z desc, bin_id
        ) as place
    from bin_influence
    where z is not null
)

select
    documents.model,
    documents.method,
    documents.benchmark,
    documents.topic,
    documents.format,
    strongest.support_rank,
    documents.score_rank_in_bin,
    documents.doc_id,
    documents.score,
    documents.score_rank,
    top_documents.excerpt
from ranked as strongest
inner join document_influence as documents
    on
        strongest.model = documents.model
        and strongest.method = documents.method
        and strongest.benchmark = documents.benchmark
        and strongest.bin_id = documents.bin_id
left join top_documents
    on
        documents.model = top_documents.model
        and documents.method = top_documents.method
        and documents.benchmark = top_documents.benchmark
        and documents.doc_id = top_documents.doc_id
        and top_documents.direction = 'proponent'
where
    strongest.place = 1
    and documents.score_rank_in_bin <= 3
order by documents.model, documents.method, documents.benchmark, documents.score_rank_in_bin
