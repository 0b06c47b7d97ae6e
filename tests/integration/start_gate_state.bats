#!/usr/bin/env bats
# The start gate's way to the init: the runtime's state, wherever it is and whatever it says, and what is the runtime's to
# say. And the operator's view through the same gate.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts
load ../lib/start_gate

broken_settings() {
    created
    settings '.bogus = 1'
    guarded start "$ID"
    [ "$status" = 1 ]
    [[ $err == *'ipcguard: refused: '*config.json* ]]
    wait_until 60 ended "$INIT"
    guarded delete "$ID"
    [ "$status" = 0 ]
    assert_nothing_left "$ID"
    policy_reset
}

@test "broken settings: nothing starts" {
    for_each_runtime broken_settings
}

without_time() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?//g' "$@"; }

same_error() {
    local bare_status bare_out bare_err
    capture "$BARE" --root "$ROOT" start "$1"
    bare_status=$status bare_out=$(without_time "$OUT") bare_err=$(without_time "$ERR")
    [ "$status" != 0 ]
    rm -f "$RECORDS"
    guarded start "$1"
    [ "$status $(without_time "$OUT")" = "$bare_status $bare_out" ] || complain "exit $status, bare $bare_status: $err" || return
    [ "$(without_time "$ERR")" = "$bare_err" ] || complain "stderr: $err; bare: $bare_err" || return
    [ ! -e "$RECORDS" ] || complain "a record: $(last_record)"
}

# What the engine reads: as many lines in its log as from the bare runtime.
same_log() {
    local program log=$BATS_TEST_TMPDIR/log-$RT lines=()
    for program in "$BARE" "$GUARDED"; do
        rm -f "$log"
        capture "$program" --root "$ROOT" --log "$log" --log-format=json --debug start "$1"
        lines+=("$(without_time "$log" | jq -c 'select(.level == "error")')")
    done
    [ "${lines[0]}" = "${lines[1]}" ] && [ "$(wc -l <<<"${lines[1]}")" = 1 ] || complain "in the log: ${lines[1]}; bare: ${lines[0]}"
}

errors() {
    same_error no-such-container
    same_log no-such-container
    created
    starts allow
    same_error "$ID"
    runs_program
    # One that shares, and runs since before there was a gate.
    bundle "$ID-2" "$WITHOUT_IPC"
    capture "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID-2")" "$ID-2"
    bare start "$ID-2"
    same_error "$ID-2"
    assert_shares_host "$ID-2" 2>/dev/null || [ "$(ipc_of "$(init_of "$ID-2")")" = "$(ipc_of self)" ]
    bare kill "$ID" KILL
    wait_until 60 ended "$INIT"
    same_error "$ID"
    # One that was created and has ended: its process may still be there, as a zombie.
    created
    bare kill "$ID" KILL
    wait_until 60 ended "$INIT"
    same_error "$ID"
}

@test "what cannot be started anyway: the runtime's own error, and nobody is killed" {
    for_each_runtime errors
}

state_file() {
    case $RT in
        runc) STATE=$PRIVATE$ROOT/$ID/state.json PID=init_process_pid STARTED=init_process_start ;;
        crun) STATE=$PRIVATE$ROOT/$ID/status PID=pid STARTED=process-start-time ;;
    esac
}

not_started() { [ -p "$PRIVATE$ROOT/$ID/exec.fifo" ] && ! ended "$INIT" && ! runs_program; }

broken_state() {
    local way
    created
    state_file
    cp "$STATE" "$BATS_TEST_TMPDIR/good"
    for way in ': >"$STATE"' 'echo "{" >"$STATE"' 'echo "[]" >"$STATE"' 'sed -i "s/{/{\"$PID\":1,/" "$STATE"' 'sed -i "s/\"$PID\":[^,]*,/\"$PID\":\"1\",/; s/\"$PID\": [^,]*,/\"$PID\":\"1\",/" "$STATE"' \
        'printf "\0" >>"$STATE"' 'chmod 666 "$STATE"' 'chown 1000 "$STATE"' 'rm "$STATE"; mkfifo "$STATE"' 'rm "$STATE"; mkdir "$STATE"' 'rm "$STATE"; ln -s /dev/zero "$STATE"'; do
        eval "$way"
        guarded start "$ID"
        [[ $status == 1 && $err == *'ipcguard: refused: '*unverifiable* ]] || complain "$way: exit $status: $err" || return
        record_says '"gate":"start"' '"decision":"refuse"' '"kind":"unverifiable"' || return
        not_started || complain "$way: it was started" || return
        rm -rf "$STATE"
        cp "$BATS_TEST_TMPDIR/good" "$STATE"
    done
    starts allow
}

@test "a state that cannot be understood is unverifiable" {
    for_each_runtime broken_state
}

reused() {
    local innocent changed
    created
    state_file
    cp "$STATE" "$BATS_TEST_TMPDIR/good"
    sleep 1000 >/dev/null 2>&1 3>&- 4>&- &
    innocent=$!
    HELPERS+=("$innocent")
    # The innocent one is in the host's IPC namespace and would be refused, had it been judged.
    for changed in ".[\"$PID\"] = $innocent" ".[\"$STARTED\"] += 1"; do
        jq -c "$changed" "$BATS_TEST_TMPDIR/good" >"$STATE"
        rm -f "$RECORDS"
        guarded start "$ID"
        [ "$status" != 0 ]
        [ ! -e "$RECORDS" ] || complain "judged: $(last_record)"
        kill -0 "$innocent"
        not_started || complain "$changed: it was started or killed"
    done
    cp "$BATS_TEST_TMPDIR/good" "$STATE"
    starts allow
}

@test "a process that got the init's number is neither judged nor killed" {
    for_each_runtime reused
}

check() { capture "$IPCGUARD" check --id "$ID" --root "$ROOT" "$@"; }

checks() {
    local told
    created
    check
    [ "$status" = 0 ] && [[ $out == *allow* ]]
    starts allow
    check --format json
    [ "$status" = 0 ]
    jq -e '.decision == "allow" and .gate == "start" and .exposures == []' "$OUT"
    handed "$SHM/file" --preserve-fds 1
    check
    [ "$status" = 1 ] && [[ $out == *host-shm* && $out == *descriptor* ]]
    check --format json --runtime "${GUARDED##*/ipcguard-runtime.}"
    [ "$status" = 1 ]
    told=$(jq -S 'del(.time, .runtime)' "$OUT")
    ! ended "$INIT"
    refused_at_start host-shm
    [ "$(last_record | jq -S 'del(.time, .runtime)')" = "$told" ]
    check
    [ "$status" = 1 ]
    # One that runs already, from before there was a gate.
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    capture "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    bare start "$ID"
    check --format json
    [ "$status" = 1 ]
    jq -e '.exposures | any(.kind == "host-ipc")' "$OUT"
    [ "$(bare state "$ID" | jq -r .status)" = running ]
    capture "$IPCGUARD" check --root "$ROOT"
    [ "$status" = 2 ]
}

@test "check --id tells it of a container that was created, or runs" {
    for_each_runtime checks
}

# by_default SHIM ROOT [VARIABLE]: the same without --root; the runtime keeps its state in ROOT.
by_default() {
    local shim=$1 variables=("${@:3}")
    ROOT=$2
    next_id
    bundle "$ID"
    capture env "${variables[@]}" bash -c 'exec 3<"$1"; shift; exec "$@"' open "$SHM/file" \
        "$shim" create --preserve-fds 1 --bundle "$(bundle_of "$ID")" "$ID"
    made
    capture env "${variables[@]}" "$shim" start "$ID"
    [ "$status" = 1 ] && [[ $err == *'ipcguard: refused: '*host-shm* ]] || complain "exit $status: $err" || return
    wait_until 60 ended "$INIT"
    bare delete "$ID"
    next_id
    bundle "$ID"
    capture env "${variables[@]}" "$shim" create --bundle "$(bundle_of "$ID")" "$ID"
    made
    capture env "${variables[@]}" "$shim" start "$ID"
    [ "$status" = 0 ] || complain "$err"
    wait_until 60 runs_program
    bare delete --force "$ID"
    # What there is none of, is for the runtime to say.
    capture env "${variables[@]}" "$shim" start "$ID"
    [ "$status" != 0 ] && [[ $err != *ipcguard* ]]
}

default_roots() {
    local other=$BATS_TEST_TMPDIR/my-$RT
    mkdir -p "$PRIVATE/run/user"
    by_default "$GUARDED" "/run/$RT"
    # crun honours it even for root; runc does not.
    if [ "$RT" = crun ]; then by_default "$GUARDED" /run/user/crun XDG_RUNTIME_DIR=/run/user; else by_default "$GUARDED" /run/runc XDG_RUNTIME_DIR=/run/user; fi
    # A runtime of another name, asked by its command: a copy, and a script.
    cp "$BARE" "$other"
    ln -sfn "$SHIM" "$BATS_TEST_TMPDIR/ipcguard-runtime.other"
    settings ".runtimes.other = \"$other\""
    by_default "$BATS_TEST_TMPDIR/ipcguard-runtime.other" "/run/$RT"
    printf '#!/bin/sh\nexec %s "$@"\n' "$BARE" >"$other"
    by_default "$BATS_TEST_TMPDIR/ipcguard-runtime.other" "/run/$RT"
}

@test "without --root, under XDG_RUNTIME_DIR, and with a runtime that is neither runc nor crun by name" {
    for_each_runtime default_roots
}

odd_answers() {
    local other=$BATS_TEST_TMPDIR/odd-$RT answer
    ln -sfn "$SHIM" "$BATS_TEST_TMPDIR/ipcguard-runtime.odd"
    settings ".runtimes.odd = \"$other\""
    for answer in 'echo {' 'echo "[]"' 'cat /dev/zero' 'kill -KILL $$' 'echo "{\"pid\":1,\"pid\":2}"'; do
        printf '#!/bin/sh\ncase " $* " in *" state "*) %s; exit 0;; esac\ntouch %s.started\n' "$answer" "$other" >"$other"
        chmod 755 "$other"
        capture "$BATS_TEST_TMPDIR/ipcguard-runtime.odd" start some-container
        [[ $status == 1 && $err == *'ipcguard: refused: '*unverifiable* ]] || complain "$answer: exit $status: $err" || return
        [ ! -e "$other.started" ]
    done
}

@test "a runtime whose answer cannot be understood starts nothing" {
    for_each_runtime odd_answers
}

# restored [OPTION…]: refused by the one gate that restore has.
restored() {
    guarded restore --bundle "$(bundle_of "$ID")" "$@" "$ID"
    assert_refused "$ID"
}

checkpoints() {
    local image=$BATS_TEST_TMPDIR/image-$RT
    mkdir -p "$image"
    next_id
    bundle "$ID"
    restored --image-path "$image/nowhere"
    record_says '"kind":"unverifiable"'
    # As CRIU leaves them for processes that were in the host's IPC namespace; ipcns-var-*.img is missing.
    touch "$image/pstree.img" "$image/mountpoints-12.img"
    restored --image-path "$image"
    record_says '"kind":"host-ipc"'
    touch "$image/ipcns-var-10.img"
    bundle "$ID" "$(mounted /dev/shm)"
    restored --image-path "$image"
    record_says '"kind":"host-shm"'
    bundle "$ID" '.annotations = { "org.criu.config": "/etc/criu.conf" }'
    restored --image-path "$image"
    record_says '"kind":"ambiguous-config"'
    bundle "$ID"
    CRIU_CONFIG_FILE=/etc/criu.conf restored --image-path "$image"
    record_says '"kind":"ambiguous-command-line"'
}

@test "restore: a checkpoint from the host's IPC namespace, or with settings for CRIU" {
    for_each_runtime checkpoints
}
