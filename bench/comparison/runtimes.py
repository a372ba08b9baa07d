"""A runtime: how it runs a program, for which sections of the report, and what it leaves behind.

native, bubblewrap and yett are wrapped by yett-bench itself (bench/runners.cpp). Which rows there are, and which of
them work here, is rows.py's.
"""
import dataclasses
import json
import os
import pathlib

from .processes import end_leftovers, output

BENCH = "/bench/"


@dataclasses.dataclass(frozen=True)
class Program:
    """What runs, and what it needs around it. /bench/ in its words is the directory of our programs,
    DATA a directory on the disk that is writable inside."""
    words: tuple
    host_network: bool = False
    data: bool = False
    calls: tuple = ()  # that yett's default policy refuses


NOTHING = Program((f"{BENCH}yett-bench-micro", "exit"))


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a run keeps its things: `data` on a disk, `state` on a tmpfs as /run is."""
    binaries: pathlib.Path
    data: pathlib.Path
    state: pathlib.Path

    def own(self, program):
        """A program of ours, as the host names it."""
        return str(program).replace(BENCH, f"{self.binaries}/", 1)


class Runtime:
    """One of yett-bench's runners."""

    sections = None  # of the report; None: all
    most_idle = 1000  # sandboxes at once
    daemons = ()     # processes that serve more than one sandbox
    inspected = True  # its processes' rights are its own, and no other row's
    networked = True  # may reach the host's network where a program asks for it

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

    def wrapped(self, runner, program):
        """The command line as yett-bench makes it."""
        words = [f"{self.place.binaries}/yett-bench", "wrap", runner, "host" if program.host_network else "own",
                 f"{self.place.state}/policy.toml"]
        for volume in self.volumes(program):
            words += ["-v", volume]
        return json.loads(output([*words, "--", *program.words], 10)[0])

    def command(self, program):
        words = self.wrapped(self.name, program)
        if self.name != "yett" or not program.calls:
            return words
        path = self.place.state / f"calls-{'-'.join(program.calls)}.toml"
        path.write_text(f'extends = "plugin"\n[syscalls]\nallow = {json.dumps(program.calls)}\n')
        return [*words[:2], "--policy", str(path), *words[2:]]

    def version(self):
        named = {"native": ["uname", "-sr"], "bwrap": ["bwrap", "--version"]}
        return named.get(self.name, [f"{self.place.binaries}/yett", "--version"])

    def prefix(self):
        """Of the names of this run's containers, and so of their cgroups."""
        return f"yett-bench-{self.name}-{os.getpid()}-"

    def end(self):
        end_leftovers()


class Firejail(Runtime):
    """With every namespace, its default list of system calls and no capability."""

    def command(self, program):
        network = [] if program.host_network else ["--net=none"]
        return ["firejail", "--quiet", "--noprofile", *network, "--private-tmp", "--private-dev", "--seccomp",
                "--caps.drop=all", "--", *map(self.place.own, program.words)]

    def version(self):
        return ["firejail", "--version"]


def named_once(command, number):
    """The command with a name of its own where it needs one."""
    return [word.replace("{}", f"{os.getpid()}-n{number}") for word in command]
