"""The rows of the report, and which of them work here: found out by running the program that does nothing.

A row that is not here, or cannot run it, is told of with its reason and left out.
"""
import fnmatch
import pathlib
import shutil

from .containers import Container, YettContainer
from .engines import Containerd, Podman, containerd
from .packages import FORMATS, Packaged
from .processes import Failed, output
from .runtimes import NOTHING, Firejail, Runtime, named_once
from .variants import Pooled, ThroughDaemon, Variant, VARIANTS

PROBE_S = 10
PLATFORMS = ("ptrace", "systrap", "kvm")


def sandboxes(place, names, program):
    """A row for each platform of a runsc; which of them it has and the machine can do is found out by trying."""
    return [Container(f"{names}-{platform}", place, program,
                      (f"--platform={platform}", "--ignore-cgroups"), network_option=True) for platform in PLATFORMS]


def engines(place):
    daemon, yett = containerd(place), str(place.binaries / "yett")
    over = {"crun": "crun", "runc": "runc", "yett": yett}
    return ([Podman(f"podman-{name}", place, oci) for name, oci in over.items()]
            + [Containerd(f"containerd-{name}", place, oci, daemon) for name, oci in over.items()])


def all_rows(place, newer_runsc=None):
    """In the order of the report."""
    newer = sandboxes(place, "newer-runsc", newer_runsc) if newer_runsc else []
    return [Runtime("native", place), Runtime("bwrap", place), Firejail("firejail", place), Container("crun", place),
            Container("runc", place), *sandboxes(place, "runsc", "runsc"), *newer, *engines(place),
            YettContainer(place), Runtime("yett", place), ThroughDaemon("yett-daemon", place), Pooled("yett-warm", place),
            *(Variant(name, place) for name in VARIANTS),
            *(Packaged(name, place) for name in FORMATS)]


def wanted(row, only):
    return not only or any(fnmatch.fnmatch(row.name, pattern) for pattern in only)


def try_out(row):
    """Its record for the file: available, or why not."""
    program = row.version()[0]
    if not shutil.which(program):
        return {"name": row.name, "available": False, "reason": "not installed"}
    try:
        version = output(row.version(), 10)[0].splitlines()[0]
        command = row.command(NOTHING)
        output([*row.around(), *named_once(command, "probe")], PROBE_S)
    except (Failed, IndexError, OSError) as failure:
        row.end()
        return {"name": row.name, "available": False, "reason": str(failure)}
    return {"name": row.name, "available": True, "version": version, "command": " ".join(map(str, command))}


def probe(place, only=None, newer_runsc=None):
    """(the rows that work, a record of each)"""
    if newer_runsc:
        newer_runsc = str(pathlib.Path(newer_runsc).resolve())
    found = [row for row in all_rows(place, newer_runsc) if wanted(row, only)]
    records = [try_out(row) for row in found]
    return [row for row, record in zip(found, records) if record["available"]], records
