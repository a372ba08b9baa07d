#!/bin/sh
# run_programs.sh PORT: in the guest, runs each program of /run/vm/programs ("label name directory
# path" on a line) and sends its log and exit status to PORT as soon as it ends, so that a guest
# that dies later has not taken them along. Names on stdout are for the person who watches.
port=$1
results=/run/vm/results

send() {
  tar -C "$results" -cf "$port" "$@"
}

while read -r label name directory path; do
  echo "$label.$name" >"$results/running"
  send running
  start=$(cut -d' ' -f1 /proc/uptime)
  # shellcheck disable=SC2086  # the filter is one word or nothing
  (cd "$directory" 2>/dev/null || cd /tmp && exec timeout -k 5 "$YETT_VM_PROGRAM_SECONDS" "$path" $YETT_VM_GTEST) \
    </dev/null >"$results/$label.$name.log" 2>&1
  echo $? >"$results/$label.$name.exit"
  end=$(cut -d' ' -f1 /proc/uptime)
  echo "$label.$name: exit $(cat "$results/$label.$name.exit"), $(echo "$end - $start" | busybox bc) s"
  send "$label.$name.log" "$label.$name.exit"
done </run/vm/programs
rm -f "$results/running"
