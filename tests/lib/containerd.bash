# shellcheck shell=bash disable=SC2034,SC2154 # lib/common.bash sets what it tells, tests use what is set here
# A containerd of our own: all that it keeps is on a tmpfs in the private mount namespace, and the shim is its runc. Images
# are made by hand, so that no other engine is needed.

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
    wait_until 30 has_ended "$CONTAINERD" || complain 'containerd does not end' || return
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
    [ -z "${CONTAINERD:-}" ] || wait_until 60 has_ended "$CONTAINERD" || :
    isolation_stop
}

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

# --- with pods, for which lib/kubelet.bash asks ------------------------------------------------------------------------------

cri_start() {
    containerd_start
    image k8s.io localhost/pause:1
    image k8s.io docker.io/library/app:1
    image k8s.io registry.example/team/tool:1
    kubelet_start /run/engine/containerd.sock
}

cri_remove_all() {
    cri RemoveAll >/dev/null
    [ -z "$(ctr --namespace k8s.io tasks list --quiet)" ] || complain "left: $(ctr --namespace k8s.io tasks list)"
}

process_of() { task_of k8s.io "$1"; }

# refused_by_containerd KIND [FILTER]: as refused_call, by its runtime; nothing runs by the id in the record.
refused_by_containerd() {
    local refused
    refused_call "$@" || return
    [[ $err == *"OCI runtime create failed: ipcguard: refused: "* ]] || complain "the message: $err" || return
    [ -z "$(compgen -G "/proc/$HOLDER/root/run/engine/state/io.containerd.runtime.v2.task/*/$refused")" ] || complain "$refused is left" || return
    ! grep -q "$refused/rootfs" "/proc/$HOLDER/mountinfo" || complain "mounts of $refused are left"
}
