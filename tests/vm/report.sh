#!/bin/sh
# report.sh RESULTS PROGRAMS: prints one line for each test case of a guest's run and a count at the
# end; fails when a case failed, a program died or did not get its turn, or nothing passed at all.
# Works on the logs, which exist also for a program that was killed half way.
set -eu
results=$1
programs=$2

one_program() {
  log=$results/$1.log
  if [ ! -e "$results/$1.exit" ]; then
    echo "FAIL $1 did not finish"
    return
  fi
  status=$(cat "$results/$1.exit")
  awk -v program="$1" -v status="$status" '
    { sub(/\r$/, "") }
    /^\[ RUN      \] / { open = $4; next }
    /^\[       OK \] / { print "ok   " program "." $4, $5, $6; open = ""; cases++; next }
    /^\[  SKIPPED \] / && open != "" { print "skip " program "." $4, $5, $6; open = ""; cases++; next }
    /^\[  FAILED  \] / && open != "" { print "FAIL " program "." $4, $5, $6; open = ""; cases++; failed++; next }
    END {
      if (open != "") { print "FAIL " program "." open " died with its program (status " status ")"; failed++ }
      else if (status == 124 || status == 137) { print "FAIL " program " ran out of time"; failed++ }
      else if (status == 77 && !cases) print "skip " program
      else if (status != 0 && !failed) print "FAIL " program " ended with status " status
      else if (!cases) print "ok   " program
    }' "$log"
}

while read -r label name _; do
  one_program "$label.$name"
done <"$programs" >"$results/cases"
cat "$results/cases"

# What the failed ones said, each cut to its last lines.
explain() {
  sed -n 's/^FAIL \([^ ]*\).*/\1/p' "$results/cases" | while read -r name; do
    program=$(echo "$name" | cut -d. -f1,2)
    case=$(echo "$name" | cut -d. -f3-)
    [ -e "$results/$program.log" ] || continue
    echo "--- $name"
    if [ -n "$case" ]; then
      awk -v case="$case" '$1 == "[" && $2 == "RUN" { on = ($4 == case) }
        on { print } $1 == "[" && $2 == "FAILED" { on = 0 }' "$results/$program.log"
    else
      cat "$results/$program.log"
    fi | tail -n 60
  done
}

count() { grep -c "^$1 " "$results/cases" || true; }
explain
echo "$(count ok) passed, $(count FAIL) failed, $(count skip) skipped"
[ "$(count FAIL)" = 0 ] && [ "$(count ok)" != 0 ]
