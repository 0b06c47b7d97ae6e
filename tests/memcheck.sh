#!/usr/bin/env bash
# The unit tests under valgrind's memcheck: tests/memcheck.sh   (as root)
#
# In the build of coverage.sh, which is linked dynamically, so that valgrind sees malloc. Not among them are the sandbox's own
# tests, since valgrind knows no seccomp; what runs in the sandbox is checked by all the others, which fork it without its filter.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
build=$PWD/build/coverage

command -v valgrind >/dev/null || { echo 'tests/memcheck.sh: valgrind is not installed' >&2; exit 1; }
cmake --preset coverage -DIPCGUARD_TESTS=ON >/dev/null
cmake --build --preset coverage --target unconfined | tail -n 1
logs=$(mktemp -d)
trap 'rm -rf -- "$logs"' EXIT

status=0
# Children that are forked write logs of their own; their exit status is not always asked for.
GCOV_ERROR_FILE=/dev/null GCOV_PREFIX=$logs/counts valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
  --log-file="$logs/%p" "$build/tests/unconfined" --filenames-as-tags '~[#sandbox_test]~[#sandbox_filter_test]' || status=$?
find "$logs" -maxdepth 1 -type f -size +0 -exec cat {} +
if ((status == 0)) && [[ -z $(find "$logs" -maxdepth 1 -type f -size +0) ]]; then echo 'ok 1 memcheck'; exit 0; fi
echo 'not ok 1 memcheck'
exit 1
