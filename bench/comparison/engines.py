"""podman and containerd on top of an OCI runtime: what they add to a start and to memory.

Both keep everything in the run's own directories, podman's locks too, and in a mount namespace that ends with them and
has a /run of its own.
"""
import pathlib
import resource
import subprocess

from . import bundle
from .containers import apart, remove_groups
from .daemon import Daemon
from .processes import end_leftovers
from .runtimes import Runtime

SECTIONS = ("Start-up", "Memory of idle sandboxes")  # what runs inside is the OCI runtime's own affair
MOST_IDLE = 100
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
    most_idle = MOST_IDLE

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


def containerd(place):
    """What it and ctr make under /run/containerd is on the tmpfs of their namespace."""
    state = place.state / "containerd"
    made = Daemon(state, lambda: [*apart(fresh_run(place)), "containerd", "--config", made.settings_file],
                  CONTAINERD.format(state=state))
    return made


class Containerd(Runtime):
    """`ctr run` of the same bundle that the OCI runtimes have."""

    sections = SECTIONS
    most_idle = MOST_IDLE

    def __init__(self, name, place, oci, daemon):
        super().__init__(name, place)
        self.oci, self.daemon = oci, daemon

    @property
    def daemons(self):
        return self.daemon.processes()

    def around(self):
        return ["nsenter", f"--mount=/proc/{self.daemon.up()}/ns/mnt", "--"]

    def command(self, program):
        made = bundle.make(self.place, program)
        return ["ctr", "--address", self.daemon.socket, "run", "--rm", "--config", f"{made}/config.json",
                "--runc-binary", self.oci, f"{self.prefix()}{{}}"]

    def version(self):
        return ["ctr", "--version"]

    def end(self):
        end_leftovers()
        remove_groups(self.prefix())
