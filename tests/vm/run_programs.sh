#!/bin/sh
# run_programs.sh PORT: in the guest, runs each program of /run/vm/programs ("label name directory
# command" on a line) and sends its log and exit status to PORT as soon as it ends, so that a guest
# that dies later has not taken them along. Names on stdout are for the person who watches.
port=$1
results=/run/vm/results

send() {
  (cd "$results" && tar -cf "$port" -- "$@")
}

# What a test must take away again, with few and static programs, since starting one costs much in an
# emulated guest (tests/support/host_snapshot.sh sees more). Pinned BPF programs are no leak: they
# stay on purpose. Of the processes, kernel threads (children of 2) come and go.
left_behind() {
  busybox cut -d' ' -f5 /proc/self/mountinfo
  busybox grep -s . /sys/block/loop*/loop/backing_file
  busybox find /sys/fs/cgroup /tmp /var/tmp /dev/shm -mindepth 1 -maxdepth 2
  busybox cat /proc/[0-9]*/stat 2>/dev/null |
    busybox awk '{ line = $0; sub(/.*\) /, ""); if ($2 != 0 && $2 != 2) { sub(/\) .*/, "", line); print line ")" } }' |
    busybox grep -v '(busybox)$'
}

# Loops and cgroups may take a moment to vanish, so it looks again. In this shell: a subshell would be
# a process more.
compare() {
  for _ in 1 2 3; do
    left_behind >/run/vm/after
    busybox cmp -s /run/vm/before /run/vm/after && return 0
    sleep 1
  done
  # A process that was there before and has ended meanwhile is no leak.
  busybox diff /run/vm/before /run/vm/after | grep '^[-+][^-+]' | grep -v '^-[0-9]* (' || return 0
  return 1
}

# run_one NAME DIRECTORY COMMAND
run_one() {
  echo "$1" >"$results/running"
  send running
  left_behind >/run/vm/before
  (
    cd "$2" 2>/dev/null || cd /tmp || exit 1
    # shellcheck disable=SC2086  # a list of words, and one word or none
    exec timeout -k 5 "$YETT_VM_PROGRAM_SECONDS" $3 $YETT_VM_GTEST
  ) </dev/null >"$results/$1.log" 2>&1
  echo $? >"$results/$1.exit"
  if compare >/run/vm/left; then
    echo "ok   $1 left nothing behind" >"$results/$1.left"
  else
    echo "FAIL $1 left behind or took away (+, -): $(busybox tr '\n' ';' </run/vm/left)" >"$results/$1.left"
  fi
}

while read -r label name directory command; do
  start=$(cut -d' ' -f1 /proc/uptime)
  run_one "$label.$name" "$directory" "$command"
  end=$(cut -d' ' -f1 /proc/uptime)
  echo "$label.$name: exit $(cat "$results/$label.$name.exit"), $(echo "$start $end" | awk '{ print $2 - $1 }') s"
  send "$label.$name.log" "$label.$name.exit" "$label.$name.left"
done </run/vm/programs
rm -f "$results/running"
