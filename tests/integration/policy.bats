#!/usr/bin/env bats
# Settings, allowlist, exceptions: what grants, what does not, and what happens when a file is broken.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }
teardown() { delete_containers; }

sharing() {
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    create "$ID"
}

private_still_runs() {
    next_id
    bundle "$ID"
    create "$ID"
    assert_private "$ID"
}

sharing_refused() {
    sharing
    assert_refused "$ID"
    record_says '"decision":"refuse"' '"kind":"host-ipc"'
}

# Broken settings refuse every new container, and say why in the record where one can be written.
refused_by_settings() {
    local begin=${1:-}
    rm -f "$RECORDS"
    next_id
    bundle "$ID"
    create "$ID"
    assert_refused "$ID"
    [[ $err == *"$begin"* ]]
    [ ! -e "$RECORDS" ] || record_says '"decision":"refuse"' '"error":{"kind":"invalid-policy"'
}

granted() {
    next_id
    exception grant.json "$1"
    bundle "$ID" "$WITHOUT_IPC"
    create "$ID"
    assert_shares_host "$ID"
    record_is '.decision == "allow" and .exposures[0].kind == "host-ipc" and .exposures[0].action == "excepted"
        and .exposures[0].exception == "test-exception"'
}

not_granted() {
    exception grant.json "$1"
    sharing_refused
}

by_id() {
    granted ".match = { engine: \"unknown\", id: \"ig-$RT-*\" }"
    granted ".match = { engine: \"unknown\", id: [\"nothing\", \"ig-?*x\"] }"
    granted ".match = { engine: \"unknown\", bundle: \"$BATS_TEST_TMPDIR/*\" }"
    granted ".match = { engine: \"unknown\", bundle: \"/*\", id: \"ig-*\" } | .expires = \"2999-12-31\" | .owner = \"tests\""
    granted ".match = { engine: \"unknown\", id: \"ig-*\" } | .expires = \"$(date -u +%F)\""
}

@test "exceptions by id and bundle, for an unknown engine" {
    for_each_runtime by_id
}

by_something_else() {
    not_granted '.match = { engine: "unknown", id: "other-*" }'
    not_granted '.match = { engine: "unknown", id: "ig" }'
    not_granted '.match = { engine: "unknown", id: "IG-*" }'
    not_granted '.match = { engine: "unknown", bundle: "/elsewhere/*" }'
    not_granted '.match = { engine: "unknown", id: "ig-*", bundle: "/elsewhere/*" }'
    not_granted '.match = { engine: "unknown", id: [] }'
    not_granted '.match = { engine: "unknown", name: "*" }'
    not_granted '.match = { engine: "unknown", image: "*" }'
    not_granted '.match = { engine: "docker", name: "*" }'
    not_granted '.match = { engine: "docker", id: "*" }'
    not_granted '.match = { engine: "podman", name: "*" }'
    not_granted '.match = { engine: "kubernetes", namespace: "*" }'
    not_granted '.match = { engine: "containerd", id: "*" }'
}

@test "exceptions that must not match" {
    for_each_runtime by_something_else
}

forged() {
    local engine
    jq -n '{ exceptions: [
        { name: "k", reason: "r", allow: ["host-ipc"], match: { engine: "kubernetes", namespace: "*" } },
        { name: "d", reason: "r", allow: ["host-ipc"], match: { engine: "docker", name: "*" } },
        { name: "p", reason: "r", allow: ["host-ipc"], match: { engine: "podman", name: "*" } } ] }' >"$POLICY/allowlist.d/forged.json"
    next_id
    bundle "$ID" "$WITHOUT_IPC"' | .annotations = {
        "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "s", "io.kubernetes.cri.container-name": "c",
        "io.kubernetes.cri.sandbox-namespace": "kube-system", "io.kubernetes.cri.sandbox-name": "p", "io.kubernetes.cri.image-name": "i",
        "io.kubernetes.cri-o.Namespace": "kube-system", "io.podman.annotations.name": "p", "io.container.manager": "libpod",
        "com.docker.name": "d", "engine": "kubernetes" }'
    export CONTAINERD_NAMESPACE=k8s.io ENGINE=docker container=podman IPCGUARD_MODE=audit
    create "$ID"
    assert_refused "$ID"
    record_is '.container.engine == "unknown" and .container.namespace == null and .container.pod == null and .mode == "enforce"'
    # A state directory that only looks like an engine's does not make an engine either.
    for engine in "$BATS_TEST_TMPDIR/docker/runtime-runc/moby" "$BATS_TEST_TMPDIR/run/containerd/runc/k8s.io"; do
        mkdir -p "$engine"
        capture "$GUARDED" --root "$engine" create --bundle "$(bundle_of "$ID")" "$ID"
        assert_refused "$ID"
        record_is '.container.engine == "unknown"'
    done
}

@test "annotations, environment and look-alike paths make no engine" {
    for_each_runtime forged
}

expired() {
    not_granted '.match = { engine: "unknown", id: "ig-*" } | .expires = "2020-02-29"'
    [[ $err == *expired* && $err == *test-exception* ]]
    not_granted ".match = { engine: \"unknown\", id: \"ig-*\" } | .expires = \"$(date -u -d '2 days ago' +%F)\""
    [[ $err == *expired* ]]
    # Another exception that still holds is enough.
    exception more.json '.name = "later" | .match = { engine: "unknown", id: "ig-*" }'
    sharing
    assert_shares_host "$ID"
    record_is '.exposures[0].exception == "later"'
    rm "$POLICY/allowlist.d/more.json"
}

@test "an expired exception is absent, and the refusal says so" {
    for_each_runtime expired
}

other_exposure() {
    not_granted '.match = { engine: "unknown", id: "ig-*" } | .allow = ["foreign-ipc"]'
    not_granted '.match = { engine: "unknown", id: "ig-*" } | .allow = ["host-shm", "host-mqueue"]'
    private_still_runs
}

@test "an exception for another exposure does not help" {
    for_each_runtime other_exposure
}

audit() {
    settings '.mode = "audit"'
    sharing
    assert_shares_host "$ID"
    [ -z "$err$out" ]
    record_is '.decision == "refuse" and .mode == "audit" and .gate == "create" and .exposures[0].kind == "host-ipc"'
    next_id
    bundle "$ID"
    sed -i 's/^{/{"ociVersion":"1.0.2",/' "$(bundle_of "$ID")/config.json"
    create "$ID"
    [ "$status" = 0 ]
    record_is '.decision == "refuse" and .mode == "audit" and .error.kind == "ambiguous-config"'
}

@test "audit mode runs everything and records what it would have refused" {
    for_each_runtime audit
}

chosen_actions() {
    settings '.exposures = { "host-ipc": "warn" }'
    sharing
    assert_shares_host "$ID"
    record_is '.decision == "warn" and .exposures[0].action == "warn"'
    settings '.exposures = { "host-ipc": "allow" }'
    sharing
    assert_shares_host "$ID"
    record_is '.decision == "allow" and .exposures[0].action == "allow"'
    settings '.exposures = { "foreign-ipc": "allow" }'
    sharing_refused
}

@test "settings choose what an exposure leads to" {
    for_each_runtime chosen_actions
}

broken_allowlist_file() {
    local way
    exception good.json '.match = { engine: "unknown", id: "ig-*" }'
    for way in 'echo "{"' 'printf ""' 'echo "{}"' 'echo "[]"' 'jq ".exceptions[0].bogus = 1" good.json' 'jq "del(.exceptions[0].reason)" good.json' \
        'jq "del(.exceptions[0].name)" good.json' 'jq "del(.exceptions[0].allow)" good.json' 'jq ".exceptions[0].match = {}" good.json' \
        'jq ".exceptions[0].match = {engine: \"unknown\"}" good.json' 'jq "del(.exceptions[0].match.engine)" good.json' \
        'jq ".exceptions[0].match.engine = \"rkt\"" good.json' 'jq ".exceptions[0].allow = [\"everything\"]" good.json' \
        'jq ".exceptions[0].expires = \"soon\"" good.json' 'jq ".exceptions[0].expires = \"2027-02-30\"" good.json' \
        'jq ".exceptions[0].match.id = 5" good.json' 'head -c 5000000 /dev/zero' 'cat good.json; echo x'; do
        (cd "$POLICY/allowlist.d" && eval "$way" >broken-"$RT".json)
        echo "# broken by: $way"
        mv "$POLICY/allowlist.d/good.json" "$POLICY/good"
        sharing_refused
        [[ $err == *"broken-$RT.json"* ]] || complain "the broken file is not named: $err"
        mv "$POLICY/good" "$POLICY/allowlist.d/good.json"
    done
    for way in '{' '[]' '{"exceptions":[{"name":"x"}]}'; do
        echo "$way" >"$POLICY/allowlist.d/broken-$RT.json"
        private_still_runs
        sharing
        assert_shares_host "$ID"
    done
    rm "$POLICY"/allowlist.d/*
}

@test "a broken allowlist file grants nothing, is named, and leaves the others alone" {
    for_each_runtime broken_allowlist_file
}

# judge_while_replacing FILE: while FILE is replaced 400 times by rename(2), in turn with FILE.old and FILE.new, container
# $ID is asked for over and over, with a runtime that does nothing. $OUT has exit status and message of each.
judge_while_replacing() {
    local texts replacing=$BATS_TEST_TMPDIR/replacing times
    texts=("$(<"$1.old")" "$(<"$1.new")")
    : >"$replacing"
    (for ((times = 0; times < 400; times++)); do
        printf '%s\n' "${texts[times % 2]}" >"$1.tmp"
        mv -T "$1.tmp" "$1"
    done; rm "$replacing") 3>&- &
    capture bash -c 'while [ -e "$1" ]; do said=$("${@:2}" 2>&1) && echo 0 || echo "$? $said"; done' judge "$replacing" \
        "$SHIM" create --bundle "$(bundle_of "$ID")" "$ID"
    [ "$status" = 0 ] && wait $!
}

# policy_is VERSION FILE FILTER: with FILE.VERSION in its place the record satisfies FILTER; leaves the policy's hash in $hash.
policy_is() {
    cp "$2.$1" "$2"
    capture "$SHIM" create --bundle "$(bundle_of "$ID")" "$ID"
    record_is "$3"
    hash=$(last_record | jq -r .policy)
}

# replaced_meanwhile FILE OLD NEW: whatever the moment, the decision is that of one of the two policies, and its hash too.
replaced_meanwhile() {
    local old new
    next_id
    bundle "$ID" "$WITHOUT_IPC"
    policy_is old "$1" "$2"
    old=$hash
    policy_is new "$1" "$3"
    new=$hash
    [ "$old" != "$new" ]
    rm "$RECORDS"
    judge_while_replacing "$1"
    # Nothing else is said: no file that grants nothing, no settings that are broken.
    [ -z "$(grep -vxE "0|1 .*ipcguard: refused: container '$ID': host-ipc: [^;]*; leave out .*" "$OUT")" ]
    grep -q '^0' "$OUT" && grep -q '^1' "$OUT"
    [ "$(wc -l <"$RECORDS")" = "$(wc -l <"$OUT")" ]
    jq -e --arg old "$old" --arg new "$new" -n "all(inputs; .error == null and if .policy == \$old then $2 else .policy == \$new and ($3) end)" <"$RECORDS"
}

@test "an allowlist file that is replaced by rename(2) is the old one or the new one" {
    use_runtime runc
    settings '.runtimes.default = "/bin/true"'
    exception moving.json.old '.match = { engine: "unknown", id: "ig-*" }'
    exception moving.json.new '.match = { engine: "unknown", id: "other-*" }'
    replaced_meanwhile "$POLICY/allowlist.d/moving.json" '.decision == "allow" and .exposures[0].exception == "test-exception"' \
        '.decision == "refuse" and .exposures[0].exception == null'
}

@test "settings that are replaced by rename(2) are the old ones or the new ones" {
    use_runtime runc
    settings '.runtimes.default = "/bin/true" | .exposures = { "host-ipc": "warn" }'
    mv "$POLICY/config.json" "$POLICY/config.json.old"
    settings '.runtimes.default = "/bin/true"'
    mv "$POLICY/config.json" "$POLICY/config.json.new"
    replaced_meanwhile "$POLICY/config.json" '.decision == "warn"' '.decision == "refuse"'
}

mistrusted_allowlist_file() {
    local way
    for way in 'chmod 666 mine.json' 'chmod 664 mine.json' 'chmod 646 mine.json' 'chown 1000 mine.json' \
        'mv mine.json /etc/other; mkfifo mine.json' 'mv mine.json /etc/other; mkdir mine.json' 'mv mine.json /etc/other; ln -s /dev/zero mine.json'; do
        rm -rf "$POLICY/allowlist.d/mine.json"
        exception mine.json '.match = { engine: "unknown", id: "ig-*" }'
        inside sh -c 'cd /etc/ipcguard/allowlist.d && '"$way"
        echo "# mistrusted by: $way"
        private_still_runs
        sharing_refused
        [[ $err == *mine.json* ]] || complain "the file is not named: $err"
    done
    rm -rf "$POLICY/allowlist.d/mine.json" "$PRIVATE/etc/other"
    exception mine.json '.match = { engine: "unknown", id: "ig-*" }'
    chmod 777 "$POLICY/allowlist.d"
    sharing
    [ "$status" = 1 ] || complain 'exceptions from a directory that anybody can write to were believed'
    chmod 755 "$POLICY/allowlist.d"
    rm "$POLICY/allowlist.d/mine.json"
}

@test "an allowlist file that others can write to grants nothing" {
    for_each_runtime mistrusted_allowlist_file
}

ignored_files() {
    exception ignored.json.bak '.match = { engine: "unknown", id: "ig-*" }'
    exception .hidden.json.swp '.match = { engine: "unknown", id: "ig-*" }'
    echo 'notes' >"$POLICY/allowlist.d/README"
    sharing_refused
    [[ $err != *README* ]]
    rm -r "$POLICY/allowlist.d"
    sharing_refused
    mkdir "$POLICY/allowlist.d"
}

@test "only files that end in .json are read, and none is needed" {
    for_each_runtime ignored_files
}

broken_settings() {
    local way
    exception good.json '.match = { engine: "unknown", id: "ig-*" }'
    for way in '.bogus = 1' '.mode = "off"' '.mode = null' '.exposures = { "host-ipc": "maybe" }' '.exposures = { everything: "allow" }' \
        '.log.record = "some"' '.log.file = 5' '.runtimes = []' '.runtimes.default = 1' '.runtimes.default = "runc"' '[.]' \
        '.engines = { docker_data_root: 5 }'; do
        settings "$way"
        echo "# broken by: $way"
        refused_by_settings /etc/ipcguard/config.json
    done
    settings . && sed -i 's/^{/{ "mode": "audit",/' "$POLICY/config.json"
    refused_by_settings /etc/ipcguard/config.json
    : >"$POLICY/config.json"
    refused_by_settings /etc/ipcguard/config.json
    settings . && printf '}' >>"$POLICY/config.json"
    refused_by_settings /etc/ipcguard/config.json
    settings . && chmod 666 "$POLICY/config.json"
    refused_by_settings /etc/ipcguard/config.json
    settings . && chmod 620 "$POLICY/config.json"
    refused_by_settings /etc/ipcguard/config.json
    settings . && chown 1000:1000 "$POLICY/config.json"
    refused_by_settings /etc/ipcguard/config.json
    rm "$POLICY/config.json" && mkdir "$POLICY/config.json"
    refused_by_settings /etc/ipcguard/config.json
    rmdir "$POLICY/config.json" && mkfifo "$POLICY/config.json"
    refused_by_settings /etc/ipcguard/config.json
    rm "$POLICY/config.json" && ln -s /dev/zero "$POLICY/config.json"
    refused_by_settings /etc/ipcguard/config.json
    rm "$POLICY/config.json"
    settings .
    private_still_runs
}

@test "broken or mistrusted settings refuse new containers" {
    for_each_runtime broken_settings
}

@test "missing settings are the defaults" {
    use_runtime runc
    rm "$POLICY/config.json"
    private_still_runs
    sharing
    assert_refused "$ID"
    rm -r "$POLICY"
    private_still_runs
    sharing
    assert_refused "$ID"
}

@test "comments are allowed in settings" {
    use_runtime runc
    sed -i '1i // the settings of this host' "$POLICY/config.json"
    private_still_runs
    sharing_refused
}

no_such_runtime() {
    settings ".runtimes.default = \"$1\""
    next_id
    bundle "$ID"
    create "$ID"
    assert_refused "$ID"
    # Handing over a question must end too.
    capture "$GUARDED" --root "$ROOT" state "$ID"
    [ "$status" != 0 ] && [ "$status" != 124 ] && [ "$status" != 137 ]
    [ ! -s "$OUT" ]
}

@test "the runtime must not be the shim itself" {
    use_runtime runc
    cp "$SHIM" "$BATS_TEST_TMPDIR/shim"
    GUARDED=$BATS_TEST_TMPDIR/shim
    ln "$BATS_TEST_TMPDIR/shim" "$BATS_TEST_TMPDIR/hard"
    ln -s shim "$BATS_TEST_TMPDIR/soft"
    cp "$SHIM" "$BATS_TEST_TMPDIR/copy"
    for way in shim hard soft copy; do
        no_such_runtime "$BATS_TEST_TMPDIR/$way"
    done
}

@test "a runtime that is missing or no program is refused" {
    use_runtime runc
    no_such_runtime /nowhere/runc
    no_such_runtime /etc
    no_such_runtime /dev/null
}

@test "a name that the settings do not know is refused" {
    use_runtime runc
    ln -s "$SHIM" "$BATS_TEST_TMPDIR/ipcguard-runtime.youki"
    GUARDED=$BATS_TEST_TMPDIR/ipcguard-runtime.youki
    next_id
    bundle "$ID"
    create "$ID"
    assert_refused "$ID"
    [[ $err == *youki* ]]
}

@test "mistrusted settings do not choose a program to run" {
    use_runtime runc
    printf '#!/bin/sh\n: >%s\n' "$BATS_TEST_TMPDIR/ran" >"$BATS_TEST_TMPDIR/evil"
    chmod 755 "$BATS_TEST_TMPDIR/evil"
    settings ".runtimes.default = \"$BATS_TEST_TMPDIR/evil\""
    capture "$SHIM" state x
    [ -e "$BATS_TEST_TMPDIR/ran" ]
    rm "$BATS_TEST_TMPDIR/ran"
    chown 1000 "$POLICY/config.json"
    capture "$SHIM" state x
    [ ! -e "$BATS_TEST_TMPDIR/ran" ]
    settings ".runtimes.default = \"$BATS_TEST_TMPDIR/evil\""
    chown 0 "$POLICY/config.json"
    chmod 666 "$POLICY/config.json"
    capture "$SHIM" state x
    [ ! -e "$BATS_TEST_TMPDIR/ran" ]
}
