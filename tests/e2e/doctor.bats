#!/usr/bin/env bats
# ipcguard doctor and engines that run: real dockerds, containerds and Podman's service on a hardened host of their own.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/hard_mode
load ../lib/doctor

RAW=/usr/sbin/runc.unguarded
GUARD=/usr/local/bin/ipcguard-runtime

setup_file() {
    local tool
    for tool in dockerd docker containerd podman; do command -v $tool >/dev/null || complain "$tool is missing" || return; done
    doctor_start
}
teardown_file() { isolation_stop; }
setup() { doctor_reset; }
teardown() {
    stop_all
    doctor_reset
    clean
}

# begin NAME COMMAND…: in the background, among that host's processes; its pid there is in /run/NAME/pid.
begin() {
    local name=$1
    shift
    in_host sh -c "mkdir -p /run/$name && { mountpoint -q /run/$name || mount -t tmpfs -o mode=711 $name /run/$name; }"
    in_host setsid sh -c 'echo $$ >"$0"; exec "$@"' "/run/$name/pid" "$@" </dev/null >"$BATS_TEST_TMPDIR/$name.log" 2>&1 3>&- 4>&- &
    disown
    wait_until 60 in_host test -s "/run/$name/pid" || complain "$name does not start"
    STARTED+=("$name")
}

ended() { ! in_host kill -0 "$1" 2>/dev/null || in_host grep -qs '^State:.Z' "/proc/$1/status"; }

stop_all() {
    local name pid
    for name in "${STARTED[@]}"; do
        pid=$(in_host cat "/run/$name/pid")
        in_host kill -TERM "$pid" 2>/dev/null || :
        wait_until 60 ended "$pid" || complain "$name does not end" || return
        in_host umount --lazy "/run/$name"
    done
    STARTED=()
}

# dockerd_up NAME [OPTION…]: one that answers at /run/NAME/sock.
dockerd_up() {
    local name=$1
    shift
    begin "$name" unshare --net dockerd --data-root "/run/$name/data" --exec-root "/run/$name/exec" --pidfile "/run/$name/docker.pid" \
        -H "unix:///run/$name/sock" --bridge=none --iptables=false --ip6tables=false --cgroup-parent "$CGROUP_PARENT" "$@"
    wait_until 60 in_host docker -H "unix:///run/$name/sock" version >/dev/null 2>&1 || complain "$(tail -n 3 "$BATS_TEST_TMPDIR/$name.log")"
}

containerd_up() { # NAME CONFIG [PROGRAM]: with that file, and its state in /run/NAME
    begin "$1" "${3:-containerd}" --config "$2" --root "/run/$1/root" --state "/run/$1/state" --address "/run/$1/sock"
    wait_until 60 in_host ctr --address "/run/$1/sock" version >/dev/null 2>&1 || complain "$(tail -n 3 "$BATS_TEST_TMPDIR/$1.log")"
}

raw_json() { printf '{ "runtimes": { "ipcguard": { "path": "%s" }, "raw": { "path": "%s" } } }' $GUARD $RAW; }

@test "a dockerd that runs clean is clean, its containerd too" {
    dockerd_up one
    clean
    jq -e '(.findings | map(select(.id | startswith("docker"))) == []) and (.examined | map(select(test("GET /info on ./run/one/sock"))) | length == 1)
        and (.examined | map(select(test("containerd. \\(pid [0-9]+\\): ./run/one/exec/containerd/containerd.toml"))) | length == 1)' "$OUT" || complain "$out"
}

@test "a dockerd with its file elsewhere and with options, beside one that is clean" {
    dockerd_up one
    put /opt/other.json < <(raw_json)
    dockerd_up two --config-file /opt/other.json --add-runtime "added=$RAW"
    bypass docker-runtime-registered "runtime 'raw'" "runtime 'added'" /run/two/sock /opt/other.json '--add-runtime' "(pid $(in_host cat /run/two/pid))"
    jq -e --arg one "(pid $(in_host cat /run/one/pid))" '.findings | map(select(.severity != "info" and (.subject | contains($one)))) == []' "$OUT" >/dev/null || complain "$(findings)"
    stop_all
    clean
}

@test "what dockerd goes by is told from its file: before a reload each of them counts" {
    put /etc/docker/daemon.json < <(raw_json)
    dockerd_up one
    put /etc/docker/daemon.json <<<'{}'
    bypass docker-runtime-registered "runtime 'raw'" 'GET /info on'
    finds docker-not-reloaded "'raw' is '$RAW'" 'systemctl reload docker'
    put /etc/docker/daemon.json <<<'{ "runtimes": {} }' # without that it forgets none
    in_host sh -c 'kill -HUP $(cat /run/one/docker.pid)'
    wait_until 60 reloaded
    put /etc/docker/daemon.json < <(raw_json)
    bypass docker-runtime-registered "runtime 'raw'" '/etc/docker/daemon.json: it calls'
    finds docker-not-reloaded
}
reloaded() { ! in_host docker -H unix:///run/one/sock info --format '{{json .Runtimes}}' | grep -q raw; }

@test "a dockerd that does not answer is judged by its file, if that is older" {
    put /etc/docker/daemon.json <<<'{}'
    dockerd_up one
    in_host rm /run/one/sock
    weakness docker-not-asked /run/one/sock
    put /etc/docker/daemon.json <<<'{ }'
    bypass docker-not-restarted /etc/docker/daemon.json
}

@test "a dockerd that sees other files than we do, and another policy" {
    begin apart unshare --mount --propagation private sh -ec '
        mkdir -p /run/apart/docker /run/apart/ipcguard
        echo "{ \"runtimes\": { \"raw\": { \"path\": \"/usr/sbin/runc.unguarded\" } } }" >/run/apart/docker/daemon.json
        echo "{ \"mode\": \"audit\" }" >/run/apart/ipcguard/config.json
        mkdir -p /etc/docker
        mount --bind /run/apart/docker /etc/docker
        mount --bind /run/apart/ipcguard /etc/ipcguard
        exec unshare --net dockerd --data-root /run/apart/data --exec-root /run/apart/exec --pidfile /run/apart/docker.pid \
            -H unix:///run/apart/sock --bridge=none --iptables=false --ip6tables=false'
    wait_until 60 in_host docker -H unix:///run/apart/sock version >/dev/null 2>&1 || complain "$(tail -n 3 "$BATS_TEST_TMPDIR/apart.log")"
    bypass docker-runtime-registered "runtime 'raw'" 'in the files that process'
    finds mode-audit 'in the files that process'
}

@test "a dockerd whose PATH leads to a raw runc" {
    in_host sh -c 'mkdir -p /opt/bin; cp /usr/sbin/runc.unguarded /opt/bin/runc'
    begin one unshare --net env PATH=/opt/bin:/usr/sbin:/usr/bin dockerd --data-root /run/one/data --exec-root /run/one/exec \
        --pidfile /run/one/docker.pid -H unix:///run/one/sock --bridge=none --iptables=false --ip6tables=false
    wait_until 60 in_host docker -H unix:///run/one/sock version >/dev/null 2>&1
    bypass docker-default-runtime "runtime 'runc'" /opt/bin/runc
    finds docker-buildkit-runtime /opt/bin/runc
    finds containerd-default-binary /opt/bin/runc
    finds raw-runtime-found /opt/bin/runc
}

@test "a second containerd with another file, and one whose file was changed after it began" {
    put /opt/one.toml <<<'version = 2'
    containerd_up one /opt/one.toml
    clean
    put /opt/two.toml <<<$'version = 2\nimports = ["/opt/two.d/*.toml"]'
    in_host cp /usr/bin/containerd /opt/innocent # what it is called does not matter
    put /opt/two.d/raw.toml <<<$'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.raw]\nruntime_type = "io.containerd.runc.v2"\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.raw.options]\nBinaryName = "'$RAW'"'
    containerd_up two /opt/two.toml /opt/innocent
    bypass containerd-runtime-registered "runtime 'raw'" /opt/two.d/raw.toml "(pid $(in_host cat /run/two/pid))"
    stop_all
    in_host rm -r /opt/two.d
    containerd_up one /opt/one.toml
    clean
    put /opt/one.toml <<<$'version = 2\n# mended'
    bypass containerd-not-restarted /opt/one.toml 'systemctl restart containerd'
}

@test "Podman's service, and what its environment says" {
    put /opt/containers.conf <<<$'[engine]\nruntime = "'$RAW'"'
    begin podman env CONTAINERS_CONF=/opt/containers.conf HOME=/root podman --root /run/podman/storage --runroot /run/podman/root \
        system service --time 0 unix:///run/podman/sock
    wait_until 60 in_host test -S /run/podman/sock || complain "$(tail -n 3 "$BATS_TEST_TMPDIR/podman.log")"
    bypass podman-default-runtime "$RAW" /opt/containers.conf "(pid $(in_host cat /run/podman/pid))"
}

# Engines that Debian 12 does not have: what counts is their command line.
@test "buildkitd and CRI-O by their command lines" {
    put /usr/local/bin/buildkitd 755 <<<$'#!/bin/sh\n[ "$1" != --version ] || exit 0\nwhile :; do sleep 1000; done'
    in_host cp /usr/local/bin/buildkitd /usr/local/bin/crio
    begin worker buildkitd --oci-worker-binary "$RAW"
    bypass buildkit-oci-worker "$RAW" '--oci-worker-binary' "(pid $(in_host cat /run/worker/pid))"
    put /opt/crio.conf <<<$'[crio.runtime]\ndefault_runtime = "raw"\n[crio.runtime.runtimes.raw]\nruntime_path = "'$RAW'"'
    begin kubernetes crio -c /opt/crio.conf -d /opt/none
    bypass crio-default-runtime /opt/crio.conf "(pid $(in_host cat /run/kubernetes/pid))"
}

@test "a hidden process, and engines that are none of the host's" {
    put /usr/local/bin/dockerd 755 <<<$'#!/bin/sh\nsleep 100000'
    begin rootless setpriv --reuid 1000 --clear-groups /usr/local/bin/dockerd --add-runtime "raw=$RAW"
    wait_until 60 in_host sh -c 'grep -q "^dockerd$" /proc/$(cat /run/rootless/pid)/comm'
    weakness engine-rootless 'user 1000'
    begin capable setpriv --reuid 1000 --clear-groups --inh-caps +sys_admin --ambient-caps +sys_admin /usr/local/bin/dockerd --add-runtime "raw=$RAW"
    wait_until 60 in_host sh -c 'grep -q "^dockerd$" /proc/$(cat /run/capable/pid)/comm'
    bypass docker-runtime-registered "runtime 'raw'" "(pid $(in_host cat /run/capable/pid))"
    stop_all
    begin contained unshare --ipc --mount sh -c 'mount -t tmpfs shm /dev/shm; exec /usr/local/bin/dockerd --add-runtime raw=/usr/sbin/runc.unguarded'
    wait_until 60 in_host sh -c 'grep -q "^dockerd$" /proc/$(cat /run/contained/pid)/comm'
    weakness engine-contained 'in a container'
    begin guest unshare --ipc /usr/local/bin/dockerd --add-runtime "raw=$RAW"
    wait_until 60 in_host sh -c 'grep -q "^dockerd$" /proc/$(cat /run/guest/pid)/comm'
    bypass docker-runtime-registered "runtime 'raw'" "(pid $(in_host cat /run/guest/pid))"
    in_host sh -c 'mkdir -p /opt/empty; mount --bind /opt/empty /proc/$(cat /run/guest/pid)'
    bypass proc-hidden "/proc/$(in_host cat /run/guest/pid)"
    in_host sh -c 'umount /proc/$(cat /run/guest/pid)'
}
