#!/usr/bin/env bats
# Hard mode: the shim where a runtime was, put there and taken away whatever comes between.

# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # a test is a subshell; lib/common.bash sets what it tells
load ../lib/common
load ../lib/hard_mode

P=/usr/sbin/runc
U=$P.unguarded

setup_file() {
    local tool
    for tool in strace dpkg-deb dpkg-divert; do command -v "$tool" >/dev/null || complain "$tool is missing" || return; done
    hard_mode_start
}
teardown_file() { isolation_stop; }
setup() {
    policy_reset
    hard_mode_reset
}
teardown() {
    unharden
    nothing_of_hard_mode || return
    delete_containers
}

divert_of() { inside dpkg-divert --truename "$1"; }

# through PATH [ID]: PATH, called as an engine calls it, refuses a shared container and creates a private one.
through() {
    local id
    use_runtime runc
    next_id
    id=$ID
    bundle "$id" "$WITHOUT_IPC"
    capture "$1" --root "$ROOT" create --bundle "$(bundle_of "$id")" "$id"
    assert_refused "$id" || return
    next_id
    bundle "$ID"
    capture "$1" --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    [ "$status" = 0 ] || complain "$1: exit $status: $err" || return
    [ -n "$(jq -r .id <<<"$(inside "$1" --root "$ROOT" state "$ID")")" ] || return
    inside "$1" --root "$ROOT" delete --force "$ID"
}

# --- put and take ------------------------------------------------------------------------------------------------------

@test "every caller of runc and crun is guarded, and afterwards the very files are back" {
    local runc crun
    runc=$(identity $P) crun=$(identity /usr/bin/crun)
    harden
    [ "$status" = 0 ] || complain "$err"
    is_hardened $P
    is_hardened /usr/bin/crun
    [ "$(inside stat -c '%a %u %g' $P)" = '755 0 0' ]
    [ "$(divert_of $P) $(divert_of /usr/bin/crun)" = "$U /usr/bin/crun.unguarded" ]
    through $P
    through /usr/bin/runc # the package's own link
    through /usr/bin/crun
    harden
    [ "$status $out" = '0 nothing to do' ]
    harden --remove
    [ "$status" = 0 ] || complain "$err"
    [ "$(identity $P)" = "$runc" ]
    [ "$(identity /usr/bin/crun)" = "$crun" ]
    nothing_of_hard_mode
    harden --remove
    [ "$status $out" = '0 nothing to do' ]
}

@test "a dry run tells each step and changes nothing" {
    local before
    before=$(identity $P)
    harden --dry-run
    [ "$status" = 0 ]
    [[ $out == *"would have kept $P as $U"*"would have put the shim at $P"*"would have diverted upgrades of $P to $U"* ]]
    [ "$(identity $P)" = "$before" ]
    nothing_of_hard_mode
    harden $P
    harden --remove --dry-run
    [[ $out == *"would have ended the diversion of $P"*"would have put $U back to $P"* ]]
    is_hardened $P
}

@test "what is no runtime, or not safe to keep, is left as it is, the others are not" {
    local dir=/usr/local/bin/odd
    inside sh -ec "mkdir $dir; cd $dir; mkdir folder; cp $P theirs; chown 65534 theirs; cp $P loose; chmod 757 loose; cp $SHIM shim; cp $P sh"
    harden $dir/none $dir/folder $dir/theirs $dir/loose $dir/shim $dir/sh $P
    [ "$status" = 1 ]
    [ "$(grep -c '^ipcguard: ' <<<"$err")" = 6 ] || complain "$err"
    [[ $err == *"$dir/theirs: it belongs to user 65534: chown root it"* ]]
    [[ $err == *"$dir/loose: others may write to it: chmod go-w it"* ]]
    [[ $err == *"$dir/shim: the shim is there, but no runtime beside it"* ]]
    [[ $err == *"$dir/sh: it is not called like an OCI runtime"* ]]
    is_hardened $P
    [ "$(inside ls $dir | xargs)" = 'folder loose sh shim theirs' ]
    harden $U
    [[ $status == 1 && $err == *'this is where a runtime is kept'* ]]
    harden --remove $dir/shim
    inside cmp "$SHIM" $dir/shim
    harden "$dir/"$'a\nb'
    [[ $status == 1 && $err == *'a path with a line break'* ]] || complain "$err"
    harden $dir/none
    [[ $status == 1 && $err == *"$dir/none: there is no runtime"* ]] || complain "$err"
    inside rm -r $dir
}

@test "what is no shim is put nowhere, and only root may" {
    local option
    harden $P
    capture "$IPCGUARD" harden --runtime /bin/true $P
    [[ $status == 1 && $err == *"'/bin/true' is not ipcguard-runtime"* ]] || complain "$err"
    is_hardened $P
    for option in '' --remove; do
        capture setpriv --reuid 65534 --clear-groups "$IPCGUARD" harden --runtime "$SHIM" $option $P
        [[ $status == 1 && $err == *'this is for root'* ]] || complain "$err"
    done
    is_hardened $P
}

@test "somebody else's diversion is respected" {
    inside dpkg-divert --local --no-rename --divert $P.theirs --add $P
    harden $P
    [[ $status == 1 && $err == *"$P: dpkg already diverts it to $P.theirs"* ]]
    inside test ! -e $U
    inside dpkg-divert --local --no-rename --remove $P
}

@test "a new ipcguard gets a new copy, attributes stay" {
    inside chmod 750 $P
    harden $P
    cp "$SHIM" "$BATS_TEST_TMPDIR/newer"
    echo newer >>"$BATS_TEST_TMPDIR/newer"
    capture "$IPCGUARD" harden --runtime "$BATS_TEST_TMPDIR/newer"
    inside cmp $P "$BATS_TEST_TMPDIR/newer"
    [ "$(inside stat -c %a $P)" = 750 ]
    through $P
    inside chmod 755 $P $U
}

# --- upgrades ----------------------------------------------------------------------------------------------------------

# upgrade VERSION: installs a package runc whose program is the real one with a line more.
upgrade() {
    local tree=$BATS_TEST_TMPDIR/runc-$1
    mkdir -p "$tree/DEBIAN" "$tree/usr/sbin" "$tree/usr/bin"
    printf 'Package: runc\nVersion: %s\nArchitecture: all\nMaintainer: test <test@localhost>\nDescription: test\n' "$1" >"$tree/DEBIAN/control"
    cp "$RUNC" "$tree/usr/sbin/runc"
    printf '\nversion %s\n' "$1" >>"$tree/usr/sbin/runc"
    ln -s ../sbin/runc "$tree/usr/bin/runc"
    dpkg-deb --root-owner-group -Znone --build "$tree" "$tree.deb" >/dev/null
    inside dpkg --force-all --install "$tree.deb" >"$BATS_TEST_TMPDIR/dpkg.log" 2>&1 || complain "$(cat "$BATS_TEST_TMPDIR/dpkg.log")"
}

version_at() { inside tail -n 1 "$1" | tr -d '\0'; }

@test "an upgrade by dpkg goes to the kept one" {
    harden
    upgrade 99
    is_hardened $P
    [ "$(version_at $U)" = 'version 99' ]
    through $P
    harden --remove
    [ "$(version_at $P)" = 'version 99' ]
    nothing_of_hard_mode
    upgrade 100
    [ "$(version_at $P)" = 'version 100' ]
    inside test ! -e $U
}

@test "a package that is removed leaves a clear refusal; installed again, it is guarded" {
    upgrade 98
    harden $P
    inside dpkg --force-all --remove runc >/dev/null 2>&1
    inside test ! -e $U
    capture $P --version
    [[ $status == 1 && $err == *"ipcguard: the runtime '$U' cannot be run: it does not exist; "* ]] || complain "$err"
    harden
    [[ $status == 1 && $err == *"no runtime beside it as $U"* ]]
    upgrade 101
    is_hardened $P
    through $P
    inside dpkg --force-all --remove runc >/dev/null 2>&1
    harden --remove
    [ "$status" = 0 ]
    inside test ! -e $P
    upgrade 102
    [ "$(version_at $P)" = 'version 102' ]
}

@test "where one runtime is gone, its callers do not get the other" {
    harden
    inside rm /usr/bin/crun.unguarded
    capture /usr/bin/crun --version
    [[ $status == 1 && -z $out && $err == *"'/usr/bin/crun.unguarded' cannot be run: it does not exist; "* ]] || complain "$out$err"
    # The runtime is put back while a call is on its way.
    capture sh -ec 'exec 9</usr/bin/crun; cp /run/layers/crun /usr/bin/crun.new; mv /usr/bin/crun.new /usr/bin/crun; exec /proc/self/fd/9 --version'
    [[ $status == 0 && $out == crun* ]] || complain "exit $status: $out$err"
}

@test "without /proc a call ends" {
    local path
    harden
    settings ".runtimes.default = \"$BATS_FILE_TMPDIR/ipcguard-runtime.crun\""
    for path in $P /usr/bin/runc "$SHIM"; do
        capture unshare --mount sh -c 'mount -t tmpfs none /proc; exec timeout -k 1 30 "$1" --version' sh "$path"
        [ "$path" = "$SHIM" ] || [[ $status == 0 && $out == runc* ]] || complain "$path: exit $status: $err" || return
    done
    [[ $status == 1 && $err == *'it is ipcguard-runtime itself'* ]] || complain "exit $status: $err"
}

# What another package manager does: it knows nothing of diversions and puts its file in place.
put_new() { inside sh -ec "cp $1 $P.new; printf '\\n%s\\n' '$2' >>$P.new; mv $P.new $P"; }

@test "without dpkg, an upgrade takes the shim's place until hard mode is put again" {
    inside mount --bind /dev/null /usr/bin/dpkg-divert
    harden $P
    [ "$(inside ls -1 $P $U | wc -l)" = 2 ]
    put_new $U newer
    through_unguarded
    harden
    [ "$status" = 0 ] || complain "$err"
    is_hardened $P
    [ "$(version_at $U)" = newer ]
    through $P
    put_new $U newest
    harden --remove
    [[ $out == *"removed $U, since there is a runtime at $P"* ]]
    [ "$(version_at $P)" = newest ]
}

through_unguarded() {
    use_runtime runc
    next_id
    bundle "$ID"
    capture $P --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    [ "$status" = 0 ] || complain "$err" || return
    inside $P --root "$ROOT" delete --force "$ID"
}

@test "without dpkg, a runtime whose name was taken away is put back and guarded" {
    inside mount --bind /dev/null /usr/bin/dpkg-divert
    harden $P
    inside rm $P
    harden
    is_hardened $P
    [ "$(inside stat -c '%a %u %g' $P)" = '755 0 0' ]
    inside rm $P
    harden --remove
    through_unguarded
    inside test ! -e $U
}

# --- what breaks off ---------------------------------------------------------------------------------------------------

# killed_at SYSCALL N ARGUMENT…: `ipcguard harden` dies where it, or dpkg-divert, makes that call for the N-th time. False
# if it never does.
killed_at() {
    local call=$1 count=$2
    shift 2
    capture strace -f -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$count" "$IPCGUARD" harden --runtime "$SHIM" "$@"
    [ "$status" != 0 ]
}

killed_everywhere() { # CHECK-AFTER-KILL CHECK-AFTER-REPAIR PREPARE ARGUMENT…
    local check=$1 repaired=$2 prepare=$3 call count kills=0
    shift 3
    for call in link linkat rename unlink fsync; do
        for ((count = 1; count < 40; count++)); do
            $prepare
            killed_at $call $count "$@" || break
            kills=$((kills + 1))
            $check || complain "after the kill at $call $count" || return
            harden "$@"
            [ "$status" = 0 ] || complain "second run after the kill at $call $count: $err" || return
            $repaired || complain "after the repair of the kill at $call $count" || return
        done
        [ "$count" -lt 40 ]
    done
    [ "$kills" -ge 5 ] || complain "only $kills kills"
}

works() { inside $P --version >/dev/null; }
rehardened() { inside "$IPCGUARD" harden --runtime "$SHIM" $P >/dev/null; }
is_whole() { is_hardened $P && [ "$(divert_of $P)" = $U ]; }
is_as_before() { nothing_of_hard_mode && [ "$(identity $P)" = "$BEFORE" ]; }

@test "killed at any step of putting it there, the runtime works and a second run completes it" {
    killed_everywhere works is_whole unharden $P
}

@test "killed at any step of taking it away, the runtime works and a second run completes it" {
    BEFORE=$(identity $P)
    killed_everywhere works is_as_before rehardened --remove
}

# A dpkg-divert that kills who called it, before or after it has done --add or --remove.
deadly_divert() { # ACTION before|after
    inside sh -ec 'cat >/usr/local/sbin/dpkg-divert; chmod 755 /usr/local/sbin/dpkg-divert' <<END
#!/bin/sh
case " \$* " in
    *" $1 "*) [ $2 = before ] || /usr/bin/dpkg-divert "\$@"; kill -KILL \$PPID; exit 0 ;;
esac
exec /usr/bin/dpkg-divert "\$@"
END
}
no_deadly_divert() { inside rm /usr/local/sbin/dpkg-divert; }

@test "killed before the diversion is there, and upgraded then: the new one is the one that is kept" {
    deadly_divert --add before
    harden $P
    no_deadly_divert
    [ "$status" = 137 ]
    is_hardened $P
    [ "$(divert_of $P)" = $P ]
    upgrade 110
    [ "$(version_at $P)" = 'version 110' ]
    through_unguarded
    harden
    is_whole
    [ "$(version_at $U)" = 'version 110' ]
    through $P
}

@test "killed once the diversion is gone, and upgraded then: the new one is the one that stays" {
    harden $P
    deadly_divert --remove after
    harden --remove
    no_deadly_divert
    [ "$status" = 137 ]
    is_hardened $P
    [ "$(divert_of $P)" = $P ]
    upgrade 111
    harden --remove
    [[ $status == 0 && $out == *"removed $U, since there is a runtime at $P"* ]]
    [ "$(version_at $P)" = 'version 111' ]
    through_unguarded
}

@test "a dpkg-divert that fails is told, and the next run makes up for it" {
    inside sh -ec 'printf "#!/bin/sh\ncase \$* in *--add*) echo no room >&2; exit 2; esac\nexec /usr/bin/dpkg-divert \"\$@\"" >/usr/local/sbin/dpkg-divert
        chmod 755 /usr/local/sbin/dpkg-divert'
    harden $P
    no_deadly_divert
    [[ $status == 1 && $err == *"$P: dpkg-divert failed, so run this again before the next upgrade: no room" ]] || complain "$err"
    is_hardened $P
    harden
    is_whole
}

@test "on a full disk nothing changes; with room again it is put there" {
    local small=/run/small
    inside sh -ec "mkdir $small; mount -t tmpfs -o size=10m,mode=755 small $small; cp $P $small/runc"
    harden $small/runc
    [[ $status == 1 && $err == *"$small/runc: it cannot be written and stays as it was"* ]] || complain "$err"
    inside cmp $small/runc $P
    inside $small/runc --version
    inside mount -o remount,size=20m $small
    harden
    is_hardened $small/runc
    harden --remove
    [ "$(inside ls $small)" = runc ]
    inside umount $small
}

# --- the shim in another's place ---------------------------------------------------------------------------------------

# A folder with the shim as `runc`, and $1 as the runtime that is kept.
stand() {
    STAND=$PRIVATE/run/stand
    rm -rf "$STAND"
    mkdir -p "$STAND"
    cp "$SHIM" "$STAND/runc"
    [ -z "${1:-}" ] || cp "$1" "$STAND/runc.unguarded"
    STAND=/run/stand
}

@test "it becomes what is kept beside it, whatever the settings name, broken ones too" {
    stand "$CRUN"
    settings '.runtimes.default = "/usr/bin/runc"'
    [[ "$(inside $STAND/runc --version)" == crun* ]]
    settings '.runtimes.default = "/run/stand/runc"'
    [[ "$(inside $STAND/runc --version)" == crun* ]]
    through $STAND/runc
    record_says '"runtime":"/run/stand/runc.unguarded"'
    echo '{' >"$POLICY/config.json"
    [[ "$(inside $STAND/runc --version)" == crun* ]]
    use_runtime runc
    next_id
    bundle "$ID"
    capture $STAND/runc --root "$ROOT" create --bundle "$(bundle_of "$ID")" "$ID"
    assert_refused "$ID"
}

@test "the runtime has the name it was called by" {
    stand
    printf '#!/bin/sh\ntr "\\0" "\\n" </proc/$$/cmdline\n' >"$PRIVATE/run/stand/script"
    cat >"$PRIVATE/run/stand/name.c" <<<'#include <stdio.h>
int main(int argc, char** argv) { return puts(argv[0]) < 0 || argc < 0; }'
    cc -static -o "$PRIVATE/run/stand/runc.unguarded" "$PRIVATE/run/stand/name.c"
    [ "$(inside bash -c "exec -a krun $STAND/runc state x")" = krun ]
    [ "$(inside env PATH=$STAND runc state x)" = runc ]
}

@test "what is kept must be root's own file, and none of ours" {
    local kept
    stand "$CRUN"
    kept=$PRIVATE/run/stand/runc.unguarded
    bad() { # TEXT
        capture $STAND/runc --version
        [[ $status == 1 && -z $out && $err == *"'/run/stand/runc.unguarded' cannot be run: "*"$1"* ]] || complain "$status: $err"
    }
    chmod 775 "$kept"
    bad 'others may write to it'
    chmod 755 "$kept"
    chown 65534 "$kept"
    bad 'it belongs to user 65534'
    rm "$kept"
    ln -s "$CRUN" "$kept"
    bad 'it is not a regular file'
    ln -sf nowhere "$kept"
    bad 'it is not a regular file'
    rm "$kept"
    mkfifo "$kept"
    bad 'it is not a regular file'
    rm "$kept"
    cp "$SHIM" "$kept"
    bad 'it is ipcguard-runtime'
    echo other >>"$kept" # another version of it
    bad 'it is ipcguard-runtime'
    ln -f "$PRIVATE/run/stand/runc" "$kept"
    bad 'it is ipcguard-runtime'
}

@test "the shim under its own name finds what is kept where the settings' runtime was, and judges once" {
    stand "$RUNC"
    ln -s runc "$PRIVATE/run/stand/link"
    settings '.runtimes.default = "/run/stand/link"'
    use_runtime runc
    next_id
    bundle "$ID"
    create "$ID"
    [ "$status" = 0 ] || complain "$err"
    record_says '"runtime":"/run/stand/runc.unguarded"'
    [ "$(wc -l <"$RECORDS")" = 1 ]
    rm "$PRIVATE/run/stand/runc.unguarded"
    capture "$SHIM" --version
    [[ $status == 1 && $err == *'it is ipcguard-runtime itself, and no runtime is kept beside it'* ]]
}

@test "replaced while it is being started, it still finds what is kept" {
    stand "$CRUN"
    # The kernel then names it "/run/stand/runc (deleted)".
    capture bash -c 'exec 9<'$STAND'/runc; rm '$STAND'/runc; exec /proc/self/fd/9 --version'
    [[ $status == 0 && $out == crun* ]] || complain "$status $err"
}
