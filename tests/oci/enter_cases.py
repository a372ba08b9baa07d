"""Cases of cases.py about the way into a container: what is left of the old root, what a tmpfs is filled with, and
which terminal is opened inside. Each has its twin: the nearest thing that works."""
import json
import os
import pathlib
import re
import shutil
import stat

from hostile_cases import BUILD, HELD, assert_unchanged, canary, exchanging
from terminal_cases import Shell, read_until

EVERYTHING = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["acct"], "action": "SCMP_ACT_ERRNO"}]}


def attack(box, name):
    if not (BUILD / "attacks" / name).exists() or not box.is_yett():
        box.cannot_run(f"{name} is not built, or the runtime is another's")
    return BUILD / "attacks" / name


def hostile(box, admin=False, masks=True, change=None):
    """A bundle without a filter, with /old_root in its root."""
    def with_rights(config):
        config["annotations"] = {"dev.yett.policy": "none"}
        if admin:
            for names in config["process"]["capabilities"].values():
                names.append("CAP_SYS_ADMIN")
        if not masks:
            config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
        if change:
            change(config)
    program = attack(box, "old_root")
    bundle = box.bundle(HELD, with_rights)
    shutil.copy(program, bundle / "rootfs/old_root")
    return bundle


def came_to(box, attempt, *options, **rights):
    """"ok", or the errno, of one attempt in a container of its own; or why there is none."""
    marker = box.directory / "canary/secret"

    def change(config):
        config["process"]["args"] = ["/old_root", attempt]
        config["process"]["env"].append(f"MARKER={marker}")
    done = box.run("run", *options, "--bundle", hostile(box, change=change, **rights), box.new_id())
    return done.out.removeprefix(attempt).strip() if done.status == 0 else done.err


def assert_came(box, expected, attempt, *options, **rights):
    came = came_to(box, attempt, *options, **rights)
    assert re.search(expected, came), (attempt, rights, came)


def mount_points():
    return sorted(line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines())


# ---- the old root ---------------------------------------------------------------------------------


def case_container_no_pivot(box):
    """SECURITY(container-no-pivot): where pivot_root can be, nothing is left below the root."""
    attack(box, "old_root")
    canary(box)
    before = mount_points()
    assert_came(box, "^ok$", "own_file", "--no-pivot")
    assert_came(box, "^ENOENT$", "climb", "--no-pivot")
    assert_came(box, "^(ENOENT|EPERM|EINVAL)$", "unmount_root", "--no-pivot", admin=True)
    assert_came(box, "^EPERM$", "fresh_proc", "--no-pivot")
    assert_came(box, "^ok$", "fresh_proc", "--no-pivot", masks=False)
    assert mount_points() == before
    assert_unchanged(box)


def case_container_no_pivot_where_there_is_none(box):
    """SECURITY(container-no-pivot): as in the initial RAM file system. What is mounted there goes; it stays itself, so
    nobody who may unmount is let in."""
    box.prefix = [str(attack(box, "without_pivot_root"))]
    canary(box)
    before = mount_points()
    refused = box.run("run", "--bundle", box.bundle("echo in"), box.new_id())
    assert refused.status != 0 and "pivot_root" in refused.err, refused
    assert box.run("run", "--no-pivot", "--bundle", box.bundle("echo in"), box.new_id()).out == "in\n"
    assert_came(box, "pivot_root.*CAP_SYS_ADMIN", "unmount_root", "--no-pivot", admin=True)
    container = box.start(box.bundle(HELD, name="held"), "--no-pivot")
    assert box.run("exec", container, "echo", "in").out == "in\n"
    done = box.run("exec", "--cap", "CAP_SYS_ADMIN", container, "echo", "in")
    assert done.status != 0 and "CAP_SYS_ADMIN" in done.err, done
    assert_came(box, "^ok$", "own_file", "--no-pivot")
    assert_came(box, "^ENOENT$", "climb", "--no-pivot")
    assert_came(box, "^EPERM$", "fresh_proc", "--no-pivot")
    assert_came(box, "^ok$", "fresh_proc", "--no-pivot", masks=False)
    assert mount_points() == before
    assert_unchanged(box)


def case_container_of_a_runtime_in_a_chroot(box):
    """SECURITY(container-chroot): what lies around the runtime's chroot is not left around the container."""
    attack(box, "old_root")
    canary(box)
    inner = box.directory / "inner"
    inner.mkdir()
    box.prefix = ["unshare", "--mount", "sh", "-c", f'mount --rbind / {inner} && exec chroot {inner} "$@"', "sh"]
    assert_came(box, "^ok$", "own_file")
    assert_came(box, "^ENOENT$", "climb")
    container = box.start(box.bundle(HELD))
    look = f"test -e {box.directory}/canary && echo outside; cat /proc/1/comm"
    done = box.run("exec", container, "sh", "-c", look)
    assert (done.status, done.out) == (0, "sleep\n"), done


# ---- tmpcopyup ------------------------------------------------------------------------------------


def copied(box, script, options, change=None):
    """A bundle with a tmpfs at /t that begins with a copy of the image's /t."""
    def with_tmpfs(config):
        config["mounts"].append({"destination": "/t", "type": "tmpfs", "source": "tmpfs",
                                 "options": ["tmpcopyup", *options]})
        if change:
            change(config)
    bundle = box.bundle(script, with_tmpfs)
    (bundle / "rootfs/t").mkdir(exist_ok=True)
    return bundle


def memory_used(pid):
    places = dict(line.split(":", 2)[1:] for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    if "memory" in places:
        return int(pathlib.Path(f"/sys/fs/cgroup/memory{places['memory']}/memory.usage_in_bytes").read_text())
    return int(pathlib.Path(f"/sys/fs/cgroup{places['']}/memory.current").read_text())


def case_container_copy_up_is_the_containers(box):
    """SECURITY(container-copy-up): what is copied is counted where the container's memory is, within its tmpfs."""
    if not box.is_yett():
        box.cannot_run("runc copies on the host's account")
    size = 24 << 20
    bundle = copied(box, HELD, ["size=32m"])
    (bundle / "rootfs/t/file").write_bytes(os.urandom(size))
    container = box.start(bundle)
    assert memory_used(box.state(container)["pid"]) >= size
    done = box.run("exec", container, "ls", "-l", "/t/file")
    assert str(size) in done.out, done
    box.run("delete", "--force", container)
    bundle = copied(box, HELD, ["size=16m"])
    done = box.run("create", "--bundle", bundle, box.new_id())
    assert done.status != 0 and "No space left" in done.err and "/t" in done.err, done


def case_container_copy_up_of_what_changes(box):
    """SECURITY(container-copy-up): who shares the root exchanges a file for a device while it is copied."""
    if not box.is_yett():
        box.cannot_run("about yett's own copying")
    bundle = copied(box, "cat /t/name; echo started", ["size=1m"])
    place = bundle / "rootfs/t"
    (place / "name").write_text("kept\n")
    assert box.run("run", "--bundle", bundle, box.new_id()).out == "kept\nstarted\n"
    os.mknod(bundle / "rootfs/device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    with exchanging(place / "name", bundle / "rootfs/device") as swaps:
        for _ in range(40):
            done = box.run("run", "--bundle", bundle, box.new_id())
            copied_or_not = done.status == 0 and done.out.endswith("started\n")
            seen = re.search("Stale file handle|Permission denied", done.err)
            assert copied_or_not or seen and "/t" in done.err, done
    assert swaps[0] > 1000, swaps


def case_container_copy_up_keeps_owners_and_modes(box):
    bundle = copied(box, "stat -c '%u %g %a' /t/d /t/d/file; readlink /t/d/link; ls /t; touch /t/x || echo sealed", ["ro"])
    (bundle / "rootfs/t/d").mkdir()
    (bundle / "rootfs/t/d/file").write_text("x")
    (bundle / "rootfs/t/d/link").symlink_to("/nowhere")
    os.mkfifo(bundle / "rootfs/t/pipe")
    os.chown(bundle / "rootfs/t/d/file", 1000, 2000)
    (bundle / "rootfs/t/d/file").chmod(0o4750)
    (bundle / "rootfs/t/d").chmod(0o711)
    if not box.is_yett():
        box.cannot_run("others differ in what they copy")
    done = box.run("run", "--bundle", bundle, box.new_id())
    assert done.out == "0 0 711\n1000 2000 4750\n/nowhere\nd\nsealed\n", done


# ---- terminals ------------------------------------------------------------------------------------


def case_container_terminal_of_another_devpts(box):
    """SECURITY(terminal-own-pty): a container that may mount puts a node of its own where its devpts was."""
    if not box.is_yett():
        box.cannot_run("others open what is there")

    def change(config):
        config["linux"]["seccomp"] = EVERYTHING
        for names in config["process"]["capabilities"].values():
            names.append("CAP_SYS_ADMIN")
    script = ("read go < /go; umount /dev/pts && mount -t tmpfs none /dev/pts && mkdir /dev/pts/pts && "
              "mount -t devpts -o newinstance none /dev/pts/pts && mknod /dev/pts/ptmx c 5 2 && touch /tmp/ready; " + HELD)
    bundle = box.bundle(script, change)
    os.mkfifo(bundle / "rootfs/go")
    container = box.start(bundle)
    words = box.command("exec", "--tty", container, "tty")
    shell = Shell(words)
    read_until(shell.master, "/dev/pts/0")
    assert shell.end() == 0
    (bundle / "rootfs/go").write_text("go\n")
    box.await_file("tmp/ready")
    shell = Shell(words)
    read_until(shell.master, "/dev/pts/ptmx: Inappropriate ioctl")
    assert shell.end() != 0
    assert json.loads(box.run("state", container).out)["status"] == "running"
