#!/usr/bin/env bash
# Trains one model with N processes on this machine; each has one of its GPUs, where
# there are any. The flags are those of au_jax.main:
#     launch/local.sh N --config=configs/joint.py --workdir=runs/joint [...]
# Ctrl-C or SIGTERM stops all of them after the same step; given again, it goes on.
# PYTHON names the Python (python if unset), PORT where the processes meet.
set -euo pipefail
if ! [[ "${1:-}" =~ ^[1-9][0-9]*$ ]]; then
    sed -n '2,6s/^# //p' "$0" >&2
    exit 2
fi
count=$1
shift
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH="$checkout${PYTHONPATH:+:$PYTHONPATH}"
python=${PYTHON:-python}
port=${PORT:-$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
gpus=$(nvidia-smi --list-gpus 2>/dev/null | wc -l || true)
if [ "$gpus" -gt 0 ] && [ "$count" -gt "$gpus" ]; then
    echo "error: $count processes, but this machine has $gpus GPUs" >&2
    exit 2
fi

pids=()
stopping=
stop() { kill -TERM "${pids[@]}" 2>/dev/null || true; }
trap 'stopping=1; stop' INT TERM
for ((index = 0; index < count; index++)); do
    if [ "$gpus" -gt 0 ]; then
        export CUDA_VISIBLE_DEVICES=$index
    fi
    "$python" -m au_jax.main --coordinator="127.0.0.1:$port" \
        --process_count="$count" --process_index="$index" "$@" &
    pids+=($!)
done

# What ends one ends all: the others would wait for it for ever.
code=0
for ((left = count; left > 0; left--)); do
    wait -n "${pids[@]}" || code=$?
    if [ "$code" -ne 0 ]; then
        break
    fi
done
if [ "$code" -ne 0 ]; then
    if [ -z "$stopping" ]; then # one of them failed; else a signal to this script
        stop
        # In a step that the lost one never finishes, SIGTERM is not looked at.
        (sleep 15 && kill -KILL "${pids[@]}") >/dev/null 2>&1 &
        killer=$!
    fi
    last=0
    wait "${pids[@]}" 2>/dev/null || last=$?
    [ -z "$stopping" ] || code=$last
    kill "${killer:-}" 2>/dev/null || true
fi
exit "$code"
