#!/bin/sh
# benchmark_test.sh YETT: yett benchmark tells medians and, of enough rounds, a ratio.
set -eu
yett=$1
if [ "$(id -u)" != 0 ]; then
  echo "sandboxes need root"
  [ "${YETT_REQUIRE_FULL:-}" = 1 ] && exit 1
  exit 77
fi
fail() {
  echo "FAILED: $*"
  exit 1
}

out=$("$yett" benchmark -n 5 true)
echo "$out" | grep -q '^as it is  *[0-9.]* ms  *[0-9.]* to [0-9.]*$' || fail "no native figure: $out"
echo "$out" | grep -q '^in a sandbox  *[0-9.]* ms' || fail "no figure of the sandbox: $out"
echo "$out" | grep -q '^ratio  *[0-9.]*  *[0-9.]* to [0-9.]*$' || fail "no ratio: $out"

few=$("$yett" benchmark -n 4 true 2>&1)
echo "$few" | grep -q '^ratio' && fail "a ratio of four rounds: $few"
echo "$few" | grep -q 'no ratio: 4 rounds' || fail "nothing is said of it: $few"

json=$("$yett" benchmark -n 5 --format json --run=--policy=container -- sh -c 'exit 0')
echo "$json" | grep -q '"rounds":5,"nativeNanoseconds":{"median":[0-9]' || fail "json: $json"
echo "$json" | grep -q '"ratioThousandths":' || fail "json: $json"

for words in "-n 0 true" "-n x true" "" "--format yaml true" "false" "/there/is/none" "--run=--no-such true"; do
  # shellcheck disable=SC2086 # words are words
  "$yett" benchmark $words > /dev/null 2>&1 && fail "taken: $words"
done
"$yett" benchmark -n 5 false 2>&1 | grep -q 'false: exit status 1' || fail "a program that fails is not told"
