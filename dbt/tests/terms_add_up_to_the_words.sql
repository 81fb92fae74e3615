{{ config(meta={'dagster': {'ref': {'name': 'int_region_terms'}}}) }}
-- Of sources alone, but a check of the table that is made of them:
-- depends_on: {{ ref('int_region_terms') }}
-- The kept words of a bin are those of its terms, none lost and none counted twice.
with terms as (
    select
        bin_id,
        sum(count) as total
    from {{ source('lake', 'bin_terms') }}
    group by bin_id
)

select
    words.bin_id,
    words.n_words_kept,
    terms.total
from {{ source('lake', 'bin_words') }} as words
full outer join terms on words.bin_id = terms.bin_id
where
    words.bin_id is null
    or coalesce(terms.total, 0) <> words.n_words_kept
    or words.n_words_kept > words.n_words
