#!/usr/bin/env bats
# Each system call of the shim's failed in turn. A container that must be refused is not created and not started, whatever
# fails; one that is private either is, or there is one line that says why not (docs/policy.md, "When something fails").

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts
load ../lib/faults

setup_file() {
    faults_start
    host_memory
}
teardown_file() {
    host_memory_end
    faults_stop
}
setup() { faults_reset; }
teardown() { delete_containers; }

# The calls by which the shim finds out what is whose.
LOOKING='openat2?|statx|newfstatat|fstatfs|readlink|readlinkat|read|getdents64|lseek|ioctl|mq_open|pidfd_open'

@test "create: each call that fails, and a container without an IPC namespace of its own" {
    creating "$WITHOUT_IPC"
    each_call_fails stays_refused '.*' EIO -- "${CREATE[@]}"
    [ "$HITS" -gt 40 ]
    records_whole
}

@test "create: each call that fails, and what is the host's by a path, a mount, a layer" {
    ln -s /dev "$BATS_TEST_TMPDIR/link"
    creating "$(ipc_path /proc/1/ns/ipc)"
    each_call_fails stays_refused "$LOOKING" EIO -- "${CREATE[@]}"
    creating "$(mounted "$BATS_TEST_TMPDIR/link/shm")"
    each_call_fails stays_refused "$LOOKING" EIO -- "${CREATE[@]}"
    creating "$(mounted "$MQUEUE")"
    each_call_fails stays_refused "$LOOKING" ENOMEM -- "${CREATE[@]}"
    creating "$(overlaid "lowerdir=$SHM:/mnt")"
    each_call_fails stays_refused "$LOOKING" EACCES -- "${CREATE[@]}"
}

@test "run: each call that fails, and a descriptor of the host's memory" {
    exec 5<"$SHM/file"
    creating . run --preserve-fds 3
    each_call_fails stays_refused "$LOOKING" EIO -- "${CREATE[@]}"
    exec 5<&-
}

# starting FILTER [OPTION…]: leaves in $START a call for a container that the bare runtime has created. It is refused where
# nothing fails, and is not killed, though the shim believes so.
starting() {
    next_id
    bundle "$ID" "$1"
    capture "$RUNC" --root "$ROOT" create "${@:2}" --bundle "$(bundle_of "$ID")" "$ID"
    [ "$status" = 0 ] || complain "not created: $err" || return
    START=("$SHIM" --root "$ROOT" start "$ID")
    HELD=(-e inject=pidfd_send_signal:retval=0 -e inject=poll:retval=1)
    hit getppid:error=EIO "${START[@]}" # of which there is none
    stays_refused || complain "not refused, though nothing fails: exit $status, $out$err"
}

@test "start: each call that fails, and a container without an IPC namespace of its own" {
    starting "$WITHOUT_IPC"
    each_call_fails stays_refused '.*' EIO -- "${START[@]}"
    [ "$HITS" -gt 40 ]
    records_whole
}

@test "start: each call that fails, and what is the host's by a mount, a layer, a descriptor" {
    mkdir "$BATS_TEST_TMPDIR"/{upper,work}
    starting "$(mounted "$SHM")"
    each_call_fails stays_refused "$LOOKING" ENOMEM -- "${START[@]}"
    starting "$(overlaid "lowerdir=$SHM upperdir=$BATS_TEST_TMPDIR/upper workdir=$BATS_TEST_TMPDIR/work")"
    each_call_fails stays_refused "$LOOKING" EIO -- "${START[@]}"
    exec 5<"$SHM/file"
    starting . --preserve-fds 3
    exec 5<&-
    each_call_fails stays_refused "$LOOKING" EIO -- "${START[@]}"
}

@test "start: an init that cannot be killed is told of, and recorded" {
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    bare create --bundle "$(bundle_of "$ID")" "$ID" >/dev/null 2>&1 3>&- </dev/null
    hit pidfd_send_signal:error=EPERM "$SHIM" --root "$ROOT" start "$ID"
    stays_refused
    [[ $err == *'cannot be ended'* ]] || complain "$err"
    record_is '.decision == "refuse" and .gate == "start" and .error.kind == "unverifiable" and .exposures[0].kind == "host-ipc"'
}

# A private container: the runtime is run and nothing is said, or it is not, and one line says why.
runs_or_says() {
    if was_called; then
        [ "$status" = 0 ] && [ -z "$out$err" ]
    else
        [ "$status" = 1 ] && [ -z "$out" ] && [[ $err == *'ipcguard: '* && $err != *$'\n'* ]]
    fi
}

@test "a private container: each call that fails" {
    next_id
    bundle "$ID"
    each_call_fails runs_or_says '.*' EIO ENOMEM EMFILE -- "$SHIM" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    records_whole
}

# Interrupted for once, calls that can be are made again.
interrupted() { was_called && [ "$status" = 0 ] && [ -z "$out$err" ]; }

@test "a private container: reads, polls and waits that are interrupted are made again" {
    next_id
    bundle "$ID"
    each_call_fails interrupted 'read|poll|wait4' EINTR -- "$SHIM" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
}

@test "exec: what cannot be looked up runs nothing" {
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    bare create --bundle "$(bundle_of "$ID")" "$ID" >/dev/null 2>&1 3>&- </dev/null
    HELD=(-e inject=pidfd_send_signal:retval=0 -e inject=poll:retval=1)
    unheard() { ! was_called && [ "$status" = 1 ] && [[ -n $err && $err != *$'\n'* ]]; }
    each_call_fails unheard newfstatat EIO -- "$SHIM" --root "$ROOT" exec "$ID" true
}
