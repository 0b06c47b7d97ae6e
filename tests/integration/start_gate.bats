#!/usr/bin/env bats
# The start gate: the container was created with a private look, the kernel says otherwise. What may not start is dead
# before its program ran; what happened between the gates is made to happen for real.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts
load ../lib/start_gate

setup_file() {
    isolation_start
    host_memory
    make_carry
}

foreign_process() {
    unshare --ipc sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&- &
    FOREIGN=$!
    HELPERS+=("$FOREIGN")
    wait_until 60 foreign_is_ready
}
foreign_is_ready() { [ "$(ipc_of "$FOREIGN")" != "$(ipc_of self)" ]; }

# between SCRIPT: from here on SCRIPT runs between the create gate and the runtime, which it is configured as.
between() {
    local between=$BATS_TEST_TMPDIR/between-$RT
    printf '#!/bin/sh\ncase " $* " in *" create "*) %s ;; esac\nexec %s "$@"\n' "$1" "$BARE" >"$between"
    chmod 755 "$between"
    settings ".runtimes = { default: \"$between\", crun: \"$between\" }"
}

life() {
    created . --no-pivot
    starts allow
    created
    starts allow
    record_says '"exposures":[]'
    assert_private "$ID"
    guarded exec "$ID" readlink /proc/self/ns/ipc
    [ "$status $out" = "0 $(ipc_of "$INIT")" ]
    guarded state "$ID"
    [ "$(jq -r .status <<<"$out")" = running ]
    guarded kill "$ID" KILL
    [ "$status" = 0 ]
    wait_until 60 ended "$INIT"
    guarded delete "$ID"
    [ "$status" = 0 ] || complain "delete: $err"
    assert_nothing_left "$ID"
}

@test "a private container: create, start, exec, state, kill, delete" {
    for_each_runtime life
}

# swapped FILTER [LOOK]: created with config.json of LOOK, which was that of FILTER when the runtime read it.
swapped() {
    local directory
    next_id
    directory=$(bundle_of "$ID")
    bundle "$ID" "$1"
    mv "$directory/config.json" "$directory/other.json"
    bundle "$ID" "${2:-.}"
    between "mv $directory/other.json $directory/config.json"
    create "$ID"
    made
}

swapped_namespaces() {
    policy_reset
    foreign_process
    swapped "$WITHOUT_IPC"
    [ "$(ipc_of "$INIT")" = "$(ipc_of self)" ]
    refused_at_start host-ipc
    swapped "$(ipc_path "/proc/$$/ns/ipc") | del(.mounts[] | select(.type == \"mqueue\"))"
    [ "$(ipc_of "$INIT")" = "$(ipc_of self)" ]
    refused_at_start host-ipc
    swapped "$(ipc_path "/proc/$FOREIGN/ns/ipc")"
    [ "$(ipc_of "$INIT")" = "$(ipc_of "$FOREIGN")" ]
    refused_at_start foreign-ipc
    # Another container's, which is a PID namespace of its own too.
    created
    local other=$INIT
    swapped "$(ipc_path "/proc/$other/ns/ipc")"
    [ "$(ipc_of "$INIT")" = "$(ipc_of "$other")" ]
    refused_at_start foreign-ipc
    ! ended "$other"
}

@test "config.json swapped after the create gate: another IPC namespace" {
    for_each_runtime swapped_namespaces
}

swapped_mounts() {
    swapped "$(mounted /dev/shm)"
    is_of_host "$INIT" /mnt /dev/shm
    refused_at_start host-shm
    swapped "$(mounted "$SHM/file" bind bind /target)"
    is_of_host "$INIT" /target /dev/shm
    refused_at_start host-shm
    swapped "$(mounted "$MQUEUE")"
    is_of_host "$INIT" /mnt "$MQUEUE"
    refused_at_start host-mqueue
    cp -a "$ROOTFS" "$SHM/rootfs" 2>/dev/null || [ -d "$SHM/rootfs" ]
    swapped ".root.path = \"$SHM/rootfs\""
    refused_at_start host-shm
    swapped "$(mounted "/proc/$HOLDER/ns/ipc" bind bind /target)"
    refused_at_start host-ipc
    foreign_process
    swapped "$(mounted "/proc/$FOREIGN/ns/ipc" bind bind /target)"
    refused_at_start foreign-ipc
    swapped "$(mounted /dev 'rbind ro')"
    starts warn
    record_says '"kind":"host-shm-recursive"'
    swapped 'del(.linux.namespaces[] | select(.type == "pid"))'
    starts warn
    record_says '"kind":"host-proc"'
}

@test "config.json swapped after the create gate: mounts" {
    for_each_runtime swapped_mounts
}

# swapped_among_ours FILTER: the container has no mount namespace of its own, and a root file system that is FILTER's to
# fill.
swapped_among_ours() {
    OURS=$(mktemp -d "$BATS_TEST_TMPDIR/root-XXXXXX")
    cp -a "$ROOTFS/." "$OURS"
    [ "$MOUNTED" = no ] || inside mount --bind "$OURS" "$OURS"
    swapped "del(.linux.namespaces[] | select(.type == \"mount\")) | .root.path = \"$OURS\" |
        .mounts = [{ destination: \"/proc\", type: \"proc\", source: \"proc\" }] | $1"
    [ "$(readlink "/proc/$INIT/ns/mnt")" = "$(readlink "/proc/$HOLDER/ns/mnt")" ]
}

among_ours() {
    local MOUNTED OURS
    for MOUNTED in no yes; do
        swapped_among_ours .
        settings '.exposures = { "host-shm-recursive": "refuse" }'
        refused_at_start host-shm-recursive
        record_says 'among mounts that are not its own'
        swapped_among_ours .
        starts warn
        record_is '[.exposures[].kind] - ["host-proc"] == ["host-shm-recursive"]'
        swapped_among_ours "$(mounted /dev/shm)"
        is_of_host "$INIT" /mnt /dev/shm
        refused_at_start host-shm
        swapped_among_ours .
        inside mount --bind /dev/shm "$OURS/mnt"
        refused_at_start host-shm
        STDIN=/etc swapped_among_ours . # a folder outside of its root
        refused_at_start host-shm
    done
}

@test "config.json swapped after the create gate: no mount namespace" {
    for_each_runtime among_ours
}

swapped_layers() {
    mkdir -p "$BATS_TEST_TMPDIR/layer"
    swapped "$(overlaid "lowerdir=$SHM/folder:$BATS_TEST_TMPDIR/layer")"
    [ "$(<"/proc/$INIT/root/mnt/file")" = segment ]
    refused_at_start host-shm
    mkdir -p "$BATS_TEST_TMPDIR/over-$RT" "$SHM/upper-$RT" "$SHM/work-$RT"
    inside mount -t overlay -o "lowerdir=$SHM:$BATS_TEST_TMPDIR/layer" overlay "$BATS_TEST_TMPDIR/over-$RT"
    swapped "$(overlaid "lowerdir=$BATS_TEST_TMPDIR/over-$RT:$BATS_TEST_TMPDIR/layer")"
    [ "$(<"/proc/$INIT/root/mnt/file")" = segment ]
    refused_at_start host-shm
    handed "$BATS_TEST_TMPDIR/over-$RT/file" --preserve-fds 1
    refused_at_start host-shm
    inside umount "$BATS_TEST_TMPDIR/over-$RT"
    ln -sfn "$SHM/upper-$RT" "$BATS_TEST_TMPDIR/u:p"
    ln -sfn "$SHM/work-$RT" "$BATS_TEST_TMPDIR/w:k"
    swapped "$(overlaid "lowerdir=$BATS_TEST_TMPDIR/layer upperdir=$BATS_TEST_TMPDIR/u:p workdir=$BATS_TEST_TMPDIR/w:k")"
    refused_at_start host-shm
}

@test "config.json swapped after the create gate: an overlay" {
    for_each_runtime swapped_layers
}

joined_with_pids() {
    policy_reset
    created
    local other=$INIT
    swapped "$(ipc_path "/proc/$other/ns/ipc") | (.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$other/ns/pid\""
    [ "$(ipc_of "$INIT")" = "$(ipc_of "$other")" ]
    refused_at_start foreign-ipc
}

@test "config.json swapped after the create gate: another container's IPC and PID namespace" {
    for_each_runtime joined_with_pids
}

joined_pinned() {
    local pinned=$BATS_TEST_TMPDIR/pinned-$RT
    policy_reset
    : >"$pinned"
    inside unshare --ipc="$pinned" ipcmk --shmem 4096 >/dev/null
    swapped "$(ipc_path "$pinned")"
    [ "$(ipc_of "$INIT")" = "ipc:[$(inside stat --format %i "$pinned")]" ]
    refused_at_start foreign-ipc
    inside umount "$pinned"
}

@test "config.json swapped after the create gate: an IPC namespace that nobody is in" {
    for_each_runtime joined_pinned
}

switched_source() {
    local link=$BATS_TEST_TMPDIR/link-$RT
    mkdir -p "$BATS_TEST_TMPDIR/plain"
    ln -sfn "$BATS_TEST_TMPDIR/plain" "$link"
    between "ln -sfn /dev/shm $link"
    created "$(mounted "$link")"
    is_of_host "$INIT" /mnt /dev/shm
    refused_at_start host-shm
    # Not there at the first gate.
    between "ln -sfn $SHM/folder $link-2"
    created "$(mounted "$link-2")"
    refused_at_start host-shm
}

@test "a link in a mount's source switched after the create gate" {
    for_each_runtime switched_source
}

# annotations TYPE SANDBOX: a jq filter that writes what containerd's CRI plugin would.
annotations() {
    printf '.annotations = { "io.kubernetes.cri.container-type": "%s", "io.kubernetes.cri.sandbox-id": "%s" }' "$1" "$2"
}

sandbox() {
    next_id
    SANDBOX=$ID
    bundle "$ID" "$(annotations sandbox "$ID")"
    create "$ID"
    made
    SANDBOX_INIT=$INIT
    starts allow
}

pod() {
    sandbox
    created "$(annotations container "$SANDBOX") | $(ipc_path "/proc/$SANDBOX_INIT/ns/ipc")"
    starts allow
    record_says '"exposures":[]'
    [ "$(ipc_of "$INIT")" = "$(ipc_of "$SANDBOX_INIT")" ]
    created "$(annotations container "$SANDBOX") | $(ipc_path "/proc/$SANDBOX_INIT/ns/ipc")"
    starts allow
}

@test "members of a pod join their sandbox" {
    for_each_runtime pod
}

switched_namespace() {
    local link=$BATS_TEST_TMPDIR/namespace-$RT filter
    policy_reset
    sandbox
    foreign_process
    filter="$(annotations container "$SANDBOX") | $(ipc_path "$link") | del(.mounts[] | select(.type == \"mqueue\"))"
    ln -sfn "/proc/$SANDBOX_INIT/ns/ipc" "$link"
    between "ln -sfn /proc/$$/ns/ipc $link"
    created "$filter"
    [ "$(ipc_of "$INIT")" = "$(ipc_of self)" ]
    refused_at_start host-ipc
    ln -sfn "/proc/$SANDBOX_INIT/ns/ipc" "$link"
    between "ln -sfn /proc/$FOREIGN/ns/ipc $link"
    created "$filter"
    [ "$(ipc_of "$INIT")" = "$(ipc_of "$FOREIGN")" ]
    refused_at_start foreign-ipc
}

@test "a link in a namespace's path switched after the create gate" {
    for_each_runtime switched_namespace
}

# hook KIND SCRIPT: a jq filter; the script has the container's process in $pid and its state in $state.
hook() {
    local file
    file=$(mktemp "$BATS_TEST_TMPDIR/hook-XXXXXX")
    printf '#!/bin/sh\nstate=$(cat)\npid=$(printf %%s "$state" | grep -o %s | grep -o "[0-9]*$")\n%s\n' "'\"pid\": *[0-9]*'" "$2" >"$file"
    chmod 755 "$file"
    printf '.hooks = { "%s": [{ path: "%s" }] }' "$1" "$file"
}

hooks() {
    local kind
    for kind in prestart createRuntime; do
        created "$(hook "$kind" "$CARRY \$pid /dev/shm $ROOTFS/mnt /mnt")"
        is_of_host "$INIT" /mnt /dev/shm || complain "$kind did nothing"
        refused_at_start host-shm
        created "$(hook "$kind" "$CARRY \$pid mqueue $ROOTFS/mnt /mnt")"
        is_of_host "$INIT" /mnt "$MQUEUE" || complain "$kind did nothing"
        refused_at_start host-mqueue
    done
    created "$(hook createContainer "mount --bind $SHM/folder $ROOTFS/mnt")"
    is_of_host "$INIT" /mnt /dev/shm
    refused_at_start host-shm
    created "$(hook createContainer true)"
    starts allow
}

@test "hooks that mount the host's memory or message queues" {
    for_each_runtime hooks
}

later() {
    local shared=$BATS_TEST_TMPDIR/shared-$RT
    created
    "$CARRY" "$INIT" /dev/shm /mnt
    is_of_host "$INIT" /mnt /dev/shm
    refused_at_start host-shm
    mkdir -p "$shared/below"
    inside mount --bind "$shared" "$shared"
    inside mount --make-shared "$shared"
    created "$(mounted "$shared" 'rbind rslave') | .linux.rootfsPropagation = \"rslave\""
    inside mount --bind "$SHM" "$shared/below"
    is_of_host "$INIT" /mnt/below /dev/shm || complain 'it did not propagate'
    starts warn
    record_says '"kind":"host-shm-recursive"'
    inside umount "$shared/below" "$shared"
}

@test "mounts that were made or propagated after create" {
    for_each_runtime later
}

descriptors() {
    local options=("$@")
    handed /dev/shm "${options[@]}"
    refused_at_start host-shm
    handed "$SHM/file" "${options[@]}"
    refused_at_start host-shm
    handed "/proc/$$/ns/ipc" "${options[@]}"
    refused_at_start host-ipc
    foreign_process
    handed "/proc/$FOREIGN/ns/ipc" "${options[@]}"
    refused_at_start foreign-ipc
    handed "/proc/$FOREIGN/ns/net" "${options[@]}"
    starts allow
    handed "$MQUEUE/queue" "${options[@]}"
    refused_at_start host-mqueue
    handed "$MQUEUE" "${options[@]}"
    refused_at_start host-mqueue
    created
    touch "/proc/$INIT/root/dev/mqueue/queue"
    handed "/proc/$INIT/root/dev/mqueue/queue" "${options[@]}"
    refused_at_start host-mqueue
    handed "/proc/$$" "${options[@]}"
    refused_at_start host-shm
    record_says '"kind":"host-proc"'
    handed /etc/passwd "${options[@]}"
    starts allow
    record_says '"exposures":[]'
}

@test "descriptors handed in with --preserve-fds" {
    for_each_runtime descriptors --preserve-fds 1
}

@test "descriptors handed in with LISTEN_FDS" {
    export LISTEN_FDS=1
    for_each_runtime descriptors
}

# RLIMIT_MSGQUEUE is counted by user, in all IPC namespaces together: a container that uses it up leaves the host none.
queues_used_up() {
    printf '#!/bin/sh\nexec prlimit --msgqueue=0 %s "$@"\n' "$GUARDED" >"$BATS_TEST_TMPDIR/limited-$RT"
    chmod 755 "$BATS_TEST_TMPDIR/limited-$RT"
    local GUARDED=$BATS_TEST_TMPDIR/limited-$RT
    created
    starts allow
    record_says '"exposures":[]'
    handed "$MQUEUE/queue" --preserve-fds 1
    inside umount --lazy "$MQUEUE" # nobody has mounted them, and still
    refused_at_start host-mqueue
    inside mount -t mqueue host "$MQUEUE"
    handed "$MQUEUE/queue" --preserve-fds 1
    refused_at_start host-mqueue
}

@test "where no more message queues can be made, what is private starts and what has one of the host's does not" {
    for_each_runtime queues_used_up
}

# A folder of the host's mount namespace leads, by "..", to all that is mounted there (as in CVE-2024-21626).
folders() {
    handed /etc --preserve-fds 1
    [ "$(<"/proc/$INIT/fd/3/../$SHM/file")" = segment ]
    refused_at_start host-shm
    # Of a mount namespace that is neither the container's nor ours.
    unshare --mount sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&- &
    HELPERS+=("$!")
    # shellcheck disable=SC2016 # the other shell's
    wait_until 10 sh -c '[ "$(readlink "/proc/$1/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]' differs "$!"
    handed "/proc/$!/root/etc" --preserve-fds 1
    [ "$(<"/proc/$INIT/fd/3/../$SHM/file")" = segment ]
    refused_at_start host-shm
}

@test "folders of the host handed in are refused, for they lead to /dev/shm" {
    for_each_runtime folders
}

standard_stream() {
    STDIN=$SHM/file created
    [ "$(readlink "/proc/$INIT/fd/0")" = "$SHM/file" ]
    refused_at_start host-shm
}

@test "standard input from /dev/shm" {
    for_each_runtime standard_stream
}

allowed() {
    exception start.json '.match = { engine: "unknown", id: "ig-*" } | .allow = ["host-shm"]'
    handed "$SHM/file" --preserve-fds 1
    starts allow
    record_is '.exposures[0] | .kind == "host-shm" and .action == "excepted" and .exception == "test-exception"'
    handed "$MQUEUE/queue" --preserve-fds 1
    refused_at_start host-mqueue
    exception start.json '.match = { engine: "unknown", id: "ig-*" }'
    created "$WITHOUT_IPC | $(mounted /dev/shm) | $(mounted "$MQUEUE" bind bind /tmp)"
    starts allow
    assert_shares_host "$ID"
    rm "$POLICY/allowlist.d/start.json"
    # Granted at the first gate, withdrawn before the second.
    exception start.json '.match = { engine: "unknown", id: "ig-*" }'
    created "$WITHOUT_IPC"
    exception start.json '.match = { engine: "unknown", id: "ig-*" } | .expires = "2020-01-01"'
    refused_at_start host-ipc
    rm "$POLICY/allowlist.d/start.json"
    settings '.mode = "audit"'
    created "$WITHOUT_IPC"
    starts refuse
    record_says '"mode":"audit"' '"kind":"host-ipc"'
    assert_shares_host "$ID"
    policy_reset
}

@test "exceptions and audit mode let it start, and it is recorded" {
    mkdir -p "$ROOTFS/tmp"
    for_each_runtime allowed
}
