-- question: Can the scores be trusted: any zero, any not finite, in which number type?
-- grain: one row per model, method and benchmark
-- reads: score_health
select
    model,
    method,
    benchmark,
    cast(sum(n_documents) as bigint) as n_documents,
    cast(sum(n_zero) as bigint) as n_zero,
    cast(sum(n_not_finite) as bigint) as n_not_finite,
    string_agg(distinct dtype, ', ') as dtypes,
    string_agg(distinct attention, ', ') as attention_backends
from score_health
group by model, method, benchmark
order by model, method, benchmark
