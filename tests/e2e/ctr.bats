#!/usr/bin/env bats
# A real containerd used by its own client, ctr: engine containerd, in any namespace that is not of Docker or Kubernetes.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/containerd
load ../lib/messages
load ../lib/mounts

IMAGE=registry.example/team/tool:1

setup_file() {
    isolation_start
    containerd_start
    image default "$IMAGE"
    image other "$IMAGE"
}

teardown_file() { containerd_stop; }

setup() {
    policy_reset
    containerd_settings
}

teardown() {
    local namespace id
    for namespace in default other k8s.io moby; do
        for id in $(ctr --namespace "$namespace" tasks list --quiet); do ctr --namespace "$namespace" tasks delete --force "$id" >/dev/null; done
        for id in $(ctr --namespace "$namespace" containers list --quiet); do ctr --namespace "$namespace" containers delete "$id"; done
    done
}

# ctr_run ID [OPTION…] [-- COMMAND…]: through the shim, in $NAMESPACE.
ctr_run() {
    local id=$1 options=() command=(sleep 100000)
    shift
    while [ $# -gt 0 ]; do
        if [ "$1" = -- ]; then
            command=("${@:2}")
            break
        fi
        options+=("$1")
        shift
    done
    ctr_capture --namespace "${NAMESPACE:-default}" run --runc-binary "$SHIM" --cgroup "$CGROUP_PARENT/${NAMESPACE:-default}-$id" "${options[@]}" "$IMAGE" "$id" "${command[@]}"
}

runs_privately() {
    [ "$status" = 0 ] || complain "not admitted: $err" || return
    private_process "$(task_of "${NAMESPACE:-default}" "$1")"
}

runs_in_hosts() {
    [ "$status" = 0 ] || complain "not admitted: $err" || return
    host_process "$(task_of "${NAMESPACE:-default}" "$1")"
}

# refused_by_ctr ID KIND [GATE]: our message, once; recorded; nothing left running.
refused_by_ctr() {
    [ "$status" = 1 ] || complain "exit $status: $err" || return
    [ -z "$out" ] || complain "stdout: $out" || return
    [[ $err == *"ipcguard: refused: container '$1': $2: "* ]] || complain "the message: $err" || return
    [ "$(grep -o 'ipcguard: refused: ' <<<"$err" | wc -l)" = 1 ] || complain "more than once: $err" || return
    record_is ".decision == \"refuse\" and .gate == \"${3:-create}\" and .container.id == \"$1\" and (.exposures | map(.kind) | index(\"$2\"))" || return
    [ "$(task_of "${NAMESPACE:-default}" "$1")" = 0 ] || complain "$1 is left" || return
    ! grep -q "/${NAMESPACE:-default}/$1/rootfs" "/proc/$HOLDER/mountinfo" || complain "mounts of $1 are left" || return
    # As under any runtime, ctr removes the container by itself only with --rm.
    ctr --namespace "${NAMESPACE:-default}" containers delete "$1" 2>/dev/null || :
}

@test "plain runs are private, with output and exit status" {
    ctr_run plain --detach
    runs_privately plain
    record_is '.decision == "allow" and .gate == "start" and .exposures == [] and .runtime == "/usr/bin/runc"'
    record_is '.container == { engine: "containerd", id: "plain", name: null, image: null, namespace: "default", pod: null }'
    ctr_run attached --rm -- sh -c 'readlink /proc/self/ns/ipc; exit 7'
    [[ $status = 7 && $out == ipc:* && $out != "$(ipc_of self)" ]]
    ctr_capture tasks exec --exec-id more plain readlink /proc/self/ns/ipc
    [ "$out" = "$(ipc_of "$(task_of default plain)")" ]
    NAMESPACE=other ctr_run plain --detach
    [ "$status" = 0 ]
    record_is '.container.namespace == "other" and .decision == "allow"'
}

@test "the host's namespace by --with-ns is refused, by whatever path" {
    local path number=0
    for path in "/proc/$$/ns/ipc" "/proc/$HOLDER/ns/ipc" /proc/self/ns/ipc "/proc/$$/task/$$/ns/ipc"; do
        ctr_run "sharing-$((++number))" --detach --with-ns "ipc:$path"
        refused_by_ctr "sharing-$number" host-ipc
        ctr_run "sharing-$((++number))" --rm --with-ns "ipc:$path" -- readlink /proc/self/ns/ipc
        refused_by_ctr "sharing-$number" host-ipc
    done
    reads ctr-host-ipc "$err"
}

@test "bare runc would have shared: these tests can tell" {
    ctr_capture run --detach --runc-binary "$RUNC" --cgroup "$CGROUP_PARENT/bare" --with-ns "ipc:/proc/$$/ns/ipc" "$IMAGE" bare
    runs_in_hosts bare
}

@test "a config.json of the caller's without an ipc entry is refused" {
    jq -n --arg rootfs "$ROOTFS" '{ ociVersion: "1.0.2", process: { cwd: "/", args: ["sleep", "1000"], user: { uid: 0, gid: 0 } },
        root: { path: $rootfs }, linux: { namespaces: [{ type: "mount" }, { type: "pid" }] } }' >"$BATS_TEST_TMPDIR/config.json"
    ctr_capture run --detach --runc-binary "$SHIM" --config "$BATS_TEST_TMPDIR/config.json" configured
    refused_by_ctr configured host-ipc
}

@test "the host's /dev/shm as a mount is refused" {
    ctr_run mounting --detach --mount type=bind,src=/dev/shm,dst=/mnt,options=rbind:rw
    refused_by_ctr mounting host-shm
    reads ctr-host-shm "$err"
    inside sh -ec 'mkdir /run/queues; mount -t mqueue host /run/queues'
    ctr_run queueing --detach --mount type=bind,src=/run/queues,dst=/mnt,options=rbind:rw
    refused_by_ctr queueing host-mqueue
    reads ctr-host-mqueue "$err"
    ctr_run privileged --detach --privileged
    runs_privately privileged
}

@test "what comes to be the host's /dev/shm after the create gate is refused at the start gate" {
    inside mkdir /run/late
    containerd_settings "$(swapping 'mount --bind /dev/shm /run/late')"
    ctr_run late --rm --mount type=bind,src=/run/late,dst=/mnt,options=rbind:rw
    inside umount /run/late
    refused_by_ctr late host-shm start
    reads ctr-start-gate "$err"
}

@test "exception by namespace and id: that one, and no other" {
    local with=(--detach --with-ns "ipc:/proc/$$/ns/ipc")
    exception ctr.json '.match = { engine: "containerd", namespace: "default", id: "x" }'
    ctr_run x "${with[@]}"
    runs_in_hosts x
    record_is '.decision == "allow" and .gate == "start" and .exposures[0].action == "excepted" and .exposures[0].exception == "test-exception"'
    ctr_run y "${with[@]}"
    refused_by_ctr y host-ipc
    ctr_run xx "${with[@]}"
    refused_by_ctr xx host-ipc
    NAMESPACE=other ctr_run x "${with[@]}"
    NAMESPACE=other refused_by_ctr x host-ipc
}

@test "exceptions that name what only others have do not hold" {
    local filter with=(--detach --with-ns "ipc:/proc/$$/ns/ipc")
    for filter in '{ engine: "unknown", id: "*" }' '{ engine: "docker", id: "*" }' '{ engine: "kubernetes", namespace: "*" }' '{ engine: "podman", id: "*" }' \
        '{ engine: "containerd", image: "*" }' '{ engine: "containerd", name: "*" }' '{ engine: "containerd", labels: { a: "*" } }'; do
        exception ctr.json ".match = $filter"
        ctr_run x "${with[@]}" --label a=b
        refused_by_ctr x host-ipc
    done
}

@test "annotations and labels that claim to be Kubernetes, Docker or Podman are nothing" {
    local key claims=()
    for key in io.kubernetes.cri.{container-type,sandbox-id,sandbox-namespace,sandbox-name,container-name,image-name} \
        io.kubernetes.pod.{namespace,name,uid} io.kubernetes.container.name io.container.manager io.kubernetes.cri-o.{ImageName,ContainerType,SandboxID}; do
        claims+=(--annotation "$key=kube-system" --label "$key=kube-system")
    done
    exception kubernetes.json '.match = { engine: "kubernetes", namespace: "kube-system" }'
    exception docker.json '.match = { engine: "docker", name: "*" }'
    exception podman.json '.match = { engine: "podman", name: "*" }'
    exception containerd.json '.match = { engine: "containerd", namespace: "kube-system" }'
    exception pod.json '.match = { engine: ["containerd", "kubernetes", "unknown"], pod: "*" }'
    ctr_run kube-system --detach --with-ns "ipc:/proc/$$/ns/ipc" "${claims[@]}"
    refused_by_ctr kube-system host-ipc
    record_is '.container == { engine: "containerd", id: "kube-system", name: null, image: null, namespace: "default", pod: null }'
}

@test "another container's namespace is foreign, also for one that claims to be of its pod; excepted it is joined" {
    local pid
    ctr_run target --detach --annotation io.kubernetes.cri.container-type=sandbox --annotation io.kubernetes.cri.sandbox-id=target
    runs_privately target
    pid=$(task_of default target)
    ctr_run joiner --detach --with-ns "ipc:/proc/$pid/ns/ipc" --annotation io.kubernetes.cri.container-type=container \
        --annotation io.kubernetes.cri.sandbox-id=target
    refused_by_ctr joiner foreign-ipc
    reads ctr-foreign-ipc "$err"
    exception ctr.json '.match = { engine: "containerd", namespace: "default", id: "joiner" } | .allow = ["foreign-ipc"]'
    ctr_run joiner --detach --with-ns "ipc:/proc/$pid/ns/ipc"
    runs_privately joiner
    [ "$(ipc_of "$(task_of default joiner)")" = "$(ipc_of "$pid")" ]
}

@test "kill, delete, and a second of the same id" {
    ctr_run life --detach
    runs_privately life
    ctr tasks pause life
    ctr tasks resume life
    ctr tasks kill --signal KILL life
    wait_until 60 stopped life
    ctr tasks delete life || [ $? = 137 ]
    ctr containers delete life
    ctr_run life --detach
    runs_privately life
}
stopped() { [[ $(ctr tasks list) == *"$1"*STOPPED* ]]; }

@test "broken settings refuse new containers and let old ones be handled" {
    ctr_run old --detach
    containerd_settings '.bogus = 1'
    ctr_run new --detach
    [[ $status = 1 && $err == *'ipcguard: refused: '*config.json* ]]
    reads ctr-broken-settings "$err"
    ctr_capture tasks exec --exec-id more old echo hello
    [ "$out" = hello ]
    ctr tasks kill --signal KILL old
}
