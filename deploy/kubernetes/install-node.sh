#!/bin/sh
# Puts ipcguard on a Kubernetes node, from a container that is allowed to; docs/fleet.md tells how it is used.
#
#   install   programs, settings, policy; registers it with the engine
#   policy    makes the policy on the node what the ConfigMap holds
#   watch     does so every minute
#   remove    undoes install; settings and logs stay
#   idle      nothing
#
# Environment: ENGINE (containerd or crio; default: the one whose socket is there), DEFAULT=yes (make it the runtime of
# every pod), RESTART=yes (let the engine take up its configuration; containers go on running).
set -eu
umask 022

package=/package policy=/policy # what the image brings, and the ConfigMap
# The node's own folders, at the same places in the container.
opt=/opt/ipcguard etc=/etc/ipcguard log=/var/log/ipcguard

say() { printf 'ipcguard: %s\n' "$*"; }
host() { nsenter --target 1 --mount -- "$@"; }

place() { # SOURCE TARGET MODE: as root's, in one step
    if cmp -s "$1" "$2"; then return 0; fi
    new=${2%/*}/.${2##*/}.new
    cp "$1" "$new"
    chmod "$3" "$new"
    mv -f "$new" "$2"
    say "installed $2"
}

place_settings() { # on a node that has none
    [ ! -e "$etc/config.json" ] || return 0
    # shellcheck disable=SC2016
    runtime=$(host sh -c 'if [ -x /usr/bin/runc ]; then echo /usr/bin/runc; else command -v runc || command -v crun; fi') ||
        { say "this node has neither runc nor crun on its PATH: name its runtime in config.json of the ConfigMap"; exit 1; }
    sed "s|\"/usr/bin/runc\"|\"$runtime\"|" "$package/etc/ipcguard/config.json" >"$work/config.json"
    place "$package/etc/ipcguard/allowlist.d/kubernetes-system.json" "$etc/allowlist.d/kubernetes-system.json" 0644
    place "$work/config.json" "$etc/config.json" 0644
}

# What the ConfigMap holds becomes files: config.json, and the others as allowlist.d/configmap-NAME. Its names are links
# into a folder of kubelet's that is replaced as a whole, and nothing of a pod's volume is there when the node starts.
place_policy() {
    from=$(readlink -f "$policy/..data") && [ -d "$from" ] || return 0 # no ConfigMap: what is there stays
    rm -rf "$work/new"
    mkdir -p "$work/new/allowlist.d"
    for file in "$from"/*.json; do
        name=${file##*/}
        case $name in
            '*.json') ;;
            config.json) cp "$file" "$work/new/config.json" ;;
            *) cp "$file" "$work/new/allowlist.d/configmap-$name" ;;
        esac
    done
    chmod -R go-w "$work/new"
    if ! mistakes=$("$package/usr/bin/ipcguard" validate --config "$work/new/config.json" --allowlist "$work/new/allowlist.d"); then
        say "the ConfigMap has mistakes, so the policy stays as it is: $mistakes"
        return 1
    fi
    for file in "$work"/new/allowlist.d/*.json; do
        [ ! -e "$file" ] || place "$file" "$etc/allowlist.d/${file##*/}" 0644
    done
    for file in "$etc"/allowlist.d/configmap-*.json; do
        if [ -e "$file" ] && [ ! -e "$work/new/allowlist.d/${file##*/}" ]; then rm -f "$file" && say "removed $file"; fi
    done
    [ ! -e "$work/new/config.json" ] || place "$work/new/config.json" "$etc/config.json" 0644
}

find_engine() {
    engine=${ENGINE:-}
    [ -z "$engine" ] || return 0
    for engine in containerd crio; do
        if host test -S "/run/$engine/$engine.sock"; then return 0; fi
    done
    say "neither containerd's nor CRI-O's socket is at its usual place: set ENGINE"
    exit 1
}

configure() { # OPTION...
    change=$(host "$opt/bin/ipcguard" configure "$engine" --dry-run "$@")
    # The mark outlives this container, should it be killed before the restart.
    [ -z "$change" ] || : >"$opt/restart"
    host "$opt/bin/ipcguard" configure "$engine" "$@"
    [ -e "$opt/restart" ] || return 0
    [ "${RESTART:-no}" = yes ] || { say "waiting for a restart of $engine (RESTART=yes lets this do it)"; return 0; }
    host systemctl restart "$engine"
    say "restarted $engine"
    rm -f "$opt/restart"
}

install_node() {
    mkdir -p "$opt/bin" "$etc/allowlist.d" "$log"
    chmod 0755 "$opt" "$opt/bin" "$etc" "$etc/allowlist.d"
    chmod 0750 "$log"
    place "$package/usr/bin/ipcguard-runtime" "$opt/bin/ipcguard-runtime" 0755
    place "$package/usr/bin/ipcguard" "$opt/bin/ipcguard" 0755
    host sh -c 'test ! -d /etc/logrotate.d || cat >/etc/logrotate.d/ipcguard' <"$package/etc/logrotate.d/ipcguard"
    place_settings
    place_policy
    find_engine
    if [ "${DEFAULT:-no}" = yes ]; then configure --default; else configure; fi
}

remove_node() {
    [ -e "$opt/bin/ipcguard" ] || return 0
    find_engine
    configure --remove
    host rm -f /etc/logrotate.d/ipcguard
    say "unregistered; settings and logs are left in $etc and $log"
    if [ -e "$opt/restart" ]; then
        say "$engine calls what is in $opt/bin until it is restarted: delete $opt after that"
    elif [ -n "$(users)" ]; then
        say "pods that were started through it need $opt/bin to be stopped: delete $opt when the node was drained"
    else
        rm -rf "${opt:?}/bin"
    fi
}

# Containers whose shim or conmon will call the program again; this container's pod can be among them.
users() {
    host sh -c "grep -sl '^$opt/bin/' /run/containerd/io.containerd.runtime.v2.task/*/*/runtime" || :
    grep -slx conmon /proc/[0-9]*/comm | while read -r comm; do
        tr '\0' '\n' <"${comm%comm}cmdline" | grep -x "$opt/bin/ipcguard-runtime.*" || :
    done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 0' TERM INT
wait_for() { sleep "$1" & wait $!; }

case ${1:-} in
    install) install_node ;;
    policy) place_policy ;;
    watch) while :; do sh "$0" policy || :; wait_for 60; done ;;
    remove) remove_node ;;
    idle) while :; do wait_for 3600; done ;;
    *) say "what to do? install, policy, watch, remove or idle" && exit 2 ;;
esac
