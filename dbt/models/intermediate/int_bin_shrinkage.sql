-- Normal-normal empirical Bayes; the between-bin variance is DerSimonian and Laird's.
with bins as (
    select
        statistics.method,
        statistics.benchmark,
        statistics.item_subset,
        statistics.bin_id,
        statistics.mean,
        errors.standard_error,
        1 / nullif(power(errors.standard_error, 2), 0) as weight
    from {{ ref('int_bin_statistics') }} as statistics
    inner join {{ ref('int_bin_mean_errors') }} as errors
        on
            statistics.method = errors.method
            and statistics.benchmark = errors.benchmark
            and statistics.item_subset = errors.item_subset
            and statistics.bin_id = errors.bin_id
),

fixed as (
    select
        method,
        benchmark,
        item_subset,
        count(weight) as n_bins,
        sum(weight) as weight_sum,
        sum(weight * weight) as weight_sum_sq,
        sum(weight * mean) / sum(weight) as fixed_mean
    from bins
    group by method, benchmark, item_subset
),

heterogeneity as (
    select
        fixed.method,
        fixed.benchmark,
        fixed.item_subset,
        greatest(
            0,
            (sum(bins.weight * power(bins.mean - fixed.fixed_mean, 2)) - (max(fixed.n_bins) - 1))
            / nullif(
                max(fixed.weight_sum) - max(fixed.weight_sum_sq) / max(fixed.weight_sum), 0
            )
        ) as tau_squared
    from bins
    inner join fixed
        on
            bins.method = fixed.method
            and bins.benchmark = fixed.benchmark
            and bins.item_subset = fixed.item_subset
    group by fixed.method, fixed.benchmark, fixed.item_subset
),

random_effects as (
    select
        bins.method,
        bins.benchmark,
        bins.item_subset,
        max(heterogeneity.tau_squared) as tau_squared,
        sum(bins.mean / (power(bins.standard_error, 2) + heterogeneity.tau_squared))
        / sum(1 / (power(bins.standard_error, 2) + heterogeneity.tau_squared)) as centre
    from bins
    inner join heterogeneity
        on
            bins.method = heterogeneity.method
            and bins.benchmark = heterogeneity.benchmark
            and bins.item_subset = heterogeneity.item_subset
    where bins.weight is not null
    group by bins.method, bins.benchmark, bins.item_subset
)

select
    bins.method,
    bins.benchmark,
    bins.item_subset,
    bins.bin_id,
    bins.standard_error,
    random_effects.tau_squared,
    -- A bin without error keeps its mean; so does every bin where no error could be computed.
    case
        when bins.weight is null or random_effects.centre is null then bins.mean
        else
            random_effects.centre
            + (bins.mean - random_effects.centre) * random_effects.tau_squared
            / (random_effects.tau_squared + power(bins.standard_error, 2))
    end as shrunken_mean
from bins
left join random_effects
    on
        bins.method = random_effects.method
        and bins.benchmark = random_effects.benchmark
        and bins.item_subset = random_effects.item_subset
