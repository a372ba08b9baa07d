"""What a start and a call cost beside many other sandboxes, and under many rules. Both should hardly grow."""
import statistics

from .held import held
from .memory import IDLE
from .processes import output
from .runtimes import BENCH, NOTHING, Program, named_once
from .starts import timed

SECTION = "Growth"
ASKED = ("getppid", "open+close")


def operations(runtime, words, names, host_network=False):
    """{operation: nanoseconds} of bench/micro.c in the runtime."""
    program = Program((f"{BENCH}yett-bench-micro", *words), host_network)
    out, _ = output([*runtime.around(), *named_once(runtime.command(program), "growth")], 30)
    found = dict(map(str.split, out.splitlines()))
    return {name: float(found[name]) for name in names}


class Beside:
    """A start and two calls while `count` idle sandboxes of the same runtime are there."""

    section = SECTION

    def __init__(self, count, times):
        self.count, self.times = count, times
        self.name = f"beside {count}"

    def measure(self, runtime, seconds):
        with held(runtime, [IDLE] * self.count, seconds):
            start = statistics.median(timed(runtime, NOTHING, self.times, 1, seconds))
            calls = operations(runtime, (runtime.tmpfs, *ASKED), ASKED)
        return [(f"start, {self.name}", start, "us"), *((f"{name}, {self.name}", calls[name], "ns") for name in ASKED)]


class Rules:
    """yett alone: a start, and a connect that one of `count` rules allows."""

    section = SECTION
    only = ("yett",)

    def __init__(self, count, times):
        self.count, self.times = count, times
        self.name = f"{count} rules"

    def policy(self):
        others = (f'"tcp://10.{number >> 8 & 255}.{number & 255}.1:443"' for number in range(self.count - 1))
        return ('extends = "plugin"\n[network]\nmode = "host"\nlisten = ["tcp://127.0.0.1:18437"]\n'
                f'connect = ["tcp://127.0.0.1:18437", {", ".join(others)}]\n')

    def measure(self, runtime, seconds):
        file = runtime.place.state / "policy.toml"
        before = file.read_text()
        file.write_text(self.policy())
        try:
            program = Program(NOTHING.words, host_network=True)
            start = statistics.median(timed(runtime, program, self.times, 1, seconds))
            calls = operations(runtime, (runtime.tmpfs, "connect"), ("connect",), host_network=True)
        finally:
            file.write_text(before)
        return [(f"start, {self.name}", start, "us"), (f"connect, {self.name}", calls["connect"], "ns")]


def all_growth(quick):
    beside = (1, 10) if quick else (1, 10, 100, 1000)
    rules = (10, 1000) if quick else (10, 1000, 10000)
    return [*(Beside(count, 1 if quick else 5) for count in beside), *(Rules(count, 1 if quick else 5) for count in rules)]
