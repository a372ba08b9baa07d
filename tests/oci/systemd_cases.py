"""Containers as scopes of systemd's (--systemd-cgroup), with a systemd of the cases' own: PID 1 of
namespaces of its own, with cgroup v2 alone, and nothing to start. In guests only: a systemd that starts
what it usually does empties the machine's /tmp, and namespaces do not hold all that it may do."""
import atexit
import contextlib
import json
import os
import pathlib
import subprocess
import time

HELD = "exec sleep 1000"
# Without the distribution's units and generators: an emulated processor needs a minute for these.
BEGIN = """
mount --make-rprivate / && mount -t proc proc /proc && umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1
mount -t tmpfs -o mode=755 tmpfs /run || exit 1
mount -t tmpfs -o mode=755 tmpfs /usr/lib/systemd/system-generators || exit 1
mkdir -p /run/systemd/system
printf '[Unit]\nDefaultDependencies=no\n' > /run/systemd/system/nothing.target
export container=yett SYSTEMD_UNIT_PATH=/run/systemd/system.control:/run/systemd/transient:/run/systemd/system
exec /usr/lib/systemd/systemd --system --unit=nothing.target --log-target=null --show-status=no
"""
CONTROLLERS = pathlib.Path("/sys/fs/cgroup/cgroup.subtree_control")
SECONDS = 200
started = []  # the command that enters it; one for all cases of this program


def cgroups():
    return [path for path, _, _ in os.walk("/sys/fs/cgroup", topdown=False)]


def end_systemd(init, before, controllers):
    init.kill()
    init.wait()
    # Its own slices; they are busy until systemd itself, which dies by the end of unshare, has died.
    for _ in range(100):
        for path in cgroups():
            if path not in before:
                with contextlib.suppress(OSError):
                    os.rmdir(path)
        if set(cgroups()) <= set(before):
            break
        time.sleep(0.1)
    CONTROLLERS.write_text(" ".join(f"+{name}" for name in controllers.split()))  # it takes away what no unit needs


def start_systemd():
    init = subprocess.Popen(["unshare", "--mount", "--pid", "--cgroup", "--ipc", "--fork", "--kill-child", "sh", "-c",
                             BEGIN],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(end_systemd, init, cgroups(), CONTROLLERS.read_text())
    children = pathlib.Path(f"/proc/{init.pid}/task/{init.pid}/children")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        pid = children.read_text().strip()
        if pid and os.path.exists(f"/proc/{pid}/root/run/systemd/private"):
            return ["nsenter", f"--target={pid}", "--mount", "--pid", "--cgroup", "--ipc"]
        time.sleep(0.2)
    raise AssertionError("systemd has not come up")


def enter_systemd(box):
    """From here on the box's commands run where PID 1 is systemd."""
    if not box.is_yett():
        box.cannot_run("about yett; runc speaks to a system bus")
    if not os.path.exists("/usr/lib/systemd/systemd"):
        box.cannot_run("systemd is not installed")
    if not started:
        started.append(start_systemd())
    box.prefix = started[0]
    return Systemd(box)


class Systemd:
    """The box's runtime with --systemd-cgroup before the command."""

    def __init__(self, box):
        self.box = box
        box.command = lambda *words: [*box.prefix, box.runtime, "--systemd-cgroup", "--root",
                                      str(box.directory / "state"), *map(str, words)]

    def there(self, *words):
        return subprocess.run([*self.box.prefix, *words], text=True, capture_output=True).stdout

    def shows(self, unit, *names):
        told = self.there("systemctl", "show", unit, *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in told.splitlines())


def case_systemd_scope(box):
    systemd = enter_systemd(box)

    def change(config):
        config["linux"]["cgroupsPath"] = "machine-case.slice:yett:scope"
        config["linux"]["namespaces"].append({"type": "cgroup"})
        config["linux"]["resources"] = {"pids": {"limit": 20}, "memory": {"limit": 64 << 20},
                                        "cpu": {"quota": 50000, "period": 100000, "shares": 512}}
    container = box.start(box.bundle(HELD, change))
    place = "/machine.slice/machine-case.slice/yett-scope.scope"
    shown = systemd.shows("yett-scope.scope", "ActiveState", "ControlGroup", "Delegate", "TasksMax", "MemoryMax",
                          "CPUQuotaPerSecUSec")
    assert shown == {"ActiveState": "active", "ControlGroup": place, "Delegate": "yes", "TasksMax": "20",
                     "MemoryMax": str(64 << 20), "CPUQuotaPerSecUSec": "500ms"}, shown
    pid = box.state(container)["pid"]
    assert systemd.there("cat", f"/proc/{pid}/cgroup") == f"0::{place}\n"
    assert systemd.there("cat", f"/sys/fs/cgroup{place}/cgroup.procs") == f"{pid}\n"  # and nobody else
    for file, value in (("pids.max", "20"), ("memory.max", str(64 << 20)), ("cpu.max", "50000 100000")):
        assert systemd.there("cat", f"/sys/fs/cgroup{place}/{file}") == value + "\n", file
    assert box.run("exec", container, "cat", "/proc/self/cgroup").out == "0::/\n"
    done = box.run("update", "-r", "-", container, input=json.dumps({"pids": {"limit": 30}}))
    assert done.status == 0, done
    assert systemd.shows("yett-scope.scope", "TasksMax") == {"TasksMax": "30"}
    assert systemd.there("cat", f"/sys/fs/cgroup{place}/pids.max") == "30\n"
    assert systemd.there("systemctl", "daemon-reload") == ""
    assert systemd.there("cat", f"/sys/fs/cgroup{place}/pids.max") == "30\n"  # systemd knows it, too
    assert box.run("pause", container).status == 0 and box.run("resume", container).status == 0
    assert box.run("delete", "--force", container).status == 0
    for _ in range(100):
        if systemd.shows("yett-scope.scope", "ActiveState") == {"ActiveState": "inactive"}:
            break
        time.sleep(0.1)
    assert systemd.shows("yett-scope.scope", "LoadState", "ActiveState") == {
        "LoadState": "not-found", "ActiveState": "inactive"}


def case_systemd_scope_of_a_failed_create_is_gone(box):
    systemd = enter_systemd(box)
    container = box.new_id()
    bundle = box.bundle(HELD, lambda config: config["mounts"].append(
        {"destination": "/x", "type": "bind", "source": "/no/such", "options": ["bind"]}))
    assert box.quiet("create", "--bundle", bundle, container).status != 0
    for _ in range(100):
        if "yett-" not in systemd.there("systemctl", "list-units", "--all", "--no-legend", "yett-*.scope"):
            break
        time.sleep(0.1)
    assert "yett-" not in systemd.there("systemctl", "list-units", "--all", "--no-legend", "yett-*.scope")
    refusal = box.quiet("create", "--bundle", box.bundle(HELD, lambda config: config["linux"].update(
        cgroupsPath="/plain/path")), box.new_id())
    assert refusal.status != 0 and "/linux/cgroupsPath" in refusal.out, refusal


def case_systemd_scope_of_others_is_left_alone(box):
    # SECURITY: container-cgroup-own
    systemd = enter_systemd(box)

    def named(config):
        config["linux"]["cgroupsPath"] = "machine.slice:yett:taken"
    bundle = box.bundle(HELD, named)
    first = box.start(bundle)
    pid = box.state(first)["pid"]
    second = box.new_id()
    refusal = box.quiet("create", "--bundle", bundle, second)
    assert refusal.status != 0 and "/linux/cgroupsPath" in refusal.out and "is in use" in refusal.out, refusal
    assert box.state(first)["status"] == "running"
    place = "/sys/fs/cgroup/machine.slice/yett-taken.scope"
    assert systemd.there("cat", f"{place}/cgroup.procs") == f"{pid}\n"
    assert box.run("delete", "--force", first).status == 0
    for _ in range(100):
        if systemd.shows("yett-taken.scope", "ActiveState") == {"ActiveState": "inactive"}:
            break
        time.sleep(0.1)
    assert box.quiet("create", "--bundle", bundle, second).status == 0
