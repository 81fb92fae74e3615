-- question: Which region do two methods disagree on most, and is that more than chance?
-- grain: one row per model, level, benchmark and pair of methods
-- reads: method_disagreements
select
    model,
    level,
    benchmark,
    method_a,
    method_b,
    region,
    finding,
    round(difference, 2) as difference,
    round(difference_low, 2) as difference_low,
    round(difference_high, 2) as difference_high,
    round(support_a, 3) as support_a,
    round(support_b, 3) as support_b,
    support_rank_a,
    support_rank_b,
    n_told_apart,
    n_regions,
    unit
from method_disagreements
order by
    model,
    case level when 'topic' then 0 when 'format' then 1 else 2 end,
    benchmark,
    method_a,
    method_b
