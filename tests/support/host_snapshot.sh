#!/bin/sh
# Prints the state of the host that tests must leave as they found it, as sorted lines; the leak
# stage of `./dev test` compares two of them. Run as root for the whole picture.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")/../.." && pwd)

# Those of logins and of services of the host's come and go with them; that of binfmt_misc is made
# by whoever looks first.
mounts() {
  ls /proc/sys/fs/binfmt_misc > /dev/null 2>&1
  awk '{ sub(/ - /, " "); print $5 }' /proc/self/mountinfo | grep -Ev '^/run/(user|credentials)/' | sort
}

loops() { losetup -n -O NAME,BACK-FILE 2> /dev/null | tr -s ' ' | sort; }

cgroups() { find /sys/fs/cgroup -type d -name '*yett*' 2> /dev/null | sort; }

bpf_pins() { find /sys/fs/bpf -mindepth 1 2> /dev/null | sort; }

# Ids change, so programs and links are named by what does not; systemd comes and goes with its own.
bpf_objects() {
  bpftool prog show 2> /dev/null | awk '/^[0-9]+:/ { print "prog", $2, $4, $6 }' | grep -v ' sd_' | sort
  bpftool link show 2> /dev/null | awk '/^[0-9]+:/ { print "link", $2 }' | sort
}

# Anything that runs a program of this tree, and anything with the uid of a sandbox.
processes() {
  for directory in /proc/[0-9]*; do
    program=$(readlink "$directory/exe" 2> /dev/null)
    owner=$(stat -c %u "$directory" 2> /dev/null) || continue
    case $program in
      "$here"/build/*) echo "$program" ;;
      *) [ "$owner" -lt 1493172224 ] || cat "$directory/comm" 2> /dev/null ;;
    esac
  done | sort
}

temporary_files() {
  find /tmp /var/tmp -mindepth 1 -maxdepth 1 2> /dev/null | grep -Ev '/(systemd-private|bash_jobs)' | sort
  find /run/yett /var/lib/yett /dev/shm -mindepth 1 ! -name 'host-features-*' ! -name refusals ! -path /run/yett/oci 2> /dev/null | sort # kept per boot on purpose
}

network() {
  ip netns list 2> /dev/null | sort
  ip -o link show 2> /dev/null | awk '{ print $2 }' | sort
}

# All but counters, random numbers, what the kernel says of itself, and what it changes by itself.
sysctls() {
  sysctl -a 2> /dev/null | grep -Ev '^(kernel\.(random|tainted|ns_last_pid|pty\.nr|spl|sched_domain)|fs\.(file-nr|inode|dentry|aio-nr|quota|mqueue)|net\.netfilter\.nf_conntrack_count|net\.ipv4\.tcp_fastopen_key|net\.ipv6\.conf\..*stable_secret|vm\.stat)' |
    grep -Ev '^(vm\.min_free_kbytes|kernel\.(perf_event_max_sample_rate|hung_task_detect_count|printk)|net\.core\.netdev_rss_key|[^ ]*_available_[^ ]*) =' | sort
}

system_files() { find /etc -xdev -type f -exec sha256sum {} + 2> /dev/null | sort -k2; }

for part in mounts loops cgroups bpf_pins bpf_objects processes temporary_files network sysctls system_files; do
  $part | sed "s|^|$part: |"
done
