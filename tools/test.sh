# `./dev test`: the stages, one line each, and the summary. Sourced by dev.
# shellcheck shell=sh
#
# A stage is a shell function `stage_NAME`. Its output goes to build/test/NAME.log, and the cases it
# counted to build/test/NAME.count as "passed failed skipped"; a stage that counts nothing is one
# case. Stages of the release build run alone, because some of them watch the clock; what comes
# after them is bound by the processors only, so the VM runs beside the sanitizer builds.

results=build/test

list_stages() {
  cat << 'TEXT'
build        the release build
style        includes follow the room graph, child code allocates nothing, format, licences
unit         decisions: parsers, planner, filter compiler, verdicts
uapi         layouts against kernel headers and BTF
bpf          BPF programs as objects, and what this kernel lets load
integration  each guard by itself, and `yett run` with real programs
adversarial  hostile programs, each with its permitted twin
oci          containers by runc's command line, clause by clause
soak         many sandboxes at once, then nothing left of them
vm           QEMU guests with BPF LSM and pure cgroup v2, beside the next ones; with --guests all
             that ran before once more in them
asan         unit and integration cases under AddressSanitizer and UBSan
tsan         unit and integration cases under ThreadSanitizer
fuzz         each fuzzer for a few seconds: policies, manifests, images, filter, text, uapi
lint         clang-tidy and shellcheck
leaks        the host is as it was before: mounts, loops, cgroups, BPF, processes, files
TEXT
}

# ---- running a stage ------------------------------------------------------------------------------

span() { # SECONDS -> "3 min 7 s"
  if [ "$1" -ge 60 ]; then echo "$(($1 / 60)) min $(($1 % 60)) s"; else echo "$1 s"; fi
}

now() { date +%s; }

# Shows the part of a failed stage's log that a person wants: no lines of passed cases.
show_failure() { # NAME
  echo "---- $1 failed; $results/$1.log without its passed cases:"
  grep -Ev '^ *Start +[0-9]+: |^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*Passed|^\[[0-9]+/[0-9]+\] ' \
    "$results/$1.log" | tail -n 300
  echo "---- end of $1"
}

report_stage() { # NAME
  read -r status seconds < "$results/$1.status"
  read -r passed failed skipped < "$results/$1.count"
  verdict=ok
  if [ "$status" -ne 0 ] || [ "$failed" -ne 0 ]; then verdict=FAILED; fi
  if [ "$skipped" -ne 0 ] && [ "${YETT_REQUIRE_FULL:-}" = 1 ]; then verdict=FAILED; fi
  printf '%-12s %-6s %5d passed %3d failed %3d skipped   %s\n' \
    "$1" $verdict "$passed" "$failed" "$skipped" "$(span "$seconds")"
  if [ $verdict = FAILED ]; then
    all_passed=no
    show_failure "$1"
    return
  fi
  [ ! -s "$results/$1.again" ] || sed 's/^/             passed only when run again, alone: /' "$results/$1.again"
  if [ "$skipped" -ne 0 ]; then
    grep -E '\(Skipped\)$' "$results/$1.log" | sed 's/^ *[0-9]*\t*/             skipped: /' | head -n 20
  fi
}

# Runs the stage to its end, quietly, leaving .log, .count and .status.
run_stage() { # NAME
  rm -f "$results/$1.count" "$results/$1.status"
  started=$(now)
  status=0
  ("stage_$1") > "$results/$1.log" 2>&1 < /dev/null || status=$?
  if [ ! -s "$results/$1.count" ]; then
    if [ $status -eq 0 ]; then echo 1 0 0; else echo 0 1 0; fi > "$results/$1.count"
  fi
  echo $status $(($(now) - started)) > "$results/$1.status"
}

stage() { # NAME
  [ ! -t 1 ] || printf '%-12s ...\r' "$1"
  run_stage "$1"
  report_stage "$1"
}

start_beside() { # NAME
  run_stage "$1" &
  beside="$beside $1:$!"
}

finish_beside() {
  for entry in $beside; do
    [ ! -t 1 ] || printf '%-12s ...\r' "${entry%%:*}"
    wait "${entry##*:}" || true
    report_stage "${entry%%:*}"
  done
  beside=
}

# Adds up every .count, prints the summary as the last line, ends with the verdict as the status.
summarise() {
  total_passed=0 total_failed=0 total_skipped=0
  for count in "$results"/*.count; do
    read -r passed failed skipped < "$count"
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
    total_skipped=$((total_skipped + skipped))
  done
  echo "yett: $total_passed passed, $total_failed failed, $total_skipped skipped in $(span $(($(now) - test_started)))"
  [ "$all_passed" = yes ]
}

# ---- the stages -----------------------------------------------------------------------------------

# Runs ctest in build/PRESET and writes the counts of its JUnit report for the stage.
ctest_stage() { # STAGE PRESET ARGUMENT...
  stage=$1 preset=$2
  shift 2
  status=0
  report=$PWD/$results/$stage.xml
  rm -f "$report"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j2 \
    --output-junit "$report" "$@" || status=$?
  [ ! -s "$report" ] || python3 tools/junit_counts.py "$report" > "$results/$stage.count"
  [ $status -eq 0 ] || ! may_run_again "$stage" || { run_again "$stage" "$preset" && status=0; }
  return $status
}

# A machine that others use too can starve a case of its processor, so up to three failed cases run
# once more, alone; attacks five times, and none may succeed. Not what a sanitizer has reported.
may_run_again() { # STAGE
  read -r _ failed _ < "$results/$1.count" && [ "$failed" -ge 1 ] && [ "$failed" -le 3 ] &&
    ! grep -Eq 'ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|: runtime error: ' "$results/$1.log"
}

# Leaves the names of what failed, and then passed, in .again: the report tells them. By name, for
# ctest's own --rerun-failed goes by numbers, which discovery may have changed.
run_again() { # STAGE PRESET
  read -r passed failed skipped < "$results/$1.count"
  failures=$results/$1.failures report=$PWD/$results/$1.again.xml
  cut -d : -f 2- "build/$2/Testing/Temporary/LastTestsFailed.log" > "$failures"
  times=1
  [ "$1" != adversarial ] || times=5
  ctest --test-dir "build/$2" --output-on-failure --no-tests=error --output-junit "$report" --repeat until-fail:$times \
    -R "^($(sed 's/[^A-Za-z0-9_]/./g' "$failures" | paste -sd '|' -))\$" || return
  [ "$(python3 tools/junit_counts.py "$report")" = "$failed 0 0" ] || return
  mv "$failures" "$results/$1.again"
  echo $((passed + failed)) 0 "$skipped" > "$results/$1.count"
}

# Takes the counts of a stage from the last line that says "NAME: N passed, N failed".
counted() { # STAGE COMMAND...
  stage=$1
  shift
  status=0
  "$@" > "$results/$stage.out" 2>&1 || status=$?
  cat "$results/$stage.out"
  sed -n "s/^$stage: \([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2 0/p" "$results/$stage.out" | tail -n 1 > "$results/$stage.count"
  return $status
}

stage_build() { build release; }
stage_style() { ctest_stage style release -L '^style$'; }
stage_unit() { ctest_stage unit release -L '^unit$'; }
stage_uapi() { ctest_stage uapi release -L '^uapi$'; }
stage_bpf() { ctest_stage bpf release -L '^bpf$'; }
stage_integration() { ctest_stage integration release -L '^integration$'; }
stage_adversarial() { ctest_stage adversarial release -L '^adversarial$'; }
stage_workload() { ctest_stage workload release -L "^workload$"; }
stage_oci() { ctest_stage oci release -L "^oci$"; }
stage_soak() { counted soak tests/soak/run.sh --smoke; }
# 77: no QEMU or no kernel to be had here, which is one case that did not run.
stage_vm() {
  status=0
  tests/vm/run.sh --deadline 2100 --count $results/vm.count --filter "$guest_programs" || status=$?
  if [ $status -eq 77 ]; then
    status=0
    echo 0 0 1 > $results/vm.count
  fi
  return $status
}

stage_asan() { sanitizer_stage asan; }
stage_tsan() { sanitizer_stage tsan; }
stage_fuzz() { counted fuzz tests/fuzz/run.sh --smoke; }
stage_lint() { python3 tools/lint.py; }

# What just ended may take a moment to vanish (autoclear of loops, cgroups), so it looks again for 5 s.
stage_leaks() {
  for _ in 1 2 3 4 5; do
    tests/support/host_snapshot.sh > "$results/host.after"
    ! diff "$results/host.before" "$results/host.after" | grep -q '^>' || { sleep 1; continue; }
    return 0
  done
  ! diff "$results/host.before" "$results/host.after" | grep '^>'
}

wait_for_guests() {
  guests=${beside#*vm:}
  until [ -s $results/vm.status ] || ! kill -0 "${guests%% *}" 2> /dev/null; do sleep 1; done
}

# The guests watch the clock, and so do the cases: what is built gives way to them, and what is run
# waits for their end.
sanitizer_stage() { # PRESET
  renice -n 10 -p "$(exec sh -c 'echo $PPID')" > /dev/null
  build "$1" yett tests_unit tests_integration
  case $beside in *vm:*) wait_for_guests ;; esac
  excluded=$(grep -Ev '^#|^$' "tests/sanitizers/$1.excluded" | paste -sd '|' -)
  ctest_stage "$1" "$1" -L '^(unit|integration)$' ${excluded:+-E "$excluded"}
}

have_label() { ctest --test-dir build/release -N -L "^$1\$" 2> /dev/null | grep -Eq '^Total Tests: [1-9]'; }

# ---- the command ----------------------------------------------------------------------------------

prepare() { # PURPOSE...
  need_packages "$@"
  mkdir -p $results
  rm -f $results/*
  test_started=$(now)
  all_passed=yes
  beside=
  if [ ! -t 1 ]; then echo "yett: $(uname -sr), $(nproc) processors; logs in $results/"; fi
}

# Of the guests' programs those that can be seen nowhere else take minutes, all of them a quarter of
# an hour.
guest_programs='vm_guest|bpf_lsm'

run_all() {
  prepare build test lint fuzz vm
  tests/support/host_snapshot.sh > $results/host.before
  stage build
  [ "$all_passed" = yes ] || { summarise; return; }
  for name in style unit uapi bpf integration adversarial workload oci; do
    ! have_label $name || stage $name
  done
  [ ! -x tests/soak/run.sh ] || stage soak
  start_beside vm
  stage asan
  stage tsan
  [ ! -x tests/fuzz/run.sh ] || stage fuzz
  stage lint
  finish_beside
  stage leaks
  summarise
}

run_quick() {
  prepare build test lint
  stage build
  [ "$all_passed" = yes ] || { summarise; return; }
  for name in style unit integration; do
    ! have_label $name || stage $name
  done
  summarise
}

run_matching() { # REGEX
  need_packages build test
  build release
  exec ctest --test-dir build/release -V --no-tests=error -R "$1"
}

run_tests() {
  case ${1:-} in
    '') run_all ;;
    --guests) guest_programs=. && run_all ;;
    --quick) run_quick ;;
    --list) list_stages ;;
    -*)
      echo "dev: no option \"$1\" of test; see ./dev --help" >&2
      exit 2
      ;;
    *) run_matching "$1" ;;
  esac
}
