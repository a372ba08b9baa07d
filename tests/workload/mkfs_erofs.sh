#!/bin/sh
# mkfs_erofs.sh CACHE: prints a directory in which there is an mkfs.erofs that knows lzma. That is the
# installed one's, where it does (erofs-utils 1.7, Ubuntu 24.04); Debian 12 builds its 1.5 without, so
# there the same source is built with it, in CACHE.
set -eu
cache=$1
source=erofs-utils_1.5.orig.tar.gz
sha256=2310fa4377b566bf943e8eef992db3990f759528d5973e700efe3e4cb115ec23
mirror=http://deb.debian.org/debian/pool/main/e/erofs-utils

knows_lzma() {
  "$1" --help 2>&1 | grep -q lzma
}

installed=$(PATH=$PATH:/usr/sbin:/sbin command -v mkfs.erofs || true)
if [ -n "$installed" ] && knows_lzma "$installed"; then
  dirname "$installed"
  exit 0
fi
made=$cache/erofs-utils-1.5-lzma
if [ ! -x "$made/mkfs.erofs" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/erofs.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # apt's own transport: it knows the proxies of this machine, and compares the digest.
  /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$mirror/$source" "$work/$source" "SHA256:$sha256" >&2
  tar -C "$work" --strip-components=1 -xf "$work/$source"
  (
    cd "$work"
    ./autogen.sh
    ./configure --enable-lzma --without-selinux --disable-fuse
    make -j2
  ) >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; exit 1; }
  mkdir -p "$made"
  mv "$work/mkfs/mkfs.erofs" "$made/mkfs.erofs"
fi
echo "$made"
