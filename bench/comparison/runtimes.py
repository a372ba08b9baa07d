"""The runtimes: which are here, and the command line by which each runs a program.

native, bubblewrap and yett are wrapped by yett-bench itself (bench/runners.cpp). A runtime that is not
here, or cannot run the program that does nothing, is told of with its reason and left out.
"""
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess

from . import bundle
from .processes import Failed, end_leftovers, output

BENCH = "/bench/"
V2_BESIDE_V1 = "/sys/fs/cgroup/unified"
WITHOUT_V2 = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
              f'umount -l {V2_BESIDE_V1} && exec "$@"', "sh"]


@dataclasses.dataclass(frozen=True)
class Program:
    """What runs, and what it needs around it. /bench/ in its words is the directory of our programs,
    DATA a directory on the disk that is writable inside."""
    words: tuple
    host_network: bool = False
    data: bool = False


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a run keeps its things: `data` on a disk, `state` on a tmpfs as /run is."""
    binaries: pathlib.Path
    data: pathlib.Path
    state: pathlib.Path


class Runtime:
    """One of yett-bench's runners."""

    def __init__(self, name, place):
        self.name = name
        self.place = place
        self.tmpfs = "/dev/shm" if name == "native" else "/tmp"

    def around(self):
        """A command in front of what is timed, which takes no part in it."""
        return []

    def volumes(self, program):
        volumes = [f"{self.place.data}:{self.place.data}"] if program.data else []
        if self.name == "bwrap" and program.host_network:
            volumes.append(f"{self.place.state}/rootfs/etc:/etc:ro")
        return volumes

    def command(self, program):
        words = [f"{self.place.binaries}/yett-bench", "wrap", self.name, "host" if program.host_network else "own",
                 f"{self.place.state}/policy.toml"]
        for volume in self.volumes(program):
            words += ["-v", volume]
        return json.loads(output([*words, "--", *program.words], 10)[0])

    def version(self):
        named = {"native": ["uname", "-sr"], "bwrap": ["bwrap", "--version"]}
        return named.get(self.name, [f"{self.place.binaries}/yett", "--version"])

    def end(self):
        end_leftovers()


class Firejail(Runtime):
    """With every namespace, its default list of system calls and no capability."""

    def command(self, program):
        words = [str(word).replace(BENCH, f"{self.place.binaries}/", 1) for word in program.words]
        network = [] if program.host_network else ["--net=none"]
        return ["firejail", "--quiet", "--noprofile", *network, "--private-tmp", "--private-dev", "--seccomp",
                "--caps.drop=all", "--", *words]

    def version(self):
        return ["firejail", "--version"]


class Container(Runtime):
    """An OCI runtime: `run` of a bundle, whose configuration is what Docker writes."""
    options = {"runsc": ("--platform=ptrace", "--ignore-cgroups")}

    def around(self):
        return WITHOUT_V2 if os.path.exists(f"{V2_BESIDE_V1}/cgroup.procs") else []

    def base(self):
        return [self.name, "--root", f"{self.place.state}/containers-{self.name}"]

    def command(self, program):
        network = ["--network=host" if program.host_network else "--network=none"] if self.name == "runsc" else []
        made = bundle.make(self.place, program)
        return [*self.base(), *self.options.get(self.name, ()), *network, "run", "--bundle", str(made),
                f"{self.prefix()}{{}}"]

    def prefix(self):
        """Of the names of this run's containers, and so of their cgroups."""
        return f"yett-bench-{self.name}-{os.getpid()}-"

    def version(self):
        return [self.name, "--version"]

    def end(self):
        """Containers whose runtime was killed are still known to it; of one that was killed at its start, only the
        cgroups are left."""
        listed = subprocess.run([*self.base(), "list", "-q"], capture_output=True, text=True, check=False).stdout
        for name in listed.split():
            subprocess.run([*self.around(), *self.base(), "delete", "--force", name], capture_output=True, check=False)
        end_leftovers()
        groups = pathlib.Path("/sys/fs/cgroup")
        for left in [*groups.glob(f"{self.prefix()}*"), *groups.glob(f"*/{self.prefix()}*")]:  # of v2, of v1
            with contextlib.suppress(OSError):
                left.rmdir()


KINDS = {"native": Runtime, "bwrap": Runtime, "firejail": Firejail, "crun": Container, "runc": Container,
         "runsc": Container, "yett": Runtime}
NOTHING = Program((f"{BENCH}yett-bench-micro", "exit"))


def named_once(command, number):
    """The command with a name of its own where it needs one."""
    return [word.replace("{}", f"{os.getpid()}-n{number}") for word in command]


def try_out(runtime):
    """Its record for the file: available, or why not."""
    program = runtime.version()[0]
    if not shutil.which(program):
        return {"name": runtime.name, "available": False, "reason": "not installed"}
    try:
        version = output(runtime.version(), 10)[0].splitlines()[0]
        command = runtime.command(NOTHING)
        output([*runtime.around(), *named_once(command, "probe")], 30)
    except (Failed, IndexError) as failure:
        runtime.end()
        return {"name": runtime.name, "available": False, "reason": str(failure)}
    return {"name": runtime.name, "available": True, "version": version, "command": " ".join(command)}


def probe(place, only=None):
    """(the runtimes that work, a record of each)"""
    found = [kind(name, place) for name, kind in KINDS.items() if not only or name in only]
    records = [try_out(runtime) for runtime in found]
    return [runtime for runtime, record in zip(found, records) if record["available"]], records
