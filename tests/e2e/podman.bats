#!/usr/bin/env bats
# A real Podman, rootful, with the shim as its default runtime.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/podman

setup_file() {
    isolation_start
    podman_start
}

teardown_file() { podman_stop; }

setup() { policy_reset; }

teardown() { podman_remove_all; }

# run_sharing NAME IMAGE [OPTION…]: a container that asks for the host's IPC.
run_sharing() { podman_capture run --detach --network none --ipc=host --name "$1" "${@:3}" "$2" sleep 1000; }

# excepted NAME IMAGE [OPTION…]: it is admitted by the exception, and really is in the host's IPC namespace.
excepted() {
    run_sharing "$@"
    [ "$status" = 0 ] || complain "$* not admitted: $err" || return
    shares_host "$1" || complain "$1 does not share" || return
    record_is ".decision == \"allow\" and .gate == \"start\" and .container.name == \"$1\"
        and (.exposures[] | select(.kind == \"host-ipc\") | .action == \"excepted\" and .exception == \"test-exception\")" || return
    podman rm --force --time 0 "$1" >/dev/null
}

not_excepted() {
    run_sharing "$@"
    refused_by_podman host-ipc "$1" || return
    podman rm "$1" >/dev/null
}

# same RUN-ARGUMENTS…: the shim and bare runc give the same output, message and exit status.
same() {
    local bare
    podman_capture --runtime runc run --rm --network none "$@"
    bare="$status|$out|$(without_ids)"
    podman_capture run --rm --network none "$@"
    [ "$status|$out|$(without_ids)" = "$bare" ] || complain "$*: $status|$out|$err; bare: $bare"
}
# Podman names the runtime in its messages.
without_ids() { sed -E 's/\b[0-9a-f]{64}\b/ID/g; s/(Error|runtime error): (ipcguard|runc): /\1: /' <<<"$err"; }

@test "plain runs: private, with output and exit status as under bare runc" {
    same localhost/x:1 echo hello
    [ "$out" = hello ]
    same localhost/x:1 sh -c 'echo to stderr >&2; exit 7'
    [ "$status $err" = '7 to stderr' ]
    same localhost/x:1 /no/such/program
    [ "$status" = 127 ]
    same --memory 64m --cap-drop ALL --read-only --user 1000:1000 localhost/x:1 grep -E 'Cap|Seccomp|NoNewPrivs|Uid' /proc/self/status
    podman run --detach --network none --name one localhost/x:1 sleep 1000
    is_private one
    record_is '.decision == "allow" and .gate == "start" and .exposures == [] and .container.engine == "podman" and .runtime == "/usr/bin/runc"'
}

@test "private, shareable and none work unchanged" {
    local mode
    for mode in private shareable none; do
        same --ipc="$mode" localhost/x:1 sh -c 'cut -d" " -f5 /proc/self/mountinfo | grep -E "shm|mqueue"; ls /dev/shm | wc -l'
        [ "$status" = 0 ]
        podman run --detach --network none --ipc="$mode" --name "ipc-$mode" localhost/x:1 sleep 1000
        is_private "ipc-$mode"
        record_is '.decision == "allow" and .exposures == []'
    done
}

@test "--ipc=host is refused, visibly and once, and leaves nothing behind" {
    local id
    run_sharing sharing localhost/x:1
    refused_by_podman host-ipc sharing
    [[ $err == *--shm-size* && $err == *'localhost/x:1'* ]]
    id=$(podman inspect --format '{{.Id}}' sharing)
    record_is ".container.id == \"$id\" and .container.image == \"localhost/x:1\" and .container.namespace == null and .container.pod == null"
    record_is ".identity.image_id == \"$(image_id_of localhost/x:1)\" and (.bundle | endswith(\"/$id/userdata\"))"
    podman_capture start sharing
    refused_by_podman host-ipc sharing || [[ $status == 125 && $err == *'ipcguard: refused: '* ]]
    podman rm sharing
    assert_nothing_left "$id"
    podman_capture run --rm --network none --ipc=host --name removed localhost/x:1 true
    refused_by_podman host-ipc removed
    [ -z "$(podman ps --all --quiet)" ]
}

@test "podman create, then start, is refused too" {
    podman create --network none --ipc=host --name later localhost/x:1 true
    podman_capture start --attach later
    [ "$status" != 0 ]
    [[ $err == *'ipcguard: refused: '* ]]
    [ "$(pid_of later)" = 0 ]
}

@test "the host's namespace by a path is refused" {
    local path
    for path in /proc/self/ns/ipc "/proc/$$/ns/ipc" "/proc/$HOLDER/ns/ipc"; do
        podman_capture run --network none --name by-path --ipc="ns:$path" localhost/x:1 true
        refused_by_podman host-ipc by-path
        podman rm by-path
    done
}

@test "the host's /dev/shm as a volume is refused" {
    podman_capture run --network none --name volume --volume /dev/shm:/mnt localhost/x:1 true
    refused_by_podman host-shm volume
}

@test "bare runc would have shared: these tests can tell" {
    podman --runtime runc run --detach --network none --ipc=host --name bare localhost/x:1 sleep 1000
    shares_host bare
}

@test "exception by name" {
    exception podman.json '.match = { engine: "podman", name: "mps-*" }'
    excepted mps-1 localhost/x:1
    not_excepted not-mps-1 localhost/x:1
    not_excepted other localhost/x:1 --hostname mps-1 --label name=mps-1 --env NAME=mps-1 --annotation name=mps-1
}

@test "exception by name: --rm containers have one too" {
    exception podman.json '.match = { engine: "podman", name: "mps-1", image: "localhost/x:1" }'
    excepted mps-1 localhost/x:1 --rm
    podman_capture run --rm --network none --ipc=host --name mps-2 localhost/x:1 true
    refused_by_podman host-ipc mps-2
    record_is '.container.image == "localhost/x:1"'
}

@test "the name is what podman rename made it" {
    exception podman.json '.match = { engine: "podman", name: "after" }'
    podman create --network none --ipc=host --name before localhost/x:1 sleep 1000
    podman_capture start before
    [[ $err == *"ipcguard: refused: container 'before'"* ]]
    podman rename before after
    podman start after
    shares_host after
    record_is '.container.name == "after" and .decision == "allow"'
    podman stop --time 0 after
    podman rename after elsewhere
    podman_capture start elsewhere
    [[ $status != 0 && $err == *"ipcguard: refused: container 'elsewhere'"* ]]
    [ "$(pid_of elsewhere)" = 0 ]
}

@test "exception by image: localhost/x:1 as it is, however it is asked for" {
    exception podman.json '.match = { engine: "podman", image: "localhost/x:1" }'
    excepted one localhost/x:1
    excepted one x:1
    excepted one "$(image_id_of x:1 | cut -c 8-20)"
    not_excepted two docker.io/library/y:1
    not_excepted two y:1
}

@test "exception by image: one of Docker Hub by its full and its familiar name" {
    local name
    for name in docker.io/library/y:1 y:1 'docker.io/library/*'; do
        exception podman.json ".match = { engine: \"podman\", image: \"$name\" }"
        excepted one docker.io/library/y:1
        excepted one y:1
        not_excepted two localhost/x:1
    done
    # A short name is Docker Hub's alone: this one is not.
    exception podman.json '.match = { engine: "podman", image: ["x:1", "docker.io/library/x:1"] }'
    not_excepted two localhost/x:1
    not_excepted two x:1
}

@test "exception by image id, which re-tagging does not borrow" {
    exception podman.json ".match = { engine: \"podman\", image_id: \"$(image_id_of localhost/x:1)\" }"
    podman tag docker.io/library/y:1 localhost/tool:1
    excepted one localhost/x:1
    not_excepted two localhost/tool:1
    podman tag localhost/x:1 localhost/x:2
    podman tag docker.io/library/y:1 localhost/x:1
    not_excepted two localhost/x:1
    excepted one localhost/x:2
    podman tag localhost/x:2 localhost/x:1
    # By its name it does.
    exception podman.json '.match = { engine: "podman", image: "localhost/tool:1" }'
    excepted one localhost/tool:1
    podman untag localhost/tool:1 localhost/tool:1
    podman untag localhost/x:2 localhost/x:2
}

@test "annotations and labels that claim to be Kubernetes never help" {
    local key claims=()
    for key in io.kubernetes.cri.{container-type,sandbox-id,sandbox-namespace,sandbox-name,container-name,image-name} \
        io.kubernetes.pod.{namespace,name,uid} io.kubernetes.container.name io.container.manager \
        io.kubernetes.cri-o.{Namespace,SandboxID,SandboxName,Name,KubeName,ContainerType,ImageName,ImageRef,ContainerName}; do
        claims+=(--annotation "$key=kube-system" --label "$key=kube-system")
    done
    exception kubernetes.json '.match = { engine: "kubernetes", namespace: "kube-system" }'
    exception pod.json '.match = { engine: "kubernetes", pod: "*" }'
    exception container.json '.match = { engine: "kubernetes", container: "*" }'
    exception image.json '.match = { engine: "kubernetes", image: "*" }'
    exception containerd.json '.match = { engine: "containerd", namespace: "*" }'
    exception namespace.json '.match = { engine: "podman", namespace: "*" }'
    exception image_id.json '.match = { engine: "podman", image: "kube-system" }'
    exception name.json '.match = { engine: "podman", name: "kube-system" }'
    not_excepted forged localhost/x:1 --annotation io.kubernetes.cri.sandbox-namespace=kube-system
    not_excepted forged localhost/x:1 "${claims[@]}"
    record_is '.container.engine == "podman" and .container.namespace == null and .container.pod == null'
    not_excepted forged localhost/x:1 "${claims[@]}" --annotation io.kubernetes.cri.container-type=container \
        --annotation io.kubernetes.cri-o.ContainerType=sandbox --annotation io.container.manager=cri-o --annotation io.kubernetes.container.name=POD
    # The same, and --rm, --name and a pod to go with it.
    pod kube-system
    podman_capture run --rm --pod kube-system --ipc=host --name forged "${claims[@]}" localhost/x:1 true
    refused_by_podman host-ipc forged
}

@test "exceptions for other engines, other exposures or another time do not hold" {
    local filter
    for filter in '.match = { engine: "unknown", id: "*" }' '.match = { engine: "unknown", bundle: "/*" }' '.match = { engine: "docker", name: "*" }' \
        '.match = { engine: "containerd", id: "*" }' '.match = { engine: "podman", name: "*" } | .expires = "2020-01-01"' \
        '.match = { engine: "podman", name: "*" } | .allow = ["foreign-ipc"]' '.match = { engine: "podman", labels: { a: "*" } }'; do
        exception podman.json "$filter"
        not_excepted one localhost/x:1 --label a=b
    done
}

@test "pods: members join the infra's namespace, at both gates" {
    pod first
    podman run --detach --pod first --name member-1 localhost/x:1 sleep 1000
    podman run --detach --pod first --name member-2 y:1 sleep 1000
    is_private member-1
    same_ipc member-1 member-2
    same_ipc member-1 "$(infra_of first)"
    [ "$(podman exec member-1 readlink /proc/self/ns/ipc)" = "$(ipc_of "$(pid_of member-1)")" ]
    # Each created and started: infra and two members.
    [ "$(jq -c 'select(.decision == "allow" and .exposures == []) | .gate' "$RECORDS" | sort | uniq -c | tr -s ' \n' ' ')" = ' 3 "create" 3 "start" ' ]
    pod second
    podman run --detach --pod second --name member-3 localhost/x:1 sleep 1000
    is_private member-3
    different_ipc member-3 member-1
    podman_capture run --rm --pod first --ipc=private --name own localhost/x:1 readlink /proc/self/ns/ipc
    [[ $status == 0 && $out == ipc:* && $out != "$(ipc_of "$(pid_of member-1)")" && $out != "$(ipc_of self)" ]]
}

@test "pods: stop, start, restart, exec, rm keep working" {
    pod first
    podman run --detach --pod first --name member localhost/x:1 sleep 1000
    podman stop --time 0 member
    podman start member
    same_ipc member "$(infra_of first)"
    podman restart --time 0 member
    same_ipc member "$(infra_of first)"
    podman_capture exec member sh -c 'echo in exec; exit 4'
    [ "$status $out" = '4 in exec' ]
    podman pod stop --time 0 first
    podman pod start first
    wait_until 60 running member
    same_ipc member "$(infra_of first)"
    podman pod restart first
    wait_until 60 running member
    same_ipc member "$(infra_of first)"
    is_private member
    podman rm --force --time 0 member
}
running() { [ "$(podman inspect --format '{{.State.Status}}' "$1")" = running ]; }

@test "pods: a member that asks for the host's IPC is refused, the others are not" {
    pod first
    podman run --detach --pod first --name member localhost/x:1 sleep 1000
    podman_capture run --detach --pod first --ipc=host --name sharing localhost/x:1 sleep 1000
    refused_by_podman host-ipc sharing
    is_private member
    exception podman.json '.match = { engine: "podman", name: "sharing" }'
    podman start sharing
    shares_host sharing
    is_private member
}

@test "pods: one of podman kube play with hostIPC: ignored by Podman, never the host's" {
    cat >"$PRIVATE/run/pod.yaml" <<END_OF_FILE
apiVersion: v1
kind: Pod
metadata: { name: kube, namespace: kube-system, annotations: { io.kubernetes.pod.namespace: kube-system } }
spec:
  hostIPC: true
  containers: [{ name: c, image: "localhost/x:1", command: ["sleep", "1000"] }]
END_OF_FILE
    exception kubernetes.json '.match = { engine: "kubernetes", namespace: "kube-system" }'
    podman_capture kube play --network none /run/pod.yaml
    podman pod ps --quiet --no-trunc >>"$PODMAN_PODS"
    if [ "$status" = 0 ]; then is_private kube-c; else [[ $err == *'ipcguard: refused: '* && -z $(podman ps --quiet) ]]; fi
    record_is '.container.engine == "podman" and .container.namespace == null and .container.pod == null'
}

@test "pods: --share without ipc leaves each member its own" {
    pod first --share uts
    podman run --detach --network none --pod first --name member localhost/x:1 sleep 1000
    is_private member
    different_ipc member "$(infra_of first)"
}

@test "pods: with --share-parent=false nothing proves whose member it is: foreign, unless excepted" {
    pod first --share-parent=false
    podman_capture run --detach --pod first --name member localhost/x:1 sleep 1000
    refused_by_podman foreign-ipc member
    exception podman.json '.match = { engine: "podman", name: "member" } | .allow = ["foreign-ipc"]'
    podman start member
    same_ipc member "$(infra_of first)"
    is_private member
}

@test "--ipc=container:X is foreign, unless excepted" {
    podman run --detach --network none --ipc=shareable --name shared localhost/x:1 sleep 1000
    podman_capture run --network none --ipc=container:shared --name joiner localhost/x:1 sleep 1000
    refused_by_podman foreign-ipc joiner
    podman rm joiner
    exception join.json '.match = { engine: "podman", name: "joiner" }'
    podman_capture run --network none --ipc=container:shared --name joiner localhost/x:1 sleep 1000
    refused_by_podman foreign-ipc joiner
    podman rm joiner
    exception join.json '.match = { engine: "podman", name: "joiner" } | .allow = ["foreign-ipc"]'
    podman run --detach --network none --ipc=container:shared --name joiner localhost/x:1 sleep 1000
    same_ipc joiner shared
    record_is '.decision == "allow" and .exposures[0].kind == "foreign-ipc" and .exposures[0].action == "excepted"'
    podman_capture run --network none --ipc=container:shared --name other localhost/x:1 sleep 1000
    refused_by_podman foreign-ipc other
    not_excepted joiner-2 localhost/x:1
}

@test "--ipc=container:X is the host's, where X has been granted that" {
    exception podman.json '.match = { engine: "podman", name: "granted" }'
    run_sharing granted localhost/x:1
    [ "$status" = 0 ]
    podman_capture run --network none --ipc="ns:/proc/$(pid_of granted)/ns/ipc" --name joiner localhost/x:1 sleep 1000
    refused_by_podman host-ipc joiner
    podman_capture run --network none --ipc=container:granted --name second localhost/x:1 sleep 1000
    [ "$status" != 0 ]
    [ -z "$(podman ps --quiet --filter name=second)" ]
}

# In the words of Podman 4 or 5.
libpod_refused() {
    [[ $status == 125 && $err =~ 'containers not in pods cannot depend on containers in pods'|'is part of a pod, but container is not' ]] || complain "$status $err"
}

@test "another pod's namespace: by --ipc=container: libpod itself refuses, by a path it is foreign, whatever --cgroup-parent says" {
    local infra target cgroup
    pod first
    podman run --detach --pod first --name victim localhost/x:1 sleep 1000
    infra=$(infra_of first) cgroup=/libpod_parent/$POD
    pod second
    for target in "$infra" victim; do
        podman_capture run --pod second --ipc="container:$target" localhost/x:1 true
        [[ $status == 125 && $err == *'not a member of the pod'* ]]
        podman_capture run --network none --ipc="container:$target" localhost/x:1 true
        libpod_refused
        podman_capture run --network none --ipc="container:$target" --cgroup-parent "$cgroup" localhost/x:1 true
        libpod_refused
    done
    for target in "$infra" victim; do
        podman_capture run --network none --ipc="ns:/proc/$(pid_of "$target")/ns/ipc" --name stranger localhost/x:1 true
        refused_by_podman foreign-ipc stranger
        podman rm stranger
        podman_capture run --pod second --ipc="ns:/proc/$(pid_of "$target")/ns/ipc" --name stranger localhost/x:1 true
        refused_by_podman foreign-ipc stranger
        podman rm stranger
    done
}

@test "a container in a pod's cgroup may join its namespace by a path: --pod would let it too" {
    local infra cgroup
    pod first
    podman run --detach --pod first --name member localhost/x:1 sleep 1000
    infra=$(infra_of first) cgroup=/libpod_parent/$POD
    podman run --detach --network none --ipc="ns:/proc/$(pid_of "$infra")/ns/ipc" --cgroup-parent "$cgroup" --name beside localhost/x:1 sleep 1000
    same_ipc beside member
    is_private beside
    podman rm --force --time 0 beside
    # In its cgroup, but a namespace of no pod, or of another one.
    podman run --detach --network none --ipc=shareable --name alone localhost/x:1 sleep 1000
    podman_capture run --network none --ipc="ns:/proc/$(pid_of alone)/ns/ipc" --cgroup-parent "$cgroup" --name stranger localhost/x:1 true
    refused_by_podman foreign-ipc stranger
    podman rm stranger
    pod second
    podman run --detach --pod second --name other localhost/x:1 sleep 1000
    podman_capture run --network none --ipc="ns:/proc/$(pid_of "$(infra_of second)")/ns/ipc" --cgroup-parent "$cgroup" --name stranger localhost/x:1 true
    refused_by_podman foreign-ipc stranger
}

@test "a --rootfs container has a name, but no image" {
    exception podman.json '.match = { engine: "podman", image: "*" }'
    podman_capture run --network none --ipc=host --name bare-root --rootfs "$ROOTFS" sleep 1000
    refused_by_podman host-ipc bare-root
    record_is '.container.image == null and (.identity // {} | has("image_id") | not)'
    podman rm bare-root
    exception podman.json '.match = { engine: "podman", name: "bare-root" }'
    podman run --detach --network none --ipc=host --name bare-root --rootfs "$ROOTFS" sleep 1000
    shares_host bare-root
}

@test "what else people do works as under bare runc" {
    same --privileged localhost/x:1 sh -c 'ls /dev | wc -l'
    same --init --init-path /usr/bin/docker-init --shm-size 8m --tmpfs /t --hostname h localhost/x:1 sh -c 'df /dev/shm | tail -1; hostname'
    [ "$status" = 0 ] || complain "$err"
    same --volume /etc:/mnt:ro --device /dev/null:/dev/other localhost/x:1 sh -c 'stat -c "%A %t:%T" /dev/other; cut -d" " -f5,6 /proc/self/mountinfo | sort'
    same --sysctl kernel.shmmax=4096 localhost/x:1 cat /proc/sys/kernel/shmmax
    same --security-opt no-new-privileges --read-only --systemd=always localhost/x:1 sort /proc/self/mounts
    same --uts=host --pid=host localhost/x:1 echo hello
    record_is '.decision == "warn" and .exposures[0].kind == "host-proc"'
    same --volume /:/host localhost/x:1 echo hello
    record_is '.decision == "warn"'
}

@test "podman build is engine unknown: its steps are private, --ipc=host is refused" {
    mkdir "$PRIVATE/run/context"
    printf 'FROM localhost/x:1\nRUN readlink /proc/self/ns/ipc\n' >"$PRIVATE/run/context/Containerfile"
    podman_capture build --network none --no-cache /run/context
    [[ $status == 0 && $out == *ipc:* && $out != *"$(ipc_of self)"* ]]
    exception podman.json '.match = { engine: "podman", image: "*" }'
    podman_capture build --network none --no-cache --ipc=host /run/context
    [[ $status != 0 && $err == *'ipcguard: refused: '*host-ipc* && $out != *ipc:* ]]
    record_is '.decision == "refuse" and .container.engine == "unknown" and .container.image == null'
    exception build.json '.match = { engine: "unknown", bundle: "*/buildah*" }'
    podman_capture build --network none --no-cache --ipc=host /run/context
    [[ $status == 0 && $out == *"$(ipc_of self)"* ]]
    podman rmi --force "$(tail -n 1 <<<"$out")" >/dev/null
    rm -r "$PRIVATE/run/context"
}

@test "logs, exec, top, pause, stop, kill, restart, rm" {
    podman run --detach --network none --name life --stop-signal TERM localhost/x:1 sh -c 'trap "echo bye; exit 3" TERM; echo begun; while :; do sleep 0.1; done'
    wait_until 60 logged life begun
    podman_capture exec --env X=y life sh -c 'echo in exec $X; exit 4'
    [ "$status $out" = '4 in exec y' ]
    [ "$(podman exec life readlink /proc/self/ns/ipc)" = "$(ipc_of "$(pid_of life)")" ]
    [[ $(podman top life args) == *sleep* ]]
    podman pause life
    podman unpause life
    podman stop --time 10 life
    [ "$(podman inspect --format '{{.State.Status}} {{.State.ExitCode}}' life)" = 'exited 3' ]
    podman start life
    is_private life
    podman restart --time 10 life
    is_private life
    podman kill life
    [ "$(podman wait life)" = 137 ]
    podman rm life
}
logged() { [[ $(podman logs "$1" 2>&1) == *"$2"* ]]; }

@test "an exception that is taken away does not hold at the next start" {
    exception podman.json '.match = { engine: "podman", name: "granted" }'
    run_sharing granted localhost/x:1
    shares_host granted
    rm "$POLICY/allowlist.d/podman.json"
    podman exec granted true
    podman_capture restart --time 0 granted
    [[ $status != 0 && $err == *"ipcguard: refused: container 'granted'"* ]]
    [ "$(pid_of granted)" = 0 ]
}

@test "broken settings refuse new containers and let old ones be handled" {
    podman run --detach --network none --name old localhost/x:1 sleep 1000
    settings '.bogus = 1'
    podman_capture run --network none --rm localhost/x:1 true
    [[ $status == 126 && $err == *'ipcguard: refused: '*config.json* ]]
    [ "$(podman exec old echo hello)" = hello ]
    podman stop --time 0 old
    podman rm old
}

@test "audit mode runs it and records" {
    settings '.mode = "audit"'
    run_sharing audited localhost/x:1
    shares_host audited
    record_is '.decision == "refuse" and .mode == "audit" and .container.name == "audited"'
}

@test "crun behind the same shim" {
    podman --runtime ipcguard-crun run --detach --network none --name with-crun localhost/x:1 sleep 1000
    is_private with-crun
    record_is '.decision == "allow" and .runtime == "/usr/bin/crun"'
    podman_capture --runtime ipcguard-crun run --detach --network none --ipc=host --name sharing localhost/x:1 sleep 1000
    refused_by_podman host-ipc sharing
    pod first
    podman --runtime ipcguard-crun run --detach --pod first --name member localhost/x:1 sleep 1000
    podman --runtime ipcguard-crun run --detach --pod first --name member-2 localhost/x:1 sleep 1000
    same_ipc member member-2
    is_private member
}
