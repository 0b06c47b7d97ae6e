#!/usr/bin/env bats
# `ipcguard configure containerd` on a real containerd, whichever is on the PATH: what it wrote is what containerd reads, pods
# run through the shim, and everything is as it was once it is taken out.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/containerd
load ../lib/kubelet

setup_file() {
    isolation_start
    inside mount -t tmpfs state /var/lib # for the record of what was changed
    CONTAINERD_MAJOR=$(containerd --version | sed -E 's/^[^ ]+ [^ ]+ v?([0-9]+).*/\1/')
    export CONTAINERD_MAJOR
    cri_start
}

teardown_file() { containerd_stop; }

setup() {
    policy_reset
    containerd_settings
    HANDLER=
    containerd_config >"$PRIVATE/etc/containerd.toml"
}

teardown() {
    cri_remove_all
    inside "$IPCGUARD" configure containerd --remove
    inside rm -rf /etc/conf.d /etc/other.toml
}

# As people write it: comments, both kinds of quotes, tables in no order. Its last line has no end.
containerd_config() {
    printf '%s' 'version = 2 # of this file
root = "/run/engine/root"
state = "/run/engine/state"
imports = [ # what else is read
  "/etc/conf.d/*.toml", # nothing yet
]
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "/run/engine/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/engine/opt"
[plugins.'"'io.containerd.grpc.v1.cri'"'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2" # the usual one
  pod_annotations = ["example.org/*"]
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    NoPivotRoot = false
    IoUid = 7
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true'
}

configure() { capture "$IPCGUARD" configure containerd "$@"; }

# All that configure could change.
files() { inside find /etc/containerd.toml /etc/conf.d /etc/other.toml /var/lib/ipcguard -type f -exec sha256sum {} + 2>/dev/null | sort; }

restart() {
    containerd_restart
    wait_until 60 cri Version >/dev/null 2>&1
}

# What containerd says of a runtime: a key of its table, or of its options.
dumped() {
    local how=dump
    [ "$CONTAINERD_MAJOR" = 1 ] || how=migrate
    inside containerd --config /etc/containerd.toml config "$how" 2>/dev/null |
        sed -n "/containerd\.runtimes\.$1\(\.options\)\?\]/,/^\$/p" | sed -nE "s/^ *$2 = //p" | tr -d "\"'"
}

host_pod() { pod default "$1" "$HOST_IPC"; }

@test "our runtime is the default one but for its binary" {
    configure
    [ "$status" = 0 ] || complain "$err"
    [ "$(dumped ipcguard BinaryName)" = "$SHIM" ]
    [ "$(dumped ipcguard IoUid)" = 7 ]
    [[ $(dumped ipcguard pod_annotations) == *'example.org/*'* ]]
    [ "$(dumped ipcguard runtime_type)" = io.containerd.runc.v2 ]
    if [ "$CONTAINERD_MAJOR" = 1 ]; then
        [ ! -e "$PRIVATE/etc/conf.d" ]
    else # in a file of its own, in the folder that is imported
        diff "$PRIVATE/etc/containerd.toml" <(containerd_config)
        [ -e "$PRIVATE/etc/conf.d/zz-ipcguard.toml" ]
    fi
}

@test "a dry run shows the difference and makes none" {
    local before
    before=$(files)
    configure --default --dry-run
    [ "$status" = 0 ] || complain "$err"
    [[ $out == *$'\n+default_runtime_name = "ipcguard"\n'* ]] || complain "$out"
    [ "$(files)" = "$before" ]
    configure --default
    configure --default --dry-run
    [ "$status" = 0 ] && [ -z "$out" ] || complain "$out"
    before=$(files)
    configure --remove --dry-run
    [[ $out == *$'\n-default_runtime_name = "ipcguard"\n'* ]] || complain "$out"
    [ "$(files)" = "$before" ]
}

@test "only what is ours goes from a file that was changed since" {
    configure --default
    printf '\n[debug]\n  level = "info" # mine\n' >>"$PRIVATE/etc/containerd.toml"
    configure --remove
    [ "$status" = 0 ] || complain "$err"
    diff "$PRIVATE/etc/containerd.toml" <(containerd_config; printf '\n'; [ "$CONTAINERD_MAJOR" != 1 ] || printf '\n'; printf '[debug]\n  level = "info" # mine\n')
}

@test "the runtime goes where containerd finds it: the file that has the last word" {
    mkdir -p "$PRIVATE/etc/conf.d"
    printf 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "localhost/pause:2"\n' >"$PRIVATE/etc/conf.d/a.toml"
    configure --default
    [ "$status" = 0 ] || complain "$err"
    [ "$(dumped ipcguard BinaryName)" = "$SHIM" ]
    diff "$PRIVATE/etc/containerd.toml" <(containerd_config)
    configure --remove
    [ "$status" = 0 ] || complain "$err"
    [ "$(ls "$PRIVATE/etc/conf.d")" = a.toml ]
    [ "$(wc -l <"$PRIVATE/etc/conf.d/a.toml")" = 3 ]
}

@test "what containerd would not take, or would take otherwise, is refused before anything is written" {
    local before
    refuses() { # MESSAGE, with that configuration on standard input
        cat >"$PRIVATE/etc/containerd.toml"
        before=$(files)
        configure --default
        [ "$status" = 1 ] || complain "exit $status: $out" || return
        [[ $err == *"$1"* ]] || complain "the message: $err" || return
        [ "$(files)" = "$before" ] || complain 'something was written'
    }
    refuses 'containerd.toml:2:' <<<$'version = 2\nx ='
    refuses 'does not accept its configuration' <<<$'version = 2\noom_score = "a"'
    refuses 'CRI plugin is disabled' <<<$'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]'
    refuses "'kata' is no runc" <<<$'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\ndefault_runtime_name = "kata"\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata]\nruntime_type = "io.containerd.kata.v2"'
    refuses 'a runtime '\''ipcguard'\'' already' <<<$'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes]\nrunc = { runtime_type = "io.containerd.runc.v2" }\nipcguard = { runtime_type = "io.containerd.runc.v2" }'
    refuses 'is not there' <<<$'version = 2\nimports = ["/etc/none.toml"]'
    refuses 'made by k3s at each start' <<<$'# File generated by k3s. DO NOT EDIT. Use config.toml.tmpl instead.\nversion = 2\n'
}

# The last one: the containerd that it starts ends with it.
@test "a pod runs through the shim once containerd is configured, and is as before when that is taken out" {
    local before
    before=$(files)
    configure
    [ "$status" = 0 ] || complain "$err"
    [[ $out == *'systemctl restart containerd'* ]]
    restart
    # The default is what it was: nothing stands before it.
    host_pod plain
    runs_in_hosts "$POD"
    HANDLER=ipcguard
    pod default web
    runs_privately "$POD"
    record_is '.decision == "allow" and .container.pod == "web"'
    member app
    runs_privately "$MEMBER"
    host_pod sharing
    refused_by_containerd host-ipc '.container.pod == "sharing"'

    configure --default
    [ "$status" = 0 ] || complain "$err"
    restart
    HANDLER=
    host_pod sharing
    refused_by_containerd host-ipc '.container.pod == "sharing"'
    pod default web
    runs_privately "$POD"
    HANDLER=runc # what was there is still there
    host_pod plain
    runs_in_hosts "$POD"

    cri_remove_all
    configure --remove
    [ "$status" = 0 ] || complain "$err"
    [ "$(files)" = "$before" ] || complain "$(files)"
    restart
    HANDLER=
    host_pod plain
    runs_in_hosts "$POD"
}
