#!/usr/bin/env bash
# Which lines the unit tests run, a table by folder: tests/coverage.sh   (as root)
# Fails where the code that decides or that reads what others wrote has less than 95 % of its lines run.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
build=$PWD/build/coverage
required=95
must=(config/ oci/ host/wire. shim/command_line.) # not host/sandbox.cpp: what its child does once it has answered is not counted

cmake --preset coverage -DIPCGUARD_TESTS=ON >/dev/null
cmake --build --preset coverage --target unit unit-unconfined | tail -n 1
find "$build" -name '*.gcda' -delete

# A child without descriptors or rights cannot write counts, which is not to be said.
export GCOV_ERROR_FILE=/dev/null
# The sandbox's own tests with its filter; all others without it, where the child in which documents are read can write counts.
"$build/tests/unit" --filenames-as-tags '[#sandbox_test],[#sandbox_filter_test]' 2>&1 | grep -v '^profiling:'
"$build/tests/unit-unconfined" --filenames-as-tags '~[#sandbox_test]~[#sandbox_filter_test]'

report=$(mktemp)
trap 'rm -f -- "$report"' EXIT
gcovr --root . --object-directory "$build" --json-summary "$report" \
  --filter host/ --filter oci/ --filter config/ --filter shim/ --filter engines/ --filter admin/ >/dev/null

# lines PREFIX: how many there are and how many were run in the files whose paths begin so.
lines() {
  jq -r --arg prefix "$1" '[.files[] | select(.filename | startswith($prefix))] |
    "\(map(.line_total) | add // 0) \(map(.line_covered) | add // 0)"' "$report"
}

failed=0
printf '%-22s %7s %7s %7s\n' '' lines run '%'
for prefix in host/ host/sandbox. host/wire. oci/ config/ shim/ shim/command_line. engines/ admin/ ''; do
  read -r total run < <(lines "$prefix")
  note=''
  if [[ -n $prefix && " ${must[*]} " == *" $prefix "* ]] && ((run * 100 < required * total || total == 0)); then
    note="less than $required %" failed=1
  fi
  printf '%-22s %7d %7d %7s %s\n' "${prefix:-all}" "$total" "$run" "$(awk "BEGIN { printf \"%.1f\", 100 * $run / ($total + !$total) }")" "$note"
done
if ((failed == 0)); then echo 'ok 1 coverage'; else echo 'not ok 1 coverage'; fi
exit $failed
