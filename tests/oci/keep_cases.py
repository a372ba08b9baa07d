"""Cases of cases.py about what the runtime keeps: every process of a container, what it must not forget of one, and
files of its own in places that others may write to."""
import contextlib
import json
import os
import pathlib
import stat
import subprocess
import time

from hostile_cases import HELD, assert_unchanged, canary
from unified_cases import unified

# Two programs that tell of SIGUSR1; the second is moved to a cgroup below the container's.
TWO = ("(trap 'touch /inner' USR1; touch /inner-ready; while :; do sleep 0.05; done) & {move} "
       "trap 'touch /outer' USR1; touch /outer-ready; while :; do sleep 0.05; done")


def await_end(pid):
    for _ in range(500):
        if not pathlib.Path(f"/proc/{pid}").exists() or "\nState:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.02)
    raise AssertionError(f"{pid} lives on")


def inner_of(box, container):
    """The pid of the second program: the first child of the first."""
    pid = box.state(container)["pid"]
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])


def without_own_pids(config):
    config["linux"]["namespaces"] = [each for each in config["linux"]["namespaces"] if each["type"] != "pid"]


def assert_all_are_reached(box, container, inner):
    """By ps, by a signal, and by SIGKILL, after which nothing of it runs."""
    listed = json.loads(box.run("ps", "--format", "json", container).out)
    assert {inner, box.state(container)["pid"]} <= set(listed), (inner, listed)
    assert box.run("kill", "--all", container, "USR1").status == 0
    box.await_file("inner")
    box.await_file("outer")
    assert box.run("kill", "--all", container, "KILL").status == 0
    await_end(inner)
    box.await_status(container, "stopped")


def case_container_kill_reaches_nested_cgroups(box):
    """SECURITY(container-kill-members): those that the container has moved to cgroups of its own, too."""
    if not box.is_yett():
        box.cannot_run("runc 1.1 kills one by one")
    unified(box)

    def change(config):
        without_own_pids(config)
        config["linux"]["namespaces"].append({"type": "cgroup"})
        config["mounts"].append({"destination": "/cgroup", "type": "cgroup", "source": "cgroup"})
    move = "mkdir -p /cgroup/a/b && echo $! > /cgroup/a/b/cgroup.procs;"
    container = box.start(box.bundle(TWO.format(move=move), change))
    box.await_file("inner-ready")
    box.await_file("outer-ready")
    inner = inner_of(box, container)
    assert pathlib.Path(f"/proc/{inner}/cgroup").read_text().splitlines()[-1].endswith("/a/b")
    assert_all_are_reached(box, container, inner)


def case_container_kill_reaches_nested_cgroups_of_v1(box):
    """SECURITY(container-kill-members)"""
    if not box.is_yett():
        box.cannot_run("runc 1.1 kills one by one")
    if not os.path.exists("/sys/fs/cgroup/pids"):
        box.cannot_run("no cgroup v1 here")
    if os.path.exists("/sys/fs/cgroup/unified"):
        box.prefix = ["unshare", "--mount", "sh", "-c", 'umount /sys/fs/cgroup/unified; exec "$@"', "sh"]
    container = box.start(box.bundle(TWO.format(move=""), without_own_pids))
    box.await_file("inner-ready")
    box.await_file("outer-ready")
    inner = inner_of(box, container)
    moved = 0
    for line in pathlib.Path(f"/proc/{inner}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        place = pathlib.Path(f"/sys/fs/cgroup/{names.removeprefix('name=')}{path}/a/b")
        if not names or not path.endswith(container) or not place.parent.parent.exists():
            continue
        place.mkdir(parents=True)
        for level in (place.parent, place):  # of a cpuset, which takes nobody before
            for name in ("cpuset.cpus", "cpuset.mems"):
                with contextlib.suppress(FileNotFoundError):
                    (level / name).write_text((level.parent / name).read_text())
        (place / "cgroup.procs").write_text(str(inner))
        moved += 1
    assert moved, "it was moved nowhere"
    assert_all_are_reached(box, container, inner)


def case_container_whose_state_cannot_be_read(box):
    """SECURITY(container-kept-unread): what runs is ended by what else tells of it, or else kept."""
    if not box.is_yett():
        box.cannot_run("about yett's own files")
    container = box.start(box.bundle(HELD))
    pid = box.state(container)["pid"]
    kept = box.directory / "state" / container
    state, config = (kept / "state.json").read_text(), (kept / "config.json").read_text()
    (kept / "state.json").write_text(state[:len(state) // 2])
    (kept / "config.json").write_text(config[:len(config) // 2])
    assert box.run("delete", container).status != 0
    done = box.run("delete", "--force", container)
    assert done.status != 0 and "is kept" in done.err and str(kept) in done.err, done
    assert kept.is_dir() and pathlib.Path(f"/proc/{pid}").exists()
    listed = box.run("list", "--quiet")
    assert listed.out == "" and "state.json" in listed.err, listed
    (kept / "config.json").write_text(config)
    done = box.run("delete", "--force", container)
    assert done.status == 0 and f"/yett.oci/{container} was killed" in done.err, done
    await_end(pid)
    assert not kept.exists()


def told(box, log):
    return box.run("--log", log, "--log-format", "json", "state", "there-is-no-such")


def case_container_log_file_is_the_owners(box):
    """SECURITY(file-is-own): links, other names and pipes that somebody else has put in its place."""
    if not box.is_yett():
        box.cannot_run("others append to whatever is there")
    place = canary(box)
    log = box.directory / "log"
    log.symlink_to(place / "secret")
    assert "is a link" in told(box, log).err
    log.unlink()
    os.link(place / "secret", log)
    assert "another name" in told(box, log).err
    log.unlink()
    os.mkfifo(log)
    os.chown(log, 1000, 1000)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    assert "belongs to uid 1000" in told(box, log).err
    os.close(reader)
    log.unlink()
    assert_unchanged(box)
    assert told(box, log).status != 0
    assert "does not exist" in json.loads(log.read_text())["msg"]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "none", place], check=True)  # where devices may be opened
    try:
        os.mknod(place / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.chown(place / "null", 1000, 1000)
        assert "log file" not in told(box, place / "null").err
        os.mknod(place / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        os.chown(place / "zero", 1000, 1000)
        assert "belongs to uid 1000" in told(box, place / "zero").err
    finally:
        subprocess.run(["umount", place], check=True)
    by_descriptor = box.run("--log", "/dev/stderr", "state", "there-is-no-such")
    assert by_descriptor.err.count("does not exist") == 2, by_descriptor


def case_container_store_that_others_may_write_to(box):
    """SECURITY(container-store-owner): theirs would be what is kept there, and so what runs."""
    if not box.is_yett():
        box.cannot_run("about yett's own files")
    store = box.directory / "open"
    store.mkdir()
    store.chmod(0o1777)
    words = [*box.prefix, box.runtime, "--root", str(store)]

    def run():
        return subprocess.run([*words, "run", "--bundle", str(box.bundle()), "case-open"], capture_output=True,
                              text=True, timeout=60, check=False)
    done = run()
    assert done.returncode != 0 and "can be written to by others" in done.stderr, done
    store.chmod(0o755)
    assert run().returncode == 0
