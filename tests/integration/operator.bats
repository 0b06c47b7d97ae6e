#!/usr/bin/env bats
# The operator's way from a refusal to an exception: report, explain, suggest, test, on records that the shim wrote.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() {
    policy_reset
    use_runtime runc
}
teardown() { delete_containers; }

ipcguard() { capture "$IPCGUARD" "$@"; }

says() {
    local text
    for text in "$@"; do [[ $out == *"$text"* ]] || complain "no '$text' in: $out$err" || return; done
}

sharing() {
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    create "$ID"
}

@test "report counts what was refused, and keeps going over lines that are no record" {
    sharing
    assert_refused "$ID"
    sharing
    printf 'torn{"time":"2026-\n' >>"$RECORDS"
    exception grant.json '.match = { engine: "unknown", id: "ig-*" } | .owner = "tests"'
    sharing
    assert_shares_host "$ID"
    exception other.json '.name = "never-used" | .match = { engine: "docker", name: "x" } | .expires = "2020-01-01"'
    ipcguard report --format json
    [ "$status" = 0 ]
    [[ $err == *'passed over 1 line of '* && $err != *$'\n'* ]]
    jq -e '(.exposures | map({ (.action): .count }) | add == { refuse: 2, excepted: 1 })
        and (.decisions | map(.count) | add == 3) and (.exceptions | map(.exception) == ["test-exception"])
        and (.review | map({ exception, why }) == [{ exception: "never-used", why: ["unused", "expired"] }])' "$OUT"
    ipcguard report
    says host-ipc never-used 'unused, expired' test-exception
    ipcguard report --format prometheus
    says 'ipcguard_decisions_total{decision="refuse",gate="create",mode="enforce"} 2' \
        'ipcguard_exposures_total{kind="host-ipc",action="excepted",engine="unknown"} 1' \
        'ipcguard_exception_used_total{exception="never-used"} 0' \
        'ipcguard_exception_expires_timestamp_seconds{exception="never-used"} 1577923200'
    if grep -vE '^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\} [0-9]+)$' "$OUT"; then complain 'not the text exposition format'; fi
    ipcguard report --since 2999-01-01
    [ "$status" = 0 ]
    says 'no decisions'
    STDIN=$RECORDS ipcguard report --log - --format json
    jq -e '.decisions | map(.count) | add == 3' "$OUT"
}

@test "a suggestion is rejected until it has a reason, and then admits that container alone" {
    local refused suggestion=$POLICY/allowlist.d/suggested.json
    sharing
    refused=$ID
    sharing
    ipcguard suggest --id "$refused"
    [ "$status" = 0 ]
    [[ -z $err && $out == *"$refused"* && $out != *"$ID"* ]]
    cp "$OUT" "$suggestion"
    chmod 644 "$suggestion"
    ipcguard validate
    [ "$status" = 1 ]
    says 'suggested.json:' ': reason is empty'
    create "$refused"
    assert_refused "$refused"
    sed -i 's/"reason": ""/"reason": "TEST-1"/' "$suggestion"
    ipcguard validate
    [ "$status" = 0 ] || complain "$out"
    create "$refused"
    assert_shares_host "$refused"
    record_is '.exceptions[0].reason == "TEST-1"'
    create "$ID"
    assert_refused "$ID"
}

@test "what was only audited is suggested for too" {
    settings '.mode = "audit"'
    sharing
    [ "$status" = 0 ]
    ipcguard suggest --kind host-ipc --since "$(date -u +%F)"
    [ "$status" = 0 ]
    says "$ID" '"allow": ["host-ipc"]' '"reason": ""' "\"expires\": \"$(date -u -d '+90 days' +%F)\""
    local options
    for options in '--kind foreign-ipc' '--since 2999-01-01' '--id nobody' '--name nobody'; do
        # shellcheck disable=SC2086
        ipcguard suggest $options
        [ "$status" = 1 ] || complain "$options: exit $status"
        [[ -z $out && -n $err && $err != *$'\n'* ]] || complain "$options: $out$err"
    done
}

@test "what could not be judged has no exception" {
    next_id
    bundle "$ID" '.linux.namespaces = null'
    create "$ID"
    assert_refused "$ID"
    ipcguard suggest
    [ "$status" = 1 ]
    [[ -z $out && $err == *'1 refusal could not be judged'* ]]
    ipcguard explain "$ID"
    [ "$status" = 0 ]
    says 'could not be judged' ambiguous-config
}

@test "explain tells the rule, the nearest exceptions and what to do instead" {
    exception near.json '.name = "near" | .match = { engine: "unknown", id: "ig-*" } | .expires = "2020-01-01"'
    exception far.json '.name = "far" | .match = { engine: "kubernetes", namespace: "x" } | .allow = ["host-shm"]'
    sharing
    ipcguard explain "$ID"
    [ "$status" = 0 ]
    says 'decision: refuse' 'host-ipc: linux.namespaces has no ipc entry' 'exposures.host-ipc is refuse, the default' \
        "'near' in /etc/ipcguard/allowlist.d/near.json: expired on 2020-01-01" 'engine is unknown, wanted kubernetes' \
        'namespace is not known' 'does not allow host-ipc' 'policy: the same today' 'today: refuse' '--shm-size'
    [[ ${out%%"'far'"*} == *"'near'"* ]] || complain "the nearest is not first: $out"
    settings '.exposures = { "host-ipc": "warn" }'
    ipcguard explain "$ID" --format json
    jq -e '.today == "warn" and .policy.changed and .record.decision == "refuse" and (.nearly | map(.exception)) == ["near", "far"]
        and (.rules[0].rule | contains("it was refuse then"))' "$OUT"
    last_record >"$BATS_TEST_TMPDIR/record"
    STDIN=$BATS_TEST_TMPDIR/record ipcguard explain --record -
    says 'today: warn' "$ID"
}

@test "explain looks at a container without a record, and says which it could mean" {
    settings '.log.record = "notable"'
    next_id
    bundle "$ID"
    create "$ID"
    assert_private "$ID"
    rm -f "$RECORDS"
    ipcguard explain "$ID" --root "$ROOT"
    [ "$status" = 0 ]
    says 'decision: allow' 'exposures: none'
    ipcguard explain nobody
    [ "$status" = 1 ]
    [[ -z $out && $err == *"no record of 'nobody'"* ]]
    sharing
    sharing
    ipcguard explain "ig-$RT"
    [ "$status" = 1 ]
    [[ -z $out && $err == *'several containers'*"$ID"* ]]
}

@test "the example suite holds, also for a caller who is not root, and a change of policy is found" {
    local policy=$BATS_TEST_TMPDIR/policy
    cp -r "$TESTS_DIR/../docs/examples/policy" "$policy"
    cp "$IPCGUARD" "$BATS_TEST_TMPDIR/ipcguard"
    chmod -R go=u-w "$policy" "$BATS_TEST_TMPDIR/ipcguard"
    chmod go+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "$(dirname "$BATS_TEST_TMPDIR")"
    ipcguard test "$policy/tests.json" --policy "$policy"
    [ "$status" = 0 ] || complain "$out$err"
    says $'1..9\nok 1 - '
    chown -R 65534 "$policy"
    capture setpriv --reuid 65534 --clear-groups "$BATS_TEST_TMPDIR/ipcguard" test "$policy/tests.json" --policy "$policy"
    [ "$status" = 0 ] || complain "$out$err"
    [[ $out != *'not ok'* ]]
    capture setpriv --reuid 65534 --clear-groups "$BATS_TEST_TMPDIR/ipcguard" validate \
        --config "$policy/config.json" --allowlist "$policy/allowlist.d"
    [ "$status" = 0 ] || complain "$out$err"

    chown -R 0 "$policy"
    sed -i 's/"nvcr.io/"*/' "$policy/allowlist.d/gpu.json"
    ipcguard test "$policy/tests.json" --policy "$policy"
    [ "$status" = 1 ]
    says 'ok 2 - ' "not ok 3 - ... nor from another registry: expected refuse, is allow by 'gpu-mps'" 'ok 9 - '
}

@test "a faulty policy, faulty cases and a bundle that cannot be judged fail the run" {
    local cases=$BATS_TEST_TMPDIR/cases.json
    printf '{ "cases": [ { "name": "a # TODO", "bundle": "nowhere", "expect": "refuse" } ] }' >"$cases"
    chmod 644 "$cases"
    ipcguard test "$cases"
    [ "$status" = 1 ]
    says '1..1' 'not ok 1 - a \# TODO: the bundle could not be judged'
    ipcguard test "$cases" --policy /nowhere
    [ "$status" = 1 ]
    [[ -z $out && -n $err ]]
    exception broken.json '.bogus = 1'
    ipcguard test "$cases"
    [ "$status" = 1 ]
    [[ $err == *"broken.json:"*"bogus"* && $out != *1..1* ]]
    rm "$POLICY/allowlist.d/broken.json"
    printf '{ "cases": [\n { "name": "a", "expect": "deny", "bundle": "x" } ] }' >"$cases"
    ipcguard test "$cases"
    [ "$status" = 1 ]
    [[ $err == "$cases:2:"*"expect is 'deny'"* ]]
}

@test "wrong usage of the operator's commands" {
    local arguments
    for arguments in 'report --format xml' 'report --since yesterday' 'report extra' 'suggest --kind host-pid' 'explain' \
        'explain x --record y' 'explain x --format xml' 'test' 'test x --policy'; do
        # shellcheck disable=SC2086
        ipcguard $arguments
        [ "$status" = 2 ] || complain "ipcguard $arguments: exit $status"
        [ -z "$out" ] && [ -n "$err" ] || complain "ipcguard $arguments: $out"
    done
}
