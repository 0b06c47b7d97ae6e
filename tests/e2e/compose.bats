#!/usr/bin/env bats
# The benchmark's compose files (CIS 5.17), brought up with Debian's docker-compose against a real dockerd.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() {
    [ -x /usr/bin/docker-compose ] || return 0
    isolation_start
    docker_start
}

teardown_file() {
    docker_stop
    isolation_stop
}

setup() {
    [ -x /usr/bin/docker-compose ] || skip 'no compose client: apt-get install docker-compose'
    policy_reset
    docker_settings
    PROJECT=$BATS_TEST_TMPDIR/project
    mkdir "$PROJECT"
}

teardown() {
    [ -x /usr/bin/docker-compose ] || return 0
    compose down --timeout 1 >/dev/null 2>&1 || :
    docker_remove_all
}

compose() { (cd "$PROJECT" && timeout --foreground 60 /usr/bin/docker-compose --ansi never "$@" </dev/null 3>&- 4>&-); }

vulnerable() {
    cat >"$PROJECT/docker-compose.yml" <<'END'
# Vulnerable docker-compose.yml
version: '3.8'
services:
  database:
    image: postgres:15
    # VULNERABLE: Container shares the host IPC namespace
    ipc: host

END
}

secure() {
    cat >"$PROJECT/docker-compose.yml" <<'END'
# Secure docker-compose.yml
version: '3.8'
services:
  database:
    image: postgres:15
    # SECURE: Do not define 'ipc: host'.
    # Default behavior creates a separate IPC namespace.

END
}

running() { docker ps --quiet; }
pid_of() { docker inspect --format '{{.State.Pid}}' "$1"; }

@test "the vulnerable compose file is refused, visibly" {
    vulnerable
    local status=0
    compose up --detach >"$BATS_TEST_TMPDIR/told" 2>&1 || status=$?
    [ "$status" = 1 ]
    grep -q 'ipcguard: refused: .*host-ipc' "$BATS_TEST_TMPDIR/told"
    [ -z "$(running)" ]
    record_is '.decision == "refuse" and .exposures[0].kind == "host-ipc" and .container.image == "postgres:15"
        and (.container.name | test("database"))'
    compose down
    [ -z "$(docker ps --all --quiet)" ]
}

@test "the secure compose file runs in a namespace of its own" {
    secure
    compose up --detach
    [ "$(ipc_of "$(pid_of "$(running)")")" != "$(ipc_of self)" ]
    record_is '.decision == "allow" and .exposures == [] and .container.image == "postgres:15"'
    [ "$(compose exec -T database echo hello)" = hello ]
    compose down --timeout 1
    [ -z "$(docker ps --all --quiet)" ]
}

@test "the vulnerable compose file runs with an exception by compose's own label" {
    vulnerable
    exception compose.json '.match = { engine: "docker", labels: { "com.docker.compose.service": "database" }, image: "postgres:15" }'
    compose up --detach
    [ "$(ipc_of "$(pid_of "$(running)")")" = "$(ipc_of self)" ]
    record_is '.decision == "allow" and .exposures[0].action == "excepted"'
}

@test "a service that joins another one's namespace is refused" {
    secure
    cat >>"$PROJECT/docker-compose.yml" <<'END'
    ipc: shareable
  reader:
    image: busybox
    command: sleep 1000
    ipc: service:database
    depends_on: [database]
END
    local status=0
    compose up --detach >"$BATS_TEST_TMPDIR/told" 2>&1 || status=$?
    [ "$status" = 1 ]
    grep -q 'ipcguard: refused: .*foreign-ipc' "$BATS_TEST_TMPDIR/told"
    [ "$(running | wc -l)" = 1 ]
}
