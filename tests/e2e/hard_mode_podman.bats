#!/usr/bin/env bats
# Hard mode under real Podman and Buildah, which choose between runc and crun themselves.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/podman
load ../lib/hard_mode

setup_file() {
    command -v buildah >/dev/null || complain 'buildah is missing' || return
    hard_mode_start
    hard_mode_reset
    podman_start
    sed -i 's/^runtime = .*/runtime = "crun"/' "$PRIVATE/etc/containers.conf"
    inside "$IPCGUARD" harden --runtime "$SHIM"
}

teardown_file() { podman_stop; }

setup() { policy_reset; }

teardown() { podman_remove_all; }

buildah_capture() {
    capture env CONTAINERS_CONF=/etc/containers.conf TMPDIR=/run/engine buildah --root /run/engine/root --runroot /run/engine/run --storage-driver vfs "$@"
}

# kept RUNTIME: the last record is of the container that RUNTIME, kept beside the shim, ran.
kept() { record_says "\"runtime\":\"$1.unguarded\""; }

@test "podman: by its default and by either name, no container gets the host's IPC, and a private one runs" {
    local runtime path
    for runtime in '' crun runc; do
        echo "# runtime: ${runtime:-the default}"
        path=/usr/bin/crun
        [ "$runtime" != runc ] || path=/usr/sbin/runc
        podman_capture ${runtime:+--runtime "$runtime"} run --rm --network none --ipc=host localhost/x:1 echo ran
        [[ $status == 126 && -z $out && $err == *'ipcguard: refused: '*host-ipc* ]] || complain "$status: $out $err"
        kept $path
        podman_capture ${runtime:+--runtime "$runtime"} run --rm --network none localhost/x:1 readlink /proc/self/ns/ipc
        [[ $status == 0 && $out == ipc:* && $out != "$(ipc_of self)" ]] || complain "$status: $out $err"
        kept $path
    done
    podman_capture --runtime /usr/bin/runc run --rm --network none --ipc=host localhost/x:1 echo ran
    [[ $status == 126 && $err == *'ipcguard: refused: '* ]] || complain "$status: $err"
}

@test "podman: a container that runs can be entered, stopped and removed" {
    podman run --detach --network none --name one localhost/x:1 sleep 1000
    [ "$(podman exec one echo entered)" = entered ]
    podman stop --time 1 one
    podman rm one
}

@test "podman build: RUN with the host's IPC is refused" {
    mkdir "$BATS_TEST_TMPDIR/context"
    printf 'FROM localhost/x:1\nRUN readlink /proc/self/ns/ipc\n' >"$BATS_TEST_TMPDIR/context/Containerfile"
    podman_capture build --isolation oci --network none --no-cache "$BATS_TEST_TMPDIR/context"
    [ "$status" = 0 ] || complain "$err"
    [[ $out == *ipc:* && $out != *"$(ipc_of self)"* ]]
    podman_capture build --isolation oci --network none --no-cache --ipc=host "$BATS_TEST_TMPDIR/context"
    [[ $status != 0 && $out$err == *'ipcguard: refused: '*host-ipc* ]] || complain "$status: $out $err"
}

@test "buildah run: by its default and by either name" {
    local runtime
    podman_capture images
    buildah_capture from --pull-never --name working localhost/x:1
    [ "$status" = 0 ] || complain "$err"
    for runtime in '' crun runc; do
        echo "# runtime: ${runtime:-the default}"
        buildah_capture run --isolation oci ${runtime:+--runtime "$runtime"} --network none working readlink /proc/self/ns/ipc
        [[ $status == 0 && $out == ipc:* && $out != "$(ipc_of self)" ]] || complain "$status: $out $err"
        buildah_capture run --isolation oci ${runtime:+--runtime "$runtime"} --network none --ipc host working echo ran
        [[ $status != 0 && $out != *ran* && $err == *'ipcguard: refused: '*host-ipc* ]] || complain "$status: $out $err"
    done
    buildah_capture rm working
}
