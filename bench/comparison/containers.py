"""OCI runtimes by themselves: `run` of a bundle, whose configuration is what Docker writes.

Each of their commands has a mount namespace of its own, where an empty tmpfs replaces a v2 mount beside v1:
refuses such a host, and would make directories on whatever is below the mount.
"""
import contextlib
import os
import pathlib
import subprocess

from . import bundle
from .processes import end_leftovers
from .runtimes import Runtime

V2_BESIDE_V1 = "/sys/fs/cgroup/unified"
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def apart(script=""):
    """A command that runs the following one in a mount namespace without v2 beside v1, after `script`."""
    hiding = f"umount -l {V2_BESIDE_V1} && mount -t tmpfs none {V2_BESIDE_V1} && "
    hidden = hiding if os.path.exists(f"{V2_BESIDE_V1}/cgroup.procs") else ""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{hidden}{script}exec "$@"', "sh"]


def remove_tree_of_groups(group):
    for inner in [each for each in group.iterdir() if each.is_dir()]:
        remove_tree_of_groups(inner)
    group.rmdir()


def remove_groups(prefix):
    """What is left of cgroups of v1 and v2 whose names begin so, wherever. Their processes have ended."""
    for parent, groups, _ in os.walk(CGROUPS):  # runc's lie below the caller's own; what goes meanwhile is no error
        for left in [each for each in groups if each.startswith(prefix)]:
            groups.remove(left)
            with contextlib.suppress(OSError):
                remove_tree_of_groups(pathlib.Path(parent, left))


class Container(Runtime):
    """crun, runc, or a runsc; `program` is its file, `options` stand before `run`."""

    def __init__(self, name, place, program=None, options=(), network_option=False):
        super().__init__(name, place)
        self.program, self.options, self.network_option = program or name, options, network_option

    def around(self):
        return apart()

    def base(self):
        return [self.program, "--root", f"{self.place.state}/containers-{self.name}"]

    def begun(self, program):
        """What stands before the word of what is to be done with a container of that program."""
        network = ["--network=host" if program.host_network else "--network=none"] if self.network_option else []
        return [*self.base(), *self.options, *network]

    def command(self, program):
        return [*self.begun(program), "run", "--bundle", str(bundle.make(self.place, program)), f"{self.prefix()}{{}}"]

    def version(self):
        return [*self.base(), "--version"]  # with a root of the run's: crun makes it even for this

    def end(self):
        """Containers whose runtime was killed are still known to it; of one that was killed at its start, only the
        cgroups are left."""
        listed = subprocess.run([*self.base(), "list", "-q"], capture_output=True, text=True, check=False).stdout
        for name in listed.split():
            subprocess.run([*self.around(), *self.base(), "delete", "--force", name], capture_output=True, check=False)
        end_leftovers()
        remove_groups(self.prefix())


class YettContainer(Container):
    """yett by the same commands: a row of its own, for a container's policy is its configuration's."""

    sections = ("Containers",)
    inspected = False

    def __init__(self, place):
        super().__init__("yett-container", place, str(place.binaries / "yett"))

    def version(self):
        return [self.program, "--version"]
