# shellcheck shell=bash disable=SC2016,SC2034 # jq and awk programs; what the tests use
# Helpers of the integration and end-to-end tests: isolation, bundles, the shim under test, questions to the kernel.
#
# Policy lives at fixed paths, so every test file gets a mount namespace of its own, held open by a sleeping process (the
# holder). In it /etc, /run and /var/log are private directories; outside of it they are the folders $PRIVATE/etc, run and
# log, where tests write settings and read records. Nothing on the host is changed, and everything ends with the holder.

TESTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${IPCGUARD_BUILD:-build/release}
case $BUILD in /*) ;; *) BUILD=$(dirname "$TESTS_DIR")/$BUILD ;; esac
SHIM=$BUILD/ipcguard-runtime
IPCGUARD=$BUILD/ipcguard
RUNC=/usr/bin/runc
CRUN=/usr/bin/crun
export SHIM IPCGUARD RUNC CRUN

# Phrases that engines translate into a message of their own (design 7).
ENGINE_PHRASES='permission denied|operation not permitted|no such file or directory|executable file not found|not a directory|is a directory'

# bats traces every command for its error messages; for these helpers, which say themselves what failed, that costs too much.
if declare -F bats_add_debug_exclude_path >/dev/null; then bats_add_debug_exclude_path "${BASH_SOURCE[0]%/*}"; fi

complain() {
    printf '%s\n' "$*" >&2
    return 1
}

# --- isolation ---------------------------------------------------------------------------------------------------------

isolation_start() {
    local tool
    [ "$(id -u)" = 0 ] || complain 'these tests start containers: run them as root'
    for tool in "$SHIM" "$IPCGUARD" "$RUNC" "$CRUN" /bin/busybox; do
        [ -x "$tool" ] || complain "$tool is missing" || return
    done
    for tool in jq unshare nsenter setpriv ipcmk; do
        command -v "$tool" >/dev/null || complain "$tool is missing" || return
    done

    export PRIVATE=$BATS_FILE_TMPDIR/private
    export POLICY=$PRIVATE/etc/ipcguard RECORDS=$PRIVATE/log/ipcguard/decisions.jsonl
    export CGROUP_PARENT=/ipcguard-test-$$
    mkdir -p "$PRIVATE/run" "$PRIVATE/log"
    cp -a /etc "$PRIVATE/etc"
    rm -rf "$POLICY"

    setpriv --pdeathsig KILL unshare --mount --propagation private -- bash -ec '
        for directory in etc run; do mount --bind "$1/$directory" "/$directory"; done
        mount --bind "$1/log" /var/log
        # crun does not work with the hybrid hierarchy; hiding this mount leaves a plain version 1.
        if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
        : >"$1/ready"
        exec sleep infinity
    ' holder "$PRIVATE" </dev/null >"$PRIVATE/holder.log" 2>&1 3>&- 4>&- &
    export HOLDER=$!
    disown
    wait_until 60 test -e "$PRIVATE/ready" || complain "no private mount namespace: $(cat "$PRIVATE/holder.log")" || return

    export ROOTFS=$BATS_FILE_TMPDIR/rootfs
    make_rootfs "$ROOTFS"
    ln -s "$SHIM" "$BATS_FILE_TMPDIR/ipcguard-runtime.crun"
}

isolation_stop() {
    local pid directory file
    [ -n "${HOLDER:-}" ] || return 0
    for file in $(cgroup_directories "${CGROUP_PARENT#/}"); do
        while read -r pid; do kill -KILL "$pid" 2>/dev/null || :; done < <(find "$file" -name cgroup.procs -exec cat {} +)
    done
    # Whatever else lives in the private mount namespace was started by these tests.
    for pid in $(processes_inside); do
        [ "$pid" = "$HOLDER" ] || kill -KILL "$pid" 2>/dev/null || :
    done
    kill -KILL "$HOLDER" 2>/dev/null || :
    for directory in $(cgroup_directories "${CGROUP_PARENT#/}"); do
        wait_until 60 remove_cgroup "$directory" || complain "cannot remove $directory" || return
    done
}

processes_inside() {
    find /proc -mindepth 3 -maxdepth 3 -path '/proc/[0-9]*/ns/mnt' -lname "$(readlink "/proc/$HOLDER/ns/mnt" | sed 's/[][]/\\&/g')" \
        2>/dev/null | cut -d/ -f3
}

# Others' may vanish while it looks, of which it complains.
cgroup_directories() { find /sys/fs/cgroup -type d -name "$1" 2>/dev/null || :; }

remove_cgroup() { find "$1" -depth -type d -exec rmdir {} \; 2>/dev/null; [ ! -d "$1" ]; }

# Runs a program in the private mount namespace; it replaces the nsenter process, so that pid, descriptors and all stay.
inside() { nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns="$PWD" -- "$@"; }

# wait_until SECONDS COMMAND…: that it holds; tests wait for what a busy machine may take long for.
wait_until() {
    local seconds=$1 tries
    shift
    for ((tries = seconds * 20; tries > 0; tries--)); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    "$@"
}

# has_ended PID: also where nobody has waited for it.
has_ended() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    [[ $stat == *') Z '* ]]
}

make_rootfs() {
    mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp}
    cp /bin/busybox "$1/bin/busybox"
    chroot "$1" /bin/busybox --install -s /bin
    printf 'root:x:0:0:root:/:/bin/sh\n' >"$1/etc/passwd"
}

# --- settings and allowlist --------------------------------------------------------------------------------------------

# A clean state before each test: default settings for both runtimes, no exceptions, no records.
policy_reset() {
    rm -rf "$POLICY" "$PRIVATE/log/ipcguard"
    mkdir -p "$POLICY/allowlist.d" "$PRIVATE/log/ipcguard"
    settings .
}

# cached KEY COMMAND…: leaves in $cached its output, computed once for each key; jq 1.6 takes long to start.
declare -gA CACHE
cached() {
    local file
    cached=${CACHE[$1]:-}
    [ -z "$cached" ] || return 0
    file=$BATS_FILE_TMPDIR/cached-$(cksum <<<"$1" | tr ' ' -)
    [ -e "$file" ] || "${@:2}" >"$file" || { rm -f "$file"; return 1; }
    cached=$(<"$file")
    CACHE[$1]=$cached
}

# settings FILTER: the test settings, changed by a jq filter.
settings() {
    cached "settings $1" jq -n '{ mode: "enforce", runtimes: { default: "/usr/bin/runc", crun: "/usr/bin/crun" },
        log: { file: "/var/log/ipcguard/decisions.jsonl", record: "all" } } | '"$1"
    printf '%s\n' "$cached" >"$POLICY/config.json"
    chmod 644 "$POLICY/config.json"
}

# exception FILE FILTER: one exception in an allowlist file, changed by a jq filter; tests name what it matches.
exception() {
    jq -n '{ exceptions: [ { name: "test-exception", reason: "a test needs it", allow: ["host-ipc"] } | '"$2"' ] }' \
        >"$POLICY/allowlist.d/$1"
    chmod 644 "$POLICY/allowlist.d/$1"
}

last_record() { tail -n 1 "$RECORDS"; }

# record_says TEXT…: the last decision record is one line of JSON that contains these texts; quicker than jq.
record_says() {
    local record text
    record=$(last_record)
    [[ $record == '{'*'}' ]] || complain "no record: $record" || return
    for text in "$@"; do [[ $record == *"$text"* ]] || complain "no $text in the record: $record" || return; done
}

# record_is FILTER: the last decision record satisfies a jq filter.
record_is() { last_record | jq -e "$1" >/dev/null || complain "record does not satisfy $1: $(last_record)"; }

# --- the runtime under test --------------------------------------------------------------------------------------------

use_runtime() {
    RT=$1
    ROOT=/run/test-$RT
    case $RT in
        runc) BARE=$RUNC GUARDED=$SHIM ;;
        crun) BARE=$CRUN GUARDED=$BATS_FILE_TMPDIR/ipcguard-runtime.crun ;;
        *) complain "no runtime $RT" ;;
    esac
}

# Runs a function once for each real runtime.
for_each_runtime() {
    local runtime
    for runtime in runc crun; do
        echo "# with $runtime"
        use_runtime "$runtime"
        "$@"
    done
}

# capture COMMAND…: runs it inside with its output in files (a container that stays keeps its stdout open, so a pipe would
# wait for it) and leaves $status, $out and $err. What hangs ends with status 124.
capture() {
    status=0
    OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
    timeout --foreground -k 1 60 nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns="$PWD" -- "$@" \
        <"${STDIN:-/dev/null}" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
    { out=$(<"$OUT") err=$(<"$ERR"); } 2>/dev/null
}

guarded() { capture "$GUARDED" --root "$ROOT" "$@"; }

bare() { inside "$BARE" --root "$ROOT" "$@"; }

# create ID [OPTION…]: through the shim, from the bundle made for ID.
create() {
    local id=$1
    shift
    guarded create --bundle "$(bundle_of "$id")" "$@" "$id"
}

next_id() {
    # The letter at the end keeps one id from being the beginning of another.
    ID=ig-$RT-$$-$((++SERIAL))x
}

# Whatever a test left running, under the given or the default root, ends here.
delete_containers() {
    local directory runtime
    for directory in "$PRIVATE"/run/{test-runc,test-crun,runc,crun}/*/; do
        [ -d "$directory" ] || continue
        runtime=$RUNC
        case $directory in */test-crun/* | */run/crun/*) runtime=$CRUN ;; esac
        inside "$runtime" --root "$(dirname "/run/${directory#"$PRIVATE"/run/}")" delete --force "$(basename "$directory")" ||
            rm -rf "$directory"
    done
    assert_no_processes
}

# --- bundles -----------------------------------------------------------------------------------------------------------

bundle_of() { echo "$BATS_TEST_TMPDIR/bundle-$1"; }

# bundle ID [FILTER]: a bundle like runc's own, changed by a jq filter. It sleeps, in its own namespaces.
bundle() {
    local directory
    directory=$(bundle_of "$1")
    [ -d "$directory" ] || mkdir -p "$directory"
    cached "bundle ${2:-.}" jq -nc --arg rootfs "$ROOTFS" --arg cgroup "$CGROUP_PARENT/" '
        { ociVersion: "1.0.2",
          process: { terminal: false, user: { uid: 0, gid: 0 }, args: ["sleep", "1000"], cwd: "/",
                     env: ["PATH=/bin", "HOME=/"], noNewPrivileges: true },
          root: { path: $rootfs, readonly: true }, hostname: "test",
          mounts: [
            { destination: "/proc", type: "proc", source: "proc" },
            { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
            { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777"] },
            { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] } ],
          linux: { cgroupsPath: ($cgroup + "@ID"), resources: { devices: [{ allow: false, access: "rwm" }] },
                   namespaces: [{ type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }] } }
        | '"${2:-.}"
    printf '%s\n' "${cached//@ID/$1}" >"$directory/config.json"
}

# jq filters for the ipc entry. A container in the host's IPC namespace cannot have a message queue mount of its own.
WITHOUT_IPC='del(.linux.namespaces[] | select(.type == "ipc")) | del(.mounts[] | select(.type == "mqueue"))'
ipc_path() { printf '(.linux.namespaces[] | select(.type == "ipc")).path = "%s"' "$1"; }
process_is() { printf '.process.args = ["sh", "-c", "%s"]' "$1"; }

# --- questions to the kernel -------------------------------------------------------------------------------------------

ipc_of() { readlink "/proc/$1/ns/ipc"; }

init_of() { bare state "$1" | grep -oP '"pid": *\K[1-9][0-9]*'; }

# Whether processes of the container see a System V segment that the host has just made.
sees_host_segment() {
    local segment key seen
    segment=$(ipcmk --shmem 4096 | grep -o '[0-9]*$')
    key=$(awk -v id="$segment" '$2 == id { print $1 }' /proc/sysvipc/shm)
    seen=$(nsenter --ipc="/proc/$1/ns/ipc" -- awk -v key="$key" '$1 == key' /proc/sysvipc/shm)
    ipcrm --shmem-id "$segment"
    [ -n "$seen" ]
}

# private_process PID, host_process PID: it lives, in an IPC namespace of its own or in the host's.
private_process() {
    [[ -n $(ipc_of "$1") && $(ipc_of "$1") != "$(ipc_of self)" ]] || complain "process $1 is not private: $(ipc_of "$1")" || return
    ! sees_host_segment "$1" || complain "process $1 sees the host's segments"
}

host_process() {
    [ "$(ipc_of "$1")" = "$(ipc_of self)" ] || complain "process $1 does not share the host's IPC: $(ipc_of "$1")" || return
    sees_host_segment "$1" || complain "process $1 does not see the host's segments"
}

assert_private() {
    [ "$status" = 0 ] || complain "exit $status: $err" || return
    private_process "$(init_of "$1")"
}

assert_shares_host() {
    [ "$status" = 0 ] || complain "exit $status: $err" || return
    host_process "$(init_of "$1")"
}

# What a refusal is (design 7), and that it left nothing of container ID behind. Called thousands of times: no processes.
assert_refused() {
    [ "$status" = 1 ] || complain "exit $status, not 1; stderr: ${err:0:2000}" || return
    [ ! -s "$OUT" ] || complain "stdout is not empty: ${out:0:300}" || return
    [[ $err == *'ipcguard: refused: '* ]] || complain "not our message: ${err:0:2000}" || return
    [[ $err != *$'\n'* ]] || complain "more than one line on stderr: ${err:0:2000}" || return
    shopt -s nocasematch
    [[ ! $err =~ $ENGINE_PHRASES ]] || complain "a phrase that engines translate: $err" || return
    shopt -u nocasematch
    assert_nothing_left "$1"
}

assert_nothing_left() {
    local left mounts
    left=$(compgen -G "$PRIVATE/run/*/$1" || compgen -G "/sys/fs/cgroup/$CGROUP_PARENT/$1" || compgen -G "/sys/fs/cgroup/*/$CGROUP_PARENT/$1" || :)
    [ -z "$left" ] || complain "left behind: $left" || return
    mounts=$(<"/proc/$HOLDER/mountinfo")
    [[ $mounts != *"$1"* ]] || complain "mounts left behind: $(grep -F "$1" <<<"$mounts")" || return
}

# Once the containers are deleted, only the holder and an engine may live in the private namespace.
assert_no_processes() {
    local pid
    for pid in $(processes_inside); do
        [ "$pid" = "$HOLDER" ] || complain "left running: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")" || return
    done
}

# --- a Docker engine of our own ----------------------------------------------------------------------------------------

# dockerd in the private mount namespace and in a network namespace of its own, with the shim as its default runtime, or
# as a jq filter has it. Its state is on a tmpfs that only exists there; the socket is also visible outside.
docker_start() { # [FILTER]
    local tool
    for tool in dockerd /usr/bin/docker containerd; do
        command -v "$tool" >/dev/null || complain "$tool is missing" || return
    done
    inside sh -ec 'mkdir /run/engine; mount -t tmpfs -o mode=711 engine /run/engine'
    jq -n --arg shim "$SHIM" --arg crun "$BATS_FILE_TMPDIR/ipcguard-runtime.crun" \
        '{ runtimes: { ipcguard: { path: $shim }, "ipcguard-crun": { path: $crun } }, "default-runtime": "ipcguard" } | '"${1:-.}" >"$PRIVATE/etc/daemon.json"
    # Debian's own client, also for what the benchmark's commands call through xargs.
    export PATH=/usr/bin:$PATH DOCKER_HOST=unix://$PRIVATE/run/docker.sock DOCKER_CONFIG=$BATS_FILE_TMPDIR/docker-client
    mkdir -p "$DOCKER_CONFIG"
    docker_daemon || return

    printf '#!/bin/sh\nexec /bin/sh "$@"\n' >"$ROOTFS/bin/bash"
    chmod 755 "$ROOTFS/bin/bash"
    printf 'no program\n' >"$ROOTFS/etc/not-executable"
    tar -C "$ROOTFS" -c . >"$BATS_FILE_TMPDIR/rootfs.tar"
    docker import --change 'CMD ["sh"]' "$BATS_FILE_TMPDIR/rootfs.tar" busybox
    docker import "$BATS_FILE_TMPDIR/rootfs.tar" centos
    docker import --change 'CMD ["sleep", "1000"]' "$BATS_FILE_TMPDIR/rootfs.tar" postgres:15
}

# The daemon itself, with options that a test file keeps in DOCKER_OPTIONS, and its own PATH in DOCKERD_PATH.
docker_daemon() {
    setpriv --pdeathsig TERM nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns=/ -- unshare --net -- env "PATH=${DOCKERD_PATH:-$PATH}" dockerd \
        --config-file /etc/daemon.json --data-root /run/engine/data --exec-root /run/engine/exec --pidfile /run/dockerd.pid \
        -H unix:///run/docker.sock --bridge=none --iptables=false --ip6tables=false --cgroup-parent "$CGROUP_PARENT" "${DOCKER_OPTIONS[@]}" \
        </dev/null >>"$BATS_FILE_TMPDIR/dockerd.log" 2>&1 3>&- 4>&- &
    export DOCKERD=$!
    disown
    wait_until 60 docker_answers || complain "dockerd does not answer: $(tail -n 5 "$BATS_FILE_TMPDIR/dockerd.log")" || return
}

docker_answers() { kill -0 "$DOCKERD" 2>/dev/null && docker version >/dev/null 2>&1; }

docker_stop() {
    [ -n "${DOCKERD:-}" ] || return 0
    kill -TERM "$DOCKERD" 2>/dev/null || :
    wait_until 60 docker_is_gone || :
    # What is left, if anything, is in the private namespaces and ends with isolation_stop.
}

docker_is_gone() { ! kill -0 "$DOCKERD" 2>/dev/null; }

docker_settings() {
    settings '.engines = { docker_data_root: ["/run/engine/data"], docker_exec_root: ["/run/engine/exec"] } | '"${1:-.}"
}

docker_remove_all() {
    local ids
    mapfile -t ids < <(docker ps --all --quiet)
    [ ${#ids[@]} = 0 ] || docker rm --force --volumes "${ids[@]}" >/dev/null
}

# What containers leave in the private namespaces while they exist; empty once they are gone.
docker_traces() {
    docker ps --all --quiet
    grep -E ' /run/engine/(data/(overlay2|containers)|exec/containerd)' "/proc/$HOLDER/mountinfo"
    find "/proc/$HOLDER/root/run/engine/exec" -regextype posix-extended -regex '.*/[0-9a-f]{64}' ! -path '*/libnetwork/*' ! -path '*/.cache/seccomp/*'
    find "/proc/$HOLDER/root/run/engine/data/containers" -mindepth 1 -maxdepth 1
    find /sys/fs/cgroup -path "*$CGROUP_PARENT/?*" -type d
    pgrep --ns "$HOLDER" --nslist mnt -f "containerd-shim.*-address /run/engine/exec/" || :
}
