#!/usr/bin/env bash
# Installs the locked packages into .venv where they are not yet, and runs the tests.
#     launch/test.sh [--all] [arguments of pytest]      --all: the slow tests too
# PYTHON names the Python that a new .venv is made with (python3 if unset).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lock=requirements/test.txt
python=.venv/bin/python

if [ ! -x "$python" ]; then
    PYTHON=${PYTHON:-python3}
    if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "error: $PYTHON is $("$PYTHON" --version 2>&1), and 3.11 or newer is needed;" \
            "name one: PYTHON=/path/to/python3 launch/test.sh" >&2
        exit 2
    fi
    # Without its own pip: Debian's python3 cannot install one into a new environment.
    "$PYTHON" -m venv --without-pip .venv
    "$PYTHON" -m pip --python "$python" install --quiet pip
fi

wanted=$(cat "$lock" pyproject.toml | "$python" -c \
    'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
if [ "$wanted" != "$(cat .venv/installed 2>/dev/null || true)" ]; then
    "$python" -m pip install --quiet -r "$lock"
    "$python" -m pip install --quiet --no-deps --no-build-isolation -e .
    echo "$wanted" >.venv/installed
fi
exec "$python" -m pytest "$@"
