#!/bin/sh
# yett doctor as it is called: exit status, JSON, no colours in a pipe, an unprivileged caller.
set -eu
yett=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$yett" "$work/yett"
chmod 755 "$work" "$work/yett"

fail() { echo "$1"; exit 1; }

"$yett" doctor >"$work/table" || fail "yett doctor fails for root on a host that runs the tests"
grep -q '^  + privilege' "$work/table" || fail "no privilege line"
if grep -q "$(printf '\033')" "$work/table"; then fail "colours in a pipe"; fi
"$yett" doctor --kernel | grep -q 'CONFIG_SECCOMP_FILTER' || fail "no options"
"$yett" doctor --json | python3 -c '
import json, sys
report = json.load(sys.stdin)
assert report["modes"]["full"] == "works", report
assert all(row["mend"] for row in report["features"] if not row["there"]), report'

mkdir "$work/run"
chown 65534:65534 "$work/run"
status=0
setpriv --reuid 65534 --regid 65534 --clear-groups env "XDG_RUNTIME_DIR=$work/run" "$work/yett" doctor \
    >"$work/table" 2>/dev/null || status=$?
[ "$status" = 0 ] || fail "exit status $status for an unprivileged caller, not 0"
grep -q '^  + rootless  *works' "$work/table" || fail "the rootless mode is not told of"
grep -q 'mend     run yett as root' "$work/table" || fail "no mend for an unprivileged caller"

status=0
"$yett" doctor --nonsense >"$work/out" 2>&1 || status=$?
[ "$status" = 2 ] || fail "exit status $status for a wrong flag, not 2"
grep -q 'nonsense' "$work/out" || fail "the wrong flag is not named"
