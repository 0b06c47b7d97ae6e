#!/usr/bin/env bats
# What is not refused is the runtime's alone: same arguments, descriptors, output, exit status and process.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/passthrough

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }
teardown() { delete_containers; }

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

@test "standard input and output, byte for byte" {
    for_each_runtime standard_input
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

@test "preserved descriptors" {
    for_each_runtime preserved_descriptors
}

@test "the shim becomes the runtime: same process, environment, descriptors, signals, limits" {
    use_runtime runc
    make_probe
    becomes_the_runtime
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
