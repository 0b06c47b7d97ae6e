# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # lib/common.bash sets what it tells, tests use what is set here
# A Podman of our own: all that it keeps is on a tmpfs in the private mount namespace, and the shim is its runtime.

podman_start() {
    command -v podman >/dev/null || complain 'podman is missing' || return
    inside sh -ec 'mkdir /run/engine; mount -t tmpfs -o mode=711 engine /run/engine'
    # Podman takes every folder there for a controller's, and cannot remove its own from one where none is mounted.
    inside sh -ec 'cd /sys/fs/cgroup
        [ "$(stat --file-system --format %T .)" = tmpfs ] || exit 0
        mkdir /run/cgroup
        mount -t tmpfs cgroup /run/cgroup
        for controller in *; do
            if mountpoint -q "$controller"; then mkdir "/run/cgroup/$controller"; mount --bind "$controller" "/run/cgroup/$controller"; fi
            if [ -L "$controller" ]; then cp -P "$controller" /run/cgroup; fi
        done
        mount --rbind /run/cgroup .'
    export PODMAN_PODS=$BATS_FILE_TMPDIR/pods OTHER_PODMAN
    OTHER_PODMAN=$(cgroup_directories libpod_parent)
    : >"$PODMAN_PODS"
    # Locks in files, since all Podmans of a host share those in /dev/shm. Limits as far as any machine has them.
    cat >"$PRIVATE/etc/containers.conf" <<END_OF_FILE
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "ipcguard"
runtime_supports_json = ["ipcguard", "ipcguard-crun", "runc"]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
infra_image = "localhost/infra:1"
pull_policy = "never"
[engine.runtimes]
ipcguard = ["$SHIM"]
ipcguard-crun = ["$BATS_FILE_TMPDIR/ipcguard-runtime.crun"]
runc = ["$RUNC"]
END_OF_FILE
    tar -C "$ROOTFS" -c . >"$BATS_FILE_TMPDIR/rootfs.tar"
    podman_import localhost/x:1 x
    podman_import docker.io/library/y:1 y
    podman_import localhost/infra:1 infra --change 'CMD ["sleep", "1000"]'
}

# podman_import REFERENCE ENVIRONMENT [OPTION…]: an image that differs from the others in its environment.
podman_import() { podman import --quiet --change "ENV PATH=/bin" --change "STOPSIGNAL KILL" --change "ENV WHICH=$2" "${@:3}" "$BATS_FILE_TMPDIR/rootfs.tar" "$1" >/dev/null; }

podman() {
    inside env CONTAINERS_CONF=/etc/containers.conf PODMAN_IGNORE_CGROUPSV1_WARNING=1 TMPDIR=/run/engine podman --root /run/engine/root --runroot /run/engine/run \
        --tmpdir /run/engine/tmp --storage-driver vfs "$@" 3>&- 4>&-
}

# The same with its output in files, as a user would see it.
podman_capture() {
    capture env CONTAINERS_CONF=/etc/containers.conf PODMAN_IGNORE_CGROUPSV1_WARNING=1 TMPDIR=/run/engine podman --root /run/engine/root --runroot /run/engine/run \
        --tmpdir /run/engine/tmp --storage-driver vfs "$@"
}

# pod NAME [OPTION…]: a pod that keeps its namespaces with an infra container; its id in $POD.
pod() {
    POD=$(podman pod create --name "$1" --network none "${@:2}")
    echo "$POD" >>"$PODMAN_PODS"
}

podman_remove_all() {
    podman pod rm --all --force --time 0 >/dev/null
    # Not in the order in which they depend on one another.
    wait_until 60 podman_removed || complain "left: $(podman pod ps) $(podman ps --all)"
}
podman_removed() {
    podman rm --all --force --time 0 >/dev/null 2>&1
    [ -z "$(podman ps --all --quiet)" ]
}

podman_stop() {
    local directory pod
    isolation_stop
    [ -e "${PODMAN_PODS:-}" ] || return 0
    # runc makes a pod's cgroup in hierarchies where Podman does not remove it.
    while read -r pod; do
        for directory in $(cgroup_directories "$pod"); do
            wait_until 60 remove_cgroup "$directory" || complain "cannot remove $directory" || return
        done
    done <"$PODMAN_PODS"
    # All of a host's Podmans share this one.
    [ -z "$OTHER_PODMAN" ] || return 0
    for directory in $(cgroup_directories libpod_parent); do remove_cgroup "$directory" || :; done
}

pid_of() { podman inspect --format '{{.State.Pid}}' "$1"; }

infra_of() { podman pod inspect --format '{{.InfraContainerID}}' "$1"; }

image_id_of() { podman image inspect --format 'sha256:{{.Id}}' "$1"; }

shares_host() { [ "$(ipc_of "$(pid_of "$1")")" = "$(ipc_of self)" ]; }

is_private() {
    local pid
    pid=$(pid_of "$1")
    [ -n "$(ipc_of "$pid")" ] && [ "$(ipc_of "$pid")" != "$(ipc_of self)" ] || complain "$1 is not private" || return
    ! sees_host_segment "$pid" || complain "$1 sees the host's segments"
}

same_ipc() { [ -n "$(ipc_of "$(pid_of "$1")")" ] && [ "$(ipc_of "$(pid_of "$1")")" = "$(ipc_of "$(pid_of "$2")")" ]; }

different_ipc() {
    [[ -n $(ipc_of "$(pid_of "$1")") && -n $(ipc_of "$(pid_of "$2")") && $(ipc_of "$(pid_of "$1")") != "$(ipc_of "$(pid_of "$2")")" ]]
}

# refused_by_podman KIND NAME: what Podman said is our message, once; it is recorded, and the container never ran.
refused_by_podman() {
    local count state
    [ "$status" = 126 ] || complain "exit $status: $err" || return
    [ -z "$out" ] || [[ $out =~ ^[0-9a-f]{64}$ ]] || complain "stdout: $out" || return
    count=$(grep -o 'ipcguard: refused: ' <<<"$err" | wc -l)
    [ "$count" = 1 ] || complain "our message is there $count times: $err" || return
    [[ $err == *"OCI runtime error: "*"'$2'"*"$1: "* ]] || complain "the message: $err" || return
    record_is ".decision == \"refuse\" and .gate == \"create\" and .container.engine == \"podman\" and .container.name == \"$2\"
        and (.exposures | map(.kind) | index(\"$1\"))" || return
    state=$(podman ps --all --filter "name=^$2\$" --format '{{.State}} {{.Pid}}')
    # Podman 5 says it without capitals.
    [[ -z $state || ${state,,} == 'created 0' || ${state,,} == 'exited '*' 0' ]] || complain "it is: $state"
}
