#!/usr/bin/env bats
# The .deb and the .rpm: what is in them, and that they install, upgrade, remove and purge with the operator's files kept.

bats_require_minimum_version 1.5.0
load ../lib/own_host.bash

SETTINGS=/etc/ipcguard/config.json
SYSTEM_PODS=/etc/ipcguard/allowlist.d/kubernetes-system.json

setup_file() {
    local tool
    [ "$(id -u)" = 0 ] || { echo 'these tests need root' >&2; return 1; }
    for tool in cmake cpack docker dockerd dpkg dpkg-deb rpm rpmbuild jq nsenter runc setpriv unshare /bin/busybox; do
        command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; return 1; }
    done
    build_packages "$BATS_FILE_TMPDIR/packages"
    export NEWER
    NEWER=$BATS_FILE_TMPDIR/newer.deb
    make_newer
}

# The same package of a later version: the programs and both policy files have changed.
make_newer() {
    local tree=$BATS_FILE_TMPDIR/tree
    dpkg-deb -R "$DEB" "$tree"
    sed -i 's/^Version: .*/Version: 9.9/' "$tree/DEBIAN/control"
    printf '\n' | tee -a "$tree/usr/bin/ipcguard" "$tree/usr/bin/ipcguard-runtime" "$tree$SETTINGS" >>"$tree$SYSTEM_PODS"
    (cd "$tree" && find etc usr -type f -exec md5sum {} + >DEBIAN/md5sums)
    dpkg-deb -b -Zgzip -z1 "$tree" "$NEWER" >&2
}

setup() { own_host_start; }
teardown() { own_host_stop; }

dpkg_() { inside env DEBIAN_FRONTEND=noninteractive dpkg --force-confold "$@" </dev/null; }
rpm_() { inside rpm --dbpath /run/rpm --force-debian "$@"; }
installed_is() { [ "$(inside dpkg-query -W -f '${Status} ${Version}' ipcguard)" = "$1" ]; }

# --- the .deb ---

@test "the .deb depends on nothing, and has root's files with safe modes" {
    run -0 dpkg-deb -f "$DEB" Depends Pre-Depends
    [ -z "$output" ]
    run -0 dpkg-deb -f "$DEB" Recommends
    [ "$output" = 'runc | crun' ]
    run -0 dpkg-deb -c "$DEB"
    [ -z "$(grep -vE '^[-dl][rwx-]{3}[r-]-[x-][r-]-[x-] root/root ' <<<"$output")" ] || { echo "$output"; return 1; }
    has './usr/bin/ipcguard-runtime'
    has './usr/share/man/man8/ipcguard-runtime.8.gz'
    has './usr/share/man/man8/ipcguard.8.gz'
    has './usr/share/man/man5/ipcguard.json.5.gz'
    has './usr/share/man/man5/ipcguard-allowlist.5.gz'
    has './usr/share/bash-completion/completions/ipcguard'
    run ldd "$BATS_FILE_TMPDIR/tree/usr/bin/ipcguard-runtime" "$BATS_FILE_TMPDIR/tree/usr/bin/ipcguard"
    [ "$(grep -c 'statically linked' <<<"$output")" = 2 ]
}

@test "every file below /etc is a conffile, and nothing else" {
    local files
    files=$(dpkg-deb -c "$DEB" | awk '/^-/ { print substr($6, 2) }' | grep ^/etc/ | sort)
    dpkg-deb -I "$DEB" conffiles >"$BATS_TEST_TMPDIR/conffiles"
    [ "$(sort "$BATS_TEST_TMPDIR/conffiles")" = "$files" ]
}

@test "installed, it works, and nothing is configured by itself" {
    run -0 dpkg_ -i "$DEB"
    has "no engine uses it yet: see 'ipcguard configure --help'"
    installed_is 'install ok installed 1.0.0'
    [ "$(inside stat -c '%a %U' /var/log/ipcguard /etc/ipcguard /etc/ipcguard/allowlist.d $SETTINGS | tr '\n' ,)" = '750 root,755 root,755 root,644 root,' ]
    run -0 inside ipcguard validate
    absent /etc/docker/daemon.json /var/lib/ipcguard
    run -0 inside ipcguard-runtime --version # passed on
    has runc
    run -0 inside man --warnings -w 8 ipcguard
    [ "$output" = /usr/share/man/man8/ipcguard.8.gz ]
}

@test "an upgrade keeps changed settings, and does not put back exceptions that were deleted" {
    dpkg_ -i "$DEB"
    echo '{ "mode": "audit" }' | put $SETTINGS
    inside rm $SYSTEM_PODS
    echo '{ "exceptions": [] }' | put /etc/ipcguard/allowlist.d/mine.json
    run -0 dpkg_ -i "$NEWER"
    installed_is 'install ok installed 9.9'
    [[ $output != *'no engine uses it yet'* ]]
    [ "$(inside cat $SETTINGS)" = '{ "mode": "audit" }' ]
    absent $SYSTEM_PODS
    there /etc/ipcguard/allowlist.d/mine.json
    # Files that dpkg leaves beside them are not read as exceptions.
    run -0 inside ipcguard validate
    # The other way round, and again.
    run -0 dpkg_ -i "$DEB"
    run -0 dpkg_ -i "$DEB"
    absent $SYSTEM_PODS
    [ "$(inside cat $SETTINGS)" = '{ "mode": "audit" }' ]
}

@test "an upgrade replaces what nobody changed" {
    dpkg_ -i "$DEB"
    run -0 dpkg_ -i "$NEWER"
    inside cmp "$BATS_FILE_TMPDIR/tree$SETTINGS" $SETTINGS
    inside cmp "$BATS_FILE_TMPDIR/tree$SYSTEM_PODS" $SYSTEM_PODS
    run -0 inside ipcguard validate
}

@test "removed, settings and logs stay; purged, nothing does; a new start is a first one" {
    dpkg_ -i "$DEB"
    echo '{}' | put /var/log/ipcguard/decisions.jsonl
    echo '{ "exceptions": [] }' | put /etc/ipcguard/allowlist.d/mine.json
    run -0 dpkg_ -r ipcguard
    absent /usr/bin/ipcguard /usr/bin/ipcguard-runtime /usr/share/doc/ipcguard /usr/share/man/man8/ipcguard.8.gz
    there $SETTINGS $SYSTEM_PODS /etc/ipcguard/allowlist.d/mine.json /var/log/ipcguard/decisions.jsonl
    run -0 dpkg_ -i "$DEB"
    there /usr/bin/ipcguard
    inside mkdir /var/lib/ipcguard
    run -0 dpkg_ -P ipcguard
    absent /etc/ipcguard /var/log/ipcguard /var/lib/ipcguard /etc/logrotate.d/ipcguard /usr/bin/ipcguard
    [ -z "$(inside find /etc /usr /var -path /var/lib/dpkg -prune -o -name '*ipcguard*' -newer "$BATS_TEST_TMPDIR/ready" -print)" ]
    run -0 dpkg_ -i "$DEB"
    there $SYSTEM_PODS
}

@test "package and install.sh refuse to be beside one another" {
    inside mkdir -p /var/lib/ipcguard
    inside touch /var/lib/ipcguard/manifest
    run -1 dpkg_ -i "$DEB"
    has "run 'install.sh --uninstall' first"
    absent /usr/bin/ipcguard
    inside rm -r /var/lib/ipcguard
    dpkg_ -i "$DEB"
    run -1 inside "$BATS_TEST_DIRNAME/../../install.sh"
    has 'there is a package ipcguard on this host'
    absent /usr/local/bin/ipcguard /var/lib/ipcguard
}

@test "what does not fit this host is said, and the settings are left alone" {
    inside rm -f /usr/bin/runc /usr/sbin/runc
    run -0 dpkg_ -i "$DEB"
    has 'there is no /usr/bin/runc: name'
    echo '{ "runtimes": { "default": "/usr/bin/crun" } }' | put $SETTINGS
    run -0 dpkg_ -i "$NEWER"
    [[ $output != *'there is no /usr/bin/runc'* ]]
    echo '{ "mode": 1 }' | put $SETTINGS
    run -0 dpkg_ -i "$DEB"
    has "'ipcguard validate' finds mistakes"
    [ "$(inside cat $SETTINGS)" = '{ "mode": 1 }' ]
}

# --- removal with engines and containers ---

@test "removed on a real Docker: refused while a container needs it, then Docker is as it was" {
    local before=$'{\n    "debug":false, "labels": [ "a=b" ] }\n'
    printf '%s' "$before" | put /etc/docker/daemon.json
    dpkg_ -i "$DEB"
    start_dockerd
    run -0 inside ipcguard configure docker --default
    run -125 docker_ run --rm --network none --ipc=host test sleep 1000
    has 'ipcguard: refused: '
    run -0 docker_ run -d --name guarded --network none test sleep 1000
    local id=$output
    run -1 dpkg_ -r ipcguard
    has 'these containers need it to be stopped'
    has ": ${id:0:12}"
    installed_is 'deinstall ok installed 1.0.0' # what was asked for, and what is
    there /usr/bin/ipcguard-runtime
    inside jq -e '."default-runtime" == "ipcguard"' /etc/docker/daemon.json
    # An upgrade is no removal: what was registered and runs goes on.
    run -0 dpkg_ -i "$NEWER"
    run -0 docker_ stop -t 0 guarded
    run -0 dpkg_ -r ipcguard
    absent /usr/bin/ipcguard-runtime
    inside cmp /etc/docker/daemon.json - <<<"${before%$'\n'}"
    run -0 docker_ run --rm --network none test sleep 0
    [ "$(docker_ info --format '{{.DefaultRuntime}}')" = runc ]
}

@test "removed with a Docker that is not running: it finds its old file" {
    dpkg_ -i "$DEB"
    run -0 inside ipcguard configure docker --default
    there /etc/docker/daemon.json
    run -0 dpkg_ -P ipcguard
    absent /etc/docker/daemon.json /usr/bin/ipcguard-runtime /etc/ipcguard /var/lib/ipcguard
}

@test "removal is refused, with all of the package there, while an engine's file cannot be written; then it works" {
    dpkg_ -i "$DEB"
    # A disk that will be full.
    inside mount -t tmpfs -o size=64k tmpfs /etc/docker
    printf '{ "debug": false }' | put /etc/docker/daemon.json
    run -0 inside ipcguard configure docker --default
    inside cp /etc/docker/daemon.json /run/registered.json
    run inside dd if=/dev/zero of=/etc/docker/ballast bs=1k
    run -1 dpkg_ -r ipcguard
    has "is not removed: it could not be taken out of docker's configuration"
    inside cmp /etc/docker/daemon.json /run/registered.json
    there /usr/bin/ipcguard-runtime /usr/bin/ipcguard /usr/share/doc/ipcguard/README.md
    inside rm /etc/docker/ballast
    run -0 dpkg_ -r ipcguard
    [ "$(inside cat /etc/docker/daemon.json)" = '{ "debug": false }' ]
    absent /usr/bin/ipcguard-runtime
}

@test "removal is refused while Podman or CRI-O need the shim to stop a container" {
    dpkg_ -i "$DEB"
    # A conmon with the arguments that they give to it.
    printf '#!/bin/bash\nread -rt 300 <> <(:)\n' | put /run/conmon
    inside chmod +x /run/conmon
    inside /run/conmon --api-version 1 -c fedcba9876543210 -u x -r /usr/bin/ipcguard-runtime -b /x </dev/null 3>&- &
    wait_until inside pgrep -x conmon
    run -1 dpkg_ -r ipcguard
    has ': fedcba987654'
    inside pkill -x conmon # of this PID namespace
    wait_until inside sh -c '! pgrep -x conmon'
    run -0 dpkg_ -r ipcguard
    absent /usr/bin/ipcguard-runtime
}

@test "in hard mode an upgrade refreshes the copies, and removal puts the runtime back" {
    local tree=$BATS_TEST_TMPDIR/runc before
    # A package of runc, so that there is something to divert.
    mkdir -p "$tree/DEBIAN" "$tree/usr/bin"
    cp /usr/bin/runc "$tree/usr/bin"
    printf '%s: %s\n' Package runc Version 1 Architecture all Maintainer test Description test >"$tree/DEBIAN/control"
    dpkg-deb -b -Znone "$tree" "$BATS_TEST_TMPDIR/runc.deb"
    inside rm -f /usr/bin/runc /usr/sbin/runc
    dpkg_ -i "$BATS_TEST_TMPDIR/runc.deb" "$DEB"
    before=$(inside stat -c '%i %s %Y' /usr/bin/runc)
    run -0 inside ipcguard harden /usr/bin/runc
    run -0 dpkg_ -i "$NEWER"
    inside cmp /usr/bin/runc /usr/bin/ipcguard-runtime
    inside cmp /usr/bin/runc "$BATS_FILE_TMPDIR/tree/usr/bin/ipcguard-runtime"
    absent /usr/bin/crun.unguarded /usr/sbin/crun.unguarded # nobody asked for crun
    run -0 dpkg_ -P ipcguard
    [ "$(inside stat -c '%i %s %Y' /usr/bin/runc)" = "$before" ]
    absent /usr/bin/runc.unguarded /var/lib/ipcguard
    [ -z "$(inside dpkg-divert --list)" ]
}

# --- the .rpm ---

@test "the .rpm has the same files, root's, and its policy files are the operator's" {
    local files
    files=$(dpkg-deb -c "$DEB" | awk '/^-/ { print substr($6, 2) }' | grep -v /lintian/ | sort)
    [ "$(rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$RPM" | sed -n 's/^-[rwx-]* //p' | sort)" = "$files" ]
    run -0 rpm -qp --qf '[%{FILENAMES} %{FILEFLAGS:fflags}\n]' "$RPM"
    has "$SETTINGS cn"
    has "$SYSTEM_PODS cmn"
    has '/etc/logrotate.d/ipcguard cn'
    [ "$(rpm -qp --qf '[%{FILEUSERNAME} %{FILEGROUPNAME}\n]' "$RPM" | sort -u)" = 'root root' ]
    run -0 rpm -qpR "$RPM"
    [ -z "$(grep -vE '^rpmlib|^/bin/sh$|^\(runc or crun\)$' <<<"$output")" ] || { echo "$output"; return 1; }
    [ "$(rpm -qp --recommends "$RPM")" = '(runc or crun)' ]
}

@test "the .rpm installs, upgrades and is erased with the operator's files kept" {
    run -0 rpm_ -i --nodeps "$RPM"
    has 'no engine uses it yet'
    run -0 inside ipcguard validate
    [ "$(inside stat -c %a /var/log/ipcguard)" = 750 ]
    echo '{ "mode": "audit" }' | put $SETTINGS
    inside rm $SYSTEM_PODS
    run -0 rpm_ -U --nodeps --replacepkgs "$RPM"
    [ "$(inside cat $SETTINGS)" = '{ "mode": "audit" }' ]
    absent $SYSTEM_PODS
    inside mkdir -p /run/containerd/io.containerd.runtime.v2.task/default/x
    printf /usr/bin/ipcguard-runtime | put /run/containerd/io.containerd.runtime.v2.task/default/x/runtime
    run ! rpm_ -e ipcguard
    has 'is not removed: these containers'
    there /usr/bin/ipcguard-runtime
    inside rm -r /run/containerd
    run -0 rpm_ -e ipcguard
    absent /usr/bin/ipcguard-runtime /usr/share/doc/ipcguard
    [ "$(inside cat $SETTINGS.rpmsave)" = '{ "mode": "audit" }' ]
}
