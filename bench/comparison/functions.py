"""How much of the kernel the same work reaches: distinct kernel functions, told by the function tracer.

Traced are all processes that a sandbox keeps and all that they make, from when the sandbox is up until its work is
done, so that neither making nor ending it counts. Interrupts that come meanwhile are in it, in all rows alike. Tracing
takes part in nothing else that is measured, and happens in a tracing instance of the run's own.
"""
import contextlib
import json
import os
import pathlib
import subprocess
import time

from .held import held
from .processes import Failed, descendants, output
from .runtimes import Program

BUFFER_KIB = 131072  # for each processor; in a quick run less is traced than fits in it
MOST_SECONDS = 60
WORK = """ls -l /usr /usr/bin > /dev/null; mkdir TMPFS/made; cp /usr/bin/env TMPFS/made; mv TMPFS/made/env TMPFS/made/other
cat TMPFS/made/other | tail -c 5 > TMPFS/made/end; rm -r TMPFS/made
/usr/bin/python3 -I -c 'import json, socket, threading, mmap, select
one, other = socket.socketpair(); one.send(b"x"); select.select([other], [], []); other.recv(1)
thread = threading.Thread(target=print); thread.start(); thread.join(); mmap.mmap(-1, 4096)[0] = 1'"""
UP_AND_DONE = f"echo up; cat > /dev/null; {{ {WORK}\n}} > /dev/null 2>&1; echo done; sleep 60"
GUEST = "6.12"  # of tests/vm/run.sh
IN_GUEST = ("native", "bwrap", "firejail", "crun", "runc", "runsc-ptrace", "yett")
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Tracer:
    """A tracing instance; `where` is an empty directory for tracefs."""

    def __init__(self, where):
        self.where = where
        self.instance = where / "instances" / f"yett-bench-{os.getpid()}"

    def write(self, file, text):
        (self.instance / file).write_text(text)

    def __enter__(self):
        self.where.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tracefs", "none", str(self.where)], check=True, capture_output=True)
        try:
            self.instance.mkdir()
            self.write("tracing_on", "0")
            self.write("buffer_size_kb", str(BUFFER_KIB))
            self.write("options/function-fork", "1")
            self.write("set_ftrace_pid", "\n")  # a kernel in lockdown refuses this
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.write("current_tracer", "nop")
        with contextlib.suppress(OSError):
            self.instance.rmdir()
        subprocess.run(["umount", str(self.where)], check=False)

    @contextlib.contextmanager
    def tracing(self, threads):
        self.write("set_ftrace_pid", "\n")
        for thread in threads:
            with contextlib.suppress(OSError), open(self.instance / "set_ftrace_pid", "a", encoding="ascii") as file:
                file.write(f"{thread}\n")
        self.write("trace", "")
        self.write("current_tracer", "function")
        self.write("tracing_on", "1")
        try:
            yield
        finally:
            self.write("tracing_on", "0")

    def seen(self):
        """{(thread, function)}"""
        with open(self.instance / "trace", encoding="latin-1") as trace:
            return {parsed for parsed in map(parse_line, trace) if parsed}


def parse_line(line):
    """(thread, function) of "  sh-123   [000] .....  12.345: do_sys_open <-caller"; None of a comment."""
    head, arrow, _ = line.partition(" <-")
    if not arrow or line.startswith("#"):
        return None
    before, _, function = head.rpartition(" ")
    thread = before.split(" [", 1)[0].rstrip().rpartition("-")[2]
    return (int(thread), function) if thread.isdigit() else None


def threads_of(pids):
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            found |= {int(name) for name in os.listdir(f"/proc/{pid}/task")}
    return found


def programs_own(pids):
    """The shell inside, which does the work, and what it has started."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="latin-1").strip() == "sh":
                found |= {pid, *descendants(pid)}
    return found


def of_runtime(runtime, tracer):
    """{(thread, function)}, and the threads of helpers."""
    runtime.around()
    before = set(descendants(os.getpid())) - set(runtime.daemons)
    work = Program(("/bin/sh", "-c", UP_AND_DONE.replace("TMPFS", runtime.tmpfs)))
    with held(runtime, [work], MOST_SECONDS) as started:
        pids = set(descendants(os.getpid())) - before
        helpers = threads_of(pids - programs_own(pids))
        with tracer.tracing(threads_of(pids)):
            started[0].let_go()
            said = started[0].first_line(time.monotonic() + MOST_SECONDS)
        if said.strip() != "done":
            raise Failed(f"the work was not done: {said.strip()}")
        started[0].kill()
        return tracer.seen(), helpers


def record_all(runtimes, recorder, where, binaries, seconds):
    """Here, or in a guest where the kernel refuses it here."""
    try:
        with Tracer(where) as tracer:
            for runtime in runtimes:
                if runtime.inspected:
                    record_one(runtime, recorder, tracer)
    except (OSError, subprocess.CalledProcessError) as error:
        record_in_guest(recorder, binaries, seconds, f"no function tracer here: {error}")


def record_in_guest(recorder, binaries, seconds, why):
    """bench/all once more, in a guest of tests/vm; what it tells comes back line by line."""
    inside = (f"cd {ROOT}; bench/all --only {','.join(IN_GUEST)} --rounds 1 --workloads 'kernel functions' --output /tmp/bench "
              "> /dev/null 2>&1; cat /tmp/bench/figures.jsonl")
    command = ["env", "YETT_VM_MORE_PACKAGES=crun runc runsc firejail", f"{ROOT}/tests/vm/run.sh", "--guest", GUEST,
               "--deadline", str(int(seconds)), "--command", inside, str(binaries.parent)]
    try:
        if os.environ.get("YETT_VM"):
            raise Failed("and this is a guest already")
        told = output(command, seconds + 60)[0]
    except Failed as failure:
        recorder.write("missing", workload="kernel functions", runtime="all", reason=f"{why}; in a guest: {failure}")
        return
    for line in told.splitlines():
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if record.get("workload") == "kernel functions" or record["record"] == "functions":
                recorder.write(**record)


def record_one(runtime, recorder, tracer):
    try:
        seen, helpers = of_runtime(runtime, tracer)
    except (Failed, OSError) as failure:
        runtime.end()
        recorder.write("missing", workload="kernel functions", runtime=runtime.name, reason=str(failure))
        return
    by_helpers = {function for thread, function in seen if thread in helpers}
    by_program = {function for thread, function in seen if thread not in helpers}
    recorder.write("functions", kernel=os.uname().release, runtime=runtime.name, program=len(by_program), helpers=len(by_helpers),
                   together=len(by_program | by_helpers))
