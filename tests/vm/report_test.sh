#!/bin/sh
# report.sh against logs made up here: a whole run, and each way in which a program or a guest ends
# badly. None of them may pass as a success.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# run NAME STATUS LOG: a guest whose one program ended so.
run() {
  rm -rf "$work/run"
  mkdir "$work/run"
  echo "bpf $1 / /bin/$1" >"$work/run/programs"
  [ "$2" = none ] || echo "$2" >"$work/run/bpf.$1.exit"
  printf '%b' "$3" >"$work/run/bpf.$1.log"
}

# expect STATUS TEXT: how the report ends, and what it says.
expect() {
  status=0
  output=$(sh "$here/report.sh" "$work/run") || status=$?
  [ "$status" = "$1" ] || { echo "status $status, not $1, in: $output"; exit 1; }
  case $output in *"$2"*) ;; *) echo "no '$2' in: $output"; exit 1 ;; esac
}

first='[ RUN      ] A.first\n[       OK ] A.first (1 ms)\n'
run whole 0 "${first}[ RUN      ] A.second\n[       OK ] A.second (2 ms)\n"
expect 0 "2 passed, 0 failed, 0 skipped"
run skipping 0 "${first}[ RUN      ] A.second\nwhy\n[  SKIPPED ] A.second (0 ms)\n"
expect 0 "1 passed, 0 failed, 1 skipped"
run failing 1 "${first}[ RUN      ] P/A.b/0\nthe reason\n[  FAILED  ] P/A.b/0, where GetParam() = 3 (4 ms)\n"
expect 1 "FAIL bpf.failing.P/A.b/0 (4 ms)"
expect 1 "the reason"
run dying 139 "${first}[ RUN      ] A.second\n"
expect 1 "FAIL bpf.dying.A.second died with its program (status 139)"
run late 124 "${first}[ RUN      ] A.second\n"
expect 1 "FAIL bpf.late.A.second ran out of time"
run unreported none "$first"
expect 1 "FAIL bpf.unreported did not finish"
run dirty 3 "$first"
expect 1 "FAIL bpf.dirty ended with status 3"
run empty 127 "not found\n"
expect 1 "FAIL bpf.empty ended with status 127"
run skipped 77 "no such thing here\n"
expect 1 "0 passed, 0 failed, 1 skipped"
run whole 0 "$first"
echo "FAIL guest.kernel complained" >"$work/run/faults"
expect 1 "1 passed, 1 failed"
