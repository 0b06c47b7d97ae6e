#!/usr/bin/env bats
# ipcguard audit on a Docker host agrees with the benchmark's own procedure, which asks Docker. Other suites may run
# containers on this host: what is told of ours is looked at by id. --privileged is left out, since the machines that run
# these tests permit no container all that it asks for; it changes nothing about the IPC namespace.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/audit
load ../lib/docker

setup_file() {
    isolation_start
    docker_start
}

teardown_file() {
    docker_stop
    isolation_stop
}

setup() {
    policy_reset
    docker_settings
}

teardown() {
    kill -CONT "$DOCKERD"
    docker_remove_all
}

run_detached() { docker run --detach --network none --name "$@" busybox sleep 1000; }

id_of() { docker inspect --format '{{.Id}}' "$1"; }

# The benchmark's command (CIS 5.17), for those that run: "ID pass" or "ID fail" each.
by_docker() {
    docker ps --quiet | xargs docker inspect --format '{{ .Id }}: IpcMode={{ .HostConfig.IpcMode }}' |
        sed -e 's/: IpcMode=host$/ fail/' -e 's/: IpcMode=.*/ pass/' | sort
}

# What the audit says of those that Docker lists.
by_audit() {
    local ids
    ids=$(docker ps --quiet --no-trunc | jq -Rn '[inputs]')
    jq -r --argjson ids "$ids" '.containers[] | select(.container.id as $id | $ids | index($id)) | "\(.container.id) \(.control.result)"' "$OUT" | sort
}

agrees() {
    audit
    [ -n "$(by_docker)" ]
    [ "$(by_audit)" = "$(by_docker)" ] || complain "audit: $(by_audit); docker inspect: $(by_docker)"
}

@test "container by container, the verdict is that of docker inspect" {
    docker_settings '.mode = "audit"'
    local mode
    for mode in private shareable none host; do run_detached "$mode" --ipc "$mode"; done
    run_detached default
    run_detached joined --ipc container:shareable
    run_detached crun-host --ipc host --runtime ipcguard-crun
    run_detached bare-host --ipc host --runtime runc
    agrees
    [ "$(by_docker | grep -c ' fail$')" = 3 ]
    [ "$(by_docker | grep -c ' pass$')" = 5 ]
    told "$(id_of host)" '.control == { benchmark: "CIS Docker Benchmark", version: "1.6.0", number: "5.17", result: "fail", exception: null } and .finding'
    told "$(id_of bare-host)" '.finding and .decision == "refuse" and (.container | .engine == "docker" and .name == "bare-host" and .image == "busybox")'
    # docker inspect passes this one, and so does the control; the policy does not.
    told "$(id_of joined)" '.control.result == "pass" and .decision == "refuse" and .finding and .exposures[0].kind == "foreign-ipc"'
    told "$(id_of shareable)" '.decision == "allow" and .finding == false and .container.name == "shareable"'
    docker restart --time 0 host private
    agrees
    docker stop --time 0 host bare-host crun-host
    agrees
    [ "$(by_docker | grep -c ' fail$')" = 0 ]
}

@test "a container of the host's namespace, by way of another, fails here where docker inspect passes it" {
    docker_settings '.mode = "audit"'
    run_detached host --ipc host
    run_detached joined --ipc container:host
    audit
    by_docker | grep -q "^$(id_of joined) pass\$"
    shares_host joined
    told "$(id_of joined)" '.control.result == "fail" and .finding'
}

@test "an exception covers it, and that is told" {
    exception gpu.json '.match = { engine: "docker", name: "gpu-*", image: "busybox" } | .name = "gpu-mps"'
    run_detached gpu-1 --ipc host
    run_detached other
    audit
    told "$(id_of gpu-1)" '.control.result == "covered" and .control.exception == "gpu-mps" and .decision == "allow" and .finding == false'
    told "$(id_of other)" '.control.result == "pass"'
    audit text
    grep -qE "^covered +allow +docker +gpu-1 \\($(id_of gpu-1)\\)\$" "$OUT"
    grep -qF ": excepted by 'gpu-mps', a test needs it" "$OUT"
    rm "$POLICY/allowlist.d/gpu.json"
    audit
    told "$(id_of gpu-1)" '.control.result == "fail" and .finding'
    audit junit
    grep -qF "<testcase classname=\"docker\" name=\"gpu-1 ($(id_of gpu-1))\">" "$OUT"
    xmllint --noout "$OUT"
}

@test "mounts of the host's memory are the policy's business; names cannot break a format" {
    docker_settings '.mode = "audit"'
    run_detached shm --volume /dev/shm:/mnt
    run_detached paused
    docker pause paused
    docker run --detach --network none --name odd --label 'x=<&">' --volume "/dev/shm:/mnt/<\"&'é" busybox sleep 1000
    audit
    told "$(id_of shm)" '.control.result == "pass" and .decision == "refuse" and (.exposures | map(.kind) | index("host-shm"))'
    told "$(id_of paused)" '.control.result == "pass" and .decision == "allow"'
    told "$(id_of odd)" '.decision == "refuse"'
    docker unpause paused
    audit junit
    grep -qF '/mnt/&lt;&quot;&amp;\x27é' "$OUT" || complain "$out"
    xmllint --noout "$OUT"
}

@test "without the engine's folders in the settings it is found all the same, and who it is, is not known" {
    docker_settings '.mode = "audit"'
    run_detached host --ipc host
    settings .
    audit
    told "$(id_of host)" '.control.result == "fail" and .finding and .container.engine == "unknown" and .container.name == null' \
        '.bundle | endswith("/moby/'"$(id_of host)"'")'
}

@test "nobody asks Docker: it need not answer" {
    docker_settings '.mode = "audit"'
    run_detached host --ipc host
    kill -STOP "$DOCKERD"
    ! timeout 2 docker ps || complain 'Docker answers'
    audit
    kill -CONT "$DOCKERD"
    told "$(id_of host)" '.control.result == "fail" and .container.engine == "docker" and .container.name == "host"'
}
