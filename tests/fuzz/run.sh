#!/bin/sh
# ./dev fuzz [TARGET] [SECONDS] | --smoke | --list: builds the fuzzers and runs one or all of them,
# each on its seeds (tests/fuzz/corpus/TARGET) and on what earlier runs kept (build/fuzz/corpus).
# A finding is written to build/fuzz/findings and ends the run with status 1. The smoke is the same
# inputs each time, so that it fails for what changed and not by chance.
set -eu
cd "$(dirname "$0")/../.."

smoke_runs() { # TARGET: of uapi each makes a dozen calls into another process, of daemon some dozens between two sockets
  case $1 in
    uapi) echo 500 ;;
    daemon) echo 3000 ;;
    *) echo 20000 ;;
  esac
}

usage() {
  sed -n '2,4s/^# //p' "$0" >&2
  exit 2
}

build_fuzzers() {
  [ -f build/fuzz/build.ninja ] || cmake --preset fuzz > /dev/null
  cmake --build --preset fuzz --target fuzzers
}

fuzzers() { find build/fuzz/bin -name 'fuzz_*' -type f -perm -u+x | sed 's|.*/fuzz_||' | sort; }

fuzz_one() { # TARGET
  kept=build/fuzz/corpus/$1 seeds=tests/fuzz/corpus/$1 findings=build/fuzz/findings
  bounds="-max_total_time=$seconds"
  if [ "$smoke" = yes ]; then
    kept=build/fuzz/smoke/$1 bounds="-seed=1 -runs=$(smoke_runs "$1")"
    rm -rf "$kept"
  fi
  mkdir -p "$kept" "$findings"
  [ -d "$seeds" ] || seeds=
  log=build/fuzz/$1.log
  # shellcheck disable=SC2086 # several words, or none
  if build/fuzz/bin/fuzz_"$1" $bounds -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$findings/$1-" "$kept" $seeds > "$log" 2>&1; then
    echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, no finding"
  else
    tail -n 60 "$log"
    echo "$1: a finding, kept in $findings"
    return 1
  fi
}

target=all seconds=60 smoke=no
case ${1:-} in
  --smoke) smoke=yes ;;
  --list) target=list ;;
  -*) usage ;;
  *[!0-9]*) target=$1 seconds=${2:-60} ;;
  '') ;;
  *) seconds=$1 ;;
esac
case $seconds in *[!0-9]* | '') usage ;; esac

build_fuzzers
if [ "$target" = list ]; then
  fuzzers
  exit 0
fi
[ "$target" = all ] || fuzzers | grep -qx "$target" || {
  echo "fuzz: no target \"$target\"; there are: $(fuzzers | paste -sd " " -)" >&2
  exit 2
}
status=0 passed=0 failed=0
for name in $(fuzzers); do
  [ "$target" = all ] || [ "$target" = "$name" ] || continue
  if fuzz_one "$name"; then passed=$((passed + 1)); else failed=$((failed + 1)) status=1; fi
done
echo "fuzz: $passed passed, $failed failed"
exit $status
