# shellcheck shell=bash disable=SC2034,SC2154 # lib/common.bash sets what it tells, tests use what is set here
# A containerd of our own: all that it keeps is on a tmpfs in the private mount namespace, and the shim is its runc. Images
# are made by hand, so that no other engine is needed.

CRI=$TESTS_DIR/e2e/cri

# containerd_start: with the settings of its own that a test file keeps for containerd_settings.
containerd_start() {
    local tool
    for tool in containerd ctr containerd-shim-runc-v2; do
        command -v "$tool" >/dev/null || complain "$tool is missing" || return
    done
    inside sh -ec 'mkdir /run/engine; mount -t tmpfs -o mode=711 engine /run/engine'
    containerd_config >"$PRIVATE/etc/containerd.toml"
    containerd_run
}

containerd_run() {
    setpriv --pdeathsig TERM nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns=/ -- env TMPDIR=/run/engine containerd \
        --config /etc/containerd.toml </dev/null >"$BATS_FILE_TMPDIR/containerd.log" 2>&1 3>&- 4>&- &
    export CONTAINERD=$!
    disown
    wait_until 60 containerd_answers || complain "containerd does not answer: $(tail -n 5 "$BATS_FILE_TMPDIR/containerd.log")"
}

# Its containers keep running.
containerd_restart() {
    kill -TERM "$CONTAINERD"
    wait_until 30 containerd_is_gone || complain 'containerd does not end' || return
    containerd_run
}

# The handlers: the shim, the shim with all annotations of pods and containers passed through, the shim before crun, and
# bare runc.
containerd_config() {
    local name binary annotations
    cat <<END_OF_FILE
version = 2
root = "/run/engine/root"
state = "/run/engine/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "/run/engine/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/engine/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "runc"
END_OF_FILE
    while read -r name binary annotations; do
        printf '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%s]\n  runtime_type = "io.containerd.runc.v2"\n' "$name"
        printf '  pod_annotations = [%s]\n  container_annotations = [%s]\n' "$annotations" "$annotations"
        printf '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%s.options]\n  BinaryName = "%s"\n' "$name" "$binary"
    done <<END_OF_LIST
runc $SHIM
passing $SHIM "*"
crun $BATS_FILE_TMPDIR/ipcguard-runtime.crun
bare $RUNC
END_OF_LIST
}

containerd_answers() { kill -0 "$CONTAINERD" && ctr version >/dev/null 2>&1; }

containerd_stop() {
    [ -z "${CONTAINERD:-}" ] || kill -TERM "$CONTAINERD" 2>/dev/null || :
    [ -z "${CONTAINERD:-}" ] || wait_until 60 containerd_is_gone || :
    isolation_stop
}
containerd_is_gone() { [ ! -e "/proc/$CONTAINERD/stat" ] || [[ $(<"/proc/$CONTAINERD/stat") == *') Z '* ]]; }

containerd_settings() { settings '.engines = { containerd_state: ["/run/engine/state"] } | '"${1:-.}"; }

ctr() { inside ctr --address /run/engine/containerd.sock "$@" 3>&- 4>&-; }

ctr_capture() { capture ctr --address /run/engine/containerd.sock "$@"; }

# image NAMESPACE REFERENCE…: an image, known by these names, that sleeps. One that has another first name is another image.
image() {
    local directory=$BATS_FILE_TMPDIR/image-$1 layer
    mkdir -p "$directory"
    layer=$BATS_FILE_TMPDIR/layer.tar
    [ -e "$layer" ] || tar -C "$ROOTFS" -c . >"$layer"
    ln -f "$layer" "$directory/layer.tar"
    jq -n --arg digest "sha256:$(sha256sum "$layer" | cut -d ' ' -f 1)" --arg which "$2" '{ architecture: "amd64", os: "linux",
        config: { Env: ["PATH=/bin", "WHICH=" + $which], Cmd: ["sleep", "100000"] }, rootfs: { type: "layers", diff_ids: [$digest] } }' \
        >"$directory/config.json"
    printf '%s\n' "${@:2}" | jq -Rn '[{ Config: "config.json", RepoTags: [inputs], Layers: ["layer.tar"] }]' >"$directory/manifest.json"
    tar -C "$directory" -c manifest.json config.json layer.tar >"$directory.tar"
    ctr --namespace "$1" images import "$directory.tar" >/dev/null
}

# The process of a container in a containerd namespace; 0 if there is none.
task_of() {
    local file=/proc/$HOLDER/root/run/engine/state/io.containerd.runtime.v2.task/$1/$2/init.pid
    if [ -e "$file" ]; then cat "$file"; else echo 0; fi
}

# private_process PID, host_process PID: it lives, in an IPC namespace of its own or in the host's.
private_process() {
    [[ -n $(ipc_of "$1") && $(ipc_of "$1") != "$(ipc_of self)" ]] || complain "process $1 is not private: $(ipc_of "$1")" || return
    ! sees_host_segment "$1" || complain "process $1 sees the host's segments"
}

host_process() {
    [ "$(ipc_of "$1")" = "$(ipc_of self)" ] || complain "process $1 does not share the host's IPC: $(ipc_of "$1")" || return
    sees_host_segment "$1" || complain "process $1 does not see the host's segments"
}

# --- as kubelet ------------------------------------------------------------------------------------------------------------

cri_start() {
    command -v node >/dev/null || complain 'node is missing' || return
    [ -d "$CRI/node_modules/@grpc/grpc-js" ] || complain "run npm ci in $CRI" || return
    containerd_start
    image k8s.io localhost/pause:1
    image k8s.io docker.io/library/app:1
    image k8s.io registry.example/team/tool:1
    # One client for all tests, since node takes long to start.
    export CRI_CALLS=$BATS_FILE_TMPDIR/calls CRI_REPLIES=$BATS_FILE_TMPDIR/replies
    mkfifo "$CRI_CALLS" "$CRI_REPLIES"
    setpriv --pdeathsig KILL nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns=/ -- node "$CRI/cri.mjs" /run/engine/containerd.sock \
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

cri_remove_all() {
    cri RemoveAll >/dev/null
    [ -z "$(ctr --namespace k8s.io tasks list --quiet)" ] || complain "left: $(ctr --namespace k8s.io tasks list)"
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
annotated() { jq -rn --args '$ARGS.positional | map(split("=") | { key: .[0], value: .[1] }) | from_entries | ".annotations += \(tojson)"' -- "$@"; }

# member NAME [FILTER]: creates and starts a container in that pod, as kubelet does; its id in $MEMBER.
member() {
    local request
    request=$(jq -nc --arg pod "$POD" --argjson sandbox "$POD_CONFIG" --arg name "$1" '
        ($sandbox.linux.security_context) as $context | { pod_sandbox_id: $pod, sandbox_config: $sandbox, config: ({
        metadata: { name: $name, attempt: 1 }, image: { image: "docker.io/library/app:1" }, command: ["sleep", "100000"],
        labels: { "io.kubernetes.container.name": $name, "io.kubernetes.pod.name": $sandbox.metadata.name,
                  "io.kubernetes.pod.namespace": $sandbox.metadata.namespace, "io.kubernetes.pod.uid": $sandbox.metadata.uid },
        annotations: { "io.kubernetes.container.restartCount": "0" }, log_path: ($name + ".log"),
        linux: { security_context: $context } } | '"${2:-.}"') }')
    cri_capture RunContainer "$request"
    MEMBER=$out
}

container_state() { cri ContainerStatus "{\"container_id\":\"$1\"}" | jq -r .status.state; }

exec_sync() { cri ExecSync "$(jq -nc '{ container_id: $ARGS.positional[0], cmd: $ARGS.positional[1:], timeout: 10 }' --args -- "$@")"; }

# What a call that was admitted left running is where it belongs.
runs_privately() {
    [ "$status" = 0 ] || complain "not admitted: $err" || return
    private_process "$(task_of k8s.io "$1")"
}

runs_in_hosts() {
    [ "$status" = 0 ] || complain "not admitted: $err" || return
    host_process "$(task_of k8s.io "$1")"
}

# refused_by_containerd KIND [FILTER]: the call failed with our message, and the record, which satisfies the filter too, says
# so; nothing runs by the id in the record.
refused_by_containerd() {
    local id
    [ "$status" = 1 ] || complain "exit $status: $err" || return
    [[ $err == *"OCI runtime create failed: ipcguard: refused: container '"*"$1: "* ]] || complain "the message: $err" || return
    record_is ".decision == \"refuse\" and .gate == \"create\" and (.exposures | map(.kind) | index(\"$1\")) and (${2:-true})" || return
    id=$(last_record | jq -r .container.id)
    [ -z "$(compgen -G "/proc/$HOLDER/root/run/engine/state/io.containerd.runtime.v2.task/*/$id")" ] || complain "$id is left" || return
    ! grep -q "$id/rootfs" "/proc/$HOLDER/mountinfo" || complain "mounts of $id are left"
}
