"""Memory of idle sandboxes: the proportional set size (PSS) of everything that a runtime keeps running."""
import contextlib
import os
import re

from .held import held
from .processes import Failed, descendants
from .runtimes import BENCH, Program

IDLE = Program((f"{BENCH}yett-bench-micro", "idle"))


def pss_kib(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        found = re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M)
        return int(found.group(1)) if found else 0
    return 0


class Memory:
    """KiB for each of `count` sandboxes whose program waits; the program's own are in it."""

    section = "Memory of idle sandboxes"

    def __init__(self, count, once):
        self.count, self.once = count, once
        self.name = f"memory of {count}"

    def measure(self, runtime, seconds):
        runtime.around()  # a daemon, where one is needed
        before = set(descendants(os.getpid()))
        with held(runtime, [IDLE] * self.count, seconds):
            pids = set(descendants(os.getpid())) - before | set(runtime.daemons)
            whole = sum(map(pss_kib, pids))
        if whole == 0:
            raise Failed("no memory is told of: reading smaps_rollup needs root")
        return [(self.name, whole / self.count, "KiB")]
