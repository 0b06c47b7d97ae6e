#!/usr/bin/env bats
# What is not refused is the runtime's alone: same arguments, descriptors, output, exit status and process.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }
teardown() { delete_containers; }

# What differs between any two runs of one runtime: the time.
without_time() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?//g' "$@"; }

# same COMMAND…: the shim and the bare runtime give the same output and exit status.
same() {
    capture "$BARE" "$@"
    local bare_status=$status bare_out bare_err
    bare_out=$(without_time "$OUT") bare_err=$(without_time "$ERR")
    capture "$GUARDED" "$@"
    [ "$status" = "$bare_status" ] || complain "$*: exit $status, bare $bare_status: $err" || return
    [ "$(without_time "$OUT")" = "$bare_out" ] || complain "$*: stdout: $out; bare: $bare_out" || return
    [ "$(without_time "$ERR")" = "$bare_err" ] || complain "$*: stderr: $err; bare: $bare_err" || return
}

start_one() {
    next_id
    bundle "$ID"
    create "$ID"
    assert_private "$ID"
    guarded start "$ID"
    [ "$status" = 0 ]
    [ "$(bare state "$ID" | jq -r .status)" = running ]
}

questions() {
    start_one
    same --root "$ROOT" state "$ID"
    [ "$(jq -r .id <<<"$out")" = "$ID" ]
    same --root "$ROOT" list
    [[ $out == *"$ID"* ]]
    same --root "$ROOT" list --format json
    same --root "$ROOT" ps "$ID"
    [ -n "$out" ]
    same --root "$ROOT" exec "$ID" echo one two
    [ "$out" = 'one two' ]
    same --root "$ROOT" exec "$ID" sh -c 'echo gone >&2; exit 3'
    [ "$status $err" = '3 gone' ]
    same --root "$ROOT" exec "$ID" /no/such/program
    [ "$status" != 0 ]
    same --root "$ROOT" kill "$ID" NOSUCHSIGNAL
    guarded pause "$ID"
    [ "$status" = 0 ]
    [ "$(bare state "$ID" | jq -r .status)" = paused ]
    guarded resume "$ID"
    [ "$status" = 0 ]
    [ "$(bare state "$ID" | jq -r .status)" = running ]
}

@test "state, list, ps, exec, pause, resume" {
    for_each_runtime questions
}

@test "errors of the runtime" {
    for_each_runtime same --root /run/nowhere state no-such-container
    for_each_runtime same --root /run/nowhere delete no-such-container
    for_each_runtime same --root /run/nowhere kill no-such-container KILL
    for_each_runtime same --root /run/nowhere start no-such-container
    for_each_runtime same no-such-command
    for_each_runtime same --no-such-option state x
    for_each_runtime same state
    for_each_runtime same state a b c
}

@test "version, help and no command" {
    for_each_runtime same --version
    [[ $out == *crun* ]]
    for_each_runtime same --help
    for_each_runtime same state --help
    for_each_runtime same
    for_each_runtime same features
    for_each_runtime same spec --help
}

standard_input() {
    start_one
    printf 'a\0b\nno newline' >"$BATS_TEST_TMPDIR/in"
    STDIN=$BATS_TEST_TMPDIR/in guarded exec "$ID" cat
    cmp "$BATS_TEST_TMPDIR/in" "$OUT"
    next_id
    bundle "$ID" '.process.args = ["cat"]'
    STDIN=$BATS_TEST_TMPDIR/in guarded run --bundle "$(bundle_of "$ID")" "$ID"
    cmp "$BATS_TEST_TMPDIR/in" "$OUT"
}

@test "standard input and output, byte for byte" {
    for_each_runtime standard_input
}

exit_codes() {
    local script expected
    while read -r expected script; do
        next_id
        bundle "$ID" "$(process_is "$script")"
        guarded run --bundle "$(bundle_of "$ID")" "$ID"
        [ "$status" = "$expected" ] || complain "$script: exit $status"
    done <<-'END'
		0 true
		7 exit 7
		1 false
		255 exit 255
	END
}

@test "the exit status of the container's process" {
    for_each_runtime exit_codes
}

life() {
    start_one
    local pid
    pid=$(init_of "$ID")
    guarded kill "$ID" KILL
    [ "$status" = 0 ]
    wait_until 60 stopped "$ID"
    guarded delete "$ID"
    [ "$status" = 0 ]
    assert_nothing_left "$ID"
    [ ! -e "/proc/$pid/ns/ipc" ]
}
stopped() { [ "$(bare state "$1" | jq -r .status)" = stopped ]; }

@test "create, start, kill, delete" {
    for_each_runtime life
}

pid_file() {
    next_id
    bundle "$ID"
    create "$ID" --pid-file "$BATS_TEST_TMPDIR/pid-$RT" --no-pivot --no-new-keyring
    assert_private "$ID"
    [ "$(<"$BATS_TEST_TMPDIR/pid-$RT")" = "$(init_of "$ID")" ]
}

@test "the options that engines send" {
    for_each_runtime pid_file
}

preserved_descriptors() {
    local number
    for number in 1 2; do
        next_id
        bundle "$ID" "$(process_is 'echo to three >&3; readlink /proc/self/fd/4; true')"
            capture bash -c 'exec 3>"$1" 4</dev/zero; shift; exec "$@"' open "$BATS_TEST_TMPDIR/three" \
            "$GUARDED" --root "$ROOT" run --preserve-fds "$number" --bundle "$(bundle_of "$ID")" "$ID"
        [ "$status" = 0 ]
        [ "$(<"$BATS_TEST_TMPDIR/three")" = 'to three' ]
        if [ "$number" = 2 ]; then [ "$out" = /dev/zero ]; else [ -z "$out" ]; fi
    done
}

@test "preserved descriptors" {
    for_each_runtime preserved_descriptors
}

# A stand-in for the runtime that tells everything it inherited.
make_probe() {
    PROBE=$BATS_TEST_TMPDIR/probe
    cat >"$PROBE" <<-'END'
		#!/bin/bash
		{
		    printf 'argument %s\n' "$@"
		    tr '\0' '\n' <"/proc/$$/environ" | grep -v '^_='
		    readlink "/proc/$$/cwd"
		    umask
		    for descriptor in "/proc/$$/fd/"*; do
		        case ${descriptor##*/} in 1[1-9]|255) ;; *) echo "${descriptor##*/} $(readlink "$descriptor" | sed 's/pipe:.*/pipe/')" ;; esac
		    done
		    grep -E '^(SigBlk|SigIgn|SigCgt|SigPnd|Shd|Cap|Seccomp|NoNewPrivs|Uid|Gid|Groups|PPid|Umask|CoreDumping|THP)' "/proc/$$/status"
		    cat "/proc/$$/limits" "/proc/$$/oom_score_adj"
		    awk '{ print $5, $6, $7, $18, $19 }' "/proc/$$/stat"
		    ps -o pid=,comm= --ppid $$ | grep -v -e ps -e grep -e bash
		} >"$PROBE_OUTPUT" 2>&1
		echo "$$" >"$PROBE_OUTPUT.pid"
	END
    chmod 755 "$PROBE"
}

probe_through() {
    env -i PATH="$PATH" PROBE_OUTPUT="$BATS_TEST_TMPDIR/output" LISTEN_FDS=1 ODD=$'two\nlines' \
        nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns="$BATS_TEST_TMPDIR/bundle-probe" -- bash -c '
            exec 7</dev/zero 9>>/dev/full </dev/null
            umask 0123
            trap "" USR2 PIPE
            ulimit -n 333
            echo "$$" >"$PROBE_OUTPUT.expected"
            exec "$@"' caller "$@" >"$OUT" 2>"$ERR" 3>&- 4>&-
    cmp "$BATS_TEST_TMPDIR/output.pid" "$BATS_TEST_TMPDIR/output.expected"
}

inherited() {
    OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
    probe_through "$PROBE" "$@"
    mv "$BATS_TEST_TMPDIR/output" "$BATS_TEST_TMPDIR/bare"
    probe_through "$GUARDED" "$@"
    diff -u "$BATS_TEST_TMPDIR/bare" "$BATS_TEST_TMPDIR/output"
    [ ! -s "$OUT" ]
    [ ! -s "$ERR" ]
}

@test "the shim becomes the runtime: same process, environment, descriptors, signals, limits" {
    use_runtime runc
    make_probe
    settings ".runtimes.default = \"$PROBE\""
    bundle probe
    inherited --root /run/x --log /dev/null state 'with space' '' $'\xff' -- --bundle
    inherited --root /run/x create --bundle "$BATS_TEST_TMPDIR/bundle-probe" --no-pivot some-id
    inherited --root=/run/x --systemd-cgroup run --bundle="$BATS_TEST_TMPDIR/bundle-probe" some-id
    inherited exec x sh -c 'create --bundle /nowhere'
    inherited
}

same_questions() {
    same --root "$ROOT" state "$ID"
    same --root "$ROOT" list
    same --root "$ROOT" exec "$ID" echo hello
    same --version
}

broken_policy() {
    local way
    policy_reset
    start_one
    settings '.bogus = 1'
    same_questions
    policy_reset
    echo '{' >"$POLICY/allowlist.d/broken.json"
    same_questions
    # Without readable settings only the runtime that is built in can be known.
    if [ "$RT" = runc ]; then
        for way in 'rmdir allowlist.d' 'echo "{" >config.json' ': >config.json' 'chmod 666 config.json' 'chown 1000 config.json' \
            'rm config.json; mkdir config.json' 'rmdir config.json; mkfifo config.json' 'rm config.json; ln -s /dev/zero config.json' \
            'rm -rf "$POLICY"'; do
            (cd "$POLICY" && rm -rf allowlist.d/* && eval "$way")
            echo "# after: $way"
            same_questions
        done
    fi
    mkdir -p "$POLICY/allowlist.d"
    settings '.mode = "no-such-mode"'
    guarded kill "$ID" KILL
    [ "$status" = 0 ]
    wait_until 60 stopped "$ID"
    guarded delete "$ID"
    [ "$status" = 0 ]
    assert_nothing_left "$ID"
}

@test "missing or broken settings stop nobody from inspecting and deleting" {
    for_each_runtime broken_policy
}

@test "standard descriptors may be closed" {
    use_runtime runc
    local log=$BATS_TEST_TMPDIR/log way
    for way in '<&-' '>&-' '2>&-' '<&- >&- 2>&-'; do
        rm -f "$log" "$RECORDS"
        next_id
        bundle "$ID" "$WITHOUT_IPC"
        capture bash -c 'exec "$@" '"$way" sh "$GUARDED" --root "$ROOT" --log "$log" --log-format json \
            create --bundle "$(bundle_of "$ID")" "$ID"
        [ "$status" = 1 ]
        assert_nothing_left "$ID"
        [ "$(wc -l <"$log") $(wc -l <"$RECORDS")" = '1 1' ]
        jq -e '.msg | startswith("ipcguard: refused: ")' "$log"
        jq -e '.decision == "refuse"' "$RECORDS"
        same_but_closed "$way"
    done
}

# With closed descriptors a private container does whatever the bare runtime makes of them.
same_but_closed() {
    local bare_status
    next_id
    bundle "$ID"
    capture bash -c 'exec "$@" '"$1" sh "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    bare_status=$status
    bare delete --force "$ID"
    capture bash -c 'exec "$@" '"$1" sh "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    [ "$status" = "$bare_status" ]
    jq -es 'length == 2' "$RECORDS"
    bare delete --force "$ID"
}
