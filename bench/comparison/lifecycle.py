"""A container's life by runc's command line: created, started and deleted, each a command of its own.

The configuration is what Docker writes, around a program that waits: delete has something to end.
"""
import subprocess

from . import bundle
from .processes import Failed
from .runtimes import BENCH, Program
from .starts import timed_commands

WAITS = Program((f"{BENCH}yett-bench-micro", "pause"))


class LifeCycle:
    """The three commands, and their sum."""

    section = "Containers"
    name = "containers"
    only = ("crun", "runc", "runsc-ptrace", "newer-runsc-ptrace", "newer-runsc-systrap", "yett-container")

    def __init__(self):
        self.turns = 0

    def measure(self, runtime, seconds):
        self.turns += 1
        name = f"{runtime.prefix()}{self.turns}"
        made = ("--bundle", str(bundle.make(runtime.place, WAITS)))
        commands = {"create": [*runtime.begun(WAITS), "create", *made, name], "start": [*runtime.begun(WAITS), "start", name],
                    "delete": [*runtime.begun(WAITS), "delete", "--force", name]}
        taken = {}
        try:
            for each, command in commands.items():
                taken[each] = timed_commands(runtime, command, 1, 1, seconds)[0]
        except Failed:
            subprocess.run([*runtime.around(), *commands["delete"]], capture_output=True, check=False)
            raise
        return [(f"{each} a container", value, "us") for each, value in taken.items()] + [
            ("create, start and delete", sum(taken.values()), "us")]
