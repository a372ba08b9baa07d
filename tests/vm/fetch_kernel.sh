#!/bin/sh
# fetch_kernel.sh 6.1|6.12 CACHE: makes CACHE/kernel-PACKAGE_VERSION/ with vmlinuz, modules.sqfs (all
# modules, unpacked and indexed) and boot.cpio (an initramfs that reaches the disks), and prints
# that directory. The package is found through the archive's meta package, so that the guest always
# runs the distribution's current kernel. Without an archive the newest cached one is used.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/vm/lib.sh
. "$here/lib.sh"

series=$1
cache=$2
# What must be loaded before the root can be mounted, and what most tests use anyway: loading from
# the initramfs costs a tenth of what modprobe costs in the guest.
boot_modules="virtio_pci virtio_blk virtio_console squashfs overlay loop erofs fuse tun veth"

meta_package() {
  case $series in
    6.1) echo linux-image-cloud-amd64 ;;
    6.12) echo linux-image-6.12-cloud-amd64 ;;
    *) say "unknown kernel $series: known are 6.1 and 6.12" && exit 2 ;;
  esac
}

# The image package that the meta package stands for today; empty where the archive has none.
image_package() {
  apt-cache depends "$1" 2>/dev/null |
    sed -n "s/^ *Depends: \(linux-image-$series\.[^ ]*\)$/\1/p" | head -n 1
}

newest_cached() {
  # shellcheck disable=SC2012
  ls -1dt "$cache/kernel-linux-image-$series."*/ready 2>/dev/null | head -n 1
}

find_image_package() {
  need apt-cache apt
  found=$(image_package "$1")
  if [ -z "$found" ] && [ "$(id -u)" = 0 ]; then
    apt-get update -qq >&2 || true
    found=$(image_package "$1")
  fi
  echo "$found"
}

# unpack PACKAGE DIR
unpack() {
  (cd "$2" && apt-get download -qq -o APT::Sandbox::User=root "$1" >&2) || return 1
  dpkg-deb -x "$2"/*.deb "$2/root"
  rm -f "$2"/*.deb
  find "$2/root/lib/modules" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 -P 2 xz -d
}

# modules_in_order ROOT VERSION: the files of boot_modules, each after those it needs.
modules_in_order() {
  for module in $boot_modules; do
    awk -v want="$module" '
      { name = $1; sub(/:$/, "", name); line[name] = $0; base = name
        sub(/.*\//, "", base); sub(/\.ko$/, "", base); gsub(/-/, "_", base); path[base] = name }
      function emit(file,   parts, count, i) {
        if (file in done) return
        done[file] = 1
        count = split(line[file], parts, " ")
        for (i = count; i > 1; i--) emit(parts[i])
        print file
      }
      END { if (want in path) emit(path[want]) }' "$1/lib/modules/$2/modules.dep"
  done | awk '!seen[$0]++'
}

# boot_archive WORK VERSION: the initramfs: busybox, the modules, the list of their order, init.
boot_archive() {
  tree=$1/initramfs
  mkdir -p "$tree/bin" "$tree/modules"
  cp "$(command -v busybox)" "$tree/bin/busybox"
  cp "$here/boot_init.sh" "$tree/init"
  chmod 755 "$tree/init"
  modules_in_order "$1/root" "$2" | while read -r file; do
    cp "$1/root/lib/modules/$2/$file" "$tree/modules/"
    basename "$file" >>"$tree/modules/order"
  done
  (cd "$tree" && find . | cpio --quiet -o -H newc --owner 0:0) >"$1/boot.cpio"
}

need busybox busybox-static
need mksquashfs squashfs-tools
need cpio cpio
need xz xz-utils

meta=$(meta_package)
package=$(find_image_package "$meta")
if [ -z "$package" ]; then
  cached=$(newest_cached)
  [ -n "$cached" ] || lack "the package archive has no $meta (only Debian's archive does)"
  dirname "$cached"
  exit 0
fi
version=$(apt-cache policy "$package" | awk '/Candidate:/ { print $2 }')
recipe=$(cat "$0" "$here/boot_init.sh" "$here/lib.sh" | sha256sum | cut -c1-8)
kernel=$cache/kernel-${package}_${version}_$recipe
if [ ! -e "$kernel/ready" ]; then
  say "fetching $package $version"
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  unpack "$package" "$work" || lack "cannot download $package: is the package archive reachable?"
  release=$(basename "$work"/root/lib/modules/*)
  busybox depmod -b "$work/root" "$release"
  boot_archive "$work" "$release"
  tar -C "$work/root" --owner=0 --group=0 --transform='s,^lib,usr/lib,' -cf - lib/modules |
    squash "$work/modules.sqfs"
  cp "$work"/root/boot/vmlinuz-* "$work/vmlinuz"
  rm -rf "$work/root" "$work/initramfs"
  : >"$work/ready"
  rm -rf "$kernel"
  mv "$work" "$kernel"
  trap - EXIT
  prune "$cache" "kernel-linux-image-$series." 2
fi
echo "$kernel"
