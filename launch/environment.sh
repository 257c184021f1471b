# Sourced by the scripts that need .venv: makes it where there is none, and installs the
# packages of a lock where they are not yet. Sets $python.
#     source launch/environment.sh; use_environment LOCK [editable]
# With "editable" this checkout is installed as a package, too.
# PYTHON names the Python that a new .venv is made with (python3 if unset).

use_environment() {
    local lock=$1 wanted stamp
    python=.venv/bin/python
    if [ ! -x "$python" ]; then
        PYTHON=${PYTHON:-python3}
        if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "error: $PYTHON is $("$PYTHON" --version 2>&1), and 3.11 or newer is" \
                "needed; name one: PYTHON=/path/to/python3 $0" >&2
            exit 2
        fi
        echo "making .venv with $("$PYTHON" --version)" >&2
        # Without its own pip: Debian's python3 cannot install one into a new one.
        "$PYTHON" -m venv --without-pip .venv
        "$PYTHON" -m pip --python "$python" install --quiet pip
    fi
    wanted=$(cat "$lock" pyproject.toml | "$python" -c \
        'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
    stamp=.venv/installed-$(basename "$lock" .txt)
    if [ "$wanted" != "$(cat "$stamp" 2>/dev/null || true)" ]; then
        echo "installing $lock into .venv" >&2
        "$python" -m pip install --quiet -r "$lock"
        if [ "${2:-}" = editable ]; then
            "$python" -m pip install --quiet --no-deps --no-build-isolation -e .
        fi
        echo "$wanted" >"$stamp"
    fi
}
