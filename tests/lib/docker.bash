# shellcheck shell=bash disable=SC2034,SC2154 # lib/common.bash sets what it tells, tests use what is set here
# Questions to Docker, for tests that have started one (docker_start in lib/common.bash).

# Runs docker with its output in files, outside of the private namespace, as a user would. What dockerd says it lost is run
# again; a container that was not created, or is detached, has none to lose here.
docker_capture() {
    local before tries
    for tries in 1 2 3; do
        before=$(streams_lost) status=0
        OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
        timeout --foreground -k 1 60 docker "$@" <"${STDIN:-/dev/null}" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
        out=$(tr -d '\0' <"$OUT") err=$(tr -d '\0' <"$ERR")
        [[ $1 == run && " $* " != *' --detach '* && $status != 12[567] && $(streams_lost) != "$before" ]] || return 0
        echo "# dockerd lost the output of: docker $*"
    done
}

# How many streams dockerd has closed before it opened them. On a busy machine it does that to a container that exits at once,
# and its output is lost, whatever the runtime: it deletes the task, which cancels opening the pipes that containerd has filled.
streams_lost() { grep -cs 'reading from a closed fifo' "$BATS_FILE_TMPDIR/dockerd.log" || :; }

# at_a_time COUNT: as many containers, each with its own output and exit status.
at_a_time() {
    local number pids=() before lost=0
    before=$(streams_lost)
    for ((number = 1; number <= $1; number++)); do
        docker run --rm --network none busybox sh -c "echo $number; exit $number" >"$BATS_TEST_TMPDIR/$number" 2>&1 3>&- &
        pids+=($!)
    done
    for ((number = 1; number <= $1; number++)); do
        status=0
        wait "${pids[number - 1]}" || status=$?
        out=$(<"$BATS_TEST_TMPDIR/$number")
        [ -n "$out" ] || { out=$number lost=$((lost + 1)); }
        [ "$status $out" = "$number $number" ] || complain "$number: $status $out"
    done
    ((lost <= $(streams_lost) - before)) || complain "$lost have lost their output, which dockerd knows nothing of"
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
