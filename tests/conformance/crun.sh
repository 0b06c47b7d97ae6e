#!/usr/bin/env bash
# crun's own test suite, with crun and with the shim before it, compared test by test.
#
#   tests/conformance/crun.sh [FILTER…]    FILTER: an extended regular expression that fits "FILE: NAME", e.g. '^test_(exec|start)'
#
# Root only. The suite is that of the installed crun, from Debian's source package. The whole takes about 2 minutes.
set -euo pipefail
# shellcheck source=tests/conformance/lib.bash disable=SC1091
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

# shellcheck disable=SC2034 # lib.bash uses them
BARE=/usr/bin/crun GUARDED=${WORK:-}/ipcguard-runtime.crun

prepare() {
    needs gcc libc6-dev libseccomp-dev python3 bsdutils
    sources crun
    [ ! -e "$SOURCES/.built" ] || return 0
    # The program that its containers run; of what ./configure finds out it wants these.
    printf '#define HAVE_ERROR_H 1\n#define HAVE_SECCOMP 1\n' >"$SOURCES/tests/config.h"
    gcc -static -I "$SOURCES/tests" -o "$SOURCES/tests/init" "$SOURCES/tests/init.c" -lseccomp
    # Debian has no libmount for Python; this much of it is asked for.
    cat >"$SOURCES/tests/libmount.py" <<'END_OF_FILE'
class Table:
    def __init__(self, file):
        self.mounts = {}
        for line in open(file):
            fields = line.split()
            self.mounts[fields[4]] = type("Mount", (), {"vfs_options": fields[5], "fs_options": fields[-1]})

    def find_target(self, target):
        return self.mounts[target]
END_OF_FILE
    touch "$SOURCES/.built"
}

list() {
    local file
    for file in "$SOURCES"/tests/test_*.py; do
        sed -n '/^all_tests = {/,/^}/p' "$file" | sed -nE "s/^ *[\"']([^\"']+)[\"'] *:.*/${file##*/}: \1/p"
    done
}

run_tests() { # RUNTIME FILE LIST
    # They look for the program there too.
    mkdir -p "$WORK/suite"
    ln -sfn "$SOURCES/tests" "$WORK/suite/tests"
    (
        cd "$WORK/suite"
        export OCI_RUNTIME=$1 INIT=$SOURCES/tests/init RUN_TESTS
        RUN_TESTS=$(paste -sd ' ' "$3")
        case $2 in # those of terminals want one
            test_tty.py) timeout -k 5 300 script --quiet --return --command "python3 '$SOURCES/tests/$2'" /dev/null | tr -d '\r' ;;
            *) timeout -k 5 300 python3 "$SOURCES/tests/$2" ;;
        esac
    ) </dev/null 4>&- 5>&-
}

if [[ -z ${WORK:-} ]]; then
    prepare
    SOURCES=$SOURCES enter "$0" "$@"
fi
hide_hybrid
conformance crun "$@"
