#!/usr/bin/env bash
# Writes the pinned requirement files from pyproject.toml; needs uv (pip install uv).
#     launch/lock.sh              keep the pins, add and drop what pyproject.toml says
#     launch/lock.sh --upgrade    the newest versions that fit
# One resolution per file, for every platform and Python: no extra holds another back.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lock() { # lock NAME [--extra EXTRA]...
    uv pip compile --quiet --universal --python-version=3.11 --no-config \
        --no-annotate --no-emit-index-url --no-emit-find-links \
        --custom-compile-command="launch/lock.sh" \
        pyproject.toml "${@:2}" ${upgrade:+--upgrade} --output-file="requirements/$1.txt"
}

upgrade=${1:-}
lock base
lock faces --extra=faces
lock cuda12 --extra=cuda12
lock cuda13 --extra=cuda13
lock test --extra=faces --extra=test
