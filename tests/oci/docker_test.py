#!/usr/bin/env python3
"""Real dockerd with Yett as a runtime that is added to it, as docs/engines.md says.

docker_test.py BUILD_DIR [--unified] [CHECK...]
"""
import json
import os
import sys

import engine
from engine import eventually, expect, run
from terminal_cases import Shell, await_size, read_until

engine.enter_own_namespaces()
engine.need("dockerd", "docker", "containerd", "containerd-shim-runc-v2", "docker-compose", "busybox")
place = engine.Place("docker")
host = f"unix://{place / 'docker.sock'}"
environment = {**os.environ, "DOCKER_HOST": host, "DOCKER_CONFIG": str(place / "client"), "HOME": str(place.path)}


def docker(*words, status=0, input=None):
    return run("docker", *words, status=status, input=input, env=environment)


def start_daemon():
    configuration = place / "daemon.json"
    configuration.write_text(json.dumps({
        "runtimes": {"yett": {"path": place.yett}},
        "default-runtime": "yett",
        "storage-driver": "vfs",
        "cgroup-parent": f"/{place.cgroup}",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "oom-score-adjust": 0,
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "bridge": "none"}))
    place.daemon("dockerd", "--config-file", configuration, "--data-root", place / "data", "--exec-root",
                 place / "exec", "--pidfile", place / "pid", "--host", host,
                 ready=lambda: docker("version", status=None).returncode == 0)


def import_image():
    root = engine.make_root(place / "root")
    run("tar", "-C", root, "-cf", place / "image.tar", ".")
    docker("import", place / "image.tar", "box")


def once(*words, status=0):
    return docker("run", "--rm", *words, status=status)


def inspect(name, field):
    return docker("inspect", "--format", "{{" + field + "}}", name)


def check_run():
    expect("run", "hi", once("box", "echo", "hi"))
    expect("runtime", "yett", docker("info", "--format", "{{.DefaultRuntime}}"))
    once("box", "sh", "-c", "exit 9", status=9)
    missing = docker("run", "--rm", "box", "no-such-program", status=None)
    expect("status of a program that is not there", 127, missing.returncode)
    expect("its message", lambda text: "executable file not found" in text, missing.stderr)
    expect("status of what is no program", 126, docker("run", "--rm", "box", "/etc", status=None).returncode)
    expect("input", "words", docker("run", "--rm", "--interactive", "box", "cat", input="words"))
    expect("environment and directory", "b /tmp", once("--env", "A=b", "--workdir", "/tmp", "box", "sh", "-c", "echo $A $PWD"))


def check_options():
    expect("--user", "1000 7", once("--user", "1000:7", "box", "sh", "-c", "echo $(id -u) $(id -g)"))
    expect("--read-only", "refused", once("--read-only", "box", "sh", "-c", "touch /x 2>/dev/null || echo refused"))
    mounts = once("--tmpfs", "/t:size=1m,mode=1770", "box", "sh", "-c", "stat -c %a /t; grep ' /t ' /proc/mounts")
    expect("--tmpfs", lambda text: text.startswith("1770") and "size=1024k" in text, mounts)
    script = "grep CapEff /proc/self/status"
    expect("default capabilities", "CapEff:\t00000000a80425fb", once("box", "sh", "-c", script))
    expect("--cap-drop", "CapEff:\t0000000000000000", once("--cap-drop", "ALL", "box", "sh", "-c", script))
    expect("--cap-add", "CapEff:\t0000000000001000", once("--cap-drop", "ALL", "--cap-add", "NET_ADMIN", "box", "sh", "-c", script))
    expect("--security-opt no-new-privileges", "NoNewPrivs:\t1",
           once("--security-opt", "no-new-privileges", "box", "grep", "NoNewPrivs", "/proc/self/status"))
    expect("--ulimit", "100", once("--ulimit", "nofile=100:200", "box", "sh", "-c", "ulimit -n"))
    expect("--hostname", "another", once("--hostname", "another", "box", "hostname"))
    expect("--sysctl", "80", once("--sysctl", "net.ipv4.ip_unprivileged_port_start=80", "box", "cat",
                                  "/proc/sys/net/ipv4/ip_unprivileged_port_start"))
    expect("--init", lambda text: "docker-init" in text or "tini" in text, once("--init", "box", "cat", "/proc/1/comm"))
    expect("--pid host", lambda text: text != "1", once("--pid", "host", "box", "sh", "-c", "echo $$"))
    check_privileged(script)
    path, numbers = engine.some_device()
    device = once("--device", f"{path}:/dev/mine", "box", "sh", "-c", "stat -c '%t %T' /dev/mine; : < /dev/mine && echo opened")
    expect("--device", f"{numbers}\nopened", device)


def check_privileged(script):
    """All capabilities that the daemon itself has and knows."""
    status = open("/proc/self/status").read()
    own = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    done = docker("run", "--rm", "--privileged", "box", "sh", "-c", script, status=None)
    given = int(done.stdout.split()[1], 16)
    expect("--privileged", (0, True), (given & ~int(own, 16), given >> 21 & 1 == 1))
    if int(own, 16) >> 24 & 1:
        expect("--privileged, all of them", "CapEff:\t" + own, done.stdout.strip())


def check_seccomp():
    profile = engine.seccomp_refusing(place / "profile.json", "mkdir", "mkdirat")
    refused = "mkdir /tmp/x 2>&1 | grep -o 'Function not implemented'; touch /tmp/y && echo touched"
    expect("--security-opt seccomp=FILE", "Function not implemented\ntouched",
           once("--security-opt", f"seccomp={profile}", "box", "sh", "-c", refused))
    expect("without it", "touched", once("box", "sh", "-c", refused))
    expect("the default profile", "Seccomp:\t2", once("box", "grep", "Seccomp:", "/proc/self/status"))


def check_volumes():
    source = place / "source"
    source.mkdir()
    script = "touch /v/made && echo wrote"
    expect("volume", "wrote", once("--volume", f"{source}:/v", "box", "sh", "-c", script))
    expect("volume, read-only", "refused", once("--volume", f"{source}:/v:ro", "box", "sh", "-c",
                                                "touch /v/x 2>/dev/null || echo refused"))
    docker("volume", "create", "kept")
    once("--volume", "kept:/v", "box", "sh", "-c", "echo words > /v/file")
    expect("named volume", "words", once("--volume", "kept:/v", "box", "cat", "/v/file"))
    expect("--mount with a tmpfs", "tmpfs", once("--mount", "type=tmpfs,destination=/m", "box", "stat", "-f", "-c", "%T", "/m"))
    expect("the host saw it", ["made"], os.listdir(source))


def check_life():
    docker("run", "--detach", "--name", "one", "--stop-timeout", "1", "box", "sh", "-c",
           "echo from inside; echo to stderr >&2; exec sleep 1000")
    expect("exec", "0 box", docker("exec", "one", "sh", "-c", "echo $(id -u) $(test -d /proc/1 && echo box)"))
    expect("exec --user --env --workdir", "7 b /tmp",
           docker("exec", "--user", "7", "--env", "A=b", "--workdir", "/tmp", "one", "sh", "-c", "echo $(id -u) $A $PWD"))
    docker("exec", "one", "sh", "-c", "exit 5", status=5)
    expect("exec of what is not there", lambda done: done.returncode in (126, 127) and "not found" in done.stderr + done.stdout,
           docker("exec", "one", "no-such-program", status=None))
    docker("exec", "--detach", "one", "touch", "/tmp/detached")
    eventually("exec --detach", 0, lambda: docker("exec", "one", "test", "-e", "/tmp/detached", status=None).returncode)
    logs = docker("logs", "one", status=None)
    expect("logs", ("from inside\n", "to stderr\n"), (logs.stdout, logs.stderr))
    expect("top", lambda text: "sleep 1000" in text, docker("top", "one"))
    docker("pause", "one")
    expect("pause", "paused", inspect("one", ".State.Status"))
    refused = docker("exec", "one", "true", status=None)
    expect("exec in a paused one", lambda done: done.returncode != 0 and "paused" in done.stderr, refused)
    docker("unpause", "one")
    expect("unpause", "running", inspect("one", ".State.Status"))
    expect("diff", lambda text: "A /tmp/detached" in text, docker("diff", "one"))
    docker("stop", "one")
    expect("stop", "exited 137", inspect("one", ".State.Status") + " " + inspect("one", ".State.ExitCode"))
    docker("start", "one")
    expect("start again", "running", inspect("one", ".State.Status"))
    docker("kill", "--signal", "KILL", "one")
    expect("kill", "137", docker("wait", "one"))
    docker("rm", "one")


def check_terminals():
    shell = Shell(["docker", "run", "--rm", "-it", "box", "sh", "-c", "tty; read line; echo got $line; exit 3"], environment)
    read_until(shell.master, "/dev/pts/0")
    shell.type("words\n")
    read_until(shell.master, "got words")
    expect("run -it", 3, shell.end())
    docker("run", "--detach", "--name", "two", "box", "sleep", "1000")
    shell = Shell(["docker", "exec", "-it", "two", "sh", "-c", "tty; while read line; do stty size; done; exit 4"], environment)
    read_until(shell.master, "/dev/pts/")
    await_size(shell, "31 97")
    shell.type("\x04")
    expect("exec -it", 4, shell.end())
    docker("rm", "--force", "two")


def check_resources():
    docker("run", "--detach", "--name", "three", "--memory", "64m", "--pids-limit", "20", "--cpu-shares", "512",
           "--cpus", "0.5", "box", "sh", "-c", "while :; do sleep 0.1; done")
    engine.expect_limit("--memory", inspect("three", ".State.Pid"), "memory", 64 << 20)
    engine.expect_limit("--pids-limit", inspect("three", ".State.Pid"), "pids", 20)
    engine.expect_limit("--cpu-shares", inspect("three", ".State.Pid"), "shares", 512)
    engine.expect_limit("--cpus", inspect("three", ".State.Pid"), "quota", 50000)
    stats = json.loads(docker("stats", "--no-stream", "--format", "{{json .}}", "three"))
    expect("stats, memory", lambda text: text.endswith("/ 64MiB") and not text.startswith("0B"), stats["MemUsage"])
    expect("stats, processes", lambda text: int(text) >= 1, stats["PIDs"])
    docker("update", "--memory", "96m", "--memory-swap", "-1", "--pids-limit", "30", "--cpu-shares", "256", "three")
    engine.expect_limit("update --memory", inspect("three", ".State.Pid"), "memory", 96 << 20)
    engine.expect_limit("update --pids-limit", inspect("three", ".State.Pid"), "pids", 30)
    engine.expect_limit("update --cpu-shares", inspect("three", ".State.Pid"), "shares", 256)
    docker("rm", "--force", "three")
    docker("run", "--name", "eater", "--memory", "8m", "--memory-swap", "8m", "box", "sh", "-c",
           "x=$(yes 0123456789 | head -c 60000000); echo survived", status=None)
    eventually("out of memory", "true", lambda: inspect("eater", ".State.OOMKilled"))
    docker("rm", "--force", "eater")


def check_health_and_restart():
    docker("run", "--detach", "--name", "four", "--health-cmd", "test -e /tmp/well", "--health-interval", "200ms",
           "--health-retries", "1", "box", "sleep", "1000")
    eventually("unhealthy", "unhealthy", lambda: inspect("four", ".State.Health.Status"))
    docker("exec", "four", "touch", "/tmp/well")
    eventually("healthy", "healthy", lambda: inspect("four", ".State.Health.Status"))
    docker("rm", "--force", "four")
    docker("run", "--detach", "--name", "five", "--restart", "on-failure:2", "box", "sh", "-c", "exit 3")
    eventually("restart policy", "2 exited", lambda: inspect("five", ".RestartCount") + " " + inspect("five", ".State.Status"))
    docker("rm", "five")
    for policy in ("always", "unless-stopped"):
        docker("run", "--detach", "--name", "six", "--restart", policy, "box", "sh", "-c", "exec sleep 0.2")
        eventually(f"--restart {policy}", lambda text: int(text) >= 2, lambda: inspect("six", ".RestartCount"))
        docker("stop", "--time", "0", "six")
        expect(f"--restart {policy}, stopped", "exited", inspect("six", ".State.Status"))
        docker("rm", "six")


def check_files():
    docker("run", "--detach", "--name", "six", "box", "sleep", "1000")
    (place / "file").write_text("copied\n")
    docker("cp", place / "file", "six:/tmp/file")
    expect("cp", "copied", docker("exec", "six", "cat", "/tmp/file"))
    docker("commit", "six", "six-image")
    docker("rm", "--force", "six")
    expect("commit", "copied", once("six-image", "cat", "/tmp/file"))
    (place / "build").mkdir()
    (place / "build/Dockerfile").write_text("FROM box\nRUN echo built > /built && chown 7 /built\nCMD [\"cat\", \"/built\"]\n")
    run("docker", "build", "--quiet", "--network", "none", "--tag", "built", place / "build", env={**environment, "DOCKER_BUILDKIT": "0"})
    expect("build", "built", once("built"))


def check_namespaces():
    docker("run", "--detach", "--name", "seven", "--ipc", "shareable", "box", "sleep", "1000")
    script = "for n in net ipc pid uts; do readlink /proc/self/ns/$n; done"
    own = docker("exec", "seven", "sh", "-c", script).split()
    host = [os.readlink(f"/proc/self/ns/{name}") for name in ("net", "ipc", "pid", "uts")]
    shared = [f"--{name}" if word is None else word for name in ("network", "ipc", "pid") for word in (None, "container:seven")]
    expect("namespaces of another container", own[:3], once(*shared, "box", "sh", "-c", script).split()[:3])
    shared = [f"--{name}" if word is None else word for name in ("network", "ipc", "pid", "uts") for word in (None, "host")]
    expect("the host's namespaces", host, once(*shared, "box", "sh", "-c", script).split())
    docker("rm", "--force", "seven")


COMPOSE = """version: "2.4"
services:
  store:
    image: box
    network_mode: none
    read_only: true
    tmpfs: [/t]
    volumes: [shared:/shared]
    command: ["sh", "-c", "echo stored > /shared/file; touch /t/ready; exec sleep 1000"]
    healthcheck: {test: ["CMD", "test", "-e", "/t/ready"], interval: 200ms}
  reader:
    image: box
    network_mode: none
    user: "1000"
    mem_limit: 64m
    volumes: [shared:/shared:ro]
    depends_on: {store: {condition: service_healthy}}
    command: ["cat", "/shared/file"]
volumes: {shared: {}}
"""


def check_compose():
    directory = place / "compose"
    directory.mkdir()
    (directory / "docker-compose.yml").write_text(COMPOSE)

    def compose(*words):
        return run("docker-compose", "--project-directory", directory, "--file", directory / "docker-compose.yml", *words,
                   env=environment)
    compose("up", "--detach")
    eventually("compose: a service that waits for a healthy one", lambda text: "stored" in text,
               lambda: compose("logs", "--no-color", "reader"))
    expect("compose exec", "stored", compose("exec", "-T", "store", "cat", "/shared/file"))
    compose("down", "--volumes", "--timeout", "0")


CHECKS = "run options seccomp volumes life terminals resources namespaces health_and_restart files compose".split()


def main():
    start_daemon()
    import_image()
    for name in engine.chosen_checks(CHECKS):
        globals()[f"check_{name}"]()
    expect("nothing left", "", docker("ps", "--all", "--quiet"))
    expect("no state left", [], [entry for top, _, files in os.walk(place / "exec") if top.endswith("/moby")
                                 for entry in files if "yett" in top])


main()
