#!/usr/bin/env bats
# A real dockerd with the shim as its default runtime, beside the bare runc in the same daemon.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/docker

setup_file() {
    isolation_start
    docker_start
}

teardown_file() {
    docker_stop
    isolation_stop
}

setup() {
    policy_reset
    docker_settings
}

teardown() { docker_remove_all; }

# The client sometimes adds a line about its own waiting after a failure, under any runtime.
without_ids() { sed -e '/error waiting for container/d' "$1" | sed -E 's/\b[0-9a-f]{64}\b/ID/g; s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?//g'; }

# same RUN-ARGUMENTS…: the default runtime and bare runc give the same output, message and exit status.
same() {
    docker_capture run --rm --network none --runtime runc "$@"
    local bare_status=$status bare_out bare_err
    bare_out=$(without_ids "$OUT") bare_err=$(without_ids "$ERR")
    docker_capture run --rm --network none "$@"
    [ "$status" = "$bare_status" ] || complain "$*: exit $status, bare $bare_status: $err" || return
    [ "$(without_ids "$OUT")" = "$bare_out" ] || complain "$*: stdout: $out; bare: $bare_out" || return
    [ "$(without_ids "$ERR")" = "$bare_err" ] || complain "$*: stderr: $err; bare: $bare_err" || return
}

@test "the default runtime is the shim" {
    [ "$(docker info --format '{{.DefaultRuntime}}')" = ipcguard ]
    docker run --detach --network none --name one busybox sleep 1000
    [ "$(docker inspect --format '{{.HostConfig.Runtime}}' one)" = ipcguard ]
    [ "$(ipc_of "$(pid_of one)")" != "$(ipc_of self)" ]
    record_is '.decision == "allow" and .container.engine == "docker" and .runtime == "/usr/bin/runc"'
}

@test "plain runs: output and exit status as under bare runc" {
    same busybox echo hello
    [ "$out" = hello ]
    same busybox sh -c 'echo to stderr >&2; exit 7'
    [ "$status $err" = '7 to stderr' ]
    same busybox sh -c 'kill -9 $$; sh -c "kill -9 \$\$"; exit $?'
    [ "$status" = 137 ]
    same --env A=b --workdir /tmp --user 1000:1000 --hostname h busybox sh -c 'id; pwd; hostname; echo $A; umask; cat /proc/self/limits'
    same --memory 64m --pids-limit 50 --cap-drop ALL --read-only --tmpfs /t busybox grep -E 'Cap|Seccomp|NoNewPrivs' /proc/self/status
    same --ulimit nofile=77 --init busybox sh -c 'ulimit -n; ls /proc/self/fd | wc -l'
    same --volume /tmp:/mnt:ro busybox sh -c 'cut -d" " -f5,6 /proc/self/mountinfo | sort'
}

@test "errors of the runtime: the same messages and exit codes" {
    same busybox /no/such/program
    [ "$status" = 127 ]
    same busybox no-such-command
    [ "$status" = 127 ]
    same busybox /etc/not-executable
    [ "$status" = 126 ]
    same --workdir /etc/passwd busybox true
    [ "$status" != 0 ]
    same --volume /etc/passwd:/proc/self busybox true
    [ "$status" = 125 ]
    [[ $err != *ipcguard* ]]
}

@test "private, shareable and none work unchanged" {
    local mode
    for mode in private shareable none; do
        same --ipc="$mode" busybox sh -c 'cut -d" " -f5 /proc/self/mountinfo | grep -E "shm|mqueue"; cat /proc/sysvipc/shm; ls -la /dev/shm | wc -l'
        [ "$status" = 0 ]
        docker run --detach --network none --ipc="$mode" --name "ipc-$mode" busybox sleep 1000
        [ "$(ipc_of "$(pid_of "ipc-$mode")")" != "$(ipc_of self)" ]
        record_is '.decision == "allow" and .exposures == []'
    done
    same --shm-size 8m busybox sh -c 'df /dev/shm | tail -1'
}

@test "standard input and attach" {
    printf 'a\0b\nno newline' >"$BATS_TEST_TMPDIR/in"
    STDIN=$BATS_TEST_TMPDIR/in docker_capture run --rm --interactive --network none busybox cat
    cmp "$BATS_TEST_TMPDIR/in" "$OUT"
    docker run --detach --interactive --network none --name attached busybox sh -c 'read line; echo "got $line"; sleep 0.5; exit 5'
    # An input that stays open: the client drops output that comes after the end of its input.
    mkfifo "$BATS_TEST_TMPDIR/input"
    exec 9<>"$BATS_TEST_TMPDIR/input"
    echo input >&9
    status=0
    timeout 60 docker attach attached <&9 >"$BATS_TEST_TMPDIR/stdout" 3>&- || status=$?
    exec 9>&-
    [ "$status $(<"$BATS_TEST_TMPDIR/stdout")" = '5 got input' ]
}

@test "logs, exec, top, pause, stop, restart, rm" {
    docker run --detach --network none --name life busybox sh -c 'trap "echo bye; exit 3" TERM; echo begun; while :; do sleep 0.1; done'
    wait_until 60 logged life begun
    docker_capture exec life sh -c 'echo in exec; exit 4'
    [ "$status $out" = '4 in exec' ]
    docker_capture exec --user 1000 --env X=y life sh -c 'id -u; echo $X'
    [ "$out" = $'1000\ny' ]
    [[ $(docker top life) == *sleep* ]]
    docker pause life
    [ "$(docker inspect --format '{{.State.Status}}' life)" = paused ]
    docker unpause life
    docker stop --time 10 life
    [ "$(docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' life)" = 'exited 3' ]
    [ "$(docker logs life)" = $'begun\nbye' ]
    docker start life
    wait_until 60 test "$(docker inspect --format '{{.State.Status}}' life)" = running
    docker restart --time 10 life
    [ "$(docker wait life & sleep 0.2; docker kill life >/dev/null; wait)" = 137 ]
    docker rm life
    [ -z "$(docker ps --all --quiet)" ]
}
logged() { [[ $(docker logs "$1" 2>&1) == *"$2"* ]]; }

@test "restart policy" {
    # Not counted by its output, which Docker may lose (lib/docker.bash).
    docker run --detach --network none --restart on-failure:2 --volume "$BATS_TEST_TMPDIR:/mnt" --name again busybox sh -c 'echo run >>/mnt/runs; exit 1'
    wait_until 60 given_up again
    [ "$(wc -l <"$BATS_TEST_TMPDIR/runs")" = 3 ]
}
given_up() { [ "$(docker inspect --format '{{.RestartCount}} {{.State.Status}}' "$1")" = '2 exited' ]; }

@test "ten at a time" {
    at_a_time 10
}

@test "--ipc=host is refused, visibly, and leaves nothing behind" {
    wait_until 60 no_traces
    docker_capture run --network none --ipc=host --name sharing busybox sleep 1000
    refused_by_docker host-ipc
    [[ $err == *sharing* && $err == *--shm-size* ]]
    [ "$(docker inspect --format '{{.State.Status}} {{.State.Pid}}' sharing)" = 'created 0' ]
    docker_capture start sharing
    [ "$status" = 1 ]
    [[ $err == *'ipcguard: refused: '* ]]
    docker rm sharing
    docker_capture run --rm --detach --network none --ipc=host busybox true
    refused_by_docker host-ipc
    wait_until 60 no_traces || complain "left: $(docker_traces)"
}

@test "docker create, then start, is refused too" {
    docker create --network none --ipc=host --name later busybox true
    docker_capture start --attach later
    [ "$status" = 1 ]
    [[ $err == *'ipcguard: refused: '* ]]
}

@test "bare runc would have shared: these tests can tell" {
    docker run --detach --runtime runc --network none --ipc=host --name bare busybox sleep 1000
    shares_host bare
}

# allowed_only MATCH: an exception with these conditions lets the first set of run arguments through, and not the second.
excepted() {
    exception docker.json ".match = ({ engine: \"docker\" } + $1)"
    docker run --detach --network none --ipc=host --name excepted "${yes[@]}" sleep 1000
    shares_host excepted || complain 'does not share'
    record_is '.decision == "allow" and .exposures[0].kind == "host-ipc" and .exposures[0].action == "excepted"
        and .exposures[0].exception == "test-exception"'
    docker rm --force excepted
    docker_capture run --network none --ipc=host --name other "${no[@]}" sleep 1000
    refused_by_docker host-ipc
    docker rm other
}

@test "exception by image" {
    yes=(postgres:15) no=(busybox)
    excepted '{ image: "postgres:15" }'
    excepted '{ image: ["nothing", "postgres:*"] }'
    docker tag busybox registry.example/team/tool:1
    yes=(registry.example/team/tool:1)
    excepted '{ image: "registry.example/team/*" }'
}

@test "exception by name" {
    exception docker.json '.match = { engine: "docker", name: "mps-*" }'
    docker run --detach --network none --ipc=host --name mps-1 busybox sleep 1000
    shares_host mps-1
    docker_capture run --network none --ipc=host --name not-mps-1 busybox true
    refused_by_docker host-ipc
}

@test "exception by image id" {
    docker tag busybox same-image
    yes=(same-image) no=(centos)
    excepted "{ image_id: \"$(docker image inspect --format '{{.Id}}' busybox)\" }"
}

@test "exception by label, which the user may set" {
    yes=(--label team=ml --label x=y busybox) no=(--label team=web busybox)
    excepted '{ labels: { team: "ml" } }'
    no=(busybox)
    excepted '{ labels: { team: "ml", x: "*" } }'
    yes=(--label team=ml postgres:15) no=(--label team=ml busybox)
    excepted '{ labels: { team: "ml" }, image: "postgres:15" }'
}

@test "an exception that has expired, is for another engine or another exposure" {
    local filter
    for filter in '.match = { engine: "docker", image: "busybox" } | .expires = "2020-01-01"' '.match = { engine: "unknown", id: "*" }' \
        '.match = { engine: "unknown", bundle: "/*" }' '.match = { engine: "kubernetes", namespace: "*" }' \
        '.match = { engine: "docker", image: "busybox" } | .allow = ["foreign-ipc"]' '.match = { engine: "docker", image: "BUSYBOX" }'; do
        exception docker.json "$filter"
        docker_capture run --network none --rm --ipc=host busybox true
        refused_by_docker host-ipc
    done
}

@test "--ipc=container:X is foreign, unless excepted" {
    docker run --detach --network none --ipc=shareable --name shared busybox sleep 1000
    docker_capture run --rm --network none --ipc=container:shared busybox true
    refused_by_docker foreign-ipc
    exception join.json '.match = { engine: "docker", name: "joiner" } | .allow = ["host-ipc"]'
    docker_capture run --rm --network none --ipc=container:shared --name joiner busybox true
    refused_by_docker foreign-ipc
    exception join.json '.match = { engine: "docker", name: "joiner" } | .allow = ["foreign-ipc"]'
    docker run --detach --network none --ipc=container:shared --name joiner busybox sleep 1000
    [ "$(ipc_of "$(pid_of joiner)")" = "$(ipc_of "$(pid_of shared)")" ]
    record_is '.decision == "allow" and .exposures[0].action == "excepted"'
    docker rm --force joiner
    docker_capture run --rm --network none --ipc=host --name joiner busybox true
    refused_by_docker host-ipc
}

@test "the record says which container it was" {
    docker_capture run --network none --ipc=host --name recorded --label a=b postgres:15
    refused_by_docker host-ipc
    local id
    id=$(docker inspect --format '{{.Id}}' recorded)
    record_is ".container == { engine: \"docker\", id: \"$id\", name: \"recorded\", image: \"postgres:15\", namespace: null, pod: null }"
    record_is ".bundle | endswith(\"/moby/$id\")"
}

@test "labels and environment of a container do not change its engine" {
    exception forged.json '.match = { engine: "kubernetes", namespace: "kube-system" }'
    exception podman.json '.match = { engine: "podman", name: "*" }'
    docker_capture run --network none --ipc=host --name forged --label io.kubernetes.cri.container-type=sandbox \
        --label io.kubernetes.cri.sandbox-namespace=kube-system --label io.kubernetes.pod.namespace=kube-system \
        --env container=podman --env ENGINE=kubernetes --env IPCGUARD_MODE=audit busybox true
    refused_by_docker host-ipc
    record_is '.container.engine == "docker" and .container.namespace == null and .container.pod == null and .mode == "enforce"'
}

@test "a name in the policy's eyes is Docker's own, not the label's or the host's" {
    exception named.json '.match = { engine: "docker", name: "mps-1" }'
    docker_capture run --network none --ipc=host --name other --hostname mps-1 --label name=mps-1 --env NAME=mps-1 busybox true
    refused_by_docker host-ipc
}

@test "broken settings refuse new containers and let old ones be handled" {
    docker run --detach --network none --name old busybox sleep 1000
    docker_settings '.bogus = 1'
    docker_capture run --network none --rm busybox true
    [ "$status" = 125 ]
    [[ $err == *'ipcguard: refused: '*config.json* ]]
    [ "$(docker exec old echo hello)" = hello ]
    docker kill old
    docker rm old
    rm -r "$POLICY"
    docker run --rm --network none busybox true
}

@test "audit mode runs it and records" {
    docker_settings '.mode = "audit"'
    docker run --detach --network none --ipc=host --name audited busybox sleep 1000
    shares_host audited
    record_is '.decision == "refuse" and .mode == "audit" and .container.name == "audited"'
}

@test "crun behind the same shim" {
    docker run --detach --runtime ipcguard-crun --network none --name with-crun busybox sleep 1000
    [ "$(ipc_of "$(pid_of with-crun)")" != "$(ipc_of self)" ]
    record_is '.decision == "allow" and .runtime == "/usr/bin/crun"'
    [ "$(docker exec with-crun echo hello)" = hello ]
    docker_capture run --runtime ipcguard-crun --network none --rm --ipc=host busybox true
    refused_by_docker host-ipc
}

@test "CIS 5.17's commands" {
    # The vulnerable one, as it stands there, at a terminal.
    status=0
    timeout 60 script --quiet --return --command 'docker run --interactive --tty --ipc=host centos /bin/bash' \
        "$BATS_TEST_TMPDIR/typescript" </dev/null >"$BATS_TEST_TMPDIR/stdout" 2>&1 3>&- || status=$?
    [ "$status" = 125 ]
    grep -q 'ipcguard: refused: ' "$BATS_TEST_TMPDIR/stdout"
    # The same without --ipc=host gives a shell.
    echo 'echo in the $((40 + 2)) shell; exit 9' >"$BATS_TEST_TMPDIR/in"
    status=0
    timeout 60 script --quiet --return --command 'docker run --interactive --tty centos /bin/bash' \
        "$BATS_TEST_TMPDIR/typescript" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/stdout" 2>&1 3>&- || status=$?
    [ "$status" = 9 ]
    grep -q 'in the 42 shell' "$BATS_TEST_TMPDIR/stdout"
    docker_remove_all
    # The secure one.
    docker run -d postgres:15
    local id audit
    id=$(docker ps --quiet --no-trunc)
    [ "$(docker inspect --format '{{.State.Status}}' "$id")" = running ]
    [ "$(ipc_of "$(pid_of "$id")")" != "$(ipc_of self)" ]
    # The audit procedure.
    docker run --detach --network none --ipc=shareable busybox sleep 1000
    audit=$(docker ps --quiet --all | xargs docker inspect --format '{{ .Id }}: IpcMode={{ .HostConfig.IpcMode }}')
    [ "$(wc -l <<<"$audit")" = 2 ]
    [[ $audit == *"$id: IpcMode=private"* && $audit == *IpcMode=shareable* && $audit != *host* ]]
    # Docker still lists the refused container until it is removed, but it never ran.
    docker_capture run --network none --ipc=host --name vulnerable busybox true
    audit=$(docker ps --quiet --all | xargs docker inspect --format '{{ .State.StartedAt }} IpcMode={{ .HostConfig.IpcMode }}')
    [ "$(grep 'IpcMode=host' <<<"$audit")" = '0001-01-01T00:00:00Z IpcMode=host' ]
}
