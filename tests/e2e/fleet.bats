#!/usr/bin/env bats
# deploy/: the installer's image as the DaemonSet runs it, the Kubernetes objects, and the Ansible role, each on a host of
# its own (lib/own_host.bash).

bats_require_minimum_version 1.5.0
load ../lib/own_host.bash

SHIM=/opt/ipcguard/bin/ipcguard-runtime

setup_file() {
    local tool
    [ "$(id -u)" = 0 ] || { echo 'these tests need root' >&2; return 1; }
    for tool in ansible-playbook cmake containerd cpack docker dockerd dpkg jq nsenter python3 rpmbuild runc setpriv unshare /bin/busybox; do
        command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; return 1; }
    done
    export DEPLOY
    DEPLOY=$(cd "$BATS_TEST_DIRNAME/../../deploy" && pwd)
    build_packages "$BATS_FILE_TMPDIR/packages"
}

setup() { own_host_start; }
teardown() { own_host_stop; }

# objects FILE…: as one JSON object a line.
objects() {
    /usr/bin/python3 -c '
import json, sys, yaml
for name in sys.argv[1:]:
    for document in yaml.safe_load_all(open(name)):
        print(json.dumps(document))' "$@"
}

# --- Kubernetes ---

@test "the Kubernetes objects fit together" {
    cd "$DEPLOY/kubernetes"
    local file all
    # What the kustomizations name is there, and all of it is named.
    for file in $(objects kustomization.yaml | jq -r '.resources[], .configMapGenerator[].files[]'); do [ -e "$file" ]; done
    [ "$(objects kustomization.yaml | jq -r '.resources[]' | sort)" = "$(ls ./*.yaml | grep -v kustomization | sed 's|./||' | sort)" ]
    all=$(objects daemonset.yaml runtimeclass.yaml namespace.yaml kustomization.yaml | jq -s 'INDEX(.kind)')
    jq -e '.DaemonSet as $set | $set.spec.template.spec as $pod |
        $set.spec.selector.matchLabels == $set.spec.template.metadata.labels
        and ([$set.metadata.namespace, .Kustomization.namespace, .Namespace.metadata.name] | unique) == ["ipcguard"]
        and .Namespace.metadata.labels["pod-security.kubernetes.io/enforce"] == "privileged"
        and .RuntimeClass.handler == "ipcguard"
        and ([$pod.volumes[].name] | sort) == ([$pod.initContainers[0], $pod.containers[0] | .volumeMounts[].name] | unique)
        and ([$pod.volumes[].configMap.name | values] == [.Kustomization.configMapGenerator[0].name])
        and ([$pod.initContainers[], $pod.containers[] | .image] | unique) == [.Kustomization.images[0].name]
        and $pod.initContainers[0].securityContext.privileged and $pod.hostPID
        and ($pod.containers[0].securityContext | .privileged != true and .capabilities.drop == ["ALL"])
        and $pod.hostIPC == null and $pod.hostNetwork == null' <<<"$all"
    # What removal replaces is what installing says, and the script knows both.
    objects remove/kustomization.yaml | jq -r '.patches[].patch' >"$BATS_TEST_TMPDIR/patch.yaml"
    objects "$BATS_TEST_TMPDIR/patch.yaml" | jq -e --argjson all "$all" '
        all(.[]; .path as $path | .op == "replace" and ($all.DaemonSet | getpath($path | ltrimstr("/") | split("/") |
            map(tonumber? // .))) != null)'
    [ "$(objects "$BATS_TEST_TMPDIR/patch.yaml" | jq -c '[.[].value[]]')" = '["remove","idle"]' ]
    [ "$(jq -c '.DaemonSet.spec.template.spec | [.initContainers[0], .containers[0] | .args[]]' <<<"$all")" = '["install","watch"]' ]
    mkdir "$BATS_TEST_TMPDIR/policy"
    cp policy/*.json "$BATS_TEST_TMPDIR/policy"
    run -0 "$DEPLOY/../build/release/ipcguard" validate --config none --allowlist "$BATS_TEST_TMPDIR/policy"
}

# A ConfigMap's volume as kubelet makes it: names are links into ..data, a link to a folder that is replaced as a whole.
config_map() { # NAME=TEXT…
    local entry folder=/run/configmap version=..$EPOCHREALTIME
    inside mkdir -p "$folder/$version"
    for entry; do
        printf '%s\n' "${entry#*=}" | put "$folder/$version/${entry%%=*}"
        inside ln -sfn "..data/${entry%%=*}" "$folder/${entry%%=*}"
    done
    inside ln -sfn "$version" "$folder/..new"
    inside mv -T "$folder/..new" "$folder/..data"
}

# node CONTAINER [VARIABLE=VALUE…] ARGUMENT: runs a container of the DaemonSet as the manifest has it, with Docker in place of
# kubelet. In place of "privileged", which fails where root itself lacks a capability, it gets what that is needed for.
node() {
    local options container=$1
    shift
    mapfile -t options < <(objects "$DEPLOY/kubernetes/daemonset.yaml" | jq -r --arg name "$container" '
        .spec.template.spec as $pod | $pod.initContainers[], $pod.containers[] | select(.name == $name) |
        ((.env // [])[] | "--env", "\(.name)=\(.value)"),
        (if .securityContext.privileged then
            "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"
            else "--cap-drop=ALL", "--security-opt=no-new-privileges" end),
        (if .securityContext.readOnlyRootFilesystem then "--read-only" else empty end),
        (if $pod.hostPID then "--pid=host" else empty end),
        (.volumeMounts[] | . as $mount | $pod.volumes[] | select(.name == $mount.name) |
            if .hostPath then "--volume", "\(.hostPath.path):\($mount.mountPath)"
            elif .configMap then "--volume", "/run/configmap:\($mount.mountPath):ro"
            else "--tmpfs", $mount.mountPath end)')
    while [[ ${1:-} == *=* ]]; do options+=(--env "$1"); shift; done
    docker_ run --rm --network none "${options[@]}" installer "$@"
}

build_image() {
    local context=$BATS_TEST_TMPDIR/context
    mkdir -p "$context/root/bin" "$context/root/usr/bin" "$context/root/tmp"
    cp /bin/busybox "$context/root/bin"
    chroot "$context/root" /bin/busybox --install -s /bin
    tar -C "$context/root" -c . | docker_ import - base:latest >/dev/null
    cp "$DEPLOY"/kubernetes/{Dockerfile,install-node.sh} "$DEB" "$context"
    rm -r "$context/root"
    DOCKER_BUILDKIT=0 docker_ build --network none --build-arg BASE=base:latest --tag installer "$context" >"$BATS_TEST_TMPDIR/build.log" 2>&1 ||
        { cat "$BATS_TEST_TMPDIR/build.log"; return 1; }
}

@test "the image puts a node under guard, keeps its policy, and takes itself off again" {
    local before after config=/etc/containerd/config.toml
    start_dockerd
    build_image
    inside mkdir -p /etc/containerd /run/configmap
    inside rm -f $config
    printf 'version = 2\n' | put $config
    before=$(inside find /etc/containerd -type f -exec sha256sum {} +)

    # Where it cannot tell what to do it says so.
    inside rm -rf /run/containerd /run/crio
    run -1 node install install
    has "neither containerd's nor CRI-O's socket is at its usual place: set ENGINE"
    run -2 node install ENGINE=nonsense install
    run -2 node install
    has 'what to do?'

    # First without a ConfigMap, with the engine named.
    run -0 node install ENGINE=containerd DEFAULT=yes install
    has 'waiting for a restart of containerd'
    [ "$(inside stat -c '%a %u' /opt/ipcguard/bin $SHIM /etc/ipcguard /etc/ipcguard/config.json /var/log/ipcguard | tr '\n' ,)" = '755 0,755 0,755 0,644 0,750 0,' ]
    there /etc/ipcguard/allowlist.d/kubernetes-system.json /etc/logrotate.d/ipcguard
    run -0 inside /opt/ipcguard/bin/ipcguard validate
    run -0 inside containerd config dump
    has "BinaryName = \"$SHIM\""
    has 'default_runtime_name = "ipcguard"'
    # Again: nothing changes, but the restart is still waited for, and done once when that is allowed.
    after=$(inside find /etc/containerd /etc/ipcguard /opt/ipcguard -type f -printf '%p %i %T@\n' | grep -v restart | sort)
    inside rm /etc/ipcguard/allowlist.d/kubernetes-system.json
    run -0 node install ENGINE=containerd DEFAULT=yes install
    has 'waiting for a restart of containerd'
    [ "$(inside find /etc/containerd /etc/ipcguard /opt/ipcguard -type f -printf '%p %i %T@\n' | grep -v restart | sort)" = "$(grep -v kubernetes-system <<<"$after")" ]
    printf '#!/bin/sh\necho "$*" >>/run/systemctl\n' | put /usr/local/sbin/systemctl
    inside chmod +x /usr/local/sbin/systemctl
    run -0 node install ENGINE=containerd DEFAULT=yes RESTART=yes install
    run -0 node install ENGINE=containerd DEFAULT=yes RESTART=yes install
    [ "$(inside cat /run/systemctl)" = 'restart containerd' ]
    absent /etc/ipcguard/allowlist.d/kubernetes-system.json
    run -0 node install ENGINE=crio RESTART=yes install
    [ "$(inside cat /run/systemctl)" = $'restart containerd\nrestart crio' ]
    inside "/opt/ipcguard/bin/ipcguard" configure crio --remove
    echo 'restart containerd' | put /run/systemctl

    # The policy follows the ConfigMap; a broken one changes nothing.
    local gpu='{ "exceptions": [ { "name": "gpu", "reason": "r", "match": { "engine": "kubernetes", "namespace": "gpu" }, "allow": "host-ipc" } ] }'
    echo "$gpu" | put /etc/ipcguard/allowlist.d/own.json
    config_map "gpu.json=$gpu" 'config.json={ "mode": "audit" }'
    node policy watch >"$BATS_TEST_TMPDIR/watch.log" 2>&1 3>&- &
    wait_until grep -q 'installed /etc/ipcguard/config.json' "$BATS_TEST_TMPDIR/watch.log"
    docker_ kill --signal TERM "$(docker_ ps --quiet)"
    wait $! # it ends at once, and well
    grep -q 'installed /etc/ipcguard/allowlist.d/configmap-gpu.json' "$BATS_TEST_TMPDIR/watch.log"
    [ "$(inside cat /etc/ipcguard/config.json)" = '{ "mode": "audit" }' ]
    [ "$(inside stat -c '%a %u %F' /etc/ipcguard/allowlist.d/configmap-gpu.json)" = '644 0 regular file' ]
    run -0 inside /opt/ipcguard/bin/ipcguard validate
    run -0 node policy policy
    [ -z "$output" ]
    config_map 'gpu.json={ "exceptions": [ {} ] }' 'config.json={ "mode": "enforce" }'
    run -1 node policy policy
    has 'the ConfigMap has mistakes, so the policy stays as it is'
    [ "$(inside cat /etc/ipcguard/config.json)" = '{ "mode": "audit" }' ]
    [ "$(inside cat /etc/ipcguard/allowlist.d/configmap-gpu.json)" = "$gpu" ]
    config_map 'config.json={ "mode": "enforce" }'
    run -0 node policy policy
    absent /etc/ipcguard/allowlist.d/configmap-gpu.json
    there /etc/ipcguard/allowlist.d/own.json
    [ "$(inside cat /etc/ipcguard/config.json)" = '{ "mode": "enforce" }' ]
    [ -z "$(inside find /etc/ipcguard -name '.*')" ]

    # Off again. While a pod needs the programs to be stopped, they stay.
    inside mkdir -p /run/containerd/io.containerd.runtime.v2.task/k8s.io/pod
    printf %s $SHIM | put /run/containerd/io.containerd.runtime.v2.task/k8s.io/pod/runtime
    run -0 node install ENGINE=containerd RESTART=yes remove
    has 'delete /opt/ipcguard when the node was drained'
    there $SHIM
    [ "$(inside find /etc/containerd -type f -exec sha256sum {} +)" = "$before" ]
    [ "$(inside cat /run/systemctl)" = $'restart containerd\nrestart containerd' ]
    inside rm -r /run/containerd/io.containerd.runtime.v2.task
    run -0 node install ENGINE=containerd RESTART=yes remove
    absent $SHIM /etc/logrotate.d/ipcguard
    there /etc/ipcguard/allowlist.d/own.json
}

# --- Ansible ---

play() { # OPTION…
    inside env HOME=/root LC_ALL=C.UTF-8 ANSIBLE_NOCOLOR=1 ANSIBLE_HOME=/root/.ansible ANSIBLE_LOCALHOST_WARNING=0 \
        /usr/bin/ansible-playbook -c local -i localhost, -e ansible_python_interpreter=/usr/bin/python3 \
        -e ansible_become=false "$DEPLOY/ansible/site.yml" "$@" </dev/null
}
changed_is() { [[ $output =~ ok=[0-9]+\ +changed=$1\ .*failed=0 ]] || { echo "$output"; return 1; }; }

files() { inside find /etc /usr/bin /var/lib/ipcguard -type f -printf '%p %i %T@\n' | sort; }

@test "the role installs, sets up and registers; a second run changes nothing; check mode changes nothing" {
    local variables=$BATS_TEST_TMPDIR/variables.json before
    jq -n --arg package "$DEB" --arg gpu "$DEPLOY/../docs/exceptions/cuda-mps.json" '{
        ipcguard_package: $package, ipcguard_settings: { mode: "enforce", exposures: { "host-proc": "refuse" } },
        ipcguard_allowlist: [$gpu], ipcguard_allowlist_absent: ["kubernetes-system.json"],
        ipcguard_engines: ["docker", "containerd"], ipcguard_harden: true, ipcguard_doctor: false }' >"$variables"
    # On a host that does not have it, check mode says so much.
    run -0 play --check -e "@$variables"
    changed_is 1
    absent /usr/bin/ipcguard /etc/ipcguard /etc/docker/daemon.json

    run -0 play -e "@$variables"
    run -0 inside ipcguard validate
    inside jq -e '.exposures["host-proc"] == "refuse"' /etc/ipcguard/config.json
    inside jq -e '."default-runtime" == "ipcguard" and .runtimes.ipcguard.path == "/usr/bin/ipcguard-runtime"' /etc/docker/daemon.json
    there /etc/ipcguard/allowlist.d/cuda-mps.json /usr/bin/crun.unguarded
    run -0 inside containerd config dump
    has 'default_runtime_name = "ipcguard"'
    absent /etc/ipcguard/allowlist.d/kubernetes-system.json
    before=$(files)
    run -0 play -e "@$variables"
    changed_is 0
    [ "$(files)" = "$before" ]

    # Check mode foretells: settings, registration, hard mode.
    inside rm /etc/docker/daemon.json
    inside ipcguard harden --remove /usr/bin/crun
    before=$(files)
    run -0 play --check -e "@$variables" -e '{ "ipcguard_settings": { "mode": "audit" } }' -e ipcguard_restart_engines=false
    changed_is 3
    [ "$(files)" = "$before" ]

    # Settings with a mistake never get there.
    run -2 play -e "@$variables" -e '{ "ipcguard_settings": { "mode": "nonsense" } }'
    has nonsense
    inside jq -e '.mode == "enforce"' /etc/ipcguard/config.json
}
