# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # lib/common.bash and lib/kubelet.bash set what it tells, tests use what is set here
# A CRI-O of our own: all that it keeps is on a tmpfs in the private mount namespace, and the shim is its runtime. Debian has
# no package of it: IPCGUARD_CRIO names one that was built, with its pinns beside it (docs/compatibility.md).

crio_start() {
    local tool
    for tool in conmon podman "$IPCGUARD_CRIO" "${IPCGUARD_CRIO%/*}/pinns"; do
        command -v "$tool" >/dev/null || complain "$tool is missing" || return
    done
    # Of controllers that are not mounted CRI-O makes plain folders, here.
    find /sys/fs/cgroup -xdev -mindepth 1 -maxdepth 1 -type d >"$BATS_FILE_TMPDIR/controllers"
    inside sh -ec 'mkdir /run/engine; mount -t tmpfs -o mode=711 engine /run/engine; mkdir /run/engine/cni /run/engine/tmp'
    rm -rf "$PRIVATE/etc/crio"
    # As packages make it: of a folder that was not there when it began, CRI-O reads nothing later.
    mkdir -p "$PRIVATE/etc/crio/crio.conf.d"
    crio_config >"$PRIVATE/etc/crio/crio.conf"
    echo '{ "default": [{ "type": "insecureAcceptAnything" }] }' >"$PRIVATE/etc/crio/policy.json"
    tar -C "$ROOTFS" -c . >"$BATS_FILE_TMPDIR/rootfs.tar"
    for tool in localhost/pause:1 docker.io/library/app:1 registry.example/team/tool:1; do
        inside podman --root /run/engine/root --runroot /run/engine/runroot --storage-driver overlay import --quiet \
            --change 'CMD ["sleep", "100000"]' --change 'STOPSIGNAL KILL' --change "LABEL which=$tool" --signature-policy /etc/crio/policy.json "$BATS_FILE_TMPDIR/rootfs.tar" "$tool" 3>&- 4>&-
    done
    crio_run
    kubelet_start /run/crio/crio.sock || complain "CRI-O does not answer: $(tail -n 5 "$BATS_FILE_TMPDIR/crio.log")"
}

crio_run() {
    setpriv --pdeathsig TERM nsenter --mount="/proc/$HOLDER/ns/mnt" --wdns=/ -- env TMPDIR=/run/engine/tmp "$IPCGUARD_CRIO" \
        </dev/null >>"$BATS_FILE_TMPDIR/crio.log" 2>&1 3>&- 4>&- &
    echo $! >"$BATS_FILE_TMPDIR/crio.pid"
    disown
}
crio_pid() { cat "$BATS_FILE_TMPDIR/crio.pid"; }

# Its containers keep running. It ends with the test.
crio_restart() {
    kill -TERM "$(crio_pid)"
    wait_until 60 has_ended "$(crio_pid)" || complain 'CRI-O does not end' || return
    crio_run
    wait_until 60 cri Version >/dev/null 2>&1
}

# The handlers: the shim, the shim before crun, and bare runc, which is the default. CRI-O wants an out-of-memory score of -998
# for a pod's own container, which needs CAP_SYS_RESOURCE: between it and them that becomes 0.
crio_config() {
    local name binary root
    cat <<END_OF_FILE
[crio]
root = "/run/engine/root"
runroot = "/run/engine/runroot"
storage_driver = "overlay"
log_dir = "/run/engine/logs"
version_file = "/run/engine/version"
version_file_persist = "/run/engine/version-persist"
clean_shutdown_file = "/run/engine/clean"
[crio.runtime]
conmon = "/usr/bin/conmon"
conmon_cgroup = "pod"
cgroup_manager = "cgroupfs"
pinns_path = "${IPCGUARD_CRIO%/*}/pinns"
namespaces_dir = "/run/engine/ns"
container_exits_dir = "/run/engine/exits"
container_attach_socket_dir = "/run/engine/attach"
hooks_dir = []
default_runtime = "bare"
[crio.image]
pause_image = "localhost/pause:1"
pause_command = ""
signature_policy = "/etc/crio/policy.json"
[crio.network]
network_dir = "/run/engine/cni"
plugin_dirs = ["/usr/lib/cni"]
END_OF_FILE
    while read -r name binary root; do
        printf '#!/bin/sh\nfor one; do [ "$before" != --bundle ] || sed -i "s/\\"oomScoreAdj\\": *-[0-9]*/\\"oomScoreAdj\\": 0/" "$one/config.json"; before=$one; done\nexec "%s" "$@"\n' \
            "$binary" >"$BATS_FILE_TMPDIR/crio-$name"
        chmod 755 "$BATS_FILE_TMPDIR/crio-$name"
        printf '[crio.runtime.runtimes.%s]\nruntime_path = "%s"\nruntime_root = "/run/%s"\nruntime_type = "oci"\n' "$name" "$BATS_FILE_TMPDIR/crio-$name" "$root"
    done <<END_OF_LIST
runc $SHIM runc
crun $BATS_FILE_TMPDIR/ipcguard-runtime.crun crun
bare $RUNC runc
END_OF_LIST
}

crio_stop() {
    kill -TERM "$(crio_pid)" 2>/dev/null || :
    wait_until 60 has_ended "$(crio_pid)" || :
    if [ "$(stat --file-system --format %T /sys/fs/cgroup)" = tmpfs ]; then
        find /sys/fs/cgroup -xdev -mindepth 2 -maxdepth 2 -path "*$CGROUP_PARENT" -exec rm -r {} +
        find /sys/fs/cgroup -xdev -mindepth 1 -maxdepth 1 -type d | grep -vxFf "$BATS_FILE_TMPDIR/controllers" | xargs --no-run-if-empty rm -r
    fi
    isolation_stop
}

crio_settings() { settings '.engines = { containers_storage: ["/run/engine/root"] } | '"${1:-.}"; }

# CRI-O 1.34 wants the name by which an image was asked for, beside what the kubelet found it to be.
MEMBERS='.image.user_specified_image = .image.image'

# A pod's own container exists only where it is the first of the pod's processes.
OWN='.linux.security_context.namespace_options.pid = "POD"'

# The process of a container, by the state of runc or crun; 0 if there is none.
process_of() {
    local state=$PRIVATE/run/runc/$1/state.json
    if [ -e "$state" ]; then jq .init_process_pid "$state"; else jq .pid "$PRIVATE/run/crun/$1/status" 2>/dev/null || echo 0; fi
}

# refused_by_crio KIND [FILTER]: as refused_call; nothing runs by the id in the record.
refused_by_crio() {
    local refused
    refused_call "$@" || return
    [ "$(process_of "$refused")" = 0 ] || complain "$refused is left"
}
