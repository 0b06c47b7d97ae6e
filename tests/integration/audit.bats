#!/usr/bin/env bats
# ipcguard audit beside real runtimes that nobody guards. It looks at a whole host, so here it, and what it looks at, live
# in a PID namespace of their own: what other suites run is not seen.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts

setup_file() {
    isolation_start
    host_memory
    setpriv --pdeathsig KILL nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns=/ -- unshare --pid --fork --kill-child --mount-proc \
        bash -c 'sleep infinity & : >"$1/alone"; wait' init "$PRIVATE" </dev/null >/dev/null 2>&1 3>&- 4>&- &
    local unshare=$!
    disown
    wait_until 30 test -e "$PRIVATE/alone"
    INIT=$(pgrep --parent "$unshare")
    export INIT
    [ "$(readlink "/proc/$INIT/ns/pid")" != "$(readlink /proc/self/ns/pid)" ]
}

teardown_file() {
    [ -z "${INIT:-}" ] || kill -KILL "$INIT" || :
    isolation_stop
    host_memory_end
}

setup() { policy_reset; }

teardown() {
    local state
    for state in "$PRIVATE"/run/{runc,crun,odd-runc,odd-crun}/*/; do
        [ -d "$state" ] || continue
        state=${state#"$PRIVATE"} state=${state%/}
        if [[ $state == *crun/* ]]; then BARE=$CRUN; else BARE=$RUNC; fi
        alone "$BARE" --root "${state%/*}" delete --force "${state##*/}" || rm -rf "${PRIVATE:?}$state"
    done
}

# Where the runtime keeps its state by default, as it does when its engine says nothing else.
use_default() {
    use_runtime "$RT"
    ROOT=/run/$RT
}

alone() { nsenter --mount="/proc/$INIT/ns/mnt" --pid="/proc/$INIT/ns/pid" --wdns="$PWD" -- "$@" 3>&- 4>&-; }

# run_bare [FILTER]: a container by the runtime itself, in the background; its id in $ID.
run_bare() {
    next_id
    bundle "$ID" "${1:-.}"
    alone "$BARE" --root "$ROOT" run --detach --bundle "$(bundle_of "$ID")" "$ID" </dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/bare" || complain "$(cat "$BATS_TEST_TMPDIR/bare")"
}

# audit EXIT-STATUS [FORMAT]: its output in files.
audit() {
    OUT=$BATS_TEST_TMPDIR/audit ERR=$BATS_TEST_TMPDIR/audit-errors status=0
    alone "$IPCGUARD" audit --format "${2:-json}" >"$OUT" 2>"$ERR" || status=$?
    [ "$status" = "$1" ] || complain "exit $status: $(cat "$OUT" "$ERR")"
}

# says FILTER…: what the audit printed satisfies them.
says() {
    local filter
    for filter in "$@"; do jq -e "$filter" "$OUT" >/dev/null || complain "not $filter: $(cat "$OUT")" || return; done
}

nothing_runs() {
    audit 0
    says '.containers == [] and .summary == { containers: 0, refused: 0, findings: 0 } and .problems == []'
    [ ! -s "$ERR" ]
}

@test "a host without containers" {
    nothing_runs
    audit 0 text
    grep -qx 'containers: 0, findings: 0' "$OUT"
}

one_of_each() {
    use_default
    run_bare
    audit 0
    says '.containers | length == 1' '.containers[0] | .container.engine == "unknown" and .container.id == "'"$ID"'" and .bundle == "'"$(bundle_of "$ID")"'"' \
        '.containers[0] | .control == { benchmark: "CIS Docker Benchmark", version: "1.6.0", number: "5.17", result: "pass", exception: null } and .decision == "allow" and .finding == false'
    local private=$ID
    run_bare "$WITHOUT_IPC"
    audit 1
    says '.summary == { containers: 2, refused: 1, findings: 1 }' \
        '.containers[] | select(.container.id == "'"$ID"'") | .control.result == "fail" and .decision == "refuse" and .finding and (.exposures | map(.kind) | index("host-ipc"))' \
        '.containers[] | select(.container.id == "'"$private"'") | .control.result == "pass"' \
        '.controls[0] | .number == "5.17" and .pass == 1 and .fail == 1 and .covered == 0 and .error == 0'
    # The process is the container's, by the kernel's word.
    [ "$(alone readlink "/proc/$(jq '.containers[] | select(.finding) | .pid' "$OUT")/ns/ipc")" = "$(ipc_of self)" ]
    exception covers.json '.match = { engine: "unknown", id: "'"$ID"'" }'
    audit 0
    says '.containers[] | select(.container.id == "'"$ID"'") | .control.result == "covered" and .control.exception == "test-exception" and .decision == "allow"' \
        '.controls[0].covered == 1 and .summary.findings == 0'
    exception covers.json '.match = { engine: "unknown", id: "'"$ID"'" } | .expires = "2020-01-01"'
    audit 1
    # The settings change what the policy says, and not what the benchmark does.
    settings '.exposures = { "host-ipc": "allow" }'
    audit 1
    says '.containers[] | select(.container.id == "'"$ID"'") | .control.result == "fail" and .decision == "allow" and .finding'
    policy_reset
    teardown
    nothing_runs
}

@test "its own namespace passes, the host's fails, an exception covers it" { for_each_runtime one_of_each; }

of_the_policy() {
    use_default
    run_bare "$(mounted "$SHM")"
    audit 1
    says '.containers[0] | .control.result == "pass" and .decision == "refuse" and .finding and .exposures[0].kind == "host-shm"'
    teardown
    run_bare '.linux.namespaces |= map(select(.type != "pid"))'
    audit 0
    says '.containers[0] | .control.result == "pass" and .decision == "warn" and .exposures[0].kind == "host-proc"'
    local first
    first=$ID
    run_bare "$(ipc_path "/proc/$(alone "$BARE" --root "$ROOT" state "$first" | jq .pid)/ns/ipc")"
    audit 1
    says '.containers[] | select(.container.id == "'"$ID"'") | .control.result == "pass" and .decision == "refuse" and (.exposures | map(.kind) | index("foreign-ipc"))'
    teardown
}

@test "what only this host's policy refuses is a finding too" { for_each_runtime of_the_policy; }

elsewhere() {
    mkdir -p "$PRIVATE/run/odd-$RT"
    ROOT=/run/odd-$RT
    run_bare "$WITHOUT_IPC"
    audit 1
    says '.containers | length == 1' '.containers[0] | .container.id == "'"$ID"'" and .container.engine == "unknown" and .bundle == null and .control.result == "fail" and .decision == "refuse"' \
        '.containers[0].identity.unestablished | contains("no place that is known")'
    teardown
    run_bare
    audit 0
    says '.containers | length == 1' '.containers[0] | .container.id == "'"$ID"'" and .control.result == "pass" and .decision == "allow"'
    teardown
}

@test "a runtime that keeps its state where nobody looks" { for_each_runtime elsewhere; }

in_the_foreground() {
    mkdir -p "$PRIVATE/run/odd-$RT"
    ROOT=/run/odd-$RT
    next_id
    bundle "$ID"
    alone "$BARE" --root "$ROOT" run --bundle "$(bundle_of "$ID")" "$ID" </dev/null >/dev/null 2>&1 &
    disown
    wait_until 30 is_running "$ID"
    audit 0
    says '.containers | length == 1' '.containers[0] | .container.id == "'"$ID"'" and .bundle == "'"$(bundle_of "$ID")"'"'
    teardown
}
is_running() { alone "$BARE" --root "$ROOT" state "$1" 2>/dev/null | grep -q '"running"'; }

@test "a runtime in the foreground tells where its state is" { for_each_runtime in_the_foreground; }

not_running() {
    use_default
    next_id
    bundle "$ID"
    alone "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID" </dev/null >/dev/null 2>&1
    nothing_runs
    alone "$BARE" --root "$ROOT" kill "$ID" KILL
    wait_until 30 is_stopped "$ID"
    nothing_runs
    teardown
}
is_stopped() { alone "$BARE" --root "$ROOT" state "$1" 2>/dev/null | grep -q '"stopped"'; }

@test "what was created and not started, and what has ended, do not run" { for_each_runtime not_running; }

# background COMMAND…: in the PID namespace, until the test ends.
background() {
    alone "$@" </dev/null >/dev/null 2>&1 &
    disown
}

@test "what is no container is not told of" {
    background unshare --mount sleep 1001
    background unshare --mount --ipc --uts --net sleep 1002
    background unshare --pid --fork --mount-proc sleep 1003
    background chroot "$ROOTFS" /bin/busybox sleep 1004
    background unshare --mount chroot "$ROOTFS" /bin/busybox sleep 1005
    # As bwrap does: a root of its own, in the cgroup that it was started in.
    background unshare --mount bash -ec 'mount --rbind "$1" "$1"; cd "$1"; mkdir -p old; pivot_root . old; exec /bin/busybox sleep 1006' sandbox "$ROOTFS"
    background unshare --user --map-root-user --mount sleep 1007
    local number
    for number in 1001 1002 1003 1004 1005 1006 1007; do wait_until 30 sleeps "$number"; done
    nothing_runs
    alone pkill -KILL -f 'sleep 100[1-7]$'
}
sleeps() { alone pgrep -f "sleep $1\$" >/dev/null; }

@test "containers that come and go meanwhile are no error" {
    RT=crun
    use_default
    next_id
    bundle "$ID" '.process.args = ["true"]'
    alone bash -c 'while "$1" --root "$2" run --bundle "$3" "$4"; do echo; done >"$5"' loop "$BARE" "$ROOT" "$(bundle_of "$ID")" "$ID" \
        "$BATS_TEST_TMPDIR/runs" </dev/null 2>"$BATS_TEST_TMPDIR/loop" &
    local loop=$!
    disown
    until [ "$(wc -l <"$BATS_TEST_TMPDIR/runs")" -gt 20 ]; do
        [ ! -s "$BATS_TEST_TMPDIR/loop" ] || complain "the loop: $(cat "$BATS_TEST_TMPDIR/loop")"
        audit 0
        [ ! -s "$ERR" ] || complain "$(cat "$ERR")"
        says '[.containers[] | select(.container.id != "'"$ID"'" or .control.result != "pass")] == []'
    done
    kill "$loop"
}

@test "the formats: a line for each, JUnit with a suite for each control and one for the policy" {
    RT=runc
    use_default
    run_bare "$WITHOUT_IPC"
    audit 1 text
    grep -qE "^fail +refuse +unknown +$ID\$" "$OUT"
    grep -qx 'CIS Docker Benchmark 1.6.0, 5.17: 0 pass, 0 covered, 1 fail, 0 error' "$OUT"
    grep -qx 'containers: 1, findings: 1' "$OUT"
    audit 1 junit
    grep -qF '<testsuites name="ipcguard audit" tests="2" failures="2" errors="0">' "$OUT"
    [ "$(grep -c "<testcase classname=\"unknown\" name=\"$ID\">" "$OUT")" = 2 ]
    xmllint --noout "$OUT"
}

@test "what cannot be looked at is told, and no pass" {
    local arguments
    for arguments in '--format xml' extra --no-such-option; do
        # shellcheck disable=SC2086
        capture "$IPCGUARD" audit $arguments
        [ "$status" = 2 ]
        [ -z "$out" ]
    done
    settings '.bogus = 1'
    audit 2
    [ ! -s "$OUT" ]
    grep -q 'config.json.*bogus' "$ERR"
    policy_reset
    mkdir -p "$PRIVATE/run/runc/broken"
    echo '{' >"$PRIVATE/run/runc/broken/state.json"
    audit 2
    says '.problems | length == 1 and (.[0] | contains("/run/runc/broken/state.json"))'
    rm -r "$PRIVATE/run/runc/broken"
    # It sees processes, and not what they are.
    status=0
    alone setpriv --reuid 65534 --clear-groups "$IPCGUARD" audit >"$OUT" 2>"$ERR" || status=$?
    [ "$status" = 2 ]
    grep -q 'run this as root' "$ERR"
}
