"""Starts: run to exit of a static program that does nothing, timed by yett-bench, alone and in company."""
import json
import statistics

from .processes import output
from .runtimes import NOTHING, Program

TRUE = Program(("/bin/true",))


def timed_commands(runtime, command, times, at_once, seconds, pause_ms=0):
    """Microseconds a command of `times` turns, taken by yett-bench, which waits before each."""
    told, _ = output([*runtime.around(), f"{runtime.place.binaries}/yett-bench", "time", str(times), str(at_once),
                      str(pause_ms), "--", *command], seconds)
    return json.loads(told)


def timed(runtime, program, times, at_once, seconds, pause_ms=0):
    """The same of a program's start and end."""
    return timed_commands(runtime, runtime.command(program), times, at_once, seconds, pause_ms)


class StartOfTrue:
    """fork, exec and wait of /bin/true: the program that bench_warm asks yettd's pool for, beside the same natively and cold.
    All with bench_warm's pause before each, in which the pool is refilled."""

    section = "Start-up"
    name = "start of true"
    only = ("native", "yett", "yett-daemon", "yett-warm")
    pause_ms = 20

    def __init__(self, times):
        self.times = times

    def measure(self, runtime, seconds):
        pooled = getattr(runtime, "pooled", None)
        taken = pooled(self.times, seconds) if pooled else timed(runtime, TRUE, self.times, 1, seconds, self.pause_ms)
        return [(self.name, statistics.median(taken), "us")]


class Start:
    """Some of them at once: the time until all have ended, shared out."""

    section = "Start-up"

    def __init__(self, at_once, times):
        self.at_once, self.times = at_once, times
        self.name = f"start, {at_once} at once" if at_once > 1 else "start"

    def measure(self, runtime, seconds):
        taken = timed(runtime, NOTHING, self.times, self.at_once, seconds)
        return [(self.name, statistics.median(taken), "us")]
