"""Cases of cases.py as on a host with cgroup v2 alone: each command sees no other hierarchy. The
controllers that this machine has in v1 are missing then, but not the programs on devices."""
import json
import os
import pathlib
import time

UNIFIED = ["unshare", "--mount", "sh", "-c",
           'umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"', "sh"]


def unified(box):
    if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        box.prefix = UNIFIED


def rules(*allowed):
    def change(config):
        config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}, *allowed]}
    return change


def assert_opened(done, names):
    assert done.out.split() == names.split(), (names, done)


def case_unified_life(box):
    unified(box)
    container = box.start(box.bundle("exec sleep 1000"))
    pid = box.state(container)["pid"]
    places = pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    if box.is_yett():
        assert f"0::/yett.oci/{container}" in places, places
    assert json.loads(box.run("ps", "--format", "json", container).out) == [pid]
    assert box.run("exec", container, "id", "-u").out == "0\n"
    assert box.run("pause", container).status == 0
    assert box.state(container)["status"] == "paused"
    assert box.run("resume", container).status == 0
    assert box.run("delete", "--force", container).status == 0
    assert not pathlib.Path(f"/sys/fs/cgroup/unified/yett.oci/{container}").exists()


def case_unified_device_rules(box):
    # SECURITY: container-device-rules
    if not os.path.exists("/sys/class/misc/fuse"):
        box.cannot_run("this kernel has not loaded FUSE, whose device is asked for")
    unified(box)
    opened = "; ".join(f"mknod /tmp/{name} {kind} {major} {minor}; (: {way} /tmp/{name}) 2>/dev/null && echo {name}"
                       for name, kind, major, minor, way in (
                           ("mem", "c", 1, 1, "<"), ("zero", "c", 1, 5, "<"), ("fuse", "c", 10, 229, "<"),
                           ("loop", "b", 7, 0, "<"), ("full", "c", 1, 7, "<")))
    if "crun" not in box.runtime:  # it restricts nothing without rules
        assert_opened(box.once(opened), "zero full")
    fuse = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"}
    written = opened + "; (: >> /tmp/fuse) 2>/dev/null && echo written"
    assert_opened(box.once(written, rules(fuse)), "zero fuse full")
    assert_opened(box.once(written, rules({**fuse, "access": "rw"})), "zero fuse full written")
    # A later rule overrides an earlier one; a whole major number; a whole kind.
    assert_opened(box.once(opened, rules(fuse, {**fuse, "allow": False})), "zero full")
    assert_opened(box.once(opened, rules({"allow": True, "type": "c", "major": 10, "access": "rwm"})), "zero fuse full")
    assert_opened(box.once(opened, rules({"allow": True, "type": "b", "major": 10, "access": "rwm"})), "zero full")


def case_unified_device_rules_hold_for_exec(box):
    # SECURITY: container-device-rules
    unified(box)
    container = box.start(box.bundle("exec sleep 1000"))
    done = box.run("exec", container, "sh", "-c", "mknod /tmp/mem c 1 1; (: < /tmp/mem) 2>/dev/null || echo refused; "
                                                  ": < /dev/zero && echo zero")
    assert done.out == "refused\nzero\n", done


def case_unified_statistics(box):
    unified(box)
    if "crun" in box.runtime:
        box.cannot_run("crun has no events")
    container = box.start(box.bundle("while :; do :; done"))
    data = json.loads(box.run("events", "--stats", container).out)["data"]
    assert data["cpu"]["usage"]["total"] > 0, data


def case_unified_exec_where_the_root_may_hold_none(box):
    """A container that manages cgroups itself, as systemd does, has processes in the leaves alone."""
    unified(box)

    def change(config):
        config["linux"]["namespaces"].append({"type": "cgroup"})
        config["mounts"].append({"destination": "/cgroup", "type": "cgroup", "source": "cgroup"})
    script = ("mkdir /cgroup/leaf && echo 1 > /cgroup/leaf/cgroup.procs; read all < /cgroup/cgroup.controllers; "
              "for one in $all; do echo +$one > /cgroup/cgroup.subtree_control; done; touch /tmp/ready; exec sleep 1000")
    container = box.start(box.bundle(script, change))
    for _ in range(500):
        if (box.directory / "bundle/rootfs/tmp/ready").exists():
            break
        time.sleep(0.02)
    done = box.run("exec", container, "sh", "-c", "cat /cgroup/cgroup.subtree_control /proc/self/cgroup")
    if done.status == 0 and not done.out.split("\n")[0]:
        box.cannot_run("no controller is in cgroup v2 here")
    assert done.status == 0 and "0::/leaf" in done.out.split(), done


def case_unified_cgroup_mount(box):
    unified(box)

    def change(config):
        config["linux"]["namespaces"].append({"type": "cgroup"})
        config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                 "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]})
    done = box.once("grep cgroup /proc/mounts | cut -d' ' -f2,3; cat /sys/fs/cgroup/cgroup.procs; touch /sys/fs/cgroup/x || echo refused",
                    change)
    assert done.out.splitlines()[0] == "/sys/fs/cgroup cgroup2" and "1" in done.out.splitlines(), done
    assert done.out.endswith("refused\n"), done


def case_nested_cgroups_go_with_the_container(box):
    """However deep: the path is longer than the kernel takes at once."""
    if not box.is_yett():
        box.cannot_run("others may leave them behind")

    def change(config):
        config["linux"]["namespaces"].append({"type": "cgroup"})
        config["mounts"].append({"destination": "/cgroup", "type": "cgroup", "source": "cgroup"})
    script = ("cd /cgroup; test -e cgroup.procs || cd pids; name=$(printf %0200d 0); "
              "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do "
              "mkdir $name beside && cd -P $name || exit 1; done; "
              "sleep 1000 & echo $! > cgroup.procs && touch /tmp/ready; exec sleep 1000")
    for alone in (False, True):
        if alone:
            unified(box)
        container = box.start(box.bundle(script, change, name=f"bundle{alone}"))
        for _ in range(500):
            if (box.directory / f"bundle{alone}/rootfs/tmp/ready").exists():
                break
            time.sleep(0.02)
        else:
            raise AssertionError("the cgroups were not made")
        pid = box.state(container)["pid"]
        deepest = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        listed = json.loads(box.run("ps", "--format", "json", container).out)
        assert {pid, deepest} <= set(listed), (pid, deepest, listed)
        done = box.run("delete", "--force", container)
        assert done.status == 0, done
        assert not box.cgroups(), box.cgroups()
