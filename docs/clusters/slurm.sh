#!/usr/bin/env bash
# Submits one stage of a study to Slurm: what its parts need, the parts on WORKERS tasks, and what
# is made of them, each after the one before.
# Usage: slurm.sh attribution|unlearning STUDY WORKERS [options of sbatch for every job]
# All nodes must see the same INFLUENCE_WAREHOUSE and have `influence` on their PATH.
set -euo pipefail
stage=$1 study=$2 workers=$3
shift 3
options=("$@")
last=""

# submit NAME COMMAND [options]: after the job before it, if that succeeded.
submit() {
    local name=$1 command=$2
    shift 2
    last=$(sbatch --parsable "${options[@]}" --job-name="influence-$name" --kill-on-invalid-dep=yes \
        ${last:+--dependency="afterok:$last"} "$@" --wrap "$command")
    echo "$name: job $last"
}

quoted=$(printf '%q' "$study")
task="--worker \$SLURM_ARRAY_TASK_ID --of $workers"
array=(--array="0-$((workers - 1))")
case $stage in
    attribution) before=prepare parts=shards ;;
    unlearning) before=plan parts=runs ;;
    *) echo "slurm.sh: the stage is attribution or unlearning, not $stage" >&2 && exit 2 ;;
esac
submit "$before" "influence run $quoted --stage $before"
submit "$parts" "influence work $quoted $parts $task" "${array[@]}"
submit "$stage" "influence run $quoted --stage $stage"
