#!/usr/bin/env bats
# Too little of everything, memory, descriptors, processes, standard streams, a working directory, a writable root, /proc,
# and too much to read. What must be refused is not created, and what runs is not changed; else one line says why
# (docs/policy.md, "When something fails").

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts
load ../lib/faults

setup_file() { faults_start; }
teardown_file() { faults_stop; }
setup() {
    faults_reset
    next_id
    PRIVATE_ID=$ID
    bundle "$PRIVATE_ID"
    next_id
    SHARED_ID=$ID
    bundle "$SHARED_ID" "$WITHOUT_IPC"
}
teardown() { delete_containers; }

create_under() { # ID PROGRAM…
    before_one
    capture "${@:2}" "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$1")" "$1"
}

# under PROGRAM…: what shares is not created. What is private is created and nothing said, or one line says why not. Where
# the kernel cannot even load a program into such limits, or libc not begin, nobody is there to say anything.
under() {
    create_under "$SHARED_ID" "$@"
    ! was_called && [ "$status" != 0 ] || complain "$*: created: $err" || return
    create_under "$PRIVATE_ID" "$@"
    if was_called; then
        [ "$status" = 0 ] && [ -z "$out$err" ] || complain "$*: exit $status: $out$err" || return
        CREATED=$((CREATED + 1))
    elif [ "$status" = 1 ] && [[ $err == *'ipcguard: '* && $err != *$'\n'* ]]; then
        SAID=$((SAID + 1))
    else
        [ "$status" -ge 126 ] && [ -z "$out" ] || complain "$*: exit $status: $out$err" || return
    fi
}

# limited LIMIT FROM TO STEP: under each of these limits, some too low and some enough.
limited() {
    local most
    CREATED=0 SAID=0
    for ((most = $2; most <= $3; most += $4)); do
        under bash -c 'ulimit "$1" "$2" && exec "${@:3}"' limited "$1" "$most" || return
    done
    [ "$CREATED" -gt 0 ] || complain "ulimit $1: never created, and said $SAID times"
    records_whole
}

@test "address space, in steps of 128 KiB" { limited -v 2560 4096 128; }

@test "data, in steps of 32 KiB" { limited -d 0 512 32; }

@test "descriptors: 0 to 20 of them" {
    limited -n 0 20 1
    [ "$SAID" -ge 3 ] || complain "said $SAID times"
}

@test "stack, in steps of 64 KiB" { limited -s 64 512 64; }

# cgroup CONTROLLER FILE VALUE: leaves in $CGROUP a folder of that controller's with that limit. FILE is version 1's name,
# then version 2's.
cgroup() {
    local name=${CGROUP_PARENT#/}
    if [ -d "/sys/fs/cgroup/$1" ]; then
        CGROUP=/sys/fs/cgroup/$1/$name/faults
        mkdir -p "$CGROUP"
        echo "$3" >"$CGROUP/${2%:*}"
    else
        CGROUP=/sys/fs/cgroup/$name/faults
        mkdir -p "$CGROUP"
        echo "+$1" >"/sys/fs/cgroup/cgroup.subtree_control"
        echo "+$1" >"/sys/fs/cgroup/$name/cgroup.subtree_control"
        echo "$3" >"$CGROUP/${2#*:}"
    fi
}
confined() { under sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' confined "$CGROUP"; }

@test "memory of a control group: the kernel kills the shim or its child" {
    local most pad
    pad=$(head -c 6000000 /dev/zero | tr '\0' x)
    for ID in "$PRIVATE_ID" "$SHARED_ID"; do
        # Most of it is read into the heap of both.
        { head -c -2 "$(bundle_of "$ID")/config.json" && printf ',"pad":"%s"}' "$pad"; } >"$BATS_TEST_TMPDIR/padded"
        mv "$BATS_TEST_TMPDIR/padded" "$(bundle_of "$ID")/config.json"
    done
    CREATED=0 SAID=0
    for most in 3 6 9 12 15 64; do
        cgroup memory memory.limit_in_bytes:memory.max "${most}M"
        confined
    done
    [ "$CREATED" -gt 0 ] && [ "$CREATED" -lt 6 ] || complain "created $CREATED times of 6"
    records_whole
}

@test "processes of a control group: no child can be made" {
    CREATED=0 SAID=0
    cgroup pids pids.max:pids.max 1
    confined
    [ "$SAID" = 1 ] && [[ $err == *unverifiable*'cannot be started'* ]] || complain "$err"
    record_is '.error.kind == "unverifiable"'
}

@test "standard streams that are closed" {
    local closed
    for closed in '<&-' '>&-' '<&- >&-'; do
        refused "$WITHOUT_IPC" bash -c 'exec "$@" '"$closed" closed
        runs bash -c 'exec "$@" '"$closed" closed
    done
    for closed in '2>&-' '<&- >&- 2>&-'; do
        create_under "$SHARED_ID" bash -c 'exec "$@" '"$closed" closed
        ! was_called && [ "$status" = 1 ] && one_more || complain "$closed: exit $status"
        runs bash -c 'exec "$@" '"$closed" closed
    done
}

@test "a reader of stderr that has gone: exit 1, the log of --log and the record are written" {
    local log=$BATS_TEST_TMPDIR/log
    before_one
    capture bash -c 'exec 3> >(:); sleep 0.3; exec "$@" 2>&3' gone "$GUARDED" --root "$ROOT" --log "$log" --log-format json create \
        --bundle "$(bundle_of "$SHARED_ID")" "$SHARED_ID"
    ! was_called && [ "$status" = 1 ] || complain "exit $status"
    one_more
    jq -e '.msg | startswith("ipcguard: refused: ")' "$log"
}

@test "a working directory that is gone" {
    refused "$WITHOUT_IPC" bash -c 'mkdir "$1" && cd "$1" && rmdir "$1" && exec "${@:2}"' gone "$BATS_TEST_TMPDIR/gone"
    runs bash -c 'mkdir "$1" && cd "$1" && rmdir "$1" && exec "${@:2}"' gone "$BATS_TEST_TMPDIR/gone"
}

# In mounts of its own, whose records are told by syslog where the log is read-only too.
apart() { unshare --mount sh -ec "$1"' && exec "$@"' apart; }

@test "everything read-only" {
    local all='for at in / /etc /var/log; do mount -o remount,bind,ro $at; done'
    refused "$WITHOUT_IPC" unshare --mount sh -ec "$all"'; exec "$@"' apart
    runs unshare --mount sh -ec "$all"'; exec "$@"' apart
}

@test "without /proc: nothing is created, and nothing started" {
    local none='umount --lazy --recursive /proc; exec "$@"'
    settings .
    : >"$RECORDS"
    for ID in "$PRIVATE_ID" "$SHARED_ID"; do
        create_under "$ID" unshare --mount sh -ec "$none" apart
        assert_refused "$ID"
        one_more
        record_is '.error.kind == "unverifiable"'
    done
    # A container of the bare runtime's, which nobody judged.
    fault_settings
    ID=$SHARED_ID
    bare create --bundle "$(bundle_of "$ID")" "$ID" >/dev/null 2>&1 3>&- </dev/null
    before_one
    capture unshare --mount sh -ec "$none" apart "$GUARDED" --root "$ROOT" start "$ID"
    ! was_called && [ "$status" = 1 ] && [[ $err == *'ipcguard: refused: '*unverifiable* ]] || complain "exit $status: $err"
    record_is '.gate == "start" and .error.kind == "unverifiable"'
}

# padded SIZE FILE: FILE with an annotation that makes it that large, to the byte.
padded() {
    local size
    jq -c '.annotations = { pad: "@PAD@" }' "$2" | tr -d '\n' >"$2.head"
    size=$(($1 - $(stat --format %s "$2.head") + 5))
    { sed 's/@PAD@.*//' "$2.head" && head -c "$size" /dev/zero | tr '\0' x && sed 's/.*@PAD@//' "$2.head"; } >"$2.new"
    mv "$2.new" "$2"
    [ "$(stat --format %s "$2")" = "$1" ]
}

@test "a config.json of 16 MiB is read, of a byte more or of 32 MB it is not" {
    local size
    next_id
    bundle "$ID"
    for size in 16777216 16777217 32000000; do
        padded $size "$(bundle_of "$ID")/config.json"
        before_one
        create "$ID"
        if [ $size = 16777216 ]; then
            was_called && [ "$status" = 0 ] || complain "$size: exit $status: $err"
            continue
        fi
        ! was_called || complain "$size bytes: it was created"
        assert_refused "$ID"
        record_is '.error.kind == "invalid-config"'
    done
    bundle "$ID" "$WITHOUT_IPC"
    padded 16777216 "$(bundle_of "$ID")/config.json"
    create "$ID"
    assert_refused "$ID"
    record_is '.exposures[0].kind == "host-ipc"'
}

@test "a state.json of 32 MB starts nothing" {
    next_id
    bundle "$ID"
    bare create --bundle "$(bundle_of "$ID")" "$ID" >/dev/null 2>&1 3>&- </dev/null
    cp "$PRIVATE$ROOT/$ID/state.json" "$BATS_TEST_TMPDIR/state"
    padded 32000000 "$PRIVATE$ROOT/$ID/state.json"
    before_one
    guarded start "$ID"
    ! was_called && [ "$status" = 1 ] && [[ $err == *'ipcguard: refused: '*unverifiable*state.json* ]] || complain "exit $status: $err"
    record_is '.gate == "start" and .error.kind == "unverifiable"'
    cp "$BATS_TEST_TMPDIR/state" "$PRIVATE$ROOT/$ID/state.json"
}
