-- question: Which topics' mean z changes when documents or the corpus's sizes are weighted in?
-- grain: one row per model, method, benchmark and topic, the ten largest changes of each benchmark
-- reads: topic_influence
select
    model,
    method,
    benchmark,
    topic,
    round(z, 2) as z,
    round(z_document_weighted, 2) as z_document_weighted,
    round(z_population_weighted, 2) as z_population_weighted,
    round(z_population_weighted - z, 2) as change,
    is_z_doubtful
from topic_influence
where z_population_weighted is not null
qualify
    row_number() over (
        partition by model, method, benchmark order by abs(z_population_weighted - z) desc, topic
    ) <= 10
order by model, method, benchmark, abs(z_population_weighted - z) desc, topic
