#!/usr/bin/env bash
# Train the runs of a comparison side by side on a Slurm cluster, one GPU each:
#     bash launch/compare.sh --config=compare --workdir=runs/compare
# Each level is an array that waits for the one before, because its runs start from
# networks of that one. When all are done, the same command with `au-jax compare` in
# place of this script writes the tables. Run this script again to resume; runs that are
# done end at once. Options of sbatch, such as a partition, come from SBATCH_* variables.
# Activate the environment of au_jax first, in a folder that all machines share.
set -euo pipefail

runs=$(python -m au_jax.compare "$@" --list)
last=
for level in $(grep -o '^--level=[0-9]*' <<<"$runs" | sort -u | grep -o '[0-9]*'); do
    count=$(grep -c "^--level=$level " <<<"$runs")
    last=$(sbatch --parsable --array="0-$((count - 1))" \
        ${last:+--dependency="afterany:$last"} \
        launch/compare.slurm "$@" --level="$level")
    echo "level $level: $count runs, job $last"
done
echo "then: python -m au_jax.compare $*"
