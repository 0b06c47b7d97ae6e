#!/usr/bin/env bats
# ipcguard doctor on a hardened host: every way around the shim that is planted is found, named, and makes it fail.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/hard_mode
load ../lib/doctor

setup_file() { doctor_start; }
teardown_file() { isolation_stop; }
setup() { policy_reset; }

@test "a hardened host is clean" {
    clean
    echo "$out" >&3
}
