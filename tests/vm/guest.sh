#!/bin/bash
# guest.sh NAME KERNEL LSM CHOSEN FILTER SECONDS BUILD_DIR: one guest, from its pieces to its report.
# The job is in YETT_VM_JOB, YETT_VM_COMMAND, YETT_VM_GTEST; run.sh is the caller. Of the listed
# programs those run whose line matches both CHOSEN and FILTER. Everything the guest said stays in
# BUILD_DIR/vm/NAME: console, dmesg, one log for each program, cases, count.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/vm/lib.sh
. "$here/lib.sh"

name=$1 kernel=$2 lsm=$3 chosen=$4 filter=$5 seconds=$6 build=$7
cache=${YETT_VM_CACHE:-$(dirname "$build")/vm}
out=$build/vm/$name

# job_archive: a second initramfs, laid over the first: the job and the scripts that do it.
job_archive() {
  mkdir -p "$work/cpio/job"
  cp "$here/guest_init.sh" "$here/run_programs.sh" "$out/programs" "$work/cpio/job/"
  chmod 755 "$work"/cpio/job/*.sh
  printf '%s\n' "$YETT_VM_COMMAND" >"$work/cpio/job/command"
  {
    printf 'export YETT_VM=1 YETT_VM_KERNEL=%q YETT_VM_LSM=%q\n' "$kernel" "$lsm"
    printf 'export YETT_REQUIRE_FULL=1 YETT_BIN=%q\n' "$build/bin/yett"
    case ,$lsm, in *,bpf,*) echo 'export YETT_REQUIRE_BPF_LSM=1' ;; esac
    printf 'export YETT_VM_BUILD=%q YETT_VM_SOURCE=%q\n' "$build" "$(cd "$here/../.." && pwd -P)"
    printf 'export YETT_VM_JOB=%q YETT_VM_GTEST=%q\n' "$YETT_VM_JOB" "$YETT_VM_GTEST"
    printf 'export YETT_VM_PROGRAM_SECONDS=%q\n' "${YETT_VM_PROGRAM_SECONDS:-600}"
  } >"$work/cpio/job/job.env"
  (cd "$work/cpio" && find . | cpio --quiet -o -H newc --owner 0:0) >"$work/job.cpio"
}

# boot: runs the guest until it powers off or its time is up. One processor: where one patches the
# kernel's code (static keys, BPF trampolines) while the other runs it, TCG now and then executes the
# breakpoint that is only meant to be there for a moment, and the guest's kernel panics.
boot() {
  local disks=() input=/dev/null signals=on disk
  for disk in "base=$base" "tree=$tree" "modules=$kernel_dir/modules.sqfs"; do
    disks+=(-drive "if=none,id=${disk%%=*},format=raw,readonly=on,file=${disk#*=}"
      -device "virtio-blk-pci,drive=${disk%%=*},serial=${disk%%=*}")
  done
  # shellcheck disable=SC2054  # the commas are QEMU's
  disks+=(-drive "if=none,id=scratch,format=raw,cache=unsafe,file=$work/scratch"
    -device virtio-blk-pci,drive=scratch,serial=scratch)
  if [ "$YETT_VM_JOB" = shell ]; then
    input=/dev/stdin signals=off
  fi
  timeout --foreground -k 5 "$seconds" qemu-system-x86_64 -accel tcg -cpu max -smp 1 -m 2048 \
    -nodefaults -no-user-config -display none -no-reboot \
    -kernel "$kernel_dir/vmlinuz" -initrd "$work/initrd" \
    -append "console=ttyS0 quiet panic=-1 oops=panic lsm=$lsm cgroup_no_v1=all random.trust_cpu=on" \
    "${disks[@]}" -device virtio-serial-pci \
    -chardev "stdio,id=term,signal=$signals" -device virtconsole,chardev=term \
    -chardev "file,id=results,path=$work/results.tar" -device virtserialport,chardev=results,name=yett.results \
    -serial "file:$out/console" <"$input" &
  qemu=$!
  wait $qemu && qemu=
}

# One failed case called $1, with the reason $2.
fault() {
  echo "FAIL guest.$1 $2" >>"$out/faults"
  say "$2"
}

# The signs of a guest that went wrong, whatever its tests said.
check_guest() {
  local before after
  before=$(cat "$out/tainted.before" 2>/dev/null || echo unknown)
  after=$(cat "$out/tainted.after" 2>/dev/null || echo unknown)
  [ -e "$out/exit" ] ||
    fault ended "the guest ended early (its limit: $seconds s) while it ran: $(cat "$out/running" 2>/dev/null || echo the boot)"
  if cat "$out/console" "$out/dmesg" 2>/dev/null | grep -aE 'Kernel panic|Oops|BUG: |WARNING: CPU|general protection' >&2; then
    fault kernel "the kernel complained (above)"
  fi
  [ "$before" = "$after" ] || fault taint "the kernel's taint went from $before to $after"
  if [ -s "$out/faults" ]; then
    say "last lines of the console:"
    tail -n 30 "$out/console" 2>/dev/null | tr -d '\r' >&2
  fi
}

need qemu-system-x86_64 qemu-system-x86
need mkfs.ext4 e2fsprogs
rm -rf "$out"
mkdir -p "$out"
kernel_dir=$("$here/fetch_kernel.sh" "$kernel" "$cache")
base=$("$here/make_base.sh" "$cache")
tree=$("$here/make_tree.sh" "$build" "$cache")
# From the last label of the alphabet: the adversarial programs, which treat the guest worst, come last.
cat "$build"/tests/programs/*.txt 2>/dev/null | sort -ru | grep -E -- "$chosen" | grep -E -- "$filter" >"$out/programs" || true
if [ "$YETT_VM_JOB" = programs ] && ! [ -s "$out/programs" ]; then
  say "$name: no program to run"
  echo 0 0 0 >"$out/count"
  exit 0
fi
work=$(mktemp -d "$cache/run.XXXXXX")
qemu=
trap '{ [ -z "$qemu" ] || kill $qemu 2>/dev/null; } || true; rm -rf "$work"' EXIT
trap 'exit 143' INT TERM
job_archive
truncate -s 4G "$work/scratch"
mkfs.ext4 -q -F -O ^has_journal "$work/scratch"
cat "$kernel_dir/boot.cpio" "$work/job.cpio" >"$work/initrd"
boot || say "QEMU ended with status $?"
[ ! -s "$work/results.tar" ] || tar -C "$out" -xif "$work/results.tar" || true
check_guest
if [ "$YETT_VM_JOB" != programs ]; then
  [ ! -s "$out/faults" ] || exit 1
  exit "$(cat "$out/exit")"
fi
status=0
"$here/report.sh" "$out" || status=$?
say "$name: $(cat "$out/release" 2>/dev/null), lsm=$lsm," \
  "tests began after $(cat "$out/boot_seconds" 2>/dev/null || echo '?') s, $SECONDS s in all"
exit $status
