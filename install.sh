#!/usr/bin/env bash
# Builds ipcguard and installs it on this host; `install.sh --help` says how. Every change to the host is
# written to the manifest before it is made, so that --uninstall also undoes an installation that broke off.
set -euo pipefail

# This runs as root: what it calls and where it writes is fixed here, not taken from the caller's environment.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
umask 022

readonly SHIM=/usr/local/bin/ipcguard-runtime ADMIN=/usr/local/bin/ipcguard
readonly SETTINGS=/etc/ipcguard/config.json ALLOWLIST=/etc/ipcguard/allowlist.d LOGS=/var/log/ipcguard
readonly MANIFEST=/var/lib/ipcguard/manifest # lines of "kind<TAB>value[<TAB>sha256]", oldest first
readonly DAEMON_JSON=/etc/docker/daemon.json BACKUP=/etc/docker/daemon.json.ipcguard-backup

# Package, and a command or header that shows that it is there, wherever it came from.
readonly BUILD_PACKAGES=(
  'g++ g++' 'cmake cmake' 'ninja-build ninja' 'pkg-config pkg-config' 'libseccomp-dev seccomp.h'
  'nlohmann-json3-dev nlohmann/json.hpp' 'libcli11-dev CLI/CLI.hpp' 'libtomlplusplus-dev toml++/toml.h'
  'libspdlog-dev spdlog/spdlog.h'
  'libfmt-dev fmt/format.h' 'libmd-dev sha2.h'
)

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
dest=""         # --destdir, made absolute; empty for the host itself
make_default=no # --default
changed=no      # whether this run changed anything
scratch=""      # a directory that is removed at exit
pending=""      # a file on its way to its place, likewise

usage() {
  cat <<'END'
Usage: install.sh [--default]    build, install, prove it with a real container, register it with Docker
       install.sh --uninstall    undo exactly that
       install.sh --destdir DIR  build and install under DIR only: no engine, no runtime, no proof

  --default  also make ipcguard Docker's default runtime
END
}

say() { printf '%s\n' "$*"; }
note() { say "note: $*"; }
die() { say "install.sh: $*" >&2; exit 1; }
misuse() { say "install.sh: $* (see --help)" >&2; exit 2; }
have() { command -v -- "$1" >/dev/null; }
cleanup() { rm -rf -- ${scratch:+"$scratch"} ${pending:+"$pending"}; }

# --- files and the manifest of them ---

line() { local IFS=$'\t'; say "$@"; }
recorded() { grep -qxF -- "$(line "$@")" "$MANIFEST" 2>/dev/null; }
record() { [[ -n $dest ]] || recorded "$@" || line "$@" >>"$MANIFEST"; } # KIND VALUE [SHA256]
sha256() { sha256sum <"$1" | cut -d ' ' -f 1; }

replace() { # TARGET SOURCE MODE|/REFERENCE: in one step, with that mode or with REFERENCE's mode and owner
  pending=$(mktemp -- "$1.XXXXXX")
  cat -- "$2" >"$pending"
  case $3 in
    /*) cp --attributes-only --preserve=mode,ownership,xattr -- "$3" "$pending" ;;
    *) chmod -- "$3" "$pending" ;;
  esac
  sync -- "$pending"
  mv -fT -- "$pending" "$1"
  pending=""
  changed=yes
}

make_dir() { # PATH MODE
  [[ ! -d $dest$1 ]] || return 0
  record dir "$1"
  install -d -m "$2" -- "$dest$1"
  changed=yes
}

place_program() { # PATH SOURCE
  record program "$1"
  if cmp -s -- "$2" "$dest$1" && [[ -x $dest$1 ]]; then return 0; fi
  replace "$dest$1" "$2" 0755
  say "installed $dest$1"
}

place_default() { # PATH SOURCE: a file that is the operator's own once it is there
  [[ ! -e $dest$1 && ! -L $dest$1 ]] || return 0
  record file "$1" "$(sha256 "$2")"
  replace "$dest$1" "$2" 0644
  say "installed $dest$1"
}

remove_unchanged() { # PATH, from place_default
  [[ -e $1 ]] || return 0
  if recorded file "$1" "$(sha256 "$1")"; then rm -f -- "$1"; else note "kept $1, changed since it was installed"; fi
}

place_all() { # RUNTIME
  make_dir /usr/local/bin 0755
  place_program "$SHIM" "$built/ipcguard-runtime"
  place_program "$ADMIN" "$built/ipcguard"
  make_dir "${SETTINGS%/*}" 0755
  make_dir "$ALLOWLIST" 0755
  # On a host that has settings this is not the first time: whoever deleted the exceptions does not get them back.
  [[ -e $dest$SETTINGS || -L $dest$SETTINGS ]] ||
    place_default "$ALLOWLIST/kubernetes-system.json" "$source_dir/config/default/kubernetes-system.json"
  sed "s|\"/usr/bin/runc\"|\"$1\"|" "$source_dir/config/default/config.json" >"$scratch/config.json"
  place_default "$SETTINGS" "$scratch/config.json"
  make_dir "$LOGS" 0750
  make_dir /etc/logrotate.d 0755
  place_default /etc/logrotate.d/ipcguard "$source_dir/config/default/logrotate"
}

# --- packages and build ---

install_missing() { # "PACKAGE SIGN"...
  local entry sign missing=()
  for entry; do
    sign=${entry#* }
    have "$sign" || [[ -e /usr/include/$sign || -e /usr/local/include/$sign ]] || missing+=("${entry% *}")
  done
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

apt_install() { # PACKAGE...
  have apt-get || die "missing, and there is no apt-get to install it: $*"
  ((EUID == 0)) || die "missing, and only root can install it: $*"
  local package get=(apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends install)
  local -x DEBIAN_FRONTEND=noninteractive
  for package; do record package "$package"; done
  say "installing packages: $*"
  "${get[@]}" --simulate "$@" &>/dev/null || apt-get -qq update || die "apt-get update failed"
  "${get[@]}" "$@" || { apt-get -qq update && "${get[@]}" "$@"; } || die "apt-get could not install: $*"
  changed=yes
}

build() { # sets $built, where the programs are
  built=$source_dir/build/release
  [[ -w $source_dir ]] || built=$scratch/build
  say "building the release in $built"
  (cd -- "$source_dir" && cmake --preset release -B "$built" -DIPCGUARD_TESTS=OFF && cmake --build "$built") \
    &>"$scratch/build.log" || { tail -n 40 -- "$scratch/build.log" >&2; die "the build failed"; }
}

find_runtime() { # the default settings' own first
  if [[ -x /usr/bin/runc ]]; then echo /usr/bin/runc; else command -v runc || command -v crun || command -v youki; fi
}

# --- the proof ---

make_bundle() { # its only program is this host's readlink, with the libraries that it needs
  local libraries
  mapfile -t libraries < <(ldd /usr/bin/readlink | grep -o '/[^ ]*')
  mkdir -p -- "$scratch/bundle/rootfs/"{dev,proc}
  cp -L --parents -- /usr/bin/readlink "${libraries[@]}" "$scratch/bundle/rootfs"
}

run_bundle() { # NAME NAMESPACES: sets $status, $seen (its stdout) and $left (state files); NAME.err and .log stay
  local at=$scratch/$1
  jq -n --argjson namespaces "$2" '{
    ociVersion: "1.0.2", root: {path: "rootfs", readonly: true},
    process: {user: {uid: 0, gid: 0}, cwd: "/", args: ["/usr/bin/readlink", "/proc/self/ns/ipc"]},
    mounts: [{destination: "/proc", type: "proc", source: "proc"}],
    linux: {namespaces: [$namespaces[] | {type: .}]}}' >"$scratch/bundle/config.json"
  status=0
  # A mount namespace hides the decision log: what happens here is not about any container of the operator's.
  timeout 60 unshare --mount -- sh -c "mount -t tmpfs proof $LOGS && exec \"\$@\"" sh \
    "$SHIM" --root "$at.root" --log "$at.log" --log-format json run --bundle "$scratch/bundle" "ipcguard-proof-$$" \
    </dev/null >"$at.out" 2>"$at.err" || status=$?
  seen=$(<"$at.out")
  left=$(find "$at.root" -mindepth 1 2>/dev/null) || left=""
}

prove() {
  local host ok=yes
  host=$(readlink /proc/self/ns/ipc)
  make_bundle
  run_bundle private '["pid", "mount", "ipc"]'
  prove_private "$host" || ok=no
  run_bundle shared '["pid", "mount"]'
  prove_shared "$host" || ok=no
  [[ $ok == yes ]] || die "the proof failed: do not rely on this installation"
}

prove_private() { # HOST-NAMESPACE
  if [[ $status == 0 && $seen == ipc:* && $seen != "$1" ]]; then
    say "proof: a container with its own IPC namespace runs (in $seen; the host is in $1)"
  else
    disproved private "a container with its own IPC namespace should run"
  fi
}

prove_shared() { # HOST-NAMESPACE
  local message policy
  message=$(jq -r .msg "$scratch/shared.log" 2>/dev/null) || message=""
  if [[ $status == 1 && $message == 'ipcguard: refused: '* && -z $seen$left ]]; then
    say "proof: the same container in the host's IPC namespace is refused:" && say "  $message"
  elif [[ $status == 0 && $seen == "$1" ]] && policy=$(policy_that_permits) && [[ -n $policy ]]; then
    say "proof: the same container in the host's IPC namespace runs, as your policy has it: $policy"
  else
    disproved shared "a container in the host's IPC namespace should be refused"
  fi
}

disproved() { # NAME EXPECTATION
  say "PROOF FAILED: $2; exit status $status, output '$seen', left in its state directory: '$left'"
  cat -- "$scratch/$1.err"
  return 1
}

policy_that_permits() { # prints what lets the bundle share the host's IPC, if anything does
  { "$ADMIN" check --bundle "$scratch/bundle" --id "ipcguard-proof-$$" --format json || true; } |
    jq -r 'if .mode == "audit" then "mode is audit" else
      first(.exposures[] | select(.kind == "host-ipc" and .action != "refuse")
            | if .exception then "exception \(.exception)" else "host-ipc is set to \(.action)" end) end'
}

# --- a running dockerd ---

docker_client() { env -i PATH="$PATH" timeout 10 docker -H unix:///run/docker.sock "$@"; }

live_docker() { # the runtimes and the default that dockerd goes by now
  docker_client info --format '{"runtimes":{{json .Runtimes}},"default":{{json .DefaultRuntime}}}' 2>/dev/null
}

dockerd_pid() {
  local pid=0
  if [[ -d /run/systemd/system ]]; then pid=$(systemctl show -p MainPID --value docker.service); fi
  if [[ ${pid:-0} == 0 && -r /run/docker.pid ]]; then pid=$(</run/docker.pid); fi
  [[ $pid =~ ^[1-9][0-9]*$ && $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]] && say "$pid"
}

reload_docker() { # CONDITION REWRITTEN: the condition holds on live_docker once dockerd has taken up the file
  local pid before after tries
  pid=$(dockerd_pid) || { note "dockerd is not running; it reads $DAEMON_JSON when it starts"; return 0; }
  before=$(live_docker) || before=""
  if [[ -z $before ]]; then [[ $2 == yes ]] || return 0; elif jq -e "$1" <<<"$before" >/dev/null; then return 0; fi
  kill -HUP "$pid"
  changed=yes
  for ((tries = 0; tries < 25; tries++)); do
    sleep 0.2
    if after=$(live_docker) && jq -e "$1" <<<"$after" &>/dev/null; then
      say "reloaded dockerd (pid $pid) without a restart"
      report_forgotten "$before" "$after"
      return 0
    fi
  done
  note "dockerd (pid $pid) was told to reload but does not show the change: see its log, or restart it when convenient"
}

report_forgotten() { # BEFORE AFTER: on a reload dockerd forgets runtimes given as options, and before 23 some aliases
  local names
  names=$(jq -rs '(.[0].runtimes | keys) - (.[1].runtimes | keys) - ["ipcguard"] | join(", ")' <<<"$1$2")
  [[ -z $names ]] || note "by reloading, dockerd forgot $names: restart it when convenient if containers name them"
}

# --- daemon.json ---

same_json() { jq -en '$a == $b' --argjson a "$1" --argjson b "$2" >/dev/null; }

read_daemon_json() { # FILE: an absent or empty one counts as {}
  [[ -e $1 ]] || { echo '{}'; return; }
  jq -ces 'if length == 0 then {} elif length == 1 and (.[0] | type) == "object" then .[0] else error("") end' \
    -- "$1" 2>/dev/null || die "$1 is not valid JSON with one object in it; it was left alone"
}

write_daemon_json() { # TARGET JSON
  local like=0644
  jq . <<<"$2" >"$scratch/daemon.json"
  if [[ $(dockerd --help 2>&1) == *--validate* ]]; then # Docker 23 and newer
    dockerd --validate --config-file "$scratch/daemon.json" &>"$scratch/validate.log" ||
      die "dockerd does not accept the new $1, so the old one stays: $(tail -n 1 "$scratch/validate.log")"
  fi
  [[ ! -e $1 ]] || like=$1
  replace "$1" "$scratch/daemon.json" "$like"
}

register() {
  local target current wanted rewritten=no condition='(.runtimes | has("ipcguard"))'
  have dockerd || { note "no dockerd here: nothing to register ipcguard with"; return 0; }
  target=$(readlink -m -- "$DAEMON_JSON")
  current=$(read_daemon_json "$target")
  wanted=$(with_ipcguard "$current") || die "$target was left alone: $(sed 's/.*: //' "$scratch/why")"
  if ! same_json "$current" "$wanted"; then
    refuse_option_conflict
    record_registration "$target" "$current"
    write_daemon_json "$target" "$wanted"
    rewritten=yes
    say "registered ipcguard in $target"
  fi
  [[ $make_default == no ]] || condition+=' and .default == "ipcguard"'
  reload_docker "$condition" "$rewritten"
}

with_ipcguard() { # CURRENT
  jq -c --arg shim "$SHIM" --arg default "$make_default" '
    if (.runtimes // {} | type) != "object" then error("its \"runtimes\" is not an object")
    elif .runtimes.ipcguard and .runtimes.ipcguard.path != $shim then error("another runtime has the name ipcguard")
    elif any(.. | numbers; fabs >= 9007199254740992) then error("jq would round a number in it") else . end
    | .runtimes.ipcguard //= {path: $shim}
    | if $default == "yes" then ."default-runtime" = "ipcguard" else . end' <<<"$1" 2>"$scratch/why"
}

refuse_option_conflict() { # dockerd does not start when a setting is both in its file and among its options
  local pid options
  if pid=$(dockerd_pid); then
    options=$(tr '\0' ' ' <"/proc/$pid/cmdline")
  else
    options=$({ systemctl cat docker.service; cat /etc/default/docker; } 2>/dev/null) || true
  fi
  [[ $make_default == no || $options != *--default-runtime* ]] ||
    die "dockerd is started with --default-runtime: take that away first, or leave --default out"
}

record_registration() { # TARGET CURRENT
  make_dir "${DAEMON_JSON%/*}" 0755
  if [[ ! -e $1 ]]; then
    record docker-json created
  elif ! recorded docker-json created; then
    [[ -e $BACKUP ]] || replace "$BACKUP" "$1" "$1"
    record docker-json changed
  fi
  [[ $make_default == no ]] || # the last such line counts
    jq -r '."default-runtime" | select(. != "ipcguard") | "docker-default\t\(tojson)"' <<<"$2" >>"$MANIFEST"
}

unregister() {
  local target current original='{}' wanted condition='.default != "ipcguard"'
  grep -q '^docker-json' "$MANIFEST" || return 0
  have jq || die "jq is needed to take ipcguard out of $DAEMON_JSON"
  target=$(readlink -m -- "$DAEMON_JSON")
  current=$(read_daemon_json "$target")
  if [[ -e $BACKUP ]] && ! recorded docker-json created; then original=$(read_daemon_json "$BACKUP"); fi
  wanted=$(without_ipcguard "$current" "$original")
  jq -e .runtimes.ipcguard <<<"$wanted" >/dev/null || condition+=' and (.runtimes | has("ipcguard") | not)'
  # On a reload dockerd keeps the old value of a key that is gone from the file, so it is first told plainly.
  if dockerd_pid >/dev/null && ! live_docker | jq -e "$condition" >/dev/null; then
    write_daemon_json "$target" "$(jq -c '.runtimes //= {} | ."default-runtime" //= "runc"' <<<"$wanted")"
    reload_docker "$condition" yes
  fi
  restore_daemon_json "$target" "$wanted" "$original"
}

without_ipcguard() { # CURRENT ORIGINAL
  local previous
  previous=$(sed -n 's/^docker-default\t//p' "$MANIFEST" | tail -n 1)
  jq -c --arg shim "$SHIM" --argjson original "$2" --argjson previous "[$previous]" '
    if .runtimes.ipcguard.path == $shim and $original.runtimes.ipcguard == null then del(.runtimes.ipcguard) else . end
    | if .runtimes == {} and $original.runtimes == null then del(.runtimes) else . end
    | if ."default-runtime" != "ipcguard" or ($previous == [] and .runtimes.ipcguard) then .
      elif $previous[0] then ."default-runtime" = $previous[0]
      else del(."default-runtime") end' <<<"$1"
}

restore_daemon_json() { # TARGET WANTED ORIGINAL
  if [[ $2 == '{}' ]] && recorded docker-json created; then
    rm -f -- "$1"
    say "removed $1, which was not there before"
  elif [[ -e $BACKUP ]] && same_json "$2" "$3"; then
    replace "$1" "$BACKUP" "$BACKUP"
    rm -f -- "$BACKUP"
    say "restored $1 as it was"
  elif ! same_json "$(read_daemon_json "$1")" "$2"; then
    write_daemon_json "$1" "$2"
    say "took ipcguard out of $1"
    [[ ! -e $BACKUP ]] || note "kept $BACKUP, because $1 was changed in other ways too"
  fi
}

refuse_while_in_use() {
  local ids running
  mapfile -t ids < <(docker_client ps -q 2>/dev/null)
  ((${#ids[@]} > 0)) || return 0
  mapfile -t running < <(docker_client inspect --format '{{.HostConfig.Runtime}} {{.Name}}' "${ids[@]}" |
    sed -n 's|^ipcguard /||p')
  ((${#running[@]} == 0)) || die "Docker needs ipcguard to stop these containers, so stop them first: ${running[*]}"
}

# --- what can be asked for ---

install_under() { # DIR
  dest=$(realpath -m -- "${1:-/}")
  [[ $dest != / ]] || misuse "--destdir needs a directory other than /"
  scratch=$(mktemp -d)
  install_missing "${BUILD_PACKAGES[@]}"
  build
  place_all /usr/bin/runc
  say "installed under $dest; the programs read $SETTINGS"
}

require_root() { ((EUID == 0)) || die "this changes the host, so run it as root"; }

install_here() {
  local runtime
  require_root
  [[ ! -e /usr/bin/ipcguard-runtime ]] || die "there is a package ipcguard on this host: use that, or remove it first"
  mkdir -p -- "${MANIFEST%/*}"
  scratch=$(mktemp -d "${MANIFEST%/*}.XXXXXX") # /tmp may be mounted noexec
  install_missing "${BUILD_PACKAGES[@]}" 'jq jq'
  build
  runtime=$(find_runtime) || { apt_install runc && runtime=$(find_runtime); }
  place_all "$runtime"
  prove
  register
  if [[ $changed == yes ]]; then say "ipcguard is installed"; else say "nothing changed: everything was in place"; fi
}

uninstall() {
  local kind value packages=()
  require_root
  [[ -e $MANIFEST ]] || { say "nothing to uninstall: there is no $MANIFEST"; return 0; }
  scratch=$(mktemp -d)
  refuse_while_in_use
  unregister
  while IFS=$'\t' read -r kind value _; do
    case $kind in
      program) rm -f -- "$value" ;;
      file) remove_unchanged "$value" ;;
      dir) rmdir -- "$value" 2>/dev/null || true ;;
      package) packages+=("$value") ;;
    esac
  done < <(tac -- "$MANIFEST" | awk -F '\t' '!seen[$1, $2]++')
  rm -f -- "$MANIFEST"
  rmdir -- "${MANIFEST%/*}" 2>/dev/null || true
  [[ ! -d $LOGS ]] || note "kept the logs in $LOGS"
  ((${#packages[@]} == 0)) || note "these packages were installed and stay: ${packages[*]}"
  say "ipcguard is uninstalled"
}

main() {
  trap cleanup EXIT
  case "$# ${1:-}" in
    '0 ' | '1 --default') [[ $# == 0 ]] || make_default=yes; install_here ;;
    '1 --uninstall') uninstall ;;
    '2 --destdir') install_under "$2" ;;
    '1 --destdir='*) install_under "${1#*=}" ;;
    '1 --help' | '1 -h') usage ;;
    *) misuse "cannot make sense of: $*" ;;
  esac
}

main "$@"
