#!/usr/bin/env python3
"""Containers by a runtime's command line: each case is a clause of the OCI runtime specification (or
one of runc's habits that engines rely on), and runs against yett, runc and crun alike.

    cases.py --list                     the cases' names
    cases.py [--runtime PATH] CASE...   run them; ends 1 if one fails, 77 if it cannot run here
    cases.py --report                   every case with yett, runc and crun, side by side

A case is a function case_NAME(box). It makes its bundle with box.bundle(), runs the runtime with
box.run(), and says what it expects with assert. What it leaves is deleted and must then be gone.
"""
import argparse
import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import command_cases
import config_cases
import enter_cases
import hostile_cases
import keep_cases
import malformed_cases
import mount_cases
import rights_cases
import root_cases
import specification_cases
import systemd_cases
import terminal_cases
import unified_cases

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("YETT_BUILD_DIR", HERE.parent.parent / "build/release"))
DOCKER_CAPABILITIES = ["CAP_" + name for name in (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
    "SYS_CHROOT KILL AUDIT_WRITE").split()]
APPLETS = ("sh ls cat echo id sleep su mount umount ps true false grep test kill touch mkdir env pwd stat "
           "readlink hostname sync mknod chroot head tty umask ulimit dd ln rm printf").split()


class CannotRun(Exception):
    pass


class Done:
    def __init__(self, completed):
        self.status = completed.returncode
        self.out = completed.stdout
        self.err = completed.stderr

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}--- stderr\n{self.err}"


class Box:
    """A runtime, a directory for its state, bundles; all of it gone at the end."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="yett-oci-"))
        self.ids = []
        self.prefix = []
        if "crun" in os.path.basename(runtime) and os.path.exists("/sys/fs/cgroup/unified"):
            # crun takes a host with v2 mounted beside v1 for one of v2.
            self.prefix = ["unshare", "-m", "sh", "-c", 'umount /sys/fs/cgroup/unified; exec "$@"', "sh"]

    @staticmethod
    def cannot_run(reason):
        raise CannotRun(reason)

    def speaks_runcs_words(self):
        """Texts and columns that engines read in runc's form; crun has its own."""
        return "crun" not in os.path.basename(self.runtime)

    def is_yett(self):
        return os.path.basename(self.runtime) == "yett"

    def cannot_run(self, reason):
        raise CannotRun(reason)

    def new_id(self):
        self.ids.append(f"case-{os.getpid()}-{len(self.ids)}")
        return self.ids[-1]

    def bundle(self, script="true", change=None, name="bundle"):
        path = self.directory / name
        binaries = path / "rootfs/bin"
        binaries.mkdir(parents=True, exist_ok=True)
        for directory in "proc dev sys tmp etc root".split():
            (path / "rootfs" / directory).mkdir(exist_ok=True)
        (path / "rootfs/etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
        (path / "rootfs/etc/group").write_text("root:x:0:\nuser:x:1000:\n")
        shutil.copy("/bin/busybox", binaries / "busybox")
        for applet in APPLETS:
            if not (binaries / applet).is_symlink():
                (binaries / applet).symlink_to("busybox")
        config = base_config(script)
        if change:
            change(config)
        (path / "config.json").write_text(json.dumps(config))
        return path

    def command(self, *words):
        return [*self.prefix, self.runtime, "--root", str(self.directory / "state"), *map(str, words)]

    def run(self, *words, input=None, cwd=None, timeout=60, pass_fds=()):
        return Done(subprocess.run(self.command(*words), input=input, text=True, cwd=cwd, timeout=timeout,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=pass_fds,
                                   stdin=None if input is not None else subprocess.DEVNULL))

    def quiet(self, *words):
        """For what leaves a process behind, which must not hold our pipes."""
        with open(self.directory / "output", "w+") as output:
            completed = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, timeout=60)
            output.seek(0)
            completed.stdout, completed.stderr = output.read(), ""
            return Done(completed)

    def create(self, bundle, *options):
        container = self.new_id()
        done = self.quiet("create", "--bundle", bundle, *options, container)
        assert done.status == 0, done
        return container

    def start(self, bundle, *options):
        container = self.create(bundle, *options)
        done = self.quiet("start", container)
        assert done.status == 0, done
        return container

    def once(self, script, change=None):
        """The output of a container that runs `script` to its end."""
        return self.run("run", "--bundle", self.bundle(script, change), self.new_id())

    def state(self, container):
        return json.loads(self.run("state", container).out)

    def await_status(self, container, status):
        for _ in range(500):
            if self.state(container)["status"] == status:
                return
            time.sleep(0.02)
        raise AssertionError(f"{container} is not {status}: {self.state(container)}")

    def await_file(self, name):
        """Of the bundle's root: what a container's program says."""
        path = self.directory / "bundle/rootfs" / name
        for _ in range(500):
            if path.exists():
                return path
            time.sleep(0.02)
        raise AssertionError(f"the program has not made {name}")

    def await_text(self, name, text):
        """As await_file, until it is written whole."""
        path = self.await_file(name)
        for _ in range(500):
            if path.read_text() == text:
                return
            time.sleep(0.02)
        raise AssertionError(f"the program wrote {path.read_text()!r} to {name}, not {text!r}")

    def own_mounts(self):
        """Of the box, seen by the host; those of other programs come and go."""
        mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        return [line for line in mounts if str(self.directory) in line]

    def cgroups(self, name="*"):
        """Of this process's cases, in every hierarchy. By glob.glob, for others' vanish while one looks."""
        return [pathlib.Path(path) for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/*")
                for path in glob.glob(f"{place}/yett.oci/case-{os.getpid()}-{name}")]

    def close(self):
        for container in self.ids:
            self.run("delete", "--force", container)
        left = [str(path) for path in (self.directory / "state").glob("*")] if self.is_yett() else []
        for path in self.cgroups():
            left.append(str(path))
            remove_cgroups(path)
        shutil.rmtree(self.directory)
        assert not left, f"left behind: {left}"


def remove_cgroups(top):
    for place, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(place)


def base_config(script):
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", script],
            "env": ["PATH=/bin"], "cwd": "/",
            "capabilities": {kind: list(DOCKER_CAPABILITIES) for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "box",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs",
             "options": ["nosuid", "noexec", "nodev", "ro"]}],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/sys"]}}


# ---- life -----------------------------------------------------------------------------------------


def case_run_gives_the_exit_status(box):
    done = box.once("echo out; echo err >&2; exit 7")
    assert (done.status, done.out, done.err) == (7, "out\n", "err\n"), done


def case_create_start_kill_delete(box):
    container = box.create(box.bundle("exec sleep 1000"))
    state = box.state(container)
    assert state["status"] == "created" and state["id"] == container, state
    assert state["bundle"] == str(box.directory / "bundle"), state
    assert pathlib.Path(f"/proc/{state['pid']}").exists()
    assert box.quiet("start", container).status == 0
    box.await_status(container, "running")
    assert box.run("kill", container, "KILL").status == 0
    box.await_status(container, "stopped")
    assert box.run("delete", container).status == 0
    assert box.run("state", container).status != 0


def case_start_twice_is_an_error(box):
    container = box.start(box.bundle("exec sleep 1000"))
    assert box.run("start", container).status != 0
    box.await_status(container, "running")


def case_an_id_is_taken_once(box):
    bundle = box.bundle("exec sleep 1000")
    container = box.create(bundle)
    again = box.run("create", "--bundle", bundle, container)
    assert again.status != 0 and "exist" in again.err, again
    box.await_status(container, "created")


def case_delete_of_a_running_one_is_an_error(box):
    container = box.start(box.bundle("exec sleep 1000"))
    assert box.run("delete", container).status != 0
    box.await_status(container, "running")
    assert box.run("delete", "--force", container).status == 0
    assert box.run("state", container).status != 0


def case_delete_force_of_nothing_is_no_error(box):
    assert box.run("delete", "--force", "there-is-no-such").status == 0
    assert box.run("delete", "there-is-no-such").status != 0


def case_options_after_the_id(box):
    container = box.start(box.bundle("exec sleep 1000"))
    if not box.is_yett():
        raise CannotRun("runc and crun differ here")
    assert box.run("delete", container, "--force").status == 0


def case_kill_of_a_stopped_one_is_an_error(box):
    container = box.start(box.bundle("true"))
    box.await_status(container, "stopped")
    done = box.run("kill", container, "TERM")
    assert done.status != 0, done
    assert "not running" in done.err or not box.speaks_runcs_words(), done


def case_kill_by_name_and_number(box):
    for name in ("TERM", "SIGTERM", "15"):
        container = box.start(box.bundle("trap 'exit 3' TERM; touch /ready; while :; do sleep 0.05; done"))
        box.await_file("ready").unlink()
        assert box.run("kill", container, name).status == 0
        box.await_status(container, "stopped")


def case_pid_file(box):
    file = box.directory / "pid"
    container = box.create(box.bundle(), "--pid-file", file)
    assert file.read_text() == str(box.state(container)["pid"])


def case_a_program_that_is_not_there_fails_create(box):
    bundle = box.bundle(change=lambda config: config["process"].update(args=["no-such-program"]))
    done = box.run("create", "--bundle", bundle, box.new_id())
    assert done.status != 0 and "not found" in done.err, done


def case_a_failed_create_leaves_nothing(box):
    bundle = box.bundle(change=lambda config: config["mounts"].append(
        {"destination": "/x", "type": "bind", "source": "/no/such/source", "options": ["bind"]}))
    container = box.new_id()
    assert box.run("create", "--bundle", bundle, container).status != 0
    assert box.run("state", container).status != 0


def case_list_and_its_formats(box):
    container = box.start(box.bundle("exec sleep 1000"))
    assert box.run("list", "--quiet").out.split() == [container]
    listed = json.loads(box.run("list", "--format", "json").out)
    assert [each["id"] for each in listed] == [container] and listed[0]["status"] == "running", listed
    if box.speaks_runcs_words():
        assert box.run("list").out.splitlines()[0].split() == "ID PID STATUS BUNDLE CREATED OWNER".split()


def case_ps_as_json(box):
    container = box.start(box.bundle("exec sleep 1000"))
    pids = json.loads(box.run("ps", "--format", "json", container).out)
    assert pids == [box.state(container)["pid"]], pids


def case_pause_and_resume(box):
    container = box.start(box.bundle("exec sleep 1000"))
    assert box.run("pause", container).status == 0
    assert box.state(container)["status"] == "paused"
    assert box.run("resume", container).status == 0
    assert box.state(container)["status"] == "running"


def case_json_log_lines(box):
    log = box.directory / "log"
    done = Done(subprocess.run([*box.prefix, box.runtime, "--root", str(box.directory / "state"), "--log", log,
                                "--log-format", "json", "start", "no-such"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    line = json.loads(log.read_text().splitlines()[-1])
    assert done.status != 0 and line["level"] == "error", (done, line)
    assert line["time"] and ("exist" in line["msg"] or not box.speaks_runcs_words()), line


def case_death_of_create_leaves_what_delete_takes(box):
    if not box.is_yett():
        raise CannotRun("the others leave a process behind")
    bundle = box.bundle("exec sleep 1000")
    for delay in range(0, 40, 4):
        container = box.new_id()
        with open(os.devnull, "w") as null:
            process = subprocess.Popen(box.command("create", "--bundle", bundle, container), stdout=null,
                                       stderr=null)
            time.sleep(delay / 1000)
            process.kill()
            process.wait()
        done = box.run("delete", "--force", container)
        assert done.status == 0, done


# ---- the process ----------------------------------------------------------------------------------


def case_user_groups_umask(box):
    def change(config):
        config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 6], "umask": 0o27}
    done = box.once("id -u; id -g; grep Groups /proc/self/status; umask", change)
    assert done.out.split() == ["1000", "1000", "Groups:", "5", "6", "0027"], done


def case_environment_and_cwd(box):
    def change(config):
        config["process"].update(env=["PATH=/bin", "A=b c"], cwd="/new/made")
    done = box.once("pwd; env", change)
    lines = done.out.splitlines()
    assert lines[0] == "/new/made" and "A=b c" in lines, done


def case_rlimits(box):
    def change(config):
        config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    done = box.once("ulimit -Sn; ulimit -Hn", change)
    assert done.out.split() == ["100", "200"], done


def case_no_new_privileges(box):
    for asked in (True, False):
        done = box.once("grep NoNewPrivs /proc/self/status",
                        lambda config: config["process"].update(noNewPrivileges=asked))
        assert done.out.split() == ["NoNewPrivs:", str(int(asked))], done


def case_oom_score(box):
    done = box.once("cat /proc/self/oom_score_adj",
                    lambda config: config["process"].update(oomScoreAdj=500))
    assert done.out == "500\n", done


def case_root_drops_privileges_by_itself(box):
    done = box.once("su user -c 'id -u; touch /root/x' 2>&1; echo $?",
                    lambda config: config["root"].update(readonly=False))
    first = done.out.split("\n")[0]
    assert first == "1000" or "must be suid" in first, done


def case_init_is_the_program(box):
    done = box.once("echo $$; read name < /proc/1/comm; echo $name")
    assert done.out == "1\nsh\n", done


# ---- exec -----------------------------------------------------------------------------------------


def case_exec_runs_inside(box):
    container = box.start(box.bundle("exec sleep 1000"))
    done = box.run("exec", container, "sh", "-c", "cat /proc/1/comm; hostname; id -u; exit 4")
    assert (done.status, done.out) == (4, "sleep\nbox\n0\n"), done


def case_exec_with_user_env_cwd(box):
    container = box.start(box.bundle("exec sleep 1000"))
    done = box.run("exec", "--user", "1000:1000", "--env", "X=y", "--env", "PATH=/bin", "--cwd", "/tmp", container, "sh", "-c",
                   "id -u; id -g; echo $X; pwd")
    assert done.out.split() == ["1000", "1000", "y", "/tmp"], done


def case_exec_of_a_process_file(box):
    container = box.start(box.bundle("exec sleep 1000"))
    process = dict(base_config("echo from the file; exit 6")["process"])
    file = box.directory / "process.json"
    file.write_text(json.dumps(process))
    done = box.run("exec", "--process", file, container)
    assert (done.status, done.out) == (6, "from the file\n"), done


def case_exec_detached_writes_its_pid(box):
    container = box.start(box.bundle("exec sleep 1000"))
    file = box.directory / "exec-pid"
    assert box.quiet("exec", "--detach", "--pid-file", file, container, "sleep", "1000").status == 0
    assert pathlib.Path(f"/proc/{file.read_text()}/comm").read_text() == "sleep\n"


def case_exec_in_a_stopped_one_is_an_error(box):
    container = box.start(box.bundle("true"))
    box.await_status(container, "stopped")
    assert box.run("exec", container, "true").status != 0


def case_exec_of_what_is_not_there_is_255(box):
    container = box.start(box.bundle("exec sleep 1000"))
    done = box.run("exec", container, "no-such-program")
    if "crun" in box.runtime:
        assert done.status != 0, done
    else:
        assert done.status == 255 and "not found" in done.err, done


# ---- files ----------------------------------------------------------------------------------------


def case_default_devices(box):
    done = box.once("cd /dev; for d in null zero full random urandom tty; do test -c $d || echo no $d; done; "
                    "for l in fd stdin stdout stderr ptmx; do readlink $l; done; echo x > null; head -c1 zero | dd of=null 2>&1 | head -1")
    assert done.out.startswith("/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n"), done


def case_asked_device(box):
    def change(config):
        config["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640,
                                       "uid": 5, "gid": 6}]
        config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"},
                                                    {"allow": True, "type": "c", "major": 1, "minor": 3,
                                                     "access": "rwm"}]}
    done = box.once("stat -c '%a %u %g %t %T' /dev/mine", change)
    assert done.out == "640 5 6 1 3\n", done


def case_bind_mounts_read_only_and_not(box):
    source = box.directory / "source"
    source.mkdir()

    def change(config):
        config["mounts"] += [
            {"destination": "/rw", "type": "bind", "source": str(source), "options": ["rbind", "rw"]},
            {"destination": "/ro", "type": "bind", "source": str(source), "options": ["rbind", "ro"]}]
    done = box.once("touch /rw/a && echo wrote; touch /ro/b || echo refused; ls /ro", change)
    assert done.out == "wrote\nrefused\na\n", done


def case_tmpfs_with_options(box):
    def change(config):
        config["mounts"].append({"destination": "/t", "type": "tmpfs", "source": "tmpfs",
                                 "options": ["size=1m", "mode=1777", "noexec"]})
    done = box.once("stat -c %a /t; grep ' /t ' /proc/mounts", change)
    assert done.out.startswith("1777\n") and "noexec" in done.out and "size=1024k" in done.out, done


def case_tmpfs_that_begins_with_a_copy(box):
    bundle = box.bundle("cat /t/d/file; readlink /t/link; touch /t/x && echo wrote")
    (bundle / "rootfs/t/d").mkdir(parents=True)
    (bundle / "rootfs/t/d/file").write_text("kept\n")
    (bundle / "rootfs/t/link").symlink_to("/etc")
    config = json.loads((bundle / "config.json").read_text())
    config["mounts"].append({"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]})
    (bundle / "config.json").write_text(json.dumps(config))
    done = box.run("run", "--bundle", bundle, box.new_id())
    if "crun" in box.runtime or box.is_yett():
        assert done.out == "kept\n/etc\nwrote\n", done
    assert not (bundle / "rootfs/t/x").exists()


def case_read_only_root(box):
    done = box.once("touch /x || echo refused", lambda config: config["root"].update(readonly=True))
    assert done.out == "refused\n", done


def case_hostname_and_sysctl(box):
    def change(config):
        config["hostname"] = "another"
        config["linux"]["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "80"}
    done = box.once("hostname; cat /proc/sys/net/ipv4/ip_unprivileged_port_start", change)
    assert done.out == "another\n80\n", done


# ---- hooks ----------------------------------------------------------------------------------------


def case_hooks_in_order_with_the_state(box):
    log = box.directory / "hooks"
    hook = lambda name: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {name} $(cat) >> {log}"],
                          "env": ["PATH=/bin:/usr/bin"]}]

    def change(config):
        config["hooks"] = {name: hook(name) for name in ("poststop", "poststart", "createContainer",
                                                         "createRuntime", "prestart")}
    container = box.start(box.bundle("exec sleep 1000", change))
    assert box.run("delete", "--force", container).status == 0
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["prestart", "createRuntime", "createContainer", "poststart",
                                                    "poststop"], lines
    for line in lines:
        state = json.loads(line.split(" ", 1)[1])
        assert state["id"] == container and "bundle" in state, line


def case_a_failing_hook_ends_create(box):
    def change(config):
        config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    container = box.new_id()
    assert box.run("create", "--bundle", box.bundle(change=change), container).status != 0
    assert box.run("state", container).status != 0


# ---- resources ------------------------------------------------------------------------------------


def case_limits_and_update(box):
    def change(config):
        config["linux"]["resources"] = {"pids": {"limit": 20}, "memory": {"limit": 64 << 20}}
    container = box.start(box.bundle("exec sleep 1000", change))
    pid = box.state(container)["pid"]
    places = dict(line.split(":", 2)[1:] for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    v2 = pathlib.Path(f"/sys/fs/cgroup{places.get('', '')}")
    limit = pathlib.Path(f"/sys/fs/cgroup/pids{places['pids']}/pids.max") if "pids" in places else v2 / "pids.max"
    assert limit.read_text() == "20\n"
    memory = v2 / "memory.max"
    if "memory" in places:
        memory = pathlib.Path(f"/sys/fs/cgroup/memory{places['memory']}/memory.limit_in_bytes")
    assert memory.read_text() == f"{64 << 20}\n"
    done = box.run("update", "-r", "-", container, input=json.dumps({"pids": {"limit": 30}}))
    assert done.status == 0 and limit.read_text() == "30\n", done


# ---- what must not be, each with what may ---------------------------------------------------------


def case_container_ids(box):
    # SECURITY: container-ids
    bundle = box.bundle()
    for name in ("..", ".", "a/b", "../x", "a b", "a\nb", ""):
        done = box.run("run", "--bundle", bundle, name)
        assert done.status != 0, (name, done)
    assert not (box.directory / "x").exists()
    box.ids.append("good_ID+1.x-y")
    assert box.run("run", "--bundle", bundle, "good_ID+1.x-y").status == 0


def case_container_capabilities(box):
    # SECURITY: container-capabilities
    """container-no-directory-on-stdio belongs to the same step: a directory there fails the start."""
    done = box.once("grep Cap /proc/self/status")
    sets = dict(line.split() for line in done.out.splitlines())
    assert sets["CapBnd:"] == sets["CapPrm:"] == sets["CapEff:"] == "00000000a80425fb", sets
    assert sets["CapInh:"] == sets["CapAmb:"] == "0000000000000000", sets


def case_container_no_leaked_fds(box):
    # SECURITY: container-no-leaked-fds
    leaked = os.open("/etc", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    script = "for f in /proc/self/fd/*; do test -d $f && echo leaked $f; done; echo end"
    done = box.run("run", "--bundle", box.bundle(script), box.new_id(), pass_fds=(leaked,))
    os.close(leaked)
    assert done.out == "end\n", done


def case_container_waiting_fds(box):
    # SECURITY: container-waiting-fds
    container = box.create(box.bundle("exec sleep 1000"))
    if not box.is_yett():
        raise CannotRun("about yett's own process")
    pid = box.state(container)["pid"]
    held = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    state = str(box.directory / "state")
    assert not [path for path in held if path.startswith("/sys/fs/cgroup") or path.endswith("/lock")], held
    assert [path for path in held if path.startswith(state)] == [f"{state}/{container}/waiting"], held


def case_container_non_dumpable(box):
    # SECURITY: container-non-dumpable
    container = box.create(box.bundle("exec sleep 1000"))
    if not box.is_yett():
        raise CannotRun("about yett's own process")
    pid = box.state(container)["pid"]
    looks = ["setpriv", "--reuid", "1000", "--clear-groups", "ls", f"/proc/{pid}/fd"]
    assert subprocess.run(looks, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode != 0
    assert pathlib.Path(f"/proc/{pid}").stat().st_uid == 0


def case_container_own_executable(box):
    # SECURITY: container-own-executable
    container = box.create(box.bundle("exec sleep 1000"))
    if not box.is_yett():
        raise CannotRun("about yett's own file")
    own = os.statvfs(f"/proc/{box.state(container)['pid']}/exe")
    assert own.f_flag & os.ST_RDONLY, own
    assert not os.statvfs(box.runtime).f_flag & os.ST_RDONLY


def case_container_no_directory_on_stdio(box):
    # SECURITY: container-no-directory-on-stdio
    if not box.is_yett():
        raise CannotRun("runc and crun allow it")
    with open(box.directory / "err", "w+") as errors:
        directory = os.open("/etc", os.O_RDONLY)
        command = box.command("run", "--bundle", box.bundle("ls -l /proc/self/fd/0/"), box.new_id())
        status = subprocess.run(command, stdin=directory, stdout=errors, stderr=errors).returncode
        os.close(directory)
        errors.seek(0)
        assert status != 0 and "directory" in errors.read().lower()


def case_container_cwd(box):
    # SECURITY: container-cwd
    if not box.is_yett():
        raise CannotRun("older runc can be had this way")
    for fd in range(0, 12):
        for path in (f"/proc/self/fd/{fd}", f"/proc/self/fd/{fd}/../.."):
            done = box.once("pwd", lambda config: config["process"].update(cwd=path))
            assert done.status != 0, (path, done)
    assert box.once("pwd", lambda config: config["process"].update(cwd="/tmp")).out == "/tmp\n"


def case_container_mount_target(box):
    # SECURITY: container-mount-target
    """A target that is a link out of the root stays inside it."""
    bundle = box.bundle("ls /inside/made-by-mount >/dev/null && echo inside")
    outside = box.directory / "inside"
    (bundle / "rootfs/link").symlink_to("/inside")
    (bundle / "rootfs/inside").mkdir()
    config = json.loads((bundle / "config.json").read_text())
    config["mounts"].append({"destination": "/link/made-by-mount", "type": "tmpfs", "source": "tmpfs"})
    (bundle / "config.json").write_text(json.dumps(config))
    done = box.run("run", "--bundle", bundle, box.new_id())
    assert done.out == "inside\n" and not outside.exists() and not os.path.exists("/inside"), done


def case_container_masks(box):
    # SECURITY: container-masks
    done = box.once("head -c1 /proc/keys; ls /sys/firmware; echo end; head -c1 /proc/version")
    assert done.out == "end\nL", done


def case_container_read_only_paths(box):
    # SECURITY: container-read-only-paths
    done = box.once("echo 1 > /proc/sys/kernel/domainname || echo refused; cat /proc/sys/kernel/domainname > /dev/null "
                    "&& echo readable")
    assert done.out == "refused\nreadable\n", done


def case_container_propagation(box):
    # SECURITY: container-propagation
    container = box.start(box.bundle("exec sleep 1000"))
    assert not box.own_mounts()
    assert len(pathlib.Path(f"/proc/{box.state(container)['pid']}/mountinfo").read_text().splitlines()) > 4


def case_container_cgroup_path(box):
    # SECURITY: container-cgroup-path
    def change(config):
        config["linux"]["cgroupsPath"] = "/../../yett-escape"
    container = box.new_id()
    done = box.quiet("create", "--bundle", box.bundle(change=change), container)
    assert done.status != 0 or not box.is_yett(), done


def case_container_cgroup_own(box):
    """What others have in a cgroup stays as it was, whatever becomes of the container. One that is empty is used."""
    # SECURITY: container-cgroup-own
    if not box.is_yett():
        box.cannot_run("runc 1.1 warns and crun joins; runc refuses it since 1.2")
    name = f"yett.oci/case-{os.getpid()}-others"
    bundle = box.bundle("exec sleep 1000", lambda config: config["linux"].update(cgroupsPath="/" + name))
    root = pathlib.Path("/sys/fs/cgroup")
    v2_alone = (root / "cgroup.controllers").exists()
    for hierarchy in [root] if v2_alone else [root / "unified", root / "pids", root / "memory"]:
        for below in ("", "/nested"):
            place = pathlib.Path(f"{hierarchy}/{name}{below}")
            place.mkdir(parents=True, exist_ok=True)
            other = subprocess.Popen(["sleep", "1000"])
            try:
                (place / "cgroup.procs").write_text(str(other.pid))
                container = box.new_id()
                done = box.quiet("create", "--bundle", bundle, container)
                assert done.status != 0 and "/linux/cgroupsPath" in done.out and "is in use" in done.out, (place, done)
                assert other.poll() is None and str(other.pid) in (place / "cgroup.procs").read_text().split(), place
            finally:
                other.kill()
                other.wait()
    container = box.start(bundle)
    assert f"/{name}\n" in pathlib.Path(f"/proc/{box.state(container)['pid']}/cgroup").read_text()


def case_container_device_rules(box):
    # SECURITY: container-device-rules
    script = "mknod /tmp/mem c 1 1; head -c1 /tmp/mem > /dev/null && echo opened; head -c1 /dev/zero > /dev/null && echo zero"
    done = box.once(script)
    assert done.out == "zero\n", done


# ---- the program ----------------------------------------------------------------------------------

CASE_MODULES = (
    command_cases, config_cases, enter_cases, hostile_cases, keep_cases, malformed_cases, mount_cases, rights_cases, root_cases,
    specification_cases, terminal_cases, unified_cases)
if os.environ.get("YETT_VM") == "1":  # what it does would reach past its namespaces
    CASE_MODULES += (systemd_cases,)
CASES = {name.removeprefix("case_"): function
         for names in (globals(), *map(vars, CASE_MODULES))
         for name, function in names.items() if name.startswith("case_")}


@contextlib.contextmanager
def time_limit():
    """Before ctest's own, which leaves no time to clean up."""
    def too_long(*_):
        raise TimeoutError("the case took too long")
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(int(os.environ.get("YETT_CASE_SECONDS", "0")))
    try:
        yield
    finally:
        signal.alarm(0)


def run_case(name, runtime):
    """None: passed. A text: why not. Raises CannotRun."""
    box = Box(runtime)
    try:
        with time_limit():
            CASES[name](box)
        box.close()
        return None
    except CannotRun:
        box.close()
        raise
    except Exception as error:  # whatever it is, what it left goes
        text = f"{type(error).__name__}: {error}"
        try:
            box.close()
        except (AssertionError, subprocess.TimeoutExpired, OSError) as left:
            text += f"\nand: {left}"
        return text


def verdict(name, runtime, notes):
    """A cell of the report; why not goes to `notes`."""
    if shutil.which(runtime) is None:
        return "absent"
    try:
        problem = run_case(name, runtime)
    except CannotRun as reason:
        notes.append((f"`{name}` is not asked of", os.path.basename(runtime), str(reason)))
        return "-"
    if problem is None:
        return "yes"
    told = problem.replace(str(tempfile.gettempdir()), "").replace("AssertionError: ", "").replace("|", "/")
    notes.append((f"`{name}` fails with", os.path.basename(runtime), " ".join(told.split())[:200]))
    return "**no**"


def report(runtimes):
    """A table in Markdown: docs/oci-conformance.md has one."""
    versions = [subprocess.run([runtime, "--version"], capture_output=True, text=True).stdout.splitlines()[:1]
                for runtime in runtimes if shutil.which(runtime)]
    print("; ".join(line for lines in versions for line in lines) + "\n")
    print("| case |", " | ".join(map(os.path.basename, runtimes)), "|")
    print("|---|" + "---|" * len(runtimes))
    notes, yes = [], dict.fromkeys(runtimes, 0)
    for name in CASES:
        cells = [verdict(name, runtime, notes) for runtime in runtimes]
        for runtime, cell in zip(runtimes, cells):
            yes[runtime] += cell == "yes"
        print(f"| `{name}` |", " | ".join(cells), "|", flush=True)
    print(f"| of {len(CASES)} |", " | ".join(str(yes[runtime]) for runtime in runtimes), "|\n")
    together = {}
    for what, runtime, why in notes:
        together.setdefault((what, why), []).append(runtime)
    for (what, why), names in sorted(together.items(), key=lambda note: "not asked" in note[0][0]):
        print(f"- {what} {' and '.join(names)}: {why}")
    return 0 if yes[runtimes[0]] == len(CASES) else 1


def parse_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__, usage=argparse.SUPPRESS,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--report", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--runtime", default=os.environ.get("YETT_BIN", str(BUILD / "bin/yett")), help=argparse.SUPPRESS)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    for name in given.cases:
        if name not in CASES:
            parser.error(f"no case {name}; cases.py --list names them")
    return given


def main(words):
    given = parse_arguments(words)
    if given.list:
        print("\n".join(CASES))
        return 0
    if given.report:
        return report([given.runtime, "runc", "crun"])
    if os.geteuid() != 0:
        print("containers need root")
        return 1 if os.environ.get("YETT_REQUIRE_FULL") == "1" else 77
    failed = skipped = 0
    for name in given.cases or CASES:
        try:
            problem = run_case(name, given.runtime)
        except CannotRun as reason:
            print(f"{name}: cannot run: {reason}")
            skipped += 1
            continue
        print(f"{name}: {'passed' if problem is None else problem}", flush=True)
        failed += problem is not None
    if skipped and os.environ.get("YETT_REQUIRE_FULL") == "1":
        return 1
    return 1 if failed else 77 if skipped else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
