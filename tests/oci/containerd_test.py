#!/usr/bin/env python3
"""Real containerd and its runc shim with Yett as --runc-binary: run, exec, kill, pause, metrics.

containerd_test.py BUILD_DIR [--unified] [CHECK...]
"""
import hashlib
import io
import json
import platform
import sys
import tarfile

import engine
from engine import eventually, expect, run
from terminal_cases import Shell, await_size, read_until

engine.enter_own_namespaces()
engine.need("containerd", "ctr", "containerd-shim-runc-v2", "busybox")
place = engine.Place("containerd")
ADDRESS = place / "c.sock"
IMAGE = "docker.io/library/box:latest"
RUNTIME_ROOT = place / "runc"
WITH_YETT = ["--runc-binary", place.yett, "--runc-root", RUNTIME_ROOT, "--snapshotter", "native"]


def ctr(*words, status=0):
    return run("ctr", "--address", ADDRESS, *words, status=status)


def start_daemon():
    configuration = place / "config.toml"
    configuration.write_text(f"""version = 2
root = "{place / 'root'}"
state = "{place / 'state'}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{ADDRESS}"
[plugins."io.containerd.runtime.v1.linux"]
  no_shim = false
""")
    place.daemon("containerd", "--config", configuration,
                 ready=lambda: ctr("version", status=None).returncode == 0)


class OciImage:
    """An OCI image layout of one layer, as a tar archive."""

    def __init__(self, archive):
        self.archive = archive

    def add(self, name, data):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self.archive.addfile(info, io.BytesIO(data))

    def blob(self, kind, data):
        digest = hashlib.sha256(data).hexdigest()
        self.add(f"blobs/sha256/{digest}", data)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    def write(self, layer, name):
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        config = {"architecture": machine, "os": "linux",
                  "config": {"Env": ["PATH=/bin", "A=b"], "Cmd": ["echo", "by default"]},
                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
        manifest = {"schemaVersion": 2, "config": self.blob("config.v1+json", json.dumps(config).encode()),
                    "layers": [self.blob("layer.v1.tar", layer)]}
        described = self.blob("manifest.v1+json", json.dumps(manifest).encode())
        described["annotations"] = {"io.containerd.image.name": name}
        self.add("index.json", json.dumps({"schemaVersion": 2, "manifests": [described]}).encode())
        self.add("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())


def import_image():
    root = engine.make_root(place / "rootfs")
    run("tar", "-C", root, "-cf", place / "layer.tar", ".")
    with tarfile.open(place / "image.tar", "w") as archive:
        OciImage(archive).write((place / "layer.tar").read_bytes(), IMAGE)
    ctr("images", "import", "--snapshotter", "native", place / "image.tar")
    expect("image", lambda text: IMAGE in text, ctr("images", "list", "--quiet"))


def started(name, *options, script="exec sleep 1000"):
    ctr("run", "--detach", *WITH_YETT, "--cgroup", f"/{place.cgroup}/{name}", *options, IMAGE, name, "sh", "-c", script)


def once(name, *words, options=(), status=0):
    return ctr("run", "--rm", *WITH_YETT, "--cgroup", f"/{place.cgroup}/{name}", *options, IMAGE, name, *words, status=status)


def state_of(name):
    rows = [line.split() for line in ctr("tasks", "list").splitlines()]
    return next((row[2] for row in rows if row[0] == name), "none")


def remove(name):
    ctr("tasks", "delete", "--force", name, status=None)
    ctr("containers", "delete", name)


def check_run():
    expect("run", "by default", once("a"))
    expect("program and environment", "b /tmp", once("b", "sh", "-c", "echo $A $PWD", options=["--cwd", "/tmp"]))
    once("c", "sh", "-c", "exit 9", status=9)
    missing = once("d", "no-such-program", status=None)
    expect("a program that is not there", lambda done: done.returncode != 0 and "executable file not found" in done.stderr, missing)
    script = "grep CapEff /proc/self/status"
    expect("--cap-drop", lambda text: int(text.split()[1], 16) & 1 == 0,
           once("e", "sh", "-c", script, options=["--cap-drop", "CAP_CHOWN"]))
    expect("--read-only", "refused", once("f", "sh", "-c", "touch /x 2>/dev/null || echo refused", options=["--read-only"]))
    expect("--seccomp", "Seccomp:\t2", once("g", "grep", "Seccomp:", "/proc/self/status", options=["--seccomp"]))
    profile = engine.seccomp_refusing(place / "profile.json", "mkdir", "mkdirat")
    expect("--seccomp-profile", "Function not implemented",
           once("h", "sh", "-c", "mkdir /tmp/x 2>&1 | grep -o 'Function not implemented'",
                options=["--seccomp", "--seccomp-profile", profile]))
    (place / "source").mkdir()
    mount = f"type=bind,src={place / 'source'},dst=/v,options=rbind:rw"
    expect("--mount", "wrote", once("i", "sh", "-c", "touch /v/x && echo wrote", options=["--mount", mount]))
    expect("--no-pivot", "here", once("j", "echo", "here", options=["--no-pivot"]))
    once("k", "true", options=["--privileged"])


def check_options():
    script = "grep CapEff /proc/self/status"
    expect("--cap-add", lambda text: int(text.split()[1], 16) >> 12 & 1 == 1,
           once("l", "sh", "-c", script, options=["--cap-add", "CAP_NET_ADMIN"]))
    expect("without it", lambda text: int(text.split()[1], 16) >> 12 & 1 == 0, once("m", "sh", "-c", script))
    path, numbers = engine.some_device()
    expect("--device", f"{numbers}\nopened",
           once("n", "sh", "-c", f"stat -c '%t %T' {path}; : < {path} && echo opened", options=["--device", path]))
    tmpfs = "type=tmpfs,src=tmpfs,dst=/t,options=size=1m:mode=1770"
    expect("--mount of a tmpfs", lambda text: text.startswith("1770") and "size=1024k" in text,
           once("o", "sh", "-c", "stat -c %a /t; grep ' /t ' /proc/mounts", options=["--mount", tmpfs]))
    (place / "volume").mkdir()
    mount = f"type=bind,src={place / 'volume'},dst=/v,options=rbind:ro"
    expect("--mount, read-only", "refused", once("p", "sh", "-c", "touch /v/x 2>/dev/null || echo refused", options=["--mount", mount]))
    # This ctr knows no --user and no --init: what engines above containerd write into the configuration.
    specification = json.loads(ctr("oci", "spec"))
    specification["process"].update(args=["sh", "-c", "echo $(id -u) $(id -g)"], user={"uid": 1000, "gid": 7})
    specification["root"] = {"path": str(place / "rootfs")}
    specification["linux"]["cgroupsPath"] = f"/{place.cgroup}/q"
    specification["linux"]["resources"]["pids"] = {"limit": 20}
    (place / "config.json").write_text(json.dumps(specification))
    expect("--config, with a user and limit of processes", "1000 7",
           ctr("run", "--rm", *WITH_YETT, "--config", place / "config.json", "q"))


def check_logs():
    log = place / "log"
    started("log", "--log-uri", f"file://{log}", script="echo from inside; exec sleep 1000")
    eventually("--log-uri", "from inside\n", lambda: log.read_text() if log.exists() else None)
    remove("log")


def check_life():
    started("one")
    eventually("run --detach", "RUNNING", lambda: state_of("one"))
    expect("exec", "0", ctr("tasks", "exec", "--exec-id", "e1", "one", "id", "-u"))
    expect("exec --user --cwd", "7 /tmp", ctr("tasks", "exec", "--exec-id", "e2", "--user", "7", "--cwd", "/tmp", "one", "sh", "-c",
                                              "echo $(id -u) $PWD"))
    ctr("tasks", "exec", "--exec-id", "e3", "one", "sh", "-c", "exit 5", status=5)
    expect("ps", 1, len(ctr("tasks", "ps", "one").splitlines()) - 1)
    ctr("tasks", "pause", "one")
    expect("pause", "PAUSED", state_of("one"))
    ctr("tasks", "resume", "one")
    expect("resume", "RUNNING", state_of("one"))
    ctr("tasks", "kill", "--signal", "KILL", "one")
    eventually("kill", "STOPPED", lambda: state_of("one"))
    remove("one")
    expect("rm", ("", []), (ctr("containers", "list", "--quiet"), [path.name for path in RUNTIME_ROOT.glob("*/*")]))


def check_terminals():
    words = ["ctr", "--address", ADDRESS]
    shell = Shell([*map(str, [*words, "run", "--rm", "--tty", *WITH_YETT, "--cgroup", f"/{place.cgroup}/t", IMAGE, "t"]),
                   "sh", "-c", "tty; read line; echo got $line; exit 3"])
    read_until(shell.master, "/dev/pts/0")
    shell.type("words\n")
    read_until(shell.master, "got words")
    expect("run -t", 3, shell.end())
    started("two")
    shell = Shell([*map(str, words), "tasks", "exec", "--tty", "--exec-id", "e", "two", "sh", "-c",
                   "tty; while read line; do stty size; done; exit 4"])
    read_until(shell.master, "/dev/pts/")
    await_size(shell, "31 97")
    shell.type("\x04")
    expect("exec -t", 4, shell.end())
    remove("two")


def metric(name, key):
    rows = [line.split() for line in ctr("tasks", "metrics", name).splitlines()]
    return next((row[1] for row in rows if row and row[0] == key), None)


def check_resources():
    started("three", "--memory-limit", str(64 << 20), "--cpu-quota", "50000", "--cpu-period", "100000")
    expect("metrics, memory", lambda text: text is not None and int(text) > 0, metric("three", "memory.usage_in_bytes"))
    expect("metrics, limit", str(64 << 20), metric("three", "memory.limit_in_bytes"))
    expect("metrics, processes", "1", metric("three", "pids.current"))
    run(place.yett, "--root", RUNTIME_ROOT / "default", "update", "--memory", str(96 << 20), "--pids-limit", "30", "three")
    expect("update", (str(96 << 20), "30"), (metric("three", "memory.limit_in_bytes"), metric("three", "pids.limit")))
    remove("three")


CHECKS = "run options logs life terminals resources".split()


def main():
    start_daemon()
    import_image()
    for name in engine.chosen_checks(CHECKS):
        globals()[f"check_{name}"]()
    expect("nothing left", [], [path.name for path in RUNTIME_ROOT.glob("*/*")])


main()
