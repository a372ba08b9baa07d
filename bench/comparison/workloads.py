"""What is measured: each workload measures one runtime once, and gives figures (name, value, unit).

A workload may be for some runtimes alone (`only`), or be measured in the first round alone (`once`), which gives
figures without ratios.
"""
import json
import re
import statistics

from .processes import Failed, output
from .runtimes import BENCH, NOTHING, Program, named_once
from .memory import Memory
from .servers import Nginx, Redis

MICRO = f"{BENCH}yett-bench-micro"
OPERATIONS = ("getpid", "getppid", "clock_gettime", "open+close", "stat", "read-4k", "write-4k", "lseek", "dup+close",
              "getdents", "pipe", "poll", "socketpair", "futex-wake", "signal", "fork+exec", "fork+wait", "thread",
              "mmap+munmap", "mkdir+rmdir", "create+rename", "write-1M", "sysinfo")
ON_DISK = ("mkdir+rmdir", "create+rename", "write-1M")


def timed(runtime, program, times, at_once, seconds):
    """Microseconds a start of `times` turns, taken by yett-bench."""
    command = [*runtime.around(), f"{runtime.place.binaries}/yett-bench", "time", str(times), str(at_once), "--",
               *runtime.command(program)]
    return json.loads(output(command, seconds)[0])


class Start:
    """Run to exit of a static program that does nothing, some of them at once: time until all have ended,
    shared out."""

    section = "Start-up"

    def __init__(self, at_once, times):
        self.at_once, self.times = at_once, times
        self.name = f"start, {at_once} at once" if at_once > 1 else "start"

    def measure(self, runtime, seconds):
        taken = timed(runtime, NOTHING, self.times, self.at_once, seconds)
        return [(self.name, statistics.median(taken), "us")]


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


class Whole:
    """A program from start to end, the sandbox's own start with it."""

    section = "Programs"

    def __init__(self, name, words):
        self.name, self.words = name, words

    def measure(self, runtime, seconds):
        words = tuple(word.format(data=runtime.place.data) for word in self.words)
        return [(self.name, timed(runtime, Program(words, data=True), 1, 1, seconds)[0] / 1000, "ms")]


class Sqlite:
    """What sqlite3 itself says that its statements took, on the disk, without waiting for it."""
    section = "Programs"
    name = "sqlite"

    def measure(self, runtime, seconds):
        data = runtime.place.data
        words = ("/bin/sh", "-c", f"rm -f {data}/made/db && sqlite3 {data}/made/db < {data}/speed.sql")
        out, _ = output([*runtime.around(), *named_once(runtime.command(Program(words, data=True)), "sqlite")], seconds)
        times = re.findall(r"Run Time: real ([0-9.]+)", out)
        if not times:
            raise Failed("sqlite3 told no times")
        return [(self.name, sum(map(float, times)) * 1000, "ms")]


SQL = """PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;
CREATE TABLE t(a INTEGER PRIMARY KEY, b INTEGER, c TEXT);
.timer on
BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{rows})
INSERT INTO t SELECT i, i*7919%{rows}, 'number '||(i*104729%{rows}) FROM n; COMMIT;
CREATE INDEX tb ON t(b);
CREATE INDEX tc ON t(c);
SELECT count(*), avg(b) FROM t WHERE c LIKE '%77%';
UPDATE t SET b = b+1 WHERE a%3=0;
DELETE FROM t WHERE b%5=0;
SELECT count(*) FROM t x JOIN t y ON x.b=y.a;
"""
FUNCTION = "int f{i}(int a, int b){{int c=a; for(int i=0;i<b;i++) c=c*{i}+(i^a)-(c>>3); return c%{i}7;}}\n"


def write_inputs(data, quick):
    """The programs' inputs, and a directory that everybody may write to."""
    (data / "made").mkdir()
    (data / "made").chmod(0o777)
    (data / "speed.sql").write_text(SQL.format(rows=20000 if quick else 100000))
    (data / "functions.c").write_text("".join(FUNCTION.format(i=i) for i in range(1, 60 if quick else 600)))


def all_workloads(quick):
    """In the order of the report."""
    whole = [Whole("python start", ("/usr/bin/python3", "-I", "-c", "pass")),
             Whole("gcc -O2 -c", ("/usr/bin/gcc", "-O2", "-c", "{data}/functions.c", "-o", "{data}/made/functions.o"))]
    starts = [Start(1, 3 if quick else 20), Start(4, 1 if quick else 5), Start(16, 1 if quick else 3)]
    operations = [Operations("operations", OPERATIONS), Operations("connect", ("connect",), host_network=True),
                  Operations("operations on disk", ON_DISK, on_disk=True),
                  Operations("bare notification", ("notify-baseline",), only=("native",))]
    return [*starts, *operations, *whole, Sqlite(), Redis(2000 if quick else 100000), Nginx(0.5 if quick else 5),
            *(Memory(count, once=quick) for count in (1, 5, 10, 100))]
