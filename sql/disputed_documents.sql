-- question: What do the documents of the topic that two methods disagree on most say?
-- grain: one row per model, benchmark, pair of methods, method and document, three of each method
-- reads: method_disagreement_documents
select
    model,
    benchmark,
    method_a,
    method_b,
    region,
    strongest_by,
    place,
    place_by_other,
    doc_id,
    excerpt
from method_disagreement_documents
where level = 'topic'
order by model, benchmark, method_a, method_b, strongest_by, place
