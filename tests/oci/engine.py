"""What the tests of container engines share: a place of their own, daemons that end with the test, an
image made here, and expectations. With --unified it is as on a host with cgroup v2 alone.

A test runs in mount and pid namespaces of its own: however it ends, its daemons, shims, containers
and mounts end with it, and /run is its own. What else it makes is below the build directory.
"""
import atexit
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SECONDS = 60
APPLETS = ("sh cat echo id sleep ls grep touch mkdir stat readlink head tty stty env pwd ps true false test kill "
           "mount umount hostname dd rm wget nc httpd od wc mknod tr seq yes uname").split()


def cannot_run(reason):
    print(f"cannot run: {reason}")
    sys.exit(1 if os.environ.get("YETT_REQUIRE_FULL") == "1" else 77)


def enter_own_namespaces():
    """Runs this script again in namespaces of its own; returns inside them."""
    if os.getpid() == 1:
        return
    if os.geteuid() != 0:
        cannot_run("an engine's containers need root here")
    os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation",
                          "private", sys.executable, *sys.argv])


def chosen_checks(every):
    """Those of the command line, or all."""
    return [word for word in sys.argv[2:] if not word.startswith("--")] or every


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            cannot_run(f"{program} is not installed")


class User:
    """One without rights, with ids of its own to give away; only this mount namespace knows it."""
    NAME, ID, OTHERS = "yett-tester", 1001, 200000
    # In front of a command.
    COMMAND = ["setpriv", f"--reuid={ID}", f"--regid={ID}", "--clear-groups", "--inh-caps=-all"]

    def __init__(self):
        with tempfile.TemporaryDirectory() as made:
            for name, line in (("passwd", f"{self.NAME}:x:{self.ID}:{self.ID}::/tmp:/bin/sh"),
                               ("group", f"{self.NAME}:x:{self.ID}:"),
                               ("subuid", f"{self.NAME}:{self.OTHERS}:65536"),
                               ("subgid", f"{self.NAME}:{self.OTHERS}:65536")):
                self.add_line(pathlib.Path("/etc") / name, pathlib.Path(made) / name, line)

    @staticmethod
    def add_line(path, copy, line):
        if not path.exists():
            cannot_run(f"{path} is missing")
        copy.write_text(path.read_text() + line + "\n")
        copy.chmod(0o644)
        subprocess.run(["mount", "--bind", copy, path], check=True)


class Place:
    """A directory below the build tree, and the cgroups named like it; gone at the end."""

    def __init__(self, name):
        self.build = pathlib.Path(sys.argv[1]).resolve()
        self.yett = os.environ.get("YETT_BIN", str(self.build / "bin/yett"))
        # Sockets below it have to fit into 108 bytes.
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"{name[0]}.", dir=self.build))
        self.user = User() if "--rootless" in sys.argv else None
        self.cgroup = f"yett-{name}-{self.path.name}"
        self.shared_cgroups = []  # those that an engine names by itself; others may be in them
        self.daemons = []
        # Where engines write whatever they are configured to: keys, caches, sockets of shims.
        for directory in ("/run", "/etc/docker", "/var/lib/containers"):
            if os.path.isdir(directory):
                subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)
        if "--unified" in sys.argv:
            subprocess.run(["umount", "--recursive", "/sys/fs/cgroup"], check=True)
            subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
        if self.user:
            self.move_to_user()
        atexit.register(self.clean)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    def __truediv__(self, name):
        return self.path / name

    def as_user(self, *command):
        return [*User.COMMAND, *command] if self.user else list(command)

    def directory(self, name):
        """A new one, whose owner is who runs the engine."""
        path = self.path / name
        path.mkdir()
        if self.user:
            os.chown(path, User.ID, User.ID)
        return path

    def move_to_user(self):
        """Where an ordinary user may go, the runtime with it: the build tree may be root's alone."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/tmp"], check=True)
        self.path.rmdir()
        self.path = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
        self.yett = shutil.copy(self.yett, "/tmp/yett")
        os.chown(self.path, User.ID, User.ID)

    def daemon(self, *command, ready):
        """Runs until the test ends; `ready` says when it serves."""
        log = open(self.path / f"{os.path.basename(command[0])}.log", "w")
        # An engine that finds its containerd too slow makes that write its stacks there.
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env={**os.environ, "TMPDIR": str(self.path)})
        self.daemons.append((process, log.name))
        end = time.monotonic() + SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                print(pathlib.Path(log.name).read_text()[-4000:])
                sys.exit(f"{command[0]} does not serve")
            time.sleep(0.1)
        return process

    def clean(self):
        for process, _ in reversed(self.daemons):
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        for pid in [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        mounts = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in reversed(mounts):
            if mount.startswith(f"{self.path}/"):
                subprocess.run(["umount", "--lazy", mount], check=False)
        left = self.remove_cgroups()
        shutil.rmtree(self.path, ignore_errors=True)
        if left:
            print(f"left behind: {left}", flush=True)
            os._exit(1)

    def remove_cgroups(self):
        end = time.monotonic() + 10
        while True:
            found = []
            root = pathlib.Path("/sys/fs/cgroup")
            for name in [self.cgroup, *self.shared_cgroups]:
                for top in [root / name, *(hierarchy / name for hierarchy in root.iterdir())]:
                    found += [pathlib.Path(path) for path, _, _ in os.walk(top, topdown=False)]
            for directory in found:
                try:
                    directory.rmdir()
                except OSError:
                    pass
            left = [str(directory) for directory in found if directory.exists() and self.cgroup in directory.parts]
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.1)


def make_root(path):
    """A root filesystem of busybox alone."""
    for directory in "bin etc tmp proc dev sys root run var".split():
        (path / directory).mkdir(parents=True, exist_ok=True)
    (path / "tmp").chmod(0o1777)
    shutil.copy("/bin/busybox", path / "bin/busybox")
    for applet in APPLETS:
        (path / "bin" / applet).symlink_to("busybox")
    (path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\nuser:x:1000:\n")
    return path


def run(*command, status=0, input=None, env=None):
    """Its output; `status` None: any."""
    done = subprocess.run([str(word) for word in command], text=True, input=input, env=env, timeout=SECONDS,
                          stdin=None if input is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if status is not None and done.returncode != status:
        fail(f"{' '.join(map(str, command))}: status {done.returncode}, not {status}\n{done.stdout}{done.stderr}")
    return done.stdout.strip() if status is not None else done


def fail(text):
    print(f"FAILED: {text}", flush=True)
    sys.exit(1)


def expect(what, wanted, found):
    if callable(wanted):
        if not wanted(found):
            fail(f"{what}: found {found!r}")
    elif wanted != found:
        fail(f"{what}: expected {wanted!r}, found {found!r}")
    print(f"{what}: ok", flush=True)


def eventually(what, wanted, look):
    end = time.monotonic() + SECONDS
    while True:
        found = look()
        if (wanted(found) if callable(wanted) else found == wanted) or time.monotonic() > end:
            return expect(what, wanted, found)
        time.sleep(0.1)


def some_device(as_user=()):
    """One that opens here, and that no container of root's has by itself: its path and its numbers as stat prints them."""
    for path in ("/dev/fuse", "/dev/net/tun", "/dev/loop-control", "/dev/kmsg", "/dev/zero"):
        if subprocess.run([*as_user, "dd", f"if={path}", "count=0", "status=none"], stderr=subprocess.DEVNULL).returncode != 0:
            continue
        number = os.stat(path).st_rdev
        return path, f"{os.major(number):x} {os.minor(number):x}"
    return cannot_run("no device can be opened")


# A limit as a file of cgroup v1 and as one of v2.
LIMITS = {
    "memory": ("memory", "memory.limit_in_bytes", "memory.max", str),
    "pids": ("pids", "pids.max", "pids.max", str),
    # 2..262144 as 1..10000
    "shares": ("cpu", "cpu.shares", "cpu.weight", lambda shares: str(1 + (shares - 2) * 9999 // 262142)),
    "quota": ("cpu", "cpu.cfs_quota_us", "cpu.max", lambda quota: f"{quota} 100000"),
}


def expect_limit(what, pid, kind, value):
    """Of the cgroup that the process is in."""
    controller, v1, v2, as_v2 = LIMITS[kind]
    lines = [line.split(":", 2) for line in open(f"/proc/{pid}/cgroup").read().splitlines()]
    for _, names, path in lines:
        if controller in names.split(","):
            return expect(what, str(value), open(f"/sys/fs/cgroup/{controller}{path}/{v1}").read().strip())
    path = next(path for _, names, path in lines if not names)
    return expect(what, as_v2(value), open(f"/sys/fs/cgroup{path}/{v2}").read().strip())


# Everything that Docker's default profile allows plus what is refused here by name.
def seccomp_refusing(path, *names):
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW",
                                "syscalls": [{"names": list(names), "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}))
    return path
