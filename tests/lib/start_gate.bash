# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # lib/common.bash sets what it tells
# Containers between create and start, and what the kernel says of them.

# What every file of the gates' tests does around its tests; HELPERS are processes of a test's own.
setup_file() {
    isolation_start
    host_memory
}

teardown_file() {
    isolation_stop
    host_memory_end
}

setup() {
    policy_reset
    HELPERS=()
}

teardown() {
    delete_containers
    [ ${#HELPERS[@]} = 0 ] || kill "${HELPERS[@]}" 2>/dev/null || :
}

# What `create` made is there.
made() {
    [ "$status" = 0 ] || complain "not created: exit $status: $err" || return
    INIT=$(init_of "$ID")
}

created() {
    next_id
    bundle "$ID" "${1:-.}"
    create "$ID" "${@:2}"
    made
}

ended() { [ ! -e "/proc/$1/stat" ] || [[ $(<"/proc/$1/stat") == *') Z '* ]]; }

runs_program() { [[ $(tr '\0' ' ' <"/proc/$INIT/cmdline") == 'sleep 1000 ' ]]; }

# What a refusal at this gate is: told as ever, and the init has ended without becoming the container's program; the
# container can be deleted, and nothing of it is left.
refused_at_start() {
    guarded start "$ID"
    [ "$status" = 1 ] || complain "start: exit $status: $err" || return
    [ ! -s "$OUT" ] || complain "stdout: $out" || return
    [[ $err == *"ipcguard: refused: "*"$ID"*"$1"* && $err != *$'\n'* ]] || complain "the message: $err" || return
    [[ ! ${err,,} =~ $ENGINE_PHRASES ]] || complain "a phrase that engines translate: $err" || return
    record_says '"gate":"start"' '"decision":"refuse"' "\"kind\":\"$1\"" "\"bundle\":\"$(bundle_of "$ID")" || return
    wait_until 60 ended "$INIT" || complain "process $INIT lives: $(tr '\0' ' ' <"/proc/$INIT/cmdline")" || return
    guarded delete "$ID"
    [ "$status" = 0 ] || complain "delete: exit $status: $err" || return
    assert_nothing_left "$ID"
}

starts() {
    guarded start "$ID"
    [ "$status" = 0 ] || complain "start: exit $status: $err" || return
    wait_until 60 runs_program || complain "it does not run its program: $(tr '\0' ' ' <"/proc/$INIT/cmdline")" || return
    record_says '"gate":"start"' "\"decision\":\"$1\""
}

# handed FILE [OPTION…]: a container that is created with FILE open as its descriptor 3.
handed() {
    local file=$1
    shift
    next_id
    bundle "$ID"
    capture bash -c 'exec 3<"$1"; shift; [ -z "${LISTEN_FDS:-}" ] || export LISTEN_PID=$$; exec "$@"' open "$file" \
        "$GUARDED" --root "$ROOT" create "$@" --bundle "$(bundle_of "$ID")" "$ID"
    made
    [ "$(stat --dereference --format '%d:%i' "/proc/$INIT/fd/3")" = "$(inside stat --dereference --format '%d:%i' "$file")" ] || complain "$file was not handed in"
}
