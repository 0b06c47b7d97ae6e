#!/usr/bin/env bash
# Fuzzes every reader: tests/fuzz/run.sh [SECONDS for each, 60] [READER...]   Needs clang and libclang-rt's sanitizers.
#
# Inputs that are found stay in build/fuzz/corpus/READER, so that a next run begins where this one ended; one that breaks
# something is kept in build/fuzz/found, and becomes a test.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

seconds=60
if [[ ${1:-} =~ ^[0-9]+$ ]]; then seconds=$1; shift; fi
readers=("$@")
((${#readers[@]})) || readers=(bundle command_line settings allowlist runtime_state engine_record answer)
built=build/fuzz/tests/fuzz corpora=build/fuzz/corpus found=build/fuzz/found

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "${readers[@]/%/_fuzz}" >/dev/null || { echo 'tests/fuzz/run.sh: the build failed' >&2; exit 1; }
mkdir -p "$found"

# seed READER FILE...: with a first byte that chooses the form, where the harness has one.
seed() {
    local reader=$1 file form number=0
    shift
    mkdir -p "$corpora/$reader"
    for file; do
        form=""
        case $reader,$file in
            runtime_state,*.json | engine_record,*containers.json) form=1 ;;
            runtime_state,* | engine_record,*) form=2 ;;
        esac
        number=$((number + 1))
        { printf %s "$form"; cat -- "$file"; } >"$corpora/$reader/seed-$number"
    done
}

seed_all() {
    local line number=0
    seed bundle tests/fixtures/*/config.json
    seed settings config/default/config.json docs/examples/policy/config.json
    seed allowlist config/default/kubernetes-system.json docs/exceptions/*.json docs/examples/policy/allowlist.d/*.json
    seed runtime_state tests/unit/data/*runc-state.json tests/unit/data/crun.status
    seed engine_record tests/unit/data/docker.config.v2.json
    mkdir -p "$corpora"/{command_line,answer}
    while read -r line; do
        number=$((number + 1))
        [[ $line == '#'* ]] || printf %s "${line// /$'\n'}" >"$corpora/command_line/seed-$number"
    done <tests/fuzz/seeds/command_lines
}

passed=0 failed=0
seed_all
for reader in "${readers[@]}"; do
    dictionary=json
    [[ $reader != command_line ]] || dictionary=command_line
    log=build/fuzz/$reader.log
    if "$built/${reader}_fuzz" -max_total_time="$seconds" -dict="tests/fuzz/$dictionary.dict" -artifact_prefix="$found/$reader-" \
        -timeout=25 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -close_fd_mask=1 "$corpora/$reader" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok %s: %s executions\n' "$reader" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    else
        failed=$((failed + 1))
        printf 'not ok %s\n' "$reader"
        tail -n 40 "$log"
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
