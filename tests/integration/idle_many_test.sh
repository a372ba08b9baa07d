#!/bin/sh
# idle_many_test.sh SOURCE BIN: bench/idle with fifty sandboxes: all of them are told of, each takes what it may, within
# what fifty tell of it, and nothing stays.
set -eu
if [ "$(id -u)" != 0 ] || [ ! -r /proc/self/smaps_rollup ]; then
  echo "needs root and /proc/PID/smaps_rollup"
  [ "${YETT_REQUIRE_FULL:-}" = 1 ] && exit 1
  exit 77
fi
said=$(mktemp)
trap 'rm -f "$said"' EXIT
"$1/bench/idle" --sandboxes 50 --bin "$2" > "$said"
cat "$said"
python3 - "$said" << 'END'
import json, sys

told = {}
with open(sys.argv[1], encoding="ascii") as file:
    for line in file:
        told |= json.loads(line)
problems = [f"{name}: {told[name]}, wanted {least} to {most}" for name, least, most in (
    ("sandboxes", 50, 50), ("listed", 50, 50), ("shown", 50, 50), ("pss_each_kib", 20, 400),
    ("ps_s", 0, 5), ("top_s", 0, 5)) if not least <= told[name] <= most]
sys.exit("\n".join(problems) or 0)
END
