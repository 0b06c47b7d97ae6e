#!/usr/bin/env bash
# Plants faults in a copy of our reader, and demands that differential.sh sees each: tests/fuzz/planted.sh [SECONDS, 300]
# Only scenarios that everybody reads alike are there to begin with, so that the difference has to be found.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
seconds=${1:-300} number=0 failed=0
copy=build/fuzz/planted
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"

plant() { # NAME FILE SED
    local began told
    number=$((number + 1))
    cp oci/*.cpp "$copy/oci" # without the fault before
    rm -rf "$copy"/build/fuzz/{found,differential/corpus}
    sed -i "$3" "$copy/$2"
    if cmp -s "$2" "$copy/$2"; then
        printf 'not ok %d %s: there is no such place in %s any more\n' "$number" "$1" "$2"
        failed=1
        return
    fi
    began=$SECONDS
    if told=$(IPCGUARD_FUZZ_SCENARIOS='[01]*' "$copy/tests/fuzz/differential.sh" "$seconds") || ! [[ $told =~ ipcguard\ (sees|does\ not\ see) ]]; then
        printf 'not ok %d %s: %s\n' "$number" "$1" "$told"
        failed=1
        return
    fi
    printf 'ok %d %s: seen after %s documents, %d s with the build\n' "$number" "$1" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$copy/build/fuzz/differential/log")" $((SECONDS - began))
}

plant 'a key in other letters is passed over' oci/strict_json.cpp 's/else if (folds_to(key, member\.key))/else if (false)/'
plant 'of a key that is there twice the last counts' oci/strict_json.cpp 's/twice != keys_\.end()/false/'
plant 'of two entries of a type the first counts' oci/bundle.cpp 's/std::count_if(.*is_it) > 1/false/'
plant 'a bind by its options alone is passed over' oci/bundle.cpp 's/if (value == "bind" || value == "rbind") mount\.bind = true;//'
exit "$failed"
