#!/usr/bin/env bats
# install.sh against a real host, a real dockerd and real runtimes.
#
# Each test has a mount namespace of its own, held open by a sleeping process (the holder), in which /etc, /usr and /var
# are writable overlays of the host's and /run is empty: whatever install.sh does there, the host never sees it.

bats_require_minimum_version 1.5.0

SHIM=/usr/local/bin/ipcguard-runtime
SYSTEM_PODS=/etc/ipcguard/allowlist.d/kubernetes-system.json
DAEMON_JSON=/etc/docker/daemon.json
CONFIGURED=/var/lib/ipcguard/configured
MANIFEST=/var/lib/ipcguard/manifest
REGISTERED='.runtimes.ipcguard == {"path": "/usr/local/bin/ipcguard-runtime"}'

setup_file() {
    local repository tool
    [ "$(id -u)" = 0 ] || { echo 'these tests need root' >&2; return 1; }
    for tool in cmake crun docker dockerd jq ninja nsenter runc setpriv unshare /bin/busybox; do
        command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; return 1; }
    done
    repository=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    export SOURCE=$BATS_FILE_TMPDIR/source
    mkdir "$SOURCE"
    tar -C "$repository" --exclude=./.git --exclude=./build -c . | tar -C "$SOURCE" -x
    make_standin "$BATS_FILE_TMPDIR/standin"
    "$SOURCE/install.sh" --destdir "$BATS_FILE_TMPDIR/built" >&2 # so that the build's time is no single test's
}

setup() {
    # shellcheck disable=SC2016
    setpriv --pdeathsig KILL unshare --mount --propagation private -- bash -ec '
        for directory in etc usr var; do
            mkdir -p "$1/$directory/upper" "$1/$directory/work"
            mount -t overlay -o "lowerdir=/$directory,upperdir=$1/$directory/upper,workdir=$1/$directory/work" \
                overlay "/$directory"
        done
        mount -t tmpfs tmpfs /run
        # crun does not work with the hybrid hierarchy; without this mount it is a plain version 1.
        if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
        rm -rf /etc/docker /etc/ipcguard /etc/logrotate.d/ipcguard /var/lib/ipcguard /var/log/ipcguard /usr/local/bin/ipcguard*
        mkdir -p /etc/docker
        : >"$1/ready"
        exec sleep infinity
    ' holder "$BATS_TEST_TMPDIR" </dev/null >"$BATS_TEST_TMPDIR/holder.log" 2>&1 3>&- &
    HOLDER=$!
    DOCKERD=
    CGROUP_PARENT=ipcguard-install-test-$HOLDER
    wait_until test -e "$BATS_TEST_TMPDIR/ready" || { cat "$BATS_TEST_TMPDIR/holder.log"; return 1; }
}

teardown() {
    local pid
    stop_dockerd
    for pid in $(processes_inside); do kill -KILL "$pid" 2>/dev/null || :; done
    wait 2>/dev/null
}

processes_inside() {
    local namespace process
    namespace=$(readlink "/proc/$HOLDER/ns/mnt") || return 0
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/mnt" 2>/dev/null)" != "$namespace" ] || echo "${process#/proc/}"
    done
}

wait_until() { # COMMAND...: for at most 30 seconds
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    return 1
}

inside() { nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns="$PWD" -- "$@"; }
put() { inside tee "$1" >/dev/null; }
install_sh() { inside "$SOURCE/install.sh" "$@"; }
has() { [[ $output == *"$1"* ]] || { echo "no '$1' in: $output"; return 1; }; }
daemon_json_is() { inside jq -e "$1" "$DAEMON_JSON" >/dev/null || { inside cat "$DAEMON_JSON"; return 1; }; }
absent() { local path; for path; do inside test ! -e "$path" || { echo "$path is there"; return 1; }; done; }

# Everything that an installation may touch: path, inode, time, mode, owner, size and content.
snapshot() {
    inside find /etc /usr/local /var/lib/ipcguard /var/log -printf '%p %i %T@ %m %U %G %s\n' | sort
    inside find /etc/docker /etc/ipcguard /etc/logrotate.d /var/lib/ipcguard -type f -exec sha256sum {} + | sort
}

# A tree that builds in no time: `shim` and `admin` become the two programs.
make_standin() {
    mkdir -p "$1/config"
    cp "$SOURCE/install.sh" "$1"
    cp -r "$SOURCE/config/default" "$1/config"
    cat >"$1/CMakePresets.json" <<'END'
{ "version": 3, "configurePresets": [
  { "name": "release", "generator": "Ninja", "binaryDir": "${sourceDir}/build/release" } ] }
END
    cat >"$1/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.20)
project(standin NONE)
configure_file(shim ${CMAKE_BINARY_DIR}/ipcguard-runtime COPYONLY)
configure_file(admin ${CMAKE_BINARY_DIR}/ipcguard COPYONLY)
END
    printf '#!/bin/sh\nexec runc "$@"\n' >"$1/shim"
    printf '#!/bin/sh\nexit 1\n' >"$1/admin"
    chmod +x "$1/shim" "$1/admin"
}

# --- Docker ---

docker_() { inside /usr/bin/docker "$@"; }
# shellcheck disable=SC2016
live() { docker_ info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}default={{.DefaultRuntime}}'; }

start_dockerd() { # [OPTION...]
    nsenter --mount="/proc/$HOLDER/ns/mnt" /usr/sbin/dockerd --bridge=none --iptables=false --ip6tables=false \
        --data-root "$BATS_TEST_TMPDIR/docker" --cgroup-parent "/$CGROUP_PARENT" "$@" \
        </dev/null >"$BATS_TEST_TMPDIR/dockerd.log" 2>&1 3>&- &
    DOCKERD=$!
    wait_until docker_answers || { tail -n 20 "$BATS_TEST_TMPDIR/dockerd.log"; return 1; }
}

docker_answers() { docker_ info >/dev/null 2>&1; }

stop_dockerd() {
    [ -n "$DOCKERD" ] || return 0
    docker_ ps -q | xargs -r nsenter --mount="/proc/$HOLDER/ns/mnt" /usr/bin/docker rm -f >/dev/null || :
    kill "$DOCKERD"
    wait "$DOCKERD" || :
    DOCKERD=
    find /sys/fs/cgroup -depth -type d -path "*/$CGROUP_PARENT*" -exec rmdir {} +
}

import_image() {
    mkdir -p "$BATS_TEST_TMPDIR/image/bin"
    cp /bin/busybox "$BATS_TEST_TMPDIR/image/bin/busybox"
    ln -sf busybox "$BATS_TEST_TMPDIR/image/bin/sleep"
    ln -sf busybox "$BATS_TEST_TMPDIR/image/bin/echo"
    tar -C "$BATS_TEST_TMPDIR/image" -c . | docker_ import - test:latest >/dev/null
}

# --- what can be asked for ---

@test "--help explains, anything not understood is one line and status 2" {
    run -0 --separate-stderr install_sh --help
    has --uninstall
    has --destdir
    local arguments
    for arguments in --nonsense '--default --uninstall' '--destdir' '--uninstall extra' '--destdir /'; do
        # shellcheck disable=SC2086
        run -2 --separate-stderr install_sh $arguments
        [ -z "$output" ]
        # shellcheck disable=SC2154
        [ "${#stderr_lines[@]}" = 1 ]
    done
    run -2 install_sh --destdir ''
    absent /usr/local/bin/ipcguard "$MANIFEST"
}

@test "without root it says so in one line" {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$SOURCE" # so that it gets as far
    run -1 inside setpriv --reuid 65534 --regid 65534 --clear-groups "$SOURCE/install.sh"
    [ "${#lines[@]}" = 1 ]
    has root
    run -1 inside setpriv --reuid 65534 --regid 65534 --clear-groups "$SOURCE/install.sh" --uninstall
    has root
}

@test "--destdir installs under a new relative directory, from anywhere, and nowhere else" {
    local before
    before=$(snapshot)
    mkdir "$BATS_TEST_TMPDIR/elsewhere"
    cd "$BATS_TEST_TMPDIR/elsewhere"
    run -0 install_sh --destdir new/dir
    [ "$(cd new/dir && find . ! -type d -printf '%p %m\n' | sort)" = './etc/ipcguard/allowlist.d/kubernetes-system.json 644
./etc/ipcguard/config.json 644
./etc/logrotate.d/ipcguard 644
./usr/local/bin/ipcguard 755
./usr/local/bin/ipcguard-runtime 755' ]
    [ "$(stat -c %a new/dir/var/log/ipcguard)" = 750 ]
    cmp new/dir/etc/ipcguard/config.json "$SOURCE/config/default/config.json"
    [[ $output != *proof* ]]
    [ "$(snapshot)" = "$before" ]
    echo mine >new/dir/etc/ipcguard/config.json
    run -0 install_sh --destdir new/dir
    [ "$(cat new/dir/etc/ipcguard/config.json)" = mine ]
    rm new/dir/etc/ipcguard/allowlist.d/kubernetes-system.json
    run -0 install_sh --destdir new/dir
    [ -z "$(ls new/dir/etc/ipcguard/allowlist.d)" ]
}

@test "a source directory that cannot be written is built elsewhere" {
    inside mount --bind "$BATS_FILE_TMPDIR/standin" "$BATS_FILE_TMPDIR/standin"
    inside mount -o remount,bind,ro "$BATS_FILE_TMPDIR/standin"
    run -0 inside "$BATS_FILE_TMPDIR/standin/install.sh" --destdir "$BATS_TEST_TMPDIR/dest"
    [ -x "$BATS_TEST_TMPDIR/dest$SHIM" ]
    [ ! -e "$BATS_FILE_TMPDIR/standin/build" ]
}

@test "--destdir does not need root" {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
    mkdir -m 777 "$BATS_TEST_TMPDIR/theirs"
    run -0 inside setpriv --reuid 65534 --regid 65534 --clear-groups \
        "$BATS_FILE_TMPDIR/standin/install.sh" "--destdir=$BATS_TEST_TMPDIR/theirs/dest"
    [ "$(stat -c '%a %u' "$BATS_TEST_TMPDIR/theirs/dest$SHIM")" = '755 65534' ]
}

# --- installing ---

@test "a full installation: files, modes, settings, and a proof of both outcomes" {
    run -0 install_sh
    has 'proof: a container with its own IPC namespace runs'
    has "proof: the same container in the host's IPC namespace is refused"
    has '  ipcguard: refused: '
    [ "$(inside stat -c '%n %a %U %G' $SHIM /usr/local/bin/ipcguard /etc/ipcguard /etc/ipcguard/config.json \
        /etc/ipcguard/allowlist.d $SYSTEM_PODS /var/log/ipcguard /etc/logrotate.d/ipcguard)" = "$SHIM 755 root root
/usr/local/bin/ipcguard 755 root root
/etc/ipcguard 755 root root
/etc/ipcguard/config.json 644 root root
/etc/ipcguard/allowlist.d 755 root root
$SYSTEM_PODS 644 root root
/var/log/ipcguard 750 root root
/etc/logrotate.d/ipcguard 644 root root" ]
    inside cat /etc/ipcguard/config.json | sed 's|, "crun": "/usr/bin/crun"||' | cmp - "$SOURCE/config/default/config.json"
    [ "$(inside readlink $SHIM.crun)" = ipcguard-runtime ]
    [ "$(inside ipcguard validate)" = 'valid: 1 exception, mode enforce, 0 warnings' ]
    [ -z "$(inside find /var/log/ipcguard -type f)" ] # the proof is not in the decision log
    [ -z "$(inside find /var/lib /usr/local/bin /etc -name '*.??????' ! -name containers.conf.d -newer "$BATS_TEST_TMPDIR/ready")" ]
}

@test "an umask of 077 and a noexec /tmp do not matter" {
    inside mount -t tmpfs -o noexec tmpfs /var/tmp
    run -0 inside bash -c "umask 077; TMPDIR=/var/tmp exec '$SOURCE/install.sh'"
    [ "$(inside stat -c %a $SHIM /etc/ipcguard /etc/ipcguard/config.json $DAEMON_JSON | xargs)" = '755 755 644 644' ]
}

@test "running it again changes nothing and says so" {
    local before
    echo '{"log-level": "info"}' | put $DAEMON_JSON
    start_dockerd
    install_sh --default
    before=$(snapshot)
    run -0 install_sh --default
    has 'nothing changed'
    [ "$(snapshot)" = "$before" ]
    run -0 install_sh
    has 'nothing changed'
    [ "$(snapshot)" = "$before" ]
    [ "$(grep -c 'Got signal to reload' "$BATS_TEST_TMPDIR/dockerd.log")" = 1 ]
}

@test "a file that has come to differ from the build is put back, the operator's files are kept" {
    install_sh
    echo broken | put $SHIM
    printf '// mine\n{}\n' | put /etc/ipcguard/config.json
    echo '# mine' | put /etc/logrotate.d/ipcguard
    run -0 install_sh
    has "installed $SHIM"
    inside cmp $SHIM "$SOURCE/build/release/ipcguard-runtime"
    [ "$(inside head -n 1 /etc/ipcguard/config.json)" = '// mine' ]
    [ "$(inside cat /etc/logrotate.d/ipcguard)" = '# mine' ]
}

@test "the exceptions for Kubernetes' own pods stay deleted, or as the operator changed them" {
    install_sh
    inside cmp $SYSTEM_PODS "$SOURCE/config/default/kubernetes-system.json"
    echo '{"exceptions": []}' | put $SYSTEM_PODS
    run -0 install_sh
    has 'nothing changed'
    [ "$(inside cat $SYSTEM_PODS)" = '{"exceptions": []}' ]
    inside rm $SYSTEM_PODS
    run -0 install_sh
    has 'nothing changed'
    absent $SYSTEM_PODS
    run -0 install_sh --uninstall
    absent /etc/ipcguard
}

@test "a host with settings of its own gets no exceptions" {
    inside mkdir /etc/ipcguard
    echo '{}' | put /etc/ipcguard/config.json
    run -0 install_sh
    [ -z "$(inside ls /etc/ipcguard/allowlist.d)" ]
}

# --- packages ---

# An apt-get that writes down how it is called and installs runc if that is what is wanted.
fake_apt() { # [FAIL-ON-SIMULATE]
    inside cp /usr/sbin/runc "$BATS_TEST_TMPDIR/runc"
    put /usr/local/sbin/apt-get <<END
#!/bin/bash
echo "\$*" >>$BATS_TEST_TMPDIR/apt.log
case "\$*" in
    *--simulate*) [ -z "$1" ] || [ -e $BATS_TEST_TMPDIR/updated ] ;;
    *update) touch $BATS_TEST_TMPDIR/updated ;;
    *install*runc) install -m 755 $BATS_TEST_TMPDIR/runc /usr/bin/runc ;;
    *install*libmd-dev) touch /usr/include/sha2.h ;;
esac
END
    inside chmod +x /usr/local/sbin/apt-get
}

@test "a missing build package, and only that, is installed without recommendations; lists are updated if need be" {
    inside rm /usr/include/sha2.h
    fake_apt fail
    run -0 inside "$BATS_FILE_TMPDIR/standin/install.sh" --destdir "$BATS_TEST_TMPDIR/dest"
    has 'installing packages: libmd-dev'
    grep -q -- '--no-install-recommends .*libmd-dev$' "$BATS_TEST_TMPDIR/apt.log"
    [ "$(grep -c update "$BATS_TEST_TMPDIR/apt.log")" = 1 ]
    run -0 inside "$BATS_FILE_TMPDIR/standin/install.sh" --destdir "$BATS_TEST_TMPDIR/dest"
    [ "$(grep -c install "$BATS_TEST_TMPDIR/apt.log")" = 2 ] # one simulated, one real, both of them before
}

@test "a missing package without apt is one clear line" {
    inside rm /usr/include/sha2.h /usr/bin/apt-get
    run -1 install_sh
    [ "${lines[-1]}" = 'install.sh: missing, and there is no apt-get to install it: libmd-dev' ]
    absent $SHIM
}

@test "without any OCI runtime, runc is installed; --uninstall says that it stays" {
    fake_apt ''
    inside rm /usr/bin/runc /usr/sbin/runc /usr/bin/crun
    run -0 install_sh
    has 'installing packages: runc'
    has 'proof: a container with its own IPC namespace runs'
    [ "$(grep -c update "$BATS_TEST_TMPDIR/apt.log" || :)" = 0 ]
    run -0 install_sh --uninstall
    has 'these packages were installed and stay: runc'
    inside test -x /usr/bin/runc
}

@test "with crun only, the new settings name crun, and the proof runs under it" {
    inside rm /usr/bin/runc /usr/sbin/runc
    run -0 install_sh
    inside grep -q '"default": "/usr/bin/crun"' /etc/ipcguard/config.json
    has 'proof: a container with its own IPC namespace runs'
    run -0 install_sh --uninstall
    absent /etc/ipcguard
}

# --- the proof ---

@test "the proof fails, and Docker is left alone, if the shim lets host IPC through" {
    run -1 inside "$BATS_FILE_TMPDIR/standin/install.sh"
    has 'proof: a container with its own IPC namespace runs'
    has "PROOF FAILED: a container in the host's IPC namespace should be refused; exit status 0"
    absent $DAEMON_JSON
}

@test "the proof fails if the shim refuses everything, or refuses without saying so" {
    local tree=$BATS_TEST_TMPDIR/tree
    make_standin "$tree"
    printf '#!/bin/sh\necho no >&2\nexit 1\n' >"$tree/shim"
    run -1 inside "$tree/install.sh"
    has 'PROOF FAILED: a container with its own IPC namespace should run; exit status 1'
    has "PROOF FAILED: a container in the host's IPC namespace should be refused; exit status 1"
}

@test "an operator's policy that lets host IPC through is named instead of failing" {
    install_sh
    printf '{"mode": "audit"}' | put /etc/ipcguard/config.json
    run -0 install_sh
    has 'runs, as your policy has it: mode is audit'
    printf '{"exposures": {"host-ipc": "warn"}}' | put /etc/ipcguard/config.json
    run -0 install_sh
    has 'runs, as your policy has it: host-ipc is set to warn'
    printf '{"exposures": {"host-ipc": "refuse", "foreign-ipc": "allow"}}' | put /etc/ipcguard/config.json
    run -0 install_sh
    has "proof: the same container in the host's IPC namespace is refused"
}

# --- daemon.json ---

@test "daemon.json: made if absent, and taken away again" {
    run -0 install_sh
    daemon_json_is "$REGISTERED and (has(\"default-runtime\") | not)"
    absent $BACKUP
    run -0 install_sh --default
    run -0 install_sh --uninstall
    absent $DAEMON_JSON $BACKUP
}

@test "daemon.json: the rest is kept, and in the end the file is the old bytes, mode and owner" {
    local old=$'{ "log-opts": {"max-size":"10m"},\n\t"runtimes": {"crun": {"path": "/usr/bin/crun"}}, "labels": ["ü=1"] }\n\n'
    printf %s "$old" | put $DAEMON_JSON
    inside chmod 640 $DAEMON_JSON
    inside chown 0:12 $DAEMON_JSON
    run -0 install_sh
    daemon_json_is "$REGISTERED"
    [ "$(inside jq -c 'del(.runtimes.ipcguard)' $DAEMON_JSON)" = "$(jq -c . <<<"$old")" ]
    [ "$(inside stat -c '%a %u %g' $DAEMON_JSON)" = '640 0 12' ]
    run -0 install_sh --default
    run -0 install_sh --uninstall
    has 'restored'
    inside cmp $DAEMON_JSON - <<<"${old%$'\n'}"
    [ "$(inside stat -c '%a %u %g' $DAEMON_JSON)" = '640 0 12' ]
    absent $CONFIGURED
}

@test "daemon.json: a symbolic link is followed, not replaced" {
    echo '{"debug": true}' | put /etc/docker/real.json
    inside ln -s real.json $DAEMON_JSON
    install_sh
    inside test -L $DAEMON_JSON
    daemon_json_is "$REGISTERED and .debug"
    install_sh --uninstall
    inside test -L $DAEMON_JSON
    [ "$(inside cat /etc/docker/real.json)" = '{"debug": true}' ]
}

@test "daemon.json: an empty one counts as {} and becomes empty again" {
    put $DAEMON_JSON </dev/null
    install_sh
    daemon_json_is "$REGISTERED"
    install_sh --uninstall
    [ "$(inside stat -c %s $DAEMON_JSON)" = 0 ]
}

@test "daemon.json: what cannot be edited safely is left alone with a clear message" {
    local bad
    for bad in '{"debug": true' '[]' '{} {}' '{"runtimes": 1}' '{"runtimes": {"ipcguard": {"path": "/other"}}}' \
        '{"runtimes": {"ipcguard": {"runtimeType": "io.containerd.other.v1"}}}'; do
        printf %s "$bad" | put $DAEMON_JSON
        run -1 install_sh
        has "ipcguard: $DAEMON_JSON"
        [[ ${lines[-1]} == 'install.sh: not all of it could be done'* ]]
        [ "$(inside cat $DAEMON_JSON)" = "$bad" ]
    done
}

@test "daemon.json: dockerd --validate is asked where there is one, and its word counts" {
    put /usr/local/sbin/dockerd <<'END'
#!/bin/sh
case $1 in
    --help) echo '      --validate   Validate daemon configuration and exit' ;;
    --validate) grep -q '"ipcguard"' "$3" && test -e /run/accept || { echo 'cannot have that'; exit 1; } ;;
esac
END
    inside chmod +x /usr/local/sbin/dockerd
    echo '{"debug": true}' | put $DAEMON_JSON
    run -1 install_sh
    has 'so it stays as it is: cannot have that'
    [ "$(inside cat $DAEMON_JSON)" = '{"debug": true}' ]
    inside touch /run/accept
    run -0 install_sh
    daemon_json_is "$REGISTERED and .debug"
}

@test "daemon.json: --default remembers the previous default, and --uninstall restores it" {
    echo '{"runtimes": {"crun": {"path": "/usr/bin/crun"}}, "default-runtime": "crun", "debug": false}' | put $DAEMON_JSON
    install_sh --default
    daemon_json_is ".runtimes.ipcguard.path == \"$SHIM.crun\" and .\"default-runtime\" == \"ipcguard\""
    inside jq '.debug = true' $DAEMON_JSON >"$BATS_TEST_TMPDIR/edited"
    put $DAEMON_JSON <"$BATS_TEST_TMPDIR/edited"
    run -0 install_sh --uninstall
    daemon_json_is '. == {"runtimes": {"crun": {"path": "/usr/bin/crun"}}, "default-runtime": "crun", "debug": true}'
}

@test "daemon.json: a default that is no longer ipcguard stays as it is" {
    install_sh --default
    inside jq '."default-runtime" = "runc"' $DAEMON_JSON >"$BATS_TEST_TMPDIR/edited"
    put $DAEMON_JSON <"$BATS_TEST_TMPDIR/edited"
    install_sh --uninstall
    daemon_json_is '. == {"default-runtime": "runc"}'
}

@test "daemon.json: a registration that was there before is neither changed nor removed" {
    local old='{"runtimes":{"ipcguard":{"path":"/usr/local/bin/ipcguard-runtime","runtimeArgs":[]}}}'
    echo "$old" | put $DAEMON_JSON
    install_sh
    [ "$(inside cat $DAEMON_JSON)" = "$old" ]
    install_sh --uninstall
    [ "$(inside cat $DAEMON_JSON)" = "$old" ]
}

# --- a running dockerd ---

@test "dockerd takes it up by a reload, guards, and forgets it at --uninstall, without a restart" {
    start_dockerd
    import_image
    docker_ run -d --name before --network none test sleep 1000
    run -0 install_sh --default
    has "reloaded dockerd (pid $DOCKERD) without a restart"
    [[ "$(live)" == *ipcguard*default=ipcguard ]]
    run -0 docker_ run --rm --network none test echo hello
    [ "$output" = hello ]
    run -125 docker_ run --rm --network none --ipc=host test echo hello
    has 'ipcguard: refused: '
    run -0 install_sh --uninstall
    [[ "$(live)" != *ipcguard* && "$(live)" == *default=runc ]]
    absent $DAEMON_JSON $SHIM
    run -0 docker_ run --rm --network none test echo hello
    [ "$(docker_ inspect --format '{{.State.Running}}' before)" = true ]
    kill -0 "$DOCKERD"
}

@test "--uninstall, broken off and run again, leaves a restored daemon.json as it is" {
    printf '{"debug":true,\n"labels":[]}' | put $DAEMON_JSON
    start_dockerd
    install_sh --default
    inside cp -a /var/lib/ipcguard /run/state
    inside cp -a /usr/local/bin/ipcguard /run/ipcguard
    install_sh --uninstall
    inside cp -a /run/state /var/lib/ipcguard
    inside cp -a /run/ipcguard /usr/local/bin/ipcguard
    run -0 install_sh --uninstall
    [ "$(inside cat $DAEMON_JSON)" = $'{"debug":true,\n"labels":[]}' ]
    [[ "$(live)" != *ipcguard* ]]
}

@test "what dockerd forgets by a reload is named" {
    start_dockerd --add-runtime other=/usr/bin/crun
    run -0 install_sh
    [[ $output =~ 'by reloading, dockerd '[^:]*' forgot '[^:]*other ]]
    [[ "$(live)" == *ipcguard* ]]
}

@test "--uninstall does not pull ipcguard away from under a running container" {
    start_dockerd
    import_image
    install_sh
    docker_ run -d --name guarded --network none --runtime ipcguard test sleep 1000
    run -1 install_sh --uninstall
    has 'so stop them first: guarded'
    inside test -x $SHIM
    daemon_json_is "$REGISTERED"
    docker_ rm -f guarded
    run -0 install_sh --uninstall
    absent $SHIM $DAEMON_JSON
}

@test "--default is refused where dockerd has the option --default-runtime and would not start again" {
    start_dockerd --default-runtime runc
    run -1 install_sh --default
    has 'dockerd is started with --default-runtime'
    absent $DAEMON_JSON
    run -0 install_sh
    daemon_json_is "$REGISTERED"
}

@test "--default is refused likewise where such a dockerd is not running yet" {
    echo 'DOCKER_OPTS="--default-runtime=runc"' | put /etc/default/docker
    run -1 install_sh --default
    has 'dockerd is started with --default-runtime'
    absent $DAEMON_JSON
}

@test "under systemd, dockerd is found by its service" {
    start_dockerd --pidfile /run/elsewhere.pid
    inside mkdir -p /run/systemd/system
    printf '#!/bin/sh\n[ "$*" = "show -p MainPID --value docker.service" ] && echo %s\n' "$DOCKERD" |
        put /usr/local/sbin/systemctl
    inside chmod +x /usr/local/sbin/systemctl
    run -0 install_sh
    has "reloaded dockerd (pid $DOCKERD)"
    [[ "$(live)" == *ipcguard* ]]
}

@test "without a docker client, dockerd is reloaded all the same, once" {
    start_dockerd
    inside mv /usr/bin/docker /usr/bin/docker-out-of-sight
    inside rm -f /usr/local/bin/docker
    run -0 install_sh --default
    has "reloaded dockerd (pid $DOCKERD) without a restart"
    run -0 install_sh --default
    has 'nothing changed'
    inside mv /usr/bin/docker-out-of-sight /usr/bin/docker
    [[ "$(live)" == *ipcguard*default=ipcguard ]]
    [ "$(grep -c 'Got signal to reload' "$BATS_TEST_TMPDIR/dockerd.log")" = 1 ]
}

@test "a stale pid file does not get another process signalled" {
    sleep 1000 3>&- &
    local other=$!
    echo $other | put /run/docker.pid
    run -0 install_sh
    kill -0 $other
    kill $other
    wait $other || :
}

# --- hard mode ---

# refused_by PROGRAM: called as an engine calls it, it refuses a bundle that shares the host's IPC.
refused_by() {
    local bundle=$BATS_TEST_TMPDIR/bundle
    mkdir -p "$bundle/rootfs"
    (cd "$bundle" && rm -f config.json && runc spec)
    jq 'del(.linux.namespaces[] | select(.type == "ipc"))' "$bundle/config.json" >"$bundle/new"
    mv "$bundle/new" "$bundle/config.json"
    run -1 inside "$1" --root "$BATS_TEST_TMPDIR/root" run --bundle "$bundle" test
    has 'ipcguard: refused: '
}

runtimes() { inside sh -c 'stat -c "%n %i %a %u %g %s %y" /usr/sbin/runc /usr/bin/crun; sha256sum /usr/sbin/runc /usr/bin/crun'; }

own_runtimes() { # in the overlay's upper layer, where a link is a link and not a copy
    inside sh -ec 'for file in /usr/sbin/runc /usr/bin/crun; do cp -a $file $file.copy; mv $file.copy $file; done'
}

@test "--hard puts it in the place of runc and crun, proves it there, and --uninstall puts the very files back" {
    local before
    own_runtimes
    before=$(runtimes)
    run -0 install_sh --hard
    has "proof: /usr/sbin/runc: the same container in the host's IPC namespace is refused"
    has "proof: /usr/bin/crun: the same container in the host's IPC namespace is refused"
    inside cmp /usr/sbin/runc $SHIM
    inside cmp /usr/bin/crun $SHIM
    refused_by /usr/bin/runc
    run -0 install_sh --hard
    has 'nothing changed'
    # A later version is put there too, asked for or not.
    inside sh -c 'echo >>/usr/sbin/runc'
    run -0 install_sh
    has 'put the shim at /usr/sbin/runc'
    run -0 install_sh --uninstall
    [ "$(runtimes)" = "$before" ]
    absent /usr/sbin/runc.unguarded /usr/bin/crun.unguarded /var/lib/ipcguard $SHIM
    [ -z "$(inside dpkg-divert --list '*unguarded*')" ]
}

@test "--hard, broken off where there is no room, leaves the runtime, and is completed by a second run" {
    own_runtimes
    # A dpkg-divert that fails stands for whatever may; tests/integration/harden.bats has the kills and the full disk.
    printf '#!/bin/sh\ncase $* in *--add*) echo no room >&2; exit 2; esac\nexec /usr/bin/dpkg-divert "$@"\n' |
        put /usr/local/sbin/dpkg-divert
    inside chmod +x /usr/local/sbin/dpkg-divert
    run -1 install_sh --hard
    has 'no room'
    has 'not all of it could be done'
    inside runc --version
    inside rm /usr/local/sbin/dpkg-divert
    run -0 install_sh --hard
    [ "$(inside dpkg-divert --truename /usr/sbin/runc)" = /usr/sbin/runc.unguarded ]
    run -0 install_sh --uninstall
}

# --- taking it away ---

@test "--uninstall leaves the host as it was, and works twice" {
    local before
    before=$(inside find /etc /usr/local /var/lib /var/log ! -type d -printf '%p %i %T@ %m %s\n' | sort)
    install_sh --default
    run -0 install_sh --uninstall
    [ "$(inside find /etc /usr/local /var/lib /var/log ! -type d -printf '%p %i %T@ %m %s\n' | sort)" = "$before" ]
    absent /etc/ipcguard /var/log/ipcguard /var/lib/ipcguard
    inside test -d /etc/docker
    run -0 install_sh --uninstall
    has 'nothing to uninstall'
}

@test "--uninstall keeps logs and what the operator changed or added, and says so" {
    install_sh
    echo '{}' | put /etc/ipcguard/config.json
    echo '{"exceptions": []}' | put /etc/ipcguard/allowlist.d/mine.json
    echo '{"exceptions":  []}' | put $SYSTEM_PODS
    echo '{}' | put /var/log/ipcguard/decisions.jsonl
    run -0 install_sh --uninstall
    has 'kept /etc/ipcguard/config.json, changed since it was installed'
    has "kept $SYSTEM_PODS, changed since it was installed"
    has 'kept the logs in /var/log/ipcguard'
    [ "$(inside cat /etc/ipcguard/config.json)" = '{}' ]
    [ "$(inside cat $SYSTEM_PODS)" = '{"exceptions":  []}' ]
    inside test -e /etc/ipcguard/allowlist.d/mine.json
    inside test -e /var/log/ipcguard/decisions.jsonl
    absent $SHIM /usr/local/bin/ipcguard /etc/logrotate.d/ipcguard $MANIFEST
}

@test "--uninstall keeps a config.json that was there before the installation" {
    inside mkdir /etc/ipcguard
    echo '{"mode": "enforce"}' | put /etc/ipcguard/config.json
    install_sh
    install_sh --uninstall
    [ "$(inside cat /etc/ipcguard/config.json)" = '{"mode": "enforce"}' ]
}

@test "--uninstall undoes an installation that broke off" {
    run -1 inside "$BATS_FILE_TMPDIR/standin/install.sh" # at its proof
    inside test -x $SHIM
    run -0 install_sh --uninstall
    absent $SHIM /usr/local/bin/ipcguard /etc/ipcguard /etc/logrotate.d/ipcguard /var/log/ipcguard /var/lib/ipcguard
}

@test "--uninstall removes nothing while daemon.json cannot be read" {
    install_sh
    echo '{' | put $DAEMON_JSON
    run -1 install_sh --uninstall
    has 'it is not JSON'
    inside test -x $SHIM
    inside test -e $MANIFEST
}
