-- question: What are the texts of each topic and format like, in words?
-- grain: one row per level and region, its ten most distinctive terms
-- reads: distinctive_terms
select
    level,
    region,
    string_agg(term, ', ' order by rank) as terms,
    max(region_documents) as region_documents
from distinctive_terms
where level in ('topic', 'format') and rank <= 10
group by level, region
order by level desc, region
