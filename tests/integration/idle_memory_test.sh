#!/bin/sh
# idle_memory_test.sh YETT: supervisor and init of a sandbox that lives on forget the code of their start, and do their
# work nevertheless.
set -eu
yett=$1
if [ "$(id -u)" != 0 ] || [ ! -r /proc/self/smaps ]; then
  echo "needs root and /proc/PID/smaps"
  [ "${YETT_REQUIRE_FULL:-}" = 1 ] && exit 1
  exit 77
fi
made=$(mktemp -d)
supervisor=
trap '[ -z "$supervisor" ] || kill "$supervisor" 2> /dev/null || true; rm -rf "$made"' EXIT
fail() {
  echo "FAILED: $*"
  exit 1
}
code_kib() { # PID: of its program's code that is mapped
  awk '/^[0-9a-f]+-/ { code = $2 == "r-xp" && $NF ~ /yett$/ } code && /^Rss:/ { sum += $2 } END { print sum + 0 }' "/proc/$1/smaps"
}
await_little() { # PID: at most a fifth of what a start maps
  for _ in $(seq 300); do
    kib=$(code_kib "$1")
    [ "$kib" -gt 800 ] || return 0
    sleep 0.1
  done
  fail "process $1 keeps $kib KiB of code"
}

mkfifo "$made/hold" "$made/up"
"$yett" run -- /bin/sh -c 'echo up; read -r word; uname > /dev/null; exit 7' < "$made/hold" > "$made/up" &
supervisor=$!
exec 3> "$made/hold" 4< "$made/up"
read -r word <&4
[ "$word" = up ] || fail "it does not come up"
await_little $supervisor
tr " " "\n" < /proc/$supervisor/task/$supervisor/children > "$made/children"
while read -r init; do [ -z "$init" ] || await_little "$init"; done < "$made/children"
echo go >&3
status=0
wait $supervisor || status=$?
supervisor=
[ $status = 7 ] || fail "status $status instead of 7"
exit 0
