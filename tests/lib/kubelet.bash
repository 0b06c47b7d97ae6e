# shellcheck shell=bash disable=SC2034,SC2154 # lib/common.bash sets what it tells, tests use what is set here
# Asks an engine for pods through the container runtime interface, as kubelet does. An engine's own file has process_of ID, the
# process of a pod's container, 0 if there is none.

CRI=$TESTS_DIR/e2e/cri

# kubelet_start SOCKET: one client for all tests, since node takes long to start.
kubelet_start() {
    command -v node >/dev/null || complain 'node is missing' || return
    [ -d "$CRI/node_modules/@grpc/grpc-js" ] || complain "run npm ci in $CRI" || return
    export CRI_CALLS=$BATS_FILE_TMPDIR/calls CRI_REPLIES=$BATS_FILE_TMPDIR/replies
    mkfifo "$CRI_CALLS" "$CRI_REPLIES"
    setpriv --pdeathsig KILL nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns=/ -- node "$CRI/cri.mjs" "$1" \
        "$CRI_CALLS" "$CRI_REPLIES" </dev/null >"$BATS_FILE_TMPDIR/cri.log" 2>&1 3>&- 4>&- &
    disown
    local ready
    read -r -t 20 ready <>"$CRI_REPLIES" || complain "no client: $(cat "$BATS_FILE_TMPDIR/cri.log")" || return
    wait_until 60 cri Version >/dev/null
}

# cri METHOD [REQUEST]: one call; what it answers, on standard output.
cri() {
    local folder=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR} answered
    # Opened for both, so that no end waits for the other, and no call for ever.
    printf '%s\n' "$folder $1 ${2:-{\}}" 1<>"$CRI_CALLS"
    read -r -t 60 answered <>"$CRI_REPLIES" || complain "no answer to $1: $(cat "$BATS_FILE_TMPDIR/cri.log")" || return
    cat "$folder/stdout"
    cat "$folder/stderr" >&2
    return "$answered"
}

# The same with its output and exit status as capture leaves them.
cri_capture() {
    status=0
    out=$(cri "$@" 2>"$BATS_TEST_TMPDIR/cri-stderr") || status=$?
    err=$(<"$BATS_TEST_TMPDIR/cri-stderr")
}

# pod NAMESPACE NAME [FILTER]: runs a pod's sandbox; leaves its id in $POD and its configuration in $POD_CONFIG. $HANDLER is
# the runtime handler, as a pod's RuntimeClass chooses it.
pod() {
    POD='' SERIAL=$((${SERIAL:-0} + 1))
    POD_CONFIG=$(jq -nc --arg namespace "$1" --arg name "$2" --arg uid "uid-$SERIAL" --arg cgroup "$CGROUP_PARENT" '{
        metadata: { name: $name, namespace: $namespace, uid: $uid, attempt: 1 }, log_directory: ("/run/engine/logs/" + $uid),
        labels: { "io.kubernetes.pod.name": $name, "io.kubernetes.pod.namespace": $namespace, "io.kubernetes.pod.uid": $uid },
        annotations: { "kubernetes.io/config.seen": "2026-11-21T20:00:00Z", "kubernetes.io/config.source": "api" },
        linux: { cgroup_parent: $cgroup, security_context: { namespace_options: { network: "NODE", pid: "CONTAINER", ipc: "POD" } } } }
        | '"${3:-.}")
    cri_capture RunPodSandbox "$(jq -nc --argjson config "$POD_CONFIG" --arg handler "${HANDLER:-}" '{ config: $config, runtime_handler: $handler }')"
    [ "$status" != 0 ] || POD=$(jq -r .pod_sandbox_id <<<"$out")
}

HOST_IPC='.linux.security_context.namespace_options.ipc = "NODE"'
HOST_SHM='.mounts = [{ container_path: "/mnt", host_path: "/dev/shm" }]'
annotated() { jq -rn --args '$ARGS.positional | map(split("=") | { key: .[0], value: .[1] }) | from_entries | ".annotations += \(tojson)"' -- "$@"; }

# member NAME [FILTER]: creates and starts a container in that pod, as kubelet does; its id in $MEMBER. $MEMBERS is a filter for
# all of them.
member() {
    local request
    request=$(jq -nc --arg pod "$POD" --argjson sandbox "$POD_CONFIG" --arg name "$1" '
        ($sandbox.linux.security_context) as $context | { pod_sandbox_id: $pod, sandbox_config: $sandbox, config: ({
        metadata: { name: $name, attempt: 1 }, image: { image: "docker.io/library/app:1" }, command: ["sleep", "100000"],
        labels: { "io.kubernetes.container.name": $name, "io.kubernetes.pod.name": $sandbox.metadata.name,
                  "io.kubernetes.pod.namespace": $sandbox.metadata.namespace, "io.kubernetes.pod.uid": $sandbox.metadata.uid },
        annotations: { "io.kubernetes.container.restartCount": "0" }, log_path: ($name + ".log"),
        linux: { security_context: $context } } | '"${2:-.}"' | '"${MEMBERS:-.}"') }')
    cri_capture RunContainer "$request"
    MEMBER=$out
}

container_state() { cri ContainerStatus "{\"container_id\":\"$1\"}" | jq -r .status.state; }

exec_sync() { cri ExecSync "$(jq -nc '{ container_id: $ARGS.positional[0], cmd: $ARGS.positional[1:], timeout: 10 }' --args -- "$@")"; }

# Everything a pod can say to pass for another: each key of the CRI plugin's, the kubelet's and CRI-O's.
claims() {
    local key keys=()
    for key in io.kubernetes.cri.{container-type,sandbox-id,sandbox-namespace,sandbox-name,sandbox-uid,container-name,image-name,podsandbox.image-name} \
        io.kubernetes.pod.{namespace,name,uid} io.kubernetes.container.name io.container.manager \
        io.kubernetes.cri-o.{Namespace,SandboxID,SandboxName,Name,KubeName,ContainerType,ImageName,ImageRef,ContainerName}; do
        keys+=("$key=${1:-kube-system}")
    done
    annotated "${keys[@]}" "${@:2}"
}

# The defaults, and more, that a forger would want to match.
wanted_by_forgers() {
    jq -n '[["kube-system", "namespace"], ["kube-system", "pod"], ["kube-system", "container"], ["kube-system", "image"], ["kube-system*", "image_id"],
        ["kube-system", "name"], ["docker.io/library/app:1", "image"], ["app", "container"]] | { exceptions: map({ name: (.[1] + .[0] | gsub("[^a-z]"; "-")),
        reason: "a forger wants it", match: { engine: "kubernetes", (.[1]): .[0] }, allow: ["host-ipc", "foreign-ipc", "host-shm"] }) }' \
        >"$POLICY/allowlist.d/wanted.json"
    chmod 644 "$POLICY/allowlist.d/wanted.json"
}

excepted() { exception kubernetes.json ".match = ({ engine: \"kubernetes\" } + $1) | ${2:-.}"; }

# What a call that was admitted left running is where it belongs.
runs_privately() {
    [ "$status" = 0 ] || complain "not admitted: $err" || return
    private_process "$(process_of "$1")"
}

runs_in_hosts() {
    [ "$status" = 0 ] || complain "not admitted: $err" || return
    host_process "$(process_of "$1")"
}

# refused_call KIND [FILTER]: the call failed with our message, and the record, which satisfies the filter too, says so. Leaves
# in $refused the id in the record.
refused_call() {
    [ "$status" = 1 ] || complain "exit $status: $err" || return
    [[ $err == *"ipcguard: refused: container '"*"$1: "* ]] || complain "the message: $err" || return
    record_is ".decision == \"refuse\" and .gate == \"create\" and (.exposures | map(.kind) | index(\"$1\")) and (${2:-true})" || return
    refused=$(last_record | jq -r .container.id)
}

# That a member's life is as without the shim.
members_life() {
    local first
    pod default web
    member app
    first=$MEMBER
    cri StopContainer "{\"container_id\":\"$first\",\"timeout\":0}"
    [ "$(container_state "$first")" = CONTAINER_EXITED ]
    member app '.metadata.attempt = 2'
    runs_privately "$MEMBER"
    cri RemoveContainer "{\"container_id\":\"$first\"}"
    member fails '.command = ["sh", "-c", "exit 7"]'
    wait_until 60 exited_with 7
    member no-program '.command = ["/no/such/program"]'
    [[ $status = 1 && $err == *'runc create failed'*'no such file or directory'* && $err != *ipcguard* ]]
    cri StopPodSandbox "{\"pod_sandbox_id\":\"$POD\"}"
    cri RemovePodSandbox "{\"pod_sandbox_id\":\"$POD\"}"
    [ "$(cri ListContainers | jq -c '[.containers[].id]')" = '[]' ]
}
exited_with() { [ "$(cri ContainerStatus "{\"container_id\":\"$MEMBER\"}" | jq -c '[.status.state, .status.exit_code]')" = "[\"CONTAINER_EXITED\",$1]" ]; }
