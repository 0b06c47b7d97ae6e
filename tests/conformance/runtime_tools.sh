#!/usr/bin/env bash
# The OCI's own validation of a runtime (runtime-tools), with the bare runtime and with the shim before it, compared program by program:
# what the bare runtime passes of a program's points, the shim passes.
#
#   IPCGUARD_RUNTIME_TOOLS=FOLDER tests/conformance/runtime_tools.sh runc|crun [FILTER…]    FILTER: as in "PROGRAM: ", e.g. '^(create|linux_ns_)'
#
# Root only. FOLDER is a clone of https://github.com/opencontainers/runtime-tools, which is in no package of Debian 12; its commit
# 260e151 is the last that Go 1.19 builds. The programs are built in it. About 3 minutes.
set -euo pipefail
# shellcheck source=tests/conformance/lib.bash disable=SC1091
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

# shellcheck disable=SC2034 # lib.bash uses them
case ${1:-} in
    runc) BARE=/usr/bin/runc GUARDED=$BUILD/ipcguard-runtime ;;
    crun) BARE=/usr/bin/crun GUARDED=${WORK:-}/ipcguard-runtime.crun ;;
    *) die 'say which runtime: runc or crun' ;;
esac
SOURCES=${IPCGUARD_RUNTIME_TOOLS:-}
[ -d "$SOURCES/validation" ] || die 'IPCGUARD_RUNTIME_TOOLS must name a clone of https://github.com/opencontainers/runtime-tools'
SOURCES=$(realpath "$SOURCES")

prepare() {
    needs golang-go
    local file
    cd "$SOURCES"
    export GOFLAGS='-mod=vendor -buildvcs=false' CGO_ENABLED=0
    go build -tags 'netgo osusergo' -o runtimetest ./cmd/runtimetest || die "its runtimetest cannot be built"
    for file in validation/*/*.go; do
        [[ $file == validation/util/* ]] || go build -o "${file%.go}.t" "./$file" || die "its $file cannot be built"
    done
}

points() { # RUNTIME PROGRAM: the numbers of those that pass
    (cd "$SOURCES" && TMPDIR=$WORK/tmp RUNTIME=$1 timeout -k 5 120 "validation/$2/$2.t") </dev/null 4>&- 5>&- 2>&1 | tee "$WORK/said" | sed -nE 's/^ok ([0-9]+) .*/\1/p' | sort
}

list() {
    local folder program
    mkdir "$WORK/points"
    for folder in "$SOURCES"/validation/*/; do
        program=$(basename "$folder")
        [ -e "$folder/$program.t" ] || continue
        points "$BARE" "$program" >"$WORK/points/$program" || :
        echo "$program: its points"
    done
    echo "points that the bare runtime passes: $(cat "$WORK"/points/* | wc -l)" >&2
}

run_tests() { # RUNTIME PROGRAM
    local lost
    [ -s "$WORK/points/$2" ] || { echo "ok 1 - its points # skip the bare runtime passes none of them here"; return; }
    lost=$(comm -23 "$WORK/points/$2" <(points "$1" "$2"))
    if [ -z "$lost" ]; then echo "ok 1 - its points"; else echo "not ok 1 - its points"; echo "# point ${lost//$'\n'/, }"; fi
    sed 's/^/# /' "$WORK/said"
}

if [ -z "${WORK:-}" ]; then
    (prepare)
    enter "$0" "$@"
fi
[ "$1" != crun ] || hide_hybrid
conformance runtime_tools "${@:2}"
