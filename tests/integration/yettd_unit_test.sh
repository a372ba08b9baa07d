#!/bin/sh
# yettd_unit_test.sh YETTD SOURCE: yettd with the capabilities of its systemd unit and a socket that
# is handed over makes sandboxes; the sample configuration is a good one.
set -eu
yettd=$1
source=$2
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
command -v setpriv > /dev/null || { echo "needs setpriv"; exit 77; }
work=$(mktemp -d /tmp/yett-unit-XXXXXX)
trap 'rm -rf "$work"' EXIT

"$yettd" --check "$source/packaging/yettd.toml"
sed 's/^# \([a-z_]* = .*\)$/\1/; s/^# \(\[.*\)$/\1/' "$source/packaging/yettd.toml" | grep -v '/srv/plugins\|^users\|/etc/yett' > "$work/all.toml"
grep -q '^\[template.plugin\]' "$work/all.toml" || { echo "FAILED: the sample has no template"; exit 1; }
"$yettd" --check "$work/all.toml"
echo 'pool = "many"' > "$work/bad.toml"
if "$yettd" --check "$work/bad.toml" 2> "$work/err"; then echo "FAILED: bad.toml is good"; exit 1; fi
grep -q 'bad.toml:1:1: unknown key' "$work/err" || { echo "FAILED: $(cat "$work/err")"; exit 1; }

capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' "$source/packaging/systemd/yettd.service" |
  tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g' | paste -sd,)
python3 - "$yettd" "$work" "-all,$capabilities" << 'END'
import os, signal, socket, subprocess, sys

yettd, work, capabilities = sys.argv[1:]
listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listening.bind(work + "/passed.sock")
listening.listen()
ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ready.bind(work + "/notify")
ready.settimeout(60)

def hand_over():
    os.dup2(listening.fileno(), 3)
    os.set_inheritable(3, True)

open(work + "/d.toml", "w").write("")
daemon = subprocess.Popen(
    ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", "setpriv", "--bounding-set=" + capabilities,
     "--no-new-privs", yettd, "--config", work + "/d.toml"],
    env={**os.environ, "LISTEN_FDS": "1", "NOTIFY_SOCKET": work + "/notify"},
    preexec_fn=hand_over, close_fds=False)
try:
    assert ready.recv(100) == b"READY=1"
    yett = os.path.join(os.path.dirname(yettd), "yett")
    for words, status in ((["-m", "64M", "--", "sh", "-c", "id; exit 4"], 4), (["--", "true"], 0)):
        ran = subprocess.run([yett, "-H", work + "/passed.sock", "run", *words], timeout=60)
        assert ran.returncode == status, ran
    # Another build takes its place, with the same socket; what runs goes on.
    runs = subprocess.Popen([yett, "-H", work + "/passed.sock", "run", "--", "sh", "-c", "echo up; read word; exit 5"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert runs.stdout.readline() == b"up\n"
    daemon.send_signal(signal.SIGUSR2)
    assert [ready.recv(100), ready.recv(100)] == [b"RELOADING=1", b"READY=1"]
    runs.communicate(b"word\n", timeout=60)
    assert runs.returncode == 5, runs.returncode
finally:
    daemon.terminate()
    assert daemon.wait(30) == 0
    assert os.path.exists(work + "/passed.sock"), "it is the service manager's to remove"
END
