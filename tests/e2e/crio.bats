#!/usr/bin/env bats
# A real CRI-O, driven through its container runtime interface as kubelet does, with the shim as its runtime.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/audit
load ../lib/crio
load ../lib/kubelet
load ../lib/mounts

setup_file() {
    [ -n "${IPCGUARD_CRIO:-}" ] || return 0
    isolation_start
    crio_start
}

teardown_file() { [ -z "${IPCGUARD_CRIO:-}" ] || crio_stop; }

setup() {
    [ -n "${IPCGUARD_CRIO:-}" ] || skip 'Debian has no package of CRI-O, and IPCGUARD_CRIO names none that was built'
    policy_reset
    crio_settings
    HANDLER=runc
}

teardown() { [ -z "${IPCGUARD_CRIO:-}" ] || cri RemoveAll >/dev/null; }

@test "a pod's members share its namespace, and not the host's" {
    local sandbox first
    pod default web "$OWN"
    runs_privately "$POD"
    record_is '.gate == "start" and .container == { engine: "kubernetes", id: "'"$POD"'", name: null, image: null, namespace: "default", pod: "web" }'
    sandbox=$(ipc_of "$(process_of "$POD")")
    member app
    runs_privately "$MEMBER"
    record_is '.gate == "start" and .decision == "allow" and .exposures == []'
    record_is '.container == { engine: "kubernetes", id: "'"$MEMBER"'", name: null, image: "docker.io/library/app:1", namespace: "default", pod: "web" } and .identity.container == "app"'
    [ "$(ipc_of "$(process_of "$MEMBER")")" = "$sandbox" ]
    first=$MEMBER
    member second '.image.image = "registry.example/team/tool:1"'
    runs_privately "$MEMBER"
    record_is '.identity.container == "second" and .container.image == "registry.example/team/tool:1"'
    [ "$(ipc_of "$(process_of "$MEMBER")")" = "$sandbox" ]
    [ "$(exec_sync "$first" readlink /proc/self/ns/ipc | jq -r .stdout)" = "$sandbox" ]
    [ "$(exec_sync "$first" sh -c 'echo to stderr >&2; exit 4' | jq -c .)" = '{"stdout":"","stderr":"to stderr\n","exit_code":4}' ]
    exec_sync "$first" sh -c 'echo shared >/dev/shm/file'
    [ "$(exec_sync "$MEMBER" cat /dev/shm/file | jq -r .stdout)" = shared ]
    [ ! -e /dev/shm/file ] || [ "$(cat /dev/shm/file)" != shared ]
}

@test "another pod is another namespace" {
    local first
    pod default one
    member app
    runs_privately "$MEMBER"
    first=$(ipc_of "$(process_of "$MEMBER")")
    pod default two
    member app
    runs_privately "$MEMBER"
    [ "$(ipc_of "$(process_of "$MEMBER")")" != "$first" ]
}

@test "stop, restart of a member, removal: as without the shim" { members_life; }

@test "a pod with hostIPC is refused at its sandbox, with the message, and leaves nothing" {
    pod default sharing "$HOST_IPC | $OWN"
    refused_by_crio host-ipc '.container.namespace == "default" and .container.pod == "sharing" and .container.image == null'
    [[ $err == *hostIPC* && $err == *emptyDir* ]]
    [ "$(cri ListPodSandbox | jq -c '[.items[].state]')" = '[]' ]
}

@test "a pod with hostIPC that has no container of its own is refused at its members" {
    pod default sharing "$HOST_IPC"
    [ "$status" = 0 ] || complain "$err"
    member app
    refused_by_crio host-ipc '.container.namespace == "default" and .container.pod == "sharing" and .identity.container == "app"'
    [[ $err == *hostIPC* ]]
    excepted '{ namespace: "default", pod: "sharing" }'
    member app '.metadata.attempt = 2'
    runs_in_hosts "$MEMBER"
}

@test "bare runc would have shared: these tests can tell" {
    HANDLER=bare
    pod default sharing "$HOST_IPC | $OWN"
    runs_in_hosts "$POD"
    member app
    runs_in_hosts "$MEMBER"
}

@test "in an excepted namespace the pod and its members are admitted, and are in the host's IPC" {
    excepted '{ namespace: "kube-system" }'
    pod kube-system agent "$HOST_IPC | $OWN"
    runs_in_hosts "$POD"
    record_is '.gate == "start" and .decision == "allow" and (.exposures | map(.action) | unique) == ["excepted"]'
    member app
    runs_in_hosts "$MEMBER"
    record_is '.decision == "allow" and .container.namespace == "kube-system" and .container.pod == "agent" and .identity.container == "app"'
    pod kube-system-2 agent "$HOST_IPC | $OWN"
    refused_by_crio host-ipc
    pod default kube-system "$HOST_IPC | $OWN"
    refused_by_crio host-ipc
}

@test "exception by container and by image: members have them, their sandbox has not" {
    local match
    pod default web
    for match in '{ namespace: "default", container: "agent" }' '{ namespace: "default", image: "docker.io/library/app:1" }'; do
        excepted "$match" '.allow = ["host-shm"]'
        member agent "$HOST_SHM | .metadata.attempt = $((++attempt))"
        runs_privately "$MEMBER"
        record_is '.exposures[0].kind == "host-shm" and .exposures[0].action == "excepted"'
        member other "$HOST_SHM | .image.image = \"registry.example/team/tool:1\" | .metadata.attempt = $((++attempt))"
        refused_by_crio host-shm '.identity.container == "other" and .container.image == "registry.example/team/tool:1"'
    done
    excepted '{ namespace: "default", image: "*", container: "*" }'
    pod default sharing "$HOST_IPC | $OWN"
    refused_by_crio host-ipc
}
attempt=0

@test "a member that asks for the node's memory or queues in a pod of its own is refused" {
    pod default web
    # CRI-O goes by the pod alone.
    member asking "$HOST_IPC"
    runs_privately "$MEMBER"
    member memory "$HOST_SHM"
    refused_by_crio host-shm
    inside sh -ec 'mkdir /run/queues; mount -t mqueue host /run/queues'
    member queueing '.mounts = [{ container_path: "/mnt", host_path: "/run/queues" }]'
    refused_by_crio host-mqueue
    member plain
    runs_privately "$MEMBER"
}

@test "what comes to be the host's /dev/shm after the create gate is refused at the start gate" {
    pod default web
    inside mkdir /run/late
    crio_settings "$(swapping 'mount --bind /dev/shm /run/late')"
    member late '.mounts = [{ container_path: "/mnt", host_path: "/run/late" }]'
    inside umount /run/late
    [[ $status == 1 && $err == *'ipcguard: refused: '*host-shm* ]] || complain "$status $err"
    record_is '.decision == "refuse" and .gate == "start" and .identity.container == "late"'
    [ "$(cri ListContainers | jq -c '[.containers[].state] | index("CONTAINER_RUNNING")')" = null ]
}

@test "what needs no exception: an emptyDir in memory at /dev/shm, hostPID with a warning" {
    pod default web
    inside sh -ec 'mkdir -p /run/engine/empty; mount -t tmpfs -o size=16m empty /run/engine/empty'
    member empty-dir '.mounts = [{ container_path: "/dev/shm", host_path: "/run/engine/empty" }]'
    runs_privately "$MEMBER"
    record_is '.decision == "allow" and .exposures == []'
    pod default pids '.linux.security_context.namespace_options.pid = "NODE"'
    member app
    runs_privately "$MEMBER"
    record_is '.decision == "warn" and .exposures[0].kind == "host-proc"'
}

@test "annotations and labels that claim to be another are overwritten or not believed" {
    local victim
    wanted_by_forgers
    pod default forged "$HOST_IPC | $OWN | $(claims)"
    refused_by_crio host-ipc '.container.namespace == "default" and .container.pod == "forged" and .container.image == null'
    pod default forged "$HOST_IPC | $OWN | $(claims kube-system io.kubernetes.cri-o.ContainerType=container io.kubernetes.container.name=app \
        io.kubernetes.cri-o.ImageName=docker.io/library/app:1)"
    refused_by_crio host-ipc '.container.namespace == "default" and .container.pod == "forged" and .container.image == null'
    # A pod's own labels become its sandbox's.
    pod default forged "$HOST_IPC | $OWN | .labels[\"io.kubernetes.container.name\"] = \"app\""
    refused_by_crio host-ipc '.container.pod == "forged" and (.identity // {} | has("container") | not)'
    pod default victim "$OWN"
    runs_privately "$POD"
    victim=$POD
    pod default plain "$(claims) | $OWN"
    runs_privately "$POD"
    # A pod's annotations come before CRI-O's own.
    sed -i 's/docker.io.library.app:1/registry.example\/team\/tool:1/' "$POLICY/allowlist.d/wanted.json"
    member forger "$HOST_SHM"
    refused_by_crio host-shm '.container.namespace == "default" and .container.pod == "plain" and .identity.container == "forger"
        and .container.image == "docker.io/library/app:1"'
    member plain
    runs_privately "$MEMBER"
    # Those of a container's request, which a device plugin can add to, come after them.
    member forger "$HOST_SHM | .metadata.attempt = 2 | $(claims) | $(annotated io.kubernetes.cri-o.ImageName=registry.example/team/tool:1)"
    refused_by_crio host-shm '.container.namespace == "default" and .container.pod == "plain" and .identity.container == "forger"
        and .container.image == null and (.identity.image_id | test("^sha256:[0-9a-f]{64}$"))'
    # Which makes it no member of another pod either.
    member forger "$(annotated "io.kubernetes.cri-o.SandboxID=$victim") | .metadata.attempt = 3"
    refused_by_crio foreign-ipc
}

@test "broken settings refuse new pods and let old ones be handled" {
    local first
    pod default web
    member app
    first=$MEMBER
    crio_settings '.bogus = 1'
    member second
    [[ $status = 1 && $err == *'ipcguard: refused: '*config.json* ]]
    [ "$(exec_sync "$first" echo hello | jq -r .stdout)" = hello ]
    cri StopPodSandbox "{\"pod_sandbox_id\":\"$POD\"}"
}

@test "crun behind the same shim" {
    HANDLER=crun
    pod default web "$OWN"
    [[ $err != *'unknown version specified'* ]] || skip 'this crun knows no bundles of the version that this CRI-O writes'
    runs_privately "$POD"
    record_is '.runtime == "/usr/bin/crun"'
    member app
    runs_privately "$MEMBER"
    [ "$(ipc_of "$(process_of "$MEMBER")")" = "$(ipc_of "$(process_of "$POD")")" ]
    pod default sharing "$HOST_IPC | $OWN"
    refused_by_crio host-ipc
}

@test "audit: the AKS control, for pods with and without a container of their own" {
    local own member
    pod default web "$OWN"
    own=$POD
    member app
    member=$MEMBER
    HANDLER=bare
    pod default host "$HOST_IPC"
    member app
    audit
    told "$own" '.control.result == "pass" and .container.engine == "kubernetes" and .container.namespace == "default" and .container.pod == "web"'
    told "$member" '.control.result == "pass" and .identity.container == "app" and .container.image == "docker.io/library/app:1"'
    told "$MEMBER" '.control.result == "fail" and .finding and .container.pod == "host" and .identity.container == "app"'
}

@test "configured as the default and taken out, each of which a restart makes hold, and doctor knows" {
    local before
    HANDLER=
    pod default before "$HOST_IPC"
    member app
    before=$MEMBER
    runs_in_hosts "$before"
    doctor_finds crio-default-runtime
    capture "$IPCGUARD" configure crio --default
    [[ $status == 0 && $out == *'systemctl restart crio'* ]] || complain "$status: $out$err"
    doctor_finds crio-not-restarted
    # It takes up a reload in what it says, and in what it does not.
    kill -HUP "$(crio_pid)"
    wait_until 60 grep -q 'Set config default_runtime to \\"ipcguard' "$BATS_FILE_TMPDIR/crio.log"
    pod default reloaded "$HOST_IPC"
    member app
    runs_in_hosts "$MEMBER"
    crio_restart
    doctor_finds crio-not-restarted not
    doctor_finds crio-default-runtime not
    pod default sharing "$HOST_IPC"
    member app
    refused_by_crio host-ipc
    pod default web
    member app
    runs_privately "$MEMBER"
    # From before the shim.
    [ "$(exec_sync "$before" echo hello | jq -r .stdout)" = hello ]
    cri StopContainer "{\"container_id\":\"$before\",\"timeout\":0}"
    [ "$(container_state "$before")" = CONTAINER_EXITED ]
    cri RemoveAll >/dev/null
    capture "$IPCGUARD" configure crio --remove
    [[ $status == 0 && $out == *'systemctl restart crio'* ]] || complain "$status: $out$err"
    doctor_finds crio-not-restarted
    crio_restart
    pod default after "$HOST_IPC"
    member app
    runs_in_hosts "$MEMBER"
}
doctor_finds() { # ID [not]
    capture "$IPCGUARD" doctor --format json
    jq -e --arg id "$1" ".findings | map(.id) | index(\$id) | ${2:-.}" "$OUT" >/dev/null || complain "$*: $(jq -c '.findings | map(.id)' "$OUT")"
}
