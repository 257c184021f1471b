#!/usr/bin/env bash
# Train one model with N processes on this machine, each with one of its GPUs if it has
# any (of CUDA_VISIBLE_DEVICES, if that is set). The flags are those of `au-jax train`:
#     launch/local.sh N --config=joint --workdir=runs/joint [...]
# Ctrl-C or SIGTERM stops all of them after the same step. Run it again to resume.
# PYTHON names the Python (python if unset), PORT the port on which the processes meet.
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
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 501)); then
    echo "error: this is Bash $BASH_VERSION, but 5.1 or newer is needed" >&2
    exit 2
fi
port=${PORT:-$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then # the GPUs that a scheduler or you chose
    IFS=, read -ra gpus <<<"${CUDA_VISIBLE_DEVICES#-1}"
else
    mapfile -t gpus < <(nvidia-smi --list-gpus 2>/dev/null | sed -n 's/^GPU \([0-9]*\):.*/\1/p')
fi
if [ "${#gpus[@]}" -gt 0 ] && [ "$count" -gt "${#gpus[@]}" ]; then
    echo "error: N is $count, but the number of GPUs is ${#gpus[@]}" >&2
    exit 2
fi

pids=()
stopping=
stop() { kill -TERM "${pids[@]}" 2>/dev/null || true; }
trap 'stopping=1; stop' INT TERM
for ((index = 0; index < count; index++)); do
    if [ "${#gpus[@]}" -gt 0 ]; then
        export CUDA_VISIBLE_DEVICES=${gpus[index]}
    fi
    "$python" -m au_jax.main --coordinator="127.0.0.1:$port" \
        --process_count="$count" --process_index="$index" "$@" &
    pids+=($!)
done

# When one process ends with an error, end all: the others would wait for it for ever.
code=0
while [ "${#pids[@]}" -gt 0 ]; do
    wait -n -p ended "${pids[@]}" 2>/dev/null || code=$? # hides Bash's "Killed"
    for index in "${!pids[@]}"; do
        [ "${pids[index]}" != "${ended:-}" ] || break
    done
    if [ "$code" -ne 0 ]; then
        break
    fi
    unset "pids[index]"
done
if [ "$code" -eq 0 ]; then
    exit 0
fi
case $code in
130 | 143) limit=15 ;; # a signal: all processes stop by themselves after the same step
*) limit=0 ;;          # nothing to save: steps and checkpoints need all processes
esac
if [ -z "$stopping" ]; then # after a signal to this script, stopping may take longer
    (sleep "$limit" && kill -KILL "${pids[@]}") >/dev/null 2>&1 &
    killer=$!
fi
last=0
wait "${pids[@]}" 2>/dev/null || last=$?
kill "${killer:-}" 2>/dev/null || true
if [ -n "$stopping" ]; then
    exit "$last"
fi
how="ended with code $code"
[ "$code" -le 128 ] || how="was ended by SIG$(kill -l "$code")"
case $code in
2 | 130 | 143) ;; # the process has printed the reason itself
*) echo "error: process $index of $count (from 0) $how, so the others were ended, too;" \
    "run the same command again to resume" >&2 ;;
esac
exit "$code"
