"""podman and containerd on top of an OCI runtime: what they add to a start and to memory.

Both keep everything in the run's own directories, podman's locks too, and in a mount namespace that ends with them and
has a /run of its own.
"""
import contextlib
import pathlib
import resource
import socket
import subprocess
import time

from . import bundle
from .containers import apart, remove_groups
from .processes import Failed, end_leftovers, last_words, start
from .runtimes import Runtime

SECTIONS = ("Start-up", "Memory of idle sandboxes")  # what runs inside is the OCI runtime's own affair
CONTAINERD = """version = 2
root = "{state}/root"
state = "{state}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = "{state}/socket"
[ttrpc]
address = "{state}/ttrpc"
"""
MOST = 4096  # what any caller's hard limits allow


def fresh_run(place):
    """Part of apart()'s script: an empty /run, with the run's own state in it where it was."""
    fresh = place.state / "fresh"
    if place.state.parent != pathlib.Path("/run"):
        return "mount -t tmpfs none /run && "
    inside = f"{fresh}/{place.state.name}"
    return (f"mkdir -p {fresh} && mount -t tmpfs none {fresh} && mkdir {inside} && mount --bind {place.state} {inside} && "
            f"mount -n --move {fresh} /run && ")


def limit(name, which):
    """The caller's own: a limit above it would need CAP_SYS_RESOURCE."""
    hard = resource.getrlimit(which)[1]
    hard = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    return f"--ulimit={name}={hard}:{hard}"


class Podman(Runtime):
    """`podman run` of a root file system, without a network, with its own seccomp profile and capabilities."""

    sections = SECTIONS

    def __init__(self, name, place, oci):
        super().__init__(name, place)
        self.oci = oci
        self.state = place.state / name

    def around(self):
        self.state.mkdir(exist_ok=True)
        settings = self.state / "containers.conf"
        if not settings.exists():
            settings.write_text('[engine]\nlock_type = "file"\n')
            bundle.make_rootfs(self.state / "rootfs")  # of its own: podman writes to it
        return [*apart(fresh_run(self.place)), "env", f"CONTAINERS_CONF={settings}"]

    def base(self):
        return ["podman", "--root", f"{self.state}/root", "--runroot", f"{self.state}/run", "--tmpdir",
                f"{self.state}/tmp", "--cgroup-manager=cgroupfs", "--events-backend=none", "--runtime", self.oci,
                "--runtime-flag", f"root={self.state}/oci"]

    def command(self, program):
        network = "host" if program.host_network else "none"
        volumes = ["-v", "/usr:/usr:ro", "-v", f"{self.place.binaries}:/bench:ro"]
        return [*self.base(), "run", "--rm", "-i", f"--network={network}", "--no-hosts", "--log-driver=none",
                f"--cgroup-parent=/{self.prefix()}all", "--name", f"{self.prefix()}{{}}",
                limit("nofile", resource.RLIMIT_NOFILE), limit("nproc", resource.RLIMIT_NPROC), *volumes,
                "--rootfs", f"{self.state}/rootfs", *program.words]

    def version(self):
        return ["podman", "--version"]

    def end(self):
        if (self.state / "root").exists():
            subprocess.run([*self.around(), *self.base(), "rm", "--all", "--force", "--time=0"], capture_output=True,
                           check=False)
        end_leftovers()
        remove_groups(self.prefix())


class Daemon:
    """containerd, started when it is first needed and after each time that leftovers were ended."""

    def __init__(self, place):
        self.place, self.state = place, place.state / "containerd"
        self.process = None

    def await_up(self):
        for _ in range(200):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{self.state}/socket")
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise Failed(f"containerd: {last_words((self.state / 'log').read_text(encoding='utf-8'))}")

    def up(self):
        """Its process id. What it and ctr make under /run/containerd is on the tmpfs of their namespace."""
        if self.process and self.process.poll() is None:
            return self.process.pid
        self.state.mkdir(exist_ok=True)
        settings = self.state / "config.toml"
        settings.write_text(CONTAINERD.format(state=self.state))
        with contextlib.suppress(FileNotFoundError):
            (self.state / "socket").unlink()
        with open(self.state / "log", "w", encoding="utf-8") as log:
            self.process = start([*apart(fresh_run(self.place)), "containerd", "--config", str(settings)],
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.await_up()
        return self.process.pid


class Containerd(Runtime):
    """`ctr run` of the same bundle that the OCI runtimes have."""

    sections = SECTIONS

    def __init__(self, name, place, oci, daemon):
        super().__init__(name, place)
        self.oci, self.daemon = oci, daemon

    @property
    def daemons(self):
        return (self.daemon.process.pid,) if self.daemon.process else ()

    def around(self):
        return ["nsenter", f"--mount=/proc/{self.daemon.up()}/ns/mnt", "--"]

    def command(self, program):
        made = bundle.make(self.place, program)
        return ["ctr", "--address", f"{self.daemon.state}/socket", "run", "--rm", "--config", f"{made}/config.json",
                "--runc-binary", self.oci, f"{self.prefix()}{{}}"]

    def version(self):
        return ["ctr", "--version"]

    def end(self):
        end_leftovers()
        remove_groups(self.prefix())
