#!/usr/bin/env bash
# The unit and integration tests with AddressSanitizer and UBSan: tests/sanitized.sh   (as root)
# Fails for whatever a program of ours reports, also where no test looks at what it said. Suites run three at a time.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# What cannot be tested so, and why.
declare -A unfit=(
  [doctor]='hard mode copies no program of more than 16 MiB, and one with AddressSanitizer is larger'
  [harden]='hard mode copies no program of more than 16 MiB, and one with AddressSanitizer is larger'
  [conformance]='it is about a script that compares runtimes'
  [manual]='it is about manual pages'
  [hardening]='it is about how the programs that are installed were linked'
  [faults]='LeakSanitizer does not work under ptrace'
  [faults_calls]='LeakSanitizer does not work under ptrace'
  [faults_limits]='AddressSanitizer reserves terabytes of address space'
  [faults_signals]='LeakSanitizer does not work under ptrace'
)

cmake --preset asan -DIPCGUARD_TESTS=ON >/dev/null
{ cmake --build --preset asan && cmake --build --preset asan --target unit-unconfined shim-unconfined; } | tail -n 1
built=$PWD/build/asan work=$(mktemp -d)
reports=$work/reports
mkdir "$reports"
trap 'rm -rf -- "$work"' EXIT
export ASAN_OPTIONS=log_path=$reports/asan UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports/ubsan
status=0
# Where it is confined, the reader can report nothing: all that does not test that runs with a reader that is not.
ctest --preset asan -R '^unit\.sandbox|^scenarios_check' || status=1
"$built/tests/unit-unconfined" --filenames-as-tags '~[#sandbox_test]~[#sandbox_filter_test]' || status=1
ln -s "$built/ipcguard" "$work"
ln -s "$built/tests/shim-unconfined" "$work/ipcguard-runtime"
export IPCGUARD_BUILD=$work

run() { bats --tap "$1" >"$work/$2" 2>&1 || echo "not ok $2" >>"$work/$2"; }
names=()
for file in tests/integration/*.bats; do
  name=$(basename "$file" .bats)
  names+=("$name")
  while (($(jobs -pr | wc -l) >= 3)); do wait -n || true; done
  if [[ -n ${unfit[$name]:-} ]]; then
    printf 'ok 1 %s # skip %s\n' "$name" "${unfit[$name]}" >"$work/$name"
  else
    run "$file" "$name" &
  fi
done
wait
for name in "${names[@]}"; do cat -- "$work/$name"; done
! grep -q '^not ok' "${names[@]/#/$work/}" || status=1
if [[ -n $(ls "$reports") ]]; then
  cat -- "$reports"/*
  echo 'not ok 1 no program reports anything'
  status=1
else
  echo 'ok 1 no program reports anything'
fi
exit $status
