#!/usr/bin/env bash
# Fuzzes every reader: tests/fuzz/run.sh [--fast | --afl] [SECONDS for each, 60] [READER...]
#
# Clang's libFuzzer with AddressSanitizer and UBSan (packages clang, libclang-rt-dev); with --fast without them, several
# times as fast; with --afl the same harnesses by AFL++ (package afl++), without them too. IPCGUARD_FUZZ_JOBS run at a
# time (default 1), IPCGUARD_FUZZ_LENGTH is the longest input (65536).
#
# Inputs that are found stay in build/fuzz/corpus/READER, so that a next run begins where this one ended; one that breaks
# something is kept in build/fuzz/found, and becomes a test.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

preset=fuzz seconds=60
case ${1:-} in --fast | --afl) preset=fuzz-${1#--}; shift ;; esac
if [[ ${1:-} =~ ^[0-9]+$ ]]; then seconds=$1; shift; fi
readers=("$@")
((${#readers[@]})) || readers=(bundle command_line settings allowlist cases runtime_state engine_record answer
    containerd containerd_dump daemon_json drop_in)
built=build/$preset/tests/fuzz corpora=build/fuzz/corpus found=build/fuzz/found logs=build/fuzz/log
jobs=${IPCGUARD_FUZZ_JOBS:-1} length=${IPCGUARD_FUZZ_LENGTH:-65536}
mkdir -p "$found" "$logs"

if ! { cmake --preset "$preset" && cmake --build --preset "$preset" --target "${readers[@]/%/_fuzz}"; } >"$logs/build" 2>&1; then
    tail -n 20 "$logs/build" >&2
    echo 'tests/fuzz/run.sh: the build failed' >&2
    exit 1
fi

# seed READER FORM FILE...: FORM is the first byte, which chooses the form where the harness has one.
seed() {
    local reader=$1 form=$2 file
    shift 2
    mkdir -p "$corpora/$reader"
    for file; do { printf %s "$form"; cat -- "$file"; } >"$corpora/$reader/seed-$form-$(basename "$(dirname "$file")")-$(basename "$file")"; done
}

seed_all() {
    local line number=0 form file seeds=tests/fuzz/seeds data=tests/unit/data
    seed bundle "" tests/fixtures/*/config.json
    seed settings "" config/default/config.json docs/examples/policy/config.json
    seed allowlist "" config/default/kubernetes-system.json docs/exceptions/*.json docs/examples/policy/allowlist.d/*.json
    seed cases "" docs/examples/policy/tests.json
    seed runtime_state 0 "$seeds"/state/*.json
    seed runtime_state 1 "$data"/*runc-state.json
    seed runtime_state 2 "$data"/crun.status
    seed engine_record 0 "$seeds"/engine/options.json
    seed engine_record 1 "$seeds"/engine/containers.json
    seed engine_record 2 "$data"/docker.config.v2.json
    for form in 0 1 2 3 4 5 6 7 8 9; do seed containerd "$form" "$seeds"/containerd/*.toml; done
    seed daemon_json "" "$seeds"/daemon_json/*.json
    seed drop_in 0 "$seeds"/drop_in/crio.conf
    seed drop_in 1 "$seeds"/drop_in/containers.conf
    mkdir -p "$corpora"/{command_line,answer,containerd_dump}
    for file in "$seeds"/containerd/*.toml; do
        { cat "$file"; echo %; sed "s/\(default_runtime_name = \).*/\1'ipcguard'/; s/runtimes\.runc/runtimes.ipcguard/" "$file"; } \
            >"$corpora/containerd_dump/seed-$(basename "$file")"
    done
    while read -r line; do
        number=$((number + 1))
        [[ $line == '#'* ]] || printf %s "${line// /$'\n'}" >"$corpora/command_line/seed-$number"
    done <"$seeds/command_lines"
}

libfuzzer() { # READER DICTIONARY
    local log=$logs/$1
    "$built/$1_fuzz" -max_total_time="$seconds" -max_len="$length" -dict="$2" -artifact_prefix="$found/$1-" -timeout=120 \
        -rss_limit_mb=2048 -print_final_stats=1 -close_fd_mask=1 "$corpora/$1" >"$log" 2>&1 || return 1
    printf '%s executions, coverage %s' "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | grep -oE '[0-9]+')"
}

afl() { # READER DICTIONARY
    local out=build/fuzz/afl/$1 input crashed=0
    rm -rf "$out"
    mkdir -p "$out/seeds"
    # Without what libFuzzer found, which it would take minutes to look at; it asks for one at least.
    echo >"$out/seeds/newline"
    find "$corpora/$1" -name 'seed-*' -exec cp -t "$out/seeds" {} +
    AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_IGNORE_SEED_PROBLEMS=1 \
        afl-fuzz -V "$seconds" -G "$length" -t 20000 -m none -x "$2" -i "$out/seeds" -o "$out" -- "$built/$1_fuzz" >"$logs/$1" 2>&1 ||
        return 1
    for input in "$out"/default/{crashes,hangs}/id:*; do
        [[ ! -e $input ]] || { cp -- "$input" "$found/$1-afl-$(sha1sum "$input" | cut -c 1-40)"; crashed=1; }
    done
    awk -F ' *: *' '/^(execs_done|corpus_count|edges_found|saved_crashes|saved_hangs) /{print $1, $2}' "$out/default/fuzzer_stats" | paste -sd ,
    return "$crashed"
}

# What broke it can be had from the output alone.
fuzz() { # NUMBER READER
    local what=libfuzzer dictionary=json told input
    case $2 in
        command_line) dictionary=command_line ;;
        containerd* | drop_in) dictionary=toml ;;
    esac
    [[ $preset != fuzz-afl ]] || what=afl
    if told=$("$what" "$2" "tests/fuzz/$dictionary.dict"); then
        printf 'ok %d %s: %s in %d s\n' "$1" "$2" "$told" "$seconds"
        return
    fi
    printf 'not ok %d %s\n' "$1" "$2"
    tail -n 40 "$logs/$2"
    for input in "$found/$2"-*; do
        [[ -e $input ]] && printf 'input %s, in base64:\n%s\n' "$input" "$(base64 -w 0 "$input")"
    done
}

seed_all
results=$(mktemp -d -p /dev/shm)
trap 'rm -rf -- "$results"' EXIT
export TMPDIR=$results/scratch
mkdir "$TMPDIR"
for number in "${!readers[@]}"; do
    while (($(jobs -pr | wc -l) >= jobs)); do wait -n || true; done
    fuzz $((number + 1)) "${readers[number]}" >"$results/$(printf %03d "$number")" &
done
wait
cat "$results"/[0-9]*
! grep -q '^not ok' "$results"/[0-9]*
