#!/usr/bin/env python3
"""Yett inside an ordinary container: Podman's own runtime and default seccomp profile, an ordinary user.

ordinary_container_test.py BUILD_DIR --unified [CHECK...]    crun takes no hybrid of cgroup hierarchies
"""
import json
import os
import pathlib

import engine
from engine import expect, run

engine.enter_own_namespaces()
engine.need("podman", "crun", "conmon", "python3", "gcc", "make", "git", "sqlite3", "node", "redis-server", "nginx", "wrk")
place = engine.Place("container")
SOURCE = pathlib.Path(__file__).resolve().parents[2]
USER = 1000
PROJECT = "/home/user/project"
environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(place / "storage.conf"),
               "CONTAINERS_CONF": str(place / "containers.conf"), "HOME": str(place.path)}
YETT = "/yett/bin/yett"


def configure():
    (place / "storage.conf").write_text(f"""[storage]
driver = "vfs"
runroot = "{place / 'run'}"
graphroot = "{place / 'graph'}"
""")
    (place / "containers.conf").write_text(f"""[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{place / 'tmp'}"
lock_type = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
pids_limit = 0
""")


def make_root():
    """The host's programs below /usr, the rest the container's own."""
    root = place / "root"
    for directory in f"etc tmp dev proc sys run usr yett demo {PROJECT[1:]}".split():
        (root / directory).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in "bin sbin lib lib64".split():
        if os.path.islink(f"/{name}"):
            (root / name).symlink_to(os.readlink(f"/{name}"))
    (root / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/sh\nuser:x:{USER}:{USER}::/home/user:/bin/sh\n")
    (root / "etc/group").write_text(f"root:x:0:\nuser:x:{USER}:\n")
    (root / "etc/secret").write_text("secret\n")
    run("cp", "-a", "/etc/ld.so.cache", "/etc/alternatives", root / "etc")
    (root / PROJECT[1:] / "a.c").write_text('#include <stdio.h>\nint main(void) { puts("built"); }\n')
    (root / PROJECT[1:] / "Makefile").write_text("a: a.o\n\tgcc a.o -o a\n")
    run("chown", "-R", f"{USER}:{USER}", root / "home/user")


def contained(*words, status=0):
    """In a container with every default that Podman has but for networks and cgroups, which this host may not have."""
    programs = pathlib.Path(place.yett).resolve().parent
    return run("podman", "run", "--rm", "--network", "none", "--cgroups", "disabled", "--user", f"{USER}:{USER}",
               "--env", "HOME=/home/user", "--workdir", PROJECT, "--volume", "/usr:/usr:ro",
               "--volume", f"{programs}:/yett/bin:ro", "--volume", f"{programs}:/demo/build/release/bin:ro",
               "--volume", f"{SOURCE}/examples:/demo/examples:ro", "--volume", f"{SOURCE}/docs:/yett/docs:ro",
               "--env", f"YETT_BIN={YETT}", "--env", "YETT_WORKPLACE=container",
               "--env", "YETT_MODES_PAGE=/yett/docs/modes.md", "--rootfs", place / "root", *words,
               status=status, env=environment)


def sandboxed(*words, status=0):
    return contained(YETT, "run", "--mode", "fallback", *words, status=status)


def check_container():
    """It is one as everybody has it: filtered, without a capability."""
    told = contained("cat", "/proc/self/status")
    expect("a filter around it", True, "Seccomp:\t2" in told)
    expect("no capability", True, "CapEff:\t0000000000000000" in told)


def check_modes():
    done = contained(YETT, "run", "--", "true", status=None)
    expect("run", 0, done.returncode)
    expect("it says which mode", True, "yett: mode fallback, without namespaces: mode rootless: " in done.stderr)
    rootless = contained(YETT, "run", "--mode", "rootless", "--", "true", status=None)
    expect("no mode silently", 125, rootless.returncode)
    doctor = contained(YETT, "doctor")
    expect("doctor", True, "  + fallback" in doctor and "  - rootless" in doctor)


def check_workloads():
    """Those of tests/workload, in the same program as on the host; docs/modes.md has their table."""
    listed = contained("/yett/bin/workload", "--gtest_list_tests", "--gtest_filter=From/Workload.*").split()
    tests = [f"From/Workload.{name}" for name in listed if name.endswith("/contained")]
    expect("workloads", True, len(tests) > 6)
    for test in [*tests, "WorkloadTable.*"]:
        done = contained("/yett/bin/workload", f"--gtest_filter={test}", status=None)
        if done.returncode != 0 or "[  PASSED  ]" not in done.stdout or "[  PASSED  ] 0" in done.stdout:
            engine.fail(f"{test}:\n{done.stdout}{done.stderr}")
        expect(test, 0, done.returncode)


def check_processes():
    forks = "import os, time\nn = 0\ntry:\n  while os.fork(): n += 1\n  time.sleep(60)\nexcept OSError: print(n + 1)"
    expect("processes", "20", sandboxed("--pids", "20", "--", "python3", "-c", forks))


def check_bounds():
    for name, script in {"files": "cat /etc/secret", "writing": f"echo x > {PROJECT}/new",
                         "sockets": "python3 -c 'import socket; socket.socket()'"}.items():
        expect(name, True, sandboxed("--", "sh", "-c", script, status=None).returncode != 0)
        expect(f"{name}, without a sandbox", 0, contained("sh", "-c", script, status=None).returncode)


def check_redirected():
    script = (f"mkdir /tmp/changes && {YETT} run --mode fallback --here=ro --overlay /tmp/changes -- sh -c 'make > log && ls' && "
              f"echo then && ls && {YETT} diff /tmp/changes && {YETT} commit /tmp/changes > /dev/null && ./a && "
              f"{YETT} discard /tmp/changes")
    found = contained("sh", "-c", f"rm -f new; {script}").split("\n")
    expect("built in a project that is only read",
           ["Makefile", "a", "a.c", "a.o", "log", "then", "Makefile", "a.c", f"A {PROJECT}/a", f"A {PROJECT}/a.o",
            f"A {PROJECT}/log", "built"], found)


def check_demo():
    """As ./dev demo, whose packages are installed."""
    demo = json.loads(contained("python3", "/demo/examples/demo/demo.py", "--json", "--rounds", "3"))
    expect("demo", True, len(demo["attempts"]) > 10 and all(row["held"] for row in demo["attempts"]))


CHECKS = ["container", "modes", "workloads", "processes", "bounds", "redirected", "demo"]

configure()
make_root()
for check in engine.chosen_checks(CHECKS):
    globals()[f"check_{check}"]()
