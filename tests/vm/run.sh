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
deadline=1800
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
cache=${YETT_VM_CACHE:-$(dirname "$build")/vm}

# --command and --shell have no use for several guests.
[ $YETT_VM_JOB = programs ] || guest=${guest:-6.1}
if [ -n "$guest" ]; then
  guests=$(grep "^$guest " <<<"$guests") || { say "no guest $guest"; usage; }
fi
# Whoever names programs may also mean those that need no guest.
[ "$filter" = . ] || guests=${guests//uapi/host|unit|uapi}

# start NAME KERNEL LSMS LABELS: one guest; its status goes to a file, since it may run beside another.
start() {
  local code=0 child
  "$here/guest.sh" "$1" "$2" "${lsm:-$3}" "^($4) " "$filter" $((deadline - SECONDS)) "$build" <&0 &
  child=$!
  # shellcheck disable=SC2064  # this very child
  trap "kill $child; exit 143" INT TERM
  wait $child || code=$?
  echo $code >"$build/vm/$1.status"
}

status=0
passed=0 failed=0 skipped=0

# add_up NAME: 77 says why by itself; it must not hide the failure of another guest.
add_up() {
  local code p f s
  code=$(cat "$build/vm/$1.status")
  case $code in
    0) ;;
    77) [ "$status" != 0 ] || status=77 ;;
    *) [ $YETT_VM_JOB = programs ] && status=1 || status=$code ;;
  esac
  [ $YETT_VM_JOB = programs ] || return 0
  # A guest that never came to its report counts as one case.
  read -r p f s < <(cat "$build/vm/$1/count" 2>/dev/null || { [ "$code" = 77 ] && echo 0 0 1 || echo 0 1 0; })
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# Two guests at a time: the tests of one keep one processor busy, seldom two. What both need is made
# before; what they say is shown when both are done.
run_pairs() {
  # A failure here comes up again, and counts, in the guests.
  "$here/make_base.sh" "$cache" >/dev/null || true
  "$here/make_tree.sh" "$build" "$cache" >/dev/null || true
  while read -r first && read -r second; do
    # shellcheck disable=SC2086  # a guest's line is a list of words
    start $first >"$build/vm/${first%% *}.out" 2>&1 &
    # shellcheck disable=SC2086
    start $second >"$build/vm/${second%% *}.out" 2>&1 &
    wait
    cat "$build/vm/${first%% *}.out" "$build/vm/${second%% *}.out"
    add_up "${first%% *}"
    add_up "${second%% *}"
  done <<<"$guests"
}

mkdir -p "$build/vm"
if [ -n "$guest" ]; then
  # shellcheck disable=SC2086
  start $guests
  add_up "$guest"
else
  # shellcheck disable=SC2046  # a list of numbers
  trap 'kill $(jobs -p) 2>/dev/null; exit 143' INT TERM
  run_pairs
fi

if [ $YETT_VM_JOB = programs ]; then
  echo "vm: $passed passed, $failed failed, $skipped skipped in $SECONDS s; logs in $build/vm/"
  [ -z "$count_file" ] || echo "$passed $failed $skipped" >"$count_file"
fi
exit "$status"
