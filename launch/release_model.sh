#!/usr/bin/env bash
# Make a model from a folder of photographs of neutral faces, without any labels.
#     launch/release_model.sh PHOTOS [--config.KEY=VALUE ...]
# Writes prepared/reenacted, runs/release, model.aujax and its card, model.md. It takes
# about fifteen minutes of two cores for 445 photographs. Run it again to resume.
# PYTHON names the Python that makes a new .venv (python3 if unset).
set -euo pipefail
if [ $# -lt 1 ]; then
    sed -n '2,6s/^# //p' "$0" >&2
    exit 2
fi
photos=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/environment.sh
use_environment requirements/faces.txt
run() { "$python" -m "$@"; }

run au_jax.reenact --raw="$photos" --data_dir=prepared --pictures=20 --most=6
run au_jax.main --config=configs/release.py --workdir=runs/release "${@:2}"
run au_jax.eval --workdir=runs/release --calibrate=val
run au_jax.eval --workdir=runs/release
run au_jax.export --workdir=runs/release --out=model.aujax --card=model.md
