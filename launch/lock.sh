#!/usr/bin/env bash
# Write the pinned requirement files from pyproject.toml. Needs uv (pip install uv).
#     launch/lock.sh              keep the pins; add and drop packages as pyproject.toml says
#     launch/lock.sh --upgrade    pin the newest versions that fit
# Each file is resolved on its own, for every platform and Python, so that no extra holds
# another back. lowest.txt has the oldest versions that pyproject.toml allows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lock() { # lock NAME [--extra EXTRA]...
    uv pip compile --quiet --universal --python-version=3.11 --no-config \
        --no-annotate --no-emit-index-url --no-emit-find-links \
        --custom-compile-command="launch/lock.sh" \
        pyproject.toml "${@:2}" ${upgrade:+--upgrade} --output-file="requirements/$1.txt"
}

upgrade=${1:-}
if [ -n "$upgrade" ] && [ "$upgrade" != --upgrade ]; then
    sed -n '2,4s/^# //p' launch/lock.sh >&2
    exit 2
fi
lock base
lock faces --extra=faces --extra=report
lock cuda12 --extra=cuda12
lock cuda13 --extra=cuda13
lock onnx --extra=onnx
lock test --extra=faces --extra=test
rm -f requirements/lowest.txt # or a bound that was lowered would keep its old pin
lock lowest --extra=faces --extra=test --resolution=lowest-direct
