#!/bin/busybox sh
# shellcheck shell=dash
# First process of the guest, in the initramfs: loads the modules, stacks the read-only disks under
# a tmpfs as the root, mounts what a system has mounted, hands over to guest_init.sh. Everything that
# needs only busybox happens here, where starting a program is cheap. Disks, by their serial:
# base (packages), tree (the project), modules (the kernel's), scratch (ext4, empty).
PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /disk /cover /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
# shellcheck source=/dev/null
. /job/job.env

give_up() {
  echo "vm: $*"
  poweroff -f
}

load_modules() {
  while read -r module; do
    insmod "/modules/$module" || echo "vm: cannot load $module"
  done </modules/order
}

# Sets $found to the device of the disk with this serial; the disks may still be on their way.
find_disk() {
  for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    for disk in /sys/block/vd*; do
      read -r serial <"$disk/serial" || true
      [ "$serial" = "$1" ] && found=/dev/${disk##*/} && return 0
    done
    sleep 0.1
  done
  give_up "disk $1 did not appear (try $tries)"
}

make_root() {
  for name in base tree modules; do
    mkdir -p "/disk/$name"
    find_disk "$name"
    mount -t squashfs -o ro "$found" "/disk/$name" || give_up "cannot mount $name"
  done
  mount -t tmpfs -o mode=755,size=60% tmpfs /cover
  mkdir /cover/upper /cover/work
  mount -t overlay overlay /root \
    -o lowerdir=/disk/tree:/disk/modules:/disk/base,upperdir=/cover/upper,workdir=/cover/work ||
    give_up "cannot mount the root"
}

mount_system() {
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
  mount -t bpf -o mode=700 bpf /sys/fs/bpf
  mount -t securityfs securityfs /sys/kernel/security
  mount -t tracefs tracefs /sys/kernel/tracing
  mkdir -p /dev/pts /dev/shm
  mount -t devpts -o mode=620,ptmxmode=666,gid=5 devpts /dev/pts
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  for link in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
    ln -sf "${link#*:}" "/dev/${link%%:*}"
  done
  mount -t tmpfs -o mode=755 tmpfs /root/run
  cp -a /job /root/run/vm
}

# A real file system for what tests write: no kernel before 6.3 idmaps a tmpfs. A checkout below
# /tmp must stay visible, so such a /tmp is left as it is.
mount_scratch() {
  mkdir /root/run/vm/scratch
  find_disk scratch
  mount -t ext4 -o noatime "$found" /root/run/vm/scratch || give_up "cannot mount scratch"
  for place in tmp var/tmp; do
    mkdir -p "/root/run/vm/scratch/$place"
    chmod 1777 "/root/run/vm/scratch/$place" "/root/$place"
    case $YETT_VM_SOURCE in "/$place"/*) continue ;; esac
    mount -o bind "/root/run/vm/scratch/$place" "/root/$place"
  done
}

enable_controllers() {
  tr ' ' '\n' </sys/fs/cgroup/cgroup.controllers | while read -r controller; do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
  done
}

load_modules
make_root
mount_system
mount_scratch
enable_controllers
ip link set lo up
hostname yett-guest
# busybox's modprobe, for the kernel too: no package of the guest brings kmod.
ln -sf /usr/bin/busybox /root/usr/sbin/modprobe
for place in dev proc sys; do mount -o move "/$place" "/root/$place"; done
exec switch_root /root /run/vm/guest_init.sh
