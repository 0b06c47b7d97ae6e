#!/usr/bin/env bats
# Mounts, and what happens between create and start, with a real dockerd: what is refused is clear and leaves the engine
# clean, what is allowed works.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/docker
load ../lib/messages
load ../lib/mounts

bats_require_minimum_version 1.5.0

setup_file() {
    isolation_start
    dev_of_our_own
    inside mount --make-rshared /
    host_memory
    docker_start
}

teardown_file() {
    docker_stop
    isolation_stop
    host_memory_end
}

setup() {
    policy_reset
    docker_settings
}

teardown() {
    docker_remove_all
    wait_until 60 no_traces || complain "left: $(docker_traces)"
}

# What the container finds at $2 is what the host has at $3.
finds() { is_of_host "$(pid_of "$1")" "$2" "$3"; }

containers_of_containerd() { inside ctr --address /run/engine/exec/containerd/containerd.sock --namespace moby "$@" list --quiet; }

# Neither the engine nor the kernel has anything left of what did not start, and the daemon did not stumble.
clean() {
    # Docker 26 and later start one that has a restart policy again, to be refused again.
    wait_until 60 none_runs || complain "running: $(docker ps)" || return
    wait_until 60 no_tasks || complain "tasks: $(containers_of_containerd tasks)" || return
    [ -z "$(processes_of_containers)" ] || complain "processes: $(processes_of_containers)" || return
    ! grep -E '/run/engine/(data/overlay2/[0-9a-f]+/merged|exec/containerd/.*rootfs)' "/proc/$HOLDER/mountinfo" || complain 'mounted' || return
    ! grep -iE 'level=(warning|error|fatal|panic).*(stuck|timed? ?out|still running|failed to (kill|delete|clean|stop)|device or resource busy|panic)' <(grep -v 'no such container' <(tail -n "+$LOGGED" "$BATS_FILE_TMPDIR/dockerd.log")) ||
        complain 'the daemon stumbled'
}
none_runs() { [ -z "$(docker ps --quiet)" ]; }
no_tasks() { [ -z "$(containers_of_containerd tasks)" ]; }
processes_of_containers() { pgrep --ns "$HOLDER" --nslist mnt -af "containerd-shim.*-address /run/engine/exec/|runc init" || :; }
log_from_here() { LOGGED=$(($(wc -l <"$BATS_FILE_TMPDIR/dockerd.log") + 1)); }

@test "-v /dev/shm:/dev/shm is refused, and the message says what to do" {
    local source
    for source in /dev/shm:/dev/shm /dev/shm:/mnt:ro "$SHM/folder:/mnt" "$SHM/file:/target"; do
        docker_capture run --network none --name shm --volume "$source" busybox sleep 1000
        refused_by_docker host-shm
        [[ $err == *shm* && $err == *--shm-size* && $err == */etc/ipcguard/allowlist.d* ]]
        [ "$(docker inspect --format '{{.State.Status}} {{.State.Pid}}' shm)" = 'created 0' ]
        docker rm shm
    done
    docker_capture run --rm --network none --mount type=bind,source=/dev/shm,target=/mnt busybox true
    refused_by_docker host-shm
    docker_capture run --rm --network none --volume /dev/mqueue:/mnt --name queueing busybox true
    refused_by_docker host-mqueue
    reads docker-host-mqueue "$err"
    docker volume create --driver local --opt type=none --opt o=bind --opt device=/dev/shm disguised
    docker_capture run --rm --network none --volume disguised:/mnt busybox true
    refused_by_docker host-shm
    docker volume rm disguised
}

@test "memory of its own in any size, volumes and folders are untouched" {
    docker_capture run --rm --network none --shm-size 8m --tmpfs /mnt --volume "$BATS_TEST_TMPDIR:/tmp" --volume named:/named busybox df /dev/shm
    [ "$status" = 0 ] && [[ $out == *8192* ]]
    record_is '.decision == "allow" and .gate == "start" and .exposures == []'
    docker volume rm named
}

@test "--ipc=container:X, excepted, shares X's memory and not the host's" {
    exception join.json '.match = { engine: "docker", name: "second" } | .allow = ["foreign-ipc"]'
    docker run --detach --network none --ipc=shareable --name first busybox sleep 1000
    docker run --detach --network none --ipc=container:first --name second busybox sleep 1000
    record_is '.gate == "start" and .decision == "allow" and .exposures[0].kind == "foreign-ipc" and .exposures[0].action == "excepted"'
    docker exec first sh -c 'echo shared >/dev/shm/word'
    [ "$(docker exec second cat /dev/shm/word)" = shared ]
    [ "$(ipc_of "$(pid_of first)")" = "$(ipc_of "$(pid_of second)")" ]
    run ! shares_host second
    run ! finds second /dev/shm /dev/shm
    [ ! -e /dev/shm/word ]
    docker_capture run --rm --network none --ipc=container:first --name third busybox true
    refused_by_docker foreign-ipc
}

@test "--ipc=host, excepted, has the host's /dev/shm and /dev/mqueue" {
    exception host.json '.match = { engine: "docker", name: "host" }'
    docker run --detach --network none --ipc=host --name host busybox sleep 1000
    shares_host host
    record_is '.gate == "start" and .decision == "allow" and (.exposures | map(.action) | unique == ["excepted"])
        and (.exposures | map(.kind) | unique | index("host-ipc", "host-shm", "host-mqueue") != null)'
    finds host /dev/shm /dev/shm
    finds host /dev/mqueue "$MQUEUE"
    [ "$(docker exec host cat "$SHM/file")" = segment ]
    docker exec host sh -c "echo written >$SHM/answer"
    [ "$(<"$SHM/answer")" = written ]
    docker restart --time 1 host
    shares_host host
}

@test "-v /:/host:ro,rslave runs, as node agents do, and is recorded as a warning at both gates" {
    docker run --detach --network none --volume /:/host:ro,rslave --name agent busybox sleep 1000
    [ "$(tail -n 2 "$RECORDS" | jq -c '[.gate, .decision, (.exposures | any(.kind == "host-shm-recursive" and .action == "warn"))]')" = $'["create","warn",true]\n["start","warn",true]' ] ||
        complain "$(tail -n 2 "$RECORDS")"
    finds agent /host/dev/shm /dev/shm
    docker restart --time 1 agent
    [ "$(status_of agent)" = running ]
}

@test "--pid=host runs and is recorded as a warning" {
    docker run --detach --network none --pid=host --name watcher busybox sleep 1000
    [ "$(readlink "/proc/$(pid_of watcher)/ns/pid")" = "$(readlink /proc/self/ns/pid)" ]
    [ "$(tail -n 2 "$RECORDS" | jq -c '[.gate, .decision, .exposures[0].kind]')" = $'["create","warn","host-proc"]\n["start","warn","host-proc"]' ]
    run ! shares_host watcher
    docker run --detach --network none --pid=container:watcher --name peer busybox sleep 1000
}

@test "a link switched between docker create and docker start" {
    local link=$BATS_TEST_TMPDIR/link
    mkdir "$BATS_TEST_TMPDIR/plain"
    log_from_here
    ln -s "$BATS_TEST_TMPDIR/plain" "$link"
    docker create --network none --volume "$link:/mnt" --name switched busybox sleep 1000
    ln -sfn /dev/shm "$link"
    docker_capture start switched
    [ "$status" = 1 ] && [[ $err == *'ipcguard: refused: '*host-shm* ]] || complain "$status $err"
    clean
    ln -sfn "$BATS_TEST_TMPDIR/plain" "$link"
    docker start switched
    run ! finds switched /mnt /dev/shm
}

@test "refused at the start gate: visible, and nothing is left of it" {
    local link=$BATS_TEST_TMPDIR/link way
    mkdir "$BATS_TEST_TMPDIR/plain"
    log_from_here
    docker_settings "$(swapping "ln -sfn /dev/shm $link")"
    for way in --detach --interactive --tty --rm; do
        ln -sfn "$BATS_TEST_TMPDIR/plain" "$link"
        docker_capture run "$way" --network none --volume "$link:/mnt" --name late busybox sleep 1000
        refused_by_docker host-shm start
        [[ $err == *late* && $err == *--shm-size* ]]
        reads docker-start-gate "$err"
        clean
        if [ "$way" != --rm ]; then
            [ "$(docker inspect --format '{{.State.Running}} {{.State.Pid}}' late)" = 'false 0' ] || complain "$(docker inspect --format '{{json .State}}' late)"
            ln -sfn "$BATS_TEST_TMPDIR/plain" "$link"
            docker_capture start late
            [ "$status" = 1 ] && [[ $err == *'ipcguard: refused: '* ]]
            docker rm late
        fi
        wait_until 60 no_traces || complain "$way: left: $(docker_traces)"
    done
    ln -sfn "$BATS_TEST_TMPDIR/plain" "$link"
    docker_capture run --detach --restart on-failure:2 --network none --volume "$link:/mnt" --name late busybox sleep 1000
    [[ $status == 125 && $err == *'ipcguard: refused: '*host-shm* ]]
    clean
    [ -z "$(grep -v '"decision":"refuse"' "$RECORDS" | grep '"gate":"start"')" ] || complain 'it was admitted'
    docker rm --force late
    # The daemon goes on.
    docker_settings
    docker run --rm --network none busybox true
}

@test "the same with config.json, and with crun" {
    log_from_here
    docker_settings "$(swapping :)"
    cat >"$BATS_TEST_TMPDIR/between" <<'END'
#!/bin/bash
words=("$@")
for ((at = 0; at < $#; at++)); do
    [ "${words[at]}" = --bundle ] || continue
    b=${words[at + 1]}
    jq -c 'del(.linux.namespaces[] | select(.type == "ipc")) | del(.mounts[] | select(.type == "mqueue"))' "$b/config.json" >"$b/new"
    mv "$b/new" "$b/config.json"
done
exec "${0%between}real" "$@"
END
    local real
    for real in runc crun; do
        ln -sfn "/usr/bin/$real" "$BATS_TEST_TMPDIR/real"
        docker_capture run --network none --name "swapped-$real" busybox sleep 1000
        refused_by_docker host-ipc start
        clean
        docker rm "swapped-$real"
    done
}

# Docker deletes the task as soon as it hears of the refusal, and gives up if the init has not ended by then.
@test "refused at the start gate, time and again: no task is ever stuck" {
    local link=$BATS_TEST_TMPDIR/link
    mkdir "$BATS_TEST_TMPDIR/plain"
    log_from_here
    docker_settings "$(swapping "ln -sfn /dev/shm $link")"
    for _ in {1..20}; do
        ln -sfn "$BATS_TEST_TMPDIR/plain" "$link"
        docker_capture run --detach --network none --volume "$link:/mnt" --name again busybox sleep 1000
        refused_by_docker host-shm start
        docker rm again
    done
    clean
    wait_until 60 no_traces || complain "left: $(docker_traces)"
}

# The engine's runtime "late" is at PATH from here on.
late_is() {
    jq --arg path "$1" '.runtimes.late = { path: $path }' "$PRIVATE/etc/daemon.json" >"$BATS_TEST_TMPDIR/daemon.json"
    cp "$BATS_TEST_TMPDIR/daemon.json" "$PRIVATE/etc/daemon.json"
    kill -HUP "$DOCKERD"
    wait_until 60 late_is_at "$1"
}
late_is_at() { [ "$(docker info --format '{{(index .Runtimes "late").Path}}')" = "$1" ]; }

@test "containers from before the shim: running, paused, stopped, restarted" {
    local name
    late_is /usr/bin/runc
    for name in old paused; do docker run --detach --network none --runtime late --name "$name" busybox sleep 1000; done
    docker run --detach --network none --runtime late --ipc=host --name sharing busybox sleep 1000
    docker create --network none --runtime late --name fresh busybox sleep 1000
    docker pause paused
    late_is "$SHIM"
    docker unpause paused
    for name in old paused sharing; do
        docker pause "$name"
        docker unpause "$name"
        [ "$(docker exec "$name" echo hello)" = hello ]
        [[ $(docker top "$name") == *sleep* ]]
    done
    shares_host sharing
    [ ! -e "$RECORDS" ] || complain "judged: $(last_record)"
    docker restart --time 1 old
    docker stop --time 1 paused
    docker start paused fresh
    for name in old paused fresh; do
        [ "$(status_of "$name")" = running ]
        [ "$(ipc_of "$(pid_of "$name")")" != "$(ipc_of self)" ]
    done
    record_is '.gate == "start" and .decision == "allow"'
    docker update --memory 64m --memory-swap 64m old
    # What shares has to be created anew, and then there is a policy.
    docker_capture restart --time 1 sharing
    [ "$status" = 1 ] && [[ $err == *'ipcguard: refused: '*host-ipc* ]] || complain "$status: $err"
    [ "$(status_of sharing)" = exited ]
    exception sharing.json '.match = { engine: "docker", name: "sharing" }'
    docker start sharing
    shares_host sharing
}

@test "containers whose runtime is plain runc stay with it" {
    docker run --detach --network none --runtime runc --ipc=host --name plain busybox sleep 1000
    docker pause plain
    docker unpause plain
    docker restart --time 1 plain
    shares_host plain
    [ ! -e "$RECORDS" ]
}
