#!/usr/bin/env bash
# The unit tests, and what the create gate refuses, under valgrind's memcheck: tests/memcheck.sh   (as root, after a
# release build)
# Fails for each error and leak that valgrind tells of, also those of children.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
built=$PWD/build/release
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cmake --build --preset release --target unit-unconfined shim-unconfined | tail -n 1

# What valgrind 3.19 lacks, such as the speed to read 10 MB in the 10 s that readers are given, and the tests of the
# sandbox itself, which has to go where valgrind is.
lacks=('#sandbox_test' '#sandbox_filter_test' 'needs pidfd_open' 'needs openat2' 'needs fsopen' 'needs speed' 'needs /proc/self/exe')
# Without the freeing of libc's memory at an end, which in a child that ends by _exit writes what stdio still holds: the
# parent would take it for the end of an answer.
memcheck=(valgrind --quiet --leak-check=full --show-leak-kinds=definite --run-libc-freeres=no --suppressions="$PWD/tests/lib/memcheck.supp"
  --log-file="$work/log/%p")
mkdir "$work/log" "$work/bin"

# clean NUMBER NAME: there are logs, and none has an error. Lines with -- are of system calls that valgrind lacks.
clean() {
  local told
  told=$(cat -- "$work"/log/* | grep -E '^==[0-9]+== ' | grep -vE 'Warning: noted but unhandled ioctl|This could cause spurious|See README_MISSING') || :
  if [[ -z $told && -n $(ls "$work/log") ]]; then
    printf 'ok %d %s: valgrind tells of nothing in %d processes\n' "$1" "$2" "$(find "$work/log" -type f | wc -l)"
  else
    head -n 100 <<<"$told"
    printf 'not ok %d %s\n' "$1" "$2"
    status=1
  fi
  rm -f -- "$work"/log/*
}

status=0
echo 'not run for what valgrind lacks:'
"$built/tests/unit-unconfined" --filenames-as-tags --list-test-names-only "$(printf '[%s],' "${lacks[@]}")" || :
"${memcheck[@]}" "$built/tests/unit-unconfined" --filenames-as-tags "$(printf '~[%s]' "${lacks[@]}")" || status=1
clean 1 'unit tests'

# A folder that looks like a build, whose shim runs under valgrind until it becomes a runtime.
ln -s "$built/ipcguard" "$work"
for name in ipcguard-runtime ipcguard-runtime.crun; do ln -s "$built/tests/shim-unconfined" "$work/bin/$name"; done
# shellcheck disable=SC2016 # the script's own
printf '#!/bin/sh\nexec %s %s/bin/"${0##*/}" "$@"\n' "${memcheck[*]}" "$work" >"$work/ipcguard-runtime"
chmod +x "$work/ipcguard-runtime"
IPCGUARD_BUILD=$work bats --tap tests/integration/config_json.bats || status=1
clean 2 'the create gate'
exit $status
