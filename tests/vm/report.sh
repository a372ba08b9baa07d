#!/bin/sh
# report.sh DIR: prints one line for each test case of a guest's run and a count at the end, which
# also goes to DIR/count; fails when a case failed, a program died or did not get its turn, or
# nothing passed. Works on the logs, which exist also for a program that was killed half way.
set -eu
dir=$1

# cases_of PROGRAM
cases_of() {
  if [ ! -e "$dir/$1.exit" ]; then
    echo "FAIL $1 did not finish"
    return
  fi
  awk -v program="$1" -v status="$(cat "$dir/$1.exit")" '
    function put(verdict) {
      sub(/,$/, "", $4)  # a failed case with a parameter goes on: ", where GetParam() = ..."
      print verdict " " program "." $4, $(NF - 1), $NF
      open = ""
      cases++
    }
    { sub(/\r$/, "") }
    /^\[ RUN      \] / { open = $4 }
    /^\[       OK \] / { put("ok  ") }
    /^\[  SKIPPED \] / && open != "" { put("skip") }
    /^\[  FAILED  \] / && open != "" { put("FAIL"); failed++ }
    END {
      late = (status == 124 || status == 137)
      if (open != "" && late) print "FAIL " program "." open " ran out of time"
      else if (open != "") print "FAIL " program "." open " died with its program (status " status ")"
      else if (late) print "FAIL " program " ran out of time"
      else if (status == 77 && !cases) print "skip " program
      else if (status != 0 && !failed) print "FAIL " program " ended with status " status
      else if (!cases) print "ok   " program
    }' "$dir/$1.log"
}

# What the failed ones said, each cut to its last lines.
explain() {
  sed -n 's/^FAIL \([^ ]*\).*/\1/p' "$dir/cases" | while read -r name; do
    program=$(echo "$name" | cut -d. -f1,2)
    [ -e "$dir/$program.log" ] || continue
    echo "--- $name"
    awk -v case="${name#"$program"}" '
      case == "" { print; next }
      $1 == "[" && $2 == "RUN" { on = ("." $4 == case) }
      on { print }
      $1 == "[" && $2 == "FAILED" { on = 0 }' "$dir/$program.log" | tail -n 60
  done
}

count() { grep -c "^$1 " "$dir/cases" || true; }

{
  while read -r label name _; do
    cases_of "$label.$name"
    cat "$dir/$label.$name.left" 2>/dev/null || true
  done <"$dir/programs"
  cat "$dir/faults" 2>/dev/null || true
} >"$dir/cases"
cat "$dir/cases"
explain
echo "$(count ok) $(count FAIL) $(count skip)" >"$dir/count"
echo "$(count ok) passed, $(count FAIL) failed, $(count skip) skipped"
[ "$(count FAIL)" = 0 ] && [ "$(count ok)" != 0 ]
