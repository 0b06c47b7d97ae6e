#!/usr/bin/env bash
# `docker run` with the shim against `docker run` with bare runc, in pairs: tests/bench/docker.sh [PAIRS]   (as root)
# Design 9: within 1 %. Then 200 runtime calls at once, create and delete, behind the shim against bare runc.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
pairs=${1:-50}
many=ipcguard-bench-$$
BATS_FILE_TMPDIR=$(mktemp -d)
export BATS_FILE_TMPDIR BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
# shellcheck disable=SC1091
source "$here/../lib/common.bash"

no_cgroups() {
  find /sys/fs/cgroup -path "*/$many-*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | xargs -r kill -KILL 2>/dev/null
  find /sys/fs/cgroup -depth -type d -name "$many-*" -exec rmdir {} + 2>/dev/null
  [[ -z $(find /sys/fs/cgroup -type d -name "$many-*") ]]
}

finish() {
  docker_stop
  isolation_stop
  wait_until 30 no_cgroups || :
  wait_until 30 rm -rf -- "$BATS_FILE_TMPDIR" 2>/dev/null || :
}
trap finish EXIT
isolation_start
docker_start >/dev/null
policy_reset
docker_settings

# run RUNTIME: sets `taken` to the microseconds of one container's life.
run() {
  local begin=${EPOCHREALTIME/./} end
  docker run --rm --network none --runtime "$1" busybox true
  end=${EPOCHREALTIME/./}
  taken=$((end - begin))
}

# middle FILE: the median of its numbers.
middle() { sort -n -- "$1" | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'; }

runtimes=(runc ipcguard)
for ((pair = 0; pair <= pairs; ++pair)); do
  for at in $((pair % 2)) $(((pair + 1) % 2)); do # who is first takes turns
    run "${runtimes[at]}"
    ((pair == 0)) || echo "$taken" >>"$BATS_FILE_TMPDIR/run.${runtimes[at]}"
  done
done
paste "$BATS_FILE_TMPDIR/run.ipcguard" "$BATS_FILE_TMPDIR/run.runc" | awk '{ printf "%d\n", $1 - $2 }' >"$BATS_FILE_TMPDIR/run.difference"
bare=$(middle "$BATS_FILE_TMPDIR/run.runc")
difference=$(middle "$BATS_FILE_TMPDIR/run.difference")
awk -v bare="$bare" -v more="$difference" -v pairs="$pairs" \
  'BEGIN { printf "docker run, %d pairs: bare runc %.1f ms, the shim %+.2f ms, %+.2f %%\n", pairs, bare / 1000, more / 1000, more / bare * 100 }'

# 200 at once, as a node has them that starts: each makes a container, and all are deleted by runc.
bundle_at=$BATS_FILE_TMPDIR/parallel
mkdir -p "$bundle_at"
ln -s "$ROOTFS" "$bundle_at/rootfs"
inside runc spec --bundle "$bundle_at"
jq --arg parent "$CGROUP_PARENT" '.process.terminal = false | .process.args = ["true"] | .root.path = $ENV.ROOTFS | .linux.cgroupsPath = null | del(.linux.resources)' \
  "$bundle_at/config.json" >"$bundle_at/new"
mv "$bundle_at/new" "$bundle_at/config.json"

# at_once PROGRAM: sets `taken` to the microseconds of 200 creates.
at_once() {
  local begin end number failed=0 jobs=()
  begin=${EPOCHREALTIME/./}
  for ((number = 0; number < 200; ++number)); do
    inside "$1" --root "$BATS_FILE_TMPDIR/state" create --bundle "$bundle_at" "$many-$number" </dev/null >/dev/null 2>>"$BATS_FILE_TMPDIR/errors" &
    jobs+=($!)
  done
  for number in "${jobs[@]}"; do wait "$number" || failed=$((failed + 1)); done
  end=${EPOCHREALTIME/./}
  taken=$((end - begin))
  # runc gives up on a cgroup whose processes are still ending, which finish() removes.
  seq -f "$many-%g" 0 199 | xargs -P 4 -I ID nsenter --mount="/proc/$HOLDER/ns/mnt" "$RUNC" --root "$BATS_FILE_TMPDIR/state" delete --force ID 2>/dev/null
  ((failed == 0)) || complain "$failed of 200 creates failed: $(head -n 3 "$BATS_FILE_TMPDIR/errors")"
}

for round in 1 2 3; do
  at_once "$RUNC"
  bare=$taken
  at_once "$SHIM"
  awk -v round=$round -v bare="$bare" -v ours="$taken" \
    'BEGIN { printf "200 creates at once, round %d: bare runc %.2f s, the shim %.2f s, ratio %.3f\n", round, bare / 1e6, ours / 1e6, ours / bare }'
done
