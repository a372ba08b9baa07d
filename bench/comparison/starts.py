"""Starts: run to exit of a static program that does nothing, timed by yett-bench, alone and in company."""
import json
import statistics

from .processes import output
from .runtimes import NOTHING


def timed(runtime, program, times, at_once, seconds):
    """Microseconds a start of `times` turns, taken by yett-bench."""
    command = [*runtime.around(), f"{runtime.place.binaries}/yett-bench", "time", str(times), str(at_once), "--",
               *runtime.command(program)]
    return json.loads(output(command, seconds)[0])


class Start:
    """Some of them at once: the time until all have ended, shared out."""

    section = "Start-up"

    def __init__(self, at_once, times):
        self.at_once, self.times = at_once, times
        self.name = f"start, {at_once} at once" if at_once > 1 else "start"

    def measure(self, runtime, seconds):
        taken = timed(runtime, NOTHING, self.times, self.at_once, seconds)
        return [(self.name, statistics.median(taken), "us")]
