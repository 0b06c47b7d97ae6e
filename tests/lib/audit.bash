# shellcheck shell=bash disable=SC2154 # lib/common.bash sets what it tells
# The audit of a host on which others run containers too: what is said of ours.

# audit [FORMAT]: its output in $OUT. Its exit status is that of the whole host, so it is held against what it printed.
audit() {
    capture "$IPCGUARD" audit --format "${1:-json}"
    [ "${1:-json}" = json ] || return 0
    local expected
    expected=$(jq 'if .summary.findings > 0 then 1 elif .problems != [] or any(.controls[]; .error > 0) then 2 else 0 end' "$OUT")
    [ "$status" = "$expected" ] || complain "exit $status: $out$err"
}

# told ID FILTER…: what the last audit says of a container, which it tells of once, satisfies them.
told() {
    local filter one
    one=$(jq --arg id "$1" '[.containers[] | select(.container.id == $id)] | if length == 1 then .[0] else error("not told of once") end' "$OUT") || return
    for filter in "${@:2}"; do jq -e "$filter" <<<"$one" >/dev/null || complain "not $filter: $one" || return; done
}
