#!/usr/bin/env bash
# Every benchmark, as one report: tests/bench/run.sh   (as root, after a release build, on a machine that does little else)
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
export LC_ALL=C IPCGUARD_BUILD=${IPCGUARD_BUILD:-$PWD/build/release}

section() { printf '\n== %s ==\n' "$1"; }

section 'the gates, whole processes'
tests/bench/gates.py
section 'config.json by size'
tests/bench/documents.py
section 'exceptions by number'
tests/bench/exceptions.py
section 'instructions, by callgrind'
tests/bench/instructions.sh "$IPCGUARD_BUILD/tests/counted"
section 'Docker, and many at once'
tests/bench/docker.sh
