"""Start-up times: each runtime runs /bin/true once a round, so that all see the same machine."""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time


def spawn(command):
    """Milliseconds from spawn to reaped, and the exit status."""
    quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    started = time.perf_counter_ns()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return (time.perf_counter_ns() - started) / 1e6, status


def oci_bundle(work):
    """A bundle for runc and crun: the host's programs, read-only, /bin/true."""
    bundle = work / "bundle"
    (bundle / "rootfs").mkdir(parents=True)
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    subprocess.run(["runc" if shutil.which("runc") else "crun", "spec", *rootless], cwd=bundle, check=True)
    path = bundle / "config.json"
    config = json.loads(path.read_text())
    config["process"]["terminal"] = False
    config["process"]["args"] = ["/bin/true"]
    for source in ("/usr", "/bin", "/lib", "/lib64"):
        if pathlib.Path(source).exists():
            config["mounts"].append({"destination": source, "source": source, "type": "bind",
                                     "options": ["rbind", "ro"]})
    config["root"]["readonly"] = False
    path.write_text(json.dumps(config))
    return bundle


def runtimes(yett, work):
    found = {
        "plain fork and exec": ["/bin/true"],
        "yett run": [str(yett), "run", "--", "/bin/true"],
    }
    if bwrap := shutil.which("bwrap"):
        found["bubblewrap, no filter"] = [
            bwrap, "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin",
            "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev",
            "--tmpfs", "/tmp", "/bin/true"]
    for name in ("crun", "runc"):
        if program := shutil.which(name):
            bundle = work / "bundle" if (work / "bundle").exists() else oci_bundle(work)
            found[name] = [program, "run", "--bundle", str(bundle), f"yett-demo-{name}"]
    return found


def measure_startup(yett, work, rounds):
    """Medians in milliseconds and as ratios to plain exec; a runtime that fails here is left out."""
    commands = runtimes(yett, work)
    times = {name: [] for name in commands}
    for name, command in list(commands.items()):
        if spawn(command)[1] != 0:
            del commands[name]
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(spawn(command)[0])
    base = statistics.median(times["plain fork and exec"])
    return [{"runtime": name, "ms": statistics.median(times[name]), "ratio": statistics.median(times[name]) / base}
            if name in commands else {"runtime": name, "ms": None, "ratio": None} for name in times]
