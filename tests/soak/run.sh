#!/bin/sh
# ./dev soak [MINUTES] | --smoke: starts and ends sandboxes, 8 at a time, in rounds of 1,000 runs of
# mixed endings (success, failure, signals, the wall clock, a killed supervisor), then compares the
# host with what it was (tests/support/host_snapshot.sh); each round ends with 200 containers whose
# runtime is killed at random moments (containers.py). --smoke is one round without the containers,
# which the stage `oci` has.
set -eu
cd "$(dirname "$0")/../.."

yett=$PWD/build/release/bin/yett
at_once=8
round_runs=1000
work=$(mktemp -d /tmp/yett-soak.XXXXXX)
trap 'rm -rf "$work"' EXIT

# One run; INDEX chooses the ending. Prints nothing when it ended as it must.
run_one() { # INDEX
  case $(($1 % 10)) in
    0) expect 7 "$yett" run -- /bin/sh -c 'exit 7' ;;
    1) expect 127 "$yett" run -- /no/such/program ;;
    2) expect 143 "$yett" run -- /bin/sh -c 'kill -TERM $$' ;;
    3) expect 137 "$yett" run --time 100ms -- /bin/sleep 30 ;;
    4) expect 0 "$yett" run --pids 16 -m 64M -- /bin/sh -c '/bin/true | /bin/true' ;;
    5) expect 0 "$yett" run -- /bin/sh -c 'echo x > /tmp/x && /bin/cat /tmp/x >/dev/null' ;;
    6) expect_killed ;;
    *) expect 0 "$yett" run -- /bin/true ;;
  esac
}

expect() { # STATUS COMMAND...
  wanted=$1
  shift
  status=0
  output=$("$@" 2>&1 < /dev/null) || status=$?
  [ $status -eq "$wanted" ] || echo "run ended with $status instead of $wanted: $*: $output"
}

# The supervisor dies in the middle; the sandbox must die with it, which the snapshot sees.
expect_killed() {
  "$yett" run -- /bin/sleep 30 > /dev/null 2>&1 < /dev/null &
  supervisor=$!
  sleep 0.05
  kill -KILL $supervisor
  wait $supervisor 2> /dev/null || true
}

# Without the temporary directory of this very run.
snapshot() { tests/support/host_snapshot.sh | grep -v "$work" > "$1"; }

# What is there now and was not before; what went meanwhile was somebody else's.
left_behind() { ! diff "$work/before" "$work/after" | grep '^>'; }

# The last endings may take a moment.
host_is_clean() {
  for _ in 1 2 3 4; do
    snapshot "$work/after"
    ! left_behind > /dev/null || return 0
    sleep 1
  done
  snapshot "$work/after"
  left_behind
}

round() {
  seq 1 $round_runs | xargs -P $at_once -n 25 "$0" --some > "$work/complaints" 2>&1 || true
  if [ -s "$work/complaints" ]; then
    head -n 20 "$work/complaints"
    return 1
  fi
  host_is_clean
}

containers() {
  case ${smoke:-} in yes) return 0 ;; esac
  tests/soak/containers.py 200
}

if [ "${1:-}" = --some ]; then # a share of a round, run by xargs
  trap - EXIT
  rmdir "$work"
  shift
  for index; do run_one "$index"; done
  exit 0
fi

case ${1:-10} in
  --smoke) seconds=0 smoke=yes ;;
  *[!0-9]*)
    sed -n '2,6s/^# //p' "$0" >&2
    exit 2
    ;;
  *) seconds=$((${1:-10} * 60)) ;;
esac

started=$(date +%s)
passed=0 failed=0
snapshot "$work/before"
while :; do
  if round && containers; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  elapsed=$(($(date +%s) - started))
  echo "$(((passed + failed) * round_runs)) runs, $at_once at a time, in $elapsed s"
  if [ "$elapsed" -ge "$seconds" ] || [ $failed -ne 0 ]; then break; fi
done
echo "soak: $passed passed, $failed failed"
[ $failed -eq 0 ]
