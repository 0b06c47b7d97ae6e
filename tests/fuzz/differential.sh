#!/usr/bin/env bash
# Differential fuzzing: tests/fuzz/differential.sh [SECONDS, 60]. What ipcguard judges to be private, runc's and crun's own
# readers see as private too. Needs clang, libclang-rt-dev, Go, and what builds crun's reader from Debian's source package.
#
# It begins with the scenarios that IPCGUARD_FUZZ_SCENARIOS fits, of tests/fixtures (all), and with what earlier runs found.
set -euo pipefail
# shellcheck source=tests/conformance/lib.bash disable=SC1091
source "$(dirname "${BASH_SOURCE[0]}")/../conformance/lib.bash"
cd "$REPOSITORY"
seconds=${1:-60} work=$PWD/build/fuzz/differential found=$PWD/build/fuzz/found
mkdir -p "$work/corpus" "$found"

{ cmake --preset fuzz && cmake --build --preset fuzz --target oci host; } >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log"; exit 1; }

sources crun
ocispec=$CACHE/ocispec-${SOURCES##*/crun-}
if [[ ! -e $ocispec/.built ]]; then
    rm -rf "$ocispec"
    cp -a "$SOURCES/libocispec" "$ocispec"
    (cd "$ocispec" && ./configure --enable-embedded-yajl && make -j"$(nproc)") >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log"; exit 1; }
    touch "$ocispec/.built"
fi
mapfile -t yajl < <(find "$ocispec" -name 'libyajl*.a')

GO111MODULE=off go build -o "$work/runc_reader" tests/fuzz/differential/runc_reader.go
clang -c -g -O1 -fsanitize=address -I. -I"$ocispec" -I"$ocispec/src" -I"$ocispec/src/ocispec" -I"$ocispec/yajl/src/headers" \
    -o "$work/crun_reader.o" tests/fuzz/differential/crun_reader.c
clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -I. -o "$work/differential_fuzz" \
    tests/fuzz/differential/differential_fuzz.cpp tests/fuzz/{in_process,json_mutator}.cpp "$work/crun_reader.o" build/fuzz/liboci.a build/fuzz/libhost.a \
    "$ocispec/.libs/libocispec.a" "${yajl[@]}"

for scenario in tests/fixtures/${IPCGUARD_FUZZ_SCENARIOS:-*}/; do cp -- "$scenario/config.json" "$work/corpus/$(basename "$scenario")"; done
if RUNC_READER=$work/runc_reader "$work/differential_fuzz" -max_total_time="$seconds" -dict=tests/fuzz/json.dict -max_len=65536 \
    -timeout=120 -artifact_prefix="$found/differential-" -print_final_stats=1 "$work/corpus" >"$work/log" 2>&1; then
    printf 'ok 1 runc, crun and ipcguard read alike what ipcguard accepts: %s documents in %d s\n' \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")" "$seconds"
else
    printf 'not ok 1 runc, crun and ipcguard read alike what ipcguard accepts\n'
    tail -n 40 "$work/log"
    for input in "$found"/differential-*; do
        [[ -e $input ]] && printf 'input %s, in base64:\n%s\n' "$input" "$(base64 -w 0 "$input")"
    done
    exit 1
fi
