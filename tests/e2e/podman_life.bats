#!/usr/bin/env bats
# What else people do with Podman's containers, Buildah's builds and without root, on whatever version there is.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/podman
load ../lib/messages
load ../lib/mounts

setup_file() {
    isolation_start
    # Without root, Podman binds the host's /dev/mqueue for --ipc=host, and wants it to be there.
    dev_of_our_own
    podman_start
}

teardown_file() { podman_stop; }

setup() { policy_reset; }

teardown() { podman_remove_all; }

one() { podman run --detach --network none --name "$@"; }

@test "top, stats, diff, cp, commit" {
    one source localhost/x:1 sh -c 'touch /made; sleep 1000'
    wait_until 60 podman exec source test -e /made
    [[ $(podman top source args) == *'sleep 1000'* ]]
    [[ $(podman diff source) == *'A /made'* ]]
    echo content >"$PRIVATE/run/file"
    podman cp /run/file source:/root-file
    [ "$(podman exec source cat /root-file)" = content ]
    podman commit --quiet source localhost/committed
    [ "$(podman run --rm --network none localhost/committed cat /root-file)" = content ]
}

@test "stats and update of limits" {
    one limited --memory 64m localhost/x:1 sleep 1000
    [[ $(podman stats --no-stream --format '{{.Name}} {{.PIDs}}' limited) == 'limited '[1-9]* ]]
    podman update --memory 32m limited
    local path
    path=$(awk -F: '$2 == "memory" { print "/memory" $3 "/memory.limit_in_bytes" } $1 == 0 { if (!v1) print $3 "/memory.max" }' "/proc/$(pid_of limited)/cgroup" | head -n 1)
    [ "$(<"/sys/fs/cgroup$path")" = 33554432 ]
}

@test "health check" {
    one checked --health-cmd 'test -e /healthy' --health-interval disable localhost/x:1 sleep 1000
    podman_capture healthcheck run checked
    [ "$status" = 1 ]
    podman exec checked touch /healthy
    podman_capture healthcheck run checked
    [ "$status" = 0 ] || complain "$out $err"
}

@test "restart policy" {
    one again --restart on-failure:2 localhost/x:1 sh -c 'echo run; exit 1'
    wait_until 60 given_up again
    [ "$(podman logs again | grep -c run)" = 3 ]
}
given_up() { [ "$(podman inspect --format '{{.RestartCount}} {{.State.Status}}' "$1")" = '2 exited' ]; }

@test "--init, --read-only, --tmpfs, --shm-size, --user, --cap-drop" {
    # Podman's own init, catatonit, need not be there.
    podman_capture run --rm --network none --init --init-path /usr/bin/docker-init localhost/x:1 cat /proc/1/cmdline
    [[ $status == 0 && $out == *init* ]] || complain "$status $out $err"
    podman_capture run --rm --network none --read-only --tmpfs /t:size=1m --shm-size 8m --user 1000:1001 --cap-drop ALL localhost/x:1 sh -c '
        id -u; id -g; grep CapBnd /proc/self/status; ! touch /x 2>/dev/null && echo read-only; df -k /dev/shm | tail -n 1; grep " /t " /proc/self/mounts'
    [ "$status" = 0 ] || complain "$err"
    [[ $out == 1000$'\n'1001$'\nCapBnd:\t0000000000000000\nread-only\n'*' 8192 '*'/dev/shm'*tmpfs*size=1024k* ]] || complain "$out"
}

@test "twenty at a time" {
    local number pids=()
    for number in {1..20}; do
        podman run --rm --network none localhost/x:1 sh -c "echo $number; exit $number" >"$BATS_TEST_TMPDIR/$number" 2>&1 &
        pids+=($!)
    done
    for number in {1..20}; do
        status=0
        wait "${pids[number - 1]}" || status=$?
        [ "$status $(<"$BATS_TEST_TMPDIR/$number")" = "$number $number" ] || complain "$number: $status $(<"$BATS_TEST_TMPDIR/$number")"
    done
}

@test "buildah: build and run, with the shim as its runtime" {
    command -v buildah >/dev/null || skip 'there is no buildah'
    mkdir "$PRIVATE/run/context"
    printf 'FROM localhost/x:1\nRUN readlink /proc/self/ns/ipc\n' >"$PRIVATE/run/context/Containerfile"
    buildah_capture build --isolation oci --runtime "$SHIM" --network none --no-cache --pull-never /run/context
    [[ $status == 0 && $out == *ipc:* && $out != *"$(ipc_of self)"* ]] || complain "$out $err"
    record_is '.decision == "allow" and .container.engine == "unknown"'
    buildah_capture build --isolation oci --runtime "$SHIM" --network none --no-cache --pull-never --ipc=host /run/context
    [[ $status != 0 && $err == *'ipcguard: refused: '*host-ipc* && $out != *ipc:* ]] || complain "$out $err"
    reads buildah-host-ipc "$err"
    rm -r "$PRIVATE/run/context"
}
buildah_capture() {
    capture env CONTAINERS_CONF=/etc/containers.conf TMPDIR=/run/engine buildah --root /run/engine/root --runroot /run/engine/run --storage-driver vfs "$@"
}

# An engine in a container of this one, with the shim as its runtime; what it needs of the host's programs is bound in.
@test "nested: podman in a container" {
    mkdir -p "$PRIVATE/run/inner/ipcguard"
    cp -r "$POLICY/." "$PRIVATE/run/inner/ipcguard"
    # crun is the one that Podman lets run without control groups, of which none are the inner one's to make.
    cp "$SHIM" "$PRIVATE/run/inner/ipcguard-runtime.crun"
    cp "$BATS_FILE_TMPDIR/rootfs.tar" "$PRIVATE/run/inner/rootfs.tar"
    cat >"$PRIVATE/run/inner/containers.conf" <<END_OF_FILE
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
[engine.runtimes]
crun = ["/inner/ipcguard-runtime.crun"]
END_OF_FILE
    cat >"$PRIVATE/run/inner/inner" <<'END_OF_FILE'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin PODMAN_IGNORE_CGROUPSV1_WARNING=1 CONTAINERS_CONF=/inner/containers.conf TMPDIR=/tmp
podman() { /usr/bin/podman --root /tmp/root --runroot /tmp/run --storage-driver vfs "$@"; }
podman import --quiet --change 'ENV PATH=/bin' /inner/rootfs.tar localhost/x:1 >/dev/null || exit 1
echo "outer $(readlink /proc/self/ns/ipc)"
echo "inner $(podman run --rm --network none --cgroups disabled localhost/x:1 readlink /proc/self/ns/ipc)"
podman run --rm --network none --cgroups disabled --ipc=host localhost/x:1 true 2>&1
echo "status $?"
END_OF_FILE
    chmod 755 "$PRIVATE/run/inner/inner"
    # SYS_PTRACE, since the start gate looks at crun's init, which cannot be read without.
    podman_capture run --rm --network none --cap-add SYS_ADMIN,NET_ADMIN,SYS_PTRACE,MKNOD --device-cgroup-rule 'a *:* rwm' \
        --security-opt seccomp=unconfined --security-opt unmask=ALL --volume /usr:/usr:ro --volume /usr/lib:/lib:ro \
        --volume /usr/lib64:/lib64:ro --volume /run/inner:/inner:ro --volume /run/inner/ipcguard:/etc/ipcguard:ro \
        --volume /etc/containers:/etc/containers:ro --tmpfs /tmp:exec,dev --tmpfs /var/log --tmpfs /run \
        localhost/x:1 /inner/inner
    [[ $out == *'outer ipc:'*'inner ipc:'*'ipcguard: refused: '*host-ipc*'status 126'* ]] || complain "$out $err"
    [ "$(sed -n 's/^outer //p' <<<"$out")" != "$(sed -n 's/^inner //p' <<<"$out")" ]
    [ "$(sed -n 's/^outer //p' <<<"$out")" != "$(ipc_of self)" ]
}

# --- without root ------------------------------------------------------------------------------------------------------

# A user of the private namespace's own, with Podman's files on its tmpfs.
rootless_start() {
    command -v newuidmap >/dev/null || skip 'there is no newuidmap'
    [ -x "$PRIVATE/run/rootless" ] && return
    printf 'guarded:x:4711:4711::/run/engine/home:/bin/sh\n' >>"$PRIVATE/etc/passwd"
    printf 'guarded:x:4711:\n' >>"$PRIVATE/etc/group"
    printf 'guarded:200000:65536\n' | tee "$PRIVATE/etc/subuid" >"$PRIVATE/etc/subgid"
    cp "$SHIM" "$PRIVATE/run/shim"
    sed "s|^ipcguard = .*|ipcguard = [\"/run/shim\"]|" "$PRIVATE/etc/containers.conf" >"$PRIVATE/etc/containers-rootless.conf"
    cp "$BATS_FILE_TMPDIR/rootfs.tar" "$PRIVATE/run/rootfs.tar"
    chmod 644 "$PRIVATE/run/rootfs.tar" "$PRIVATE/etc/containers-rootless.conf"
    inside sh -ec 'mkdir -p /run/engine/home /run/engine/user; chown 4711:4711 /run/engine/home /run/engine/user; chmod 700 /run/engine/user
        chmod 755 /run /run/engine'
    cat >"$PRIVATE/run/rootless" <<'END_OF_FILE'
#!/bin/sh
cd /run/engine/home
exec setpriv --reuid 4711 --regid 4711 --clear-groups env -i PATH=/usr/bin:/usr/sbin HOME=/run/engine/home XDG_RUNTIME_DIR=/run/engine/user \
    CONTAINERS_CONF=/etc/containers-rootless.conf PODMAN_IGNORE_CGROUPSV1_WARNING=1 TMPDIR=/run/engine/home podman --storage-driver vfs "$@"
END_OF_FILE
    chmod 755 "$PRIVATE/run/rootless"
    capture /run/rootless import --quiet --change 'ENV PATH=/bin' /run/rootfs.tar localhost/x:1
    [ "$status" = 0 ] || complain "podman import without root: $err"
}

@test "rootless: a container of its own, exec, stop, and --ipc=host is refused" {
    rootless_start
    capture /run/rootless run --detach --network none --name own localhost/x:1 sleep 1000
    [ "$status" = 0 ] || complain "$err"
    capture /run/rootless exec own readlink /proc/self/ns/ipc
    [[ $status == 0 && $out == ipc:* && $out != "$(ipc_of self)" ]] || complain "$status $out $err"
    capture /run/rootless inspect --format '{{.State.Status}} {{.OCIRuntime}}' own
    [ "$out" = 'running ipcguard' ] || complain "$out $err"
    capture /run/rootless run --network none --ipc=host --name sharing localhost/x:1 true
    [[ $status == 126 && $err == *'ipcguard: refused: '*host-ipc* ]] || complain "$status $err"
    reads podman-rootless-host-ipc "$err"
    capture /run/rootless rm --force --time 0 own sharing
    [ "$status" = 0 ] || complain "$err"
}

@test "what a user reads of a refusal" {
    podman_capture run --network none --ipc=host --name sharing localhost/x:1 true
    refused_by_podman host-ipc sharing
    reads podman-host-ipc "$err"
    one shared --ipc=shareable localhost/x:1 sleep 1000
    podman_capture run --network none --ipc=container:shared --name joiner localhost/x:1 true
    refused_by_podman foreign-ipc joiner
    reads podman-foreign-ipc "$err"
    podman_capture run --network none --volume /dev/shm:/mnt --name mounting localhost/x:1 true
    refused_by_podman host-shm mounting
    reads podman-host-shm "$err"
    podman_capture run --network none --volume /dev/mqueue:/mnt --name queueing localhost/x:1 true
    refused_by_podman host-mqueue queueing
    reads podman-host-mqueue "$err"
    inside mkdir /run/late
    settings "$(swapping 'mount --bind /dev/shm /run/late')"
    podman_capture run --network none --volume /run/late:/mnt --name late localhost/x:1 true
    inside umount /run/late
    [[ $status == 126 && $err == *'ipcguard: refused: '* ]] || complain "$status $err"
    record_is '.decision == "refuse" and .gate == "start" and .container.name == "late"'
    wait_until 60 ended late
    reads podman-start-gate "$err"
    settings '.bogus = 1'
    podman_capture run --network none --name unjudged localhost/x:1 true
    [ "$status" = 126 ] || complain "$status $err"
    reads podman-broken-settings "$err"
}
# Podman still tells the process that it has had.
ended() { [ ! -e "/proc/$(pid_of "$1")" ] && [ -z "$(podman ps --quiet --filter "name=$1")" ]; }
