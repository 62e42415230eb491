#!/bin/sh
# Runs bootstrap.py with a Python of this machine that is new enough; PYTHON chooses one.
set -eu

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

here=$(dirname "$0")
if [ -n "${PYTHON:-}" ]; then
    if fits "$PYTHON"; then
        exec "$PYTHON" "$here/bootstrap.py" "$@"
    fi
    echo "error: PYTHON=$PYTHON is not a Python 3.11 or newer that runs; choose another, or unset it." >&2
    exit 1
fi
# In the order in which they are best tried out.
for python in python3.11 python3.12 python3.13 python3 python3.14; do
    if fits "$python"; then
        exec "$python" "$here/bootstrap.py" "$@"
    fi
done
echo "error: no Python 3.11 or newer was found on PATH. Install one (Debian, Ubuntu: apt install python3;" >&2
echo "macOS: brew install python@3.12), or point to it: make PYTHON=/path/to/python3" >&2
exit 1
