# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # jq and awk programs; lib/common.bash sets what it tells
# What the create gate makes of a bundle, refused or run.

# What every file of its tests does around them. $ORDINARY is a folder of the host's that is nobody's memory.
setup_file() {
    isolation_start
    host_memory
    export ORDINARY=$BATS_FILE_TMPDIR/ordinary
    mkdir -p "$ORDINARY/folder" "$ROOTFS/some/where/else"
    : >"$ORDINARY/file"
}

teardown_file() {
    isolation_stop
    host_memory_end
}

setup() {
    policy_reset
    FILE_HOLDER=$HOLDER
}

teardown() {
    delete_containers
    if [ "$HOLDER" != "$FILE_HOLDER" ]; then kill -KILL "$HOLDER"; fi
    HOLDER=$FILE_HOLDER
}

# declined WORD FILTER [PIECE…]: create and run refuse it, with that word in the message and those pieces in the record.
declined() {
    local command
    for command in create run; do
        next_id
        bundle "$ID" "$2"
        guarded "$command" --bundle "$(bundle_of "$ID")" "$ID"
        assert_refused "$ID" || complain "$2" || return
        [[ $err == *"$1"* ]] || complain "no $1: $err" || return
        record_says "${@:3}" || return
    done
}

# refused KIND FILTER: for that exposure.
refused() { declined "$1" "$2" '"decision":"refuse"' '"gate":"create"' "\"kind\":\"$1\"" '"action":"refuse"'; }

# shares KIND FILTER PATH [INSIDE]: refused, and with the bare runtime the container has at INSIDE (/mnt) what the host has
# at PATH.
shares() {
    refused "$1" "$2"
    next_id
    bundle "$ID" "$2"
    capture "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    [ "$status" = 0 ] || complain "the bare runtime fails: $2: $err" || return
    is_of_host "$(init_of "$ID")" "${4:-/mnt}" "$3" || complain "$2 does not share, but was refused" || return
    bare delete --force "$ID"
}

# runs DECISION FILTER: it is created and starts, with that decision recorded at both gates.
runs() {
    next_id
    bundle "$ID" "$2"
    create "$ID"
    [ "$status" = 0 ] || complain "$2: exit $status: $err" || return
    record_says "\"decision\":\"$1\"" '"gate":"create"' || return
    guarded start "$ID"
    [ "$status" = 0 ] || complain "$2: start: exit $status: $err" || return
    record_says "\"decision\":\"$1\"" '"gate":"start"' || return
    INIT=$(init_of "$ID")
}

# allowed FILTER: it runs, and neither gate has anything to say.
allowed() {
    runs allow "$1"
    record_says '"exposures":[]'
    [ "$(grep -c '"exposures":\[\]' <(tail -n 2 "$RECORDS"))" = 2 ] || complain "exposures: $(tail -n 2 "$RECORDS")"
}

# warned KIND FILTER: it runs, and both gates record that exposure as a warning.
warned() {
    runs warn "$2"
    [ "$(tail -n 2 "$RECORDS" | jq -c "select(.exposures | any(.kind == \"$1\" and .action == \"warn\"))" | wc -l)" = 2 ] ||
        complain "not both gates warn of $1: $(tail -n 2 "$RECORDS")"
}
