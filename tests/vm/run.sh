#!/bin/bash
# run.sh [--kernel 6.1|6.12] [--lsm LIST] [--filter REGEX] [--gtest-filter PATTERN]
#        [--command CMD | --shell] [--deadline SECONDS] BUILD_DIR
#
# Boots a guest (QEMU, emulated, no KVM needed) on Debian's kernel with BPF among its LSMs and pure
# cgroup v2, runs the test programs of BUILD_DIR in it as root, reports each case. With --command
# the guest runs CMD instead and its status is ours; with --shell you get a prompt.
# Ends with 0, 1 (something failed), 2 (usage) or 77 (QEMU or the kernel cannot be had here).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/vm/lib.sh
. "$here/lib.sh"

kernel=6.1
lsm=landlock,lockdown,yama,bpf
filter='^(guest|uapi|bpf|integration|adversarial) '
gtest_filter=
command=
job=programs
deadline=900
build=

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --kernel) kernel=${2:?} && shift ;;
    --lsm) lsm=${2:?} && shift ;;
    --filter) filter=${2:?} && shift ;;
    --gtest-filter) gtest_filter=${2:?} && shift ;;
    --command) job=command command=${2:?} && shift ;;
    --shell) job=shell ;;
    --deadline) deadline=${2:?} && shift ;;
    -*) usage ;;
    *) [ -n "$build" ] && usage
      build=$1 ;;
  esac
  shift
done
[ -n "$build" ] || usage
build=$(cd "$build" && pwd -P)
cache=${YETT_VM_CACHE:-$(dirname "$build")/vm}

# The programs that run: what CMake listed, or a file of one's own.
list_programs() {
  cat "$build"/tests/programs/*.txt 2>/dev/null | sort -u | grep -E -- "$filter" || true
}

# job_archive WORK: a second initramfs, laid over the first: the job and the scripts that do it.
job_archive() {
  mkdir -p "$1/cpio/job"
  cp "$here/guest_init.sh" "$here/run_programs.sh" "$1/cpio/job/"
  chmod 755 "$1"/cpio/job/*.sh
  cp "$1/programs" "$1/cpio/job/programs"
  printf '%s\n' "$command" >"$1/cpio/job/command"
  {
    printf 'export YETT_VM=1 YETT_REQUIRE_FULL=1 YETT_BIN=%q YETT_VM_KERNEL=%q\n' "$build/bin/yett" "$kernel"
    case $lsm in *bpf*) echo 'export YETT_REQUIRE_BPF_LSM=1' ;; esac
    printf 'export YETT_VM_BUILD=%q YETT_VM_SOURCE=%q\n' "$build" "$(cd "$here/../.." && pwd -P)"
    printf 'YETT_VM_JOB=%q\n' "$job"
    printf 'export YETT_VM_PROGRAM_SECONDS=%q YETT_VM_GTEST=%q\n' "${YETT_VM_PROGRAM_SECONDS:-300}" \
      "${gtest_filter:+--gtest_filter=$gtest_filter}"
  } >"$1/cpio/job/job.env"
  (cd "$1/cpio" && find . | cpio --quiet -o -H newc --owner 0:0) >"$1/job.cpio"
}

# boot WORK: runs the guest until it powers off or the deadline passes.
boot() {
  local disks=() name input=/dev/null
  for name in "${!disk[@]}"; do
    disks+=(-drive "if=none,id=$name,format=raw,readonly=on,file=${disk[$name]}"
      -device "virtio-blk-pci,drive=$name,serial=$name")
  done
  [ "$job" = shell ] && input=/dev/stdin
  timeout --foreground -k 5 "$deadline" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 \
    -nodefaults -no-user-config -display none -no-reboot \
    -kernel "$kernel_dir/vmlinuz" -initrd "$1/initrd" \
    -append "console=ttyS0 quiet panic=-1 oops=panic lsm=$lsm cgroup_no_v1=all random.trust_cpu=on" \
    "${disks[@]}" -device virtio-serial-pci \
    -chardev "stdio,id=term,signal=$([ "$job" = shell ] && echo off || echo on)" -device virtconsole,chardev=term \
    -chardev "file,id=results,path=$1/results.tar" -device virtserialport,chardev=results,name=yett.results \
    -serial "file:$1/console" <"$input"
}

# The signs of a guest that went wrong, whatever its tests said.
check_guest() {
  local bad=0
  if ! [ -e "$1/results/exit" ]; then
    say "the guest ended early (deadline $deadline s); it was running: $(cat "$1/results/running" 2>/dev/null || echo the boot)"
    bad=1
  fi
  if grep -aE 'Kernel panic|Oops|BUG:|WARNING:|general protection' "$1/console" >&2; then
    say "the kernel complained (above)"
    bad=1
  fi
  if ! cmp -s "$1/results/tainted.before" "$1/results/tainted.after"; then
    say "the kernel's taint went from $(cat "$1/results/tainted.before" 2>/dev/null) to $(cat "$1/results/tainted.after" 2>/dev/null)"
    bad=1
  fi
  if [ $bad = 1 ]; then
    say "last lines of the console:"
    tail -n 30 "$1/console" | tr -d '\r' >&2
  fi
  return $bad
}

need qemu-system-x86_64 qemu-system-x86
kernel_dir=$("$here/fetch_kernel.sh" "$kernel" "$cache")
declare -A disk
disk[modules]=$kernel_dir/modules.sqfs
disk[base]=$("$here/make_base.sh" "$cache")
disk[tree]=$("$here/make_tree.sh" "$build" "$cache")
work=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
list_programs >"$work/programs"
if [ "$job" = programs ] && ! [ -s "$work/programs" ]; then
  say "no test program matches '$filter'"
  exit 1
fi
job_archive "$work"
cat "$kernel_dir/boot.cpio" "$work/job.cpio" >"$work/initrd"
mkdir "$work/results"
boot "$work" || say "QEMU ended with status $?"
tar -C "$work/results" -xif "$work/results.tar" || true
status=0
check_guest "$work" || status=1
if [ "$job" = programs ]; then
  "$here/report.sh" "$work/results" "$work/programs" || status=1
  say "kernel $kernel, lsm=$lsm: ready after $(cat "$work/results/boot_seconds" 2>/dev/null || echo '?') s, $SECONDS s in all"
elif [ $status = 0 ]; then
  status=$(cat "$work/results/exit")
fi
exit "$status"
