#!/usr/bin/env bats
# What makes an error in our own programs hard to use: how they are linked, and that no core file keeps what they read.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common

setup_file() { isolation_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }
teardown() { delete_containers; }

# has PROGRAM WHAT PATTERN: a line of what readelf tells of it matches.
has() { readelf "$2" --wide "$1" | grep -qE "$3" || complain "$1: nothing in readelf $2 is $3"; }
has_no() { ! readelf "$2" --wide "$1" | grep -E "$3" >&2 || complain "$1: in readelf $2 there is $3"; }

# A program that is linked as ours are.
hardened() {
    has "$1" --file-header '^ *Type: +DYN ' || return # at random addresses,
    has "$1" --dynamic '\(FLAGS_1\).*\bPIE\b' || return
    has_no "$1" --program-headers '^ *INTERP ' || return # by itself
    has_no "$1" --dynamic '\((NEEDED|RPATH|RUNPATH|TEXTREL)\)|\bTEXTREL\b' || return
    has "$1" --program-headers '^ *GNU_RELRO ' || return # with read-only pointers, all of them from the start
    has "$1" --dynamic '\(FLAGS_1\).*\bNOW\b' || return
    has "$1" --program-headers '^ *GNU_STACK .* RW +0x' || return # without memory that is both written and executed
    has_no "$1" --program-headers '^ *(LOAD|GNU_STACK) .* (RWE|WE) +0x'
}

@test "both programs are linked as static PIE, with full RELRO and without an executable stack" {
    hardened "$SHIM"
    hardened "$IPCGUARD"
}

# In the libraries of each folder, and not only in libc, which brings some of its own. (A program's own symbol table would not
# tell whose they are.)
@test "our own code has stack protectors and fortified calls" {
    local library
    for library in host oci config gate engines admin; do
        has "$BUILD/lib$library.a" --symbols ' UND __stack_chk_fail$' || return
    done
    for library in host gate engines; do has "$BUILD/lib$library.a" --symbols ' UND __[a-z]+_chk$' || return; done
}

@test "what is not hardened would be seen" {
    local options program=$BATS_TEST_TMPDIR/program
    echo 'int main(void) { return 0; }' >"$program.c"
    cc -static-pie -Wl,-z,now,-z,relro -o "$program" "$program.c"
    hardened "$program"
    for options in -static '-pie -Wl,-z,now' '-static-pie -Wl,-z,now,-z,norelro' '-static-pie -Wl,-z,lazy' \
        '-static-pie -Wl,-z,now,-z,execstack' '-static-pie -Wl,-z,now,-rpath=/tmp'; do
        # shellcheck disable=SC2086
        cc -Wl,--no-warn-execstack $options -o "$program" "$program.c"
        run hardened "$program"
        [ "$status" != 0 ] || complain "nobody sees $options"
    done
}

# crash CALL COUNT COMMAND…: runs it with unlimited core files in a folder it can write to, and SIGSEGV at its COUNTth system
# call CALL; in $traced what strace saw.
crash() {
    mkdir -p "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here"
    capture bash -c 'ulimit -c unlimited; exec "$@"' limited \
        strace -f -o "$BATS_TEST_TMPDIR/traced" -e trace="$1" -e inject="$1:signal=SEGV:when=$2" "${@:3}"
    traced=$(<"$BATS_TEST_TMPDIR/traced")
    rm -rf "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR"
}

@test "neither the shim nor its reader leaves a core file with the bundle in it" {
    use_runtime runc
    next_id
    bundle "$ID"
    # Whether this host would keep one: its core_pattern may not, or not here.
    crash write 1 /bin/busybox echo
    [[ $traced == *'killed by SIGSEGV (core dumped)'* ]] || skip "core files are not kept here: core_pattern is $(</proc/sys/kernel/core_pattern)"

    # The reader when it confines itself, after which the shim refuses; the shim when it has forked that.
    crash seccomp 1 "$SHIM" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    [[ $traced == *'killed by SIGSEGV +++'* && $traced != *'core dumped'* ]] || complain "$traced"
    assert_refused "$ID"
    [[ $err == *'the sandboxed reader died (wait status 11)'* ]]
    crash clone 1 "$SHIM" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    [[ $traced == *'killed by SIGSEGV +++'* && $traced != *'core dumped'* ]] || complain "$traced"
    crash clone 1 "$IPCGUARD" check --bundle "$(bundle_of "$ID")"
    [[ $traced == *'killed by SIGSEGV +++'* && $traced != *'core dumped'* ]] || complain "$traced"
}
