#!/usr/bin/env bats
# What passthrough.bats asks is worth something: it sees each fault that is planted in a shim. (The peers' own suites, in
# tests/conformance, do not see a changed environment, ignored signals, a new session, or a fork instead of exec.)

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/passthrough

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }
teardown() { delete_containers; }

# plant FAULT: leaves in $PLANTED a shim with that fault.
plant() {
    PLANTED=$BATS_TEST_TMPDIR/${1//[ \']/-}/ipcguard-runtime
    [ -x "$PLANTED" ] || { mkdir -p "${PLANTED%/*}" && cc -DPLANT="\"$1\"" -DREAL="\"$SHIM\"" -o "$PLANTED" "$TESTS_DIR/integration/planted.c"; }
    ln -sf ipcguard-runtime "$PLANTED.crun"
}

# asked QUESTION…: what becomes of that function of lib/passthrough.bash with the planted shim; in $status, and $told. Not as
# part of a condition, where bash would go on after a command that fails.
asked() {
    status=0
    (
        set -eE
        use_runtime "${RUNTIME:-runc}"
        GUARDED=$PLANTED
        [ "$RT" = runc ] || GUARDED=$PLANTED.crun
        "$@"
    ) >"$BATS_TEST_TMPDIR/told" 2>&1 3>&- 4>&- &
    wait "$!" || status=$?
    told=$(<"$BATS_TEST_TMPDIR/told")
    delete_containers
}

# seen QUESTION FAULT…: the answer is wrong with each of these faults.
seen() {
    local fault question=$1
    shift
    [ "$question" != becomes_the_runtime ] || make_probe
    for fault; do
        plant "$fault"
        asked $question
        [ "$status" != 0 ] || complain "nobody sees that it $fault" || return
    done
}

@test "without a fault, the planted shim passes" {
    plant nothing
    for question in standard_input exit_codes preserved_descriptors start_one 'same --version'; do
        asked $question
        [ "$status" = 0 ] || complain "$question: $told"
    done
    make_probe
    asked becomes_the_runtime
    [ "$status" = 0 ] || complain "$told"
}

@test "arguments" {
    seen becomes_the_runtime 'drops the last argument' 'drops empty arguments' 'splits an argument at its blank'
}

@test "output" {
    seen becomes_the_runtime 'writes to standard output' 'writes to standard error'
    policy_reset
    seen 'same --version' 'writes to standard output' 'writes to standard error'
}

@test "descriptors" {
    seen becomes_the_runtime 'closes a descriptor' 'closes all descriptors' 'leaks a descriptor' 'leaks a high descriptor' "changes a descriptor's flags"
    policy_reset
    seen preserved_descriptors 'closes all descriptors'
}

@test "standard input" {
    seen becomes_the_runtime 'loses standard input' 'reads from standard input' 'closes standard input'
    policy_reset
    seen standard_input 'loses standard input' 'reads from standard input'
}

@test "working directory, umask, environment" {
    seen becomes_the_runtime 'changes the working directory' 'changes the umask' 'adds to the environment' 'takes from the environment' \
        'changes PATH' 'empties the environment'
}

@test "signals" {
    seen becomes_the_runtime 'ignores SIGPIPE' 'ignores SIGHUP' 'resets ignored signals' 'blocks a signal'
}

@test "process, session, group" {
    seen becomes_the_runtime 'forks instead of exec' 'leaves a child behind' 'starts a session' 'starts a process group'
}

@test "exit status" {
    seen exit_codes 'changes the exit code'
}

@test "limits and attributes" {
    seen becomes_the_runtime 'changes its niceness' 'lowers a limit' 'sets no_new_privs' 'asks for a parent-death signal' 'is a subreaper' \
        'leaves an alarm'
}

@test "the name that chooses the runtime" {
    RUNTIME=crun seen 'same --version' 'changes the name it is called by'
}
