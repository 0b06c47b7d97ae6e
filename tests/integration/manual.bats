#!/usr/bin/env bats
# The manual pages and the completion, against what the programs themselves say: an option, a settings key or a condition
# that is not documented fails here.

bats_require_minimum_version 1.5.0

setup_file() {
    # shellcheck source=tests/lib/common.bash
    source "$BATS_TEST_DIRNAME/../lib/common.bash"
    [ -x "$IPCGUARD" ] || { echo "$IPCGUARD is missing" >&2; return 1; }
    export MAN=$TESTS_DIR/../docs/man COMPLETION=$TESTS_DIR/../packaging/ipcguard.bash-completion
}

setup() { cd "$BATS_TEST_TMPDIR"; }

commands() { "$IPCGUARD" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z][^ ]*\).*/\1/p'; }

# What a page says about one command, without the roff.
section() { awk -v name="$1" '/^\.S[sh] /{ on = ($2 == name) } on' "$MAN/ipcguard.8"; }

known_keys() { grep -oP "unknown key 'zz' in $1; known are: \K.*" <<<"$output" | tr -d ,; }

documented() { # PAGE WORD…: each has an item of its own in a list
    local page=$1 word
    for word in "${@:2}"; do
        grep -qE "^\.(It )?Ic (.* )?$word( |\$)" "$MAN/$page" || { echo "$page does not tell of $word"; return 1; }
    done
}

@test "each page parses without a warning, and is whole" {
    local page
    for page in ipcguard.8 ipcguard-runtime.8 ipcguard.json.5 ipcguard-allowlist.5; do
        run -0 --separate-stderr env LC_ALL=C.UTF-8 MANROFFOPT= man --warnings -E UTF-8 -l "$MAN/$page"
        # shellcheck disable=SC2154
        [ -z "$stderr" ] || { echo "$page: $stderr"; return 1; }
        [[ $output == *NAME*DESCRIPTION*'SEE ALSO'* ]]
    done
    [ "$(ls "$MAN")" = "$(printf '%s\n' ipcguard-allowlist.5 ipcguard-runtime.8 ipcguard.8 ipcguard.json.5 | LC_ALL=C sort)" ]
}

@test "ipcguard(8) tells of every command and of each of its options, and of no others" {
    local command option help text
    [ -n "$(commands)" ]
    for command in $(commands); do
        text=$(section "$command")
        [ -n "$text" ] || { echo "no section on $command"; return 1; }
        help=$("$IPCGUARD" "$command" --help)
        for option in $(grep -oE '^  [^ ]+' <<<"$help" | grep -oE -- '--[^, ]+' | sed s/..//); do
            [ "$option" = help ] || grep -qE "^\.It .*-$option( |\$)" <<<"$text" || { echo "$command: no --$option"; return 1; }
        done
        for option in $(grep '^\.It ' <<<"$text" | grep -oE -- ' -[a-z-]+' | sed 's/ -//'); do
            grep -qE -- "^  (-.,)?--$option( |\$)" <<<"$help" || { echo "$command has no --$option"; return 1; }
        done
    done
    [ "$(sed -n '/^\.Sh COMMANDS/,/^\.Sh EXIT/ s/^\.Ss //p' "$MAN/ipcguard.8" | sort)" = "$(commands | sort)" ]
}

@test "ipcguard.json(5) tells of every key of the settings" {
    echo '{"zz": 1, "log": {"zz": 1}, "engines": {"zz": 1}, "exposures": {"zz": "warn"}}' >config.json
    run -1 "$IPCGUARD" validate --config config.json --allowlist none
    local keys
    keys="$(known_keys '[a-z ]*')"
    [ "$(wc -w <<<"$keys")" -ge 15 ] || { echo "the keys: $keys"; return 1; }
    # shellcheck disable=SC2086
    documented ipcguard.json.5 $keys default
}

@test "ipcguard-allowlist(5) tells of every field and condition" {
    mkdir allowlist.d
    echo '{"zz": 1, "exceptions": [{"zz": 1, "match": {"zz": 1}}]}' >allowlist.d/a.json
    run -1 "$IPCGUARD" validate --config none --allowlist allowlist.d
    local keys
    keys="$(known_keys 'the exception') $(known_keys match)"
    [ "$(wc -w <<<"$keys")" -ge 16 ] || { echo "the keys: $keys"; return 1; }
    # shellcheck disable=SC2086
    documented ipcguard-allowlist.5 $keys
}

@test "exposures are the same in the page, the settings and the program" {
    local kind
    for kind in $("$IPCGUARD" suggest --help | grep -oP -- '--kind TEXT:\{\K[^}]*' | tr , ' '); do
        grep -q "^\.It Li $kind\$" "$MAN/ipcguard-runtime.8" || { echo "no $kind"; return 1; }
    done
}

# --- completion ---

complete_() { # WORD…: what the last one may become, one a line, sorted
    # shellcheck disable=SC2016
    PATH=${IPCGUARD%/*}:$PATH bash --norc -c '
        source "$1"
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        eval "$(complete -p ipcguard | sed "s/.*-F \([^ ]*\) .*/\1/") ipcguard"
        printf "%s\n" "${COMPREPLY[@]}" | sort
    ' completion "$COMPLETION" "$@"
}

@test "completion: commands, options, listed values, files" {
    [ "$(complete_ ipcguard '')" = "$(commands | sort)" ]
    [ "$(complete_ ipcguard ch)" = check ]
    [ "$(complete_ ipcguard --v)" = --version ]
    [ "$(complete_ ipcguard check --r)" = $'--root\n--runtime' ]
    [ "$(complete_ ipcguard check -)" = "$("$IPCGUARD" check --help | grep -oE '^  -[^ ]+' | tr -d ' ' | tr , '\n' | sort)" ]
    [ "$(complete_ ipcguard report --format '')" = $'json\nprometheus\ntext' ]
    [ "$(complete_ ipcguard suggest --kind host-sh)" = $'host-shm\nhost-shm-recursive' ]
    touch one.json two.json
    [ "$(complete_ ipcguard check --format text --bundle o)" = one.json ]
    [ "$(complete_ ipcguard test t)" = two.json ]
    [ "$(complete_ ipcguard nonsense '')" = '' ]
    [ "$(complete_ ipcguard check '')" = '' ]
}
