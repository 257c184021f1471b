#!/usr/bin/env bash
# From nothing to results, without any data set: installs the locked packages into .venv,
# renders faces, trains both stages and the floor, and evaluates them.
#     launch/demo.sh [--config.KEY=VALUE ...]
# Writes prepared/ and runs/demo/. Given again, it goes on where it stopped.
# PYTHON names the Python that a new .venv is made with (python3 if unset).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/environment.sh
use_environment requirements/base.txt

"$python" -m au_jax.render --data_dir=prepared
exec "$python" -m au_jax.main --config=configs/joint.py:demo --workdir=runs/demo "$@"
