-- question: Which formats does each benchmark draw on most and least?
-- grain: one row per model, method, benchmark and format, the three first and three last of each
-- reads: format_influence
with ranked as (
    select
        *,
        row_number() over (
            partition by model, method, benchmark
            order by support_t desc nulls last, z desc, format
        ) as place,
        count(*) over (partition by model, method, benchmark) as n_formats
    from format_influence
    where z is not null
)

select
    model,
    method,
    benchmark,
    place,
    format,
    round(support, 3) as support,
    round(support_low, 3) as support_low,
    round(support_high, 3) as support_high,
    round(support_q_value, 4) as support_q_value,
    round(z, 2) as z,
    n_documents
from ranked
where place <= 3 or place > n_formats - 3
order by model, method, benchmark, place
