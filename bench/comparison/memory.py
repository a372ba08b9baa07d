"""Memory of idle sandboxes: the proportional set size (PSS) of everything that a runtime keeps running, and what the
kernel keeps for it."""
import contextlib
import os
import re
import time

from .held import held
from .processes import Failed, descendants
from .runtimes import BENCH, Program

IDLE = Program((f"{BENCH}yett-bench-micro", "idle"))
KERNELS_OWN = ("SUnreclaim", "KernelStack", "PageTables", "SecPageTables", "Percpu")
SETTLED_S = 0.4  # from when the last is up: what a start needed alone may be given back
RESERVE = 0.2  # of the machine's memory, which no workload may take


def pss_kib(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        found = re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M)
        return int(found.group(1)) if found else 0
    return 0


def meminfo():
    """{name: KiB}"""
    with open("/proc/meminfo", encoding="ascii") as file:
        return {line.split(":")[0]: int(line.split()[1]) for line in file}


def kernel_kib():
    told = meminfo()
    return sum(told.get(name, 0) for name in KERNELS_OWN)


def enough_left():
    told = meminfo()
    return told["MemAvailable"] > RESERVE * told["MemTotal"]


class Memory:
    """KiB for each of `count` sandboxes whose program waits; the program's own are in it. The kernel's is that of
    the whole machine, so it is told of from TOLD_FROM on, where others' coming and going is shared out among many."""

    section = "Memory of idle sandboxes"
    TOLD_FROM = 10

    def __init__(self, count, once):
        self.count, self.once = count, once
        self.name = f"memory of {count}"

    def measure(self, runtime, seconds):
        if self.count > runtime.most_idle:
            raise Failed(f"an engine holds {runtime.most_idle} here: more take minutes to come and to go")
        runtime.around()  # a daemon, where one is needed
        before, kernel_before = set(descendants(os.getpid())), kernel_kib()
        with held(runtime, [IDLE] * self.count, seconds, while_so=enough_left):
            time.sleep(SETTLED_S)
            kernel = kernel_kib() - kernel_before
            whole = sum(map(pss_kib, set(descendants(os.getpid())) - before | set(runtime.daemons)))
        if whole == 0:
            raise Failed("no memory is told of: reading smaps_rollup needs root")
        of_kernel = [(f"kernel memory of {self.count}", kernel / self.count, "KiB")] if self.count >= self.TOLD_FROM else []
        return [(self.name, whole / self.count, "KiB"), *of_kernel]
