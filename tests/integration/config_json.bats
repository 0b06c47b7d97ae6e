#!/usr/bin/env bats
# config.json as no engine writes it: refused in one clear line, quickly, with nothing created.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }
teardown() { delete_containers; }

# strange KIND COMMAND…: its output, given a good config.json, becomes the container's; the container must be refused
# with that kind of error, or with any.
strange() {
    local kind=$1 good
    shift
    next_id
    bundle "$ID"
    good=$(<"$(bundle_of "$ID")/config.json")
    "$@" <<<"$good" >"$(bundle_of "$ID")/config.json"
    echo "# $*"
    create "$ID"
    assert_refused "$ID"
    record_says '"decision":"refuse"'
    [ "$kind" = any ] || record_says '"error":{"kind":"'"$kind"'"'
    rm -r "$(bundle_of "$ID")"
}

# prepend TEXT: members in front of all others of the top object; append TEXT: behind them.
prepend() { sed "s|^{|{$1,|"; }
append() { tr -d '\n' | sed "s|}\$|,$1}|"; }
replace() { tr -d '\n' | sed "s|$1|$2|"; }

duplicates() {
    local host='"linux":{"namespaces":[{"type":"pid"},{"type":"mount"}]}'
    strange ambiguous-config prepend "$host"
    strange ambiguous-config append "$host"
    strange ambiguous-config append '"linux":null'
    strange ambiguous-config append '"linux":{}'
    strange ambiguous-config prepend '"ociVersion":"1.0.2"'
    strange ambiguous-config append '"\\u006cinux":{"namespaces":[]}'
    strange ambiguous-config replace '"linux":{' '"linux":{"namespaces":[],'
    strange ambiguous-config replace '"namespaces":\(\[[^]]*\]\)' '"namespaces":\1,"namespaces":[]'
    strange ambiguous-config replace '{"type":"ipc"}' '{"type":"ipc","type":"pid"}'
    strange ambiguous-config replace '{"type":"ipc"}' '{"type":"pid","type":"ipc"}'
    strange ambiguous-config replace '{"type":"ipc"}' '{"type":"ipc","path":"/proc/1/ns/ipc","path":""}'
    strange ambiguous-config append '"annotations":{"a":"1","a":"2"}'
    strange ambiguous-config append '"x":{"y":[{"z":1,"z":1}]}'
}

@test "duplicate keys, anywhere" {
    for_each_runtime duplicates
}

folded() {
    strange ambiguous-config replace '"linux":' '"Linux":'
    strange ambiguous-config replace '"linux":' '"LINUX":'
    strange ambiguous-config append '"Linux":{"namespaces":[]}'
    strange ambiguous-config replace '"namespaces":' '"nameſpaces":'
    strange ambiguous-config replace '"namespaces":' '"Namespaces":[],"namespaces":'
    strange ambiguous-config replace '"linux":{' '"linux":{"nameſpaces":[],'
    strange ambiguous-config replace '"linux":{' '"linux":{"name\\u017fpaces":[],'
    strange ambiguous-config replace '{"type":"ipc"}' '{"Type":"ipc"}'
    strange ambiguous-config replace '{"type":"ipc"}' '{"type":"ipc","Path":"/proc/1/ns/ipc"}'
    strange ambiguous-config replace '{"type":"ipc"}' '{"type":"ipc","PATH":"/proc/1/ns/ipc"}'
}

@test "keys that fold to one that is read" {
    for_each_runtime folded
}

nul_key() { sed 's/"linux":{/"linux":{"namespaces\\u0000":[],/'; }
nul_path() { sed 's/{"type":"ipc"}/{"type":"ipc","path":"\\u0000x"}/'; }
nul_type() { sed 's/{"type":"ipc"}/{"type":"ipc\\u0000"}/'; }
nul_end() { cat && printf '\0'; }
nul_rest() { cat && printf '\0,"linux":{}'; }
nul_begin() { printf '\0' && cat; }
nul_inside() { sed 's/"ociVersion"/"oci\x00Version"/'; }
nul_elsewhere() { sed 's/"hostname":"test"/"hostname":"te\\u0000st"/'; }

nul_bytes() {
    local way
    for way in nul_key nul_path nul_type nul_end nul_rest nul_begin nul_inside nul_elsewhere; do
        strange any "$way"
    done
}

@test "NUL, as a byte and as an escape" {
    for_each_runtime nul_bytes
}

byte_order_mark() { printf '\xef\xbb\xbf' && cat; }
utf16() { iconv -f UTF-8 -t UTF-16; }
utf32() { iconv -f UTF-8 -t UTF-32LE; }
overlong() { sed 's/"test"/"te\xc0\x80st"/'; }
surrogate() { sed 's/"test"/"te\xed\xa0\x80st"/'; }
latin1() { sed 's/"test"/"t\xe9st"/'; }
bad_key() { sed 's/"hostname"/"host\xffname"/'; }
lone_escape() { sed 's/"test"/"te\\ud800st"/'; }
control() { sed 's/"test"/"te\x01st"/'; }

encodings() {
    local way
    for way in byte_order_mark utf16 utf32 overlong surrogate latin1 bad_key lone_escape control; do
        strange any "$way"
    done
}

@test "encodings other than plain UTF-8" {
    for_each_runtime encodings
}

line_comment() { echo '// a comment' && cat; }
block_comment() { sed 's|"linux":|/* "linux":{} */"linux":|'; }
hash_comment() { echo '# a comment' && cat; }
second_value() { cat && echo '{}'; }
garbage() { cat && echo 'x'; }
closing() { cat && echo '}'; }
array() { echo '[' && cat && echo ']'; }
truncated() { head -c -20; }
nothing() { :; }
blank() { echo; }
scalar() { echo "$SCALAR"; }
trailing_comma() { tr -d '\n' | sed 's/}$/,}/'; }
single_quotes() { tr '"' "'"; }
bare_key() { sed 's/"hostname"/hostname/'; }
not_a_number() { sed 's/"test"/NaN/'; }
huge_number() { append '"x":1e999999'; }

syntax() {
    local way
    for way in line_comment block_comment hash_comment second_value garbage closing array truncated nothing blank \
        trailing_comma single_quotes bare_key not_a_number huge_number; do
        strange any "$way"
    done
    for SCALAR in null true 5 '"text"' '[]'; do strange any scalar; done
}

@test "comments, text behind the value, broken syntax" {
    for_each_runtime syntax
}

types() {
    local list='"namespaces":\[[^]]*\]' value
    for value in null 5 '"ipc"' true '[]'; do strange any replace '"linux":{.*}' "\"linux\":$value}"; done
    for value in null 5 '"ipc"' true '{}' '{"type":"ipc"}' '["ipc"]' '[null]' '[[]]' '[5]' '[{"type":"ipc"},null]'; do
        strange any replace "$list" "\"namespaces\":$value"
    done
    for value in '{"type":null}' '{"type":5}' '{"type":["ipc"]}' '{"type":{}}' '{"path":"/proc/1/ns/ipc"}' \
        '{"type":"ipc","path":null}' '{"type":"ipc","path":5}' '{"type":"ipc","path":[]}' '{"type":"ipc","path":false}'; do
        strange any replace '{"type":"ipc"}' "$value"
    done
}

@test "null and wrong types where we read" {
    for_each_runtime types
}

# Entries that look like ipc to a hasty reader, and are none.
lookalikes() {
    local value
    for value in IPC Ipc ipcs 'ipc ' ' ipc' іpc; do
        next_id
        bundle "$ID" "(.linux.namespaces[] | select(.type == \"ipc\")).type = \"$value\" | del(.mounts[] | select(.type == \"mqueue\"))"
        create "$ID"
        assert_refused "$ID"
        record_says '"decision":"refuse"'
    done
}

@test "namespace types that only look like ipc" {
    for_each_runtime lookalikes
}

deep_array() {
    tr -d '\n' | sed 's/}$/,"x":/' && head -c 100000 /dev/zero | tr '\0' '[' && head -c 100000 /dev/zero | tr '\0' ']' && echo '}'
}
deep_object() { head -c 100000 /dev/zero | sed 's/\x00/{"a":/g' && echo 1 && head -c 100000 /dev/zero | tr '\0' '}'; }
open_array() { head -c 100000 /dev/zero | tr '\0' '['; }
big() { tr -d '\n' | sed 's/}$/,"x":"/' && head -c 20000000 /dev/zero | tr '\0' x && echo '"}'; }
big_blank() { cat && head -c 20000000 /dev/zero | tr '\0' ' '; }
big_number() { tr -d '\n' | sed 's/}$/,"x":/' && head -c 20000000 /dev/zero | tr '\0' 1 && echo '}'; }

deep_and_big() {
    local way
    for way in deep_array deep_object open_array big big_blank big_number; do
        strange any "$way"
    done
    next_id
    bundle "$ID"
    truncate -s 1T "$(bundle_of "$ID")/config.json"
    create "$ID"
    assert_refused "$ID"
}

@test "deep nesting and huge files" {
    for_each_runtime deep_and_big
}

# special COMMAND: a shell command makes config.json, in the bundle.
special() {
    next_id
    bundle "$ID"
    (cd "$(bundle_of "$ID")" && mv config.json good.json && eval "$1")
    echo "# $1"
    create "$ID"
    assert_refused "$ID"
    record_says '"decision":"refuse"'
    rm -r "$(bundle_of "$ID")"
}

special_files() {
    local way
    for way in 'mkfifo config.json' 'mkdir config.json' 'ln -s /dev/zero config.json' 'ln -s /dev/stdin config.json' \
        'ln -s config.json config.json' 'ln -s nowhere config.json' 'mknod config.json c 1 5' 'mknod config.json c 5 0' \
        'mknod config.json b 7 7' ':' 'ln -s /proc/kmsg config.json' 'ln -s /proc/self/fd/0 config.json' \
        'cp good.json config.json; chmod 666 config.json' 'cp good.json config.json; chmod 646 config.json' \
        'cp good.json config.json; chgrp 1000 config.json; chmod 664 config.json' 'cp good.json config.json; chown 1000 config.json'; do
        special "$way"
    done
}

@test "special, missing and mistrusted files in place of config.json" {
    for_each_runtime special_files
}

no_directory() {
    local directory
    : >"$BATS_TEST_TMPDIR/file-$RT"
    for directory in /nowhere "$BATS_TEST_TMPDIR/file-$RT" /dev/null /proc/self "/$(printf '%05000d' 0)"; do
        next_id
        guarded create --bundle "$directory" "$ID"
        assert_refused "$ID"
    done
}

@test "bundles that are no directory" {
    for_each_runtime no_directory
}

# What is unusual but read alike by everybody stays allowed.
harmless() {
    local filter
    for filter in '.annotations = { a: "1", A: "2", "nameſpaces": "x", Linux: "y", "": "z" }' \
        '.["x-extension"] = { deep: [[[[[[1.5e3, -0, null, true]]]]]], "ключ": "значение 🚢" }' '.hostname = "te\u00e9st"' \
        '.linux.namespaces |= reverse' '.linux.namespaces += [{ type: "cgroup" }]' '.hooks = {}' \
        '.annotations["x"] = ("y" * 300000)'; do
        next_id
        bundle "$ID" "$filter"
        create "$ID"
        assert_private "$ID"
        bare delete --force "$ID"
    done
    next_id
    bundle "$ID"
    jq --tab . "$(bundle_of "$ID")/config.json" | sed 's/"ipc"/"\\u0069\\u0070c"/; s/$/\r/' >"$BATS_TEST_TMPDIR/pretty"
    cp "$BATS_TEST_TMPDIR/pretty" "$(bundle_of "$ID")/config.json"
    create "$ID"
    assert_private "$ID"
}

@test "unusual but unambiguous documents run" {
    for_each_runtime harmless
}
