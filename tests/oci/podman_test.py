#!/usr/bin/env python3
"""Podman with Yett as its runtime, as docs/engines.md says.

podman_test.py BUILD_DIR [--unified] [--rootless] [--runtime=PATH] [CHECK...]
"""
import json
import os
import sys

import engine
from engine import eventually, expect, run
from terminal_cases import Shell, await_size, read_until

engine.enter_own_namespaces()
engine.need("podman", "conmon", "tini-static", "busybox", "newuidmap")
place = engine.Place("podman")
place.shared_cgroups.append("libpod_parent")  # conmon's
environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(place / "storage.conf"),
               "CONTAINERS_CONF": str(place / "containers.conf"), "HOME": str(place.path),
               "XDG_RUNTIME_DIR": str(place / "runtime")}
PODMAN = place.as_user("podman")
# Without rights there is no cgroup to be made where none was delegated.
PARENT = [] if place.user else ["--cgroup-parent", f"/{place.cgroup}"]
QUIET = ["--network", "none", *PARENT]
RUNTIME = next((word.split("=")[1] for word in sys.argv if word.startswith("--runtime=")), place.yett)


def podman(*words, status=0, input=None):
    return run(*PODMAN, *words, status=status, input=input, env=environment)


def configure():
    place.directory("runtime")
    os.chdir(place.path)
    (place / "storage.conf").write_text(f"""[storage]
driver = "vfs"
runroot = "{place / 'run'}"
graphroot = "{place / 'graph'}"
""")
    # Nothing outside of this place. Limits as this process has them: raising one takes
    # CAP_SYS_RESOURCE, which a test may lack.
    (place / "containers.conf").write_text(f"""[engine]
runtime = "yett"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{place / 'tmp'}"
volume_path = "{place / 'volumes'}"
lock_type = "file"
infra_image = "localhost/pause"
[engine.runtimes]
yett = ["{RUNTIME}"]
[network]
network_config_dir = "{place / 'networks'}"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
pids_limit = 0
init_path = "/usr/bin/tini-static"
""")


def import_images():
    root = engine.make_root(place / "root")
    run("tar", "-C", root, "-cf", place / "image.tar", ".")
    podman("import", "--change", "CMD [\"sh\"]", place / "image.tar", "localhost/box")
    # What holds the namespaces of a pod.
    podman("import", "--change", "ENTRYPOINT [\"sleep\", \"100000\"]", place / "image.tar", "localhost/pause")


def once(*words, status=0):
    return podman("run", "--rm", *QUIET, *words, status=status)


def start(name, *words):
    podman("run", "--detach", "--name", name, *QUIET, *words)


def inspect(name, field):
    return podman("inspect", "--format", "{{" + field + "}}", name)


def check_run():
    expect("run", "hi", once("box", "echo", "hi"))
    expect("runtime", "yett", podman("info", "--format", "{{.Host.OCIRuntime.Name}}"))
    once("box", "sh", "-c", "exit 9", status=9)
    expect("status of a program that is not there", 127, once("box", "no-such-program", status=None).returncode)
    expect("status of what is no program", 126, once("box", "/etc", status=None).returncode)
    expect("input", "words", podman("run", "--rm", "--interactive", *QUIET, "box", "cat", input="words"))


def check_options():
    expect("--user", "1000 7", once("--user", "1000:7", "box", "sh", "-c", "echo $(id -u) $(id -g)"))
    expect("--read-only", "refused", once("--read-only", "box", "sh", "-c", "touch /x 2>/dev/null || echo refused"))
    mounts = once("--tmpfs", "/t:size=1m,mode=1770", "box", "sh", "-c", "stat -c %a /t; grep ' /t ' /proc/mounts")
    expect("--tmpfs", lambda text: text.startswith("1770") and "size=1024k" in text, mounts)
    script = "grep CapEff /proc/self/status"
    expect("--cap-drop", "CapEff:\t0000000000000000", once("--cap-drop", "all", "box", "sh", "-c", script))
    expect("--cap-add", "CapEff:\t0000000000001000", once("--cap-drop", "all", "--cap-add", "NET_ADMIN", "box", "sh", "-c", script))
    expect("--init", "podman-init", once("--init", "box", "cat", "/proc/1/comm"))
    path, numbers = engine.some_device(place.as_user())
    device = once("--device", f"{path}:/dev/mine", "box", "sh", "-c", "stat -c '%t %T' /dev/mine; : < /dev/mine && echo opened")
    expect("--device", f"{numbers}\nopened", device)
    profile = engine.seccomp_refusing(place / "profile.json", "mkdir", "mkdirat")
    refused = "mkdir /tmp/x 2>&1 | grep -o 'Function not implemented'; touch /tmp/y && echo touched"
    expect("--security-opt seccomp=FILE", "Function not implemented\ntouched",
           once("--security-opt", f"seccomp={profile}", "box", "sh", "-c", refused))
    expect("--ulimit", "100", once("--ulimit", "nofile=100:200", "--ulimit", "nproc=1024:1024", "box", "sh", "-c", "ulimit -n"))
    first = 1 if place.user else 100000  # of what was given away
    expect("--uidmap", f"0 {first}", once("--uidmap", f"0:{first}:5000", "--gidmap", f"0:{first}:5000", "box", "sh", "-c",
                                          "read a b c < /proc/self/uid_map; echo $a $b"))


def check_volumes():
    place.directory("source")
    expect("volume", "wrote", once("--volume", f"{place / 'source'}:/v", "box", "sh", "-c", "touch /v/made && echo wrote"))
    expect("volume, read-only", "refused", once("--volume", f"{place / 'source'}:/v:ro", "box", "sh", "-c",
                                                "touch /v/x 2>/dev/null || echo refused"))
    podman("volume", "create", "kept")
    once("--volume", "kept:/v", "box", "sh", "-c", "echo words > /v/file")
    expect("named volume", "words", once("--volume", "kept:/v", "box", "cat", "/v/file"))


def check_life():
    start("one", "--stop-timeout", "1", "box", "sh", "-c", "echo from inside; exec sleep 1000")
    expect("exec", "0", podman("exec", "one", "id", "-u"))
    podman("exec", "one", "sh", "-c", "exit 5", status=5)
    expect("exec --user --workdir", "7 /tmp", podman("exec", "--user", "7", "--workdir", "/tmp", "one", "sh", "-c", "echo $(id -u) $PWD"))
    expect("logs", "from inside", podman("logs", "one"))
    expect("top", lambda text: "sleep 1000" in text, podman("top", "one"))
    if not place.user:  # it takes a cgroup
        podman("pause", "one")
        expect("pause", "paused", inspect("one", ".State.Status"))
        podman("unpause", "one")
        expect("unpause", "running", inspect("one", ".State.Status"))
    podman("stop", "one")
    expect("stop", "exited", inspect("one", ".State.Status"))
    podman("start", "one")
    expect("start again", "running", inspect("one", ".State.Status"))
    podman("restart", "one")
    expect("restart", "running", inspect("one", ".State.Status"))
    podman("kill", "one")
    expect("kill", "137", podman("wait", "one"))
    podman("rm", "one")


def check_terminals():
    shell = Shell([*PODMAN, "run", "--rm", "-it", *QUIET, "box", "sh", "-c", "tty; read line; echo got $line; exit 3"], environment)
    read_until(shell.master, "/dev/pts/0")
    shell.type("words\n")
    read_until(shell.master, "got words")
    expect("run -it", 3, shell.end())
    start("two", "box", "sleep", "1000")
    shell = Shell([*PODMAN, "exec", "-it", "two", "sh", "-c", "tty; while read line; do stty size; done; exit 4"], environment)
    read_until(shell.master, "/dev/pts/")
    await_size(shell, "31 97")
    shell.type("\x04")
    expect("exec -it", 4, shell.end())
    podman("rm", "--force", "--time", "0", "two")


def check_resources():
    start("three", "--memory", "64m", "--pids-limit", "20", "--cpu-shares", "512", "box", "sh", "-c", "while :; do sleep 0.1; done")
    engine.expect_limit("--memory", inspect("three", ".State.Pid"), "memory", 64 << 20)
    engine.expect_limit("--pids-limit", inspect("three", ".State.Pid"), "pids", 20)
    engine.expect_limit("--cpu-shares", inspect("three", ".State.Pid"), "shares", 512)
    stats = json.loads(podman("stats", "--no-stream", "--format", "json", "three"))[0]
    expect("stats", lambda text: "67.11MB" in text and not text.startswith("0B"), stats["mem_usage"])
    expect("stats, processes", lambda text: int(text) >= 1, stats["pids"])
    podman("update", "--memory", "96m", "--cpu-shares", "256", "three")
    engine.expect_limit("update --memory", inspect("three", ".State.Pid"), "memory", 96 << 20)
    engine.expect_limit("update --cpu-shares", inspect("three", ".State.Pid"), "shares", 256)
    podman("rm", "--force", "--time", "0", "three")


def check_refusals():
    """Without rights, with v2 alone: Podman hands limits on, and what cannot be held is not started."""
    said = once("--memory", "64m", "box", "true", status=None)
    expect("--memory", (126, True), (said.returncode, "this user may make no cgroup" in said.stderr))
    # SECURITY: container-without-cgroup
    said = once("--pid", "host", "box", "true", status=None)
    expect("--pid host", (126, True), (said.returncode, "has no pid namespace" in said.stderr))


def check_health_and_restart():
    start("four", "--health-cmd", "test -e /tmp/well", "--health-interval", "disable", "--health-retries", "1", "box", "sleep", "1000")
    expect("unhealthy", 1, podman("healthcheck", "run", "four", status=None).returncode)
    podman("exec", "four", "touch", "/tmp/well")
    expect("healthy", 0, podman("healthcheck", "run", "four", status=None).returncode)
    podman("rm", "--force", "--time", "0", "four")
    start("five", "--restart", "on-failure:2", "box", "sh", "-c", "exit 3")
    eventually("restart policy", "2 exited", lambda: inspect("five", ".RestartCount") + " " + inspect("five", ".State.Status"))
    podman("rm", "five")
    for policy in ("always", "unless-stopped"):
        start("six", "--restart", policy, "box", "sh", "-c", "exec sleep 0.2")
        eventually(f"--restart {policy}", lambda text: int(text) >= 2, lambda: inspect("six", ".RestartCount"))
        podman("rm", "--force", "--time", "0", "six")


def check_pods():
    podman("pod", "create", "--name", "pod", *QUIET)
    podman("run", "--detach", "--pod", "pod", "--name", "left", "box", "sh", "-c", "while :; do echo words | nc -l -p 4000; done")
    eventually("one network of a pod", "words", lambda: podman("run", "--rm", "--pod", "pod", "box", "nc", "-w", "5", "127.0.0.1", "4000",
                                                               status=None).stdout.strip())
    expect("pod ps", "pod", podman("pod", "ps", "--format", "{{.Name}}"))
    podman("pod", "rm", "--force", "--time", "0", "pod")


KUBE = """apiVersion: v1
kind: Pod
metadata:
  name: kube
spec:
  restartPolicy: Never
  containers:
  - name: writer
    image: localhost/box:latest
    imagePullPolicy: Never
    command: ["sh", "-c", "echo by kube > /shared/file; id -u > /shared/id; exec sleep 1000"]
    volumeMounts: [{name: shared, mountPath: /shared}]
    resources: {limits: {memory: 64Mi}}
    securityContext: {runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: {drop: ["ALL"]}}
  volumes:
  - name: shared
    hostPath: {path: SHARED, type: Directory}
"""


def check_kube():
    place.directory("shared").chmod(0o777)
    (place / "kube.yaml").write_text(KUBE.replace("SHARED", str(place / "shared")))
    podman("play", "kube", "--network", "none", place / "kube.yaml")
    eventually("play kube", ["file", "id"], lambda: sorted(os.listdir(place / "shared")))
    eventually("runAsUser", "1000\n", (place / "shared/id").read_text)
    engine.expect_limit("its limit", inspect("kube-writer", ".State.Pid"), "memory", 64 << 20)
    podman("play", "kube", "--down", place / "kube.yaml")


CHECKS = "run options volumes life terminals resources health_and_restart pods kube".split()


def main():
    configure()
    import_images()
    for name in engine.chosen_checks(CHECKS):
        globals()[f"check_{name}"]()
    expect("nothing left", "", podman("ps", "--all", "--quiet"))


main()
