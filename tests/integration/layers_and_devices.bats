#!/usr/bin/env bats
# Shared memory that comes in otherwise than by the source of a bind: as a layer of an overlay, as a device.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/mounts
load ../lib/create_gate

layers() {
    local layer=$BATS_TEST_TMPDIR/layer-$RT
    mkdir -p "$layer" "$SHM/upper" "$SHM/work"
    refused host-shm "$(overlaid "lowerdir=$SHM/folder:$layer")"
    refused host-shm "$(overlaid "lowerdir=$layer:$SHM/folder")"
    refused host-shm "$(overlaid "ro lowerdir=$layer upperdir=$SHM/upper workdir=$SHM/work")"
    next_id
    bundle "$ID" "$(overlaid "lowerdir=$SHM/folder:$layer")"
    capture "$BARE" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    [ "$(<"/proc/$(init_of "$ID")/root/mnt/file")" = segment ]
}

@test "host-shm: as a layer of an overlay" {
    for_each_runtime layers
}

# overlaid_at FOLDER OPTIONS: in the host's mounts.
overlaid_at() {
    mkdir -p "$1"
    inside mount -t overlay -o "$2" overlay "$1"
}

layer_names() {
    local at=$BATS_TEST_TMPDIR/names-$RT
    mkdir -p "$at/layer" "$SHM/upper" "$SHM/work"
    # Only lowerdir is divided at colons.
    ln -s "$SHM/upper" "$at/u:p"
    ln -s "$SHM/work" "$at/w:k"
    refused host-shm "$(overlaid "lowerdir=$at/layer upperdir=$at/u:p workdir=$at/w:k")"
    # An overlay of an overlay.
    overlaid_at "$at/one" "lowerdir=$SHM:$at/layer"
    refused host-shm "$(mounted "$at/one")"
    refused host-shm "$(overlaid "lowerdir=$at/one:$at/layer")"
    overlaid_at "$at/two" "lowerdir=$at/one:$at/layer"
    [ "$(inside cat "$at/two/file")" = segment ]
    refused host-shm "$(mounted "$at/two")"
    inside umount "$at/two" "$at/one"
    # Names that no longer lead where they did when it was mounted.
    ln -s "$SHM" "$at/link"
    overlaid_at "$at/gone" "lowerdir=$at/link:$at/layer"
    rm "$at/link"
    declined unverifiable "$(mounted "$at/gone")"
    inside sh -c 'cd "$1" && mount -t overlay -o "lowerdir=folder:$2/layer" overlay "$2/gone"' relative "$SHM" "$at"
    declined unverifiable "$(mounted "$at/gone")"
    inside umount "$at/gone" "$at/gone"
    # Which runtimes take from different folders, or as one.
    declined ambiguous-config "$(overlaid "lowerdir=layer:$at/layer")"
    declined ambiguous-config "$(overlaid "lowerdir=$at/layer:$at/x\\\\ /s")"
    # What an overlay may be.
    mkdir "$at/upper" "$at/work"
    overlaid_at "$at/own" "lowerdir=$at/layer,upperdir=$at/upper,workdir=$at/work"
    allowed "$(mounted "$at/own")"
    overlaid_at "$at/two" "lowerdir=$at/own:$at/layer"
    allowed "$(mounted "$at/two")"
    inside umount "$at/two" "$at/own"
    allowed "$(overlaid "lowerdir=$at/layer upperdir=$at/upper workdir=$at/work")"
}

@test "host-shm: as a layer of an overlay, whatever its name and however deep" {
    for_each_runtime layer_names
}

# as_device PATH: a jq filter that adds it to the container's devices.
as_device() { printf '.linux.devices = [{ path: "%s", type: "c", major: 1, minor: 3, fileMode: 438 }]' "$1"; }

devices() {
    local shares=shares
    # crun binds them only where it is in a user namespace itself (measured with 1.8.1).
    if [ "$RT" = crun ]; then shares=refused; fi
    local user='.linux.namespaces += [{ type: "user" }] | .linux.uidMappings = [{ containerID: 0, hostID: 0, size: 65536 }] |
        .linux.gidMappings = .linux.uidMappings | .root.readonly = false'
    "$shares" host-shm "$user | $(as_device "$SHM/file")" /dev/shm "$SHM/file"
    refused host-mqueue "$user | $(as_device "$MQUEUE/queue")"
    allowed "$user | $(as_device /dev/zero)"
    allowed "$(as_device /dev/full)"
    # In a file system without device nodes.
    "$shares" host-shm "del(.mounts[] | select(.type == \"mqueue\")) | $(as_device "$SHM-segment") |
        .mounts |= map(if .destination == \"/dev/shm\" then { destination, type: \"mqueue\", source: \"mqueue\" } else . end)" /dev/shm "$SHM-segment"
}

@test "host-shm, host-mqueue: as a device, which runtimes bind where they cannot make one" {
    : >"$SHM-segment"
    for_each_runtime devices
    rm "$SHM-segment"
}
