#!/bin/sh
# kernel-config/check against configurations made up here: whole, lacking a layer, lacking a must.
set -eu
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check="$root/kernel-config/check"

expect() { # expect STATUS TEXT FILE
    status=0
    output=$("$check" "$3" 2>&1) || status=$?
    case $output in *"$2"*) ;; *) echo "no '$2' in: $output"; exit 1 ;; esac
    [ "$status" = "$1" ] || { echo "exit status $status, not $1, for $3"; exit 1; }
}

cp "$root/kernel-config/yett.config" "$work/whole"
expect 0 " options are there." "$work/whole"
sed 's/=m$/=y/; s/^CONFIG_LSM=.*/CONFIG_LSM="bpf,yama,landlock"/' "$work/whole" >"$work/other-spelling"
expect 0 " options are there." "$work/other-spelling"
gzip -c "$work/whole" >"$work/whole.gz"
expect 0 " options are there." "$work/whole.gz"
sed 's/,bpf"/"/' "$work/whole" >"$work/no-bpf"
expect 0 "- CONFIG_LSM" "$work/no-bpf"
sed 's/^CONFIG_USER_NS=y/# CONFIG_USER_NS is not set/' "$work/whole" >"$work/no-users"
expect 1 "- CONFIG_USER_NS" "$work/no-users"
expect 1 "is      not set" "$work/no-users"
expect 2 "cannot be read" "$work/absent"

# Each option has its reason, and none stands twice.
awk '/^CONFIG_/ { if (before !~ /^# \[(must|use|layer)\] ./) { print "no reason: " $0; bad = 1 } }
     { before = $0 } END { exit bad }' "$root/kernel-config/yett.config"
twice=$(grep -o '^CONFIG_[A-Z0-9_]*' "$root/kernel-config/yett.config" | sort | uniq -d)
[ -z "$twice" ] || { echo "twice: $twice"; exit 1; }
