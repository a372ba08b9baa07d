#!/usr/bin/env python3
"""Containers whose runtime is killed: each is created, started, executed into and deleted, 8 at a
time, and at random moments the command at work gets SIGKILL. Whatever it was, `delete --force` must
then succeed, and in the end no process, mount, cgroup or file of theirs may be left.

    containers.py [COUNT] [--seed N]     200 containers
"""
import concurrent.futures
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "oci"))
import cases  # noqa: E402 (beside this directory)

AT_ONCE = 8
FIRST_GUESS_S = 0.02  # how long a command takes, until one has told


class Soak:
    def __init__(self, box, seed):
        self.box = box
        self.bundle = box.bundle("exec sleep 1000")
        self.seed = seed
        self.complaints = []
        self.counts = {"commands": 0, "killed": 0}
        self.usual = {}  # seconds that a command takes here and now
        self.lock = threading.Lock()

    def complain(self, text):
        with self.lock:
            self.complaints.append(text)

    def count(self, name):
        with self.lock:
            self.counts[name] += 1

    def run(self, chance, kill_it, *words):
        """The command's status; None when it was killed."""
        self.count("commands")
        usual = self.usual.get(words[0], FIRST_GUESS_S)
        begun = time.monotonic()
        process = subprocess.Popen(self.box.command(*words), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if kill_it:
            time.sleep(chance.uniform(0, usual))
            process.kill()
        # Not communicate(): a container's process may hold the pipe for ever.
        status = process.wait(timeout=60)
        killed = status == -9
        if not kill_it and words[0] != "run":
            self.usual[words[0]] = usual * 0.8 + (time.monotonic() - begun) * 0.2
        if killed:
            self.count("killed")
        if killed or status == 0:
            process.stderr.close()
            return None if killed else 0, ""
        os.set_blocking(process.stderr.fileno(), False)
        said = os.read(process.stderr.fileno(), 4096).decode(errors="replace")
        process.stderr.close()
        return status, said

    def life(self, index):
        chance = random.Random(self.seed * 100_003 + index)
        container = f"soak-{os.getpid()}-{index}"
        doomed = chance.choice(["create", "create", "start", "exec", "delete", "run", "none"])
        steps = [("create", "--bundle", self.bundle, container), ("start", container),
                 ("exec", container, "sh", "-c", "echo alive > /dev/null"),
                 ("exec", "--detach", container, "sleep", "1000"), ("delete", "--force", container)]
        if doomed == "run":
            steps = [("run", "--bundle", self.bundle, container), ("delete", "--force", container)]
        hit = False
        for step in steps:
            kill_it = step[0] == doomed
            status, said = self.run(chance, kill_it, *step)
            hit = hit or kill_it
            if not hit and status != 0:
                self.complain(f"{index}: {step[0]}: status {status}: {said}")
        for _ in range(2):  # the second finds nothing, which is no error
            status, said = self.run(chance, False, "delete", "--force", container)
            if status != 0:
                self.complain(f"{index}: delete after a killed {doomed}: status {status}: {said}")
        status, _ = self.run(chance, False, "state", container)
        if status == 0:
            self.complain(f"{index}: state after delete finds it")


def processes_of(box):
    """Those that see a mount of the box: containers' own, and commands still at work on them."""
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            seen = (directory / "mountinfo").read_text() + (directory / "cmdline").read_text()
        except OSError:
            continue  # it has just ended
        if str(box.directory) in seen and int(directory.name) != os.getpid():
            yield f"process {directory.name}: " + (directory / "comm").read_text().strip()


def things_of(box):
    own = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    things = [f"mount {line.split()[4]}" for line in own if str(box.directory) in line]
    for hierarchy in pathlib.Path("/sys/fs/cgroup").iterdir():
        things += map(str, hierarchy.glob(f"yett.oci/soak-{os.getpid()}-*"))
    things += map(str, (box.directory / "state").glob("*"))
    return things + list(processes_of(box))


def left_behind(box):
    """The last endings may take a moment."""
    for _ in range(20):
        left = things_of(box)
        if not left:
            return []
        time.sleep(0.5)
    return left


def main(arguments):
    count, seed = 200, random.SystemRandom().randrange(10_000)
    while arguments:
        word = arguments.pop(0)
        if word == "--seed" and arguments:
            seed = int(arguments.pop(0))
        elif word.isdigit():
            count = int(word)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    if os.geteuid() != 0:
        print("containers need root")
        return 1 if os.environ.get("YETT_REQUIRE_FULL") == "1" else 77
    box = cases.Box(os.environ.get("YETT_BIN", str(cases.BUILD / "bin/yett")))
    soak = Soak(box, seed)
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as workers:
        for future in [workers.submit(soak.life, index) for index in range(count)]:
            future.result()
    took = time.monotonic() - started
    left = left_behind(box)
    box.close()
    for line in [*soak.complaints[:20], *(f"left behind: {line}" for line in left[:20])]:
        print(line)
    failed = len(soak.complaints) + len(left)
    print(f"{count} containers, {AT_ONCE} at a time, {soak.counts['commands']} commands, "
          f"{soak.counts['killed']} of them killed, in {took:.0f} s (seed {seed}): "
          f"{'nothing left behind' if not failed else f'{failed} complaints'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
