# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # lib/common.bash sets what it tells, tests use what is set here
# Faults, and what may come of them: a runtime that only says that it was called, a /dev/log that keeps what it is sent,
# and each system call of a program failed, or hit by a signal, in turn.

# What setup_file, teardown_file and setup of each of these files begin with.
faults_start() {
    isolation_start
    syslog_start
    make_programs
}
faults_stop() {
    isolation_stop
    syslog_stop
}
faults_reset() {
    policy_reset
    use_runtime runc
    fault_settings .
}

# make_programs: the runtime /run/marker, which leaves the file /run/called and needs next to nothing, and $MEDDLE, what
# integration/meddle.c makes.
make_programs() {
    export MEDDLE=$BATS_FILE_TMPDIR/meddle
    cc -Wall -Wextra -Werror -O1 -o "$MEDDLE" "$TESTS_DIR/integration/meddle.c"
    cc -Wall -Wextra -Werror -O1 -static -o "$PRIVATE/run/marker" -x c - <<<'#include <fcntl.h>
        int main(void) { return open("/run/called", O_WRONLY | O_CREAT, 0600) < 0; }'
}

# The runtime of the settings is the marker. What syslog was sent is in $SYSLOG.
fault_settings() { # [FILTER]
    settings '.runtimes.default = "/run/marker" | '"${1:-.}"
    SYSLOG=$PRIVATE/run/syslog
    : >"$RECORDS"
    : >"$SYSLOG"
    rm -f "$PRIVATE/run/called"
    HELD=()
}

was_called() { [ -e "$PRIVATE/run/called" ]; }

# A /dev of our own, at whose /dev/log somebody listens, from outside of the private namespace.
syslog_start() {
    dev_of_our_own
    setpriv --pdeathsig KILL python3 -c '
import socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
log.bind(sys.argv[1] + "/log.socket")
while True:
    line = log.recv(1 << 20)
    with open(sys.argv[1] + "/syslog", "ab") as file:
        file.write(line + b"\n")' "$PRIVATE/run" </dev/null >/dev/null 2>&1 3>&- 4>&- &
    export LISTENER=$!
    disown
    wait_until 60 test -S "$PRIVATE/run/log.socket"
    inside ln -s /run/log.socket /dev/log
}
syslog_stop() { [ -z "${LISTENER:-}" ] || kill "$LISTENER"; }

# records_whole [COUNT]: each line of the log is one whole record, and there are as many. Blank lines are none.
records_whole() {
    local lines whole
    lines=$(grep -c '[^ ]' "$RECORDS" || :)
    whole=$(jq -cR 'fromjson? | select(type == "object" and has("decision") and has("version"))' "$RECORDS" | wc -l)
    [ "$whole" = "$lines" ] || complain "$((lines - whole)) of $lines lines are no records" || return
    [ -z "$(tail -c 1 "$RECORDS")" ] || complain 'the last line has no end' || return
    [ "$lines" = "${1:-$lines}" ] || complain "$lines records, not $1"
}

# What else strace is told in hit and calls_of: calls that are not to be made at all.
HELD=()

# before_one: what is told from now on, and whether the runtime is called, is of one call.
before_one() {
    local -a log syslog
    ! was_called || rm "$PRIVATE/run/called"
    mapfile -t log <"$RECORDS"
    mapfile -t syslog <"$SYSLOG"
    BEFORE=("${#log[@]}" "${#syslog[@]}")
}

# Whether one record was told since, in the log or in syslog; how many in $told.
one_more() {
    local -a log syslog
    local line
    mapfile -t log <"$RECORDS"
    mapfile -t syslog <"$SYSLOG"
    told=0
    for line in "${log[@]:BEFORE[0]}" "${syslog[@]:BEFORE[1]}"; do [[ $line != *'{'*'}' ]] || told=$((told + 1)); done
    [ "$told" = 1 ]
}

# A refusal, told to the caller and to the log or syslog. refused FILTER [PROGRAM…]: by way of PROGRAM, if that is given.
refused() {
    next_id
    bundle "$ID" "$1"
    before_one
    capture "${@:2}" "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    ! was_called || complain "it was created: $err" || return
    assert_refused "$ID" || return
    wait_until 10 one_more || complain "$told records, not one"
}

# A private container runs, and nothing is said of it.
runs() {
    next_id
    bundle "$ID"
    before_one
    capture "$@" "$GUARDED" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    if ! was_called || [ "$status" != 0 ] || [ -n "$out$err" ]; then complain "exit $status: $out$err"; fi
}

# hit INJECTION COMMAND…: COMMAND with that done to it, as strace(1) has it; in $status, $out, $err.
hit() {
    before_one
    capture strace -qq -o /dev/null -e signal=none "${HELD[@]}" -e "inject=$1" "${@:2}"
}

# Nothing was run, there is one line on stderr, or none where that itself failed, and one record more, in the log or syslog.
stays_refused() {
    ! was_called && [ "$status" = 1 ] && [ -z "$out" ] && [[ $err != *$'\n'* ]] || return
    wait_until 10 one_more || complain "$told records, not one: $(tail -n 2 "$RECORDS") $(tail -n 2 "$SYSLOG")"
}

# creating FILTER [COMMAND OPTION…]: leaves in $CREATE a call for a new bundle, which is refused where nothing fails.
creating() {
    next_id
    bundle "$ID" "$1"
    CREATE=("$SHIM" --root "$ROOT" "${2:-create}" "${@:3}" --bundle "$(bundle_of "$ID")" "$ID")
    before_one
    capture "${CREATE[@]}"
    stays_refused || complain "not refused, though nothing fails: exit $status, $out$err"
}

# calls_of COMMAND…: the names of its system calls, in order, until it becomes another program.
calls_of() {
    local trace=$BATS_TEST_TMPDIR/trace
    capture strace -qq -o "$trace" -e signal=none "${HELD[@]}" "$@"
    awk -F'(' '/^[a-z_0-9]+\(/ { print $1; if ($1 == "execve" && NR > 1) exit }' "$trace"
}

# each_call_fails CHECK NAMES ERROR… -- COMMAND…: each system call that COMMAND makes, of those names (a pattern), fails
# with each error, and CHECK holds. Not those of libc's before main, and not brk: it fails by what it returns. There is one at
# least, and $HITS of them.
each_call_fails() {
    local check=$1 names=$2 errors=() error call calls
    shift 2
    while [ "$1" != -- ]; do errors+=("$1") && shift; done
    shift
    calls=$(calls_of "$@")
    local -A times=() libc=()
    HITS=0
    while read -r call; do libc[$call]=$((${libc[$call]:-0} + 1)); done < <(sed '/^fcntl$/,$d' <<<"$calls")
    for call in $calls; do
        times[$call]=$((${times[$call]:-0} + 1))
        [[ ${times[$call]} -gt ${libc[$call]:-0} && $call =~ ^($names)$ && $call != @(brk|exit_group) ]] || continue
        for error in "${errors[@]}"; do
            hit "$call:error=$error:when=${times[$call]}" "$@"
            HITS=$((HITS + 1))
            "$check" || complain "$call number ${times[$call]} fails with $error: exit $status, $out$err" || return
        done
    done
    [ $HITS -gt 0 ] || complain "no call of $names was made"
}

# each_call_hit CHECK SIGNAL STEP COMMAND…: every STEPth of its system calls is hit by a signal.
each_call_hit() {
    local check=$1 signal=$2 step=$3 count number
    shift 3
    count=$(calls_of "$@" | wc -l)
    [ "$count" -gt 40 ] || complain "$count system calls" || return
    for ((number = 1; number <= count; number += step)); do
        hit "all:signal=$signal:when=$number" "$@"
        "$check" || complain "system call $number of $count is hit by SIG$signal: exit $status, $out$err" || return
    done
}
