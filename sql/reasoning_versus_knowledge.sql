-- question: Which topics support reasoning more than knowledge, and in which domains?
-- grain: one row per model, method and topic; contrasts *_reasoning_minus_knowledge side by side
-- reads: topic_contrasts
select
    model,
    method,
    topic,
    round(avg(delta_z), 2) as mean_delta_z,
    round(min(delta_z), 2) as smallest_delta_z,
    round(max(delta_z), 2) as largest_delta_z,
    string_agg(
        contrast || ': ' || cast(round(delta_z, 2) as varchar), ', ' order by contrast
    ) as by_contrast,
    count(*) filter (where q_value < 0.05) as n_significant
from topic_contrasts
where
    item_subset = 'all'
    and contrast like '%reasoning_minus_knowledge'
    and delta_z is not null
group by model, method, topic
order by model, method, mean_delta_z desc, topic
