#!/usr/bin/env bats
# The host failing: policy replaced under load, no room for the log, no runtime, many at once, another time. Of each the
# outcome that docs/policy.md, "When something fails", promises.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts
load ../lib/faults

setup_file() { faults_start; }
teardown_file() { faults_stop; }
setup() { faults_reset; }
teardown() {
    inside umount --quiet /var/log/ipcguard || :
    delete_containers
}

# --- policy that is replaced -------------------------------------------------------------------------------------------

# keep_asking NAME COMMAND…: over and over as long as $BUSY is there; what each said, and its exit status, in file NAME.
keep_asking() {
    inside nice bash -c 'while [ -e "$1" ]; do said=$("${@:3}" 2>&1 </dev/null) && echo "0 $said" || echo "$? $said"; done >"$2"' ask \
        "$BUSY" "$BATS_TEST_TMPDIR/$1" "${@:2}" >/dev/null 2>&1 3>&- 4>&- &
}

# Real containers meanwhile, made and deleted, of which the host's IPC is granted to all.
keep_creating() {
    inside nice bash -c 'while [ -e "$1" ]; do
            "$3" --root "$4" create --bundle "$5" "$6" </dev/null >/dev/null 2>"$2.err" && echo 0 || echo "$? $(<"$2.err")"
            "$7" --root "$4" delete --force "$6"
        done >"$2"' create "$BUSY" "$BATS_TEST_TMPDIR/$1" "$GUARDED" "$ROOT" "$(bundle_of "$ID")" "$ID" "$BARE" >/dev/null 2>&1 3>&- 4>&- &
}

@test "settings and allowlist replaced 1000 times while containers are created: who is always granted runs, who never is does not" {
    local BUSY=$BATS_TEST_TMPDIR/busy granted never file
    exception a.json.0 '.name = "old" | .match = { engine: "unknown", id: "ig-*-granted" }'
    exception a.json.1 '.name = "new" | .match = { engine: "unknown", id: "*-granted" } | .expires = "2999-12-31"'
    settings '.runtimes.default = "/bin/true"'
    mv "$POLICY/config.json" "$POLICY/config.json.0"
    settings '.runtimes.default = "/bin/true" | .exposures = { "foreign-ipc": "warn", "host-proc": "refuse" }'
    cp "$POLICY/config.json" "$POLICY/config.json.1"
    cp "$POLICY/allowlist.d/a.json.0" "$POLICY/allowlist.d/a.json"
    next_id
    never=$ID granted=${ID%x}-granted
    bundle "$never" "$WITHOUT_IPC"
    bundle "$granted" "$WITHOUT_IPC"
    : >"$BUSY"
    keep_asking never.1 "$SHIM" create --bundle "$(bundle_of "$never")" "$never"
    keep_asking never.2 "$SHIM" create --bundle "$(bundle_of "$never")" "$never"
    keep_asking granted.1 "$SHIM" create --bundle "$(bundle_of "$granted")" "$granted"
    use_runtime crun # a real one, by that name
    ID=$granted
    keep_creating granted.2
    (cd "$POLICY" && python3 -c '
import os, time
for number in range(1000):
    for name in "config.json", "allowlist.d/a.json":
        with open(name + "." + str(number % 2)) as file, open(".next", "w") as next:
            next.write(file.read())
        os.rename(".next", name)
        time.sleep(0.005)') || complain 'the policy was not replaced'
    rm "$BUSY"
    wait
    cd "$BATS_TEST_TMPDIR"
    ! grep -hvE "^1 .*ipcguard: refused: container '$never': host-ipc: " never.1 never.2 || complain 'not refused'
    ! grep -hvx '0 *' granted.1 granted.2 || complain 'not created'
    for file in never.1 never.2 granted.1 granted.2; do [ "$(wc -l <$file)" -ge 10 ] || complain "$file: $(wc -l <$file)"; done
    records_whole "$(cat never.1 never.2 granted.1 granted.2 | wc -l)"
    jq -es 'all(.[]; .error == null and .decision == (if .container.id | endswith("-granted") then "allow" else "refuse" end)) and
        (map(.exposures[0].exception) | unique == [null, "new", "old"])' "$RECORDS" >/dev/null
    assert_nothing_left "$granted"
}

# --- the log -----------------------------------------------------------------------------------------------------------

# no_room COUNT: COUNT refusals, of which only some find room in the log. What does not is in syslog, whole; no half line is left.
no_room() {
    local number
    for ((number = 0; number < $1; number++)); do refused "$WITHOUT_IPC" "${@:2}" || return; done
    runs "${@:2}"
    cp "$RECORDS" "$BATS_TEST_TMPDIR/full"
    [ -s "$SYSLOG" ] || complain 'there was room for all'
    (RECORDS=$BATS_TEST_TMPDIR/full records_whole)
    sed 's/^[^{]*//' "$SYSLOG" | cat "$BATS_TEST_TMPDIR/full" - | jq -r .container.id >"$BATS_TEST_TMPDIR/ids"
    [ "$(sort "$BATS_TEST_TMPDIR/ids" | uniq --count | grep -c '^ *1 ')" = $(($1 + 1)) ] || complain "records of: $(<"$BATS_TEST_TMPDIR/ids")"
}

@test "a disk that is full in the middle of a record: it goes to syslog whole, and no half of it stays" {
    # Seen from outside the log is the folder below, so it is read by way of the holder.
    inside mount -t tmpfs -o size=8k,mode=755 log /var/log/ipcguard
    RECORDS=/proc/$HOLDER/root/var/log/ipcguard/decisions.jsonl
    : >"$RECORDS"
    no_room 20
    # Once there is room, records are as ever.
    inside mount -o remount,size=1m /var/log/ipcguard
    refused "$WITHOUT_IPC"
    record_is ".container.id == \"$ID\""
    records_whole
}

@test "a limit on the size of files, in the middle of a record" {
    local kib
    for kib in 1 2 3; do # of which one is the end of a record at most
        fault_settings
        no_room 6 bash -c 'ulimit -f "$1"; exec "${@:2}"' limited $kib
    done
}

@test "a line that was left without its end does not swallow the next" {
    printf '{"time":"2026-11-21T20:' >"$RECORDS"
    refused "$WITHOUT_IPC"
    [ "$(grep -c '' "$RECORDS")" = 2 ]
    record_is ".container.id == \"$ID\""
    refused "$WITHOUT_IPC"
    [ "$(grep -c '' "$RECORDS")" = 3 ]
}

@test "a line that is seen while another shim is writing it leaves no blank line" {
    local trace=$BATS_TEST_TMPDIR/trace
    creating "$WITHOUT_IPC"
    printf '{"half of a line' >"$RECORDS"
    # The look at its last byte takes a second, in which it gets its end.
    : >"$trace"
    inside strace -qq -o "$trace" -P /var/log/ipcguard/decisions.jsonl -e trace=pread64 -e inject=pread64:delay_exit=1s:when=1 "${CREATE[@]}" 2>/dev/null 3>&- 4>&- &
    wait_until 10 grep -q '"e"' "$trace"
    echo '}' >>"$RECORDS"
    wait
    [ "$(grep -c '' "$RECORDS")" = 2 ]
}

# Where there is no file to write to, each record is in syslog.
unwritable() {
    refused "$WITHOUT_IPC"
    in_syslog
    runs
    wait_until 10 one_more
    in_syslog
}
in_syslog() { [ "$(sed -n '$s/^[^{]*//p' "$SYSLOG" | jq -r .container.id)" = "$ID" ] || complain "not in syslog: $(tail -n 1 "$SYSLOG")"; }

@test "a log that cannot be written: no folder, read-only, a device, a folder, a FIFO, a link" {
    local file
    inside mount --bind /var/log/ipcguard /var/log/ipcguard
    inside mount -o remount,bind,ro /var/log/ipcguard
    unwritable
    inside umount /var/log/ipcguard
    mkfifo "$PRIVATE/log/ipcguard/fifo"
    ln -s decisions.jsonl "$PRIVATE/log/ipcguard/link"
    for file in /nowhere/decisions.jsonl /dev/full /etc /var/log/ipcguard/fifo /var/log/ipcguard/link; do
        echo "# $file"
        fault_settings ".log.file = \"$file\""
        unwritable
    done
    # Nobody listens at /dev/log either.
    inside rm /dev/log
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    create "$ID"
    assert_refused "$ID"
    runs
    inside ln -s /run/log.socket /dev/log
}

@test "a log that nobody may change (chattr +i), or only append to (+a)" {
    if ! chattr +i "$RECORDS" 2>/dev/null; then
        skip "the file system of $RECORDS has no such attribute"
    fi
    unwritable
    chattr -i "$RECORDS"
    chattr +a "$RECORDS"
    refused "$WITHOUT_IPC"
    chattr -a "$RECORDS"
    record_is ".container.id == \"$ID\""
}

# --- the runtime -------------------------------------------------------------------------------------------------------

no_runtime() { # PATH
    fault_settings ".runtimes.default = \"$1\""
    next_id
    bundle "$ID"
    create "$ID"
    [ "$status" = 1 ] && [ -z "$out" ] && [[ $err == *"ipcguard: "*"$1"* && $err != *$'\n'* ]] || complain "$1: exit $status: $err" || return
    [[ ! ${err,,} =~ $ENGINE_PHRASES ]] || complain "a phrase that engines translate: $err" || return
    [ ! -e "$PRIVATE$ROOT/$ID" ] || complain "$1: a container was made" || return
    # Nor for what shares the host's IPC, of which a refusal is told either way.
    refused "$WITHOUT_IPC"
    [ "$(wc -l <"$RECORDS")" = 2 ] || complain "$1: $(wc -l <"$RECORDS") records"
}

@test "a runtime that is missing, no program, or the shim itself by any name" {
    local folder=$BATS_TEST_TMPDIR way
    cp "$SHIM" "$folder/shim"
    GUARDED=$folder/shim
    cp "$SHIM" "$folder/copy"
    ln "$folder/shim" "$folder/hard"
    ln -s shim "$folder/soft"
    printf '#!/nowhere/sh\n' >"$folder/no-interpreter"
    printf '#!%s\n' "$folder/no-interpreter" >"$folder/interpreter-without-one"
    printf 'x' >"$folder/no-program"
    : >"$folder/empty"
    head -c 64 "$SHIM" >"$folder/beginning"
    chmod 755 "$folder"/{no-interpreter,interpreter-without-one,no-program,empty,beginning}
    cp "$RUNC" "$folder/not-executable"
    chmod 644 "$folder/not-executable"
    mkdir "$folder/folder"
    ln -s loop "$folder/loop"
    for way in shim copy hard soft no-interpreter interpreter-without-one no-program empty beginning not-executable folder loop nothing \
        shim/below; do
        no_runtime "$folder/$way"
    done
}

# --- many at once ------------------------------------------------------------------------------------------------------

# at_once COUNT COMMAND…: COMMAND begun COUNT times and let go at once, each with @N in its words replaced by its number; the
# sum of exit statuses in $failed.
at_once() {
    rm -f "$PRIVATE/run/gate"
    mkfifo "$PRIVATE/run/gate"
    failed=$(inside bash -c '
        count=$1 failed=0; shift
        for ((number = 1; number <= count; number++)); do
            (: </run/gate; exec "${@//@N/$number}" </dev/null >/dev/null 2>&1) & pids+=($!)
        done
        sleep 1; : >/run/gate & opener=$!
        for pid in "${pids[@]}"; do wait $pid || failed=$((failed + 1)); done
        kill $opener 2>/dev/null; echo $failed' at-once "$@" 3>&- 4>&-)
}

@test "1000 creates at once, half of them refused: each is recorded once" {
    local number
    next_id
    settings '.runtimes.default = "/bin/true"'
    for ((number = 1; number <= 2; number++)); do bundle "$ID-$number"; done
    bundle "$ID-1" "$WITHOUT_IPC"
    # The bundle is chosen by the number's last binary digit, its id has the number.
    at_once 1000 sh -c 'n=@N; exec "$0" create --bundle "$1-$((n % 2 + 1))" "$2-$n-$((n % 2 + 1))"' "$SHIM" "$(bundle_of "$ID")" "$ID"
    [ "$failed" = 500 ] || complain "$failed failed"
    records_whole 1000
    jq -r '"\(.decision) \(.container.id)"' "$RECORDS" | sort >"$BATS_TEST_TMPDIR/seen"
    for ((number = 1; number <= 1000; number++)); do
        if ((number % 2)); then echo "allow $ID-$number-2"; else echo "refuse $ID-$number-1"; fi
    done | sort | diff - "$BATS_TEST_TMPDIR/seen"
}

real_at_once() {
    local number
    next_id
    settings .
    : >"$RECORDS"
    for ((number = 1; number <= 12; number++)); do
        if ((number % 2)); then bundle "$ID-$number"; else bundle "$ID-$number" "$WITHOUT_IPC"; fi
    done
    at_once 12 "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$ID")-@N" "$ID-@N"
    [ "$failed" = 6 ] || complain "$failed failed"
    records_whole 12
    for ((number = 1; number <= 12; number++)); do
        if ((number % 2)); then status=0 && assert_private "$ID-$number"; else assert_nothing_left "$ID-$number"; fi
    done
}

@test "real containers at once, half of them refused (12: they are what a busy machine makes in time)" {
    for_each_runtime real_at_once
}

# --- time --------------------------------------------------------------------------------------------------------------

# at TIME: a shared container, as the shim finds it then (its own clock is moved, not the host's).
at() {
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    before_one
    capture "$MEDDLE" jump $(($(date -d "$1" +%s) - $(date +%s))) "$SHIM" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
}

@test "a time jump over an expiry, and back: the exception holds on its last day, and at no other time after" {
    exception day.json '.match = { engine: "unknown", id: "ig-*" } | .expires = "2031-02-28"'
    local time
    for time in 2031-02-28T23:58:00Z 2031-03-01T00:00:00Z 2031-02-28T00:00:00Z 2099-01-01T00:00:00Z 2026-01-01T12:00:00Z; do
        at "$time"
        if [[ $time < 2031-03 ]]; then
            was_called && [ "$status" = 0 ] || complain "$time: exit $status: $err"
        else
            ! was_called && assert_refused "$ID" && [[ $err == *expired* ]] || complain "$time: exit $status: $err"
        fi
        record_is ".time[:10] == \"${time%T*}\""
    done
}

@test "the environment's time zone, leap seconds and all, moves no expiry" {
    local place
    exception old.json '.match = { engine: "unknown", id: "ig-*" } | .expires = "2020-02-29"'
    # A TZif file (RFC 8536) whose one leap second is minus twenty years.
    place=$BATS_TEST_TMPDIR/leap
    python3 -c '
import struct, sys
def block(size):
    return (b"TZif2" + bytes(15) + struct.pack(">6l", 1, 1, 1, 0, 1, 4) + struct.pack(">lBB", 0, 0, 0) + b"UTC\0" +
            struct.pack(">" + size + "l", 1, 20 * 365 * 86400) + bytes(2))
sys.stdout.buffer.write(block("l") + block("q") + b"\nUTC0\n")' >"$place"
    refused "$WITHOUT_IPC" env TZ=":$place"
    [[ $err == *expired* ]]
    record_is ".time[:4] == \"$(date -u +%Y)\""
}
