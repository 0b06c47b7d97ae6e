# shellcheck shell=bash disable=SC2016,SC2154 # lib/common.bash sets what it tells
# Host memory and message queues for tests to bind, and what a container finds at a place.

# $SHM, a folder in the host's /dev/shm, $MQUEUE, a mount of its message queues, and targets for binds in the root file
# system: the folder /mnt and the file /target.
host_memory() {
    export SHM=/dev/shm/ig-test-$$ MQUEUE=$BATS_FILE_TMPDIR/mqueue
    mkdir -p "$SHM/folder" "$MQUEUE" "$ROOTFS/mnt"
    echo segment | tee "$SHM/file" >"$SHM/folder/file"
    : >"$ROOTFS/target"
    inside mount -t mqueue host "$MQUEUE"
    inside touch "$MQUEUE/queue"
}

host_memory_end() { [ -z "${SHM:-}" ] || rm -rf "$SHM"; }

# mounted SOURCE [OPTIONS [TYPE [DESTINATION]]]: a jq filter that adds a bind; OPTIONS are words.
mounted() {
    local options=${2:-bind}
    printf '.mounts += [{ destination: "%s", type: "%s", source: "%s", options: ["%s"] }]' \
        "${4:-/mnt}" "${3:-bind}" "$1" "${options// /\", \"}"
}

# swapping SCRIPT: a filter of settings whose runtime is runc, but that it runs SCRIPT after the create gate has looked.
swapping() {
    printf '#!/bin/sh\ncase " $* " in *" create "*) %s ;; esac\nexec /usr/bin/runc "$@"\n' "$1" >"$BATS_TEST_TMPDIR/between"
    chmod 755 "$BATS_TEST_TMPDIR/between"
    printf '.runtimes = { default: "%s" }' "$BATS_TEST_TMPDIR/between"
}

overlaid() {
    printf '.mounts += [{ destination: "/mnt", type: "overlay", source: "overlay", options: ["%s"] }]' "${1// /\", \"}"
}

device_of() { inside stat --format %d "$1"; }

# The file system that process $1 finds at $2 is that which the host has at $3.
is_of_host() { [ "$(stat --format %d "/proc/$1/root$2")" = "$(device_of "$3")" ]; }

# carry PID SOURCE TARGET…: a program, $CARRY, that puts the host's SOURCE ("mqueue": its message queues) into the mount
# namespace of process PID, at the first TARGET that is there. A mount cannot be bound from one mount namespace into
# another, but be carried there detached.
make_carry() {
    export CARRY=$BATS_FILE_TMPDIR/carry
    cc -Wall -Werror -O1 -static -o "$CARRY" -x c - <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
enum { clone_tree = 1, empty_source = 4, create = 6 }; /* OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH, FSCONFIG_CMD_CREATE */
int main(int argc, char **argv)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%s/ns/mnt", argv[1]);
    int target = open(name, O_RDONLY), tree;
    if (strcmp(argv[2], "mqueue") == 0) {
        int context = syscall(SYS_fsopen, "mqueue", 0);
        syscall(SYS_fsconfig, context, create, NULL, NULL, 0);
        tree = syscall(SYS_fsmount, context, 0, 0);
    } else {
        tree = syscall(SYS_open_tree, AT_FDCWD, argv[2], clone_tree);
    }
    if (target < 0 || tree < 0 || setns(target, CLONE_NEWNS) != 0)
        return perror("carry"), 1;
    for (int at = 3; at < argc; at++)
        if (syscall(SYS_move_mount, tree, "", AT_FDCWD, argv[at], empty_source) == 0)
            return 0;
    return perror("move_mount"), 1;
}
END
}

# A /dev as systemd has it, with message queues mounted; only in the private namespace.
dev_of_our_own() {
    inside sh -ec 'mount -t tmpfs -o mode=755 engine-dev /mnt; mkdir /mnt/mqueue
        for one in null zero full random urandom tty ptmx; do cp -a /dev/$one /mnt/; done; ln -s /proc/self/fd /mnt/fd
        for one in pts shm; do mkdir /mnt/$one; mount --bind /dev/$one /mnt/$one; done
        umount --recursive --lazy /dev; mount --move /mnt /dev; mount -t mqueue mqueue /dev/mqueue'
}
