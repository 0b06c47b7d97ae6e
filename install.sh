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
readonly CONFIGURED=/var/lib/ipcguard/configured HARDENED=/var/lib/ipcguard/hardened # ipcguard's own records

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
hard=no         # --hard
changed=no      # whether this run changed anything
left=no         # whether something could not be done
scratch=""      # a directory that is removed at exit
pending=""      # a file on its way to its place, likewise

usage() {
  cat <<'END'
Usage: install.sh [--default] [--hard]  build, install, prove it with a real container, register it with the engines
       install.sh --uninstall           undo exactly that
       install.sh --destdir DIR         build and install under DIR only: no engine, no runtime, no proof

  --default  also make ipcguard the engines' default runtime
  --hard     also put it in the place of runc and crun themselves (docs/hard-mode.md)
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

place_link() { # PATH TARGET
  [[ $(readlink -- "$1") != "$2" ]] || return 0
  record program "$1"
  ln -sfT -- "$2" "$1"
  changed=yes
  say "installed $1"
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
  default_settings "$1" >"$scratch/config.json"
  place_default "$SETTINGS" "$scratch/config.json"
  make_dir "$LOGS" 0750
  make_dir /etc/logrotate.d 0755
  place_default /etc/logrotate.d/ipcguard "$source_dir/config/default/logrotate"
}

default_settings() { # RUNTIME: and crun by its name, where it is another, since some engines choose it themselves
  local runtimes="\"$1\"" crun
  crun=$([[ -n $dest ]] || command -v crun) || crun=""
  [[ -z $crun || $crun == "$1" ]] || runtimes+=", \"crun\": \"$crun\""
  sed "s|\"/usr/bin/runc\"|$runtimes|" "$source_dir/config/default/config.json"
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

run_bundle() { # PROGRAM NAME NAMESPACES: sets $status, $seen (its stdout), $state (state files); NAME.err and .log stay
  local at=$scratch/$2
  rm -rf -- "$at".*
  jq -n --argjson namespaces "$3" '{
    ociVersion: "1.0.2", root: {path: "rootfs", readonly: true},
    process: {user: {uid: 0, gid: 0}, cwd: "/", args: ["/usr/bin/readlink", "/proc/self/ns/ipc"]},
    mounts: [{destination: "/proc", type: "proc", source: "proc"}],
    linux: {namespaces: [$namespaces[] | {type: .}]}}' >"$scratch/bundle/config.json"
  status=0
  # A mount namespace hides the decision log: what happens here is not about any container of the operator's.
  timeout 60 unshare --mount -- sh -c "mount -t tmpfs proof $LOGS && exec \"\$@\"" sh \
    "$1" --root "$at.root" --log "$at.log" --log-format json run --bundle "$scratch/bundle" "ipcguard-proof-$$" \
    </dev/null >"$at.out" 2>"$at.err" || status=$?
  seen=$(<"$at.out")
  state=$(find "$at.root" -mindepth 1 2>/dev/null) || state=""
}

prove() { # [PROGRAM]: the shim, or a runtime in whose place it is
  local program=${1:-$SHIM} prefix="proof: ${1:+$1: }" host ok=yes
  host=$(readlink /proc/self/ns/ipc)
  [[ -d $scratch/bundle ]] || make_bundle
  run_bundle "$program" private '["pid", "mount", "ipc"]'
  prove_private || ok=no
  run_bundle "$program" shared '["pid", "mount"]'
  prove_shared || ok=no
  [[ $ok == yes ]]
}

prove_private() { # with prove's $prefix and $host
  if [[ $status == 0 && $seen == ipc:* && $seen != "$host" ]]; then
    say "${prefix}a container with its own IPC namespace runs (in $seen; the host is in $host)"
  else
    disproved private "a container with its own IPC namespace should run"
  fi
}

prove_shared() { # likewise
  local message policy
  message=$(jq -r .msg "$scratch/shared.log" 2>/dev/null) || message=""
  if [[ $status == 1 && $message == 'ipcguard: refused: '* && -z $seen$state ]]; then
    say "${prefix}the same container in the host's IPC namespace is refused:" && say "  $message"
  elif [[ $status == 0 && $seen == "$host" ]] && policy=$(policy_that_permits) && [[ -n $policy ]]; then
    say "${prefix}the same container in the host's IPC namespace runs, as your policy has it: $policy"
  else
    disproved shared "a container in the host's IPC namespace should be refused"
  fi
}

disproved() { # NAME EXPECTATION
  say "PROOF FAILED: $2; exit status $status, output '$seen', left in its state directory: '$state'"
  cat -- "$scratch/$1.err"
  return 1
}

policy_that_permits() { # prints what lets the bundle share the host's IPC, if anything does
  { "$ADMIN" check --bundle "$scratch/bundle" --id "ipcguard-proof-$$" --format json || true; } |
    jq -r 'if .mode == "audit" then "mode is audit" else
      first(.exposures[] | select(.kind == "host-ipc" and .action != "refuse")
            | if .exception then "exception \(.exception)" else "host-ipc is set to \(.action)" end) end'
}

# --- engines and runtimes, by the command that was installed ---

admin() { # ARGUMENT...: tells what was done
  local told
  told=$("$ADMIN" "$@") || left=yes
  [[ -z $told || $told == 'nothing to do' ]] || { say "$told"; changed=yes; }
}

engines_here() {
  if have dockerd; then echo docker; fi
  if have podman; then echo podman; fi
  if have crio; then echo crio; fi
  # Docker has a containerd too, whose only client it is; Kubernetes is who reads its configuration.
  if have containerd && { have kubelet || [[ -e /var/lib/kubelet/config.yaml ]]; }; then echo containerd; fi
}

register() {
  local engine engines default=()
  mapfile -t engines < <(engines_here)
  ((${#engines[@]} > 0)) || note "no engine here: nothing to register ipcguard with"
  [[ $make_default == no ]] || default=(--default)
  for engine in "${engines[@]}"; do admin configure "$engine" --runtime "$SHIM" "${default[@]}"; done
}

harden() { # where it was asked for, now or before: then the copies there are to be this version's
  local path
  [[ $hard == yes || -e $HARDENED ]] || return 0
  admin harden --runtime "$SHIM"
  [[ $changed == yes ]] || return 0
  while read -r path; do
    run_bundle "$path.unguarded" bare '["pid", "mount", "ipc"]'
    [[ $status == 0 ]] || { note "no proof by $path, which does not run the container unguarded either"; continue; }
    prove "$path" || {
      "$ADMIN" harden --remove "$path"
      die "the proof failed: $path is the runtime itself again"
    }
  done <"$HARDENED"
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
  # By this name engines that choose crun themselves keep it.
  if have crun && grep -q '"crun"' "$SETTINGS"; then place_link "$SHIM.crun" "${SHIM##*/}"; fi
  prove || die "the proof failed: do not rely on this installation"
  register
  harden
  [[ $left == no ]] || die "not all of it could be done, see above; the rest is in place"
  if [[ $changed == yes ]]; then say "ipcguard is installed"; else say "nothing changed: everything was in place"; fi
}

uninstall() {
  local kind value packages=()
  require_root
  [[ -e $MANIFEST ]] || { say "nothing to uninstall: there is no $MANIFEST"; return 0; }
  scratch=$(mktemp -d)
  leave_engines
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

leave_engines() { # before anything that they call is taken away
  local record
  [[ -e $CONFIGURED || -e $HARDENED ]] || return 0
  [[ -x $ADMIN ]] || die "$ADMIN is gone, which knows how to undo the rest: run install.sh again first"
  for record in "$CONFIGURED"/*/; do
    [[ ! -d $record ]] || admin configure "$(basename -- "$record")" --remove
  done
  [[ $left == yes ]] || admin harden --remove
  [[ $left == no ]] || die "not all of it could be undone, see above, so ipcguard stays"
  rmdir -- "$CONFIGURED" 2>/dev/null || true
}

main() {
  trap cleanup EXIT
  case "$# ${1:-}" in
    '1 --uninstall') uninstall; return ;;
    '2 --destdir') install_under "$2"; return ;;
    '1 --destdir='*) install_under "${1#*=}"; return ;;
    '1 --help' | '1 -h') usage; return ;;
  esac
  local argument
  for argument; do
    case $argument in
      --default) make_default=yes ;;
      --hard) hard=yes ;;
      *) misuse "cannot make sense of: $*" ;;
    esac
  done
  install_here
}

main "$@"
