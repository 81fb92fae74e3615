-- question: How well did attribution find the regions that were planted?
-- grain: one row per model, method, benchmark and measure; none where nothing is planted
-- reads: planted_recovery
select
    model,
    method,
    benchmark,
    measure,
    n_planted_topics_found || ' of ' || n_planted_topics as planted_topics_found,
    round(n_found_by_chance, 2) as found_by_chance,
    n_significant,
    n_false,
    round(mean_rank, 1) as mean_rank,
    chance_mean_rank,
    round(auc, 3) as auc,
    round(auc_among_planted, 3) as auc_among_planted,
    chance_auc
from planted_recovery
order by
    model,
    method,
    benchmark,
    case measure when 'support' then 1 when 'enrichment' then 2 else 3 end
