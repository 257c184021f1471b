#!/usr/bin/env bash
# Install the locked packages into .venv, render faces, train stages 1 and 2 and the
# supervised baseline on them, and evaluate the result. Needs no data set.
#     launch/demo.sh [--config.KEY=VALUE ...]
# Writes prepared/ and runs/demo/. Run it again to resume.
# PYTHON names the Python that makes a new .venv (python3 if unset).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/environment.sh
use_environment requirements/base.txt

"$python" -m au_jax.render --data_dir=prepared
exec "$python" -m au_jax.main --config=configs/joint.py:demo --workdir=runs/demo "$@"
