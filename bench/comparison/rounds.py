"""Interleaved rounds within a budget of time.

The warm-up is a round of its own whose figures do not count. It tells what each pair of workload and
runtime takes, as each round does after it; the costliest pairs that do not fit into what is left are left
out and named, for fewer rounds would make every ratio worthless and not theirs alone.
"""
import hashlib
import json
import sys
import time

from .figures import FOR_TIME, NATIVE
from .processes import Failed

SPIN_BYTES = b"\0" * 2_000_000
# Where time is short: of a pair's runtime, and of workloads that many figures or goals depend on.
WEIGHTS = {"native": 8, "yett": 8, "bwrap": 3, "crun": 2, "runsc-ptrace": 2, "yett-warm": 2, "yett-container": 4}
WORKLOAD_WEIGHTS = {"operations": 6, "start": 6, "start of true": 3, "connect": 3, "bare notification": 6, "nginx": 3,
                    "redis": 2, "sqlite": 2}
ROUNDS_SHARE = 0.4  # of the time that the warm-up leaves to the rounds in any case
LONGEST_S = {True: 15, False: 300}  # one measurement, in a quick run or a whole one


def taken_by_others():
    """The noise gauge: the share of time that a loop of 0.1 s did not get a processor."""
    began, used = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < 0.1:
        hashlib.sha256(SPIN_BYTES).digest()
    return max(0.0, 1 - (time.process_time() - used) / (time.perf_counter() - began))


def belong(workload, runtime):
    """Some workloads are for some runtimes alone, and some runtimes for some sections."""
    only, sections = getattr(workload, "only", None), getattr(runtime, "sections", None)
    if getattr(workload, "host_network", False) and not getattr(runtime, "networked", True):
        return False
    if only is not None:
        return runtime.name in only
    return sections is None or workload.section in sections


def turns(workloads, runtimes, number):
    """Every pair; which runtime begins changes from round to round."""
    for place, workload in enumerate(workloads):
        shift = (number + place) % max(len(runtimes), 1)
        for runtime in runtimes[shift:] + runtimes[:shift]:
            if belong(workload, runtime):
                yield workload, runtime


def with_their_baselines(pairs):
    """Beside them what a ratio of theirs needs in the same round: native, and growth's beginning."""
    first = {("beside 1", runtime) for workload, runtime in pairs if workload.startswith("beside ")}
    return {*pairs, *first, *((workload, NATIVE) for workload, _ in pairs)}


def weight(workload, runtime):
    return WEIGHTS.get(runtime, 1) * WORKLOAD_WEIGHTS.get(workload, 1)


def chosen(costs, rounds, budget):
    """The pairs that fit: {pair: seconds} without the costliest ones, as many as must go. Those that the goals are about
    count as cheaper."""
    kept = dict(costs)
    while kept and sum(kept.values()) * rounds > budget:
        del kept[max(kept, key=lambda pair: kept[pair] / weight(*pair))]
    return kept


class Rounds:
    """The measuring of all pairs; `among`: of these alone. `first` is the first round's number."""

    def __init__(self, workloads, runtimes, recorder, quick, among=None, first=0):
        self.workloads, self.runtimes, self.recorder = workloads, runtimes, recorder
        self.longest = LONGEST_S[quick]
        self.among, self.first = among, first

    def turns(self, number):
        for workload, runtime in turns(self.workloads, self.runtimes, number):
            if self.among is None or (workload.name, runtime.name) in self.among:
                yield workload, runtime

    def missing(self, workload, runtime, reason):
        self.recorder.write("missing", workload=workload, runtime=runtime, reason=reason)

    def measure(self, workload, runtime):
        """The figures; None, and a record of why, when there are none."""
        try:
            return workload.measure(runtime, self.longest)
        except (Failed, ValueError, OSError) as failure:
            runtime.end()
            self.missing(workload.name, runtime.name, str(failure) or type(failure).__name__)
            return None

    def warm_up(self, end):
        """{pair: seconds} of those that work; after `end` nothing begins."""
        costs = {}
        for workload, runtime in self.turns(0):
            began = time.monotonic()
            if began > end:
                self.missing(workload.name, runtime.name, f"{FOR_TIME}: the warm-up was too slow")
                continue
            once = getattr(workload, "once", False)
            works = self.record(0, workload, runtime) if once else self.measure(workload, runtime) is not None
            if works and not once:
                costs[workload.name, runtime.name] = time.monotonic() - began
            show(f"warm-up: {workload.name}, {runtime.name}")
        return costs

    def leave_out(self, costs, rounds, budget):
        """{pair: seconds} of those that fit; asked anew before each round, for a machine may become slower."""
        kept = chosen(costs, rounds, budget)
        for pair in set(costs) - set(kept):
            self.missing(*pair, f"{FOR_TIME}: {costs[pair]:.1f} s for each of {rounds} rounds (try without --quick, or --continue)")
        return kept

    def one(self, number, kept):
        """A round; {pair: seconds} again, as it was now."""
        costs = {}
        self.recorder.write("noise", round=number, taken=round(taken_by_others(), 4))
        for workload, runtime in self.turns(number):
            if (workload.name, runtime.name) in kept:
                began = time.monotonic()
                self.record(number, workload, runtime)
                costs[workload.name, runtime.name] = time.monotonic() - began
        return costs

    def record(self, number, workload, runtime):
        """Whether there are figures."""
        found = self.measure(workload, runtime)
        for name, value, unit in found or ():
            if value is None:
                self.missing(name, runtime.name, unit)
                continue
            self.recorder.write("figure", section=workload.section, workload=name, runtime=runtime.name, round=number,
                                value=value, unit=unit)
        return found is not None

    def run(self, rounds, seconds):
        """All rounds, in `seconds` with the warm-up."""
        end = time.monotonic() + seconds
        costs = self.warm_up(end - seconds * ROUNDS_SHARE)
        for number in range(rounds):
            kept = self.leave_out(costs, rounds - number, end - time.monotonic())
            if not kept and number:
                break
            costs = self.one(self.first + number, kept)
            show(f"round {number + 1} of {rounds}")
        show("")


def show(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def describe(machine_command, run):
    """The machine's record: what yett-bench says of it, and this run."""
    return {**json.loads(run(machine_command, 20)[0]), "noise_at_start": round(taken_by_others(), 4)}
