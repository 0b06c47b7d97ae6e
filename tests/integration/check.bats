#!/usr/bin/env bats
# The operator's command tells about a real bundle what the shim then does with it.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }
teardown() { delete_containers; }

check() { capture "$IPCGUARD" check --bundle "$(bundle_of "$ID")" --id "$ID" --root "$ROOT" "$@"; }

# What does not depend on when, and by which of the two, it was judged.
judgement() { jq -S 'del(.time)'; }

agrees() {
    local expected=$1 filter=$2
    next_id
    bundle "$ID" "$filter"
    check --format json
    [ "$status" = "$expected" ] || complain "check exits $status: $out$err" || return
    jq -es 'length == 1' "$OUT"
    local told
    told=$(judgement <"$OUT")
    [ ! -e "$RECORDS" ] || [ "$(wc -l <"$RECORDS")" = "${RECORDED:=0}" ] || complain 'check wrote a record' || return
    check
    [ "$status" = "$expected" ]
    [ -n "$out" ]
    [[ $out == *"$(jq -r .decision <<<"$told")"* ]] || complain "the text does not say what was decided: $out" || return
    assert_nothing_left "$ID"
    create "$ID"
    RECORDED=$(wc -l <"$RECORDS")
    [ "$(last_record | judgement)" = "$told" ] || complain "check: $told; shim: $(last_record)" || return
    if [ "$expected" = 0 ]; then [ "$status" = 0 ]; else [ "$status" = 1 ]; fi
}

decisions() {
    agrees 0 .
    agrees 1 "$WITHOUT_IPC"
    agrees 1 "$(ipc_path "/proc/$$/ns/ipc")"
    agrees 1 "$(ipc_path /proc/self/ns/ipc)"
    agrees 1 "$(ipc_path /nowhere)"
    agrees 1 '.linux.namespaces = null'
    agrees 1 '.linux.namespaces += [{ type: "ipc" }]'
    exception one.json '.match = { engine: "unknown", id: "ig-*" }'
    agrees 0 "$WITHOUT_IPC"
    settings '.exposures = { "host-ipc": "warn" }'
    rm "$POLICY/allowlist.d/one.json"
    agrees 0 "$WITHOUT_IPC"
    settings '.bogus = 1'
    RECORDED=
    rm -f "$RECORDS"
    next_id
    bundle "$ID"
    check --format json
    [ "$status" = 1 ]
    jq -e '.decision == "refuse" and .error.kind == "invalid-policy"' "$OUT"
    policy_reset
}

@test "check decides as the shim does" {
    settings '.runtimes.default = "/usr/bin/runc"'
    use_runtime runc
    decisions
}

@test "wrong usage of check" {
    use_runtime runc
    local arguments
    for arguments in check 'check --no-such-option' 'check --bundle' 'check --bundle /nowhere --format xml' '' nonsense 'check --bundle / extra'; do
        # shellcheck disable=SC2086
        capture "$IPCGUARD" $arguments
        [ "$status" = 2 ] || complain "ipcguard $arguments: exit $status"
        [ -z "$out" ] || complain "ipcguard $arguments: stdout $out"
        [ -n "$err" ]
    done
}

@test "validate lists every error of every file" {
    capture "$IPCGUARD" validate
    [ "$status" = 0 ]
    exception good.json '.match = { engine: "unknown", id: "x" }'
    capture "$IPCGUARD" validate
    [ "$status" = 0 ]
    exception first.json '.match = {} | .allow = ["everything"] | del(.reason)'
    exception second.json '.match = { engine: "unknown", id: "x" } | .bogus = 1'
    settings '.mode = "off" | .more = 1'
    capture "$IPCGUARD" validate
    [ "$status" = 1 ]
    local told=$out$err word
    for word in first.json second.json config.json everything reason bogus mode more match; do
        [[ $told == *"$word"* ]] || complain "$word is not told: $told"
    done
    [[ $told != *good.json* || $told == *good.json*ok* ]]
    grep -qE 'second.json:[0-9]+:[0-9]+' <<<"$told"
}

@test "validate warns about what is broader than it looks, and that is valid" {
    exception wide.json '.match = { engine: "docker", image: "postgres:*" } | .expires = "2020-01-01"'
    settings '.mode = "audit"'
    capture "$IPCGUARD" validate
    [ "$status" = 0 ]
    [ "$(grep -c '^warning: ' "$OUT")" = 3 ]
    grep -q '^warning: /etc/ipcguard/config.json: mode is audit' "$OUT"
    grep -qE '^warning: /etc/ipcguard/allowlist.d/wide.json:[0-9]+:[0-9]+: .*has expired on 2020-01-01' "$OUT"
    [ "$(tail -n 1 "$OUT")" = 'valid: 1 exception, mode audit, 3 warnings' ]
}

@test "the ready exceptions, and those that are installed, have no warnings" {
    cp "$TESTS_DIR"/../docs/exceptions/*.json "$TESTS_DIR/../config/default/kubernetes-system.json" "$POLICY/allowlist.d"
    chmod 644 "$POLICY"/allowlist.d/*
    capture "$IPCGUARD" validate
    [ "$status" = 0 ]
    [[ $out =~ ^'valid: '[0-9]+' exceptions, mode enforce, 0 warnings'$ ]] || complain "$out"
}

@test "version" {
    capture "$IPCGUARD" --version
    [ "$status" = 0 ]
    [[ $out =~ [0-9]+\.[0-9]+\.[0-9]+ ]]
}
