#!/usr/bin/env bats
# ipcguard audit of a real containerd's pods and of what its own client runs, by id: other suites may run theirs on this
# host.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/audit
load ../lib/containerd
load ../lib/kubelet

setup_file() {
    isolation_start
    cri_start
    image default registry.example/team/tool:1
}

teardown_file() { containerd_stop; }

setup() {
    policy_reset
    containerd_settings '.mode = "audit"'
    HANDLER=
}

teardown() {
    cri_remove_all
    local id
    for id in $(ctr tasks list --quiet); do ctr tasks delete --force "$id" >/dev/null; done
    for id in $(ctr containers list --quiet); do ctr containers delete "$id"; done
}

@test "pods: the AKS control, its excluded namespaces covered by the exception that is installed" {
    cp "$TESTS_DIR/../config/default/kubernetes-system.json" "$POLICY/allowlist.d"
    chmod 644 "$POLICY/allowlist.d/kubernetes-system.json"
    local web system
    pod default web
    web=$POD
    member app
    local private=$MEMBER
    pod kube-system csi "$HOST_IPC"
    system=$POD
    member plugin
    local covered=$MEMBER
    HANDLER=bare pod default host "$HOST_IPC"
    audit
    told "$web" '.control.result == "pass" and .control.number == "4.2.3" and .control.benchmark == "CIS AKS Benchmark" and .control.version == "1.7.0"' \
        '.container.engine == "kubernetes" and .container.namespace == "default" and .container.pod == "web"'
    told "$private" '.control.result == "pass" and .decision == "allow" and .identity.container == "app"'
    told "$system" '.control.result == "covered" and .control.exception == "kubernetes-system" and .container.namespace == "kube-system" and .finding == false'
    told "$covered" '.control.result == "covered" and .identity.container == "plugin" and .finding == false'
    told "$POD" '.control.result == "fail" and .finding and .container.pod == "host"'
    # As the benchmark lists them: namespace and name of each pod that is not excluded.
    jq -e '[.containers[] | select(.container.id as $id | ["'"$web"'", "'"$system"'", "'"$POD"'"] | index($id)) | select(.control.result == "fail") |
        "\(.container.namespace)/\(.container.pod)"] == ["default/host"]' "$OUT"
}

@test "ctr: the Docker control, with containerd's namespace" {
    local id=ig-$$ options=(--detach --runc-binary "$SHIM")
    ctr run "${options[@]}" --cgroup "$CGROUP_PARENT/$id-private" registry.example/team/tool:1 "$id-private" sleep 100000
    ctr run "${options[@]}" --cgroup "$CGROUP_PARENT/$id-host" --with-ns "ipc:/proc/$$/ns/ipc" registry.example/team/tool:1 "$id-host" sleep 100000
    audit
    told "$id-private" '.control.result == "pass" and .control.number == "5.17" and .container.engine == "containerd" and .container.namespace == "default"'
    told "$id-host" '.control.result == "fail" and .finding and .decision == "refuse"'
}
