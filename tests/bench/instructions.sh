#!/usr/bin/env bash
# Counts the instructions of whole calls, which do not depend on what else the machine does, and compares them with
# instructions.limits: instructions.sh PROGRAM, where PROGRAM is ipcguard-runtime linked with uncounted.cpp.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

if [[ ${IPCGUARD_INSIDE:-} != yes ]]; then
  command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed"; exit 77; }
  private=(unshare --mount)
  ((EUID == 0)) || private+=(--map-root-user)
  "${private[@]}" true 2>/dev/null || { echo "skipped: ${private[*]} does not work here"; exit 77; }
  # With an environment that is the same everywhere: glibc looks at each variable of it.
  exec env -i PATH="$PATH" IPCGUARD_INSIDE=yes "${private[@]}" "$BASH" "${BASH_SOURCE[0]}" "$@"
fi

program=$(realpath -- "$1")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mount -t tmpfs -o mode=0755 none /etc
mkdir /etc/ipcguard
echo '{"runtimes": {"default": "/bin/sh"}}' >/etc/ipcguard/config.json
mkdir -p "$work/bundle/rootfs"
cp "$here/../fixtures/001-docker-plain/config.json" "$work/bundle"
failed=0

# count NAME ARGUMENT...: runs the program and sets `counts` to the instructions of the process and of its reader.
count() {
  local name=$1 file
  shift
  mkdir "$work/$name"
  valgrind --tool=callgrind --callgrind-out-file="$work/$name/%p" "$program" "$@" >"$work/$name.log" 2>&1 ||
    { cat -- "$work/$name.log"; exit 1; }
  counts=()
  # In the order of their numbers, which is that in which they began.
  while read -r file; do
    counts+=("$(sed -n 's/^summary: //p' "$file")")
  done < <(find "$work/$name" -type f | sort -V)
}

# check NAME COUNT
check() {
  local limit
  limit=$(sed -n "s/^$1 //p" "$here/instructions.limits")
  printf '%-14s %9d instructions, at most %9d\n' "$1" "$2" "$limit"
  (($2 > 0 && $2 <= limit)) || failed=1
}

count state state x
check pass-through "${counts[0]}"
count create create --bundle "$work/bundle" x
((${#counts[@]} == 2)) || { cat "$work/create.log"; exit 1; }
check create-gate "${counts[0]}"
check reader "${counts[1]}"
exit $failed
