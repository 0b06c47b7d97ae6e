#!/usr/bin/env bash
# runc's own integration suite, with runc and with the shim before it, compared test by test.
#
#   tests/conformance/runc.sh [FILTER…]    FILTER: an extended regular expression that fits "FILE: NAME", e.g. '^(create|start)\.bats'
#
# Root only. The suite is that of the installed runc, from Debian's source package. The whole takes about 12 minutes.
set -euo pipefail
# shellcheck source=tests/conformance/lib.bash disable=SC1091
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

# shellcheck disable=SC2034 # lib.bash uses them
BARE=/usr/bin/runc GUARDED=$BUILD/ipcguard-runtime

prepare() {
    needs bats jq gawk gcc golang-go busybox-static libc-bin libseccomp-dev golang-github-containerd-console-dev golang-github-urfave-cli-dev \
        golang-github-seccomp-libseccomp-golang-dev golang-github-opencontainers-specs-dev golang-golang-x-sys-dev \
        golang-github-cyphar-filepath-securejoin-dev golang-github-sirupsen-logrus-dev
    sources runc
    local helper package=$SOURCES/go/src/github.com/opencontainers rootfs=$SOURCES/rootfs data=$SOURCES/tests/integration/testdata
    [ ! -e "$SOURCES/.built" ] || return 0
    # Go finds the package by a path like this, and the rest in Debian's packages.
    mkdir -p "$package"
    ln -sfn "$SOURCES" "$package/runc"
    for helper in recvtty sd-helper seccompagent; do
        (cd "$package/runc/contrib/cmd/$helper" && GO111MODULE=off GOPATH=$SOURCES/go:/usr/share/gocode go build -tags seccomp -o "$helper" .) 2>"$SOURCES/log" ||
            echo "$helper cannot be built: $(tail -n 1 "$SOURCES/log")" >&2
    done
    # The images that the suite would download: busybox, and as much of Debian as its one test needs.
    rm -rf "$rootfs"
    mkdir -p "$rootfs"/{bin,dev,etc,home,lib,proc,root,sbin,sys,tmp,usr,var}
    cp /bin/busybox "$rootfs/bin/busybox"
    chroot "$rootfs" /bin/busybox --install /bin
    ln -s ../bin "$rootfs/usr/bin"
    printf '%s\n' root:x:0:0:root:/root:/bin/sh daemon:x:1:1:daemon:/usr/sbin:/bin/false nobody:x:65534:65534:nobody:/home:/bin/false >"$rootfs/etc/passwd"
    printf '%s\n' root:x:0: daemon:x:1: bin:x:2: sys:x:3: nogroup:x:65534: >"$rootfs/etc/group"
    chmod 1777 "$rootfs/tmp"
    tar -C "$rootfs" -cJf "$data/busybox-$(go env GOARCH).tar.xz" .
    cp /sbin/ldconfig "$rootfs/sbin/ldconfig"
    printf '/lib\n' >"$rootfs/etc/ld.so.conf"
    tar -C "$rootfs" -cJf "$data/debian-$(go env GOARCH).tar.xz" .
    touch "$SOURCES/.built"
}

list() {
    local file
    for file in "$SOURCES"/tests/integration/*.bats; do
        sed -nE "s/^@test (\"(.*)\"|'(.*)') \{.*/${file##*/}: \2\3/p" "$file" | sed 's/\\\([\\"`$]\)/\1/g'
    done
}

run_tests() { # RUNTIME FILE LIST
    local filter limit=120
    filter=$(sed -E 's/[][\\.^$*+?(){}|]/\\&/g' "$3" | paste -sd '|')
    # Some wait for ever on some machines, so each has its time; not those that wait for all their children, of which bats'
    # own clock is one.
    ! grep -qE '^[[:space:]]*wait( #.*)?$' "$SOURCES/tests/integration/$2" || limit=''
    # Some want a controlling terminal.
    cat >"$WORK/suite" <<END_OF_FILE
cd '$SOURCES/tests/integration'
RUNC='$1' BATS_TEST_TIMEOUT=$limit timeout -k 5 900 bats --tap --filter $(printf %q "^($filter)\$") '$2' >'$WORK/tap' 4>&- 5>&-
END_OF_FILE
    script --quiet --return --command "bash '$WORK/suite'" /dev/null </dev/null >/dev/null || :
    cat "$WORK/tap"
}

if [[ -z ${WORK:-} ]]; then
    prepare
    SOURCES=$SOURCES enter "$0" "$@"
fi
conformance runc "$@"
