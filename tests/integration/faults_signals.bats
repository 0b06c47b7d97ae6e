#!/usr/bin/env bats
# The shim hit by signals at each of its system calls, and its child killed or stopped: nothing is created that must not
# be, nothing is left behind, and records are whole (docs/policy.md, "When something fails").

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts
load ../lib/faults

setup_file() { faults_start; }
teardown_file() { faults_stop; }
setup() { faults_reset; }
teardown() { delete_containers; }

ends_unadmitted() { ! was_called && [ "$status" != 0 ]; }

@test "signals at each moment of a refusal" {
    local signal
    creating "$WITHOUT_IPC"
    each_call_hit ends_unadmitted TERM 1 "${CREATE[@]}"
    each_call_hit ends_unadmitted KILL 2 "${CREATE[@]}"
    for signal in INT HUP PIPE; do each_call_hit ends_unadmitted "$signal" 7 "${CREATE[@]}"; done
    each_call_hit stays_refused CHLD 3 "${CREATE[@]}"
    records_whole
    wait_until 60 assert_no_processes
}

# Stopped at each moment, and continued.
stopped() {
    before_one
    capture bash -c 'strace -qq -o /dev/null -e signal=none -e "inject=all:signal=STOP:when=$1" "${@:2}" &
        until ! kill -0 $! 2>/dev/null; do pkill -CONT -P $! || :; sleep 0.02; done
        wait $!' stopped "$@"
}

@test "stopped and continued, a refusal is one all the same" {
    local number
    creating "$WITHOUT_IPC"
    for ((number = 1; number < $(calls_of "${CREATE[@]}" | wc -l); number += 15)); do
        stopped "$number" "${CREATE[@]}"
        stays_refused || complain "stopped at its call number $number: exit $status, $out$err"
    done
    records_whole
}

# A signal to a real runtime's create, on its way there: there is a container, whole, or none.
real_create() {
    local number count
    settings '.runtimes.default = "/usr/bin/runc"'
    next_id
    bundle "$ID"
    count=$(calls_of "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID" | wc -l)
    bare delete --force "$ID"
    for number in $(seq 1 15 "$count") "$count"; do # the last is the execve
        hit "all:signal=$1:when=$number" "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
        if [ "$status" = 0 ]; then
            assert_private "$ID"
            bare delete --force "$ID"
        else
            [ -z "$(init_of "$ID" 2>/dev/null)" ] || complain "exit $status, but there is a container"
        fi
        assert_nothing_left "$ID"
        wait_until 60 assert_no_processes
    done
    records_whole
}

@test "signals on the way to a real runtime leave a container or nothing" {
    for_each_runtime real_create TERM
}

# --- the sandboxed child -----------------------------------------------------------------------------------------------

@test "a child that is killed at any of its calls: refused, or it had answered" {
    local number=0 note=$BATS_TEST_TMPDIR/note unverified=0
    next_id
    bundle "$ID"
    while :; do
        rm -f "$note"
        before_one
        capture "$MEDDLE" kill $((++number)) "$note" "$SHIM" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
        [ -e "$note" ] || break
        if was_called; then
            [ "$status" = 0 ] || complain "killed at its call $number: exit $status"
        else
            stays_refused || complain "killed at its call $number: exit $status, $err"
            record_is '.error.kind == "unverifiable"'
            unverified=$((unverified + 1))
        fi
    done
    [ "$number" -gt 6 ] && [ "$unverified" -gt 4 ] || complain "$number calls, $unverified refusals"
}

@test "a child that hangs is killed, and the container refused" {
    local note=$BATS_TEST_TMPDIR/note
    next_id
    bundle "$ID"
    before_one
    capture "$MEDDLE" hang 8 "$note" "$SHIM" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    stays_refused || complain "exit $status, $out$err"
    [[ $err == *'took too long'* ]] || complain "$err"
    record_is '.error.kind == "unverifiable"'
    [ "$(<"$note")" = $'hit\nended' ] || complain "the child: $(<"$note")"
}
