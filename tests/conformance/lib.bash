# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # the scripts use what is set here, and set what is used
# What the scripts of this folder share: a peer's sources, a place of their own, and the comparison.
#
# A script defines the functions
#   prepare                      builds what the suite needs, in the folder $SOURCES; $CACHE keeps it
#   list                         the suite's tests, one a line, as "FILE: NAME"
#   run_tests RUNTIME FILE LIST  runs those tests of FILE that the file LIST names, one a line, with RUNTIME; TAP on stdout
# and calls `conformance PACKAGE [FILTER…]`.
#
# The rule: a test that the bare runtime passes and the shim does not differs, unless it is listed or flaky. Some of the peers'
# tests wait for a fixed time only, and fail on a busy machine with the bare runtime too. So such a test is run again, $PAIRS
# times with each of the two in turn, and is flaky if the shim failed at most once more than the bare runtime in these runs. It
# is then named with both numbers, and counted. A fault that the shim adds in half of the calls passes for flaky in 1 of 28
# such tests, and one of every call in none.

export LC_ALL=C
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPOSITORY=$(cd "$HERE/../.." && pwd)
BUILD=${IPCGUARD_BUILD:-build/release}
case $BUILD in /*) ;; *) BUILD=$REPOSITORY/$BUILD ;; esac
CACHE=${IPCGUARD_CONFORMANCE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ipcguard/conformance}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 2
}

needs() { # PACKAGE…
    local package missing=()
    for package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    ((${#missing[@]} == 0)) || die "these packages are missing: ${missing[*]}"
}

# Fetches the sources of the package as it is installed, once, with settings of apt's that leave the host's alone. Leaves
# their folder in $SOURCES.
sources() { # PACKAGE
    local version one_at_a_time
    version=$(dpkg-query -W -f '${source:Version}' "$1") || die "$1 is not installed"
    SOURCES=$CACHE/$1-$version
    mkdir -p "$CACHE"
    exec {one_at_a_time}>"$CACHE/$1.lock"
    flock "$one_at_a_time"
    fetch "$@"
    exec {one_at_a_time}>&-
}

fetch() { # PACKAGE
    local version=${SOURCES#"$CACHE/$1-"} part=$CACHE/apt-$$
    [ ! -e "$SOURCES/.complete" ] || return 0
    echo "fetching the sources of $1 $version into $SOURCES" >&2
    rm -rf "$SOURCES"
    mkdir -p "$part/lists/partial" "$part/parts" "$part/cache"
    # shellcheck source=/dev/null
    (. /etc/os-release && cat <<END_OF_FILE) >"$part/parts/sources.sources"
Types: deb-src
URIs: http://deb.debian.org/debian
Suites: $VERSION_CODENAME $VERSION_CODENAME-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb-src
URIs: http://deb.debian.org/debian-security
Suites: $VERSION_CODENAME-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END_OF_FILE
    printf '%s\n' 'Dir::Etc::SourceList "/dev/null";' "Dir::Etc::SourceParts \"$part/parts\";" "Dir::State::Lists \"$part/lists\";" \
        "Dir::Cache \"$part/cache\";" 'Acquire::Retries "3";' 'APT::Sandbox::User "root";' >"$part/apt.conf"
    (
        cd "$part"
        export APT_CONFIG=$part/apt.conf
        apt-get -qq update && apt-get -qq source --only-source "$1=$version"
    ) >"$part/log" 2>&1 || die "the sources of $1 $version cannot be had: $(tail -n 3 "$part/log")"
    mv "$part/$1"-*/ "$SOURCES"
    rm -rf "$part"
    touch "$SOURCES/.complete"
}

# Runs the rest in mount and process namespaces of its own: policy lives at fixed paths, and whatever a suite leaves running
# ends with its first process.
enter() { # SCRIPT ARGUMENT…
    ((EUID == 0)) || die 'these tests start containers: run this as root'
    [ -x "$BUILD/ipcguard-runtime" ] || die "$BUILD/ipcguard-runtime is missing: build it first"
    WORK=$(mktemp -d)
    # The suites look into folders of theirs as other users.
    chmod 755 "$WORK"
    status=0
    WORK=$WORK unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$@" || status=$?
    [ ! -s "$WORK/cgroups" ] || xargs -d '\n' rmdir <"$WORK/cgroups" 2>/dev/null || :
    rm -rf --one-file-system "$WORK"
    exit "$status"
}

# crun does not work with the hybrid hierarchy; hiding this mount leaves a plain version 1.
hide_hybrid() { if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; }

# The control groups of what the suite left running; none of them frozen, or it could not end.
leave() {
    set +e
    local controllers path directory
    cat /proc/[0-9]*/cgroup 2>/dev/null | sort -u | comm -23 - <(sort -u /proc/self/cgroup) | while IFS=: read -r _ controllers path; do
        directory=/sys/fs/cgroup/${controllers#name=}$path
        [ "$controllers" != freezer ] || echo THAWED >"$directory/freezer.state"
        echo "$directory"
    done >"$WORK/cgroups" 2>/dev/null
    find /sys/fs/cgroup -depth -type d -path '*/runc-cgroups-integration-test*' >>"$WORK/cgroups" 2>/dev/null
}

isolate() {
    trap leave EXIT
    # Some of crun's tests take a process's number for one of five digits.
    echo 20000 >/proc/sys/kernel/ns_last_pid
    mkdir "$WORK"/{run,log,tmp}
    cp -a /etc "$WORK/etc"
    rm -rf "$WORK/etc/ipcguard"
    mkdir -p "$WORK/etc/ipcguard/allowlist.d" "$WORK/log/ipcguard"
    cat >"$WORK/etc/ipcguard/config.json" <<'END_OF_FILE'
{ "runtimes": { "default": "/usr/bin/runc", "crun": "/usr/bin/crun" }, "log": { "record": "all" },
  // With this option crun's suite names the file that crun takes anyway, in every call.
  "runtime_options": { "--config": "value" } }
END_OF_FILE
    chmod 755 "$WORK/etc/ipcguard" "$WORK/etc/ipcguard/allowlist.d"
    chmod 644 "$WORK/etc/ipcguard/config.json"
    mount --bind "$WORK/etc" /etc
    mount --bind "$WORK/run" /run
    mount --bind "$WORK/log" /var/log
    ln -s "$BUILD/ipcguard-runtime" "$WORK/ipcguard-runtime.crun"
    export TMPDIR=$WORK/tmp
    chmod 1777 "$TMPDIR"
}

# outcomes TAP LIST: what became of each test in the file LIST, as lines of OUTCOME, NAME and REASON. What is between them is no
# white space, of which bash would take two for one.
SEPARATOR=$'\x1f'
outcomes() {
    awk -v OFS="$SEPARATOR" '
        NR == FNR {
            # The last that a failed test says is why.
            if (/^#/ && name != "" && became[name] == "fail" && /[[:alnum:]]/) why[name] = substr($0, 3, 200)
            if (!match($0, /^(not )?ok [0-9]+( - | )/)) next
            name = substr($0, RLENGTH + 1); reason = ""; outcome = /^not/ ? "fail" : "pass"
            if (match(name, / *# *(skip|SKIP|timeout)/)) {
                reason = substr(name, RSTART + RLENGTH); sub(/^ */, "", reason)
                if (substr(name, RSTART, RLENGTH) ~ /timeout/) { outcome = "fail"; reason = "it does not end" } else outcome = "skip"
                name = substr(name, 1, RSTART - 1)
            }
            became[name] = outcome; why[name] = reason; next
        }
        $0 in became { print became[$0], $0, why[$0]; next }
        { print "fail", $0, "it was not run to its end" }' "$1" "$2"
}

# listed TEST: the reason for which it may differ, from the file beside the script.
listed() { awk -F '\t' -v test="$1" '/^#/ { next } $1 == test { print $2 }' "$HERE/$SUITE.listed"; }

report() { # VERDICT TEST [REASON]
    local ok=ok
    number=$((number + 1))
    case $1 in
        same | better) passed=$((passed + 1)) ;;
        flaky) passed=$((passed + 1)) flaky=$((flaky + 1)) ;;
        DIFFERS) ok='not ok' failed=$((failed + 1)) ;;
        # Nothing was compared, or the difference is known.
        *) skipped=$((skipped + 1)) ;;
    esac
    case $1 in
        same | better | flaky | DIFFERS) printf '%s %d %s: %s%s\n' "$ok" "$number" "$1" "$2" "${3:+ ($3)}" ;;
        *) printf 'ok %d %s: %s # skip %s\n' "$number" "$1" "$2" "${3:-it does not say why}" ;;
    esac
}

# passes RUNTIME FILE NAME: whether that one test passes.
passes() {
    local outcome
    printf '%s\n' "$3" >"$WORK/again"
    run_tests "$1" "$2" "$WORK/again" >"$WORK/again.tap" 2>"$WORK/again.err" || :
    IFS=$SEPARATOR read -r outcome _ < <(outcomes "$WORK/again.tap" "$WORK/again")
    [ "$outcome" = pass ]
}

# is_flaky FILE NAME: the rule above; leaves in $counted how often each failed. It ends as soon as that is decided.
PAIRS=8
is_flaky() {
    local pair bare=0 shim=0
    for ((pair = 1; pair <= PAIRS; pair++)); do
        passes "$BARE" "$1" "$2" || bare=$((bare + 1))
        passes "$GUARDED" "$1" "$2" || shim=$((shim + 1))
        ((shim - bare - (PAIRS - pair) <= 1)) || break
    done
    counted="again, the shim failed $shim times and the bare runtime $bare times"
    ((shim - bare <= 1))
}

# What the suite said of a test that the shim did not pass.
said() { # NAME
    awk -v name=" $1" '/^(not )?ok / { ours = substr($0, length($0) - length(name) + 1) == name; next } ours' "$WORK/guarded.tap" | cut -c 1-500 | sed 's/^#* */# /'
    tail -n 20 "$WORK/guarded.err" | cut -c 1-500 | sed 's/^/# /'
}

compare_file() { # FILE: the tests in $WORK/selected
    local bare bare_why guarded guarded_why name reason counted
    run_tests "$BARE" "$1" "$WORK/selected" >"$WORK/bare.tap" 2>"$WORK/bare.err" || :
    run_tests "$GUARDED" "$1" "$WORK/selected" >"$WORK/guarded.tap" 2>"$WORK/guarded.err" || :
    outcomes "$WORK/bare.tap" "$WORK/selected" >"$WORK/bare"
    outcomes "$WORK/guarded.tap" "$WORK/selected" >"$WORK/guarded"
    while IFS=$SEPARATOR read -r bare name bare_why guarded guarded_why <&5; do
        reason=$(listed "$1: $name") counted=
        # A test that the bare runtime fails by chance, or since it is the first to run it here, is compared all the same.
        if [ "$bare" = fail ] && passes "$BARE" "$1" "$name"; then bare=pass; fi
        case $bare/$guarded in
            pass/pass)
                if [ -z "$reason" ]; then report same "$1: $name"; else report DIFFERS "$1: $name" 'listed, but it is the same'; fi ;;
            skip/skip) report 'not run' "$1: $name" "$bare_why" ;;
            fail/fail) report 'not passed by the bare runtime' "$1: $name" "$bare_why" ;;
            fail/* | skip/pass) report better "$1: $name" "bare: $bare $bare_why" ;;
            *)
                if [ -n "$reason" ]; then
                    report listed "$1: $name" "$reason"
                elif [ "$guarded" = fail ] && is_flaky "$1" "$name"; then
                    report flaky "$1: $name" "$counted"
                else
                    report DIFFERS "$1: $name" "bare: $bare, shim: $guarded $guarded_why${counted:+; $counted}"
                    said "$name"
                fi ;;
        esac
    done 5< <(paste -d "$SEPARATOR" "$WORK/bare" <(cut -d "$SEPARATOR" -f 1,3 "$WORK/guarded"))
}

conformance() { # PACKAGE [FILTER…]: extended regular expressions, of which any fits "FILE: NAME"
    local file filters
    SUITE=$1 number=0 passed=0 failed=0 skipped=0 flaky=0
    shift
    filters=$(printf '%s\n' "${@:-.}")
    isolate
    list | grep -E -e "$filters" >"$WORK/list" || die "no test fits: $*"
    while read -r file <&4; do
        awk -v file="$file: " 'index($0, file) == 1 { print substr($0, length(file) + 1) }' "$WORK/list" >"$WORK/selected"
        compare_file "$file"
    done 4< <(cut -d : -f 1 "$WORK/list" | uniq)
    [ -s "$WORK/log/ipcguard/decisions.jsonl" ] || die 'the shim has recorded nothing: it was not tested'
    printf '1..%d\n%d passed (%d of them flaky), %d failed, %d skipped\n' "$number" "$passed" "$flaky" "$failed" "$skipped"
    ((failed == 0))
}
