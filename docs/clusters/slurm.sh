#!/usr/bin/env bash
# Submits one stage of a study to Slurm: what its parts need, the parts on WORKERS tasks, and what
# is made of them, each after the one before.
# Usage: [NODES=2] slurm.sh attribution|unlearning|retraining STUDY WORKERS [options of sbatch for every job]
# All nodes must see the same INFLUENCE_WAREHOUSE and have `influence` on their PATH.
# NODES, the study's compute.nodes, is how many nodes each shard and the preconditioner take.
set -euo pipefail
stage=$1 study=$2 workers=$3
shift 3
options=("$@")
nodes=${NODES:-1}
last=""

# submit NAME COMMAND [options]: after the job before it, if that succeeded.
submit() {
    local name=$1 command=$2
    shift 2
    last=$(sbatch --parsable "${options[@]}" --job-name="influence-$name" --kill-on-invalid-dep=yes \
        ${last:+--dependency="afterok:$last"} "$@" --wrap "$command")
    echo "$name: job $last"
}

# on_nodes COMMAND: led by the job's first node, on which its script runs, joined by the others.
# SLURM_PROCID counts the joining step's tasks from 0.
on_nodes() {
    if [ "$nodes" = 1 ]; then
        echo "$1"
        return
    fi
    cat <<EOF
export MASTER_ADDR=\$SLURMD_NODENAME MASTER_PORT=\$((20000 + SLURM_JOB_ID % 10000))
srun --relative=1 --nodes=$((nodes - 1)) --ntasks=$((nodes - 1)) \
    \${SLURM_CPUS_PER_TASK:+--cpus-per-task=\$SLURM_CPUS_PER_TASK} \
    sh -c 'exec influence join "\$0" --node \$((SLURM_PROCID + 1))' $quoted &
$1
status=\$?
kill \$!
wait
exit \$status
EOF
}

quoted=$(printf '%q' "$study")
task="--worker \$SLURM_ARRAY_TASK_ID --of $workers"
array=(--array="0-$((workers - 1))")
several=()
case $stage in
    attribution)
        before=prepare parts=shards
        [ "$nodes" = 1 ] || several=(--nodes="$nodes" --ntasks-per-node=1)
        ;;
    unlearning) before=plan parts=runs nodes=1 ;;
    retraining) before=plan parts=retrainings nodes=1 ;;
    *) echo "slurm.sh: the stage is attribution, unlearning or retraining, not $stage" >&2 && exit 2 ;;
esac
submit "$before" "$(on_nodes "influence run $quoted --stage $before")" "${several[@]}"
submit "$parts" "$(on_nodes "influence work $quoted $parts $task")" "${array[@]}" "${several[@]}"
submit "$stage" "influence run $quoted --stage $stage"
