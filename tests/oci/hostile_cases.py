"""What a hostile image, or a hostile process of a container, tries against create and exec: the rows of
docs/threat-model.md about containers. Each has its twin: the same with nothing hostile works."""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import threading

HELD = "exec sleep 1000"
RENAME_EXCHANGE = 2
AT_FDCWD = -100
BUILD = pathlib.Path(os.environ.get("YETT_BUILD_DIR",
                                    pathlib.Path(__file__).resolve().parents[2] / "build/release"))


def canary(box):
    """A directory of the host's that nothing may change; and what it says."""
    place = box.directory / "canary"
    place.mkdir()
    (place / "secret").write_text("the host's\n")
    return place


def assert_unchanged(box):
    place = box.directory / "canary"
    assert sorted(path.name for path in place.iterdir()) == ["secret"], list(place.iterdir())
    assert (place / "secret").read_text() == "the host's\n"
    assert not box.own_mounts()


def replace(path, target):
    """By a link, whatever it was."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target)


# ---- images whose directories are links -----------------------------------------------------------


def case_container_proc_by_link(box):
    # SECURITY: container-proc-by-link
    """CVE-2019-19921: who shares what the link leads to could move /proc away, masks and all."""
    if not box.is_yett():
        box.cannot_run("crun 1.8 mounts it where the link leads")
    bundle = box.bundle("echo started")
    assert box.run("run", "--bundle", bundle, box.new_id()).out == "started\n"
    for name in ("proc", "sys"):
        (bundle / "rootfs/elsewhere").mkdir(exist_ok=True)
        replace(bundle / "rootfs" / name, "/elsewhere")
        done = box.run("run", "--bundle", bundle, box.new_id())
        assert done.status != 0 and not done.out and name in done.err, done
        (bundle / "rootfs" / name).unlink()
        (bundle / "rootfs" / name).mkdir()


def case_container_links_out_of_the_root(box):
    """Mount points, devices, masks, the working directory: each by way of a link to the host."""
    place = canary(box)
    deep = "/.." * 30 + str(place)

    def change(config):
        config["mounts"].append({"destination": "/out/mounted", "type": "tmpfs", "source": "tmpfs"})
        config["mounts"].append({"destination": "/relative/file", "type": "bind", "source": "/etc/hostname",
                                 "options": ["bind"]})
        config["linux"]["devices"] = [{"path": "/out/device", "type": "c", "major": 1, "minor": 3}]
        config["linux"]["maskedPaths"].append("/out/secret")
        config["linux"]["readonlyPaths"].append("/out")
        config["process"]["cwd"] = "/out/cwd"
    bundle = box.bundle("pwd; cat /out/secret 2>/dev/null; echo end", change)
    replace(bundle / "rootfs/out", str(place))
    replace(bundle / "rootfs/relative", "." + deep)
    done = box.run("run", "--bundle", bundle, box.new_id())
    assert "the host's" not in done.out, done
    assert_unchanged(box)


def case_container_masks_with_a_false_null(box):
    """CVE-2025-31133: the image's /dev/null is not what masks are made of."""
    if not box.is_yett():
        box.cannot_run("the image has no /dev mounted, which hangs runc 1.1")
    canary(box)

    def change(config):
        config["mounts"] = [mount for mount in config["mounts"] if not mount["destination"].startswith("/dev")]
    bundle = box.bundle("cat /proc/keys; echo overwritten > /proc/keys; cat /canary; echo end", change)
    (bundle / "rootfs/canary").write_text("as it was\n")
    replace(bundle / "rootfs/dev/null", "/canary")
    done = box.run("run", "--bundle", bundle, box.new_id())
    # Either the image is refused for what stands where the null device belongs, or nothing comes of it.
    assert done.status != 0 or done.out == "as it was\nend\n", done
    assert (bundle / "rootfs/canary").read_text() == "as it was\n"
    assert_unchanged(box)
    (bundle / "rootfs/dev/null").unlink()
    assert box.run("run", "--bundle", bundle, box.new_id()).out == "as it was\nend\n"


@contextlib.contextmanager
def exchanging(one, other):
    """Swaps the two names as fast as it goes, until left; gives the count of swaps so far."""
    libc = ctypes.CDLL(None, use_errno=True)
    swaps, stop = [0], threading.Event()
    names = (os.fsencode(one), os.fsencode(other))

    def swap():
        while not stop.is_set():
            libc.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE)
            swaps[0] += 1
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield swaps
    finally:
        stop.set()
        thread.join()


def case_container_mount_target_that_becomes_a_link(box):
    """CVE-2021-30465: a shared volume's directory is exchanged for a link to the host meanwhile."""
    place = canary(box)
    volume = box.directory / "volume"
    (volume / "directory").mkdir(parents=True)
    (volume / "link").symlink_to("/.." * 20 + str(place))

    def change(config):
        config["mounts"] += [
            {"destination": "/volume", "type": "bind", "source": str(volume), "options": ["bind"]},
            {"destination": "/volume/directory/made", "type": "tmpfs", "source": "tmpfs"}]
        config["linux"]["maskedPaths"].append("/volume/directory/secret")
    bundle = box.bundle("cat /volume/directory/secret /volume/link/secret 2>/dev/null; echo end", change)
    ended = 0
    with exchanging(volume / "directory", volume / "link") as swaps:
        for _ in range(25):
            done = box.run("run", "--bundle", bundle, box.new_id())
            assert "the host's" not in done.out, done
            ended += done.out == "end\n"
    assert swaps[0] > 1000, swaps
    if box.is_yett():
        assert ended, "no run succeeded, so that nothing was shown"
    assert_unchanged(box)


def case_container_working_directory_made_inside(box):
    place = canary(box)
    bundle = box.bundle("pwd", lambda config: config["process"].update(cwd="/link/below/made"))
    replace(bundle / "rootfs/link", str(place))
    done = box.run("run", "--bundle", bundle, box.new_id())
    assert_unchanged(box)
    replace(bundle / "rootfs/link", "/tmp")
    done = box.run("run", "--bundle", bundle, box.new_id())
    assert done.status == 0 and (bundle / "rootfs/tmp/below/made").is_dir(), done


# ---- descriptors ----------------------------------------------------------------------------------


def case_container_program_through_a_descriptor(box):
    """CVE-2024-21626's other half: the program itself by way of what the runtime has open."""
    if not box.is_yett():
        box.cannot_run("older runc and crun can be had this way")
    for fd in range(3, 24):
        for way in ("", "/..", "/../../../.."):
            path = f"/proc/self/fd/{fd}{way}/bin/cat"
            done = box.once("", lambda config: config["process"].update(args=[path, "/etc/hostname"]))
            assert done.status != 0 and not done.out, (path, done)
    assert box.once("", lambda config: config["process"].update(args=["/bin/echo", "in"])).out == "in\n"


def case_container_exec_leaks_nothing(box):
    container = box.start(box.bundle(HELD))
    leaked = os.open("/etc", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    script = "for f in /proc/self/fd/*; do test -d $f && echo leaked $f; done; ls /proc/self/fd | wc -l; readlink /proc/self/cwd"
    done = box.run("exec", container, "busybox", "sh", "-c", script.replace("wc -l", "busybox wc -l"), pass_fds=(leaked,))
    os.close(leaked)
    assert done.out.split() == ["4", "/"], done  # 0, 1, 2 and the one that ls reads with
    if not box.is_yett():
        return
    for fd in range(3, 24):
        for way in ("", "/../.."):
            done = box.run("exec", "--cwd", f"/proc/self/fd/{fd}{way}", container, "pwd")
            assert done.status != 0, (fd, way, done)
    assert box.run("exec", "--cwd", "/tmp", container, "pwd").out == "/tmp\n"


# ---- beside a hostile process ---------------------------------------------------------------------


def case_container_exec_beside_a_watcher(box):
    """CVE-2016-9962 and 2019-5736: a process of the container looks through /proc for the runtime while
    commands are executed, and opens whatever it finds (tests/adversarial/attacks/overwriter.c)."""
    attack = BUILD / "attacks/overwriter"
    if not attack.exists() or not box.is_yett():
        box.cannot_run(f"{attack} is not built, or the runtime is another's")
    before = pathlib.Path(box.runtime).read_bytes()
    bundle = box.bundle(change=lambda config: config["process"].update(args=["/overwriter", "1000000"]))
    shutil.copy(attack, bundle / "rootfs/overwriter")
    container = box.create(bundle)
    pid = box.state(container)["pid"]
    output = pathlib.Path(f"/proc/{pid}/fd/1")
    found = os.open(output, os.O_RDONLY)  # the box's file, which the next command truncates
    assert box.quiet("start", container).status == 0
    for _ in range(60):
        assert box.run("exec", container, "sleep", "0.01").status == 0
    box.run("kill", container, "KILL")
    box.await_status(container, "stopped")
    lines = os.read(found, 1 << 22).decode(errors="replace").splitlines()
    os.close(found)
    wrong = [line for line in lines if "yett" in line or str(box.directory) in line or "cgroup" in line]
    assert not wrong, wrong[:10]
    assert pathlib.Path(box.runtime).read_bytes() == before


def case_container_exec_below_a_false_proc(box):
    """CVE-2025-52881: the container has put files of its own where /proc was."""
    admin = "CAP_SYS_ADMIN"

    def change(config):
        for names in config["process"]["capabilities"].values():
            names[:] = [*names, admin]
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    script = ("umount /proc; mount -t tmpfs none /proc && mkdir -p /proc/self/attr /proc/self/fd /proc/1/ns && "
              "for f in self/attr/exec self/oom_score_adj self/setgroups self/uid_map 1/ns/mnt; do "
              "echo false > /proc/$f; done; touch /tmp/ready; " + HELD)
    container = box.start(box.bundle(script, change))
    box.await_file("tmp/ready")
    process = {"args": ["sh", "-c", "echo in; cat /proc/self/attr/exec"], "cwd": "/", "env": ["PATH=/bin"],
               "user": {"uid": 0, "gid": 0}, "oomScoreAdj": 321, "terminal": False}
    file = box.directory / "process.json"
    file.write_text(json.dumps(process))
    done = box.run("exec", "--process", file, container)
    assert done.out == "in\nfalse\n", done
    root = pathlib.Path(f"/proc/{box.state(container)['pid']}/root/proc")
    for name in ("self/oom_score_adj", "self/attr/exec", "self/setgroups", "self/uid_map"):
        assert (root / name).read_text() == "false\n", name


def case_container_runtime_files_are_the_owners(box):
    """What the state directory holds decides what later commands do."""
    if not box.is_yett():
        box.cannot_run("about yett's own files")
    container = box.start(box.bundle(HELD))
    state = box.directory / "state"
    os.chmod(box.directory, 0o755)
    for path in (state, state / container, *(state / container).iterdir()):
        assert path.stat().st_uid == 0 and not path.stat().st_mode & 0o077 or path.is_socket(), path
    look = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "ls", str(state)]
    assert subprocess.run(look, capture_output=True, check=False).returncode != 0
    names = pathlib.Path("/proc/net/unix").read_text()
    assert "@" not in "".join(line for line in names.splitlines() if "yett" in line), names


# ---- the kernel's interface -----------------------------------------------------------------------


def attempts(box, name):
    """What each attempt of a hostile program (tests/adversarial/attacks) came to."""
    attack = BUILD / "attacks" / name
    if not attack.exists():
        box.cannot_run(f"{attack} is not built")
    bundle = box.bundle(change=lambda config: config["process"].update(args=["/" + name]), name=name)
    shutil.copy(attack, bundle / "rootfs" / name)
    done = box.run("run", "--bundle", bundle, box.new_id())
    assert done.status == 0, done
    return dict(line.split() for line in done.out.splitlines())


def case_container_kernel_surface(box):
    """With the policy `container` and Docker's capabilities, beside what must work."""
    if not box.is_yett():
        box.cannot_run("about yett's own policy")
    namespaces = attempts(box, "namespaces")
    assert namespaces.pop("plain_fork") == "ok"
    assert len(namespaces) > 25 and set(namespaces.values()) <= {"EPERM", "ENOSYS"}, namespaces
    mounts = attempts(box, "mounts")
    assert (mounts.pop("chroot"), mounts.pop("make_directory")) == ("ok", "ok"), mounts
    assert len(mounts) > 12 and set(mounts.values()) <= {"EPERM", "ENOSYS"}, mounts
    terminals = attempts(box, "terminals")
    typing = {name: came for name, came in terminals.items() if name.startswith(("tiocsti", "tioclinux"))}
    assert len(typing) == 5 and set(typing.values()) == {"EPERM"} and terminals["window_size"] == "ok", terminals
    assert attempts(box, "second_abi") == {"getpid": "ok", "x32_getpid": "SIGSYS", "i386_getpid": "SIGSYS"}
    families = attempts(box, "socket_families")
    open_ones = {int(name[7:]) for name, came in families.items() if came == "ok"}
    assert len(families) == 64 and open_ones == {1, 2, 10, 16, 17}, families
    calls = attempts(box, "kernel_calls")
    for name in ("io_uring_setup bpf_map perf_event userfaultfd_call add_key keyctl_search kexec_load init_module "
                 "reboot_call iopl_call open_by_handle clock_settime_call number_600").split():
        assert calls[name] in ("EPERM", "ENOSYS"), (name, calls)
    assert calls["shmget_call"] == calls["futex_pi"] == "ok", calls
