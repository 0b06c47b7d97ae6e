#!/usr/bin/env bash
# Installs what the tests need and runs them all. `--ci` adds format, lint, the sanitizers, valgrind, fuzzing and coverage.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

packages=(
  g++ cmake ninja-build pkg-config libseccomp-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libspdlog-dev libfmt-dev libmd-dev catch2
  bats jq valgrind libxml2-utils busybox-static runc crun containerd docker.io docker-compose podman buildah uidmap util-linux bsdutils procps
  strace python3 man-db rpm ansible-core python3-apt
  # The peers' own suites, which dpkg-dev unpacks.
  dpkg-dev gawk golang-go golang-github-containerd-console-dev golang-github-urfave-cli-dev golang-github-seccomp-libseccomp-golang-dev
  golang-github-opencontainers-specs-dev golang-golang-x-sys-dev golang-github-cyphar-filepath-securejoin-dev golang-github-sirupsen-logrus-dev
)
# Other packages than Debian's may have brought them.
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
ci_packages=(clang-format clang-tidy cppcheck shellcheck clang libclang-rt-dev gcovr)

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

logs=$(mktemp -d)
trap 'rm -rf -- "$logs"' EXIT
suites=()
at_a_time=$((2 * $(nproc)))

# start_suite NAME COMMAND...: in the background, since the tests mostly wait, each in mount namespaces of its own; no
# more at a time than the machine has room for.
start_suite() {
  local name=$1 number=${#suites[@]}
  shift
  while (($(jobs -pr | wc -l) >= at_a_time)); do wait -n || true; done
  suites+=("$name")
  { "$@" >"$logs/$number" 2>&1 || echo $? >"$logs/$number.status"; } &
}

# Waits for the suites that were started, and counts their lines of TAP, or of ctest.
finish_suites() {
  local number log ok not_ok skip
  wait
  for number in "${!suites[@]}"; do
    log=$logs/$number
    printf '\n== %s ==\n' "${suites[number]}"
    cat -- "$log"
    ok=$(grep -cE '^ok [0-9]+|Test +#[0-9]+: .*( Passed |\*\*\*Skipped)' "$log") || true
    skip=$(grep -cE '^ok [0-9]+ .*# skip|Test +#[0-9]+: .*\*\*\*Skipped' "$log") || true
    not_ok=$(grep -cE '^not ok [0-9]+|Test +#[0-9]+: .*\*\*\*[^S]' "$log") || true
    ((passed += ok - skip, failed += not_ok, skipped += skip)) || true
    if [[ -e $log.status ]] || ((not_ok > 0)); then failures+=("${suites[number]}"); fi
    if ((ok + not_ok == 0)); then failures+=("${suites[number]}: it ran no test"); fi
  done
  suites=()
  rm -f -- "$logs"/*
}

install_cri_client() { # what the lock file pins, unless it is there
  local client=tests/e2e/cri
  [[ $client/node_modules/.package-lock.json -nt $client/package-lock.json ]] ||
    (cd "$client" && npm ci --ignore-scripts --no-audit --no-fund) || die "npm ci failed in $client"
}

build() { # PRESET
  printf '\n== build: %s ==\n' "$1"
  cmake --preset "$1" -DIPCGUARD_TESTS=ON >/dev/null || die "the $1 build cannot be configured"
  cmake --build --preset "$1" || die "the $1 build failed"
}

# Not tests of what runs, told as those are. With what is left of the processors, beside the tests.
spare() { renice -n 19 -p "$BASHPID" >/dev/null; "$@"; }

lint() {
  local sources scripts number=0
  mapfile -t sources < <(git ls-files '*.cpp' '*.h')
  mapfile -t scripts < <(git ls-files '*.sh' '*.bash' .ci/run)
  checked clang-format clang-format --dry-run -Werror "${sources[@]}"
  checked shellcheck shellcheck "${scripts[@]}"
  checked cppcheck cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr --std=c++20 \
    -I . -D'ElfW(type)=Elf64_##type' host oci config shim engines admin tests/bench tests/fuzz
  checked clang-tidy tidy
}

checked() { # NAME COMMAND...
  local name=$1
  shift
  number=$((number + 1))
  if "$@"; then printf 'ok %d %s\n' "$number" "$name"; else printf 'not ok %d %s\n' "$number" "$name"; fi
}

tidy() { # the compile commands are GCC's, which knows a warning more
  git ls-files 'host/*.cpp' 'oci/*.cpp' 'config/*.cpp' 'shim/*.cpp' 'engines/*.cpp' 'admin/*.cpp' |
    xargs -P "$(nproc)" -n 1 clang-tidy -p build/release --quiet --extra-arg=-Wno-unknown-warning-option 2>/dev/null
}

# Each reader for a minute, three at a time, and what they accept against the runtimes' own reading.
fuzzed() {
  local status=0
  IPCGUARD_FUZZ_JOBS=3 tests/fuzz/run.sh 60 || status=1
  tests/fuzz/differential.sh 60 || status=1
  tests/fuzz/command_lines.py 100 || status=1
  return "$status"
}

[[ $# == 0 || "$*" == --ci ]] || die "usage: tests/run.sh [--ci]"
((EUID == 0)) || die "the tests start containers: run this as root"
install_packages "${packages[@]}"
install_cri_client
[[ $* != --ci ]] || install_packages "${ci_packages[@]}"
build release
if [[ $* == --ci ]]; then
  at_a_time=$((at_a_time + 4))
  start_suite 'format and lint' spare lint
  start_suite 'with AddressSanitizer and UBSan' spare tests/sanitized.sh
  start_suite 'fuzzing' spare fuzzed
  start_suite 'coverage' spare tests/coverage.sh
fi
for file in tests/e2e/*.bats tests/integration/*.bats; do start_suite "$file" bats --tap "$file"; done
# The peers' own suites: crun's, and of runc's the parts that every engine leans on.
start_suite 'conformance: crun' tests/conformance/crun.sh
start_suite 'conformance: runc, a part' tests/conformance/runc.sh '^(create|delete|exec|kill|ps|run|start|state)\.bats'
finish_suites
start_suite 'unit tests and scenarios' ctest --preset release
# Last, since readers are given 10 s, which is little under valgrind on a machine that does all else.
[[ $* != --ci ]] || start_suite "under valgrind's memcheck" tests/memcheck.sh
finish_suites

printf '\n'
for failure in "${failures[@]}"; do printf 'failed: %s\n' "$failure"; done
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((${#failures[@]} == 0))
