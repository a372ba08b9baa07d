"""What a container's processes may do before their own program runs, and what becomes of what they are given."""
import os
import pathlib
import re
import shutil
import subprocess

from hostile_cases import BUILD, HELD

ADMIN = 1 << 21
PTRACE = 1 << 19


def status_of(pid, name):
    found = re.search(rf"^{name}:\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return found.group(1)


def watched_execs(box, no_new_privileges):
    """What a hostile PID 1 saw of processes that joined it, as lines "capabilities uids root"."""
    attack = BUILD / "attacks/exec_watcher"
    if not attack.exists() or not box.is_yett():
        box.cannot_run(f"{attack} is not built, or the runtime is another's")

    def change(config):
        config["process"].update(args=["/exec_watcher"], noNewPrivileges=no_new_privileges)
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["acct"], "action": "SCMP_ACT_ERRNO"}]}
        for names in config["process"]["capabilities"].values():
            names.append("CAP_SYS_PTRACE")
    bundle = box.bundle(change=change)
    shutil.copy(attack, bundle / "rootfs/exec_watcher")
    container = box.create(bundle)
    pid = box.state(container)["pid"]
    output = os.open(f"/proc/{pid}/fd/1", os.O_RDONLY)  # the box's file, which the next command truncates
    assert box.quiet("start", container).status == 0
    for _ in range(20):
        assert box.run("exec", "--user", "1000:1000", container, "sleep", "0.01").status == 0
    asked = int(status_of(pid, "CapPrm"), 16)
    box.run("kill", container, "KILL")
    box.await_status(container, "stopped")
    lines = re.findall(r"^saw ([0-9a-f]+) (\S+) (\S+)$", os.read(output, 1 << 20).decode(), re.M)
    os.close(output)
    assert asked & PTRACE and [line for line in lines if line[2] == "ours"], lines
    return asked, lines


def case_container_exec_is_born_with_its_rights(box):
    """SECURITY(container-exec-outside): a process that joins is stopped and looked at as soon as the container sees
    it. Without no_new_privs a filter takes CAP_SYS_ADMIN, and nothing else of the runtime's is there."""
    asked, lines = watched_execs(box, no_new_privileges=True)
    for capabilities, uids, root in lines:
        assert not int(capabilities, 16) & ~asked, (capabilities, uids, root)
        assert set(uids.split(",")) == {"1000"} and root in ("ours", "gone"), (capabilities, uids, root)


def case_container_exec_is_born_with_its_rights_and_the_filters(box):
    asked, lines = watched_execs(box, no_new_privileges=False)
    for capabilities, uids, root in lines:
        assert not int(capabilities, 16) & ~(asked | ADMIN), (capabilities, uids, root)
        assert set(uids.split(",")) == {"1000"} and root in ("ours", "gone"), (capabilities, uids, root)


def case_container_waits_with_its_own_rights(box):
    """Between create and start, which may be long, and where another container may share its processes."""
    if not box.is_yett():
        box.cannot_run("about yett's own waiting process")

    def change(config):
        config["process"].update(user={"uid": 1000, "gid": 1000}, noNewPrivileges=True)
    container = box.create(box.bundle("grep Cap /proc/self/status; " + HELD, change))
    pid = box.state(container)["pid"]
    held = int(status_of(pid, "CapPrm"), 16)
    assert held and not held & ADMIN and held == int(status_of(pid, "CapBnd"), 16), hex(held)
    assert status_of(pid, "Uid").split() == ["1000"] * 4
    assert box.quiet("start", container).status == 0


def case_container_stdio_stays_the_hosts(box):
    """SECURITY(container-stdio-owner): a file given as standard input is read, not given away; a pipe is the
    program's, which may open it again by name."""
    if not box.is_yett():
        box.cannot_run("runc gives files away")
    container = box.start(box.bundle(HELD))
    file = box.directory / "given"
    file.write_text("read\n")
    with open(file, encoding="ascii") as given:
        done = subprocess.run(box.command("exec", "--user", "1000", container, "cat"), stdin=given,
                              capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode, file.stat().st_uid) == ("read\n", 0, 0), done
    script = "echo again > /dev/stdout || echo refused"
    done = box.run("exec", "--user", "1000", container, "sh", "-c", script.replace("/dev/stdout", "/proc/self/fd/1"))
    assert done.out == "again\n", done


def case_container_only_passed_descriptors_are_kept(box):
    """SECURITY(container-preserved-fds)"""
    if not box.is_yett():
        box.cannot_run("older runc does not look")
    container = box.start(box.bundle(HELD))
    done = box.run("exec", "--preserve-fds", "1", container, "true")
    assert done.status != 0 and "descriptor 3 is not open" in done.err, done
    reader, writer = os.pipe()
    try:
        os.dup2(reader, 3, inheritable=True)
        assert box.run("exec", "--preserve-fds", "1", container, "true", pass_fds=(3,)).status == 0
    finally:
        for fd in {reader, writer, 3}:
            os.close(fd)


def opens_fuse(box, rules):
    """What comes of opening the node 10:229, under these rules."""
    def change(config):
        config["linux"]["resources"] = {"devices": rules}
        for names in config["process"]["capabilities"].values():
            if "CAP_MKNOD" not in names:
                names.append("CAP_MKNOD")
    done = box.once("rm -f /tmp/node; mknod /tmp/node c 10 229 && (: < /tmp/node) 2>/dev/null && echo opened || echo refused", change)
    box.run("delete", "--force", box.ids[-1])
    return done.out


def case_container_devices_that_are_not_listed(box):
    """SECURITY(container-device-rules): a list that begins with no "deny" is what is allowed, and a rule without a
    type is one of its numbers."""
    if not box.is_yett():
        box.cannot_run("about yett's own rules")
    assert opens_fuse(box, [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]) == "opened\n"
    assert opens_fuse(box, [{"allow": True, "major": 10, "minor": 229, "access": "rw"}]) == "opened\n"
    assert opens_fuse(box, [{"allow": True, "access": "rwm"}]) == "opened\n"
    assert opens_fuse(box, [{"allow": True, "type": "c", "major": 10, "minor": 237, "access": "rwm"}]) == "refused\n"
    assert opens_fuse(box, [{"allow": True, "major": 1, "minor": 3, "access": "r"}]) == "refused\n"
    assert opens_fuse(box, [{"allow": True, "access": "m"}]) == "refused\n"


def case_container_of_the_runtimes_own_namespaces(box):
    """SECURITY(container-own-namespace): by its path the runtime's own is no namespace of the container's."""
    if not box.is_yett():
        box.cannot_run("others set what the host has")

    def joined(kind, **linux):
        def change(config):
            config["linux"].update(linux)
            config.pop("hostname")
            for entry in config["linux"]["namespaces"]:
                if entry["type"] == kind:
                    entry["path"] = f"/proc/self/ns/{kind[:3] if kind == 'network' else kind}"
        return box.once("echo in", change)
    done = joined("network", sysctl={"net.ipv4.ip_default_ttl": "65"})
    assert done.status != 0 and "the runtime's own network namespace" in done.err, done
    done = joined("uts")
    assert done.status != 0 and "the runtime's own uts namespace" in done.err, done
    assert joined("network").out == "in\n"


def case_container_pid_file_is_the_owners(box):
    """SECURITY(container-pid-file): what somebody else has put in its way is not written to."""
    if not box.is_yett():
        box.cannot_run("about yett's own files")
    others = box.directory / "app.pid.yett-new"
    others.write_text("theirs\n")
    os.chown(others, 1000, 1000)
    with open(others, encoding="ascii") as held:
        container = box.create(box.bundle(HELD), "--pid-file", box.directory / "app.pid")
        assert held.read() == "theirs\n"
    file = box.directory / "app.pid"
    assert file.stat().st_uid == 0 and int(file.read_text()) == box.state(container)["pid"]


def case_container_store_of_another_user(box):
    """SECURITY(container-store-owner): what is kept there decides which programs run as its reader."""
    if not box.is_yett():
        box.cannot_run("about yett's own files")
    store = box.directory / "theirs"
    store.mkdir()
    os.chown(store, 1000, 1000)
    bundle = box.bundle()
    words = [*box.prefix, box.runtime, "--root", str(store)]
    for command in (["run", "--bundle", str(bundle), "case-theirs"], ["delete", "case-theirs"]):
        done = subprocess.run([*words, *command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0 and "belongs to uid 1000" in done.stderr, done
    os.chown(store, 0, 0)
    done = subprocess.run([*words, "run", "--bundle", str(bundle), "case-theirs"], capture_output=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done
