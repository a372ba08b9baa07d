"""The same tree of files as a directory, a squashfs and an EROFS package: rows of yett's for starts, reading, size."""
import re
import subprocess

from .processes import Failed, output
from .runtimes import BENCH, Program, Runtime, named_once

SECTION = "Packages"
FORMATS = {"yett-directory": None, "yett-squashfs": "sqfs", "yett-erofs": "erofs"}


class Packaged(Runtime):
    """`yett run IMAGE` of the inputs' tree in one format; the program comes through a volume, as in every row."""

    sections = ("Start-up", SECTION)
    inspected = False

    def image(self):
        """Made when it is first needed."""
        tree, end = self.place.data / "tree", FORMATS[self.name]
        made = self.place.data / f"tree.{end}" if end else tree
        if not made.exists():
            output([f"{self.place.binaries}/yett", "pack", "--quiet", str(tree), str(made)], 60)
        return made

    def command(self, program):
        words = self.wrapped("yett", program)
        at = words.index("--")
        return [*words[:at], str(self.image()), *words[at:]]

    def kib(self):
        told = subprocess.run(["du", "-sk", "--apparent-size", str(self.image())], capture_output=True, text=True, check=True)
        return int(told.stdout.split()[0])


class Read:
    """Every file of the tree read from its begin to its end, when all of it is in the page cache."""

    section = SECTION
    name = "read the tree"
    only = ("native", *FORMATS)

    def measure(self, runtime, seconds):
        root = runtime.place.data / "tree" if runtime.name == "native" else "/"
        rooms = [f"{str(root).rstrip('/')}/room{number}" for number in range(12)]
        command = runtime.command(Program((f"{BENCH}yett-bench-micro", "read", *rooms)))
        out, _ = output([*runtime.around(), *named_once(command, "read")], seconds)
        found = re.search(r"^read ([0-9.]+)", out, re.M)
        if not found:
            raise Failed("nothing was read")
        size = [("size", float(runtime.kib()), "KiB")] if isinstance(runtime, Packaged) else []
        return [(self.name, float(found.group(1)) / 1000, "us"), *size]
