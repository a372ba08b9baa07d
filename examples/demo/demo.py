#!/usr/bin/env python3
"""`./dev demo [--json]`: packs a Python program, runs it confined, shows what was refused and by
which plane, and what a start costs beside plain exec and other runtimes.

Everything shown is read from what yett itself wrote: the program's output, the audit log, the plan.
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from startup import measure_startup
from table import Screen

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
YETT = ROOT / "build/release/bin/yett"
LIMITS = ["--pids", "32", "-m", "256M"]

PLANES = {"mount_tree": "mount tree", "bpf_lsm": "BPF LSM", "bpf-lsm": "BPF LSM", "cgroup_bpf": "cgroup-BPF",
          "mount tree": "mount tree"}


class DemoError(Exception):
    pass


def run(*command, **options):
    """Runs to the end; failing ends the demo with what it said."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise DemoError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stderr}")
    return done


# ---- 1: pack ----------------------------------------------------------------------------------------


def pack(package):
    started = time.monotonic()
    run(YETT, "pack", "-q", "-f", "--from-host", "python3", "--add", f"{HERE / 'app'}:/app",
        "--manifest", HERE / "yett.toml", package)
    return {"seconds": time.monotonic() - started, "package_bytes": package.stat().st_size,
            **unpacked_size(package)}


def unpacked_size(package):
    """Files and bytes as they would be in a directory, from squashfs's own listing."""
    listing = run("unsquashfs", "-lln", package).stdout.splitlines()
    sizes = [int(words[2]) for words in (line.split() for line in listing)
             if len(words) > 5 and words[0].startswith("-")]
    return {"files": len(sizes), "directory_bytes": sum(sizes)}


# ---- 2: run, and find out who refused what ---------------------------------------------------------


def what_to_run(package):
    """The package; where no file system can be mounted, as inside a container, the same program on the host's Python."""
    mode = json.loads(run(YETT, "run", "--dry-run", "--", "true").stdout)["mode"]
    app = HERE / "app"
    return mode, ["-v", f"{app}:{app}:ro", "--", "python3", app / "plugin.py"] if mode == "fallback" else [package]


def run_plugin(program, work):
    audit = work / "audit.jsonl"
    done = run(YETT, "run", *LIMITS, "--audit", audit, "--report", work / "report.json", *program)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    records = [json.loads(line) for line in audit.read_text().splitlines()]
    plan = json.loads(run(YETT, "run", *LIMITS, "--dry-run", *program).stdout)
    report = json.loads((work / "report.json").read_text())
    return said, records, plan, report


def holding_mount(plan, path):
    """The mount of the plan that a path lies in."""
    targets = [entry for entry in plan.get("mounts", []) if covers(entry["target"], path)]
    return max(targets, key=lambda entry: len(entry["target"]), default=None)


def covers(target, path):
    return path == target or path.startswith(target.rstrip("/") + "/")


def explain(attempt, records, plan):
    """Plane and rule of a refusal: the audit log's own words, else what the plan says of it."""
    for record in records:
        if record.get("call") == attempt["call"] and record.get("verdict") in ("deny", "kill", "emulate"):
            if "used" not in record and record.get("errno", attempt.get("errno")) in (attempt.get("errno"), "", None):
                record["used"] = True
                plane = PLANES.get(record["plane"], record["plane"])
                if plane == "supervisor" and record["verdict"] == "deny":
                    plane = "filter"  # the filter refuses; the supervisor hands out the errno and writes it down
                return plane, record["rule"].split(" ", 1)[-1] if ".tsv:" in record["rule"] else record["rule"]
    return from_plan(attempt, plan)


def planned(plan, rule):
    """The plane that the plan has for a rule."""
    planes = [placed["plane"] for placed in plan.get("rules", []) if placed["rule"] == rule]
    return PLANES.get(planes[0], planes[0]) if planes else ""


def from_plan(attempt, plan):
    if attempt["call"] == "clone":
        return planned(plan, "limits.pids"), "limits.pids = 32"
    if attempt["call"] == "connect":
        return planned(plan, "network.mode = none"), "network.mode = none"
    if attempt["object"] == "memfd":
        return planned(plan, "exec.memfd = false"), "exec.memfd = false"
    if plan["mode"] == "fallback":
        return "landlock", "exec.written_files = false" if attempt["call"] == "execve" else "not among what is shown"
    if attempt["call"] == "execve":
        mount = holding_mount(plan, attempt["object"])
        return "mount tree", f"{mount['target'] if mount else '/tmp'} is writable, so noexec"
    mount = holding_mount(plan, attempt["object"])
    if attempt["errno"] == "ENOENT":
        return "mount tree", "not in the sandbox"
    return "mount tree", f"{mount['target']} is read-only" if mount else "read-only"


def judge(said, records, plan):
    rows = []
    for attempt in said:
        if attempt["kind"] != "attempt":
            continue
        refused = "errno" in attempt
        emulated = attempt["call"] == "sysinfo" and attempt.get("got") == "256 MiB"
        plane, rule = ("supervisor", "syscalls.emulate = sysinfo") if emulated else \
            explain(attempt, records, plan) if refused else ("", "")
        rows.append({"attempt": attempt["title"], "call": attempt["call"], "held": refused or emulated,
                     "answer": attempt.get("errno") or attempt["got"], "detail": attempt.get("detail", ""),
                     "plane": plane, "rule": rule})
    return rows


# ---- the telling ------------------------------------------------------------------------------------


def tell(result, screen):
    packed = result["pack"]
    screen.title("1", "Pack", "a Python program of this host, with its libraries and modules")
    smaller = 100 - 100 * packed["package_bytes"] / packed["directory_bytes"]
    screen.line(f"{packed['files']:,} files, {mebibytes(packed['directory_bytes'])}  →  plugin.sqfs, "
                f"{mebibytes(packed['package_bytes'])} ({smaller:.0f} % smaller), in {packed['seconds']:.1f} s")
    on_host = result["mode"] == "fallback"
    screen.title("2", "Run", f"yett run {' '.join(LIMITS)} {'-v app -- python3 app/plugin.py' if on_host else 'plugin.sqfs'}")
    if on_host:
        screen.line("Nothing can be mounted here (mode fallback): the same program, on the host's Python.")
    work = result["work"]
    words = ", ".join(f"{word} {count}" for word, count in work["top"])
    screen.line(f"It does its work: {work['texts']} texts read by {work['texts']} threads, {work['words']} long "
                f"words kept in SQLite; most frequent: {words}.")
    screen.line("Then it tries what it was not installed for:")
    screen.gap()
    screen.attempts(result["attempts"])
    held = sum(row["held"] for row in result["attempts"])
    total = len(result["attempts"])
    planes = collections.Counter(row["plane"] for row in result["attempts"] if row["held"])
    screen.verdict(held == total, f"{held} of {total} held: " + ", ".join(f"{plane} {n}" for plane, n in planes.most_common()))
    if result["backends"]:
        screen.line(f"Back ends in force here: {', '.join(result['backends'])}")
    screen.title("3", "Cost", f"start to exit of /bin/true, medians of {result['rounds']} interleaved rounds")
    screen.bars(result["startup"])


def mebibytes(count):
    return f"{count / (1 << 20):.1f} MiB"


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead")
    parser.add_argument("--rounds", type=int, default=60, metavar="N", help="rounds of the start-up measurement (default 60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yett-demo.") as directory:
        work = pathlib.Path(directory)
        package = work / "plugin.sqfs"
        result = {"pack": pack(package)}
        result["mode"], program = what_to_run(package)
        said, records, plan, report = run_plugin(program, work)
        result["work"] = next(line for line in said if line["kind"] == "work")
        result["attempts"] = judge(said, records, plan)
        result["backends"] = report.get("backends", [])
        result["rounds"] = options.rounds
        result["startup"] = measure_startup(YETT, work, options.rounds)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        tell(result, Screen(sys.stdout))
    return 0 if all(row["held"] for row in result["attempts"]) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(1)
