#!/usr/bin/env bash
# Install the locked packages into .venv unless they are installed, and run the tests.
#     launch/test.sh [--all] [arguments of pytest]      --all: the slow tests, too
# PYTHON names the Python that makes a new .venv (python3 if unset).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/environment.sh
use_environment requirements/test.txt editable
# At most four workers: each keeps the programs that it compiles in memory. A file stays
# with one worker, because its tests share what they compile and train. Files keep their
# order: else those with few tests come last, which are the long ones.
exec "$python" -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile \
    --no-loadscope-reorder "$@"
