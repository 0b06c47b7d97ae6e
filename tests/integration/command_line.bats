#!/usr/bin/env bats
# Command lines as no engine writes them: refused by name, or read exactly as the runtime reads them.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }

setup() {
    policy_reset
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() { delete_containers; }

# Two bundles for one id: PRIVATE_BUNDLE may run, SHARING_BUNDLE must not.
two_bundles() {
    PRIVATE_BUNDLE=$BATS_TEST_TMPDIR/private SHARING_BUNDLE=$BATS_TEST_TMPDIR/sharing
    if [ ! -d "$SHARING_BUNDLE" ]; then
        bundle @ID "$WITHOUT_IPC"
        mv "$(bundle_of @ID)" "$SHARING_BUNDLE"
        bundle @ID
        mv "$(bundle_of @ID)" "$PRIVATE_BUNDLE"
        PRIVATE_DOCUMENT=$(<"$PRIVATE_BUNDLE/config.json")
        SHARING_DOCUMENT=$(<"$SHARING_BUNDLE/config.json")
    fi
    next_id
    printf '%s' "${PRIVATE_DOCUMENT//@ID/$ID}" >"$PRIVATE_BUNDLE/config.json"
    printf '%s' "${SHARING_DOCUMENT//@ID/$ID}" >"$SHARING_BUNDLE/config.json"
}

# @P, @S, @ID and @F in a command line stand for the two bundles, the id and the sharing bundle's config.json.
spelled() {
    local word words=()
    two_bundles
    for word in "$@"; do
        word=${word//@P/$PRIVATE_BUNDLE} word=${word//@S/$SHARING_BUNDLE} word=${word//@F/$SHARING_BUNDLE/config.json}
        words+=("${word//@ID/$ID}")
    done
    echo "# ${words[*]}"
    guarded "${words[@]}"
}

runs_private() {
    spelled "$@"
    assert_private "$ID"
    bare delete --force "$ID"
}

refused() {
    spelled "$@"
    assert_refused "$ID"
    record_says '"decision":"refuse"'
}

ambiguous() {
    refused "$@"
    record_says '"error":{"kind":"ambiguous-command-line"'
}

# Refused by name, or run in its own namespace.
safe() {
    spelled "$@"
    if [ "$status" = 0 ]; then
        assert_private "$ID"
        bare delete --force "$ID"
    else
        assert_refused "$ID"
    fi
}

agreed() {
    runs_private create --bundle @P @ID
    runs_private create --bundle=@P @ID
    runs_private create -b @P @ID
    runs_private create --bundle @P -- @ID
    runs_private create --pid-file "$BATS_TEST_TMPDIR/pid" --no-pivot --no-new-keyring --bundle @P @ID
    runs_private create --bundle "@P/" @ID
    runs_private create --bundle private @ID
    refused create --bundle @S @ID
    refused create --bundle=@S @ID
    refused create -b @S @ID
    refused create --bundle @S -- @ID
    refused create --bundle @S --pid-file "$BATS_TEST_TMPDIR/pid2" --no-pivot @ID
    refused create --bundle sharing @ID
    refused run --bundle @S @ID
    refused run --detach --bundle @S @ID
    [ ! -e "$BATS_TEST_TMPDIR/pid2" ]
    rm -f "$BATS_TEST_TMPDIR/pid"
}

@test "the forms that every runtime reads alike" {
    for_each_runtime agreed
}

no_bundle() {
    two_bundles
    cd "$PRIVATE_BUNDLE" || return
    guarded create "$ID"
    assert_private "$ID"
    bare delete --force "$ID"
    cd "$SHARING_BUNDLE" || return
    guarded create "$ID"
    assert_refused "$ID"
    cd "$BATS_TEST_TMPDIR" || return
}

@test "without --bundle the working directory is the bundle" {
    for_each_runtime no_bundle
}

bundle_spellings() {
    local option
    for option in '-bundle @S' '-bundle=@S' '-b=@S' '-b@S' '--bun @S' '--bun=@S' '--b @S' '--bundl=@S' '--Bundle @S' '---bundle @S'; do
        # shellcheck disable=SC2086
        ambiguous create $option @ID
        # shellcheck disable=SC2086
        ambiguous create --bundle @P $option @ID
        # shellcheck disable=SC2086
        ambiguous create $option --bundle @P @ID
        # shellcheck disable=SC2086
        safe create ${option//@S/@P} @ID
    done
    safe create '--bundle ' @S @ID
    safe create ' --bundle' @S @ID
    safe create ' --bundle=@S' @ID
    safe create --bundle ' @S' @ID
    safe create --bundle '@S ' @ID
    safe create '--bundle= @S' @ID
}

@test "spellings of --bundle that runtimes read differently" {
    for_each_runtime bundle_spellings
}

repeated() {
    ambiguous create --bundle @P --bundle @S @ID
    ambiguous create --bundle @S --bundle @P @ID
    ambiguous create -b @S --bundle @P @ID
    ambiguous create -b @P --bundle=@S @ID
    ambiguous create --bundle=@P -b @S @ID
    ambiguous create --bundle @P --bundle @P @ID
    ambiguous create --bundle @P --pid-file a --pid-file b @ID
    [ ! -e a ] && [ ! -e b ]
}

@test "repeated options" {
    for_each_runtime repeated
}

empty_values() {
    two_bundles
    local here
    for here in private sharing; do
        cd "$BATS_TEST_TMPDIR/$here" || return
        safe_here create --bundle '' "$ID"
        safe_here create --bundle= "$ID"
        safe_here create -b '' "$ID"
        safe_here create -b= "$ID"
        safe_here create --bundle . "$ID"
        safe_here create --bundle ./ "$ID"
        safe_here create -b . "$ID"
    done
    cd "$BATS_TEST_TMPDIR" || return
    ambiguous create --bundle @S ''
    ambiguous create --bundle @P ''
    ambiguous create --bundle
    ambiguous create -b
    ambiguous create --pid-file @P @ID --bundle
}
safe_here() {
    echo "# in $PWD: $*"
    guarded "$@"
    if [ "$status" = 0 ]; then
        assert_private "$ID"
        bare delete --force "$ID"
    else
        assert_refused "$ID"
    fi
}

@test "empty and missing values" {
    for_each_runtime empty_values
}

identifiers() {
    ambiguous create --bundle @S
    ambiguous create --bundle @P
    ambiguous create --bundle @P @ID @ID
    ambiguous create --bundle @S other @ID
    ambiguous create --bundle @P @ID other
    ambiguous create @ID --bundle @S
    ambiguous create @ID --bundle @P
    ambiguous create @ID --bundle=@P
    ambiguous create --bundle @P @ID --no-pivot
    ambiguous create --bundle @P @ID --
    ambiguous create --bundle @P @ID -- other
    ambiguous create --bundle @P --
    ambiguous create -- --bundle @S @ID
    ambiguous create -- @ID --bundle @S
    ambiguous create --bundle @P -- -- @ID
    ambiguous create --bundle @P - @ID
    ambiguous create - --bundle @P @ID
    ambiguous create --bundle @P -
    safe create --bundle @S -
    safe create --bundle @S .
    safe create --bundle @S ..
    safe create --bundle @S "../@ID"
    safe create --bundle @S "@ID/.."
    safe create --bundle @S -- "--bundle"
}

@test "the id: missing, twice, before options, behind a dash" {
    for_each_runtime identifiers
}

options() {
    ambiguous create --no-pivot=false --bundle @P @ID
    ambiguous create --no-pivot=true --bundle @S @ID
    ambiguous create --no-pivot= --bundle @S @ID
    ambiguous create -no-pivot --bundle @P @ID
    ambiguous create --no-piv --bundle @P @ID
    ambiguous create --no-such-option --bundle @P @ID
    ambiguous create --no-such-option=@S --bundle @P @ID
    ambiguous create -x --bundle @P @ID
    ambiguous create -f @F --bundle @P @ID
    ambiguous create -f@F --bundle @P @ID
    ambiguous create --config @F --bundle @P @ID
    ambiguous create --config=@F --bundle @P @ID
    ambiguous create --conf=@F --bundle @P @ID
    ambiguous run --bundle @P -f @F @ID
    ambiguous create --pid-file=--bundle --bundle @S @ID --bundle=@P
    refused create --pid-file --bundle --bundle @S @ID
    [ ! -e --bundle ]
}

@test "options with odd values, short for others, unknown, and crun's other config file" {
    for_each_runtime options
}

before_the_command() {
    local option
    for option in '--rootless auto' '--rootless=auto' '--rootless false' '--rootless=false' '--debug' '--debug=false' '-debug' '--systemd-cgroup=false' \
        '--log-format text' '--log-format=json' '-log-format json' '--log-format xml' '--cgroup-manager=cgroupfs' '--cgroup-manager cgroupfs' \
        '--' '-' '-v' '--criu x' "--root $PRIVATE" '--no-such-option' '--no-such-option=x' '--no-such-option x' '--log' '--log=' '-q'; do
        # shellcheck disable=SC2086
        never_shares $option create --bundle @S @ID
        # shellcheck disable=SC2086
        never_shares $option run --bundle @S @ID
    done
}

# The runtime may answer with a message of its own here, but a container in the host's namespace must not come of it.
never_shares() {
    spelled "$@"
    assert_nothing_left "$ID"
}

@test "options before the command" {
    for_each_runtime before_the_command
}

commands() {
    local command
    for command in ' create' 'create ' $'create\n' $'\tcreate' ' run' 'run ' Create CREATE RUN crea creat r '' create=x restore; do
        never_shares "$command" --bundle @S @ID
    done
    never_shares help create --bundle @S @ID
    never_shares create --help --bundle @S @ID
    never_shares create -h --bundle @S @ID
    never_shares create --bundle @S --version @ID
    never_shares state create --bundle @S @ID
    never_shares --root create create --bundle @S @ID
    never_shares --log create create --bundle @S @ID
    never_shares --log state create --bundle @S @ID
    never_shares --root state create --bundle @S @ID
    never_shares --log-format state create --bundle @S @ID
}

@test "spellings of the command, and commands in the place of values" {
    for_each_runtime commands
}

# What the shim takes for a question must be one for the runtime too.
hidden_command() {
    local option
    for option in --debug --systemd-cgroup --rootless --cgroup-manager --criu --no-such-option -x --log --log-format --root; do
        never_shares "$option" state create --bundle @S @ID
        never_shares "$option" create --bundle @S @ID
        never_shares "$option=x" create --bundle @S @ID
        never_shares "$option=x" state create --bundle @S @ID
        never_shares "$option" x create --bundle @S @ID
    done
}

@test "an option of unknown arity cannot hide the command" {
    for_each_runtime hidden_command
}

engine_lines() {
    local log=$BATS_TEST_TMPDIR/log-$RT root=$ROOT
    two_bundles
    capture "$GUARDED" --root "$root" --log "$log" --log-format json create --bundle "$PRIVATE_BUNDLE" \
        --pid-file "$PRIVATE_BUNDLE/init.pid" "$ID"
    assert_private "$ID"
    bare delete --force "$ID"
    capture "$GUARDED" --root="$root" --log="$log" --log-format=json create --bundle="$PRIVATE_BUNDLE" --pid-file="$PRIVATE_BUNDLE/init.pid" \
        --preserve-fds 0 --no-pivot --no-new-keyring "$ID"
    assert_private "$ID"
    bare delete --force "$ID"
    capture "$GUARDED" --root "$root" --log "$log" --log-format json create --bundle "$SHARING_BUNDLE" \
        --pid-file "$SHARING_BUNDLE/init.pid" "$ID"
    assert_refused "$ID"
    [ ! -e "$SHARING_BUNDLE/init.pid" ]
}

@test "the command lines of containerd" {
    for_each_runtime engine_lines
}

@test "Podman's command lines for crun, BuildKit's for runc" {
    use_runtime crun
    two_bundles
    capture "$GUARDED" --cgroup-manager cgroupfs --root "$ROOT" --log "$BATS_TEST_TMPDIR/log" create --bundle "$PRIVATE_BUNDLE" "$ID"
    assert_private "$ID"
    bare delete --force "$ID"
    use_runtime runc
    two_bundles
    jq -c '.process.args = ["true"]' "$PRIVATE_BUNDLE/config.json" >"$BATS_TEST_TMPDIR/true"
    cp "$BATS_TEST_TMPDIR/true" "$PRIVATE_BUNDLE/config.json"
    guarded run --bundle "$PRIVATE_BUNDLE" --keep "$ID"
    [ "$status" = 0 ]
    [ "$(bare state "$ID" | jq -r .status)" = stopped ]
    bare delete "$ID"
    guarded run --bundle "$SHARING_BUNDLE" --keep "$ID"
    assert_refused "$ID"
}

many_arguments() {
    local words=()
    mapfile -t words < <(yes x | head -n 20000)
    two_bundles
    guarded create --bundle "$SHARING_BUNDLE" "${words[@]}" "$ID"
    assert_refused "$ID"
    refused create --bundle "/$(printf '%0100000d' 0)" @ID
    refused create --bundle @S "$(printf '%0100000d' 0)"
}

@test "very many and very long arguments" {
    for_each_runtime many_arguments
}

@test "no arguments at all, and no name" {
    use_runtime runc
    capture "$BARE"
    local bare_status=$status
    guarded
    [ "$status" = "$bare_status" ]
    capture perl -e 'exec { $ARGV[0] } ""' "$SHIM"
    [ "$status" -lt 124 ] || complain "an empty program name ends in $status"
}
