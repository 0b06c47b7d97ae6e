# shellcheck shell=bash disable=SC2016,SC2034,SC2119,SC2120,SC2153,SC2154 # programs of sh; what tests pass, and what lib/common.bash sets
# A host that is hardened and where nothing else runs: /usr, /var/lib, /etc and /run of its own (lib/hard_mode.bash) and a
# PID namespace with a /proc of its own, so that engines of other tests are not seen.

doctor_start() {
    local holder
    hard_mode_start || return
    inside sh -ec '
        mount -t tmpfs -o mode=755 opt /opt
        mount -t tmpfs -o mode=1777 dev-shm-of-tests /tmp
        rm -rf /etc/docker /etc/containerd /etc/containers /etc/crio /etc/buildkit /root/.config/containers /etc/systemd/system/*
        rm -f /usr/local/bin/ipcguard* /usr/local/sbin/*
        install -m 755 "$1" /usr/local/bin/ipcguard-runtime
        install -m 755 "$2" /usr/local/bin/ipcguard
    ' - "$SHIM" "$IPCGUARD" || complain 'the host cannot be made ready' || return
    setpriv --pdeathsig KILL nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns=/ -- unshare --pid --fork --kill-child -- sh -ec '
        mount -t proc proc /proc
        : >/run/has-proc
        exec sleep infinity
    ' </dev/null >"$PRIVATE/init.log" 2>&1 3>&- 4>&- &
    holder=$!
    disown
    wait_until 60 test -e "$PRIVATE/run/has-proc" || complain "no PID namespace: $(cat "$PRIVATE/init.log")" || return
    INIT=$(cat "/proc/$holder/task/$holder/children")
    export INIT=${INIT// /}
    in_host ipcguard harden >/dev/null || complain 'hard mode cannot be had' || return
    in_host sh -c 'mkdir /run/saved; cp -a /usr/local/bin/ipcguard* /usr/sbin/runc /usr/sbin/runc.unguarded /usr/bin/crun /usr/bin/crun.unguarded /run/saved'
}

# The host as it was, whatever a test planted.
doctor_reset() {
    policy_reset
    in_host sh -c '
        rm -rf /etc/docker /etc/containerd /etc/containers /etc/crio /etc/buildkit /etc/nvidia-container-runtime \
            /etc/systemd/system/* /root/.config/containers /opt/* /usr/share/containers/containers.conf.d /usr/local/sbin/* /tmp/*
        chmod 755 /usr/local/bin
        chown 0 /etc/ipcguard
        for file in /usr/local/bin/*; do [ -e "/run/saved/${file##*/}" ] || rm -rf "$file"; done
        cd /run/saved
        for file in ipcguard*; do cmp -s "$file" "/usr/local/bin/$file" || cp "$file" "/usr/local/bin/$file"; done
        for file in runc*; do cmp -s "$file" "/usr/sbin/$file" || cp "$file" "/usr/sbin/$file"; done
        for file in crun*; do cmp -s "$file" "/usr/bin/$file" || cp "$file" "/usr/bin/$file"; done
        chown 0 /usr/local/bin/* /usr/sbin/runc* /usr/bin/crun*
        chmod 755 /usr/local/bin/* /usr/sbin/runc* /usr/bin/crun*'
}

# Runs a program there, among its processes.
in_host() { nsenter --mount="/proc/$INIT/ns/mnt" --pid="/proc/$INIT/ns/pid" --wdns=/ -- env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

# put PATH [MODE]: standard input becomes that file there.
put() {
    in_host mkdir -p "${1%/*}"
    in_host tee "$1" >/dev/null
    in_host chmod "${2:-644}" "$1"
}

# doctor [OPTION…]: its findings, as JSON, in $out.
doctor() {
    status=0
    OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
    in_host ipcguard doctor "${@---format=json}" </dev/null >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
    out=$(<"$OUT") err=$(<"$ERR")
    [ -z "$err" ] || complain "stderr: $err"
}

findings() { jq -r '.findings[] | select(.severity != "info") | .id + ": " + .subject + ": " + .evidence[0]' "$OUT" | cut -c 1-300 | head -n 12; }

# clean: doctor finds nothing critical, and says so with its exit status.
clean() {
    doctor || return
    [ "$status" = 0 ] || complain "exit $status: $(findings)" || return
    jq -e '.bypassable == false and .counts.critical == 0' "$OUT" >/dev/null || complain "$out"
}

# finds ID TEXT…: a finding ID has these texts in what it is about and what was seen.
finds() {
    local id=$1 text found
    shift
    found=$(jq -c --arg id "$id" '.findings[] | select(.id == $id)' "$OUT")
    [ -n "$found" ] || complain "no finding $id, but $(findings)" || return
    for text in "$@"; do
        jq -e --arg id "$id" --arg text "$text" 'any(.findings[] | select(.id == $id); ([.subject, .remedy] + .evidence | map(contains($text)) | any))' \
            "$OUT" >/dev/null || complain "no '$text' in $found" || return
    done
}

# bypass ID TEXT…: doctor finds it, and fails because of it.
bypass() {
    doctor || return
    [ "$status" = 1 ] || complain "exit $status: $(findings)" || return
    finds "$@" || return
    jq -e --arg id "$1" 'any(.findings[]; .id == $id and .severity == "critical" and (.remedy | length > 0))' "$OUT" >/dev/null ||
        complain "$1 is not critical: $out"
}

# weakness ID TEXT…: doctor finds it, and that is no way around the shim.
weakness() {
    clean || return
    finds "$@"
}
