#!/usr/bin/env bash
# Builds and runs the unit tests with other compilers than the host's:
#
#   tests/matrix/build.sh [VARIANT…]     DEBIAN-gcc, DEBIAN-clang or DEBIAN-arm64 (a cross build, tested under qemu-user); by
#                                        default bookworm-clang trixie-gcc trixie-clang trixie-arm64
#
# Root only. In the chroots of run.sh, of which it changes nothing: packages and builds are on a tmpfs and gone at the end.
# bookworm is the host, if it is one, with what is installed there. With CMAKE_CXX_COMPILER_LAUNCHER=ccache what was
# compiled in a chroot is kept in build/ccache.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/matrix/chroots.bash
. tests/matrix/chroots.bash

# build VARIANT FOLDER, the latter empty.
build() {
  local options=(-DCMAKE_BUILD_TYPE=Release -DIPCGUARD_TESTS=ON) compiler
  case $1 in
    *-gcc) compiler=g++ ;;
    *-clang) compiler=clang++ ;;
    *-arm64)
      compiler=aarch64-linux-gnu-g++
      options+=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CROSSCOMPILING_EMULATOR=/usr/bin/qemu-aarch64)
      local -x PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
      ;;
  esac
  "$compiler" --version | head -n 1
  cmake -G Ninja -S . -B "$2" -DCMAKE_CXX_COMPILER="$compiler" "${options[@]}" >"$2/log" || { tail -n 20 "$2/log"; return 1; }
  cmake --build "$2" >"$2/log" || { grep -vE '^\[[0-9]+/' "$2/log" | head -n 60; return 1; }
  (cd "$2" && ctest --output-on-failure) || return 1
  # What ctest does not tell of tests that did not run: which, and why.
  sed -nE '/^not run: /p; /^Matching test cases/,/^[0-9]+ matching/p' "$2/Testing/Temporary/LastTest.log"
}

# In the chroot, which is thrown away.
install_and_build() { # VARIANT
  local packages=(cmake ninja-build pkg-config jq valgrind nlohmann-json3-dev libcli11-dev) arch='' library folder=/tmp/build
  local libraries=(libseccomp-dev libtomlplusplus-dev libspdlog-dev libfmt-dev libmd-dev libcatch2-dev)
  # Catch2 2 is in a package of another name.
  [[ $1 != bookworm-* ]] || libraries[-1]=catch2
  case $1 in
    *-gcc) packages+=(g++) ;;
    *-clang) packages+=(g++ clang) ;;
    *-arm64)
      packages+=(g++-aarch64-linux-gnu qemu-user)
      arch=:arm64
      dpkg --add-architecture arm64
      ;;
  esac
  for library in "${libraries[@]}"; do packages+=("$library$arch"); done
  if [[ ${CMAKE_CXX_COMPILER_LAUNCHER:-} == ccache ]]; then
    packages+=(ccache)
    export CCACHE_DIR=$PWD/build/ccache
  fi
  mkdir "$folder"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${packages[@]}"; } >"$folder/log" 2>&1 ||
    { tail -n 20 "$folder/log"; return 1; }
  build "$1" "$folder"
}

build_here() { # VARIANT
  local folder status=0
  folder=$(mktemp -d)
  build "$1" "$folder" || status=1
  rm -rf -- "$folder"
  return $status
}

if [[ ${1:-} == --inside ]]; then
  install_and_build "$2"
  exit
fi
((EUID == 0)) || die 'the tests make namespaces: run this as root'
variants=("$@") failed=0 said=()
((${#variants[@]} > 0)) || variants=(bookworm-clang trixie-gcc trixie-clang trixie-arm64)
for variant in "${variants[@]}"; do
  [[ $variant =~ ^[a-z]+-(gcc|clang|arm64)$ ]] || die "there is no variant $variant"
  printf '== %s ==\n' "$variant"
  if [[ ${variant%-*} == "$(here)" && $variant != *-arm64 ]]; then
    command=(build_here "$variant")
  else
    make_chroot "${variant%-*}"
    command=(tests/matrix/enter.sh "$chroots/${variant%-*}" "$PWD/tests/matrix/build.sh" --inside "$variant")
  fi
  if "${command[@]}"; then said+=("ok $variant"); else said+=("not ok $variant") failed=$((failed + 1)); fi
done
printf '%s\n' "${said[@]}"
printf '%d passed, %d failed, 0 skipped\n' "$((${#variants[@]} - failed))" "$failed"
((failed == 0))
