-- question: Do the methods agree on the regions and documents that support a benchmark?
-- grain: one row per model, level, benchmark and pair of methods
-- reads: method_agreement
select
    model,
    level,
    benchmark,
    method_a,
    method_b,
    round(spearman, 2) as spearman,
    round(spearman_low, 2) as spearman_low,
    round(spearman_high, 2) as spearman_high,
    round(signal_share_a, 2) as signal_share_a,
    round(signal_share_b, 2) as signal_share_b,
    n_told_apart_a,
    n_told_apart_b,
    n_told_apart_both,
    round(overlap, 3) as overlap,
    round(overlap_low, 3) as overlap_low,
    round(overlap_high, 3) as overlap_high,
    round(overlap_by_chance, 3) as overlap_by_chance,
    unit,
    n_regions
from method_agreement
order by
    model,
    case level when 'topic' then 0 when 'format' then 1 when 'bin' then 2 else 3 end,
    benchmark,
    spearman desc nulls last,
    method_a,
    method_b
