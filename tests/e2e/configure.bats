#!/usr/bin/env bats
# `ipcguard configure` with a real dockerd and a real Podman, which read what it writes.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/docker
load ../lib/podman

DAEMON_JSON=/etc/docker/daemon.json
DROP_IN=/etc/containers/containers.conf.d/zz-ipcguard.conf

setup_file() {
    isolation_start
    # The record of what was configured, and what an installation has.
    inside mount -t tmpfs var /var/lib
    export BIN=$BATS_FILE_TMPDIR/bin
    mkdir "$BIN"
    cp "$IPCGUARD" "$SHIM" "$BIN"
    podman_start
    rm -rf "$PRIVATE/etc/docker" "$PRIVATE/etc/containers/containers.conf"*
    sed -E '/^(runtime|ipcguard|runc)|^\[engine\.runtimes/d' "$PRIVATE/etc/containers.conf" >"$PRIVATE/etc/containers/containers.conf"
    docker_begin
}

teardown_file() {
    docker_end
    podman_stop
}

setup() {
    policy_reset
    settings '.engines = { docker_data_root: ["/run/engine/docker"], docker_exec_root: ["/run/engine/exec"] }'
    rm -f "$PRIVATE$DAEMON_JSON"
}

teardown() {
    docker_remove_all
    podman_remove_all
    configure docker --remove
    configure podman --remove
    rm -f "$PRIVATE$DAEMON_JSON" "$BIN/ipcguard-runtime.crun"
}

configure() { capture "$BIN/ipcguard" configure "$@"; }

# done_ TEXT…: it succeeded and said that.
done_() {
    local text
    [ "$status" = 0 ] || complain "exit $status: $err" || return
    for text in "$@"; do [[ $out == *"$text"* ]] || complain "no '$text' in: $out" || return; done
}

# What files and folders are there and what is in them.
snapshot() {
    inside find /etc/docker /etc/containers /var/lib/ipcguard -type d -printf '%p %m %U %G\n' -o -printf '%p %i %T@ %m %U %G %s\n' 2>/dev/null | sort
    inside find /etc/docker /etc/containers /var/lib/ipcguard -type f -exec sha256sum {} + 2>/dev/null | sort
}

put() { cat >"$PRIVATE$DAEMON_JSON"; }

# --- a dockerd that reads /etc/docker/daemon.json ---

docker_begin() { # [OPTION…]
    export PATH=/usr/bin:$PATH DOCKER_HOST=unix://$PRIVATE/run/docker.sock DOCKER_CONFIG=$BATS_FILE_TMPDIR/docker-client
    export DOCKER_LOG=$BATS_FILE_TMPDIR/dockerd.log DOCKERD
    setpriv --pdeathsig TERM nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns=/ -- unshare --net -- dockerd --data-root /run/engine/docker \
        --exec-root /run/engine/exec --bridge=none --iptables=false --ip6tables=false --cgroup-parent "$CGROUP_PARENT" "$@" \
        </dev/null >"$DOCKER_LOG" 2>&1 3>&- 4>&- &
    DOCKERD=$!
    disown
    wait_until 60 docker_answers || complain "dockerd does not answer: $(tail -n 5 "$DOCKER_LOG")" || return
    docker image inspect busybox >/dev/null 2>&1 || docker import "$BATS_FILE_TMPDIR/rootfs.tar" busybox >/dev/null
}

docker_end() {
    kill -TERM "$DOCKERD" 2>/dev/null || :
    wait_until 60 docker_is_gone
}

docker_pid_of() { docker inspect --format '{{.State.Pid}}' "$1"; }
live() { docker info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}default={{.DefaultRuntime}}'; }
# How often it has done so.
reloads() { grep -c 'Got signal to reload' "$DOCKER_LOG" || :; }

different_ipc_from_ours() { [[ -n $(ipc_of "$1") && $(ipc_of "$1") != "$(ipc_of self)" ]] || complain "process $1 shares the host's"; }

# What is run by default is guarded: the one container runs in an IPC namespace of its own, and the other one does not.
docker_guards() {
    docker run --detach --network none --name plain busybox sleep 1000 >/dev/null
    different_ipc_from_ours "$(docker_pid_of plain)" || return
    docker_capture run --detach --network none --ipc=host --name sharing busybox sleep 1000
    refused_by_docker host-ipc || return
    [ "$(docker_pid_of sharing)" = 0 ] || complain 'it runs' || return
    docker rm --force plain sharing >/dev/null
}

@test "--dry-run prints a diff of what it would do, and changes nothing" {
    local before
    printf '{\n    "debug": true\n}\n' | put
    before=$(snapshot)
    configure docker --default --dry-run
    done_ "--- $DAEMON_JSON" '+    "default-runtime": "ipcguard"'
    configure podman --dry-run
    done_ '--- /dev/null' "+++ $DROP_IN"
    [ "$(snapshot)" = "$before" ]
    configure docker --default
    done_ "changed $DAEMON_JSON"
    configure docker --remove --dry-run
    done_ '-    "default-runtime": "ipcguard"'
    [ -e "$PRIVATE$DAEMON_JSON" ]
    grep -q default-runtime "$PRIVATE$DAEMON_JSON"
}

@test "wrong usage is status 2, and touches nothing" {
    local before arguments
    before=$(snapshot)
    for arguments in '' nonsense 'docker podman' 'docker --default --remove' 'docker --runtime relative' 'docker --config x' 'docker --runtime-name A/B'; do
        # shellcheck disable=SC2086
        configure $arguments
        [ "$status" = 2 ] || complain "$arguments: $status"
    done
    configure docker --runtime /no/such/shim
    [ "$status" = 1 ]
    [[ $err == *"there is no program at '/no/such/shim'"* ]]
    configure docker --runtime /bin/true
    [ "$status" = 1 ]
    [[ $err == *"'/bin/true' is not ipcguard-runtime"* ]]
    [ "$(snapshot)" = "$before" ]
}

@test "Docker: it is guarded after a reload, without a restart, until --remove, which leaves every byte as it was" {
    local before reloads
    docker run --detach --network none --name earlier busybox sleep 1000
    before=$(snapshot) reloads=$(reloads)
    configure docker --default
    done_ "made $DAEMON_JSON" "reloaded dockerd (pid $DOCKERD) without a restart"
    [[ $(live) == *ipcguard*default=ipcguard ]]
    docker_guards
    configure docker --default
    done_ 'nothing to do'
    [ "$(reloads)" = $((reloads + 1)) ]
    configure docker --remove
    done_ "removed $DAEMON_JSON"
    [[ $(live) != *ipcguard* && $(live) == *default=runc ]]
    [ "$(snapshot)" = "$before" ]
    configure docker --remove
    done_ 'nothing to do'
    # The same dockerd, and what ran before still runs.
    [ "$(docker inspect --format '{{.State.Running}}' earlier)" = true ]
    kill -0 "$DOCKERD"
}

@test "Docker: files as people write them are accepted by dockerd, and come back byte for byte" {
    local file before
    for file in '' '{}' $'{ }\n' $'{\n\t"debug" : true,\n\n\t"labels":["a=b"]\n}' $'{\r\n  "debug": true\r\n}\r\n' \
        $'{"runtimes": {"other": {"path": "/usr/bin/crun", "runtimeArgs": ["--debug"]}}, "default-runtime": "other"}\n' \
        $'{\n  "runtimes": {},\n  "max-concurrent-downloads": 4\n}\n'; do
        printf %s "$file" | put
        before=$(sha256sum <"$PRIVATE$DAEMON_JSON")
        configure docker --default
        done_ "changed $DAEMON_JSON" "reloaded dockerd (pid $DOCKERD)"
        [[ $(live) == *ipcguard*default=ipcguard ]]
        configure docker --remove
        done_ "restored $DAEMON_JSON as it was"
        [ "$(sha256sum <"$PRIVATE$DAEMON_JSON")" = "$before" ]
        [[ $(live) != *ipcguard* ]]
    done
    ! grep -i 'unable to configure the Docker daemon' "$DOCKER_LOG"
}

@test "Docker: what others changed since stays, and the earlier default comes back" {
    printf '{"runtimes": {"crun": {"path": "/usr/bin/crun"}}, "default-runtime": "crun"}' | put
    configure docker --default
    [[ $(live) == *default=ipcguard ]]
    inside sed -i 's/{/{"debug": true, /' "$DAEMON_JSON"
    configure docker --remove
    done_ "took ipcguard out of $DAEMON_JSON"
    [ "$(<"$PRIVATE$DAEMON_JSON")" = '{"debug": true, "runtimes": {"crun": {"path": "/usr/bin/crun"}}, "default-runtime": "crun"}' ]
    [[ $(live) != *ipcguard* && $(live) == *default=crun ]]
    printf '{"runtimes": {}, "default-runtime": "runc"}' | put
    kill -HUP "$DOCKERD" # for the other tests
}

@test "Docker: what dockerd would not start with is refused with the place, and nothing changes" {
    local before
    printf '{\n  // mine\n}\n' | put
    before=$(snapshot)
    configure docker
    [ "$status" = 1 ]
    [[ $err == "ipcguard: $DAEMON_JSON:2:3: it is not JSON"* ]]
    [ "$(snapshot)" = "$before" ]
}

@test "Docker: it is not taken from under a running container" {
    configure docker
    docker run --detach --network none --runtime ipcguard --name guarded busybox sleep 1000
    configure docker --remove
    [ "$status" = 1 ]
    [[ $err == *'so stop them first: guarded'* ]]
    [[ $(live) == *ipcguard* ]]
    docker rm --force guarded
    configure docker --remove
    done_ "removed $DAEMON_JSON"
}

# killed_at CALL N COMMAND…: runs it, and kills it as it is about to make that system call for the Nth time; false if it
# does not make so many.
killed_at() {
    inside strace -f -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" -- "${@:3}" >/dev/null 2>&1 && return 1
    return 0
}

# is_whole: what is in the file is the old text, the new one, or what dockerd is told before the old one comes back.
is_whole() {
    local state
    state=$(<"$PRIVATE$DAEMON_JSON")
    [[ $state == "$old" || $state == "$new" || $state == '{"debug":   true, "runtimes": {}, "default-runtime": "runc"}' ]] || complain "killed at $1: $state"
}

@test "killed at any step, no file is half written, and the next run repairs it" {
    local old=$'{"debug":   true}' new call n kills=0
    printf %s "$old" | put
    configure docker --default
    new=$(<"$PRIVATE$DAEMON_JSON")
    configure docker --remove
    for call in rename pidfd_send_signal mkdir; do
        for ((n = 1; ; n++)); do
            killed_at "$call" "$n" "$BIN/ipcguard" configure docker --default || break
            is_whole "$call $n"
            configure docker --default
            [[ $status == 0 && $(<"$PRIVATE$DAEMON_JSON") == "$new" && $(live) == *default=ipcguard ]] || complain "not repaired: $call $n: $err"
            configure docker --remove
            [[ $status == 0 && $(<"$PRIVATE$DAEMON_JSON") == "$old" ]] || complain "not removed: $call $n: $err"
            kills=$((kills + 1))
        done
        configure docker --remove
    done
    [ "$kills" -ge 5 ]
    for call in rename pidfd_send_signal unlinkat rmdir; do
        for ((n = 1; ; n++)); do
            configure docker --default
            killed_at "$call" "$n" "$BIN/ipcguard" configure docker --remove || break
            is_whole "removal: $call $n"
            configure docker --remove
            [[ $status == 0 && $(<"$PRIVATE$DAEMON_JSON") == "$old" && $(live) != *ipcguard* ]] || complain "not removed: $call $n: $err"
            [ "$(inside ls -A /etc/docker /var/lib | grep -E 'daemon|ipcguard')" = daemon.json ]
            kills=$((kills + 1))
        done
    done
    [ "$kills" -ge 12 ]
}

@test "a full disk is an error that says so, and the old file stays" {
    printf '{}\n' | put
    inside mount -t tmpfs -o size=8k full /etc/docker
    inside sh -c 'echo "{}" >/etc/docker/daemon.json; dd if=/dev/zero of=/etc/docker/filling bs=4k count=8 2>/dev/null || :'
    configure docker
    [ "$status" = 1 ]
    [[ $err == *"$DAEMON_JSON: it cannot be written and stays as it was: the disk is full"* ]]
    [ "$(inside sh -c 'ls -A /etc/docker | xargs; cat /etc/docker/daemon.json')" = $'daemon.json filling\n{}' ]
    inside rm /etc/docker/filling
    configure docker
    done_ "changed $DAEMON_JSON"
    configure docker --remove
    [ "$(inside cat "$DAEMON_JSON")" = '{}' ]
    inside umount /etc/docker
}

@test "Docker: its own options count: another file, a default that cannot be in both, runtimes that a reload forgets" {
    docker_end
    printf '{}\n' >"$PRIVATE/etc/other.json"
    docker_begin --config-file /etc/other.json --default-runtime runc --add-runtime other=/usr/bin/crun
    configure docker --default
    [ "$status" = 1 ]
    [[ $err == *'dockerd is started with --default-runtime'* ]]
    [ "$(<"$PRIVATE/etc/other.json")" = '{}' ]
    configure docker
    done_ 'changed /etc/other.json' 'reloaded dockerd' 'forgot' 'other'
    [[ $(live) == *ipcguard*default=runc ]]
    [ ! -e "$PRIVATE$DAEMON_JSON" ]
    configure docker --remove
    done_ 'restored /etc/other.json as it was'
    [ "$(<"$PRIVATE/etc/other.json")" = '{}' ]
    [[ $(live) != *ipcguard* ]]
}

# --- Podman ---

podman() { inside env -u DOCKER_HOST -u DOCKER_CONFIG TMPDIR=/run/engine podman --root /run/engine/root --runroot /run/engine/run --tmpdir /run/engine/tmp --storage-driver vfs "$@" 3>&- 4>&-; }

podman_capture() { capture env -u DOCKER_HOST -u DOCKER_CONFIG TMPDIR=/run/engine podman --root /run/engine/root --runroot /run/engine/run --tmpdir /run/engine/tmp --storage-driver vfs "$@"; }

# With the shim as its default runtime, and `runtime` behind it.
podman_guards() {
    [ "$(podman info --format '{{.Host.OCIRuntime.Name}}')" = ipcguard ] || complain 'it is not the default' || return
    podman run --detach --network none --name plain localhost/x:1 sleep 1000 >/dev/null
    is_private plain || return
    record_is ".decision == \"allow\" and .container.engine == \"podman\" and .runtime == \"$1\"" || return
    podman_capture run --detach --network none --ipc=host --name sharing localhost/x:1 sleep 1000
    refused_by_podman host-ipc sharing || return
    podman_remove_all
}

@test "Podman: it is guarded, keeps its own runtime by name, until --remove, which leaves every byte as it was" {
    local before
    before=$(snapshot)
    configure podman --default
    done_ "made $DROP_IN"
    [[ $err == *'Podman has run /usr/bin/crun until now'* ]] # it is not what the shim runs by default
    podman_guards /usr/bin/runc
    podman --runtime crun run --rm --network none localhost/x:1 true
    configure podman --default
    done_ 'nothing to do'
    configure podman --remove
    done_ "removed $DROP_IN"
    [ "$(snapshot)" = "$before" ]
    [ "$(podman info --format '{{.Host.OCIRuntime.Name}}')" = crun ]
    configure podman --remove
    done_ 'nothing to do'
}

@test "Podman: crun stays behind the shim where settings and a link have it" {
    ln -s ipcguard-runtime "$BIN/ipcguard-runtime.crun"
    configure podman --default
    done_ "made $DROP_IN"
    [ -z "$err" ]
    grep -qF "\"$BIN/ipcguard-runtime.crun\"" "$PRIVATE$DROP_IN"
    podman_guards /usr/bin/crun
    # What only crun and krun can do, by Podman's list of them.
    podman run --rm --network none --cgroups=disabled localhost/x:1 true
}

@test "Podman: without --default it is there by its name" {
    configure podman --runtime-name guarded
    [ "$(podman info --format '{{.Host.OCIRuntime.Name}}')" = crun ]
    podman --runtime guarded run --rm --network none localhost/x:1 true
    podman_capture --runtime guarded run --detach --network none --ipc=host --name sharing localhost/x:1 sleep 1000
    refused_by_podman host-ipc sharing
    podman_remove_all
    configure podman --remove
    done_ "removed $DROP_IN"
}

# --- CRI-O: of a real one see crio.bats -----------------------------------------------------------------------------------

@test "CRI-O: the drop-in is made, with what is left to do, until --remove" {
    configure crio --default
    done_ 'made /etc/crio/crio.conf.d/zz-ipcguard.conf' 'systemctl restart crio'
    configure crio --default
    done_ 'nothing to do'
    configure crio --remove
    done_ 'removed /etc/crio/crio.conf.d/zz-ipcguard.conf' 'systemctl restart crio'
    [ ! -e "$PRIVATE/etc/crio" ]
    configure crio --remove
    done_ 'nothing to do'
}
