"""Programs started, waited for within a limit, and all of them ended, with what they left behind.

The harness is the reaper of orphans among its descendants, so that what a runtime leaves running is
found and ended too, by its id.
"""
import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):
    """A program that did not do its work; the text is one line for the report."""


def become_reaper():
    """Also ends in order when told to, and may hold as many sandboxes as the host lets it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def parents():
    """{pid: its parent} of all processes."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="latin-1") as file:
            found[int(name)] = int(file.read().rpartition(")")[2].split()[1])
    return found


def descendants(of):
    children = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    found, waiting = [], [of]
    while waiting:
        mine = children.get(waiting.pop(), [])
        found += mine
        waiting += mine
    return found


def end_leftovers():
    """Ends whatever still runs of what this harness started, and reaps it."""
    for pid in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0)[0]:
            pass


def last_words(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-300:] if lines else "no word of why"


def start(command, **options):
    """A Popen in a session of its own, as `yett run` gives its program one: the scheduler shares out by sessions."""
    try:
        return subprocess.Popen(command, text=True, start_new_session=True, **options)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from error


def output(command, seconds):
    """(what it wrote, what it complained of)"""
    started = start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = started.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        end_leftovers()
        started.communicate()
        raise Failed(f"not done within {seconds:g} s") from None
    except BaseException:  # an interruption: nothing may be left running
        end_leftovers()
        raise
    if started.returncode != 0:
        raise Failed(f"status {started.returncode}: {last_words(err or out)}")
    return out, err
