select
    facts.doc_id,
    facts.text,
    facts.prompt_chars,
    facts.url,
    facts.source,
    facts.topic,
    facts.format,
    facts.label_confidence,
    facts.n_chars,
    facts.n_tokens,
    facts.content_sha256
from {{ source('lake', 'documents') }} as facts
