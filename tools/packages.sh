# Which Debian and Ubuntu packages each purpose needs, and how they get installed. Sourced by dev.
# shellcheck shell=sh

all_purposes="build test demo bench lint fuzz vm"

# "a|b": the first that the distribution has; an installed one of them is enough. "a|-": done without where
# the distribution has no a.
packages_for() { # PURPOSE
  case $1 in
    build)
      # The compiler, CMake's parts, and the static archives that yett is linked from.
      printf '%s\n' g++ cmake ninja-build ccache pkg-config git python3 \
        'clang-14|clang-15|clang-16|clang' 'llvm-14|llvm-15|llvm-16|llvm' \
        'bpftool|linux-tools-generic' \
        libbpf-dev libelf-dev zlib1g-dev libseccomp-dev libmd-dev \
        libsquashfs-dev libzstd-dev liblzma-dev liblz4-dev \
        libarchive-dev nettle-dev libbz2-dev \
        'libboost1.81-dev|libboost1.83-dev|libboost-dev' libfmt-dev \
        nlohmann-json3-dev libtomlplusplus-dev \
        libgtest-dev libgmock-dev
      ;;
    test)
      # What the tests run inside sandboxes, and what they compare or look with.
      printf '%s\n' erofs-utils squashfs-tools squashfs-tools-ng bubblewrap redis-server \
        redis-tools 'nginx-light|nginx' wrk sqlite3 busybox-static git gcc libc6-dev python3 nodejs \
        strace iproute2 procps util-linux mount uidmap make curl wget podman conmon docker.io docker-compose containerd tini \
        dropbear-bin postgresql \
        autoconf automake libtool uuid-dev 'openjdk-17-jre-headless|openjdk-21-jre-headless|default-jre-headless'
      ;;
    demo) printf '%s\n' python3 squashfs-tools bubblewrap 'runc|crun' ;;
    bench)
      # Runtimes, servers and their clients, programs, and what draws the plots.
      printf '%s\n' bubblewrap firejail crun runc 'runsc|-' podman conmon containerd python3 redis-server redis-tools 'nginx-light|nginx' \
        wrk apache2-utils sqlite3 nodejs git tar fio gcc libc6-dev util-linux librsvg2-bin
      ;;
    lint) printf '%s\n' clang-tidy-19 clang-format-19 shellcheck python3 ;;
    fuzz) printf '%s\n' clang-19 libclang-rt-19-dev ;;
    vm) printf '%s\n' qemu-system-x86 cpio squashfs-tools busybox-static kmod systemd xz-utils e2fsprogs ;;
    *)
      echo "dev: no purpose \"$1\"; there are: $all_purposes" >&2
      exit 2
      ;;
  esac
}

installed() { # PACKAGE
  case "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2> /dev/null)" in
    ?i*) ;;
    *) return 1 ;;
  esac
}

# Prints the alternatives of PURPOSE... of which none is installed, one line each.
missing_packages() {
  for purpose in "$@"; do packages_for "$purpose"; done | sort -u | while read -r choice; do
    found=no
    for package in $(echo "$choice" | tr '|' ' '); do
      ! installed "$package" || { found=yes; break; }
    done
    [ $found = yes ] || echo "$choice"
  done
}

# Prints the first package of each alternative that apt knows; the first one when it knows none, so
# that apt's own message names it. Nothing for one that is done without.
choose_packages() { # CHOICE...
  for choice; do
    picked=${choice%%|*}
    case $choice in
      *'|-') picked= ;;
    esac
    for package in $(echo "$choice" | tr '|' ' '); do
      # apt-cache ends with 0 for names that others merely refer to; only real ones have text.
      [ -z "$(apt-cache show --no-all-versions "$package" 2> /dev/null)" ] || { picked=$package; break; }
    done
    [ -z "$picked" ] || echo "$picked"
  done
}

# Redis and nginx come as services that start on installation; this keeps them from starting.
without_services() { # COMMAND...
  rules=/usr/sbin/policy-rc.d
  [ ! -e $rules ] || { "$@"; return; }
  printf '#!/bin/sh\nexit 101\n' > $rules
  chmod 755 $rules
  status=0
  "$@" || status=$?
  rm -f $rules
  return $status
}

# Runs apt-get quietly; its output is shown only when it fails.
apt_get() { # ARGUMENT...
  log=$(mktemp)
  status=0
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 \
    -o DPkg::Lock::Timeout=300 "$@" > "$log" 2>&1 || status=$?
  [ $status -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  return $status
}

need_packages() { # PURPOSE...
  if ! command -v dpkg-query > /dev/null 2>&1; then
    echo "dev: not a Debian or Ubuntu system: install the counterparts of \"./dev packages $*\"" >&2
    return
  fi
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086 # a list of words
  set -- $missing
  [ -n "$(choose_packages "$@")" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    # shellcheck disable=SC2046
    echo "dev: $# packages are missing; run: sudo apt-get install" $(choose_packages "$@") >&2
    exit 1
  fi
  apt_get update || echo "dev: apt-get update failed (above); trying with the lists at hand" >&2
  # shellcheck disable=SC2046
  set -- $(choose_packages "$@")
  echo "dev: installing $# packages: $*" >&2
  if [ -t 0 ] && [ -t 2 ]; then
    printf 'Go on? [Y/n] ' >&2
    read -r answer
    case $answer in
      [Nn]*) exit 1 ;;
    esac
  fi
  without_services apt_get install --no-install-recommends "$@" || {
    echo "dev: apt-get could not install the packages (its output is above)" >&2
    exit 1
  }
}
