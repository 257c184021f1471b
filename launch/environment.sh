# Make .venv unless it exists, and install the packages of a lock file unless they are
# installed. Sets $python. Scripts source this file:
#     source launch/environment.sh; use_environment LOCK [editable]
# With "editable", this checkout is installed as a package, too.
# PYTHON names the Python that makes a new .venv (python3 if unset).

use_environment() {
    local lock=$1 wanted stamp
    python=.venv/bin/python
    if [ ! -x "$python" ]; then
        PYTHON=${PYTHON:-python3}
        if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "error: $PYTHON is $("$PYTHON" --version 2>&1), but Python 3.11 or newer" \
                "is needed; name one with PYTHON=/path/to/python3 $0" >&2
            exit 2
        fi
        echo "making .venv with $("$PYTHON" --version)" >&2
        # Without its own pip: Debian's python3 cannot install pip into a new environment.
        "$PYTHON" -m venv --without-pip .venv
    fi
    # Also if an earlier start ended before it had installed pip.
    if ! "$python" -c 'import pip' 2>/dev/null; then
        "${PYTHON:-python3}" -m pip --python "$python" install --quiet pip
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
