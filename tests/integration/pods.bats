#!/usr/bin/env bats
# Joining the namespace of one's own pod sandbox is allowed when the runtime's state proves it; nothing else is.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }
teardown() { delete_containers; }

# annotations TYPE SANDBOX: a jq filter that writes what containerd's CRI plugin would.
annotations() {
    printf '.annotations = { "io.kubernetes.cri.container-type": "%s", "io.kubernetes.cri.sandbox-id": "%s",
        "io.kubernetes.cri.sandbox-name": "pod", "io.kubernetes.cri.sandbox-namespace": "kube-system" }' "$1" "$2"
}

sandbox() {
    next_id
    SANDBOX=$ID
    bundle "$SANDBOX" "$(annotations sandbox "$SANDBOX")"
    create "$SANDBOX"
    [ "$status" = 0 ] || complain "no sandbox: $err" || return
    SANDBOX_PID=$(init_of "$SANDBOX")
}

# member SANDBOX-ID PATH: tries to create a container of that sandbox with that ipc path.
member() {
    next_id
    bundle "$ID" "$(annotations container "$1") | $(ipc_path "$2")"
    create "$ID"
}

own_sandbox() {
    sandbox
    assert_private "$SANDBOX"
    member "$SANDBOX" "/proc/$SANDBOX_PID/ns/ipc"
    assert_private "$ID"
    [ "$(ipc_of "$(init_of "$ID")")" = "$(ipc_of "$SANDBOX_PID")" ]
    record_is '.decision == "allow" and .exposures == []'
}

@test "a member joins its own sandbox" {
    for_each_runtime own_sandbox
}

own_running_sandbox() {
    sandbox
    bare start "$SANDBOX"
    member "$SANDBOX" "/proc/$SANDBOX_PID/ns/ipc"
    assert_private "$ID"
    member "$SANDBOX" "/proc/$SANDBOX_PID/ns/ipc"
    assert_private "$ID"
}

@test "two members join their running sandbox" {
    for_each_runtime own_running_sandbox
}

default_root() {
    ROOT=/run/$RT
    own_sandbox
    next_id
    bundle "$ID" "$(annotations container "$SANDBOX") | $(ipc_path "/proc/$SANDBOX_PID/ns/ipc")"
    capture "$GUARDED" create --bundle "$(bundle_of "$ID")" "$ID"
    assert_private "$ID"
}

@test "the same with the runtime's default state directory, named or not" {
    for_each_runtime default_root
}

user_runtime_directory() {
    mkdir -p "$PRIVATE/run/user"
    export XDG_RUNTIME_DIR=/run/user
    next_id
    SANDBOX=$ID
    bundle "$SANDBOX" "$(annotations sandbox "$SANDBOX")"
    capture "$GUARDED" create --bundle "$(bundle_of "$SANDBOX")" "$SANDBOX"
    [ "$status" = 0 ]
    SANDBOX_PID=$(inside "$BARE" state "$SANDBOX" | jq .pid)
    next_id
    bundle "$ID" "$(annotations container "$SANDBOX") | $(ipc_path "/proc/$SANDBOX_PID/ns/ipc")"
    capture "$GUARDED" create --bundle "$(bundle_of "$ID")" "$ID"
    local joined=$status message=$err
    inside "$BARE" delete --force "$ID" || :
    inside "$BARE" delete --force "$SANDBOX"
    [ "$joined" = 0 ] || complain "$message"
}

@test "the same under XDG_RUNTIME_DIR, which crun honours even for root" {
    for_each_runtime user_runtime_directory
}

refused_as() {
    assert_refused "$ID"
    record_says '"decision":"refuse"' "\"kind\":\"$1\""
}

wrong_sandbox() {
    local first first_pid
    sandbox
    first=$SANDBOX first_pid=$SANDBOX_PID
    sandbox
    member "$first" "/proc/$SANDBOX_PID/ns/ipc"
    refused_as foreign-ipc
    member "$SANDBOX" "/proc/$first_pid/ns/ipc"
    refused_as foreign-ipc
}

@test "refused when the annotation names another sandbox" {
    for_each_runtime wrong_sandbox
}

unknown_sandbox() {
    local name
    sandbox
    for name in no-such-sandbox '' . .. "../test-$RT/$SANDBOX" "./$SANDBOX" "$SANDBOX/" "/run/test-$RT/$SANDBOX"; do
        member "$name" "/proc/$SANDBOX_PID/ns/ipc"
        refused_as foreign-ipc
    done
}

@test "refused when the annotation names no sandbox, or one by a path" {
    for_each_runtime unknown_sandbox
}

ordinary_container() {
    local other
    next_id
    other=$ID
    bundle "$other"
    create "$other"
    assert_private "$other"
    member "$other" "/proc/$(init_of "$other")/ns/ipc"
    refused_as foreign-ipc
}

@test "refused when the named sandbox is an ordinary container" {
    for_each_runtime ordinary_container
}

member_as_sandbox() {
    local other
    sandbox
    next_id
    other=$ID
    bundle "$other" "$(annotations container "$SANDBOX")"
    create "$other"
    assert_private "$other"
    member "$other" "/proc/$(init_of "$other")/ns/ipc"
    refused_as foreign-ipc
}

@test "refused when the named sandbox is a member of a pod" {
    for_each_runtime member_as_sandbox
}

mislabelled() {
    sandbox
    next_id
    bundle "$ID" "$(annotations sandbox "$ID") | $(ipc_path "/proc/$SANDBOX_PID/ns/ipc")"
    create "$ID"
    refused_as foreign-ipc
    next_id
    bundle "$ID" "$(annotations sandbox "$SANDBOX") | $(ipc_path "/proc/$SANDBOX_PID/ns/ipc")"
    create "$ID"
    refused_as foreign-ipc
    next_id
    bundle "$ID" "$(ipc_path "/proc/$SANDBOX_PID/ns/ipc")"
    create "$ID"
    refused_as foreign-ipc
}

@test "refused when the joining container calls itself a sandbox, or nothing" {
    for_each_runtime mislabelled
}

host_ipc_sandbox() {
    exception host.json '.match = { engine: "unknown", id: "ig-'"$RT-$$"'-*" , bundle: "*-sandbox" }'
    next_id
    SANDBOX=$ID
    bundle "$SANDBOX" "$(annotations sandbox "$SANDBOX") | $WITHOUT_IPC"
    mv "$(bundle_of "$SANDBOX")" "$(bundle_of "$SANDBOX")-sandbox"
    guarded create --bundle "$(bundle_of "$SANDBOX")-sandbox" "$SANDBOX"
    assert_shares_host "$SANDBOX"
    SANDBOX_PID=$(init_of "$SANDBOX")
    member "$SANDBOX" "/proc/$SANDBOX_PID/ns/ipc"
    refused_as host-ipc
    member "$SANDBOX" "/proc/$$/ns/ipc"
    refused_as host-ipc
}

@test "refused when the sandbox itself shares the host's IPC" {
    for_each_runtime host_ipc_sandbox
}

pod_without_ipc() {
    sandbox
    next_id
    bundle "$ID" "$(annotations container "$SANDBOX") | $WITHOUT_IPC"
    create "$ID"
    refused_as host-ipc
}

@test "refused when a member names its sandbox but no namespace" {
    for_each_runtime pod_without_ipc
}

dead_sandbox() {
    sandbox
    bare delete --force "$SANDBOX"
    member "$SANDBOX" "/proc/$SANDBOX_PID/ns/ipc"
    assert_refused "$ID"
}

@test "refused when the sandbox is gone" {
    for_each_runtime dead_sandbox
}

stale_state() {
    local file filter other
    # The state still names a sandbox, but the process it names is now another one.
    sandbox
    next_id
    other=$ID
    bundle "$other"
    create "$other"
    other=$(init_of "$other")
    case $RT in
        runc) file=state.json filter=.init_process_pid ;;
        crun) file=status filter=.pid ;;
    esac
    jq -c "$filter = $other" "$PRIVATE$ROOT/$SANDBOX/$file" >"$BATS_TEST_TMPDIR/state"
    cp "$PRIVATE$ROOT/$SANDBOX/$file" "$BATS_TEST_TMPDIR/good"
    cp "$BATS_TEST_TMPDIR/state" "$PRIVATE$ROOT/$SANDBOX/$file"
    member "$SANDBOX" "/proc/$other/ns/ipc"
    cp "$BATS_TEST_TMPDIR/good" "$PRIVATE$ROOT/$SANDBOX/$file"
    refused_as foreign-ipc
}

@test "refused when the state names a process that started at another time" {
    for_each_runtime stale_state
}
