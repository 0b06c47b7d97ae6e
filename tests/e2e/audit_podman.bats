#!/usr/bin/env bats
# ipcguard audit of a real Podman's containers, by id: other suites may run theirs on this host.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/audit
load ../lib/podman

setup_file() {
    isolation_start
    podman_start
}

teardown_file() { podman_stop; }

setup() { policy_reset; }

teardown() { podman_remove_all; }

id_of() { podman inspect --format '{{.Id}}' "$1"; }

@test "who it is, its control, and the exception that covers it" {
    settings '.mode = "audit"'
    exception covers.json '.match = { engine: "podman", name: "covered" }'
    podman run --detach --network none --name private localhost/x:1 sleep 1000
    podman run --detach --network none --name covered --ipc host localhost/x:1 sleep 1000
    podman run --detach --network none --name host --ipc host localhost/x:1 sleep 1000
    podman run --detach --network none --name crun --runtime ipcguard-crun --ipc host localhost/x:1 sleep 1000
    podman run --detach --network none --name joined --ipc container:private localhost/x:1 sleep 1000
    audit
    told "$(id_of private)" '.control.result == "pass" and .control.number == "5.17" and .decision == "allow"' \
        '.container.engine == "podman" and .container.name == "private" and .container.image == "localhost/x:1"'
    told "$(id_of covered)" '.control.result == "covered" and .control.exception == "test-exception" and .finding == false'
    told "$(id_of host)" '.control.result == "fail" and .finding and .container.name == "host"'
    told "$(id_of crun)" '.control.result == "fail" and .finding and .container.name == "crun"'
    told "$(id_of joined)" '.control.result == "pass" and .decision == "refuse" and .exposures[0].kind == "foreign-ipc"'
}

@test "members of a pod pass, with their pod's namespace" {
    pod web
    podman run --detach --pod web --name member localhost/x:1 sleep 1000
    audit
    told "$(id_of member)" '.control.result == "pass" and .decision == "allow" and .exposures == []'
    told "$(infra_of web)" '.control.result == "pass" and .decision == "allow"'
}
