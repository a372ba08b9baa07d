#!/bin/sh
# The table of docs/modes.md is what the planner says. Mend: put the output of `yett policy modes`
# between the two comments.
set -eu
yett=$1
page=$2
told=$(mktemp)
written=$(mktemp)
trap 'rm -f "$told" "$written"' EXIT
"$yett" policy modes > "$told"
test "$(wc -l < "$told")" -gt 20
awk '/^<!-- the end of it/ { on = 0 } on { print } /^<!-- what `yett policy modes`/ { on = 1 }' \
  "$page" > "$written"
diff -u "$written" "$told"
