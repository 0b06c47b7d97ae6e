#!/usr/bin/env bats
# ipcguard doctor on a hardened host: whatever is planted on disk is found, named, and makes it fail; once it is gone the
# host is clean again. What runs is in tests/e2e/doctor.bats.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/hard_mode
load ../lib/doctor

RAW=/usr/sbin/runc.unguarded
GUARD=/usr/local/bin/ipcguard-runtime

setup_file() {
    doctor_start
    policy_reset
}
teardown_file() { isolation_stop; }
teardown() {
    doctor_reset
    clean
}

docker_json() { put /etc/docker/daemon.json; }

# containerd_toml VERSION [OTHER-LINES]: a runtime "raw" beside the built-in one, in that version's section.
containerd_toml() {
    local plugin=io.containerd.grpc.v1.cri
    printf 'version = %s\n%s\n' "$1" "${2:-}"
    printf '[plugins."%s".containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"\n' "$plugin"
    printf '[plugins."%s".containerd.runtimes.raw]\nruntime_type = "io.containerd.runc.v2"\n' "$plugin"
    printf '[plugins."%s".containerd.runtimes.raw.options]\nBinaryName = "%s"\n' "$plugin" "$RAW"
}

# --- what it says ------------------------------------------------------------------------------------------------------

@test "a hardened host is clean, in text and in JSON" {
    clean
    jq -e '.findings | all(.severity == "info" or .severity == "warning")' "$OUT"
    jq -e '.examined | map(select(contains("/usr/sbin/runc"))) | length > 0' "$OUT"
    doctor --format text
    [ "$status" = 0 ]
    [[ $out == *'no way around the shim was found'* ]]
    for option in --format=xml --nonsense; do
        doctor "$option" || :
        [ "$status" = 2 ] || complain "$option: exit $status"
    done
}

@test "what is found has severity, evidence and a remedy, in text and in JSON" {
    docker_json <<<"{ \"runtimes\": { \"raw\": { \"path\": \"$RAW\" } } }"
    bypass docker-runtime-registered "runtime 'raw'" "/etc/docker/daemon.json" "$RAW" 'systemctl restart docker'
    doctor --format text
    [ "$status" = 1 ]
    [[ $out == *'critical: docker-runtime-registered: '*'    seen: /etc/docker/daemon.json: '*'    mend: '*'enforcement can be bypassed'* ]] || complain "$out"
}

@test "names from files are quoted" {
    docker_json <<<'{ "runtimes": { "a\u001b[31m\nb": { "path": "/usr/sbin/runc.unguarded" } } }'
    bypass docker-runtime-registered '\x1b[31m\x0ab'
    doctor --format text
    [[ $out != *$'\e'* ]]
}

@test "without root it says so, and fails" {
    status=0
    in_host setpriv --reuid 65534 --clear-groups ipcguard doctor --format json >"$BATS_TEST_TMPDIR/out" || status=$?
    [ "$status" = 1 ]
    jq -e 'any(.findings[]; .id == "not-root" and .severity == "critical")' "$BATS_TEST_TMPDIR/out"
}

# --- soft mode ---------------------------------------------------------------------------------------------------------

@test "registering the shim is not enough, hard mode is" {
    docker_json <<<"{ \"runtimes\": { \"ipcguard\": { \"path\": \"$GUARD\" } }, \"default-runtime\": \"ipcguard\" }"
    clean
    in_host ipcguard harden --remove
    bypass docker-runtime-registered "runtime 'runc'" 'built in' 'ipcguard harden'
    finds docker-buildkit-runtime '/usr/sbin/runc' 'ipcguard harden'
    finds containerd-default-binary 'ipcguard harden'
    finds raw-runtime-found /usr/sbin/runc /usr/bin/crun 'ipcguard harden'
    docker_json <<<'{}'
    bypass docker-default-runtime "runtime 'runc'"
    in_host ipcguard harden
}

@test "a runtime that came back to its place is found" {
    in_host sh -c 'cp -a /usr/sbin/runc /run/shim-of-runc; cp /usr/sbin/runc.unguarded /usr/sbin/runc.new; mv /usr/sbin/runc.new /usr/sbin/runc'
    bypass raw-runtime-found /usr/sbin/runc 'ipcguard harden'
    finds hard-mode-undone /usr/sbin/runc
    in_host mv /run/shim-of-runc /usr/sbin/runc
    in_host dpkg-divert --quiet --local --no-rename --remove /usr/sbin/runc
    weakness hard-mode-undiverted /usr/sbin/runc 'ipcguard harden'
    in_host ipcguard harden
}

# --- Docker ------------------------------------------------------------------------------------------------------------

@test "Docker: runtimes and defaults in daemon.json, of every kind" {
    local runtime
    for runtime in '{"path": "/usr/bin/runc.real"}' '{"path": "runc.real", "runtimeArgs": ["--debug"]}' \
        '{"runtimeType": "io.containerd.runc.v2", "options": {"BinaryName": "/usr/bin/runc.real"}}'; do
        in_host cp $RAW /usr/bin/runc.real
        docker_json <<<"{ \"runtimes\": { \"ipcguard\": { \"path\": \"$GUARD\" }, \"raw\": $runtime } }"
        bypass docker-runtime-registered "runtime 'raw'" /usr/bin/runc.real
        docker_json <<<"{ \"default-runtime\": \"raw\", \"runtimes\": { \"raw\": $runtime } }"
        bypass docker-default-runtime "runtime 'raw'"
        in_host rm /usr/bin/runc.real
    done
    docker_json <<<'{ "runtimes": { "missing": { "path": "/usr/bin/runc.gone" } } }'
    weakness docker-runtime-missing /usr/bin/runc.gone
}

@test "keys that Go's decoders take in any case" {
    local file text
    docker_json <<<"{ \"runtimes\": { \"raw\": { \"path\": \"$GUARD\", \"Path\": \"$RAW\" } } }"
    bypass docker-config-unreadable "takes the key 'Path'" /etc/docker/daemon.json:1:24
    docker_json <<<"{ \"runtimes\": { \"raw\": { \"runtimeType\": \"io.containerd.runc.v2\", \"options\": { \"binaryname\": \"$RAW\" } } } }"
    bypass docker-config-unreadable "takes the key 'binaryname'"
    docker_json <<<'{}'
    file=/etc/containers/containers.conf.d/x.conf
    for text in $'[Engine]\nruntime' $'[engine]\nRuntime' $'[engine.RUNTIMES]\nraw'; do
        put $file <<<"$text = \"$RAW\""
        bypass podman-config-unreadable "$file:" 'write it that way'
    done
    in_host rm $file
    file=/etc/crio/crio.conf.d/x.conf
    put $file <<<$'[crio.runtime.runtimes.raw]\nRuntime_Path = "'$RAW'"'
    bypass crio-config-unreadable "$file:2" "'Runtime_Path'"
    in_host rm $file
    file=/etc/buildkit/buildkitd.toml
    put $file <<<$'[worker.OCI]\nbinary = "'$RAW'"'
    bypass buildkit-config-unreadable "$file:1" "'OCI'"
}

@test "Docker: a containerd shim that anybody may name, registered or not" {
    put /usr/local/bin/containerd-shim-kata-v2 755 </dev/null
    bypass containerd-shim-found /usr/local/bin/containerd-shim-kata-v2
    docker_json <<<'{ "runtimes": { "kata": { "runtimeType": "io.containerd.kata.v2" } } }'
    bypass docker-runtime-registered "runtime 'kata'" /usr/local/bin/containerd-shim-kata-v2
    in_host rm /usr/local/bin/containerd-shim-kata-v2
    docker_json <<<'{}'
    put /usr/local/bin/containerd-shim-runc-v9 755 </dev/null
    bypass containerd-shim-found /usr/local/bin/containerd-shim-runc-v9
    in_host rm /usr/local/bin/containerd-shim-runc-v9
    in_host chmod o+w /usr/bin/containerd-shim-runc-v2 /usr/bin/conmon
    bypass engine-changeable /usr/bin/containerd-shim-runc-v2 /usr/bin/conmon
    in_host chmod o-w /usr/bin/containerd-shim-runc-v2 /usr/bin/conmon
}

@test "Docker: a broken daemon.json, and one that others can change" {
    docker_json <<<'{ "runtimes": '
    bypass docker-config-unreadable /etc/docker/daemon.json
    docker_json <<<'{}'
    in_host chmod 666 /etc/docker/daemon.json
    bypass docker-config-changeable /etc/docker/daemon.json 0666 'chmod go-w'
    in_host sh -c 'chmod 644 /etc/docker/daemon.json; chown 1000 /etc/docker'
    bypass docker-config-changeable "'/etc/docker'" 'user 1000' 'chown'
}

@test "units: what systemd would start, drop-ins and environment files included" {
    put /etc/systemd/system/docker.service.d/raw.conf <<<$'[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd \\\n  --add-runtime raw='$RAW
    bypass docker-runtime-registered "runtime 'raw'" raw.conf '--add-runtime'
    in_host rm -r /etc/systemd/system/docker.service.d
    put /etc/default/second <<<"OPTIONS=\"--config-file=/opt/second.json --data-root /x\""
    put /opt/second.json <<<"{ \"runtimes\": { \"hidden\": { \"path\": \"$RAW\" } } }"
    put /etc/systemd/system/second.service <<<$'[Service]\nEnvironmentFile=-/etc/default/second\nExecStart=/usr/sbin/dockerd $OPTIONS'
    bypass docker-runtime-registered "runtime 'hidden'" /opt/second.json second.service
    in_host ln -sf /dev/null /etc/systemd/system/second.service
    clean
    in_host sh -c 'rm /etc/systemd/system/second.service; mkdir -p /opt/bin; cp /usr/sbin/runc.unguarded /opt/bin/runc'
    put /etc/systemd/system/docker.service.d/path.conf <<<$'[Service]\nEnvironment="PATH=/opt/bin:/usr/bin"'
    bypass docker-buildkit-runtime /opt/bin/runc
    put /etc/systemd/system/docker.service.d/path.conf <<<$'[Service]\nEnvironment=DOCKER_BUILDKIT_RUNC_COMMAND='$RAW
    bypass docker-buildkit-runtime DOCKER_BUILDKIT_RUNC_COMMAND
    in_host rm -r /etc/systemd/system/docker.service.d
    put /etc/systemd/system/service.d/all.conf <<<$'[Service]\nEnvironment=DOCKER_BUILDKIT_RUNC_COMMAND='$RAW
    bypass docker-buildkit-runtime DOCKER_BUILDKIT_RUNC_COMMAND
    in_host rm -r /etc/systemd/system/service.d
    put /etc/systemd/system/second.service <<<$'[Service]\nExecStart=/bin/sh -c "mkdir -p /run/x && exec /usr/sbin/dockerd --config-file /opt/second.json"'
    bypass docker-runtime-registered "runtime 'hidden'" /opt/second.json second.service
    in_host rm /etc/systemd/system/second.service
    put /etc/default/second 666 </dev/null
    put /etc/systemd/system/docker.service.d/second.conf 622 <<<$'[Service]\nEnvironmentFile=-/etc/default/second'
    bypass docker-config-changeable /etc/default/second second.conf 0666 0622
}

# --- containerd --------------------------------------------------------------------------------------------------------

@test "containerd: handlers in its file, in imports, by runtime_path and by type" {
    put /etc/containerd/config.toml < <(containerd_toml 2)
    bypass containerd-runtime-registered "runtime 'raw'" /etc/containerd/config.toml "$RAW" 'systemctl restart containerd'

    put /etc/containerd/config.toml <<<$'version = 2\nimports = ["/etc/containerd/conf.d/*.toml"]'
    put /etc/containerd/conf.d/90-other.toml < <(containerd_toml 2)
    bypass containerd-runtime-registered "runtime 'raw'" /etc/containerd/conf.d/90-other.toml
    in_host chmod 622 /etc/containerd/conf.d/90-other.toml
    bypass containerd-config-changeable /etc/containerd/conf.d/90-other.toml
    in_host rm -r /etc/containerd/conf.d

    put /etc/containerd/config.toml < <(containerd_toml 2 | sed -e "s|^BinaryName.*|BinaryName = \"$GUARD\"|" \
        -e '/runtimes.raw\]/a runtime_path = "/usr/bin/containerd-shim-runc-v2"')
    bypass containerd-runtime-registered "runtime 'raw'" /usr/bin/containerd-shim-runc-v2

    put /opt/containerd-shim-kata-v2 755 </dev/null
    put /etc/containerd/config.toml < <(containerd_toml 2 | sed -e '/runtimes.raw\]/,$ s|io.containerd.runc.v2|/opt/containerd-shim-kata-v2|')
    bypass containerd-runtime-registered "runtime 'raw'" /opt/containerd-shim-kata-v2

    put /etc/containerd/config.toml <<<$'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\ndefault_runtime_name = "x"\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.x]\nruntime_type = "io.containerd.runc.v2"\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.x.options]\nBinaryName = "'$RAW'"'
    bypass containerd-default-runtime "runtime 'x'"
    put /etc/containerd/config.toml <<<'this is no TOML'
    bypass containerd-config-unreadable /etc/containerd/config.toml
}

@test "containerd: a folder that comes before its PATH" {
    in_host sh -c 'mkdir -p /opt/containerd/bin /opt/other/bin; cp /usr/sbin/runc.unguarded /opt/containerd/bin/runc'
    bypass containerd-default-binary /opt/containerd/bin/runc
    finds raw-runtime-found /opt/containerd/bin/runc
    in_host mv /opt/containerd/bin/runc /opt/other/bin/runc
    put /etc/containerd/config.toml <<<$'version = 2\n[plugins."io.containerd.internal.v1.opt"]\npath = "/opt/other"'
    bypass containerd-default-binary /opt/other/bin/runc
}

# --- the others --------------------------------------------------------------------------------------------------------

@test "Podman and Buildah: every file that they read" {
    local file
    for file in /etc/containers/containers.conf /etc/containers/containers.conf.d/x.conf /root/.config/containers/containers.conf \
        /root/.config/containers/containers.conf.d/x.conf /usr/share/containers/containers.conf.d/x.conf; do
        put "$file" <<<$'[engine]\nruntime = "raw"\n[engine.runtimes]\nraw = ["/nowhere", "'$RAW'"]'
        bypass podman-default-runtime "runtime 'raw'" "$file" "$RAW"
        in_host rm "$file"
    done
    put /opt/containers.conf <<<$'[engine]\nruntime = "'$RAW'"'
    status=0
    in_host env CONTAINERS_CONF=/opt/containers.conf ipcguard doctor --format json >"$BATS_TEST_TMPDIR/out" || status=$?
    [ "$status" = 1 ]
    jq -e 'any(.findings[]; .id == "podman-default-runtime")' "$BATS_TEST_TMPDIR/out"
    put /etc/containers/containers.conf <<<"$(printf '[engine]\nruntime = "ipcguard"\n[engine.runtimes]\nipcguard = ["%s"]' $GUARD)"
    clean
}

@test "CRI-O: its file and its drop-ins" {
    put /etc/crio/crio.conf <<<$'[crio.runtime]\ndefault_runtime = "ipcguard"\n[crio.runtime.runtimes.ipcguard]\nruntime_path = "'$GUARD'"'
    clean
    put /etc/crio/crio.conf.d/99-raw.conf <<<$'[crio.runtime.runtimes.raw]\nruntime_path = "'$RAW'"'
    bypass crio-runtime-registered "runtime 'raw'" 99-raw.conf
    put /etc/crio/crio.conf.d/99-raw.conf <<<$'[crio.runtime]\ndefault_runtime = "raw"\n[crio.runtime.runtimes.raw]\nruntime_path = "'$RAW'"'
    bypass crio-default-runtime "runtime 'raw'"
}

@test "BuildKit: the worker's runtime" {
    put /etc/buildkit/buildkitd.toml <<<$'[worker.oci]\nbinary = "'$GUARD'"'
    clean
    put /etc/buildkit/buildkitd.toml <<<$'[worker.oci]\nbinary = "'$RAW'"'
    bypass buildkit-oci-worker "$RAW" /etc/buildkit/buildkitd.toml
    in_host rm /etc/buildkit/buildkitd.toml
    in_host cp $RAW /usr/local/bin/buildkit-runc
    put /usr/local/bin/buildkitd 755 </dev/null
    bypass buildkit-oci-worker /usr/local/bin/buildkit-runc
    finds raw-runtime-found /usr/local/bin/buildkit-runc
    in_host rm /usr/local/bin/buildkit-runc /usr/local/bin/buildkitd
}

@test "nvidia-container-runtime counts for what it becomes" {
    put /usr/bin/nvidia-container-runtime 755 <<<'github.com/NVIDIA/nvidia-container-toolkit'
    docker_json <<<'{ "runtimes": { "nvidia": { "path": "nvidia-container-runtime" } } }'
    clean
    put /etc/nvidia-container-runtime/config.toml <<<$'[nvidia-container-runtime]\nruntimes = ["'$RAW'", "runc"]'
    bypass docker-runtime-registered "runtime 'nvidia'" "$RAW"
    in_host rm -r /etc/nvidia-container-runtime
    put /usr/bin/nvidia-container-runtime 755 <<<'something else of that name'
    bypass docker-runtime-registered "runtime 'nvidia'"
    in_host rm /usr/bin/nvidia-container-runtime
}

# --- programs ----------------------------------------------------------------------------------------------------------

@test "raw runtimes on the PATH, whatever they are called; elsewhere they are a warning" {
    local name
    for name in runc crun youki runsc kata-runtime docker-runc runc.real crun-1.8 runc_old sysbox-runc innocent; do
        in_host cp $RAW "/usr/local/sbin/$name"
        bypass raw-runtime-found "/usr/local/sbin/$name"
        in_host rm "/usr/local/sbin/$name"
    done
    for name in runcon my-runc-notes.unguarded crunch nvidia-container-runtime-hook; do
        put "/usr/local/sbin/$name" 755 <<<'#!/bin/sh'
        clean
        in_host rm "/usr/local/sbin/$name"
    done
    in_host sh -c 'mkdir -p /opt/kata/bin; cp /usr/sbin/runc.unguarded /opt/kata/bin/kata-runtime'
    weakness raw-runtime-found /opt/kata/bin/kata-runtime
}

@test "the shim: missing, replaced, another version, owners, modes and privileges" {
    in_host chmod 4755 $GUARD
    bypass shim-privileged $GUARD set-user-ID
    in_host chmod 775 $GUARD
    bypass shim-changeable $GUARD 0775
    in_host sh -c "chmod 755 $GUARD; chown 1000 $GUARD"
    bypass shim-changeable $GUARD 'user 1000'
    in_host sh -c "chown 0 $GUARD; chmod 777 /usr/local/bin"
    bypass shim-changeable "'/usr/local/bin'"
    in_host sh -c "chmod 755 /usr/local/bin; mv $GUARD $GUARD.away"
    bypass shim-missing
    put $GUARD 755 <<<'#!/bin/sh'
    bypass shim-replaced $GUARD
    in_host sh -c "cp $GUARD.away $GUARD; printf x >>$GUARD"
    weakness shim-copy-differs /usr/sbin/runc 'ipcguard harden'
    in_host mv $GUARD.away $GUARD
    in_host chmod 777 /usr/local/bin/ipcguard
    bypass command-changeable /usr/local/bin/ipcguard
    in_host chmod 755 /usr/local/bin/ipcguard
}

@test "the runtimes behind it: missing, owners, modes and privileges" {
    in_host chmod u+s $RAW
    bypass runtime-privileged $RAW
    in_host sh -c "chmod u-s $RAW; chmod o+w $RAW"
    bypass runtime-changeable $RAW
    in_host sh -c "chmod o-w $RAW; mkdir /opt/mine; cp $RAW /opt/mine/engine; chown -R 1000 /opt/mine"
    settings '.runtimes.mine = "/opt/mine/engine"'
    bypass runtime-changeable "'/opt/mine'"
    settings '.runtimes.gone = "/opt/gone"'
    weakness runtime-unusable runtimes.gone /opt/gone
    settings '.runtimes.loop = "/usr/local/bin/ipcguard-runtime"'
    weakness runtime-unusable runtimes.loop
    policy_reset
    in_host mv $RAW $RAW.away
    doctor
    finds shim-without-runtime /usr/sbin/runc
    in_host mv $RAW.away $RAW
}

# --- the policy --------------------------------------------------------------------------------------------------------

@test "the settings: audit mode, exposures, owners, modes, mistakes" {
    settings '.mode = "audit"'
    bypass mode-audit /etc/ipcguard/config.json
    settings '.exposures = { "host-shm": "warn" }'
    bypass exposure-not-refused host-shm warn
    settings '.exposures = { "foreign-ipc": "allow" }'
    bypass exposure-not-refused foreign-ipc
    settings '.exposures = { "host-proc": "allow" }'
    weakness exposure-not-refused host-proc
    settings '.runtime_options = { "--config": "value" }'
    bypass option-unjudged --config
    settings '.mode = "enforced"'
    weakness settings-broken enforced
    settings .
    chmod 660 "$POLICY/config.json"
    bypass settings-changeable config.json 'chmod go-w'
    chmod 644 "$POLICY/config.json"
    chown 1000 "$POLICY"
    bypass settings-changeable /etc/ipcguard 'user 1000'
    chown 0 "$POLICY"
    rm "$POLICY/config.json"
    ln -s /tmp/elsewhere.json "$POLICY/config.json"
    in_host sh -c 'echo {} >/tmp/elsewhere.json; chown 1000 /tmp/elsewhere.json'
    bypass settings-changeable /tmp/elsewhere.json
    rm "$POLICY/config.json"
}

@test "exceptions: expired, for everything, broken, changeable" {
    exception old.json '.match = { engine: "docker", image: "docker.io/library/db:*" } | .expires = "2020-01-01"'
    weakness exception-expired test-exception old.json:
    rm "$POLICY/allowlist.d/old.json"
    local condition
    for condition in 'name: "*"' 'image: "*/*"' 'id: ["x", "?*"]' 'labels: { team: "*" }, name: "**"' 'image_id: "sha256:*"' \
        'id: ["0*", "1*", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*", "a*", "b*", "c*", "d*", "e*", "f*"]' 'bundle: "*/moby/*"'; do
        exception all.json ".match = { engine: \"docker\", $condition }"
        bypass exception-matches-everything test-exception all.json:
    done
    exception all.json '.match = { engine: "docker", name: "db" }'
    weakness exception-doubtful 'names and labels'
    chmod 646 "$POLICY/allowlist.d/all.json"
    doctor
    finds allowlist-broken all.json
    chmod 644 "$POLICY/allowlist.d/all.json"
    chmod 757 "$POLICY/allowlist.d"
    bypass allowlist-changeable allowlist.d 0757
    chmod 755 "$POLICY/allowlist.d"
    printf '{' >"$POLICY/allowlist.d/all.json"
    weakness allowlist-broken all.json
}

@test "the log: a folder that is missing, no room, no file, and others who can change it" {
    rm -r "$PRIVATE/log/ipcguard"
    weakness log-unwritable /var/log/ipcguard 'nobody listens at /dev/log'
    mkdir -p "$RECORDS"
    weakness log-unwritable 'it is a folder'
    rm -r "$RECORDS"
    in_host mount -t tmpfs -o size=4k,mode=755 full /var/log/ipcguard
    in_host sh -c 'head -c 4096 /dev/zero >/var/log/ipcguard/filler'
    weakness log-unwritable 'the disk is full'
    in_host mount -o remount,ro /var/log/ipcguard
    weakness log-unwritable 'read-only'
    in_host umount /var/log/ipcguard
    chmod 777 "$PRIVATE/log/ipcguard"
    weakness log-changeable /var/log/ipcguard
    chmod 755 "$PRIVATE/log/ipcguard"
    settings '.log.syslog = true'
    weakness syslog-silent /dev/log
}
