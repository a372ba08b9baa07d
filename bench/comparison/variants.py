"""yett's planes by themselves: one row for each, beside the row `yett`, which is the default policy.

What differs from that row is one line of a policy, so a row's distance to it is what the plane costs.
"""
import dataclasses
import json
import os
import socket

from .daemon import Daemon
from .processes import output
from .runtimes import Runtime

ORDINARY = 65534
CONNECT = '[network]\nmode = "host"\nconnect = ["tcp://127.0.0.1:18437"]\nlisten = ["tcp://127.0.0.1:18437"]\n'
VARIANTS = {  # name -> (the policy's lines, options of `yett run`)
    "yett-no-filter": ('extends = "none"\n', ()),            # the mount tree and the namespaces alone
    "yett-docker-calls": ('extends = "container"\n', ()),    # the wider list of calls
    "yett-landlock": ('extends = "plugin"\nhardening = "stacked"\n', ()),
    "yett-cgroup-bpf": (f'extends = "plugin"\n{CONNECT}', ("--net", "host")),
    "yett-bpf-lsm": ('extends = "plugin"\n', ("--require", "bpf-lsm")),
    "yett-rootless": ('extends = "plugin"\n', ("--mode", "rootless")),
    "yett-fallback": ('extends = "plugin"\n', ("--mode", "fallback")),
}


class Variant(Runtime):
    """`yett run` with another policy."""

    sections = ("Start-up", "Operations")

    def __init__(self, name, place):
        super().__init__(name, place)
        self.policy, self.options = VARIANTS[name]
        self.networked = "--net" in self.options

    def around(self):
        """Those without rights run as an ordinary user, whose directories are the run's."""
        if "--mode" not in self.options:
            return []
        home = self.place.state / f"{self.name}-home"
        home.mkdir(exist_ok=True)
        os.chown(home, ORDINARY, ORDINARY)
        return ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", "env", f"HOME={home}",
                f"XDG_RUNTIME_DIR={home}"]

    def command(self, program):
        path = self.place.state / f"{self.name}.toml"
        path.write_text(self.policy)
        words = self.wrapped("yett", dataclasses.replace(program, host_network=False))
        if "fallback" in self.options:  # there a directory keeps its path
            binaries = self.place.binaries
            words = [self.place.own(word.replace(f"{binaries}:/bench:", f"{binaries}:{binaries}:")) for word in words]
        return [*words[:2], *self.options, "--policy", str(path), *words[2:]]


SETTINGS = """[limits]
sandboxes = 2000
per_user = 2000
[template.bench]
options = []
pool = {pool}
"""


class ThroughDaemon(Runtime):
    """`yett -H`: yettd carries it out, which has a process ready to become the supervisor."""

    sections = ("Start-up", "Operations", "Memory of idle sandboxes", "Growth")
    networked = False
    pool = 0

    def __init__(self, name, place):
        super().__init__(name, place)
        program = str(place.binaries / "yett")
        self.daemon = Daemon(place.state / name, lambda: [program, "daemon", "--config", self.daemon.settings_file,
                                                             "--socket", self.daemon.socket],
                             SETTINGS.format(pool=self.pool), socket.SOCK_SEQPACKET)

    @property
    def daemons(self):
        return self.daemon.processes()

    def around(self):
        self.daemon.up()
        return []

    def command(self, program):
        words = self.wrapped("yett", program)
        return [words[0], "-H", self.daemon.socket, *words[1:]]


class Pooled(ThroughDaemon):
    """Starts from yettd's pool, which libyett's clients ask for: bench_warm is one."""

    sections = ()
    inspected = False
    pool = 4

    def pooled(self, times, seconds):
        self.daemon.up()
        told = output([f"{self.place.binaries}/bench_warm", self.daemon.socket, "bench", str(times)], seconds)[0]
        return [json.loads(told)["warm"]["p50"]]
