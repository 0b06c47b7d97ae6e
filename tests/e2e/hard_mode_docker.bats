#!/usr/bin/env bats
# Hard mode under a real dockerd and its containerd: whoever says runc gets the shim.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/docker
load ../lib/hard_mode

setup_file() {
    hard_mode_start
    hard_mode_reset
    # A wrapper as nvidia-container-runtime is one: it becomes the runc that it finds on its PATH.
    printf '#!/bin/sh\nexec runc "$@"\n' >"$BATS_FILE_TMPDIR/wrapper"
    chmod 755 "$BATS_FILE_TMPDIR/wrapper"
    docker_start ".\"default-runtime\" = \"runc\" | .runtimes.wrapper.path = \"$BATS_FILE_TMPDIR/wrapper\""
    docker run --detach --network none --name before busybox sleep 1000
    inside "$IPCGUARD" harden --runtime "$SHIM"
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
    local ids
    mapfile -t ids < <(docker ps --all --format '{{.Names}}' | grep -vx before)
    [ ${#ids[@]} = 0 ] || docker rm --force --volumes "${ids[@]}" >/dev/null
}

@test "no runtime that Docker knows starts a container with the host's IPC, all of them start a private one" {
    local runtime
    for runtime in '' runc ipcguard wrapper; do
        echo "# runtime: ${runtime:-the default}"
        docker_capture run --rm --network none ${runtime:+--runtime "$runtime"} --ipc=host busybox echo ran
        refused_by_docker host-ipc
        docker_capture run --rm --network none ${runtime:+--runtime "$runtime"} --volume /dev/shm:/dev/shm busybox echo ran
        refused_by_docker host-shm
        docker_capture run --rm --network none ${runtime:+--runtime "$runtime"} busybox sh -c 'readlink /proc/self/ns/ipc; exit 7'
        [ "$status" = 7 ] || complain "$err"
        [[ $out == ipc:* && $out != "$(ipc_of self)" ]]
    done
}

@test "it judges once at each gate, and becomes what is kept" {
    docker run --rm --network none --runtime runc busybox true
    [ "$(jq -r '.gate + " " + .runtime' "$RECORDS" | xargs)" = 'create /usr/sbin/runc.unguarded start /usr/sbin/runc.unguarded' ]
    rm "$RECORDS"
    docker run --rm --network none --runtime ipcguard busybox true
    [ "$(jq -r '.gate + " " + .runtime' "$RECORDS" | xargs)" = 'create /usr/sbin/runc.unguarded start /usr/sbin/runc.unguarded' ]
}

@test "a wrapper behind the shim, which calls runc again, makes no loop" {
    docker_settings ".runtimes.default = \"$BATS_FILE_TMPDIR/wrapper\""
    docker_capture run --rm --network none --runtime ipcguard busybox echo ran
    [ "$status $out" = '0 ran' ] || complain "$err"
    docker_capture run --rm --network none --runtime ipcguard --ipc=host busybox echo ran
    refused_by_docker host-ipc
    # In hard mode what is kept wins.
    docker_capture run --rm --network none busybox echo ran
    [ "$status $out" = '0 ran' ] || complain "$err"
}

@test "an exception holds under the name runc" {
    exception db.json '.match = { engine: "docker", name: "excepted" }'
    docker run --detach --network none --runtime runc --ipc=host --name excepted busybox sleep 1000
    shares_host excepted
}

@test "a container from before can be looked at, entered and stopped" {
    [ "$(docker exec before echo entered)" = entered ]
    docker stats --no-stream before >/dev/null
    docker restart --time 1 before
    [ "$(status_of before)" = running ]
    [ "$(ipc_of "$(pid_of before)")" != "$(ipc_of self)" ]
}

@test "docker build: its RUN goes through the shim" {
    mkdir "$BATS_TEST_TMPDIR/context"
    printf 'FROM busybox\nRUN readlink /proc/self/ns/ipc >/ipc\n' >"$BATS_TEST_TMPDIR/context/Dockerfile"
    DOCKER_BUILDKIT=0 docker build --network none --tag built "$BATS_TEST_TMPDIR/context"
    record_says '"decision":"allow"' '"gate":"start"' '"runtime":"/usr/sbin/runc.unguarded"'
    [ "$(docker run --rm --network none built cat /ipc)" != "$(ipc_of self)" ]
}

# A client of Docker's own containerd. What it runs stays a moment: ctr, too, cancels opening the pipes when a task has ended.
ctr_() { capture ctr --address /run/engine/exec/containerd/containerd.sock run --rm --cgroup "$CGROUP_PARENT/$1" "${@:2}" --rootfs "$ROOTFS" "$1" /bin/sh -c "readlink /proc/self/ns/ipc; sleep 1"; }

@test "ctr, which asks containerd for plain runc" {
    ctr_ plain
    [ "$status" = 0 ] || complain "$err"
    [[ $out == ipc:* && $out != "$(ipc_of self)" ]]
    ctr_ shared --with-ns "ipc:/proc/$HOLDER/ns/ipc" # pid 1's cannot be opened everywhere
    [[ $status == 1 && $err == *'ipcguard: refused: '*host-ipc* ]] || complain "$status: $out $err"
    record_is '.decision == "refuse"'
}

@test "broken settings: nothing new, but what runs can be stopped" {
    docker run --detach --network none --runtime runc --name running busybox sleep 1000
    echo '{' >"$POLICY/config.json"
    docker_capture run --rm --network none --runtime runc busybox echo ran
    [[ $status == 125 && $err == *'ipcguard: refused: '* ]] || complain "$err"
    docker exec running true
    docker rm --force running
}

@test "taken away while containers run, they are as before, and the host's IPC can be had again" {
    docker run --detach --network none --runtime runc --name running busybox sleep 1000
    inside "$IPCGUARD" harden --remove
    nothing_of_hard_mode
    docker exec running true
    docker stop --time 1 running
    docker_capture run --rm --network none --runtime runc --ipc=host busybox readlink /proc/self/ns/ipc
    [ "$status $out" = "0 $(ipc_of self)" ]
    inside "$IPCGUARD" harden --runtime "$SHIM"
}
