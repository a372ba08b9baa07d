#!/bin/sh
# help_test.sh YETT: every command has help with an example, a manual page and completion, and the
# three tell of the same options.
set -eu
yett=$1
work=$(mktemp -d /tmp/yett-help-XXXXXX)
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}

"$yett" man --all "$work"
"$yett" completion bash > "$work/bash"
"$yett" completion zsh > "$work/zsh"
"$yett" completion fish > "$work/fish"
commands=$("$yett" --help | awk '/^  [a-z]/ { print $1 }')
[ "$(echo "$commands" | wc -l)" -ge 30 ] || fail "too few commands: $commands"

for command in $commands; do
  help=$("$yett" "$command" --help) || fail "$command --help: status $?"
  echo "$help" | grep -q '^Usage: yett' || fail "$command --help: no usage"
  echo "$help" | grep -q '^Examples\{0,1\}:' || fail "$command --help: no example"
  echo "$help" | grep -q "yett $command" || fail "$command --help: its example does not run it"
  page=$work/yett-$command.1
  head -n 1 "$page" | grep -q '^\.TH YETT' || fail "$command: no title in its manual page"
  grep -q '^\.SH EXAMPLES' "$page" || fail "$command: no example in its manual page"
  grep -q "^    $command) " "$work/bash" || fail "$command: bash does not complete it"
  grep -q "^    $command) " "$work/zsh" || fail "$command: zsh does not complete it"
  grep -q "__fish_use_subcommand -f -a $command " "$work/fish" || fail "$command: fish does not"
  for option in $(echo "$help" | sed -n 's/^  \(-., \)\{0,1\} *--\([a-z-]*\).*/\2/p' | grep -v '^help$'); do
    name=$(echo "$option" | sed 's/-/\\\\-/g')
    grep -q "\\\\-\\\\-$name\\\\fR" "$page" || fail "$command --$option: not in its manual page"
    grep "^    $command) " "$work/bash" | grep -q -- "--$option" || fail "$command --$option: not in bash's"
    grep "^    $command) " "$work/zsh" | grep -q -- "--$option" || fail "$command --$option: not in zsh's"
    grep -q "from $command' -l $option" "$work/fish" || fail "$command --$option: not in fish's"
  done
done

bash -n "$work/bash" || fail "bash cannot read its script"
command -v zsh > /dev/null && { zsh -n "$work/zsh" || fail "zsh cannot read its script"; }
command -v fish > /dev/null && { fish -n "$work/fish" || fail "fish cannot read its script"; }
command -v man > /dev/null && { MANWIDTH=100 man -l "$work/yett-run.1" 2> /dev/null | grep -q 'memory limit' ||
  fail "man cannot show the page of run"; }
completed=$(bash -c ". $work/bash; COMP_WORDS=(yett st); COMP_CWORD=1; _yett; echo \"\${COMPREPLY[@]}\"")
[ "$completed" = "start state stop stats" ] || fail "bash completes st to: $completed"
completed=$(bash -c ". $work/bash; COMP_WORDS=(yett run --det); COMP_CWORD=2; _yett; echo \"\${COMPREPLY[@]}\"")
[ "$completed" = "--detach" ] || fail "bash completes run --det to: $completed"
"$yett" man none 2> "$work/err" && fail "man of nothing"
grep -q 'no such command' "$work/err" || fail "man of nothing: $(cat "$work/err")"
"$yett" completion tcsh 2> "$work/err" && fail "completion of tcsh"
grep -q 'bash, zsh or fish' "$work/err" || fail "completion of tcsh: $(cat "$work/err")"
exit $failed
