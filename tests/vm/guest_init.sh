#!/bin/sh
# PID 1 of the guest once its root stands: brings up the file systems, cgroup v2 and the loopback
# interface, does the one job that run.sh put into /run/vm (see its head), powers off.
#
# Ways out: /dev/hvc0 is the caller's terminal or stdout; the results port takes tar archives, one
# after the other; the serial console carries only the kernel and this script's troubles.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root
LANG=C.UTF-8
TERM=${TERM:-vt100}
export PATH HOME LANG TERM
cd /
# shellcheck source=/dev/null
. /run/vm/job.env

# The device of the disk with this serial.
disk_of() {
  for disk in /sys/block/vd*; do
    [ "$(cat "$disk/serial")" != "$1" ] || echo "/dev/${disk##*/}"
  done
}

bind_scratch() {
  chmod 1777 "/run/vm/scratch/$1" "$2"
  case $YETT_VM_SOURCE in "$2"/*) ;; *) mount --bind "/run/vm/scratch/$1" "$2" ;; esac
}

mount_all() {
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
  mount -t bpf -o mode=700 bpf /sys/fs/bpf
  mount -t securityfs securityfs /sys/kernel/security
  mount -t tracefs tracefs /sys/kernel/tracing
  mkdir -p /dev/pts /dev/shm
  mount -t devpts -o mode=620,ptmxmode=666,gid=5 devpts /dev/pts
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  # A real file system for what tests write: no kernel before 6.3 idmaps a tmpfs. A checkout below
  # /tmp must stay visible, so such a /tmp is left as it is.
  mkdir -p /run/vm/scratch
  mount -t ext4 -o noatime "$(disk_of scratch)" /run/vm/scratch
  mkdir /run/vm/scratch/tmp /run/vm/scratch/var-tmp
  bind_scratch tmp /tmp
  bind_scratch var-tmp /var/tmp
  for link in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
    ln -sf "${link#*:}" "/dev/${link%%:*}"
  done
  # modprobe is busybox's: no package of the guest brings kmod.
  ln -sf /usr/bin/busybox /usr/sbin/modprobe
  modprobe -a loop fuse tun 2>/dev/null
}

enable_controllers() {
  tr ' ' '\n' </sys/fs/cgroup/cgroup.controllers | while read -r controller; do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
  done
}

results_port() {
  for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = yett.results ] && echo "/dev/${port##*/}"
  done
}

# Tests count threads, descriptors and mounts: no descriptor of ours but 0 to 2 is left open here.
do_job() {
  cd "$YETT_VM_BUILD" || return 1
  case $YETT_VM_JOB in
    programs) sh /run/vm/run_programs.sh "$RESULTS_PORT" ;;
    command)
      stty -opost -echo
      { bash /run/vm/command </dev/null 2>&1; echo $? >/run/vm/status; } | cat
      return "$(cat /run/vm/status)"
      ;;
    shell) setsid -c bash -i ;;
  esac
}

mount_all
enable_controllers
ip link set lo up
hostname yett-guest
RESULTS_PORT=$(results_port)
mkdir -p /run/vm/results
cat /proc/sys/kernel/tainted >/run/vm/results/tainted.before
uname -r >/run/vm/results/release
cut -d' ' -f1 /proc/uptime >/run/vm/results/boot_seconds
do_job </dev/hvc0 >/dev/hvc0 2>&1
echo $? >/run/vm/results/exit
cat /proc/sys/kernel/tainted >/run/vm/results/tainted.after
dmesg >/run/vm/results/dmesg
tar -C /run/vm/results -cf "$RESULTS_PORT" .
sync
busybox poweroff -f
