"""Figures: one JSON line each, the only truth; and what may be said of them.

Every figure is a cost (time, memory): less is better. A ratio is taken within a round, for what else
the machine does falls on both alike, and none is given of fewer than FEWEST_ROUNDS rounds.
"""
import dataclasses
import json
import random
import statistics

FEWEST_ROUNDS = 5
RESAMPLES = 1000
NATIVE = "native"
FOR_TIME = "left out for time"  # as such a reason begins


@dataclasses.dataclass(frozen=True)
class Interval:
    """A median, and where it lies with 95 % confidence."""
    median: float
    low: float
    high: float

    def apart_from(self, other):
        return self.low > other.high or self.high < other.low


def bootstrap(values):
    """The median of values with its percentile interval of resamples. The same values give the same
    interval always: a report that is drawn again must not differ."""
    chance = random.Random(repr(values))
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return Interval(statistics.median(values), medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975) - 1])


def ratio(by_round, baseline_by_round):
    """An Interval of the rounds' ratios; None of too few rounds that both have, or a baseline of 0."""
    shared = sorted(set(by_round) & set(baseline_by_round))
    if len(shared) < FEWEST_ROUNDS or any(baseline_by_round[each] <= 0 for each in shared):
        return None
    return bootstrap([by_round[each] / baseline_by_round[each] for each in shared])


class Results:
    """What a file of JSON lines says."""

    def __init__(self):
        self.machine = {}
        self.runtimes = {}  # name -> its record, in the order of the file
        self.values = {}    # workload -> runtime -> round -> figure
        self.units = {}     # workload -> unit
        self.sections = {}  # section -> its workloads, in the order of the file
        self.missing = {}   # (workload, runtime) -> reason
        self.surface = []   # records of processes, as surface.py makes them
        self.functions = {} # runtime -> how many kernel functions its processes reached, as functions.py tells
        self.continued = [] # records of the runs that added what time had not sufficed for
        self.noise = []     # one share of time taken by others per round

    def take(self, record):
        getattr(self, "take_" + record["record"])(record)

    def take_machine(self, record):
        self.machine = record

    def take_runtime(self, record):
        self.runtimes[record["name"]] = record

    def take_continued(self, record):
        self.continued.append(record)
        for pair in record["pairs"]:
            self.missing.pop(tuple(pair), None)

    def take_figure(self, record):
        rounds = self.values.setdefault(record["workload"], {}).setdefault(record["runtime"], {})
        rounds[record["round"]] = record["value"]
        self.units[record["workload"]] = record["unit"]
        self.sections.setdefault(record["section"], {})[record["workload"]] = None

    def take_missing(self, record):
        self.missing.setdefault((record["workload"], record["runtime"]), record["reason"])

    def take_surface(self, record):
        self.surface.append(record)

    def take_functions(self, record):
        self.functions[record["runtime"]] = record

    def take_noise(self, record):
        self.noise.append(record["taken"])

    def left_out(self):
        """Pairs (workload, runtime) that time did not suffice for."""
        return {pair for pair, reason in self.missing.items() if reason.startswith(FOR_TIME)}

    def rounds(self):
        """How many there were: the next one's number."""
        return 1 + max((each for by_runtime in self.values.values() for rounds in by_runtime.values() for each in rounds), default=-1)

    def median(self, workload, runtime):
        rounds = self.values.get(workload, {}).get(runtime)
        return statistics.median(rounds.values()) if rounds else None

    def over(self, workload, runtime, baseline=NATIVE, baseline_workload=None):
        of_all = self.values.get(workload, {})
        beside = self.values.get(baseline_workload or workload, {})
        return ratio(of_all.get(runtime, {}), beside.get(baseline, {}))


def read(path):
    """Results of the file at path. ValueError names the line that is no record."""
    results = Results()
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                results.take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ValueError(f"{path}:{number}: no record of bench/all: {error}") from error
    if not results.machine:
        raise ValueError(f"{path}: no record of the machine: not a file of bench/all, or an empty one")
    return results


class Recorder:
    """Writes records as they come (`mode` "a": after those that are there), so that an interrupted run leaves what it has measured. `names`: {a directory of this
    machine: what is written instead}, so that a report can be shown to everybody."""

    def __init__(self, path, names=None, mode="w"):
        self.file = open(path, mode, encoding="utf-8")
        self.names = names or {}

    def write(self, record, **fields):
        line = json.dumps({"record": record, **fields})
        for directory, name in self.names.items():
            line = line.replace(directory, name)
        self.file.write(line + "\n")
        self.file.flush()
