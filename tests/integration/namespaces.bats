#!/usr/bin/env bats
# Which IPC namespace a container gets, asked of the kernel, for every way in which config.json can name one.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }

setup() {
    policy_reset
    HELPERS=()
}

teardown() {
    delete_containers
    inside umount "$BATS_TEST_TMPDIR/bound" 2>/dev/null || :
    [ ${#HELPERS[@]} = 0 ] || kill "${HELPERS[@]}" 2>/dev/null || :
}

refused_with_path() {
    next_id
    bundle "$ID" "$(ipc_path "$1")"
    create "$ID"
    assert_refused "$ID"
    record_says '"decision":"refuse"' '"gate":"create"' ${2:+"\"kind\":\"$2\""}
}

# A process in an IPC namespace of its own that is no container's.
foreign_process() {
    unshare --ipc sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&- &
    FOREIGN=$!
    HELPERS+=("$FOREIGN")
    wait_until 60 foreign_is_ready
}
foreign_is_ready() { [ "$(ipc_of "$FOREIGN")" != "$(ipc_of self)" ]; }

bind_namespace() {
    : >"$BATS_TEST_TMPDIR/bound"
    inside umount "$BATS_TEST_TMPDIR/bound" 2>/dev/null || :
    inside mount --bind "$1" "$BATS_TEST_TMPDIR/bound"
}

# with_descriptor 9 FILE: creates the container from a process that has FILE open as that descriptor.
create_with_descriptor() {
    capture bash -c 'exec 9<"$1"; shift; exec "$@"' open "$2" \
        "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$1")" "$1"
}

private_container() {
    next_id
    bundle "$ID"
    create "$ID"
    assert_private "$ID"
    bare start "$ID"
    assert_private "$ID"
    [ "$(bare state "$ID" | jq -r .status)" = running ]
}

@test "a container with an ipc entry gets its own namespace" {
    for_each_runtime private_container
}

run_in_foreground() {
    next_id
    bundle "$ID" "$(process_is 'readlink /proc/self/ns/ipc; exit 7')"
    guarded run --bundle "$(bundle_of "$ID")" "$ID"
    [ "$status" = 7 ]
    [[ $out == ipc:\[*\] ]]
    [ "$out" != "$(ipc_of self)" ]
    assert_nothing_left "$ID"
}

@test "run does the same in one step" {
    for_each_runtime run_in_foreground
}

without_entry() {
    local command
    for command in create run; do
        next_id
        bundle "$ID" "$WITHOUT_IPC"
        guarded "$command" --bundle "$(bundle_of "$ID")" "$ID"
        assert_refused "$ID"
        [[ $err == *"$ID"* && $err == *host-ipc* ]]
        record_is '.decision == "refuse" and .exposures[0].kind == "host-ipc" and .exposures[0].action == "refuse"'
    done
}

@test "no ipc entry is refused by create and run" {
    for_each_runtime without_entry
}

without_any() {
    local filter
    for filter in '.linux.namespaces = []' 'del(.linux.namespaces)' 'del(.linux)'; do
        next_id
        bundle "$ID" "$filter | del(.mounts[] | select(.type == \"mqueue\"))"
        create "$ID"
        assert_refused "$ID"
        record_is '.decision == "refuse"'
    done
}

@test "no namespaces at all are refused" {
    for_each_runtime without_any
}

bare_runtime_would_share() {
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    capture "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    assert_shares_host "$ID"
}

@test "the bare runtime would have shared: these tests can tell" {
    for_each_runtime bare_runtime_would_share
}

restore_refused() {
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    guarded restore --bundle "$(bundle_of "$ID")" "$ID"
    assert_refused "$ID"
}

@test "restore has the same gate" {
    for_each_runtime restore_refused
}

@test "the host's namespace by the path of a host process" {
    for_each_runtime refused_with_path "/proc/$$/ns/ipc" host-ipc
    for_each_runtime refused_with_path "/proc/$$/task/$$/ns/ipc" host-ipc
    for_each_runtime refused_with_path "/proc/../proc//./$$/ns/ipc" host-ipc
    for_each_runtime refused_with_path "/proc/$$/root/proc/$$/ns/ipc"
}

@test "the host's namespace by /proc/1 is refused, readable or not" {
    for_each_runtime refused_with_path /proc/1/ns/ipc
}

@test "process-relative paths are refused" {
    local path
    for path in /proc/self/ns/ipc /proc/thread-self/ns/ipc /proc/self/../self/ns/ipc /proc//self/ns/ipc \
        /proc/self/root/proc/self/ns/ipc /proc/self/fd/0 /dev/fd/0 /dev/stdin; do
        for_each_runtime refused_with_path "$path"
    done
}

bound_host() {
    bind_namespace "/proc/$$/ns/ipc"
    refused_with_path "$BATS_TEST_TMPDIR/bound" host-ipc
    ln -sfn "$BATS_TEST_TMPDIR/bound" "$BATS_TEST_TMPDIR/link"
    refused_with_path "$BATS_TEST_TMPDIR/link" host-ipc
    ln -sfn /proc/self/ns/ipc "$BATS_TEST_TMPDIR/self"
    refused_with_path "$BATS_TEST_TMPDIR/self"
}

@test "the host's namespace by a bind-mounted file and by links" {
    for_each_runtime bound_host
}

relative_path() {
    bind_namespace "/proc/$$/ns/ipc"
    refused_with_path ../bound
    cd "$BATS_TEST_TMPDIR" || return
    refused_with_path bound
}

@test "relative paths to the host's namespace are refused" {
    for_each_runtime relative_path
}

descriptor_path() {
    local path file
    foreign_process
    for file in "/proc/$$/ns/ipc" "/proc/$FOREIGN/ns/ipc"; do
        for path in /proc/self/fd/9 /dev/fd/9 /proc/thread-self/fd/9; do
            next_id
            bundle "$ID" "$(ipc_path "$path")"
            create_with_descriptor "$ID" "$file"
            assert_refused "$ID"
        done
    done
}

@test "inherited descriptors of namespaces are refused" {
    for_each_runtime descriptor_path
}

foreign() {
    foreign_process
    refused_with_path "/proc/$FOREIGN/ns/ipc" foreign-ipc
    bind_namespace "/proc/$FOREIGN/ns/ipc"
    refused_with_path "$BATS_TEST_TMPDIR/bound" foreign-ipc
    [[ $err == *foreign-ipc* ]]
}

@test "a namespace of no container is foreign" {
    for_each_runtime foreign
}

other_container() {
    local other
    next_id
    other=$ID
    bundle "$other"
    create "$other"
    assert_private "$other"
    refused_with_path "/proc/$(init_of "$other")/ns/ipc" foreign-ipc
    [ "$(bare state "$other" | jq -r .status)" = created ]
}

@test "another container's namespace is foreign" {
    for_each_runtime other_container
}

foreign_excepted() {
    foreign_process
    next_id
    bundle "$ID" "$(ipc_path "/proc/$FOREIGN/ns/ipc")"
    exception join.json '.allow = ["foreign-ipc"] | .match = { engine: "unknown", id: "'"$ID"'" }'
    create "$ID"
    [ "$status" = 0 ]
    [ "$(ipc_of "$(init_of "$ID")")" = "$(ipc_of "$FOREIGN")" ]
    # The same exception does not reach the host's namespace.
    bundle "$ID" "$WITHOUT_IPC"
    bare delete --force "$ID"
    create "$ID"
    assert_refused "$ID"
}

@test "an exception for a foreign namespace grants that and no more" {
    for_each_runtime foreign_excepted
}

not_a_namespace() {
    local path
    mkfifo "$BATS_TEST_TMPDIR/fifo-$RT"
    ln -s "$BATS_TEST_TMPDIR/nowhere" "$BATS_TEST_TMPDIR/dangling-$RT"
    ln -s "loop-$RT" "$BATS_TEST_TMPDIR/loop-$RT"
    : >"$BATS_TEST_TMPDIR/regular-$RT"
    for path in "/proc/$$/ns/net" "/proc/$$/ns/pid" "/proc/$$/ns/mnt" "/proc/$$/ns/pid_for_children" "/proc/$$/ns" \
        "$BATS_TEST_TMPDIR/"{fifo,dangling,loop,regular}"-$RT" "$BATS_TEST_TMPDIR" /nowhere/at/all /proc/4194304/ns/ipc \
        /dev/null /dev/zero /dev/tty /dev/ptmx "/proc/$$/ns/ipc/" "/$(printf '%05000d' 0)"; do
        refused_with_path "$path"
    done
}

@test "other namespaces and other files are refused, without waiting" {
    for_each_runtime not_a_namespace
}

empty_path() {
    next_id
    bundle "$ID" "$(ipc_path '')"
    create "$ID"
    if [ "$status" = 0 ]; then assert_private "$ID"; else assert_refused "$ID"; fi
}

@test "an empty path means a new namespace or nothing" {
    for_each_runtime empty_path
}

two_entries() {
    local filter
    for filter in '.linux.namespaces += [{ type: "ipc" }]' \
        '.linux.namespaces += [{ type: "ipc", path: "/proc/'"$$"'/ns/ipc" }]' \
        '.linux.namespaces = [{ type: "ipc", path: "/proc/'"$$"'/ns/ipc" }] + .linux.namespaces'; do
        next_id
        bundle "$ID" "$filter"
        create "$ID"
        assert_refused "$ID"
    done
}

@test "two ipc entries are refused" {
    for_each_runtime two_entries
}
