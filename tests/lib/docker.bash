# shellcheck shell=bash disable=SC2034,SC2154 # lib/common.bash sets what it tells, tests use what is set here
# Questions to Docker, for tests that have started one (docker_start in lib/common.bash).

# Runs docker with its output in files, outside of the private namespace, as a user would.
docker_capture() {
    status=0
    OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
    timeout --foreground -k 1 60 docker "$@" <"${STDIN:-/dev/null}" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
    out=$(tr -d '\0' <"$OUT") err=$(tr -d '\0' <"$ERR")
}

pid_of() { docker inspect --format '{{.State.Pid}}' "$1"; }

status_of() { docker inspect --format '{{.State.Status}}' "$1"; }

shares_host() { [ "$(ipc_of "$(pid_of "$1")")" = "$(ipc_of self)" ]; }

# refused_by_docker KIND [GATE]: `docker run` failed with our message, which is recorded too.
refused_by_docker() {
    [ "$status" = 125 ] || complain "exit $status: $err" || return
    [ -z "$out" ] || [[ $out =~ ^[0-9a-f]{64}$ ]] || complain "stdout: $out" || return
    [[ $err == *'ipcguard: refused: '* ]] || complain "our message is not visible: $err" || return
    [[ $err == *"$1"* ]] || complain "no $1: $err" || return
    record_is ".decision == \"refuse\" and .gate == \"${2:-create}\" and (.exposures | map(.kind) | index(\"$1\"))"
}

no_traces() { [ -z "$(docker_traces)" ]; }
