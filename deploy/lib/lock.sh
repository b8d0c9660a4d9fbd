#!/usr/bin/env bash
# Compiles deploy/requirements.lock (runtime) and deploy/requirements-dev.lock (a superset) from the pins of pyproject.toml.
# Run it with the oldest supported Python, whose set of dependencies covers the newer ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

case "${1:-}" in
-h | --help)
    echo "usage: deploy/lib/lock.sh [pip-compile options, for example --upgrade]"
    echo "Compiles the lock files in deploy/ from pyproject.toml; needs pip-compile in .venv or on PATH."
    exit 0
    ;;
esac

pip_compile=.venv/bin/pip-compile
[ -x "$pip_compile" ] || pip_compile=pip-compile
export CUSTOM_COMPILE_COMMAND=deploy/lib/lock.sh
common=(--quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host
    --no-emit-find-links --no-emit-options)

"$pip_compile" "${common[@]}" "$@" --output-file deploy/requirements.lock pyproject.toml deploy/requirements.in
"$pip_compile" "${common[@]}" "$@" --extra dev --constraint deploy/requirements.lock \
    --output-file deploy/requirements-dev.lock pyproject.toml deploy/requirements.in
