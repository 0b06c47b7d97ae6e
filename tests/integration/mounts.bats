#!/usr/bin/env bats
# Shared memory and message queues that come in by mounts, judged at the create gate. For what is refused, the bare
# runtime shows that it would have shared; for what runs, the kernel shows that it does not, or that it was recorded.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts
load ../lib/create_gate

shm_by_name() {
    shares host-shm "$(mounted /dev/shm)" /dev/shm
    shares host-shm "$(mounted /dev/shm 'rbind rprivate ro')" /dev/shm
    shares host-shm "$(mounted "$SHM/folder")" /dev/shm
    shares host-shm "$(mounted "$SHM/file" bind bind /target)" /dev/shm /target
    shares host-shm "$(mounted /dev/shm bind bind /dev/shm)" /dev/shm /dev/shm
    shares host-shm "$(mounted /dev/shm bind bind /some/where/else)" /dev/shm /some/where/else
}

@test "host-shm: /dev/shm, a folder in it, a file, at any place" {
    for_each_runtime shm_by_name
}

shm_by_type() {
    shares host-shm "$(mounted /dev/shm bind tmpfs)" /dev/shm
    shares host-shm "$(mounted /dev/shm rbind none)" /dev/shm
    shares host-shm "$(mounted /dev/shm bind proc)" /dev/shm
    shares host-shm "$(mounted /dev/shm bind) | del(.mounts[-1].type)" /dev/shm
    shares host-shm "$(mounted /dev/shm 'ro nosuid bind noexec')" /dev/shm
    # Whatever a runtime makes of the type alone.
    refused host-shm "$(mounted /dev/shm ro)"
}

@test "host-shm: whatever the type, if the options say bind" {
    for_each_runtime shm_by_type
}

shm_by_way() {
    local links=$BATS_TEST_TMPDIR/links-$RT
    mkdir "$links"
    ln -s /dev/shm "$links/one"
    ln -s one "$links/two"
    ln -s "$SHM/file" "$links/file"
    ln -s /dev/pts "$links/pts"
    shares host-shm "$(mounted "$links/one")" /dev/shm
    shares host-shm "$(mounted "$links/two/${SHM##*/}")" /dev/shm
    shares host-shm "$(mounted "$links/file" bind bind /target)" /dev/shm /target
    shares host-shm "$(mounted "$links/pts/../shm")" /dev/shm
    shares host-shm "$(mounted "/tmp/..//dev/./shm/")" /dev/shm
    shares host-shm "$(mounted /proc/self/root/dev/shm)" /dev/shm
    # From another mount namespace, which the kernel does not let a runtime bind by itself.
    refused host-shm "$(mounted "/proc/$HOLDER/root/dev/shm")"
    refused host-shm "$(mounted "/proc/$HOLDER/task/$HOLDER/root$SHM/file" bind bind /target)"
}

@test "host-shm: through links, .. and /proc" {
    for_each_runtime shm_by_way
}

shm_relative() {
    local filter=$1 directory
    next_id
    directory=$(bundle_of "$ID")
    mkdir -p "$directory"
    ln -s /dev/shm "$directory/link"
    bundle "$ID" "$filter"
    create "$ID"
    assert_refused "$ID"
    record_says '"kind":"host-shm"'
    capture "$BARE" --root "$ROOT" create --bundle "$directory" "$ID"
    [ "$status" = 0 ] || complain "the bare runtime: $err"
    is_of_host "$(init_of "$ID")" /mnt /dev/shm
}

@test "host-shm: relative to the bundle" {
    for_each_runtime shm_relative "$(mounted link)"
    for_each_runtime shm_relative "$(mounted ./link/)"
}

# runc takes "link/.." for nothing, the kernel and crun for what is above the folder that the link leads to.
dotted() {
    local directory filter
    for filter in "$(mounted link/../shm)" "$(mounted link/..)" '.root.path = "link/../rootfs"'; do
        next_id
        directory=$(bundle_of "$ID")
        mkdir -p "$directory/deep/folder" "$directory/deep/shm"
        ln -s deep/folder "$directory/link"
        ln -s /dev/shm "$directory/shm"
        bundle "$ID" "$filter"
        create "$ID"
        assert_refused "$ID" || complain "$filter" || return
        record_says '"kind":"ambiguous-config"' 'give an absolute path'
        [[ $RT = runc && $filter = *../shm* ]] || continue
        capture "$BARE" --root "$ROOT" create --bundle "$directory" "$ID"
        [ "$status" = 0 ] || complain "the bare runtime: $err"
        is_of_host "$(init_of "$ID")" /mnt /dev/shm
    done
    next_id
    directory=$(bundle_of "$ID")
    mkdir -p "$directory/..folder/a.."
    bundle "$ID" "$(mounted ..folder/a..)"
    create "$ID"
    [ "$status" = 0 ] || complain "not created: $err"
}

@test "a relative source with .. in it, which runtimes read differently, is refused" {
    for_each_runtime dotted
}

shm_elsewhere() {
    local again=$BATS_TEST_TMPDIR/again-$RT
    mkdir -p "$again"
    inside mount --bind "$SHM" "$again"
    shares host-shm "$(mounted "$again")" /dev/shm
    shares host-shm "$(mounted "$again/folder")" /dev/shm
    inside umount "$again"
    allowed "$(mounted "$again")"
}

@test "host-shm: where it is mounted a second time" {
    for_each_runtime shm_elsewhere
}

root_file_system() {
    shares host-shm ".root.path = \"$SHM/rootfs\"" /dev/shm /
    ln -sfn "$SHM" "$ORDINARY/link"
    refused host-shm ".root.path = \"$ORDINARY/link/rootfs\""
}

@test "host-shm: the root file system lies there" {
    cp -a "$ROOTFS" "$SHM/rootfs"
    for_each_runtime root_file_system
}

message_queues() {
    shares host-mqueue "$(mounted "$MQUEUE")" "$MQUEUE"
    shares host-mqueue "$(mounted "$MQUEUE/queue" bind bind /target)" "$MQUEUE" /target
    shares host-mqueue "$(mounted "$MQUEUE" rbind none /dev/mqueue)" "$MQUEUE" /dev/mqueue
}

@test "host-mqueue: a message queue file system of the host's, or a queue" {
    for_each_runtime message_queues
}

# pinned TYPE: $PINNED, a file that a new namespace of that type is bound to, as engines keep them.
pinned() {
    PINNED=$BATS_TEST_TMPDIR/pins/$1-$RT
    mkdir -p "${PINNED%/*}"
    : >"$PINNED"
    inside unshare "--$1=$PINNED" true
}

# With CAP_SYS_ADMIN a namespace can be joined by its file.
namespace_files() {
    refused host-ipc "$(mounted "/proc/$HOLDER/ns/ipc" bind bind /target)"
    next_id
    bundle "$ID" "$(mounted "/proc/$HOLDER/ns/ipc" bind bind /target)"
    capture "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    [ "$(stat --format %i "/proc/$(init_of "$ID")/root/target")" = "$(stat --dereference --format %i "/proc/$HOLDER/ns/ipc")" ]
    bare delete --force "$ID"
    pinned ipc
    refused foreign-ipc "$(mounted "$PINNED" bind bind /target)"
    allowed "$(mounted "${PINNED%/*}")"
    warned host-shm-recursive "$(mounted "${PINNED%/*}" rbind)"
    inside umount "$PINNED"
    pinned net
    allowed "$(mounted "$PINNED" bind bind /target)"
    inside umount "$PINNED"
}

@test "host-ipc, foreign-ipc: the file of an IPC namespace" {
    for_each_runtime namespace_files
}

recursive() {
    warned host-shm-recursive "$(mounted /dev 'rbind ro')"
    is_of_host "$INIT" /mnt/shm /dev/shm || complain '/dev/shm did not come with /dev'
    warned host-shm-recursive "$(mounted / 'rbind ro rslave')"
    is_of_host "$INIT" /mnt/dev/shm /dev/shm || complain '/dev/shm did not come with /'
    warned host-proc "$(mounted / 'rbind ro rslave')"
    # The message queues are mounted in this one; in the other a part of /dev/shm is, once more.
    warned host-shm-recursive "$(mounted "$BATS_FILE_TMPDIR" rbind)"
    mkdir -p "$BATS_TEST_TMPDIR/twice/again"
    inside mount --bind "$SHM/folder" "$BATS_TEST_TMPDIR/twice/again"
    warned host-shm-recursive "$(mounted "$BATS_TEST_TMPDIR/twice" rbind)"
    inside umount "$BATS_TEST_TMPDIR/twice/again"
    settings '.exposures = { "host-shm-recursive": "refuse" }'
    shares host-shm-recursive "$(mounted /dev 'rbind ro')" /dev/shm /mnt/shm
    policy_reset
}

@test "host-shm-recursive: /dev and / with all that is mounted below run with a warning" {
    for_each_runtime recursive
}

not_recursive() {
    allowed "$(mounted / 'bind ro')"
    ! is_of_host "$INIT" /mnt/dev/shm /dev/shm || complain 'it came along'
    allowed "$(mounted /dev 'bind ro')"
    ! is_of_host "$INIT" /mnt/shm /dev/shm || complain 'it came along'
    allowed "$(mounted "$ORDINARY" 'rbind rw')"
}

@test "without what is mounted below, / and /dev are nothing special" {
    for_each_runtime not_recursive
}

proc() {
    warned host-proc "$(mounted /proc 'bind ro')"
    is_of_host "$INIT" /mnt /proc
    warned host-proc "$(mounted /proc rbind)"
    warned host-proc "$(mounted /proc/1)"
    warned host-proc 'del(.linux.namespaces[] | select(.type == "pid"))'
    [ "$(readlink "/proc/$INIT/ns/pid")" = "$(readlink /proc/self/ns/pid)" ]
    warned host-proc '(.linux.namespaces[] | select(.type == "pid")).path = "/proc/'"$$"'/ns/pid"'
    settings '.exposures = { "host-proc": "refuse" }'
    shares host-proc "$(mounted /proc)" /proc
    refused host-proc 'del(.linux.namespaces[] | select(.type == "pid"))'
    policy_reset
    # Parts of it that lead to no process.
    allowed "$(mounted /proc/sys/kernel 'bind ro') | $(mounted /proc/cpuinfo 'bind ro' bind /target)"
}

@test "host-proc: /proc, or the host's processes, run with a warning" {
    for_each_runtime proc
}

own_links() {
    local source
    for source in /proc/self/fd/9 /proc/self/cwd /proc/thread-self/fd/9 /dev/fd/9 "/proc/self/fd/9/${SHM##*/}/file"; do
        next_id
        bundle "$ID" "$(mounted "$source")"
        capture bash -c 'cd /dev/shm; exec 9</dev/shm; exec "$@"' open \
            "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
        assert_refused "$ID" || complain "$source" || return
        record_says '"kind":"ambiguous-config"'
    done
}

@test "a source that is another one for the runtime is refused" {
    for_each_runtime own_links
}

missing() {
    local bare_status bare_err
    next_id
    bundle "$ID" "$(mounted /no/such/source)"
    capture "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    bare_status=$status bare_err=$(sed -E 's/time="[^"]*"//; s/[0-9]{4}-[0-9-]+T[0-9:.]+Z//' "$ERR")
    create "$ID"
    [ "$status" = "$bare_status" ]
    [ "$(sed -E 's/time="[^"]*"//; s/[0-9]{4}-[0-9-]+T[0-9:.]+Z//' "$ERR")" = "$bare_err" ] || complain "$err; bare: $bare_err"
    [[ $err != *ipcguard* ]]
}

# A descriptor that the runtime opens, and we do not have, leads up and down again.
descriptors_of_runtime() {
    local number filter='.process.args = ["cat", "/mnt/file"]'
    for number in {3..9}; do
        next_id
        bundle "$ID" "$filter | $(mounted "/proc/self/fd/$number/../../../../../../../../..$SHM")"
        guarded run --bundle "$(bundle_of "$ID")" "$ID"
        assert_refused "$ID" || complain "descriptor $number: $out" || return
        record_says '"kind":"ambiguous-config"'
    done
}

@test "a source through a descriptor that only the runtime has is refused" {
    for_each_runtime descriptors_of_runtime
}

@test "a missing source is the runtime's to complain about" {
    for_each_runtime missing
}

not_of_host() {
    local engine=$BATS_TEST_TMPDIR/engine-$RT
    allowed .
    ! is_of_host "$INIT" /dev/shm /dev/shm || complain 'the host'"'"'s /dev/shm'
    # As Docker, containerd and Podman make it for a container or a pod.
    mkdir -p "$engine"
    inside mount -t tmpfs -o mode=1777,size=65536k shm "$engine"
    allowed "del(.mounts[] | select(.destination == \"/dev/shm\")) | $(mounted "$engine" 'rbind rprivate' bind /dev/shm)"
    [ "$(stat --format %d "/proc/$INIT/root/dev/shm")" = "$(device_of "$engine")" ]
    allowed "$(mounted "$ORDINARY") | $(mounted "$ORDINARY/file" bind bind /target) | .mounts += [{ destination: \"/tmp\", type: \"tmpfs\", source: \"/dev/shm\" }]"
    allowed "$(mounted /dev/null 'bind ro' bind /target)"
    allowed "$(mounted "$ORDINARY/folder" bind bind /dev/shm)"
    inside umount "$engine" 2>/dev/null || inside umount --lazy "$engine"
}

@test "memory that is not the host's: of its own, an engine's, any other folder" {
    for_each_runtime not_of_host
}

# another_host SCRIPT: from here on the host is one whose mounts SCRIPT has changed.
another_host() {
    setpriv --pdeathsig KILL nsenter --mount="/proc/$FILE_HOLDER/ns/mnt" --wdns=/ -- unshare --mount --propagation private -- \
        bash -ec "$1"' ; : >"$1/ready-2"; exec sleep infinity' other "$BATS_TEST_TMPDIR" </dev/null >"$BATS_TEST_TMPDIR/other.log" 2>&1 3>&- 4>&- &
    HOLDER=$!
    disown
    wait_until 60 test -e "$BATS_TEST_TMPDIR/ready-2" || complain "no other host: $(<"$BATS_TEST_TMPDIR/other.log")"
}
NO_SHM='while umount /dev/shm; do :; done 2>/dev/null; ! mountpoint -q /dev/shm'

no_shm() {
    allowed .
    allowed "$(mounted "$ORDINARY")"
    allowed "$(mounted /dev/null 'bind ro' bind /target)"
    allowed "$(mounted /dev 'bind ro')"
    allowed "$(mounted /dev/pts 'rbind ro')"
    allowed "$(mounted / 'bind ro')"
    refused host-mqueue "$(mounted "$MQUEUE")"
}

@test "a host whose /dev/shm is no mount: nothing is flagged for it" {
    another_host "$NO_SHM"
    for_each_runtime no_shm
}

@test "a host whose /dev/shm is a link to a plain folder: nothing else is flagged" {
    mkdir "$BATS_TEST_TMPDIR/dev" "$BATS_TEST_TMPDIR/plain"
    # A /dev of its own, as in an image without one: a tmpfs that holds the devices and that link.
    another_host 'mkdir "$1/new"; mount -t tmpfs dev "$1/new"; mkdir "$1/new/pts"; cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/ptmx "$1/new"
        ln -s "$1/plain" "$1/new/shm"; mount --move "$1/new" /dev'
    for_each_runtime no_shm
}

partly() {
    allowed .
    allowed "$(mounted "$ORDINARY")"
    allowed "$(mounted "$ORDINARY/file" bind bind /target)"
    refused host-shm "$(mounted /dev/shm)"
    refused host-shm "$(mounted "$BATS_FILE_TMPDIR/part")"
    refused host-shm "$(mounted "$BATS_FILE_TMPDIR/part/below")"
}

@test "a host whose /dev/shm is a folder of another file system: only that folder is flagged" {
    mkdir -p "$BATS_FILE_TMPDIR/part/below"
    another_host "$NO_SHM; mount --bind '$BATS_FILE_TMPDIR/part' /dev/shm"
    for_each_runtime partly
}

actions() {
    settings '.exposures = { "host-shm": "allow", "host-mqueue": "warn" }'
    runs allow "$(mounted /dev/shm)"
    record_says '"kind":"host-shm"' '"action":"allow"'
    is_of_host "$INIT" /mnt /dev/shm
    runs warn "$(mounted "$MQUEUE")"
    record_says '"kind":"host-mqueue"' '"action":"warn"'
    is_of_host "$INIT" /mnt "$MQUEUE"
    settings '.exposures = { "host-shm": "warn", "host-shm-recursive": "allow" }'
    runs warn "$(mounted /dev/shm)"
    runs allow "$(mounted /dev 'rbind ro')"
    policy_reset
}

@test "the settings say what is done about each" {
    for_each_runtime actions
}

exceptions() {
    exception mounts.json '.match = { engine: "unknown", id: "ig-*" } | .allow = ["host-shm"]'
    runs allow "$(mounted /dev/shm)"
    record_says '"action":"excepted"' '"exception":"test-exception"'
    is_of_host "$INIT" /mnt /dev/shm
    refused host-mqueue "$(mounted "$MQUEUE")"
    refused host-ipc "$WITHOUT_IPC"
    exception mounts.json '.match = { engine: "unknown", id: "ig-*" } | .allow = ["host-mqueue"]'
    runs allow "$(mounted "$MQUEUE")"
    refused host-shm "$(mounted /dev/shm)"
    # What engines mount into a container that shares the host's IPC.
    exception mounts.json '.match = { engine: "unknown", id: "ig-*" } | .allow = ["host-ipc"]'
    runs allow "$WITHOUT_IPC | del(.mounts[] | select(.destination == \"/dev/shm\")) | $(mounted /dev/shm rbind bind /dev/shm) | $(mounted "$MQUEUE" bind bind /dev/mqueue)"
    record_is '.exposures | map(.kind, .action) | unique == ["excepted", "host-ipc", "host-mqueue", "host-shm"]'
    is_of_host "$INIT" /dev/shm /dev/shm
    is_of_host "$INIT" /dev/mqueue "$MQUEUE"
    assert_shares_host "$ID"
    policy_reset
}

@test "exceptions: host-shm and host-mqueue each for itself, host-ipc for both" {
    for_each_runtime exceptions
}

@test "a relative source in a bundle whose path is longer than the kernel tells" {
    local long at=$BATS_TEST_TMPDIR
    use_runtime crun # which works there; runc does not
    next_id
    bundle "$ID" "$(process_is true) | $(mounted relative)"
    printf -v long 'd%.0s' {1..200}
    long=$long/$long/$long/$long/$long/$long/$long/$long/$long/$long/$long
    mkdir -p "$at/$long"
    ln -s "$long" "$at/one"
    mkdir -p "$at/one/$long"
    ln -s "$long" "$at/one/two"
    at+=/one/two
    mv "$(bundle_of "$ID")/config.json" "$at"
    ln -s /dev/shm "$at/relative"
    bare run --bundle "$at" "$ID" # shares it
    guarded run --bundle "$at" "$ID"
    assert_refused "$ID"
    [[ $err == *unverifiable* ]]
}

@test "check tells of mounts what the gate does" {
    use_runtime runc
    next_id
    bundle "$ID" "$(mounted /dev/shm)"
    capture "$IPCGUARD" check --bundle "$(bundle_of "$ID")"
    [ "$status" = 1 ]
    [[ $out == *host-shm*/dev/shm* ]]
    bundle "$ID" "$(mounted / rbind)"
    capture "$IPCGUARD" check --bundle "$(bundle_of "$ID")" --format json
    [ "$status" = 0 ]
    jq -e '.decision == "warn" and (.exposures | any(.kind == "host-shm-recursive"))' "$OUT"
    # The root file system is bound with all that is mounted in it.
    bundle "$ID" '.root.path = "/"'
    capture "$IPCGUARD" check --bundle "$(bundle_of "$ID")" --format json
    [ "$status" = 0 ]
    jq -e '.decision == "warn" and (.exposures | any(.kind == "host-shm-recursive"))' "$OUT"
}
