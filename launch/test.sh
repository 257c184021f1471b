#!/usr/bin/env bash
# Installs the locked packages into .venv where they are not yet, and runs the tests.
#     launch/test.sh [--all] [arguments of pytest]      --all: the slow tests too
# PYTHON names the Python that a new .venv is made with (python3 if unset).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/environment.sh
use_environment requirements/test.txt editable
# Each worker compiles programs and holds them: more than four want much memory.
exec "$python" -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal "$@"
