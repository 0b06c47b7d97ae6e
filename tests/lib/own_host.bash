# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # programs of the inner shell; bats
# A host of a test's own: a mount and a PID namespace, held open by a sleeping process (the holder, pid 1 there), in which
# /etc, /usr, /opt and /var are writable overlays of the host's, /run is empty, dpkg and apt know no package, and nothing of ipcguard is
# installed. Whatever happens there, the host never sees it; it ends with the holder.

own_host_start() {
    setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- bash -ec '
        for directory in etc usr opt var root; do
            mkdir -p "$1/$directory/upper" "$1/$directory/work"
            mount -t overlay -o "lowerdir=/$directory,upperdir=$1/$directory/upper,workdir=$1/$directory/work" \
                overlay "/$directory"
        done
        mount -t tmpfs -o mode=755 tmpfs /run
        rm -rf /etc/docker /etc/ipcguard /etc/logrotate.d/ipcguard /var/lib/ipcguard /var/log/ipcguard /opt/ipcguard \
            /usr/local/bin/ipcguard* /usr/bin/ipcguard*
        mkdir -p /etc/docker "$1/dpkg/info" "$1/dpkg/updates" "$1/dpkg/triggers"
        touch "$1/dpkg/status" "$1/dpkg/available"
        mount --bind "$1/dpkg" /var/lib/dpkg
        for directory in /var/lib/apt /var/cache/apt; do mount -t tmpfs -o mode=755 tmpfs $directory; done # apt would index all
        # crun does not work with the hybrid hierarchy; without this mount it is a plain version 1.
        if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
        : >"$1/ready"
        exec sleep infinity
    ' holder "$BATS_TEST_TMPDIR" </dev/null >"$BATS_TEST_TMPDIR/holder.log" 2>&1 3>&- &
    UNSHARE=$!
    CGROUP_PARENT=ipcguard-own-host-$UNSHARE
    wait_until test -e "$BATS_TEST_TMPDIR/ready" || { cat "$BATS_TEST_TMPDIR/holder.log"; return 1; }
    HOLDER=$(<"/proc/$UNSHARE/task/$UNSHARE/children")
    HOLDER=${HOLDER% }
}

own_host_stop() {
    kill -KILL "$UNSHARE" # and all with it
    wait "$UNSHARE" 2>/dev/null || :
    wait_until no_cgroups
}

no_cgroups() {
    find /sys/fs/cgroup -depth -type d -path "*/$CGROUP_PARENT*" -exec rmdir {} + 2>/dev/null
    [ -z "$(find /sys/fs/cgroup -type d -name "$CGROUP_PARENT*")" ]
}

wait_until() { # COMMAND...: for at most 60 seconds
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    return 1
}

inside() { nsenter --target "$HOLDER" --mount --pid --wdns=/ -- "$@"; }
put() { inside tee "$1" >/dev/null; }
has() { [[ $output == *"$1"* ]] || { echo "no '$1' in: $output"; return 1; }; }
absent() { local path; for path; do inside test ! -e "$path" || { echo "$path is there"; return 1; }; done; }
there() { local path; for path; do inside test -e "$path" || { echo "$path is not there"; return 1; }; done; }

docker_() { inside /usr/bin/docker "$@"; }

start_dockerd() { # with the image test: busybox's sleep
    nsenter --target "$HOLDER" --mount --pid --wdns=/ -- /usr/sbin/dockerd --bridge=none --iptables=false --ip6tables=false \
        --data-root "$BATS_TEST_TMPDIR/docker" --cgroup-parent "/$CGROUP_PARENT" \
        </dev/null >"$BATS_TEST_TMPDIR/dockerd.log" 2>&1 3>&- &
    wait_until docker_answers || { tail -n 20 "$BATS_TEST_TMPDIR/dockerd.log"; return 1; }
    mkdir -p "$BATS_TEST_TMPDIR/image/bin"
    cp /bin/busybox "$BATS_TEST_TMPDIR/image/bin/sleep"
    tar -C "$BATS_TEST_TMPDIR/image" -c . | docker_ import - test:latest >/dev/null
}

docker_answers() { docker_ info >/dev/null 2>&1; }

# build_packages DIRECTORY: from the release build, sets $DEB and $RPM.
build_packages() {
    local build
    build=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build/release
    # The staging is there as well, so that suites that run side by side do not meet.
    (cd "$build" && cpack -G "DEB;RPM" -B "$1" -D CPACK_PACKAGE_DIRECTORY="$1" >&2)
    export DEB RPM
    DEB=$(compgen -G "$1/ipcguard_*.deb") && RPM=$(compgen -G "$1/ipcguard-*.rpm")
}
