# shellcheck shell=sh
# Shared by the host-side scripts of tests/vm; sourced, never run.
#
# say()  a line for the reader, on stderr, so that stdout stays free for results
# lack() ends the run because this host cannot do it: 77 (skipped), or 1 where nothing may be skipped

PATH=$PATH:/usr/sbin:/sbin

say() {
  printf 'vm: %s\n' "$*" >&2
}

lack() {
  say "$*"
  if [ "${YETT_REQUIRE_FULL:-0}" = 1 ]; then
    say "YETT_REQUIRE_FULL=1: a missing part is a failure"
    exit 1
  fi
  exit 77
}

# need TOOL PACKAGE: the tool, or the package that would bring it.
need() {
  command -v "$1" >/dev/null 2>&1 || lack "$1 is not installed; on Debian: apt-get install $2"
}

# squash OUT: packs the tar stream on stdin. Nothing is compressed: the guest is emulated, so
# unpacking there costs far more than the disk space does here.
squash() {
  mksquashfs - "$1.new" -tar -noappend -quiet -no-progress -noI -noD -noF -noX >&2 &&
    mv "$1.new" "$1"
}

# prune DIR PREFIX KEEP: of the cached pieces that share a prefix only the newest KEEP stay.
prune() {
  # shellcheck disable=SC2012  # the names are ours: no blanks in them
  ls -1dt "$1/$2"* 2>/dev/null | tail -n "+$(($3 + 1))" | while read -r old; do
    rm -rf -- "$old"
  done
}
