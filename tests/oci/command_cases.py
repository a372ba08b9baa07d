"""Cases of cases.py about the commands that look: events, features, update; and what is said."""
import json
import os
import select
import shutil
import signal
import subprocess
import time


# ---- startContainer hooks -------------------------------------------------------------------------


def with_hooks(*hooks):
    def change(config):
        config["hooks"] = {"startContainer": list(hooks)}
        config["process"]["user"] = {"uid": 1000, "gid": 1000}
    return change


def hook(script, **more):
    return {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin", "H=hook"], **more}


def case_container_start_hooks(box):
    # SECURITY: container-start-hooks
    """Inside, in order, with the state on stdin, the container's rights, and before its program."""
    change = with_hooks(hook("exec > /tmp/hooks; cat; echo; echo $H $(id -u); "
                             "grep -E 'CapEff|Seccomp:' /proc/self/status; echo x > /proc/self/fd/0 || true"),
                        hook("read -r line; echo second ${#line} >> /tmp/hooks"))
    bundle = box.bundle("echo program; cat /tmp/hooks", change)
    (bundle / "rootfs/tmp").chmod(0o1777)
    done = box.run("run", "--bundle", bundle, box.new_id())
    lines = done.out.splitlines()
    assert done.status == 0 and lines[0] == "program" and "hook 1000" in lines, done
    state = json.loads(lines[1])
    assert (state["pid"], state["id"], state["status"]) == (1, box.ids[-1], "created"), state
    assert "CapEff:\t0000000000000000" in lines and lines[-1].startswith("second"), done
    if box.is_yett():
        assert "Seccomp:\t2" in lines and lines[-1] == f"second {len(lines[1])}", done


def case_a_failing_start_hook_ends_start(box):
    for script, more in (("exit 3", {}), ("sleep 1000", {"timeout": 1})):
        container = box.create(box.bundle("exec sleep 1000", with_hooks(hook(script, **more)), name=f"b{len(script)}"))
        done = box.quiet("start", container)
        if box.is_yett():  # runc says so and ends 0
            assert done.status != 0 and "startContainer hook" in done.out, done
        box.await_status(container, "stopped")


# ---- events, features -----------------------------------------------------------------------------


def shape_of(value):
    """The names of a document, and what stands behind them."""
    if isinstance(value, dict):
        return {name: shape_of(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape_of(value[0])] if value else []
    return type(value).__name__


def case_events_with_statistics(box):
    def change(config):
        config["linux"]["resources"] = {"pids": {"limit": 20}, "memory": {"limit": 64 << 20}}
    container = box.start(box.bundle("while :; do :; done", change))
    time.sleep(0.3)
    done = box.run("events", "--stats", container)
    if "crun" in box.runtime:
        box.cannot_run("crun has no events")
    assert done.status == 0, done
    event = json.loads(done.out)
    assert event["type"] == "stats" and event["id"] == container, event
    data = event["data"]
    # runc's names: types/events.go of its source.
    assert set(data) == set("cpu cpuset memory pids blkio hugetlb intel_rdt network_interfaces".split()), data
    assert data["cpu"]["usage"]["total"] > 0, data
    assert set(data["memory"]) >= {"usage", "swap", "kernel", "kernelTCP", "raw"}, data
    assert data["memory"]["usage"]["limit"] == 64 << 20 and data["memory"]["usage"]["usage"] > 0, data
    assert data["pids"] == {"current": 1, "limit": 20}, data
    if "percpu" in data["cpu"]["usage"]:
        cpus = len(data["cpu"]["usage"]["percpu"])
        assert cpus >= 1 and data["cpuset"]["cpus"] and data["cpuset"]["mems"], data


def case_events_are_shaped_like_runcs(box):
    if shutil.which("runc") is None or not box.is_yett():
        box.cannot_run("compares yett with runc")
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        box.cannot_run("the two show the same figures of cgroup v1 alone")
    shapes = []
    own = box.runtime
    for runtime in (own, "runc"):
        box.runtime = runtime
        container = box.start(box.bundle("while :; do :; done"))
        time.sleep(0.3)
        shape = shape_of(json.loads(box.run("events", "--stats", container).out))
        shape["data"]["memory"].pop("cache", None)  # 0 is left out
        shape["data"]["hugetlb"] = {}  # of v1 alone in runc
        shapes.append(shape)
        assert box.run("delete", "--force", container).status == 0
    box.runtime = own
    assert shapes[0] == shapes[1], shapes


def case_events_again_and_again_until_the_end(box):
    if "crun" in box.runtime:
        box.cannot_run("crun has no events")
    container = box.start(box.bundle("exec sleep 1000"))
    watching = subprocess.Popen(box.command("events", "--interval", "100ms", container), stdout=subprocess.PIPE, text=True)
    events = [json.loads(watching.stdout.readline()) for _ in range(3)]
    assert [event["type"] for event in events] == ["stats"] * 3, events
    box.run("kill", container, "KILL")
    box.await_status(container, "stopped")
    if not box.is_yett():  # runc's ends when the container is deleted
        box.run("delete", container)
    assert watching.wait(60) == 0
    watching.stdout.close()


def case_events_tell_out_of_memory(box):
    if "crun" in box.runtime:
        box.cannot_run("crun has no events")

    def change(config):
        config["linux"]["resources"] = {"memory": {"limit": 8 << 20, "swap": 8 << 20}}
    bundle = box.bundle("read line < /tmp/go; dd if=/dev/zero of=/dev/null bs=64M count=1; sleep 1000", change)
    os.mkfifo(bundle / "rootfs/tmp/go")
    container = box.start(bundle)
    watching = subprocess.Popen(box.command("events", "--interval", "1s", container), stdout=subprocess.PIPE, bufsize=0)

    def next_event():
        assert select.select([watching.stdout], [], [], 60)[0], "no event within a minute"
        return json.loads(watching.stdout.readline())
    assert next_event()["type"] == "stats"  # from now on it watches
    (bundle / "rootfs/tmp/go").write_text("go\n")
    while (event := next_event())["type"] == "stats":
        pass
    assert event == {"type": "oom", "id": container}, event
    watching.send_signal(signal.SIGKILL)
    watching.wait(60)
    watching.stdout.close()


def case_events_of_a_stopped_one_is_an_error(box):
    if "crun" in box.runtime:
        box.cannot_run("crun has no events")
    container = box.start(box.bundle("true"))
    box.await_status(container, "stopped")
    done = box.run("events", "--stats", container)
    assert done.status != 0 and "not running" in done.err, done


def case_features(box):
    done = box.run("features")
    if "crun" in box.runtime and done.status != 0:
        box.cannot_run("an older crun has no features")
    features = json.loads(done.out)
    # features-schema.json: what must be there, and of what type.
    assert isinstance(features["ociVersionMin"], str) and isinstance(features["ociVersionMax"], str), features
    for name in ("hooks", "mountOptions"):
        assert all(isinstance(each, str) for each in features[name]), name
    section = features["linux"]
    for name in ("namespaces", "capabilities"):
        assert all(isinstance(each, str) for each in section[name]), name
    for name, wanted in {"cgroup": ("v1", "v2", "systemd", "systemdUser"), "seccomp": ("enabled",),
                         "apparmor": ("enabled",), "selinux": ("enabled",)}.items():
        assert all(isinstance(section[name][each], bool) for each in wanted), name
    if box.is_yett():
        known = set("ociVersionMin ociVersionMax hooks mountOptions linux annotations potentiallyUnsafeConfigAnnotations".split())
        assert set(features) <= known, features
        of_linux = set("namespaces capabilities cgroup seccomp apparmor selinux intelRdt memoryPolicy mountExtensions netDevices".split())
        assert set(section) <= of_linux, section


# ---- update ---------------------------------------------------------------------------------------


def memory_of(box, container):
    return json.loads(box.run("events", "--stats", container).out)["data"]["memory"]


def case_update_by_options(box):
    if "crun" in box.runtime:
        box.cannot_run("looked at with events")
    container = box.start(box.bundle("exec sleep 1000"))
    for memory, swap in ((64, 96), (32, 32), (128, 256), (256, 256)):  # up and down, together
        done = box.run("update", "--memory", f"{memory}m", "--memory-swap", f"{swap}m", container)
        assert done.status == 0, done
        found = memory_of(box, container)
        assert (found["usage"]["limit"], found["swap"]["limit"]) == (memory << 20, swap << 20), found
    done = box.run("update", "--pids-limit", "25", "--cpu-share", "512", "--cpu-period", "50000", "--cpu-quota", "20000",
                   container)
    assert done.status == 0, done
    assert json.loads(box.run("events", "--stats", container).out)["data"]["pids"]["limit"] == 25
    zeros = {"memory": {"limit": 0, "swap": 0, "reservation": 0}, "cpu": {"shares": 0, "quota": 0, "period": 0},
             "pids": {"limit": 0}, "blockIO": {"weight": 0}}
    done = box.run("update", "-r", "-", container, input=json.dumps(zeros))
    assert done.status == 0, done
    assert memory_of(box, container)["usage"]["limit"] == 256 << 20
    assert box.run("update", "--memory", "much", container).status != 0


# ---- what is said ---------------------------------------------------------------------------------


def case_systemd_cgroups_are_refused_with_the_mend(box):
    if not box.is_yett() or os.path.isdir("/run/systemd/system"):
        box.cannot_run("about yett on a host without systemd")
    done = subprocess.run([box.runtime, "--systemd-cgroup", "--root", str(box.directory / "state"), "create", "--bundle",
                           str(box.bundle()), box.new_id()], text=True, capture_output=True)
    assert done.returncode != 0 and "cgroupfs" in done.stderr, done


def case_checkpoint_says_what_is_missing(box):
    if not box.is_yett():
        box.cannot_run("about yett's own words")
    container = box.start(box.bundle("exec sleep 1000"))
    for words in (["checkpoint", "--image-path", "/tmp/x", container], ["restore", "--image-path", "/tmp/x", container]):
        done = box.run(*words)
        assert done.status != 0 and "CRIU" in done.err, done
    box.await_status(container, "running")


def case_annotations_of_yetts_own(box):
    if not box.is_yett():
        box.cannot_run("about yett's own annotations")

    def noted(name, value):
        return lambda config: config.update(annotations={name: value})
    script = "grep Seccomp: /proc/self/status"
    for value, filters in (("container", 2), ("none", 0)):
        done = box.once(script, noted("dev.yett.policy", value))
        assert done.out == f"Seccomp:\t{filters}\n", (value, done)
    for name, value in (("dev.yett.policy", "plugin"), ("dev.yett.require", "bpf-lsm"), ("dev.yett.polcy", "none")):
        done = box.once(script, noted(name, value))
        assert done.status != 0 and f"/annotations/{name}" in done.err and not done.out, (name, done)


def case_log_lines_as_docker_reads_them(box):
    """Docker and containerd take the last line of level error of the log for the message."""
    log = box.directory / "log.json"
    words = [*box.prefix, box.runtime, "--root", str(box.directory / "state"), "--log", str(log), "--log-format", "json"]
    bundle = box.bundle(change=lambda config: config["process"].update(args=["no\"such\nprogram"]))
    done = subprocess.run([*words, "create", "--bundle", str(bundle), "--pid-file", str(box.directory / "pid"), box.new_id()],
                          text=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode != 0, done
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    errors = [line for line in lines if line["level"] == "error"]
    assert errors and "no" in errors[-1]["msg"] and "time" in errors[-1], lines
