-- question: Which unlearning runs are done, which failed, and why did they stop?
-- grain: one row per benchmark, condition, state and stop reason
-- reads: unlearning_progress
select
    benchmark,
    condition,
    state,
    stop_reason,
    count(*) as n_runs,
    round(avg(steps), 1) as mean_steps,
    round(avg(forget_loss_after - forget_loss_before), 3) as forget_loss_gained,
    round(avg(retain_loss_after - retain_loss_before), 3) as retain_loss_gained,
    round(avg(utility_after / utility_before), 3) as utility_kept,
    min(detail) as an_error
from unlearning_progress
group by benchmark, condition, state, stop_reason
order by benchmark, condition, state, stop_reason
