"""What is measured: each workload measures one runtime once, and gives figures (name, value, unit).

A workload may be for some runtimes alone (`only`), or be measured in the first round alone (`once`), which gives
figures without ratios.
"""
from .growth import all_growth
from .lifecycle import LifeCycle
from .memory import Memory
from .packages import Read
from .processes import output
from .programs import all_programs
from .runtimes import BENCH, Program, named_once
from .servers import Nginx, Node, Redis
from .starts import Start, StartOfTrue

MICRO = f"{BENCH}yett-bench-micro"
OPERATIONS = ("getpid", "getppid", "clock_gettime", "open+close", "stat", "read-4k", "write-4k", "lseek", "dup+close",
              "getdents", "pipe", "poll", "socketpair", "futex-wake", "signal", "fork+exec", "fork+wait", "thread",
              "mmap+munmap", "mkdir+rmdir", "create+rename", "write-1M", "sysinfo")
ON_DISK = ("mkdir+rmdir", "create+rename", "write-1M")
MOST_IN_ROUNDS = 10


class Operations:
    """bench/micro.c inside the runtime: in a tmpfs or in the directory on the disk."""

    def __init__(self, name, operations, on_disk=False, host_network=False, only=None):
        self.name, self.operations, self.only = name, operations, only
        self.on_disk, self.host_network = on_disk, host_network
        self.section = "Files on a disk" if on_disk else "Operations"

    def measure(self, runtime, seconds):
        directory = str(runtime.place.data / "made") if self.on_disk else runtime.tmpfs
        program = Program((MICRO, directory, *self.operations), self.host_network, self.on_disk)
        out, err = output([*runtime.around(), *named_once(runtime.command(program), "operations")], seconds)
        prefix = "disk: " if self.on_disk else ""
        figures = [(prefix + name, float(value), "ns") for name, value in map(str.split, out.splitlines())]
        if len(figures) < len(self.operations):
            lines = [line for line in err.splitlines() if "yett-bench-micro:" in line]
            figures.append((self.name, None, "; ".join(lines) or "operations are missing, and nothing says why"))
        return figures


def all_workloads(quick):
    """In the order of the report."""
    starts = [Start(1, 3 if quick else 20), Start(4, 1 if quick else 5), Start(16, 1 if quick else 3)]
    starts += [StartOfTrue(5)] if quick else [Start(32, 3), StartOfTrue(20)]
    operations = [Operations("operations", OPERATIONS), Operations("connect", ("connect",), host_network=True),
                  Operations("operations on disk", ON_DISK, on_disk=True),
                  Operations("bare notification", ("notify-baseline",), only=("native",))]
    servers = [Redis(2000 if quick else 100000), Nginx(0.5 if quick else 5, 1000 if quick else 50000),
               Node(0.5 if quick else 5)]
    counts = (1, 5, 10) if quick else (1, 5, 10, 100, 1000)
    memory = [Memory(count, once=quick or count > MOST_IN_ROUNDS) for count in counts]
    return [*starts, LifeCycle(), *operations, *all_programs(quick), *servers, Read(), *memory, *all_growth(quick)]
