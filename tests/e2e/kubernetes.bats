#!/usr/bin/env bats
# A real containerd, driven through its container runtime interface as kubelet does, with the shim as its runc.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/containerd
load ../lib/kubelet
load ../lib/messages
load ../lib/mounts

setup_file() {
    isolation_start
    cri_start
}

teardown_file() { containerd_stop; }

setup() {
    policy_reset
    containerd_settings
    HANDLER=
}

teardown() { cri_remove_all; }

@test "a pod's members share its namespace, and not the host's" {
    local sandbox first
    pod default web
    runs_privately "$POD"
    record_is '.gate == "start" and .container == { engine: "kubernetes", id: "'"$POD"'", name: null, image: null, namespace: "default", pod: "web" }'
    sandbox=$(ipc_of "$(task_of k8s.io "$POD")")
    member app
    runs_privately "$MEMBER"
    record_is '.gate == "start" and .decision == "allow" and .exposures == [] and (.bundle | endswith("/k8s.io/'"$MEMBER"'"))'
    record_is '.container == { engine: "kubernetes", id: "'"$MEMBER"'", name: null, image: "docker.io/library/app:1", namespace: "default", pod: "web" } and .identity == { container: "app" }'
    [ "$(ipc_of "$(task_of k8s.io "$MEMBER")")" = "$sandbox" ]
    first=$MEMBER
    member second '.image.image = "registry.example/team/tool:1"'
    runs_privately "$MEMBER"
    record_is '.identity.container == "second" and .container.image == "registry.example/team/tool:1"'
    [ "$(ipc_of "$(task_of k8s.io "$MEMBER")")" = "$sandbox" ]
    [ "$(exec_sync "$first" readlink /proc/self/ns/ipc | jq -r .stdout)" = "$sandbox" ]
    [ "$(exec_sync "$first" sh -c 'echo to stderr >&2; exit 4' | jq -c .)" = '{"stdout":"","stderr":"to stderr\n","exit_code":4}' ]
    # What one writes to the pod's memory, the other reads.
    exec_sync "$first" sh -c 'echo shared >/dev/shm/file'
    [ "$(exec_sync "$MEMBER" cat /dev/shm/file | jq -r .stdout)" = shared ]
    [ ! -e /dev/shm/file ] || [ "$(cat /dev/shm/file)" != shared ]
}

@test "another pod is another namespace" {
    local first
    pod default one
    member app
    first=$(ipc_of "$(task_of k8s.io "$MEMBER")")
    pod default two
    member app
    runs_privately "$MEMBER"
    [ "$(ipc_of "$(task_of k8s.io "$MEMBER")")" != "$first" ]
}

@test "stop, restart of a member, removal: as without the shim" { members_life; }

@test "a pod with hostIPC is refused at its sandbox, with the message, and leaves nothing" {
    pod default sharing "$HOST_IPC"
    refused_by_containerd host-ipc '.container.namespace == "default" and .container.pod == "sharing" and .container.image == null'
    [[ $err == *hostIPC* && $err == *emptyDir* ]]
    reads kubernetes-host-ipc "$err"
    [ "$(cri ListPodSandbox | jq -c '[.items[].state]')" = '[]' ]
    [ "$(ctr --namespace k8s.io containers list --quiet)" = '' ]
}

@test "bare runc would have shared: these tests can tell" {
    HANDLER=bare
    pod default sharing "$HOST_IPC"
    runs_in_hosts "$POD"
    member app
    runs_in_hosts "$MEMBER"
}

@test "in an excepted namespace the pod and its members are admitted, and are in the host's IPC" {
    excepted '{ namespace: "kube-system" }'
    pod kube-system agent "$HOST_IPC"
    runs_in_hosts "$POD"
    record_is '.gate == "start" and .decision == "allow" and (.exposures | map(.action) | unique) == ["excepted"] and .exposures[0].exception == "test-exception"'
    member app
    runs_in_hosts "$MEMBER"
    record_is '.decision == "allow" and .container.namespace == "kube-system" and .container.pod == "agent" and .identity.container == "app"'
    [ "$(exec_sync "$MEMBER" readlink /proc/self/ns/ipc | jq -r .stdout)" = "$(ipc_of self)" ]
    pod kube-system-2 agent "$HOST_IPC"
    refused_by_containerd host-ipc
    pod default kube-system "$HOST_IPC"
    refused_by_containerd host-ipc
    # Of the same namespace, but private.
    pod kube-system plain
    runs_privately "$POD"
}

@test "the file that is installed excepts the system's namespaces, and no others" {
    local namespace file
    file=$(find "$TESTS_DIR/../config/default" -name kubernetes-system.json)
    [ -n "$file" ] || complain 'config/default has no kubernetes-system.json'
    install -m 644 "$file" "$POLICY/allowlist.d/"
    for namespace in kube-system gatekeeper-system azure-arc azure-extensions-usage-system; do
        pod "$namespace" agent "$HOST_IPC"
        runs_in_hosts "$POD"
    done
    pod default agent "$HOST_IPC"
    refused_by_containerd host-ipc
    pod kube-public agent "$HOST_IPC"
    refused_by_containerd host-ipc
}

@test "exception by namespace and pod" {
    excepted '{ namespace: "gpu", pod: "mps-*" }'
    pod gpu mps-1 "$HOST_IPC"
    runs_in_hosts "$POD"
    member app
    runs_in_hosts "$MEMBER"
    pod gpu web "$HOST_IPC"
    refused_by_containerd host-ipc
    pod default mps-1 "$HOST_IPC"
    refused_by_containerd host-ipc
}

@test "exception by container and by image: members have them, their sandbox has not" {
    pod default web
    excepted '{ namespace: "default", container: "agent" }' '.allow = ["host-shm"]'
    member agent "$HOST_SHM"
    runs_privately "$MEMBER"
    record_is '.exposures[0].kind == "host-shm" and .exposures[0].action == "excepted"'
    member other "$HOST_SHM"
    refused_by_containerd host-shm '.identity.container == "other" and .container.image == "docker.io/library/app:1"'
    local image
    for image in docker.io/library/app:1 app:1 'docker.io/library/*'; do
        excepted "{ namespace: \"default\", image: \"$image\" }" '.allow = ["host-shm"]'
        member "by-image-$((++number))" "$HOST_SHM"
        runs_privately "$MEMBER"
        member "not-by-image-$number" "$HOST_SHM | .image.image = \"registry.example/team/tool:1\""
        refused_by_containerd host-shm '.container.image == "registry.example/team/tool:1"'
    done
    excepted '{ namespace: "default", image: "*", container: "*" }' '.allow = ["host-ipc"]'
    pod default sharing "$HOST_IPC"
    refused_by_containerd host-ipc
}
number=0

@test "members of a pod in the host's IPC are judged too" {
    excepted '{ namespace: "default", pod: "agent" }'
    pod default agent "$HOST_IPC"
    runs_in_hosts "$POD"
    excepted '{ namespace: "default", pod: "agent", container: "trusted", image: "docker.io/library/app:1" }'
    member trusted
    runs_in_hosts "$MEMBER"
    member other
    refused_by_containerd host-ipc
    [ "$(container_state "$MEMBER")" != CONTAINER_RUNNING ]
    member trusted '.image.image = "registry.example/team/tool:1" | .metadata.attempt = 2'
    refused_by_containerd host-ipc
}

@test "a member that asks for the node's IPC in a pod of its own is refused for the host's /dev/shm" {
    pod default web
    member app "$HOST_IPC"
    refused_by_containerd host-shm '.identity.container == "app"'
    reads kubernetes-member-host-shm "$err"
    inside sh -ec 'mkdir /run/queues; mount -t mqueue host /run/queues'
    member queueing '.mounts = [{ container_path: "/mnt", host_path: "/run/queues" }]'
    refused_by_containerd host-mqueue
    reads kubernetes-member-host-mqueue "$err"
    member app '.metadata.attempt = 2'
    runs_privately "$MEMBER"
}

@test "what comes to be the host's /dev/shm after the create gate is refused at the start gate" {
    pod default web
    inside mkdir /run/late
    containerd_settings "$(swapping 'mount --bind /dev/shm /run/late')"
    member late '.mounts = [{ container_path: "/mnt", host_path: "/run/late" }]'
    inside umount /run/late
    [[ $status == 1 && $err == *'ipcguard: refused: '*host-shm* ]] || complain "$status $err"
    record_is '.decision == "refuse" and .gate == "start" and .identity.container == "late"'
    [[ $(cri ListContainers | jq -r '.containers[].state') != *RUNNING* ]]
    reads kubernetes-start-gate "$err"
}

@test "what needs no exception: an emptyDir in memory at /dev/shm, privileged, hostPID with a warning" {
    pod default web '.linux.security_context.privileged = true'
    inside sh -ec 'mkdir -p /run/engine/empty; mount -t tmpfs -o size=16m empty /run/engine/empty'
    member empty-dir '.mounts = [{ container_path: "/dev/shm", host_path: "/run/engine/empty" }]'
    runs_privately "$MEMBER"
    record_is '.decision == "allow" and .exposures == []'
    exec_sync "$MEMBER" sh -c 'echo memory >/dev/shm/file'
    [ "$(cat "/proc/$HOLDER/root/run/engine/empty/file")" = memory ]
    member privileged '.linux.security_context.privileged = true'
    runs_privately "$MEMBER"
    record_is '.decision == "allow"'
    pod default pids '.linux.security_context.namespace_options.pid = "NODE"'
    runs_privately "$POD"
    record_is '.decision == "warn" and .exposures[0].kind == "host-proc"'
    member app
    runs_privately "$MEMBER"
    [ "$(readlink "/proc/$(task_of k8s.io "$MEMBER")/ns/pid")" = "$(readlink /proc/self/ns/pid)" ]
    record_is '.decision == "warn" and .exposures[0].kind == "host-proc"'
}

@test "of an image with several names containerd tells the first, whichever was asked for" {
    image k8s.io registry.example/b:1 registry.example/a:1
    pod default web
    excepted '{ namespace: "default", image: "registry.example/a:1" }' '.allow = ["host-shm"]'
    member by-b "$HOST_SHM | .image.image = \"registry.example/b:1\""
    runs_privately "$MEMBER"
    record_is '.container.image == "registry.example/a:1"'
    member by-a "$HOST_SHM | .image.image = \"registry.example/a:1\""
    runs_privately "$MEMBER"
    excepted '{ namespace: "default", image: "registry.example/b:1" }' '.allow = ["host-shm"]'
    member again "$HOST_SHM | .image.image = \"registry.example/b:1\""
    refused_by_containerd host-shm
}

@test "annotations that claim to be another namespace are not even passed through by default" {
    wanted_by_forgers
    pod default forged "$HOST_IPC | $(claims)"
    refused_by_containerd host-ipc '.container.namespace == "default" and .container.pod == "forged" and .container.image == null'
}

@test "passed through, each key that claims to be another is overwritten or not believed in a sandbox" {
    local key
    HANDLER=passing
    wanted_by_forgers
    pod default forged "$HOST_IPC | $(claims)"
    refused_by_containerd host-ipc '.container.namespace == "default" and .container.pod == "forged" and .container.image == null
        and (.identity // {} | has("container") or has("image_id") | not)'
    pod default forged "$HOST_IPC | $(claims kube-system io.kubernetes.cri.container-type=container io.kubernetes.cri.container-name=app \
        io.kubernetes.cri.image-name=docker.io/library/app:1 io.kubernetes.cri-o.ContainerType=container)"
    refused_by_containerd host-ipc '.container.namespace == "default" and .container.image == null and (.identity // {} | has("container") | not)'
    for key in container-type sandbox-id sandbox-namespace sandbox-name sandbox-uid container-name image-name; do
        pod default forged "$HOST_IPC | $(annotated "io.kubernetes.cri.$key=kube-system")"
        refused_by_containerd host-ipc '.container.namespace == "default" and .container.pod == "forged"'
    done
    # That they are there at all, in a pod that is admitted.
    pod default plain "$(claims)"
    runs_privately "$POD"
    [ "$(annotation_of "$POD" io.kubernetes.cri.image-name)" = kube-system ]
    [ "$(annotation_of "$POD" io.kubernetes.cri.sandbox-namespace)" = default ]
    record_is '.container.namespace == "default" and .container.pod == "plain" and .container.image == null and (.identity // {} | has("container") | not)'
}
annotation_of() { jq -r --arg key "$2" '.annotations[$key]' "/proc/$HOLDER/root/run/engine/state/io.containerd.runtime.v2.task/k8s.io/$1/config.json"; }

@test "passed through, each key that claims to be another is overwritten or not believed in a member" {
    HANDLER=passing
    wanted_by_forgers
    sed -i 's/docker.io.library.app:1/registry.example\/team\/tool:1/' "$POLICY/allowlist.d/wanted.json"
    pod default forged "$(claims)"
    runs_privately "$POD"
    member forger "$HOST_SHM | $(claims)"
    refused_by_containerd host-shm '.container.namespace == "default" and .container.pod == "forged" and .identity.container == "forger"
        and .container.image == "docker.io/library/app:1"'
    member second "$HOST_SHM | $(claims kube-system io.kubernetes.cri.image-name=registry.example/team/tool:1 io.kubernetes.cri.container-name=app)"
    refused_by_containerd host-shm '.identity.container == "second" and .container.image == "docker.io/library/app:1"'
    member plain "$(claims)"
    runs_privately "$MEMBER"
    record_is '.container.namespace == "default" and .identity.container == "plain" and .container.image == "docker.io/library/app:1" and .exposures == []'
    [ "$(annotation_of "$MEMBER" io.kubernetes.pod.namespace)" = kube-system ]
}

@test "passed through, claims do not keep a pod from being what it is" {
    HANDLER=passing
    excepted '{ namespace: "default", pod: "granted" }'
    pod default granted "$HOST_IPC | $(claims)"
    runs_in_hosts "$POD"
    member app "$(claims)"
    runs_in_hosts "$MEMBER"
}

@test "a member that claims another sandbox is still its own pod's" {
    local other
    HANDLER=passing
    pod default victim
    other=$POD
    pod default forged "$(annotated "io.kubernetes.cri.sandbox-id=$other" io.kubernetes.cri.sandbox-name=victim)"
    runs_privately "$POD"
    member app "$(annotated "io.kubernetes.cri.sandbox-id=$other" io.kubernetes.cri.sandbox-name=victim)"
    runs_privately "$MEMBER"
    record_is '.container.pod == "forged" and .exposures == []'
    [ "$(ipc_of "$(task_of k8s.io "$MEMBER")")" = "$(ipc_of "$(task_of k8s.io "$POD")")" ]
    [ "$(ipc_of "$(task_of k8s.io "$MEMBER")")" != "$(ipc_of "$(task_of k8s.io "$other")")" ]
}

@test "exceptions for other engines do not hold" {
    local filter
    for filter in '.match = { engine: "unknown", bundle: "/*" }' '.match = { engine: "containerd", namespace: "*" }' \
        '.match = { engine: "podman", id: "*" }' '.match = { engine: "docker", id: "*" }' \
        '.match = { engine: "kubernetes", namespace: "default" } | .expires = "2020-01-01"' '.match = { engine: "kubernetes", name: "*" }'; do
        exception other.json "$filter"
        pod default sharing "$HOST_IPC"
        refused_by_containerd host-ipc
    done
}

@test "where the settings do not name the state folder, nobody is of Kubernetes, nor of its exceptions" {
    settings .
    excepted '{ namespace: "*" }'
    pod kube-system agent "$HOST_IPC"
    refused_by_containerd host-ipc '.container.engine == "unknown" and .container.namespace == null'
    pod default web
    runs_privately "$POD"
    member app
    runs_privately "$MEMBER"
}

@test "broken settings refuse new pods and let old ones be handled" {
    local first
    pod default web
    member app
    first=$MEMBER
    containerd_settings '.bogus = 1'
    member second
    [[ $status = 1 && $err == *'ipcguard: refused: '*config.json* ]]
    reads kubernetes-broken-settings "$err"
    [ "$(exec_sync "$first" echo hello | jq -r .stdout)" = hello ]
    cri StopPodSandbox "{\"pod_sandbox_id\":\"$POD\"}"
}

@test "audit mode runs it and records" {
    containerd_settings '.mode = "audit"'
    pod default sharing "$HOST_IPC"
    runs_in_hosts "$POD"
    record_is '.decision == "refuse" and .mode == "audit" and .container.pod == "sharing"'
    member app
    runs_in_hosts "$MEMBER"
    record_is '.decision == "refuse" and .identity.container == "app"'
}

@test "crun behind the same shim" {
    local sandbox
    HANDLER=crun
    pod default web
    runs_privately "$POD"
    record_is '.runtime == "/usr/bin/crun"'
    sandbox=$(ipc_of "$(task_of k8s.io "$POD")")
    member app
    runs_privately "$MEMBER"
    [ "$(ipc_of "$(task_of k8s.io "$MEMBER")")" = "$sandbox" ]
    pod default sharing "$HOST_IPC"
    refused_by_containerd host-ipc
}
