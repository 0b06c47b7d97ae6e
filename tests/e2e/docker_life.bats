#!/usr/bin/env bats
# What else people do with Docker's containers, on whatever version of Docker there is: nothing of it may notice the shim.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/docker
load ../lib/messages

DOCKER_OPTIONS=(--live-restore)

setup_file() {
    isolation_start
    # BuildKit, in dockerd, runs the runc that it finds in PATH and knows of no default runtime.
    mkdir "$BATS_FILE_TMPDIR/bin"
    ln -s "$SHIM" "$BATS_FILE_TMPDIR/bin/runc"
    export DOCKERD_PATH=$BATS_FILE_TMPDIR/bin:$PATH
    docker_start
}

teardown_file() { isolation_stop; }

setup() {
    policy_reset
    docker_settings
}

teardown() { [ -z "$DOCKERD" ] || docker_remove_all; }

one() { docker run --detach --network none --name "$@"; }

is_private() {
    local pid
    pid=$(pid_of "$1")
    [[ $pid != 0 && $(ipc_of "$pid") != "$(ipc_of self)" ]] || complain "$1 (process $pid) is not private"
}

# in_cgroup CONTAINER CONTROLLER FILE-IN-VERSION-1 FILE-IN-VERSION-2: what the kernel says of it.
in_cgroup() {
    local path
    path=$(awk -F: -v name="$2" '$2 == name { print $3 }' "/proc/$(pid_of "$1")/cgroup")
    if [ -n "$path" ]; then cat "/sys/fs/cgroup/$2$path/$3"; else cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(pid_of "$1")/cgroup")/$4"; fi
}

@test "update" {
    one limited --memory 64m --memory-swap 64m busybox sleep 1000
    [ "$(in_cgroup limited memory memory.limit_in_bytes memory.max)" = 67108864 ]
    docker update --memory 32m --memory-swap 32m --pids-limit 33 limited
    [ "$(in_cgroup limited memory memory.limit_in_bytes memory.max)" = 33554432 ]
    [ "$(in_cgroup limited pids pids.max pids.max)" = 33 ]
}

@test "top, stats, diff, port, inspect" {
    one watched busybox sh -c 'touch /made; sleep 1000'
    wait_until 60 docker exec watched test -e /made
    [[ $(docker top watched) == *'sleep 1000'* ]]
    [[ $(docker stats --no-stream --format '{{.Name}} {{.PIDs}}' watched) == 'watched '[1-9]* ]]
    [[ $(docker diff watched) == *'A /made'* ]]
    [ "$(docker inspect --format '{{.State.Running}} {{.HostConfig.Runtime}}' watched)" = 'true ipcguard' ]
}

@test "cp and commit" {
    one source busybox sleep 1000
    echo content >"$BATS_TEST_TMPDIR/file"
    docker cp "$BATS_TEST_TMPDIR/file" source:/root-file
    [ "$(docker exec source cat /root-file)" = content ]
    docker exec source sh -c 'echo changed >/root-file'
    docker cp source:/root-file "$BATS_TEST_TMPDIR/back"
    [ "$(<"$BATS_TEST_TMPDIR/back")" = changed ]
    docker commit source committed
    docker_capture run --rm --network none committed cat /root-file
    [ "$out" = changed ]
}

context() {
    mkdir -p "$BATS_TEST_TMPDIR/context"
    printf 'FROM busybox\nRUN readlink /proc/self/ns/ipc >/ipc && echo built >/file\nCMD ["cat", "/file", "/ipc"]\n' >"$BATS_TEST_TMPDIR/context/Dockerfile"
}

built_privately() {
    docker_capture run --rm --network none "$1"
    [[ $out == built$'\n'ipc:* && $out != *"$(ipc_of self)"* ]] || complain "$out"
}

@test "build: the classic builder's steps are the default runtime's" {
    context
    DOCKER_BUILDKIT=0 docker build --no-cache --network none --tag built "$BATS_TEST_TMPDIR/context"
    built_privately built
    [ "$(grep -c '"gate":"create"' "$RECORDS")" = 2 ]
}

@test "build: BuildKit in dockerd runs the runc in its PATH" {
    if ! DOCKER_BUILDKIT=1 docker build --help 2>&1 | grep -q -e --secret; then skip 'this docker has no buildx'; fi
    context
    DOCKER_BUILDKIT=1 docker build --no-cache --network none --progress plain --tag built-2 "$BATS_TEST_TMPDIR/context"
    record_is '.container.engine == "unknown" and .decision == "allow" and (.bundle | contains("buildkit"))'
    built_privately built-2
}

@test "health check" {
    one checked --health-cmd 'test -e /healthy' --health-interval 1s --health-retries 1 busybox sleep 1000
    wait_until 60 health_is unhealthy
    docker exec checked touch /healthy
    wait_until 60 health_is healthy
}
health_is() { [ "$(docker inspect --format '{{.State.Health.Status}}' checked)" = "$1" ]; }

@test "restart policies: always and unless-stopped" {
    local policy pid
    for policy in always unless-stopped; do
        one again --restart "$policy" busybox sleep 1000
        pid=$(pid_of again)
        kill -KILL "$pid"
        wait_until 60 another_than "$pid"
        is_private again
        docker stop --time 0 again
        [ "$(status_of again)" = exited ]
        docker rm again
    done
}
another_than() { [[ $(docker inspect --format '{{.State.Running}} {{.State.Pid}}' again) =~ ^'true '[1-9][0-9]*$ && ${BASH_REMATCH[0]} != "true $1" ]]; }

@test "kill with a signal, wait, rename, restart" {
    one signalled busybox sh -c 'trap "exit 9" USR1; echo ready; while :; do sleep 0.1; done'
    wait_until 60 ready signalled
    docker kill --signal USR1 signalled
    [ "$(docker wait signalled)" = 9 ]
    docker rename signalled renamed
    docker restart --time 0 renamed
    is_private renamed
    docker stop --time 0 renamed
}
ready() { [[ $(docker logs "$1" 2>&1) == *ready* ]]; }

@test "--init, --read-only, --tmpfs, --shm-size, --user, --cap-drop, --cap-add" {
    docker_capture run --rm --network none --init --read-only --tmpfs /t:size=1m --shm-size 8m --user 1000:1001 --cap-drop ALL busybox sh -c '
        id -u; id -g; tr "\0" " " </proc/1/cmdline; echo; grep CapBnd /proc/self/status; ! touch /x 2>/dev/null && echo read-only
        df -k /dev/shm | tail -n 1; grep " /t " /proc/self/mounts'
    [ "$status" = 0 ]
    [[ $out == 1000$'\n'1001$'\n'*init*$'\nCapBnd:\t0000000000000000\nread-only\n'*' 8192 '*'/dev/shm'*tmpfs*size=1024k* ]] || complain "$out"
    docker_capture run --rm --network none --cap-drop ALL --cap-add NET_ADMIN busybox grep CapBnd /proc/self/status
    [ "$out" = $'CapBnd:\t0000000000001000' ]
}

@test "twenty at a time" {
    at_a_time 20
}

# An engine in a privileged container, with the shim as its runtime; what it needs of the host's programs is bound in.
@test "nested: dockerd in a container" {
    local root=$BATS_TEST_TMPDIR/nested
    mkdir -p "$root"/{usr,etc,proc,sys,dev,run,tmp,var/lib,var/log/ipcguard}
    (cd "$root" && ln -s usr/bin bin && ln -s usr/sbin sbin && ln -s usr/lib lib && ln -s usr/lib64 lib64)
    cp -r /etc/{passwd,group,ssl,alternatives} "$root/etc/"
    cp -r "$POLICY" "$root/etc/ipcguard"
    cp "$SHIM" "$root/shim"
    cp "$BATS_FILE_TMPDIR/rootfs.tar" "$root/rootfs.tar"
    cat >"$root/inner" <<'END_OF_FILE'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin DOCKER_HOST=unix:///run/inner.sock
dockerd --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs --add-runtime ipcguard=/shim --default-runtime ipcguard \
    --cgroup-parent "$CGROUP_PARENT" -H "$DOCKER_HOST" >/tmp/log 2>&1 &
tries=600
until docker version >/dev/null 2>&1; do tries=$((tries - 1)); [ $tries != 0 ] || { tail -n 20 /tmp/log; exit 1; }; sleep 0.1; done
docker import --change 'CMD ["sh"]' /rootfs.tar busybox >/dev/null || exit 1
echo "outer $(readlink /proc/self/ns/ipc)"
echo "inner $(docker run --rm --network none busybox readlink /proc/self/ns/ipc)"
docker run --rm --network none --ipc=host busybox true 2>&1
echo "status $?"
END_OF_FILE
    chmod 755 "$root/inner"
    tar -C "$root" -c . | docker import - nested
    # Of what --privileged gives, what an engine needs: not every machine has all capabilities to give.
    docker_capture run --rm --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --security-opt systempaths=unconfined --device-cgroup-rule 'a *:* rwm' --volume /sys/fs/cgroup:/sys/fs/cgroup --network none \
        --volume /usr:/usr:ro --tmpfs /var/lib/docker:exec,dev --tmpfs /run:exec --env CGROUP_PARENT="$CGROUP_PARENT" nested /inner
    [[ $out == *'outer ipc:'*'inner ipc:'*'ipcguard: refused: '*host-ipc*'status 125'* ]] || complain "$out $err"
    [ "$(sed -n 's/^outer //p' <<<"$out")" != "$(sed -n 's/^inner //p' <<<"$out")" ]
    [ "$(sed -n 's/^outer //p' <<<"$out")" != "$(ipc_of self)" ]
}

@test "what a user reads of a refusal" {
    docker_capture run --network none --ipc=host --name sharing busybox true
    refused_by_docker host-ipc
    reads docker-host-ipc "$err"
    one shared --ipc=shareable busybox sleep 1000
    docker_capture run --network none --ipc=container:shared --name joiner busybox true
    refused_by_docker foreign-ipc
    reads docker-foreign-ipc "$err"
    docker_capture run --network none --volume /dev/shm:/mnt --name mounting busybox true
    refused_by_docker host-shm
    reads docker-host-shm "$err"
    exception docker.json '.match = { engine: "docker", name: "expired" } | .expires = "2020-01-01"'
    docker_capture run --network none --ipc=host --name expired busybox true
    refused_by_docker host-ipc
    reads docker-expired "$err"
    printf '{' >"$POLICY/allowlist.d/docker.json"
    docker_capture run --network none --ipc=host --name granted-nothing busybox true
    refused_by_docker host-ipc
    reads docker-broken-allowlist "$err"
    docker_settings '.bogus = 1'
    docker_capture run --network none --name unjudged busybox true
    [ "$status" = 125 ]
    reads docker-broken-settings "$err"
}

# The last, since each daemon ends with the test that started it.
@test "live-restore: containers outlive the daemon, and the new one handles them" {
    one survivor busybox sh -c 'echo begun; sleep 1000'
    one paused busybox sleep 1000
    docker pause paused
    local pid
    pid=$(pid_of survivor)
    kill -TERM "$DOCKERD"
    wait_until 60 docker_is_gone
    [ -e "/proc/$pid" ]
    docker_daemon
    [ "$(docker inspect --format '{{.State.Running}} {{.State.Pid}}' survivor)" = "true $pid" ]
    is_private survivor
    [ "$(docker exec survivor echo hello)" = hello ]
    [ "$(docker logs survivor)" = begun ]
    docker unpause paused
    docker stop --time 0 paused survivor
    docker start survivor
    is_private survivor
    docker_capture run --rm --network none --ipc=host busybox true
    refused_by_docker host-ipc
    docker rm --force survivor paused
    kill -TERM "$DOCKERD"
    wait_until 60 docker_is_gone
    DOCKERD=''
}
