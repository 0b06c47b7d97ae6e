#!/usr/bin/env bash
# Builds and runs the unit tests with other compilers than the host's:
#
#   tests/matrix/build.sh [VARIANT…]     DEBIAN-gcc, DEBIAN-clang or DEBIAN-arm64 (a cross build, tested under qemu-user); by
#                                        default bookworm-clang trixie-gcc trixie-clang trixie-arm64
#
# Root only. In the chroots of run.sh, of which it changes nothing: packages and builds are on a tmpfs and gone at the end.
# bookworm is the host, if it is one, with what is installed there.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
chroots=${IPCGUARD_CHROOTS:-/var/cache/ipcguard/chroots}

# In the chroot: VARIANT.
build() {
  local packages=(cmake ninja-build pkg-config) arch='' options=() folder
  local libraries=(libseccomp-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libspdlog-dev libfmt-dev libmd-dev catch2)
  case $1 in
    *-gcc) packages+=(g++) options+=(-DCMAKE_CXX_COMPILER=g++) ;;
    *-clang) packages+=(g++ clang) options+=(-DCMAKE_CXX_COMPILER=clang++) ;;
    *-arm64)
      arch=:arm64
      packages+=(g++-aarch64-linux-gnu qemu-user)
      options+=(-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64
        -DCMAKE_CROSSCOMPILING_EMULATOR=/usr/bin/qemu-aarch64)
      export PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
      ;;
  esac
  folder=$(mktemp -d)
  if [[ ${2:-} == install ]]; then
    export DEBIAN_FRONTEND=noninteractive
    [[ -z $arch ]] || dpkg --add-architecture arm64
    { apt-get -qq update && apt-get -qq -y --no-install-recommends install "${packages[@]}" "${libraries[@]/%/$arch}"; } >"$folder/log" 2>&1 ||
      { tail -n 20 "$folder/log"; return 1; }
  fi
  "$(sed -n 's/^-DCMAKE_CXX_COMPILER=//p' < <(printf '%s\n' "${options[@]}"))" --version | head -n 1
  cmake -G Ninja -S . -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DIPCGUARD_TESTS=ON "${options[@]}" >"$folder/log" || { tail -n 20 "$folder/log"; return 1; }
  cmake --build "$folder/build" >"$folder/log" || { grep -vE '^\[[0-9]+/' "$folder/log" | head -n 60; return 1; }
  (cd "$folder/build" && ctest --output-on-failure --timeout 600) || return 1
  rm -rf -- "$folder"
}

if [[ ${1:-} == --inside ]]; then
  build "$2" install
  exit
fi
variants=("$@") failed=0 said=()
((${#variants[@]} > 0)) || variants=(bookworm-clang trixie-gcc trixie-clang trixie-arm64)
for variant in "${variants[@]}"; do
  printf '== %s ==\n' "$variant"
  # shellcheck disable=SC1091
  if [[ ${variant%-*} == "$(. /etc/os-release && echo "$VERSION_CODENAME")" && $variant != *-arm64 ]]; then
    command=(build "$variant")
  else
    command=(tests/matrix/enter.sh "$chroots/${variant%-*}" "$PWD/tests/matrix/build.sh" --inside "$variant")
  fi
  if "${command[@]}"; then said+=("ok $variant"); else said+=("not ok $variant") failed=$((failed + 1)); fi
done
printf '%s\n' "${said[@]}"
printf '%d passed, %d failed, 0 skipped\n' "$((${#variants[@]} - failed))" "$failed"
((failed == 0))
