# shellcheck shell=bash disable=SC2016,SC2154 # the holder's script; lib/common.bash sets what it tells
# A host that may be hardened: /usr and /var/lib of the private mount namespace are overlays that only it sees.

hard_mode_start() {
    isolation_start || return
    inside sh -ec '
        mkdir /run/layers
        mount -t tmpfs -o size=1g layers /run/layers
        for directory in usr var/lib; do
            mkdir -p "/run/layers/$directory/upper" "/run/layers/$directory/work"
            mount -t overlay -o "lowerdir=/$directory,upperdir=/run/layers/$directory/upper,workdir=/run/layers/$directory/work" \
                overlay "/$directory"
        done
        rm -rf /var/lib/ipcguard
        cp -a /usr/sbin/runc /usr/bin/crun /run/layers
    ' || complain 'no private /usr and /var/lib'
}

# Puts both runtimes in place anew; that is in the upper layer, where a link is a link and not a copy.
hard_mode_reset() {
    inside sh -ec '
        cp -a /run/layers/runc /usr/sbin/runc.copy
        mv /usr/sbin/runc.copy /usr/sbin/runc
        cp -a /run/layers/crun /usr/bin/crun.copy
        mv /usr/bin/crun.copy /usr/bin/crun
        ln -sf ../sbin/runc /usr/bin/runc'
}

unharden() {
    inside umount /usr/bin/dpkg-divert 2>/dev/null || : # where a test has hidden it
    inside "$IPCGUARD" harden --remove >/dev/null || :
}

harden() { capture "$IPCGUARD" harden --runtime "$SHIM" "$@"; }

# is_hardened PATH: the shim is there, and a runtime that runs is kept beside it.
is_hardened() {
    inside cmp -s "$SHIM" "$1" || complain "$1 is not the shim" || return
    inside "$1.unguarded" --version >/dev/null || complain "$1.unguarded does not run" || return
    inside grep -qxF "$1" /var/lib/ipcguard/hardened || complain "$1 is not recorded"
}

# identity PATH: what must be the same again once hard mode is gone.
identity() { inside stat -c '%d %i %a %u %g %s %h %y' "$1" && inside sha256sum "$1"; }

nothing_of_hard_mode() {
    local left
    left=$(inside sh -c 'ls -d /usr/sbin/*unguarded* /usr/bin/*unguarded* /usr/*bin/*ipcguard-new /var/lib/ipcguard/hardened 2>/dev/null'
        inside dpkg-divert --list '*unguarded*')
    [ -z "$left" ] || complain "left: $left"
}
