"""The attack surface: which system calls the processes of a sandbox can make, read from their filters while they live.

Told apart are calls that always pass, that pass with some arguments, that another process is asked about (a
supervisor, a tracer), and all others, which never reach their code in the kernel. The filters are those of a
process's first thread.
"""
import contextlib
import ctypes
import functools
import os
import pathlib
import re

from . import bpf
from .held import held
from .memory import IDLE
from .processes import Failed, descendants

TABLE = pathlib.Path(__file__).resolve().parents[2] / "sandbox/profiles/plugin.tsv"  # every call of the kernel, by name
SEIZE, INTERRUPT, DETACH, GET_FILTER = 0x4206, 0x4207, 17, 0x420c
ANY_CHILD = 0x40000000
PROGRAM = "yett-bench-micro"[:15]  # as the kernel keeps it
MOST_SECONDS = 30


@functools.cache
def calls():
    """{name: number}"""
    lines = (line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {words[0]: int(words[1]) for words in lines if len(words) > 1}


def ptrace(request, pid, address=0, data=None):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    done = libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), ctypes.c_void_p(address), data)
    if done < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return done


def read_filters(pid):
    """The bytes of each, the newest first. OSError: traced by another, or gone."""
    ptrace(SEIZE, pid)
    try:
        ptrace(INTERRUPT, pid)
        os.waitpid(pid, ANY_CHILD)
        found = []
        with contextlib.suppress(FileNotFoundError):  # ENOENT: there are no more
            while True:
                count = ptrace(GET_FILTER, pid, len(found))
                piece = ctypes.create_string_buffer(8 * count)
                ptrace(GET_FILTER, pid, len(found), piece)
                found.append(piece.raw)
        return found
    finally:
        with contextlib.suppress(OSError):
            ptrace(DETACH, pid)


@functools.cache
def judged(filters):
    """{kind: names of calls} of a tuple of filters' bytes."""
    programs = [bpf.parse(each) for each in filters]
    found = {"always": [], "sometimes": [], "asked": []}
    for name, number in calls().items():
        answers = bpf.of_all(programs, number)
        passes = answers & {bpf.ALLOW, bpf.LOG}
        kind = ("always" if passes == answers else "sometimes" if passes
                else "asked" if answers & {bpf.USER_NOTIF, bpf.TRACE} else None)
        if kind:
            found[kind].append(name)
    of_32_bits = any(bpf.of_all(programs, number, bpf.I386) & {bpf.ALLOW, bpf.LOG} for number in range(0, 400))
    return found, of_32_bits


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return dict(re.findall(r"^(\w+):\t(.*)$", file.read(), re.M))


def describe(pid):
    """A process's part of the record; None of one that has gone."""
    try:
        told = status(pid)
        if told["State"].startswith("Z"):
            return None
        record = {"process": told["Name"], "sandboxed": told["Name"] == PROGRAM, "filters": int(told.get("Seccomp_filters", 0)),
                  "own_users": os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user"),
                  "capabilities": bin(int(told["CapEff"], 16)).count("1"), "threads": int(told["Threads"])}
    except (OSError, KeyError):
        return None
    try:
        found, of_32_bits = judged(tuple(read_filters(pid)) if record["filters"] else ())
    except OSError as error:
        return {**record, "reason": f"its filters cannot be read: {error.strerror}"}
    except (bpf.Unknown, KeyError, IndexError) as error:
        return {**record, "reason": f"its filters are not understood: {error}"}
    return {**record, **found, "of_32_bits": of_32_bits}


def alike(records):
    """One of each kind with how many there are: a runtime may keep several processes of the same rights."""
    kinds = {}
    for record in records:
        key = repr(sorted((name, value) for name, value in record.items() if name != "threads"))
        kinds.setdefault(key, {**record, "count": 0})["count"] += 1
    return sorted(kinds.values(), key=lambda each: not each["sandboxed"])


def of_runtime(runtime):
    """The records of its processes while one idle sandbox is there; the program's own first."""
    runtime.around()
    before = set(descendants(os.getpid())) - set(runtime.daemons)
    with held(runtime, [IDLE], MOST_SECONDS):
        pids = sorted(set(descendants(os.getpid())) - before)
        return alike([record for record in map(describe, pids) if record])


def record_all(runtimes, recorder):
    for runtime in runtimes:
        if not runtime.inspected:
            continue
        try:
            for record in of_runtime(runtime):
                recorder.write("surface", runtime=runtime.name, **record)
        except (Failed, OSError) as failure:
            runtime.end()
            recorder.write("missing", workload="attack surface", runtime=runtime.name, reason=str(failure))
