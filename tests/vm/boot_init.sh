#!/bin/busybox sh
# shellcheck shell=dash
# First process of the guest, in the initramfs: loads the modules that reach the disks, stacks the
# read-only disks under a tmpfs as the root, hands over to guest_init.sh. Disks, by their serial:
# base (packages), tree (the project), modules (the kernel's).
PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /disk /cover /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

while read -r module; do
  insmod "/modules/$module" || echo "vm: cannot load $module"
done </modules/order

find_disk() {
  for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    for disk in /sys/block/vd*; do
      [ "$(cat "$disk/serial" 2>/dev/null)" = "$1" ] && echo "/dev/${disk##*/}" && return 0
    done
    sleep 0.1
  done
  echo "vm: disk $1 did not appear (try $tries)" >/dev/console
  return 1
}

for name in base tree modules; do
  mkdir -p "/disk/$name"
  mount -t squashfs -o ro "$(find_disk "$name")" "/disk/$name" || poweroff -f
done
mount -t tmpfs -o mode=755,size=60% tmpfs /cover
mkdir /cover/upper /cover/work
mount -t overlay -o lowerdir=/disk/tree:/disk/modules:/disk/base,upperdir=/cover/upper,workdir=/cover/work \
  overlay /root || poweroff -f
mkdir -p /root/run /root/proc /root/sys /root/dev
mount -t tmpfs -o mode=755 tmpfs /root/run
cp -a /job /root/run/vm
mount --move /dev /root/dev
mount --move /proc /root/proc
mount --move /sys /root/sys
exec switch_root /root /run/vm/guest_init.sh
