-- question: Which topics have a higher mean score for reasoning than for knowledge, and where?
-- grain: one row per model, method and topic; contrasts of the two within a domain side by side
-- reads: topic_contrasts, benchmarks
select
    contrasts.model,
    contrasts.method,
    contrasts.topic,
    round(avg(contrasts.delta_z), 2) as mean_delta_z,
    round(min(contrasts.delta_z), 2) as smallest_delta_z,
    round(max(contrasts.delta_z), 2) as largest_delta_z,
    string_agg(
        contrasts.contrast || ': ' || cast(round(contrasts.delta_z, 2) as varchar), ', '
        order by contrasts.contrast
    ) as by_contrast,
    case
        when count(contrasts.q_value) > 0
            then count(*) filter (where contrasts.q_value < 0.05)
    end as n_significant
from topic_contrasts as contrasts
inner join benchmarks as a
    on
        contrasts.study = a.study
        and contrasts.model = a.model
        and contrasts.benchmark_a = a.benchmark
inner join benchmarks as b
    on
        contrasts.study = b.study
        and contrasts.model = b.model
        and contrasts.benchmark_b = b.benchmark
where
    a.capability = 'reasoning'
    and b.capability = 'knowledge'
    and a.domain = b.domain
    and contrasts.delta_z is not null
group by contrasts.model, contrasts.method, contrasts.topic
order by contrasts.model, contrasts.method, mean_delta_z desc, contrasts.topic
