# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # lib/common.bash sets what it tells
# What it is to be the runtime for whoever calls it: passthrough.bats demands it of the shim, planted.bats shows that these
# functions would see a shim that is not.

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

# A stand-in for the runtime that tells everything it inherited: probe.c.
make_probe() {
    PROBE=$BATS_FILE_TMPDIR/probe
    [ -x "$PROBE" ] || cc -o "$PROBE" "$TESTS_DIR/integration/probe.c"
    printf 'input of the probe\n' >"$BATS_TEST_TMPDIR/in"
    settings ".runtimes.default = \"$PROBE\""
    bundle probe
}

# The probe's descriptors, signals, limits and so on are the caller's, and so is its process.
probe_through() {
    env -i --default-signal PATH="$PATH" PROBE_OUTPUT="$BATS_TEST_TMPDIR/output" LISTEN_FDS=1 ODD=$'two\nlines' \
        nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns="$BATS_TEST_TMPDIR/bundle-probe" -- bash -c '
            exec 7</dev/zero 9>>/dev/full <../in
            umask 0123
            trap "" USR2 WINCH
            ulimit -n 333
            echo "pid $$" >"$PROBE_OUTPUT.expected"
            exec "$@"' caller "$@" >"$OUT" 2>"$ERR" 3>&- 4>&-
    grep -qxf "$BATS_TEST_TMPDIR/output.expected" "$BATS_TEST_TMPDIR/output"
    sed -i '/^pid /d' "$BATS_TEST_TMPDIR/output"
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

becomes_the_runtime() {
    inherited --root /run/x --log /dev/null state 'with space' '' $'\xff' -- --bundle
    inherited --root /run/x create --bundle "$BATS_TEST_TMPDIR/bundle-probe" --no-pivot some-id
    inherited --root=/run/x --systemd-cgroup run --bundle="$BATS_TEST_TMPDIR/bundle-probe" some-id
    inherited exec x sh -c 'create --bundle /nowhere'
    inherited
    # The start gate too, which wants a container.
    next_id
    bundle "$ID"
    capture "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    inherited --root "$ROOT" start "$ID"
    record_says '"gate":"start"' '"decision":"allow"' "\"id\":\"$ID\""
}
