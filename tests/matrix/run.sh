#!/usr/bin/env bash
# The same shim and the same scenarios on the engines of several Debians; ends with a table: engine, version, scenario.
#
#   tests/matrix/run.sh [SUITE…]     suites of tests/e2e, by default all that need an engine: docker, docker_life, podman, …
#
# Root only; build/release (or $IPCGUARD_BUILD) must be there. $IPCGUARD_MATRIX names the Debians, by default "bookworm trixie
# forky"; $IPCGUARD_CHROOTS the folder where their chroots are kept, made by debootstrap once (about 5 minutes each). Where
# the host is one of them, it is used itself. $IPCGUARD_MATRIX_LOGS keeps the suites' output.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

# shellcheck source=tests/matrix/chroots.bash
. tests/matrix/chroots.bash
read -ra debians <<<"${IPCGUARD_MATRIX:-bookworm trixie forky}"
suites=("$@")
((${#suites[@]} > 0)) || suites=(docker docker_start_gate docker_life podman podman_life kubernetes ctr)

inside() { # DEBIAN COMMAND...
  local debian=$1
  shift
  if [[ $debian == "$(here)" ]]; then "$@"; else tests/matrix/enter.sh "$chroots/$debian" "$@"; fi
}

# shellcheck disable=SC2016
versions() { # DEBIAN
  inside "$1" dpkg-query -W -f '${Package} ${Version}\n' docker.io containerd runc crun podman buildah 2>/dev/null |
    sed -E 's/[+~-](ds|dfsg|deb|[0-9]).*//' | paste -sd ',' | sed 's/,/, /g; s/docker.io/docker/'
}

run_suites() { # DEBIAN
  local suite
  for suite in "${suites[@]}"; do
    # shellcheck disable=SC2016
    inside "$1" bash -c 'cd "$1" && exec bats --tap "tests/e2e/$2.bats"' suite "$PWD" "$suite" </dev/null >"$logs/$1.$suite" 2>&1 || :
    printf '%s: %s: %s of %s passed\n' "$1" "$suite" "$(grep -c '^ok ' "$logs/$1.$suite")" "$(sed -n 's/^1\.\.//p' "$logs/$1.$suite")"
  done
}

((EUID == 0)) || die 'the tests start containers: run this as root'
[[ -d tests/e2e/cri/node_modules ]] || need npm
[[ -d tests/e2e/cri/node_modules ]] || (cd tests/e2e/cri && npm ci --ignore-scripts --no-audit --no-fund >/dev/null) || die 'npm ci failed in tests/e2e/cri'
logs=${IPCGUARD_MATRIX_LOGS:-$(mktemp -d)}
mkdir -p "$logs"
for suite in "${suites[@]}"; do [[ -e tests/e2e/$suite.bats ]] || die "there is no tests/e2e/$suite.bats"; done
for debian in "${debians[@]}"; do [[ $debian == "$(here)" ]] || make_chroot "$debian"; done

# The Debians at the same time, since the tests mostly wait; each has namespaces of its own.
for debian in "${debians[@]}"; do run_suites "$debian" & done
wait
for debian in "${debians[@]}"; do
  for suite in "${suites[@]}"; do
    printf '\n== %s: %s ==\n' "$debian" "$suite"
    cat "$logs/$debian.$suite"
  done
done

# --- the table ---------------------------------------------------------------------------------------------------------

printf '\n%s, %s\n\n' "$(date -u +%F)" "$(uname -sr)"
for debian in "${debians[@]}"; do printf '%s: %s\n' "- $debian" "$(versions "$debian")"; done
printf '\n| suite | scenario |'
printf ' %s |' "${debians[@]}"
printf '\n|---|---|'
printf -- '---|%.0s' "${debians[@]}"
printf '\n'
for suite in "${suites[@]}"; do
  for debian in "${debians[@]}"; do
    sed -nE "s/^(ok|not ok) [0-9]+ (.*)/$debian\t\1\t\2/p" "$logs/$debian.$suite"
    # Tests that did not come to their turn have no line.
    planned=$(sed -n 's/^1\.\.//p' "$logs/$debian.$suite") ran=$(grep -cE '^(not )?ok ' "$logs/$debian.$suite") || :
    ((ran > 0 && ran == planned)) || printf '%s\tnot ok\t(it ran %d of its tests)\n' "$debian" "$ran"
  done | awk -F '\t' -v suite="$suite" -v debians="${debians[*]}" '
    {
      name = $3; said = $2 == "ok" ? "ok" : "FAILS"
      if (match(name, / # skip */)) { said = "not run: " substr(name, RSTART + RLENGTH); name = substr(name, 1, RSTART - 1) }
      gsub(/\|/, "\\|", name)
      if (!(name in seen)) { seen[name] = 1; order[++count] = name }
      what[name, $1] = said
    }
    END {
      columns = split(debians, column, " ")
      for (row = 1; row <= count; ++row) {
        line = "| " suite " | " order[row] " |"
        for (at = 1; at <= columns; ++at) line = line " " (((order[row], column[at]) in what) ? what[order[row], column[at]] : "FAILS: not run") " |"
        print line
      }
    }'
done | tee "$logs/table"
count() { grep -o "| $1" "$logs/table" | wc -l || :; }
failed=$(count FAILS)
printf '\n%d passed, %d failed, %d skipped\n' "$(count 'ok ')" "$failed" "$(count 'not run')"
((failed == 0))
