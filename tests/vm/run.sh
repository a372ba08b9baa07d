#!/bin/bash
# run.sh [--kernel 6.1|6.12] [--lsm LIST] [--filter REGEX] [--gtest-filter PATTERN] [--count FILE]
#        [--deadline SECONDS] [--command CMD | --shell] [BUILD_DIR]
#
# Boots guests (QEMU, emulated, no KVM needed) on Debian's kernels with BPF among their LSMs and pure
# cgroup v2, runs the test programs of BUILD_DIR (build/release) in them as root, reports each case.
# --kernel or --lsm: that one guest instead of all. --filter: programs whose line "label name
# directory path" matches. --count: "passed failed skipped" goes to FILE. With --command a guest
# runs CMD, and its status is ours; with --shell you get a prompt in it.
# Ends with 0, 1 (something failed), 2 (usage) or 77 (QEMU or the kernel cannot be had here).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/vm/lib.sh
. "$here/lib.sh"

with_bpf=landlock,lockdown,yama,bpf
# One guest a line: name, kernel, LSMs, which of the listed programs run in it. The last two show
# that a missing LSM is noticed; the tests themselves have run by then.
guests="6.1              6.1   $with_bpf                   ^(guest|uapi|bpf|integration|adversarial)_
6.12             6.12  $with_bpf                   ^(guest|uapi|bpf|integration|adversarial)_
6.1-no-bpf       6.1   landlock,lockdown,yama      ^guest_
6.1-no-landlock  6.1   lockdown,yama,bpf           ^guest_"

kernel=
lsm=
filter=.
count_file=
deadline=900
export YETT_VM_JOB=programs YETT_VM_COMMAND='' YETT_VM_GTEST=''
build=

usage() {
  sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --kernel) kernel=${2:?} && shift ;;
    --lsm) lsm=${2:?} && shift ;;
    --filter) filter=${2:?} && shift ;;
    --gtest-filter) YETT_VM_GTEST=--gtest_filter=${2:?} && shift ;;
    --count) count_file=${2:?} && shift ;;
    --command) YETT_VM_JOB=command YETT_VM_COMMAND=${2:?} && shift ;;
    --shell) YETT_VM_JOB=shell ;;
    --deadline) deadline=${2:?} && shift ;;
    -*) usage ;;
    *) [ -z "$build" ] || usage
      build=$1 ;;
  esac
  shift
done
build=${build:-$here/../../build/release}
[ -d "$build" ] || { say "no build directory $build: run ./dev build first"; exit 2; }
build=$(cd "$build" && pwd -P)

# Asked for one guest, or for something that has no use for several.
if [ -n "$kernel$lsm" ] || [ $YETT_VM_JOB != programs ]; then
  guests="${kernel:-6.1} ${kernel:-6.1} ${lsm:-$with_bpf} ^(guest|uapi|bpf|integration|adversarial|unit)_"
  [ "$filter" != . ] || guests=${guests/|unit/}
fi

status=0
passed=0 failed=0 skipped=0
while read -r name kernel lsm chosen <&3; do
  code=0
  "$here/guest.sh" "$name" "$kernel" "$lsm" "${chosen//_/ }" "$filter" $((deadline - SECONDS)) "$build" || code=$?
  # 77 says why by itself; it must not hide the failure of another guest.
  case $code in
    0) ;;
    77) [ $status != 0 ] || status=77 ;;
    *) [ $YETT_VM_JOB = programs ] && status=1 || status=$code ;;
  esac
  [ $YETT_VM_JOB = programs ] || continue
  # A guest that never came to its report counts as one case.
  read -r p f s < <(cat "$build/vm/$name/count" 2>/dev/null || { [ $code = 77 ] && echo 0 0 1 || echo 0 1 0; })
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done 3<<<"$guests"

if [ $YETT_VM_JOB = programs ]; then
  echo "vm: $passed passed, $failed failed, $skipped skipped in $SECONDS s; logs in $build/vm/"
  [ -z "$count_file" ] || echo "$passed $failed $skipped" >"$count_file"
fi
exit $status
