#!/usr/bin/env bats
# Ways around the start gate: before it has looked, where it cannot look, and where there is none.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts
load ../lib/start_gate

# What a race won against the create gate leaves: created by the bare runtime, in the host's IPC namespace.
slipped_through() {
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    capture "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    made
}

# exec_by_default SHIM ROOT [VARIABLE]: the same without --root; the runtime keeps its state in ROOT.
exec_by_default() {
    local ROOT=$2
    inside mkdir -p "$ROOT"
    slipped_through
    capture env "${@:3}" "$1" exec "$ID" readlink /proc/self/ns/ipc
    refused_exec host-ipc
    wait_until 60 ended "$INIT"
    bare delete "$ID"
}

exec_as_another() { # a runtime of another name
    cp "$BARE" "$BATS_TEST_TMPDIR/my-$RT"
    ln -sfn "$SHIM" "$BATS_TEST_TMPDIR/ipcguard-runtime.other"
    settings ".runtimes.other = \"$BATS_TEST_TMPDIR/my-$RT\""
    exec_by_default "$BATS_TEST_TMPDIR/ipcguard-runtime.other" "/run/$RT"
    # In folders of root's that it may not enter, an unprivileged caller's runtime keeps nothing.
    inside chmod 700 "/run/$RT"
    capture setpriv --reuid 65534 --clear-groups "$GUARDED" exec no-such-container true
    [ "$status" != 0 ] && [[ $err != *ipcguard* ]] || complain "unprivileged: exit $status: $err" || return
    policy_reset
}

exec_unread() { # which container it is for is not certain; runc takes the first
    slipped_through
    capture "$GUARDED" -root "$ROOT" exec "$ID" readlink /proc/self/ns/ipc
    refused_exec "'-root'"
    capture "$GUARDED" --root="$ROOT " exec "$ID" readlink /proc/self/ns/ipc
    refused_exec "'$ROOT '"
    record_says '"gate":"start"' '"kind":"ambiguous-command-line"'
}

refused_exec() { # WHY
    [ "$status" = 1 ] || complain "exec: exit $status: $out $err" || return
    [ -z "$out" ] || complain "stdout: $out" || return
    [[ $err == *'ipcguard: refused: '*"$1"* && $err != *$'\n'* ]] || complain "the message: $err"
}

exec_first() {
    slipped_through
    guarded exec "$ID" readlink /proc/self/ns/ipc
    refused_exec host-ipc
    [[ $err == *"$ID"* ]]
    wait_until 60 ended "$INIT"
    exec_by_default "$GUARDED" "/run/$RT"
    # crun honours it even for root; runc does not.
    if [ "$RT" = crun ]; then exec_by_default "$GUARDED" /run/user/crun XDG_RUNTIME_DIR=/run/user; else exec_by_default "$GUARDED" /run/runc XDG_RUNTIME_DIR=/run/user; fi
    exec_as_another
    exec_unread
    created
    guarded exec "$ID" readlink /proc/self/ns/ipc
    [ "$status $out" = "0 $(ipc_of "$INIT")" ] || complain "exec in a private one that waits: exit $status: $err"
}

@test "exec into a container that waits is judged like start" {
    for_each_runtime exec_first
}

blind() {
    local descriptors
    for descriptors in 3 4 5 6 7 8; do
        slipped_through
        capture bash -c 'ulimit -Sn "$1"; shift; exec "$@"' limited "$descriptors" "$GUARDED" --root "$ROOT" start "$ID"
        [ "$status" != 0 ] || complain "$descriptors descriptors: it was started"
        ! runs_program || complain "$descriptors descriptors: it runs"
    done
}

@test "a start gate that cannot look, for want of descriptors, starts nothing" {
    for_each_runtime blind
}

run_with() { # FILE: run, with FILE open as descriptor 3
    next_id
    bundle "$ID" '.process.args = ["true"]'
    capture bash -c 'exec 3<"$1"; shift; exec "$@"' open "$1" \
        "$GUARDED" --root "$ROOT" run --preserve-fds 1 --bundle "$(bundle_of "$ID")" "$ID"
}

run_descriptors() {
    local file kind
    for file in "$SHM/file:host-shm" "/dev/shm:host-shm" "/etc:host-shm" "/proc/$$/ns/ipc:host-ipc" "$MQUEUE/queue:host-mqueue"; do
        kind=${file##*:}
        run_with "${file%:*}"
        [ "$status" = 1 ] || complain "${file%:*}: exit $status: $err" || return
        [[ $err == *"ipcguard: refused: "*"$kind"* ]] || complain "$err" || return
    done
    run_with /etc/passwd
    [ "$status" = 0 ] || complain "/etc/passwd: exit $status: $err"
}

@test "run: descriptors handed in, since no start gate follows" {
    for_each_runtime run_descriptors
}

exec_with() { # FILE OPTION…: cat in container $ID, with FILE open as descriptor 3
    capture bash -c 'exec 3<"$1"; shift; exec "$@"' open "$1" "$GUARDED" --root "$ROOT" exec "${@:2}" "$ID" /bin/cat /proc/self/fd/3
}

exec_descriptors() {
    local file kind options
    created
    starts allow
    echo secret >"$SHM/file"
    for file in "$SHM/file:host-shm" "/dev/shm:host-shm" "/etc:host-shm" "/proc/$$/ns/ipc:host-ipc" "$MQUEUE/queue:host-mqueue"; do
        kind=${file##*:}
        exec_with "${file%:*}" --preserve-fds 1
        refused_exec "$kind"
        [[ $err == *"$ID"* ]] || complain "$err" || return
        record_says '"gate":"start"' '"decision":"refuse"' "\"kind\":\"$kind\"" "\"bundle\":\"$(bundle_of "$ID")" || return
    done
    LISTEN_FDS=1 exec_with "$SHM/file"
    refused_exec host-shm
    for options in -preserve-fds=1 --pre=1 --preserve-fds=0x1 '--unknown --preserve-fds=1' '--env --preserve-fds=1'; do
        # shellcheck disable=SC2086 # two words
        exec_with "$SHM/file" $options
        refused_exec ambiguous-command-line
    done
    runs_program || complain "the container was ended"
    exec_with "$ROOTFS/etc/passwd" --env A=1 --env B=2 --preserve-fds=1
    [ "$status" = 0 ] && [[ $out == root:* ]] || complain "a file that is no IPC: exit $status: $err" || return
    capture "$GUARDED" --root "$ROOT" exec "$ID" echo --preserve=all -preserve-fds 1
    [ "$status $out" = "0 --preserve=all -preserve-fds 1" ] || complain "the program's own words: exit $status: $err" || return
    exception exec.json '.match = { engine: "unknown", id: "ig-*" } | .allow = ["host-shm"]'
    exec_with "$SHM/file" --preserve-fds 1
    [ "$status $out" = "0 secret" ] || complain "excepted: exit $status: $err" || return
    record_is '.exposures[0] | .action == "excepted"'
    policy_reset
}

@test "exec: descriptors handed in to a container that was started, which stays" {
    for_each_runtime exec_descriptors
}

volumes() {
    local lower=$BATS_TEST_TMPDIR/lower-$RT merged=$BATS_TEST_TMPDIR/merged-$RT
    mkdir -p "$lower" "$merged"
    inside mount -t overlay -o "lowerdir=$SHM:$lower" overlay "$merged"
    next_id
    bundle "$ID" "$(mounted "$merged")"
    create "$ID"
    [ "$status" = 1 ] && [[ $err == *host-shm*overlay* ]] || complain "exit $status: $err"
    inside umount "$merged"
}

@test "a bind of an overlay that shows /dev/shm, as a Docker volume can be" {
    for_each_runtime volumes
}
