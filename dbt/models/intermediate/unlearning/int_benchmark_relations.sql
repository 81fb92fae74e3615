-- How the factors of two benchmarks agree: both, one or none of domain and capability.
select
    target.benchmark,
    other.benchmark as evaluated_benchmark,
    case
        when target.benchmark = other.benchmark then 'target'
        when target.domain = other.domain and target.capability = other.capability
            then 'same_factors'
        when target.domain = other.domain or target.capability = other.capability
            then 'one_factor'
        else 'crossed'
    end as relation
from {{ source('lake', 'study_benchmarks') }} as target
cross join {{ source('lake', 'study_benchmarks') }} as other
