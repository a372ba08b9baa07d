#!/bin/sh
# Podman with Yett as its runtime: run, exec, logs, kill, pause, stop, with an image made here.
# podman_test.sh BUILD_DIR
set -eu
build=$1
yett=${YETT_BIN:-$build/bin/yett}
cannot() {
  echo "cannot run: $1"
  [ "${YETT_REQUIRE_FULL:-}" != 1 ] || exit 1
  exit 77
}
[ "$(id -u)" -eq 0 ] || cannot "podman's containers need root here"
for program in podman conmon busybox; do
  command -v $program > /dev/null || cannot "$program is not installed"
done

place=$(mktemp -d "$build/podman.XXXXXX")
clean() {
  podman rm --force --all > /dev/null 2>&1 || true
  podman rmi --force --all > /dev/null 2>&1 || true
  # conmon's cgroups, which nobody else takes away; those in use stay.
  find /sys/fs/cgroup/*/libpod_parent -depth -type d -exec rmdir {} \; 2> /dev/null || true
  rm -rf "$place"
}
trap clean EXIT
cat > "$place/storage.conf" << TEXT
[storage]
driver = "vfs"
runroot = "$place/run"
graphroot = "$place/graph"
TEXT
# Nothing outside of $place: no locks in /dev/shm, none in /etc/cni.
# Limits as this process has them: raising one takes CAP_SYS_RESOURCE, which a test may lack.
cat > "$place/containers.conf" << TEXT
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$place/tmp"
lock_type = "file"
[network]
network_config_dir = "$place/networks"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
pids_limit = 0
TEXT
export CONTAINERS_STORAGE_CONF="$place/storage.conf" CONTAINERS_CONF="$place/containers.conf"

mkdir -p "$place/root/bin" "$place/root/etc" "$place/root/tmp"
cp /bin/busybox "$place/root/bin/"
for applet in sh echo cat id sleep ls grep; do ln -s busybox "$place/root/bin/$applet"; done
tar -C "$place/root" -cf "$place/image.tar" .
podman import "$place/image.tar" yett-test > /dev/null 2>&1

with_yett() { podman --runtime "$yett" "$@"; }
expect() { # WHAT EXPECTED FOUND
  [ "$2" = "$3" ] || { echo "$1: expected \"$2\", found \"$3\""; exit 1; }
  echo "$1: ok"
}

expect "run" hi "$(with_yett run --rm --network none yett-test echo hi)"
status=0
with_yett run --rm --network none yett-test sh -c 'exit 9' || status=$?
expect "exit status" 9 $status
status=0
with_yett run --rm --network none yett-test no-such-program 2> /dev/null || status=$?
expect "status of a program that is not there" 127 $status
expect "--user" 1000 "$(with_yett run --rm --network none --user 1000 yett-test id -u)"
expect "--read-only" refused \
  "$(with_yett run --rm --network none --read-only yett-test sh -c 'echo x 2>/dev/null > /x || echo refused')"
expect "--cap-drop" 0000000000000000 \
  "$(with_yett run --rm --network none --cap-drop all yett-test sh -c "grep CapEff /proc/self/status" | cut -f 2)"

with_yett run --detach --name one --network none yett-test sh -c 'echo from inside; exec sleep 1000' > /dev/null
expect "exec" 0 "$(with_yett exec one id -u)"
expect "logs" "from inside" "$(with_yett logs one)"
with_yett pause one > /dev/null
expect "pause" paused "$(with_yett inspect --format '{{.State.Status}}' one)"
with_yett unpause one > /dev/null
expect "unpause" running "$(with_yett inspect --format '{{.State.Status}}' one)"
with_yett kill one > /dev/null
expect "kill" 137 "$(with_yett wait one)"
with_yett rm one > /dev/null

with_yett run --detach --name two --network none yett-test sleep 1000 > /dev/null
with_yett stop --time 1 two > /dev/null 2>&1
expect "stop" exited "$(with_yett inspect --format '{{.State.Status}}' two)"
with_yett rm two > /dev/null
expect "nothing left" "" "$(with_yett ps --all --quiet)"
