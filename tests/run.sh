#!/usr/bin/env bash
# Installs what the tests need and runs them all. `--ci` adds what is not a test: format, lint, and the sanitizer build.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

packages=(
  g++ cmake ninja-build pkg-config libseccomp-dev nlohmann-json3-dev libcli11-dev libspdlog-dev libfmt-dev libmd-dev catch2
  bats jq busybox-static runc crun containerd docker.io docker-compose util-linux bsdutils procps
)
ci_packages=(clang-format clang-tidy shellcheck)

die() { printf 'tests/run.sh: %s\n' "$*" >&2; exit 1; }

install_packages() { # PACKAGE...
  local package missing=()
  for package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  printf 'installing packages: %s\n' "${missing[*]}"
  local -x DEBIAN_FRONTEND=noninteractive
  apt-get -qq update || die "apt-get update failed"
  apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null || die "apt-get could not install: ${missing[*]}"
}

passed=0 failed=0 skipped=0
failures=()

# run_suite NAME COMMAND...: the command prints TAP, or lines of ctest; both are counted.
run_suite() {
  local name=$1 log status=0
  shift
  printf '\n== %s ==\n' "$name"
  log=$(mktemp)
  "$@" 2>&1 | tee "$log" || status=$?
  local ok not_ok skip
  ok=$(grep -cE '^ok [0-9]+|Test +#[0-9]+: .* Passed ' "$log") || true
  skip=$(grep -cE '^ok [0-9]+ .*# skip' "$log") || true
  not_ok=$(grep -cE '^not ok [0-9]+|Test +#[0-9]+: .*\*\*\*' "$log") || true
  rm -f -- "$log"
  ((passed += ok - skip, failed += not_ok, skipped += skip)) || true
  if ((status != 0 || not_ok > 0)); then failures+=("$name"); fi
  if ((ok + not_ok == 0)); then failures+=("$name: it ran no test"); fi
}

build() { # PRESET
  printf '\n== build: %s ==\n' "$1"
  cmake --preset "$1" -DIPCGUARD_TESTS=ON >/dev/null || die "the $1 build cannot be configured"
  cmake --build --preset "$1" || die "the $1 build failed"
}

lint() {
  printf '\n== format and lint ==\n'
  local sources scripts
  mapfile -t sources < <(git ls-files '*.cpp' '*.h')
  mapfile -t scripts < <(git ls-files '*.sh' '*.bash' .ci/run)
  clang-format --dry-run -Werror "${sources[@]}" || failures+=(clang-format)
  shellcheck "${scripts[@]}" || failures+=(shellcheck)
  # The compile commands are GCC's, which knows a warning more.
  git ls-files 'host/*.cpp' 'oci/*.cpp' 'config/*.cpp' 'shim/*.cpp' 'admin/*.cpp' |
    xargs -P "$(nproc)" -n 1 clang-tidy -p build/release --quiet --extra-arg=-Wno-unknown-warning-option 2>/dev/null ||
    failures+=(clang-tidy)
}

[[ $# == 0 || "$*" == --ci ]] || die "usage: tests/run.sh [--ci]"
((EUID == 0)) || die "the tests start containers: run this as root"
install_packages "${packages[@]}"
build release
run_suite 'unit tests and scenarios' ctest --preset release
run_suite 'integration: real runc and crun' bats --tap tests/integration
run_suite 'end to end: real engines' bats --tap tests/e2e
if [[ $* == --ci ]]; then
  install_packages "${ci_packages[@]}"
  lint
  build asan
  run_suite 'unit tests with AddressSanitizer and UBSan' ctest --preset asan
fi

printf '\n'
for failure in "${failures[@]}"; do printf 'failed: %s\n' "$failure"; done
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((${#failures[@]} == 0))
