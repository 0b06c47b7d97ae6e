#!/usr/bin/env bats
# How a decision is told: stderr, the runtime's log file, the decision record (design 7).

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }
teardown() { delete_containers; }

refuse() {
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    LOG=$BATS_TEST_TMPDIR/log-$ID
    guarded "$@" create --bundle "$(bundle_of "$ID")" "$ID"
    assert_refused "$ID"
}

json_log() {
    refuse --log "$BATS_TEST_TMPDIR/log-$RT" --log-format json
    LOG=$BATS_TEST_TMPDIR/log-$RT
    [ "$(wc -l <"$LOG")" = 1 ]
    jq -es 'length == 1 and (.[0] | keys == ["level", "msg", "time"] and .level == "error" and (.msg | startswith("ipcguard: refused: ")))' "$LOG"
    date -d "$(jq -r .time "$LOG")"
    jq -e --arg id "$ID" '.msg | contains($id) and contains("host-ipc") and contains("--shm-size")' "$LOG"
    ! jq -r .msg "$LOG" | grep -iE "$ENGINE_PHRASES"
    [[ $err == *"$(jq -r .msg "$LOG")"* ]]
}

@test "one line of JSON in the log file" {
    for_each_runtime json_log
}

text_log() {
    local format
    for format in '--log-format text' ''; do
        LOG=$BATS_TEST_TMPDIR/log-$RT
        rm -f "$LOG"
        # shellcheck disable=SC2086
        refuse --log "$BATS_TEST_TMPDIR/log-$RT" $format
        LOG=$BATS_TEST_TMPDIR/log-$RT
        [ "$(wc -l <"$LOG")" = 1 ]
        grep -qE '^time="?[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]*"? level=error msg="ipcguard: refused: ([^"\\]|\\.)*"$' "$LOG" ||
            complain "not logrus text: $(<"$LOG")"
    done
}

@test "one line of logrus text in the log file, which is the default" {
    for_each_runtime text_log
}

log_spellings() {
    local log=$BATS_TEST_TMPDIR/log-$RT
    refuse --log="$log" --log-format=json
    jq -e .msg "$log"
    # The file is the engine's and is added to, never replaced.
    refuse --log "$log" --log-format json
    [ "$(wc -l <"$log")" = 2 ]
    # A log file that cannot be written must not let the container through.
    refuse --log /nowhere/log --log-format json
    refuse --log /dev/full --log-format json
    refuse --log / --log-format json
}

@test "the log file is appended to, and no condition of the refusal" {
    for_each_runtime log_spellings
}

silence() {
    local log=$BATS_TEST_TMPDIR/log-$RT
    next_id
    bundle "$ID"
    guarded --log "$log" --log-format json create --bundle "$(bundle_of "$ID")" "$ID"
    assert_private "$ID"
    [ -z "$out$err" ]
    [ ! -s "$log" ]
    settings '.exposures = { "host-ipc": "warn" }'
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    guarded --log "$log" --log-format json create --bundle "$(bundle_of "$ID")" "$ID"
    assert_shares_host "$ID"
    [ -z "$out$err" ]
    [ ! -s "$log" ]
    policy_reset
}

@test "nothing is said about a container that runs, not even a warning" {
    for_each_runtime silence
}

hostile_names() {
    local log=$BATS_TEST_TMPDIR/log-$RT name
    for name in $'two\nlines' $'tab\tand "quotes" \\' $'\e[31mred' $'\xff\xfe' "$(printf '%0300d' 0)" 'a"}{"level":"info'; do
        rm -f "$log"
        guarded --log "$log" --log-format json create --bundle "$BATS_TEST_TMPDIR/$name" "$name"
        [ "$status" = 1 ]
        [ "$(wc -l <"$ERR")" = 1 ]
        [[ $err == *'ipcguard: refused: '* ]]
        ! grep -q $'\e' "$ERR" || complain 'an escape sequence on stderr'
        [ "$(wc -l <"$log")" = 1 ]
        jq -e '.msg | startswith("ipcguard: refused: ")' "$log"
        record_is '.decision == "refuse"'
        [ "$(jq -s length "$RECORDS")" = "$(wc -l <"$RECORDS")" ]
    done
}

@test "names cannot break the lines" {
    for_each_runtime hostile_names
}

fields() {
    refuse
    record_is 'keys == (["bundle", "container", "decision", "error", "exposures", "gate", "mode", "policy", "runtime", "time", "version"] | sort)'
    record_is '.container | keys == ["engine", "id", "image", "name", "namespace", "pod"]'
    record_is '.exposures | length == 1 and (.[0] | keys == ["action", "detail", "exception", "kind"])'
    record_is '.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$")'
    record_is '.decision == "refuse" and .gate == "create" and .mode == "enforce" and .error == null'
    record_is '.exposures[0] == { kind: "host-ipc", detail: "linux.namespaces has no ipc entry", action: "refuse", exception: null }'
    record_is ".container == { engine: \"unknown\", id: \"$ID\", name: null, image: null, namespace: null, pod: null }"
    record_is ".bundle == \"$(bundle_of "$ID")\" and .runtime == \"$BARE\""
    record_is '(.policy | test("^sha256:[0-9a-f]{64}$")) and (.version | test("^[0-9]+\\.[0-9]+\\.[0-9]+"))'
    [ "$(last_record | jq -c keys_unsorted)" = '["time","decision","gate","mode","exposures","error","container","bundle","runtime","policy","version"]' ]
    [ "$(($(date +%s) - $(date -d "$(last_record | jq -r .time)" +%s)))" -lt 60 ]
}

@test "the record has exactly the agreed fields" {
    for_each_runtime fields
}

policy_hash() {
    local first
    policy_reset
    refuse
    first=$(last_record | jq -r .policy)
    refuse
    record_is ".policy == \"$first\""
    settings '.log.syslog = false'
    refuse
    record_is ".policy != \"$first\""
}

@test "the policy's hash changes with the settings only" {
    for_each_runtime policy_hash
}

one_error() {
    local kind=$1
    shift
    guarded "$@" "$ID"
    assert_refused "$ID"
    record_is ".decision == \"refuse\" and (.error | keys == [\"detail\", \"kind\"]) and .error.kind == \"$kind\" and (.error.detail | length > 5)"
}

errors() {
    next_id
    bundle "$ID"
    local directory
    directory=$(bundle_of "$ID")
    one_error ambiguous-command-line create -bundle "$directory"
    record_is '.container.id == null or .container.id == "'"$ID"'"'
    cp "$directory/config.json" "$BATS_TEST_TMPDIR/good"
    sed 's/^{/{"ociVersion":"1",/' "$BATS_TEST_TMPDIR/good" >"$directory/config.json"
    one_error ambiguous-config create --bundle "$directory"
    printf '{' >"$directory/config.json"
    one_error invalid-config create --bundle "$directory"
    cp "$BATS_TEST_TMPDIR/good" "$directory/config.json"
    settings '.bogus = 1'
    one_error invalid-policy create --bundle "$directory"
    policy_reset
}

@test "what could not be judged is recorded with its kind" {
    for_each_runtime errors
}

what_is_recorded() {
    settings '.log.record = "notable"'
    next_id
    bundle "$ID"
    create "$ID"
    assert_private "$ID"
    [ ! -s "$RECORDS" ]
    refuse
    [ "$(wc -l <"$RECORDS")" = 1 ]
    settings '.log.record = "all"'
    next_id
    bundle "$ID"
    create "$ID"
    [ "$(wc -l <"$RECORDS")" = 2 ]
    record_is ".decision == \"allow\" and .exposures == [] and .error == null and .container.id == \"$ID\""
    rm "$RECORDS"
}

@test "notable records leave out plain private containers, all records do not" {
    for_each_runtime what_is_recorded
}

unwritable_records() {
    local file
    for file in /nowhere/decisions.jsonl /dev/full /etc; do
        settings ".log.file = \"$file\""
        refuse
        next_id
        bundle "$ID"
        create "$ID"
        assert_private "$ID"
    done
    mkfifo "$PRIVATE/log/ipcguard/fifo"
    settings '.log.file = "/var/log/ipcguard/fifo"'
    refuse
    rm "$PRIVATE/log/ipcguard/fifo"
}

@test "a record that cannot be written changes no decision" {
    for_each_runtime unwritable_records
}

concurrent() {
    local first
    next_id
    first=$ID
    bundle "$ID" "$WITHOUT_IPC"
    for _ in {1..20}; do
        inside "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$first")" "$first" >/dev/null 2>&1 3>&- || : &
    done
    wait
    [ "$(wc -l <"$RECORDS")" = 20 ]
    [ "$(jq -c 'select(.decision == "refuse")' "$RECORDS" | wc -l)" = 20 ]
    rm "$RECORDS"
}

@test "records of simultaneous refusals do not mix" {
    for_each_runtime concurrent
}
