#!/usr/bin/env bash
# Runs a command in a Debian of its own: tests/matrix/enter.sh ROOT COMMAND…
#
# ROOT, a debootstrap chroot, stays as it is: what is written goes to a tmpfs over it. The repository is where it is outside.
# The mount namespace's root is changed, not only the process's, since whoever enters a namespace gets its root.
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
    exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- "$0" --inside "$@"
fi
root=$2 repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
shift 2

new=$(mktemp -d)
mount -t tmpfs -o mode=755 matrix "$new"
mkdir "$new"/{upper,work,root}
mount -t overlay -o "lowerdir=$root,upperdir=$new/upper,workdir=$new/work" overlay "$new/root"
cd "$new/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mkdir -p ".$repository"
mount --rbind "$repository" ".$repository"
mkdir -p old
pivot_root . old
umount --lazy /old
rmdir /old
cd /
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
# Tests name their control groups by a process's number, which is theirs alone outside.
echo $((SRANDOM % 25000 + 1000)) >/proc/sys/kernel/ns_last_pid
exec "$@"
