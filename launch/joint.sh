#!/usr/bin/env bash
# Prepare BP4D and EmotioNet, train the paper's model on them, and evaluate it.
#     launch/joint.sh BP4D_DIR EMOTIONET_DIR [--config.KEY=VALUE ...]
# Writes prepared/ and runs/joint/ in the current folder. Run it again to resume.
# PYTHON names the Python (python if unset).
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
fi
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH="$checkout${PYTHONPATH:+:$PYTHONPATH}"
run() { "${PYTHON:-python}" -m "$@"; }

run au_jax.prepare --dataset=bp4d --raw="$1" --data_dir=prepared
run au_jax.prepare --dataset=emotionet --raw="$2" --data_dir=prepared
run au_jax.main --config="$checkout/configs/joint.py" --workdir=runs/joint "${@:3}"
run au_jax.eval --workdir=runs/joint
