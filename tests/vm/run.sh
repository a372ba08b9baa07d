#!/bin/bash
# run.sh [--guest NAME] [--filter REGEX] [--gtest-filter PATTERN] [--count FILE] [--deadline SECONDS]
#        [--lsm LIST] [--command CMD | --shell] [BUILD_DIR]
#
# Boots guests (QEMU, emulated, no KVM needed) on Debian's kernels with BPF among their LSMs and pure
# cgroup v2, runs the test programs of BUILD_DIR (build/release) in them as root, reports each case.
# --guest (or --kernel): 6.1, 6.12, 6.1-no-bpf or 6.1-no-landlock instead of all. --filter: programs
# whose line "label name directory command" matches. --count: "passed failed skipped" goes to FILE.
# With --command a guest runs CMD, and its status is ours; with --shell you get a prompt in it.
# Ends with 0, 1 (something failed), 2 (usage) or 77 (QEMU or the kernel cannot be had here).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/vm/lib.sh
. "$here/lib.sh"

# One guest a line: name, kernel, LSMs, labels of the programs that run in it. The last two show that
# a missing LSM is noticed; the other tests have run in full by then.
guests='6.1              6.1   landlock,lockdown,yama,bpf  guest|uapi|bpf|integration|adversarial
6.12             6.12  landlock,lockdown,yama,bpf  guest|uapi|bpf|integration|adversarial
6.1-no-bpf       6.1   landlock,lockdown,yama      guest
6.1-no-landlock  6.1   lockdown,yama,bpf           guest'

guest=
lsm=
filter=.
count_file=
deadline=900
export YETT_VM_JOB=programs YETT_VM_COMMAND='' YETT_VM_GTEST=''
build=

usage() {
  sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --guest | --kernel) guest=${2:?} && shift ;;
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

# --command and --shell have no use for several guests.
[ $YETT_VM_JOB = programs ] || guest=${guest:-6.1}
if [ -n "$guest" ]; then
  guests=$(grep "^$guest " <<<"$guests") || { say "no guest $guest"; usage; }
fi
# Whoever names programs may also mean those that need no guest.
[ "$filter" = . ] || guests=${guests//uapi/unit|uapi}

status=0
passed=0 failed=0 skipped=0
while read -r name kernel lsms labels <&3; do
  code=0
  "$here/guest.sh" "$name" "$kernel" "${lsm:-$lsms}" "^($labels) " "$filter" $((deadline - SECONDS)) "$build" || code=$?
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
