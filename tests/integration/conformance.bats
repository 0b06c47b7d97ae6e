#!/usr/bin/env bats
# What tests/conformance says of a peer's test that the bare runtime passes and the shim does not, or not always.

# shellcheck disable=SC2154 # lib/common.bash sets what it tells
load ../lib/common

# verdicts BARE SHIM: of a suite with one test, which passes (p) or fails (f) with each of them in turn as the letters say, the
# last again and again. Leaves in $out what the comparison said.
verdicts() {
    mkdir -p "$BATS_TEST_TMPDIR/here"
    : >"$BATS_TEST_TMPDIR/here/fake.listed"
    cat >"$BATS_TEST_TMPDIR/fake.sh" <<END_OF_FILE
set -euo pipefail
source "$TESTS_DIR/conformance/lib.bash"
HERE=$BATS_TEST_TMPDIR/here BARE=bare GUARDED=shim
list() { echo 'file: the test'; }
run_tests() {
    local letters=$1
    [ "\$1" = bare ] || letters=$2
    echo >>"\$WORK/calls-\$1"
    local call=\$((\$(wc -l <"\$WORK/calls-\$1") - 1))
    ((call < \${#letters})) || call=\$((\${#letters} - 1))
    case \${letters:call:1} in p) echo 'ok 1 the test' ;; f) echo 'not ok 1 the test' ;; s) echo 'ok 1 the test # skip not here' ;; esac
    echo '{}' >>/var/log/ipcguard/decisions.jsonl
}
[ -n "\${WORK:-}" ] || enter bash "\$0"
conformance fake
END_OF_FILE
    status=0
    out=$(bash "$BATS_TEST_TMPDIR/fake.sh" 2>&1) || status=$?
}

says() { # STATUS TEXT
    [[ $status == "$1" && $out == *"$2"* ]] || complain "exit $status: $out"
}

@test "the same, better, not run, not passed by the bare runtime" {
    verdicts p p
    says 0 'ok 1 same: file: the test'
    verdicts f p
    says 0 'ok 1 better: file: the test'
    verdicts s s
    says 0 'ok 1 not run: file: the test # skip not here'
    verdicts f f
    says 0 'ok 1 not passed by the bare runtime: file: the test # skip'
}

@test "the shim fails always" {
    verdicts p f
    says 1 'not ok 1 DIFFERS: file: the test (bare: pass, shim: fail'
    says 1 '0 passed (0 of them flaky), 1 failed'
}

@test "the shim fails in half of the calls" {
    verdicts p fpfpfpfpfp
    says 1 'not ok 1 DIFFERS: '
    verdicts p fffpppfpp
    says 1 'the shim failed 3 times and the bare runtime 0 times'
}

@test "the shim fails always, and the bare runtime in half of the calls" {
    verdicts pfpfpfpfp f
    says 1 'not ok 1 DIFFERS: '
}

@test "the bare runtime fails once by chance, and the shim never or always" {
    verdicts fp p
    says 0 'ok 1 same: '
    verdicts fp f
    says 1 'not ok 1 DIFFERS: '
}

@test "the shim skips what the bare runtime passes" {
    verdicts p s
    says 1 'not ok 1 DIFFERS: '
}

@test "flaky: named with its numbers and counted, if the shim fails once more than the bare runtime, or as often" {
    verdicts p fp
    says 0 'ok 1 flaky: file: the test (again, the shim failed 0 times and the bare runtime 0 times)'
    says 0 '1 passed (1 of them flaky), 0 failed'
    verdicts p fpppfp
    says 0 'the shim failed 1 times and the bare runtime 0 times'
    verdicts pfpfpfpfp ffpffpfpp
    says 0 'ok 1 flaky: '
}
