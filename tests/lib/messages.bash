# shellcheck shell=bash disable=SC2154 # lib/common.bash sets what it tells
# What users read of a refusal, kept as text in tests/e2e/messages, the same on every engine and version.

# reads NAME OUTPUT: our message in what an engine said is the one that is kept. IPCGUARD_KEEP_MESSAGES=1 keeps it instead.
reads() {
    local kept=$TESTS_DIR/e2e/messages/$1 message
    # Engines put words of their own around it; what differs from run to run has a name.
    message=$(tr -d '\r' <<<"$2" | sed -nE 's/.*(ipcguard: refused: .*)/\1/p' | head -n 1 |
        sed -E 's/"?(: unknown)?"?\.?$//; s/\\n$//; s/\b[0-9a-f]{64}\b/ID/g; s/ipc:\[[0-9]+\]/ipc:[N]/g; s/inode [0-9]+/inode N/g; s/process [0-9]+/process N/g; s/mounts\[[0-9]+\]/mounts[N]/g; s/(buildah-buildah)[0-9]+/\1N/g; s|/proc/[0-9]+/|/proc/N/|g; s|/task/[0-9]+/|/task/N/|g; s|/run/test-[a-z]+/|/run/|g')
    if [ -n "${IPCGUARD_KEEP_MESSAGES:-}" ]; then printf '%s\n' "$message" >"$kept"; fi
    [ "$message" = "$(<"$kept")" ] || complain "$1: $(diff "$kept" <(printf '%s\n' "$message"))"
}
