#!/bin/bash
# scenarios_check.sh IPCGUARD FIXTURES: each scenario through `ipcguard check`, whose decision, exposures, error and exit
# status must be what its expect.json says.
set -euo pipefail

if [ "${3:-}" != private ]; then exec unshare --mount --propagation private -- "$0" "$1" "$2" private; fi
ipcguard=$1 fixtures=$2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bundle"

# No policy but the defaults: whatever is in /etc/ipcguard is hidden. And a /dev that is the same on every machine, as
# unit/scenarios_test.cpp makes it too.
if [ -d /etc/ipcguard ]; then mount -t tmpfs -o mode=0755 none /etc/ipcguard; fi
touch "$work/null"
mount --bind /dev/null "$work/null"
mount -t tmpfs -o mode=0755 none /dev
touch /dev/null
mount --move "$work/null" /dev/null
mkdir /dev/shm /dev/mqueue /dev/shmx
mount -t tmpfs none /dev/shm
mount -t mqueue none /dev/mqueue
mkdir /dev/shm/folder
touch /dev/shm/folder/file
ln -s shm /dev/link-to-shm
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin

for scenario in "$fixtures"/[0-9][0-9][0-9]-*/; do
    # What is checked must be root's, whoever owns the working copy.
    install -m 0644 -o root -g root "$scenario/config.json" "$work/bundle/config.json"
    status=0
    record=$("$ipcguard" check --format json --bundle "$work/bundle" 2>"$work/stderr") || status=$?
    # One object a line, or jq below complains.
    [ "$(wc -l <<<"$record")" = 1 ] || record='{"decision":"more than one line"}'
    [ ! -s "$work/stderr" ] || record='{"decision":"something on stderr"}'
    printf '{"name":"%s","status":%d,"got":%s,"want":%s}\n' \
        "$(basename "$scenario")" "$status" "${record:-null}" "$(<"$scenario/expect.json")"
done >"$work/results"

jq -nr --argjson count "$(find "$fixtures" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' | wc -l)" '
    [inputs | . as {$name, $got, $want}
        | {decision: $got.decision, exposures: ([$got.exposures[]?.kind] | unique), error: $got.error?.kind?, exit: .status} as $seen
        | {decision: $want.decision, exposures: ($want.exposures | unique), error: $want.error,
           exit: (if $want.decision == "refuse" then 1 else 0 end)} as $wanted
        | {$name, same: ($seen == $wanted), $seen, $wanted, detail: $got.error?.detail?}]
    | (.[] | select(.same | not) | "\(.name): \(.seen | tojson) \(.detail // "")\n  should be \(.wanted | tojson)"),
      "\(map(select(.same)) | length) of \($count) scenarios are judged as they should be",
      if length == $count and $count > 0 and all(.same) then empty else error("see above") end' "$work/results"
