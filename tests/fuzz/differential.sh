#!/usr/bin/env bash
# Differential fuzzing: tests/fuzz/differential.sh [SECONDS, 60]. What ipcguard judges to be private, runc's and crun's own
# readers see as private too. Needs clang, Go, and what builds crun's reader from Debian's source package.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
seconds=${1:-60} work=$PWD/build/fuzz/differential
mkdir -p "$work/corpus" "$work/lists" build/fuzz/found

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target oci host >/dev/null

if [[ ! -e $work/crun/libocispec/.libs/libocispec.a ]]; then
    # shellcheck source=/dev/null
    . /etc/os-release
    printf 'deb-src http://deb.debian.org/debian %s main\n' "$VERSION_CODENAME" >"$work/sources.list"
    options=(-o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::lists=$work/lists" -o APT::Sandbox::User=root)
    (cd "$work" && apt-get -qq "${options[@]}" update && apt-get -qq "${options[@]}" source crun) >"$work/source.log" 2>&1 ||
        { tail -n 5 "$work/source.log" >&2; exit 1; }
    rm -rf "$work/crun"
    mv "$work"/crun-*/ "$work/crun"
    (cd "$work/crun/libocispec" && ./configure --enable-embedded-yajl && make -j"$(nproc)") >"$work/build.log" 2>&1 ||
        { tail -n 20 "$work/build.log" >&2; exit 1; }
fi
ocispec=$work/crun/libocispec
mapfile -t yajl < <(find "$ocispec" -name 'libyajl*.a')

GO111MODULE=off go build -o "$work/runc_reader" tests/fuzz/differential/runc_reader.go
clang -c -g -O1 -fsanitize=address -I. -I"$ocispec" -I"$ocispec/src" -I"$ocispec/src/ocispec" -I"$ocispec/yajl/src/headers" \
    -o "$work/crun_reader.o" tests/fuzz/differential/crun_reader.c
clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -I. -o "$work/differential_fuzz" \
    tests/fuzz/differential/differential_fuzz.cpp tests/fuzz/in_process.cpp "$work/crun_reader.o" build/fuzz/liboci.a build/fuzz/libhost.a \
    "$ocispec/.libs/libocispec.a" "${yajl[@]}"

for scenario in tests/fixtures/*/; do cp -- "$scenario/config.json" "$work/corpus/$(basename "$scenario")"; done
if RUNC_READER=$work/runc_reader "$work/differential_fuzz" -max_total_time="$seconds" -dict=tests/fuzz/json.dict -max_len=65536 \
    -artifact_prefix=build/fuzz/found/differential- -print_final_stats=1 "$work/corpus" >"$work/log" 2>&1; then
    printf 'ok differential: %s documents\n1 passed, 0 failed\n' "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")"
else
    tail -n 40 "$work/log"
    printf 'not ok differential\n0 passed, 1 failed\n'
    exit 1
fi
