#!/usr/bin/env bash
# Makes .venv at the root from a hash-locked requirements file; needs nothing but Python 3.11 or newer.
# Sourced by deploy/demo, deploy/test and deploy/bench; run it by hand to set up without running anything.
# All it says goes to stderr, so that the caller's stdout carries the program's output alone.
set -euo pipefail

setup_usage() {
    cat <<'TEXT'
usage: deploy/lib/setup.sh [runtime|dev]
Makes .venv at the root of the project and installs the locked packages and the project itself.
  runtime  what the detector needs to run (default)
  dev      the same and the tools that test it
Nothing is installed again while the lock file is unchanged. PYTHON names another interpreter.
TEXT
}

setup_say() { printf '[setup] %s\n' "$*" >&2; }

# Succeeds when the interpreter runs, is new enough and can make virtual environments.
setup_python_fits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

setup_find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        if command -v "$candidate" >/dev/null 2>&1 && setup_python_fits "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    setup_say "no usable Python: need 3.11 or newer with the venv and ensurepip modules, looked for" \
        "${PYTHON:-python3.13, python3.12, python3.11, python3 and python}"
    setup_say "install one (on Debian: apt-get install python3 python3-venv) or name one with PYTHON=/path/to/python"
    return 1
}

# The identity of what is installed: the project's place and the content of the files it is installed from.
setup_fingerprint() {
    "$1" - "$2" "$PWD/$3" "$PWD/pyproject.toml" <<'PY'
import hashlib, pathlib, sys
kind, *files = sys.argv[1:]
digest = hashlib.sha256(repr((kind, files)).encode())
for file in files:
    digest.update(pathlib.Path(file).read_bytes())
print(digest.hexdigest())
PY
}

# pip's own narration, one short line per package, so that a long download is seen to move.
setup_narrate() { awk '/^Collecting / { print "[setup]   " $2; fflush() }' >&2; }

setup_install() {
    local kind=$1 lock=$2 python
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
        python=$(setup_find_python)
        setup_say "making .venv with $("$python" --version) ($python)"
        "$python" -m venv --clear .venv
    fi
    setup_say "installing the $kind packages of $lock (with hashes, once)"
    # The lock is the whole set, so nothing is resolved: some versions of pip would otherwise take a newer
    # release than the locked one wherever a package is asked for with an extra. `pip check` proves the set whole.
    .venv/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r "$lock" | setup_narrate
    setup_say "installing the project itself"
    .venv/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable . >&2
    .venv/bin/python -m pip --disable-pip-version-check check >&2
}

setup() {
    local kind=$1 lock=deploy/requirements.lock other
    [ "$kind" = dev ] && lock=deploy/requirements-dev.lock
    if [ -x .venv/bin/python ]; then
        for other in dev "$kind"; do
            local other_lock=deploy/requirements.lock
            [ "$other" = dev ] && other_lock=deploy/requirements-dev.lock
            if [ -f ".venv/installed-$other" ] &&
                [ "$(cat ".venv/installed-$other")" = "$(setup_fingerprint .venv/bin/python "$other" "$other_lock")" ]; then
                return 0
            fi
        done
    fi
    setup_install "$kind" "$lock"
    rm -f .venv/installed-*
    setup_fingerprint .venv/bin/python "$kind" "$lock" >".venv/installed-$kind"
    setup_say "ready: .venv, $(.venv/bin/python --version), $kind packages"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    cd "$(dirname "${BASH_SOURCE[0]}")/../.."
    case "${1:-runtime}" in
    runtime | dev) setup "${1:-runtime}" ;;
    -h | --help) setup_usage ;;
    *)
        setup_usage >&2
        exit 2
        ;;
    esac
fi
