#!/bin/sh
# make_tree.sh BUILD_DIR CACHE: makes CACHE/tree-KEY.sqfs: the sources and the programs of the build
# directory under the same absolute paths as here, and the shared libraries that those programs
# need; prints its path. The key is made of every file's path, size and time stamp.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/vm/lib.sh
. "$here/lib.sh"

build=$(cd "$1" && pwd -P)
cache=$2
source=$(cd "$here/../.." && pwd -P)

source_files() {
  find "$source" \( -path "$source/build" -o -name .git -o -name .cache \) -prune -o \( -type f -o -type l \) -print
}

programs() {
  find "$build" \( -name CMakeFiles -o -name _deps -o -name '*.o' -o -name '*.a' -o -name '*.ninja' \) -prune \
    -o -type f -perm -u+x -print
}

# What tests read besides programs: the lists that CMake wrote, BPF objects, fixtures.
build_data() {
  find "$build/tests" "$build/bpf" -name CMakeFiles -prune -o -type f -size -4096k \
    ! -name '*.a' ! -name '*.cpp.o' ! -name '*.c.o' -print 2>/dev/null || true
}

# Shared libraries of the programs on stdin, each with the links that lead to it.
libraries() {
  xargs -r ldd 2>/dev/null | sed -nE 's,.*=> (/[^ ]+) .*,\1,p; s,^\s*(/[^ ]+) \(0x.*,\1,p' | sort -u |
    while read -r library; do
      while [ -L "$library" ]; do
        echo "$library"
        target=$(readlink "$library")
        case $target in
          /*) library=$target ;;
          *) library=${library%/*}/$target ;;
        esac
      done
      echo "$library"
    done | sed -E 's,^/(lib|lib64)/,/usr/\1/,'
}

need mksquashfs squashfs-tools
mkdir -p "$cache"
work=$(mktemp -d "$cache/tree.XXXXXX")
trap 'rm -rf "$work"' EXIT
programs >"$work/programs"
{ source_files; build_data; cat "$work/programs"; libraries <"$work/programs"; } | sort -u >"$work/files"
key=$(tr '\n' '\0' <"$work/files" | xargs -0 stat -c '%n %s %Y %f' | cat - "$0" | sha256sum | cut -c1-16)
tree=$cache/tree-$key.sqfs
if [ ! -e "$tree" ]; then
  sed 's,^/,,' "$work/files" |
    tar -C / --format=posix --owner=0 --group=0 --no-recursion -cf - -T - | squash "$work/tree"
  mv "$work/tree" "$tree"
  prune "$cache" tree- 2
fi
echo "$tree"
