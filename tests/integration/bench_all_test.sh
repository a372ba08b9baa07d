#!/bin/sh
# bench_all_test.sh YETT SOURCE: bench/all measures starts in five rounds and draws them; what is not there is named.
set -eu
binaries=$(dirname "$1")
source=$2
if [ "$(id -u)" != 0 ] || [ ! -x "$binaries/yett-bench" ] || [ ! -x /usr/bin/bwrap ]; then
  echo "needs root, yett-bench and bubblewrap"
  [ "${YETT_REQUIRE_FULL:-}" = 1 ] && exit 1
  exit 77
fi
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
fail() {
  echo "FAILED: $*"
  cat "$made/report.md"
  exit 1
}

# In a directory that has nothing of firejail's: a runtime that is missing is named and not fatal.
mkdir "$made/bin"
for program in python3 uname bwrap unshare sh; do ln -s "$(PATH=/usr/bin:/bin command -v $program)" "$made/bin/$program"; done
PATH=$made/bin /usr/bin/python3 "$source/bench/all" --quick --only native,bwrap,firejail,yett --workloads start \
  --rounds 5 --minutes 1 --binaries "$binaries" --output "$made" > "$made/out" 2>&1 || { cat "$made/out"; fail "status $?"; }
grep -q '^| .*; [0-9.]* ([0-9.]* to [0-9.]*) |' "$made/report.md" || fail "no ratio of five rounds"
grep -q '\*\*firejail\*\*: not measured: not installed' "$made/report.md" || fail "the missing runtime is not named"
grep -q '^| start | yett / bwrap | 0.5 | [0-9.]* (' "$made/report.md" || fail "no goal is judged"
grep -q 'times native\|median, us' "$made/start.svg" || fail "no plot with an axis"

# Programs that need inputs, formats, growth: figures of yett's, or the reason in the report.
"$source/bench/all" --quick --only 'native,yett,yett-erofs' --rounds 1 --minutes 2 --binaries "$binaries" --output "$made/more" \
  --workloads 'git,tar,untar,python work,fio,read,beside 1,10 rules,attack surface' > "$made/out" 2>&1 || { cat "$made/out"; fail "more: status $?"; }
for figure in 'git clone' 'untar' 'python work' 'fio 4k random read' 'read the tree' 'start, beside 1' 'connect, 10 rules'; do
  grep -q "\"workload\": \"$figure\", \"runtime\": \"yett" "$made/more/figures.jsonl" || { cat "$made/more/report.md"; fail "no figure: $figure"; }
done

# The filter that is read from the live program lets through what the plan says, but for what the supervisor answers.
planned=$("$binaries/yett" policy plan plugin | sed -n 's/^\([0-9]*\) of [0-9]* system calls reachable.*/\1/p')
row=$(grep '^| yett | yett-bench-micr | program | .*| no | 0 | own |$' "$made/more/report.md") || fail "yett's program is not in the table"
always=$(echo "$row" | cut -d '|' -f 5 | tr -d ' ') sometimes=$(echo "$row" | cut -d '|' -f 6 | tr -d ' ')
reachable=$((always + sometimes))
if [ $reachable -gt "$planned" ] || [ $reachable -lt $((planned - 5)) ]; then fail "reachable: $reachable, planned $planned"; fi
grep -q '^| native | yett-bench-micr | program | \([0-9]*\) | 0 | 0 | yes |' "$made/more/report.md" || fail "native reaches not everything"

# podman and containerd: rows, or named; and nothing of them stays.
"$source/bench/all" --quick --only 'native,podman-crun,containerd-crun,yett-landlock' --workloads start --rounds 1 --minutes 0.7 \
  --binaries "$binaries" --output "$made/engines" > "$made/out" 2>&1 & # its id is in the names of what it makes
harness=$!
wait $harness || { cat "$made/out"; fail "engines: status $?"; }
for row in podman-crun containerd-crun yett-landlock; do
  grep -q "^- \*\*$row\*\*: " "$made/engines/report.md" || fail "$row is not told of"
done
grep -q '"workload": "start", "runtime": "native"' "$made/engines/figures.jsonl" || fail "nothing was measured beside the engines"
left=$(find /sys/fs/cgroup -maxdepth 3 -name "yett-bench-*-$harness-*"; grep " /run/yett-bench-" /proc/self/mountinfo || true)
[ -z "$left" ] || fail "left behind: $left"

# What time did not suffice for can be added, native beside it; what was measured is not measured again.
mkdir "$made/later"
grep -v '"record": "figure"' "$made/figures.jsonl" > "$made/later/figures.jsonl"
for runtime in yett runc; do
  echo "{\"record\": \"missing\", \"workload\": \"start\", \"runtime\": \"$runtime\", \"reason\": \"left out for time: 1 s\"}" >> "$made/later/figures.jsonl"
done
"$source/bench/all" --continue --quick --only native,bwrap,yett --workloads start --rounds 1 --minutes 1 --binaries "$binaries" \
  --output "$made/later" > "$made/out" 2>&1 || { cat "$made/out"; fail "continued: status $?"; }
for runtime in native yett; do
  grep -q "\"workload\": \"start\", \"runtime\": \"$runtime\"" "$made/later/figures.jsonl" || { cat "$made/out"; fail "continued: no figure of $runtime"; }
done
grep -q '"workload": "start", "runtime": "bwrap"' "$made/later/figures.jsonl" && fail "continued: bwrap was measured again"
grep -q '^- start: left out for time: runc$' "$made/later/report.md" || { cat "$made/later/report.md"; fail "what is missing still: runc alone, which was not asked for"; }

head -n 20 "$made/figures.jsonl" > "$made/old"
"$source/bench/all" --from "$made/old" --output "$made" > "$made/out" 2>&1 || fail "an older file is not drawn"
"$source/bench/compare" "$made/figures.jsonl" "$made/figures.jsonl" | grep -q ' 0 different' || fail "a file differs from itself"
"$source/bench/compare" "$made/old" "$made/none" 2> /dev/null && fail "a file that is not there is compared"
exit 0
