#!/bin/sh
# PID 1 of the guest once its root stands (boot_init.sh): does the one job that guest.sh put into
# /run/vm, sends the results, powers off.
#
# Ways out: /dev/hvc0 is the caller's terminal or stdout; the results port takes tar archives, one
# after the other; the serial console carries only the kernel and this script's troubles.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root
LANG=C.UTF-8
TERM=${TERM:-vt100}
export PATH HOME LANG TERM
# shellcheck source=/dev/null
. /run/vm/job.env
results=/run/vm/results

results_port() {
  for port in /sys/class/virtio-ports/*; do
    read -r name <"$port/name"
    [ "$name" != yett.results ] || echo "/dev/${port##*/}"
  done
}

# A command sees no terminal, so that what it prints is fit for a file.
run_command() {
  stty -opost -echo
  { bash /run/vm/command </dev/null 2>&1; echo $? >/run/vm/status; } | cat
  return "$(cat /run/vm/status)"
}

do_job() {
  cd "$YETT_VM_BUILD" || return 1
  case $YETT_VM_JOB in
    programs) sh /run/vm/run_programs.sh "$results_port" ;;
    command) run_command ;;
    shell) setsid -c bash -i ;;
  esac
}

results_port=$(results_port)
mkdir -p $results
cat /proc/sys/kernel/tainted >$results/tainted.before
uname -r >$results/release
cut -d' ' -f1 /proc/uptime >$results/boot_seconds
do_job </dev/hvc0 >/dev/hvc0 2>&1
echo $? >$results/exit
cat /proc/sys/kernel/tainted >$results/tainted.after
dmesg >$results/dmesg
tar -C $results -cf "$results_port" .
sync
busybox poweroff -f
