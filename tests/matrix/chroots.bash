# The Debians that run.sh and build.sh enter, made by debootstrap once and kept in $IPCGUARD_CHROOTS.
# shellcheck shell=bash

chroots=${IPCGUARD_CHROOTS:-/var/cache/ipcguard/chroots}
mirror=http://deb.debian.org/debian

die() { printf '%s: %s\n' "$0" "$*" >&2; exit 2; }

# shellcheck disable=SC1091
here() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# need PROGRAM: installs the package of that name where the host has no such program.
need() {
  local log
  ! command -v "$1" >/dev/null || return 0
  log=$(mktemp)
  echo "installing $1" >&2
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$1"; } >"$log" 2>&1 ||
    { tail -n 5 "$log" >&2; rm -f -- "$log"; die "$1 is missing, and apt-get could not install it"; }
  rm -f -- "$log"
}

make_chroot() { # DEBIAN
  local root=$chroots/$1 script=/usr/share/debootstrap/scripts/$1
  local packages=(docker.io containerd runc crun podman buildah busybox-static jq bats util-linux bsdutils procps iptables nftables nodejs gcc libc6-dev uidmap)
  [[ ! -e $root.done ]] || return 0
  need debootstrap
  # A debootstrap older than a Debian has no script for it; all new ones are sid's.
  [[ -e $script ]] || script=${script%/*}/sid
  # A package of its own since Docker 26.
  [[ $1 == bookworm ]] || packages+=(docker-cli docker-buildx)
  echo "making the chroot $root" >&2
  mkdir -p "$chroots"
  rm -rf -- "$root"
  # In a mount namespace of its own, so that none of debootstrap's mounts is left if it is interrupted.
  unshare --mount --propagation private -- debootstrap --variant=minbase "$1" "$root" "$mirror" "$script" >"$root.log" 2>&1 ||
    die "debootstrap failed, see $root.log"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  # As the host is told to reach a mirror: by a proxy, at an old snapshot.
  apt-config dump Acquire | grep -E '^Acquire::(https?|Check-)' >"$root/etc/apt/apt.conf.d/90host" || :
  # No service is to be started in it.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -c "apt-get -qq update && apt-get -qq -y --no-install-recommends install ${packages[*]}" \
    >>"$root.log" 2>&1 || die "the packages cannot be installed, see $root.log"
  touch "$root.done"
}
