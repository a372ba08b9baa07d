"""Programs that users run: timed from start to end, the sandbox's own start with it, or by what they tell themselves."""
import json
import os
import random
import re
import subprocess

from .processes import Failed, output
from .runtimes import Program, named_once
from .starts import timed

SECTION = "Programs"


def shell(line):
    return ("/bin/sh", "-c", line)


def in_data(words, runtime, calls=()):
    """The program with {data}, the directory on the disk, and {made}, the one in it that everybody may write to."""
    data = runtime.place.data
    return Program(tuple(word.replace("{data}", str(data)).replace("{made}", f"{data}/made") for word in words),
                   data=True, calls=calls)


class Whole:
    """A program from start to end."""

    section = SECTION

    def __init__(self, name, words):
        self.name, self.words = name, words

    def measure(self, runtime, seconds):
        return [(self.name, timed(runtime, in_data(self.words, runtime), 1, 1, seconds)[0] / 1000, "ms")]


class Told:
    """What a program itself tells of its work: the sum of the times in its output."""

    section = SECTION

    def __init__(self, name, words, pattern, unit="ms", factor=1000.0):
        self.name, self.words, self.pattern, self.unit, self.factor = name, words, pattern, unit, factor

    def measure(self, runtime, seconds):
        command = named_once(runtime.command(in_data(self.words, runtime)), "told")
        out, _ = output([*runtime.around(), *command], seconds)
        times = re.findall(self.pattern, out)
        if not times:
            raise Failed(f"{self.words[0]} told no times")
        return [(self.name, sum(map(float, times)) * self.factor, self.unit)]


class Fio:
    """fio's own account of blocks of 4 KiB at random places of a file on the disk, one after the other."""

    section = SECTION
    name = "fio"
    calls = ("shmget", "shmat", "shmdt", "shmctl")

    def __init__(self, megabytes):
        self.megabytes = megabytes

    def words(self, kind):
        return ("/usr/bin/fio", "--name=bench", "--filename={made}/fio", f"--size={self.megabytes}m", "--bs=4k",
                f"--rw={kind}", "--ioengine=psync", "--thread", "--randseed=1", "--output-format=json", "--fallocate=none")

    def measure(self, runtime, seconds):
        figures = []
        for kind, direction in (("randwrite", "write"), ("randread", "read")):
            command = named_once(runtime.command(in_data(self.words(kind), runtime, self.calls)), f"fio-{direction}")
            out, _ = output([*runtime.around(), *command], seconds)
            told = json.loads(out[out.index("{"):])["jobs"][0][direction]["lat_ns"]["mean"]
            figures.append((f"fio 4k random {direction}", told / 1000, "us"))
        return figures


SQL = """PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;
CREATE TABLE t(a INTEGER PRIMARY KEY, b INTEGER, c TEXT);
.timer on
BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{rows})
INSERT INTO t SELECT i, i*7919%{rows}, 'number '||(i*104729%{rows}) FROM n; COMMIT;
CREATE INDEX tb ON t(b);
CREATE INDEX tc ON t(c);
SELECT count(*), avg(b) FROM t WHERE c LIKE '%77%';
UPDATE t SET b = b+1 WHERE a%3=0;
DELETE FROM t WHERE b%5=0;
SELECT count(*) FROM t x JOIN t y ON x.b=y.a;
"""
FUNCTION = "int f{i}(int a, int b){{int c=a; for(int i=0;i<b;i++) c=c*{i}+(i^a)-(c>>3); return c%{i}7;}}\n"
# Objects, dictionaries, strings, sorting and regular expressions: no library, no file, no clock but at the ends.
PYTHON = """import re, sys, time
class Node:
    def __init__(self, key): self.key, self.left, self.right = key, None, None
def insert(node, key):
    while True:
        side = "left" if key < node.key else "right"
        below = getattr(node, side)
        if below is None: return setattr(node, side, Node(key))
        node = below
begun, turns, state = time.perf_counter(), int(sys.argv[1]), 1
for turn in range(turns):
    root, counts = Node(1 << 30), {{}}
    for _ in range(2000):
        state = (state * 1103515245 + 12345) % (1 << 31)
        insert(root, state)
        counts[state % 97] = counts.get(state % 97, "") + chr(97 + state % 26)
    sum(len(re.findall("[aeiou]+", each)) for each in sorted(counts.values()))
print("took", time.perf_counter() - begun)
""".replace("{{}}", "{}")


def write_tree(tree, files):
    """Files of some hundred bytes to 64 KiB, half of it letters: a source tree's sizes."""
    chance = random.Random(files)
    for number in range(files):
        directory = tree / f"room{number % 12}"
        directory.mkdir(parents=True, exist_ok=True)
        half = int(min(chance.lognormvariate(8, 1.2), 32768))
        words = "".join(chance.choices("etaoinshr \n", k=half)).encode()
        (directory / f"file{number}").write_bytes(words + chance.randbytes(half))


def write_repository(data):
    """The tree as a git bundle: cloning from a file asks nobody whose directory it is."""
    made = data / "repository"
    settings = {"GIT_AUTHOR_NAME": "b", "GIT_AUTHOR_EMAIL": "b", "GIT_COMMITTER_NAME": "b", "GIT_COMMITTER_EMAIL": "b",
                "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": os.environ["PATH"]}
    for words in (["init", "-q"], ["--work-tree", str(data / "tree"), "add", "."], ["commit", "-qm", "bench"],
                  ["bundle", "create", "-q", str(data / "repository.bundle"), "HEAD"]):
        made.mkdir(exist_ok=True)
        subprocess.run(["git", *words], cwd=made, env=settings, check=True, capture_output=True)


def write_inputs(data, quick):
    """The programs' inputs, and a directory that everybody may write to. What needs a program that is not here is left
    out: the workload then says so."""
    (data / "made").mkdir()
    (data / "made").chmod(0o777)
    (data / "speed.sql").write_text(SQL.format(rows=20000 if quick else 100000))
    (data / "functions.c").write_text("".join(FUNCTION.format(i=i) for i in range(1, 60 if quick else 600)))
    (data / "work.py").write_text(PYTHON)
    write_tree(data / "tree", 60 if quick else 1000)
    try:
        write_repository(data)
        subprocess.run(["tar", "-C", str(data), "-cf", str(data / "tree.tar"), "tree"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pass


def all_programs(quick):
    return [Whole("python start", ("/usr/bin/python3", "-I", "-c", "pass")),
            Told("python work", ("/usr/bin/python3", "-I", "{data}/work.py", "5" if quick else "100"), "took ([0-9.e-]+)"),
            Whole("gcc -O2 -c", ("/usr/bin/gcc", "-O2", "-c", "{data}/functions.c", "-o", "{made}/functions.o")),
            Whole("git clone", shell("rm -rf {made}/clone && git clone -q {data}/repository.bundle {made}/clone")),
            Whole("tar", shell("tar -C {data} -cf {made}/tree.tar tree")),
            Whole("untar", shell("rm -rf {made}/tree && tar -C {made} --no-same-owner -xf {data}/tree.tar")),
            Told("sqlite", shell("rm -f {made}/db && sqlite3 {made}/db < {data}/speed.sql"), "Run Time: real ([0-9.]+)"),
            Fio(4 if quick else 64)]
