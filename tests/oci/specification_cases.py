"""Cases of the OCI runtime specification's MUSTs that cases.py has not; docs/oci-conformance.md says
which clause each is for. A function gets a Box of cases.py and needs nothing else from there."""
import json
import os
import pathlib
import subprocess
import time

HELD = "exec sleep 1000"
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def write_config(bundle, change):
    config = json.loads((bundle / "config.json").read_text())
    change(config)
    (bundle / "config.json").write_text(json.dumps(config))


def refused(box, change, what=None):
    """`create` fails with words, and nothing of the container is there."""
    container = box.new_id()
    done = box.quiet("create", "--bundle", box.bundle(HELD, change), container)
    assert done.status != 0 and done.out.strip(), (what, done)
    assert box.run("state", container).status != 0, what
    return done


# ---- runtime.md: state and life cycle -------------------------------------------------------------


def case_state_has_its_properties(box):
    container = box.start(box.bundle(HELD, lambda config: config.update(annotations={"a.b": "c"})))
    state = box.state(container)
    assert state["ociVersion"][0].isdigit() and state["id"] == container, state
    assert state["status"] == "running" and pathlib.Path(f"/proc/{state['pid']}/exe").exists(), state
    assert state["bundle"] == str(box.directory / "bundle") and state["annotations"] == {"a.b": "c"}, state


def case_the_program_waits_for_start(box):
    marker = box.directory / "bundle/rootfs/ran"
    container = box.create(box.bundle("touch /ran; " + HELD))
    time.sleep(0.3)
    assert not marker.exists() and box.state(container)["status"] == "created"
    assert box.quiet("start", container).status == 0
    box.await_file("ran")


def case_changes_of_config_after_create_have_no_effect(box):
    bundle = box.bundle("touch /first; " + HELD)
    container = box.create(bundle)

    def change(config):
        config["process"]["args"] = ["sh", "-c", "touch /second"]
        config["hostname"] = "changed"
        config["hooks"] = {"poststart": [{"path": "/bin/false"}], "poststop": [
            {"path": "/bin/sh", "args": ["sh", "-c", f"echo > {box.directory}/poststop"]}]}
    write_config(bundle, change)
    assert box.quiet("start", container).status == 0
    box.await_file("first")
    assert box.run("exec", container, "hostname").out == "box\n"
    assert box.run("delete", "--force", container).status == 0
    assert not (bundle / "rootfs/second").exists() and (bundle / "rootfs/first").exists()
    assert not (box.directory / "poststop").exists()


def case_operations_need_an_id(box):
    box.bundle()
    for operation in ("state", "create", "start", "kill", "delete"):
        assert box.run(operation, cwd=box.directory / "bundle").status != 0, operation


def case_operations_on_what_is_not_there_are_errors(box):
    for words in (["state"], ["start"], ["kill"], ["delete"], ["pause"], ["resume"], ["ps"]):
        done = box.run(*words, "no-such-container")
        assert done.status != 0, (words, done)
        assert "exist" in done.err or not box.speaks_runcs_words(), (words, done)


def case_kill_of_a_created_one_reaches_it(box):
    container = box.create(box.bundle(HELD))
    assert box.run("kill", container, "KILL").status == 0
    box.await_status(container, "stopped")


def case_an_id_can_be_used_again(box):
    bundle = box.bundle(HELD)
    container = box.start(bundle)
    assert box.run("delete", "--force", container).status == 0
    assert box.quiet("create", "--bundle", bundle, container).status == 0
    assert box.state(container)["status"] == "created"


def case_delete_takes_what_create_made_and_no_more(box):
    source = box.directory / "source"
    source.mkdir()
    (source / "file").write_text("kept")
    container = box.start(box.bundle(HELD, lambda config: config["mounts"].append(
        {"destination": "/m", "type": "bind", "source": str(source), "options": ["rbind"]})))
    pid = box.state(container)["pid"]
    own = [line.split(":", 2)[2] for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    places = [path for each in own if each != "/" for path in CGROUPS.glob("*" + each)]
    assert places
    assert box.run("delete", "--force", container).status == 0
    assert not any(place.exists() for place in places if container in place.name), places
    assert (source / "file").read_text() == "kept" and (box.directory / "bundle/rootfs/bin/sh").exists()


def case_start_without_a_process_is_an_error(box):
    container = box.new_id()
    created = box.quiet("create", "--bundle", box.bundle(change=lambda config: config.pop("process")), container)
    assert created.status != 0 or box.run("start", container).status != 0, created


# ---- config.md ------------------------------------------------------------------------------------


def case_a_bundle_without_config_is_an_error(box):
    (box.directory / "empty").mkdir()
    done = box.run("create", "--bundle", box.directory / "empty", box.new_id())
    assert done.status != 0 and "config.json" in done.err, done


def case_root_must_be_a_directory(box):
    refused(box, lambda config: config["root"].update(path="no-such-directory"))
    refused(box, lambda config: config["root"].update(path="config.json"))


def case_root_by_an_absolute_path(box):
    path = str(box.directory / "bundle/rootfs")
    assert box.once("echo in", lambda config: config["root"].update(path=path)).out == "in\n"


def case_mounts_in_the_listed_order(box):
    source = box.directory / "source"
    source.mkdir()
    (source / "file").write_text("below\n")
    below = {"destination": "/a/b", "type": "bind", "source": str(source), "options": ["bind"]}
    above = {"destination": "/a", "type": "tmpfs", "source": "tmpfs"}
    assert box.once("cat /a/b/file", lambda config: config["mounts"].extend([above, below])).out == "below\n"
    hidden = box.once("cat /a/b/file || echo hidden", lambda config: config["mounts"].extend([below, above]))
    assert hidden.out == "hidden\n", hidden


def case_bind_source_relative_to_the_bundle(box):
    bundle = box.bundle("cat /m/file", lambda config: config["mounts"].append(
        {"destination": "/m", "type": "bind", "source": "beside", "options": ["bind"]}))
    (bundle / "beside").mkdir()
    (bundle / "beside/file").write_text("from the bundle\n")
    done = box.run("run", "--bundle", bundle, box.new_id(), cwd="/")
    assert done.out == "from the bundle\n", done


def case_a_bind_of_a_file(box):
    file = box.directory / "file"
    file.write_text("a file\n")
    done = box.once("cat /etc/made/here", lambda config: config["mounts"].append(
        {"destination": "/etc/made/here", "type": "bind", "source": str(file), "options": ["bind", "ro"]}))
    assert done.out == "a file\n", done


def case_mount_options_of_binds(box):
    source = box.directory / "source"
    source.mkdir()
    done = box.once("grep ' /m ' /proc/self/mountinfo", lambda config: config["mounts"].append(
        {"destination": "/m", "type": "bind", "source": str(source),
         "options": ["bind", "ro", "nosuid", "nodev", "noexec", "noatime", "private"]}))
    options = done.out.split()[5].split(",")
    assert {"ro", "nosuid", "nodev", "noexec", "noatime"} <= set(options), done
    assert "shared:" not in done.out, done


def case_console_size_without_a_terminal_is_ignored(box):
    size = {"height": 20, "width": 30}
    assert box.once("echo ok", lambda config: config["process"].update(consoleSize=size)).out == "ok\n"


def case_a_relative_cwd_is_an_error(box):
    refused(box, lambda config: config["process"].update(cwd="tmp"))


def case_args_are_looked_up_in_the_containers_path(box):
    def change(config):
        config["process"].update(args=["found", "A B", ""], env=["PATH=/nowhere:/mine:/bin"])
    bundle = box.bundle(change=change)
    (bundle / "rootfs/mine").mkdir()
    (bundle / "rootfs/mine/found").write_text('#!/bin/sh\necho "$#:$1:$2"\n')
    (bundle / "rootfs/mine/found").chmod(0o755)
    assert box.run("run", "--bundle", bundle, box.new_id()).out == "2:A B:\n"


def case_wrong_rlimits_are_errors(box):
    for wrong in ([{"type": "RLIMIT_NO_SUCH", "soft": 1, "hard": 1}],
                  [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}, {"type": "RLIMIT_CORE", "soft": 2, "hard": 2}]):
        refused(box, lambda config: config["process"].update(rlimits=wrong), wrong)


def case_an_unknown_capability_is_a_warning(box):
    def change(config):
        for names in config["process"]["capabilities"].values():
            names[:] = [*names, "CAP_NO_SUCH"]
    done = box.once("echo started", change)
    assert done.status == 0 and done.out == "started\n", done
    if box.is_yett():
        assert "CAP_NO_SUCH" in done.err, done


def case_oom_score_stays_when_it_is_not_set(box):
    own = pathlib.Path("/proc/self/oom_score_adj").read_text()
    assert box.once("cat /proc/self/oom_score_adj").out == own


def case_scheduler_and_io_priority(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun are older than these")

    def change(config):
        config["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 5}
        config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}
    container = box.start(box.bundle(HELD, change))
    pid = box.state(container)["pid"]
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    assert (fields[16], fields[38]) == ("5", "3"), fields
    said = subprocess.run(["ionice", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    assert said.startswith("idle"), said


def case_domainname(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun are older than this")
    done = box.once("cat /proc/sys/kernel/domainname", lambda config: config.update(domainname="example.org"))
    assert done.out == "example.org\n", done


def case_annotations_that_nobody_knows(box):
    """The same key twice and empty keys are malformed: the unit tests have them."""
    assert box.once("echo ok", lambda config: config.update(annotations={"com.example.x": "y", "z": ""})).out == "ok\n"


def case_unknown_properties_are_ignored(box):
    def change(config):
        config["noSuchProperty"] = {"a": [1, 2]}
        config["process"]["noSuchProperty"] = True
        config["linux"]["noSuchProperty"] = "x"
    assert box.once("echo ok", change).out == "ok\n"


def case_wrong_values_are_errors(box):
    refused(box, lambda config: config.update(ociVersion="one"))
    refused(box, lambda config: config["process"].update(args="sh"))
    refused(box, lambda config: config["linux"].update(rootfsPropagation="sideways"))


# ---- config.md: hooks -----------------------------------------------------------------------------


def told(box, words, **more):
    """A hook that writes a line of the given shell words."""
    return {"path": "/bin/sh", "args": ["sh", "-c", f"echo {words} >> {box.directory}/hooks"], **more}


def lines_of(box):
    path = box.directory / "hooks"
    return path.read_text().splitlines() if path.exists() else []


def case_hooks_of_a_kind_in_the_listed_order(box):
    box.start(box.bundle(HELD, lambda config: config.update(
        hooks={"poststart": [told(box, number) for number in (1, 2, 3)]})))
    assert lines_of(box) == ["1", "2", "3"]


def case_a_hook_has_its_own_arguments_and_environment_only(box):
    hook = {"path": "/bin/sh", "args": ["zero", "-c", f'echo "$0 $1 $A $B" >> {box.directory}/hooks', "own", "one"],
            "env": ["A=given"]}
    os.environ["B"] = "leaked"
    try:
        box.create(box.bundle(HELD, lambda config: config.update(hooks={"createRuntime": [hook]})))
    finally:
        del os.environ["B"]
    assert lines_of(box) == ["own one given "], lines_of(box)


def case_hooks_in_their_namespaces(box):
    show = "$(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/uts)"
    kinds = ("createRuntime", "createContainer", "poststart", "poststop")
    container = box.start(box.bundle(HELD, lambda config: config.update(
        hooks={kind: [told(box, show, env=["PATH=/bin:/usr/bin"])] for kind in kinds})))
    pid = box.state(container)["pid"]
    inside = " ".join(os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("mnt", "uts"))
    assert box.run("delete", "--force", container).status == 0
    seen = dict(zip(kinds, lines_of(box)))
    if not box.prefix:  # else the runtime itself is in a mount namespace of its own
        outside = " ".join(os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "uts"))
        assert {seen[kind] for kind in kinds if kind != "createContainer"} == {outside}, seen
    assert seen["createContainer"] == inside, seen


def case_a_hook_that_takes_too_long_fails(box):
    begun = time.monotonic()
    refused(box, lambda config: config.update(hooks={"createRuntime": [
        {"path": "/bin/sleep", "args": ["sleep", "50"], "timeout": 1}]}))
    assert time.monotonic() - begun < 30


def case_a_failing_create_hook_ends_in_poststop(box):
    refused(box, lambda config: config.update(
        hooks={"createRuntime": [{"path": "/bin/false"}], "poststop": [told(box, "stopped")]}))
    if box.is_yett():  # runc and crun leave it out
        assert lines_of(box) == ["stopped"], lines_of(box)


def case_a_failing_poststart_hook_stops_the_container(box):
    """1.0 to 1.2 wanted a warning; the text of today, and runc, stop the container."""
    container = box.create(box.bundle(HELD, lambda config: config.update(
        hooks={"poststart": [{"path": "/bin/false"}]})))
    done = box.quiet("start", container)
    if box.is_yett() or "runc" in os.path.basename(box.runtime):
        assert done.status != 0, done
        box.await_status(container, "stopped")


def case_a_failing_poststop_hook_is_a_warning(box):
    container = box.start(box.bundle(HELD, lambda config: config.update(
        hooks={"poststop": [{"path": "/bin/false"}, told(box, "second")]})))
    done = box.run("delete", "--force", container)
    assert box.run("state", container).status != 0, done
    if box.is_yett():
        assert done.status == 0 and lines_of(box) == ["second"], (done, lines_of(box))


def case_a_relative_hook_path_is_an_error(box):
    if not box.is_yett():
        box.cannot_run("runc and crun look for it in the working directory")
    refused(box, lambda config: config.update(hooks={"createRuntime": [{"path": "true"}]}))


# ---- config-linux.md ------------------------------------------------------------------------------


def namespaces_of(pid):
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("pid", "net", "ipc", "uts", "mnt", "cgroup")}


def case_namespaces_new_and_inherited(box):
    if box.prefix:
        box.cannot_run("this runtime is started in namespaces of its own here")

    def change(config):
        config["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "mount", "cgroup")]
        del config["hostname"]
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "sysfs"]
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    container = box.start(box.bundle(HELD, change))
    inside, outside = namespaces_of(box.state(container)["pid"]), namespaces_of("self")
    for kind in ("pid", "mnt", "cgroup"):
        assert inside[kind] != outside[kind], kind
    for kind in ("net", "ipc", "uts"):
        assert inside[kind] == outside[kind], kind


def case_a_namespace_joined_by_path(box):
    other = subprocess.Popen(["unshare", "-u", "-n", "sh", "-c", "echo ready; exec sleep 1000"],
                             stdout=subprocess.PIPE, text=True)
    try:
        other.stdout.readline()

        def change(config):
            config["linux"]["namespaces"] = [
                {"type": "network", "path": f"/proc/{other.pid}/ns/net"}, {"type": "pid"}, {"type": "mount"},
                {"type": "uts"}, {"type": "ipc"}]
        container = box.start(box.bundle(HELD, change))
        pid = box.state(container)["pid"]
        assert os.readlink(f"/proc/{pid}/ns/net") == os.readlink(f"/proc/{other.pid}/ns/net")
        assert os.readlink(f"/proc/{pid}/ns/uts") != os.readlink(f"/proc/{other.pid}/ns/uts")
        assert box.run("delete", "--force", container).status == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


def case_a_path_of_another_kind_of_namespace_is_an_error(box):
    def change(config):
        config["linux"]["namespaces"] = [{"type": "network", "path": "/proc/self/ns/uts"}, {"type": "mount"},
                                         {"type": "uts"}, {"type": "pid"}]
    refused(box, change)


def case_a_namespace_twice_is_an_error(box):
    refused(box, lambda config: config["linux"]["namespaces"].append({"type": "pid"}))


def case_a_user_namespace_with_maps(box):
    def change(config):
        config["linux"]["namespaces"].append({"type": "user"})
        for kind in ("uidMappings", "gidMappings"):
            config["linux"][kind] = [{"containerID": 0, "hostID": 300000, "size": 1000}]
    bundle = box.bundle("id -u; cat /proc/self/uid_map; cat /etc/group >/dev/null && echo read", change)
    os.chmod(box.directory, 0o755)
    done = box.run("run", "--bundle", bundle, box.new_id())
    assert done.out.split() == ["0", "0", "300000", "1000", "read"], done


def case_a_time_namespace_with_offsets(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun are older than this")

    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1_000_000}}
    done = box.once("cat /proc/uptime", change)
    assert float(done.out.split()[0]) > 1_000_000, done


def case_a_file_where_a_device_should_be_is_an_error(box):
    if "runc" in os.path.basename(box.runtime):
        box.cannot_run("runc leaves the file where it is")
    device = {"path": "/etc/passwd", "type": "c", "major": 1, "minor": 3}
    refused(box, lambda config: config["linux"].update(devices=[device]))


def cgroups_of(pid):
    """controller -> its directory of the process's; "" is cgroup v2's."""
    places = {}
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            beside = CGROUPS / "unified" if (CGROUPS / "unified/cgroup.procs").exists() else CGROUPS
            places[controller] = (CGROUPS / controller if controller else beside) / path[1:]
    return places


def case_cgroups_path_is_below_the_mount_point(box):
    name = f"/yett.oci/case-{os.getpid()}-asked/deep"
    container = box.start(box.bundle(HELD, lambda config: config["linux"].update(cgroupsPath=name)))
    places = cgroups_of(box.state(container)["pid"])
    assert any(str(place).endswith(name) for place in places.values()), places
    assert box.run("delete", "--force", container).status == 0
    for upper in box.cgroups("asked"):  # it was asked for by nobody
        upper.rmdir()


def case_device_rules_in_the_listed_order(box):
    """By the loop devices' control node: nobody's default, and opening it does nothing."""
    def rules(*allowed):
        entries = [{"allow": allow, "type": "c", "major": 10, "minor": 237, "access": "rwm"} for allow in allowed]
        return lambda config: config["linux"].update(resources={"devices": [
            {"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
            *entries]})
    script = "mknod /dev/d c 10 237; (: < /dev/d) 2>/dev/null && echo opened; echo end"
    assert box.once(script, rules(True, False)).out == "end\n"
    assert box.once(script, rules(False, True)).out == "opened\nend\n"


def case_cpu_limits(box):
    container = box.start(box.bundle(HELD, lambda config: config["linux"].update(
        resources={"cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"}})))
    places = cgroups_of(box.state(container)["pid"])
    if "cpu" in places:
        for file, value in (("cpu.shares", "512"), ("cpu.cfs_quota_us", "50000"), ("cpu.cfs_period_us", "100000")):
            assert (places["cpu"] / file).read_text() == value + "\n", file
    else:
        assert (places[""] / "cpu.max").read_text() == "50000 100000\n"
    assert (places.get("cpuset", places.get("")) / "cpuset.cpus").read_text() == "0\n"


def case_unified_needs_its_controller(box):
    if not box.is_yett():
        box.cannot_run("a host with v2 beside v1 is one of v1 for runc and crun")
    # Of a controller that is not v2's here; where all are, of one that there is not.
    missing = {"nosuch.max": "0"} if (CGROUPS / "cgroup.procs").exists() else {"memory.high": "1000000000"}
    refused(box, lambda config: config["linux"].update(resources={"unified": missing}))
    container = box.start(box.bundle(HELD, lambda config: config["linux"].update(
        resources={"unified": {"cgroup.max.depth": "3"}})))
    place = cgroups_of(box.state(container)["pid"])[""]
    assert (place / "cgroup.max.depth").read_text() == "3\n"


def case_seccomp_is_in_force(box):
    def section(rule):
        return lambda config: config["linux"].update(seccomp={
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "syscalls": [rule]})
    script = "mkdir /tmp/made 2>&1; echo status $?; grep Seccomp: /proc/self/status"
    plain = box.once(script)
    assert "status 0" in plain.out, plain
    (box.directory / "bundle/rootfs/tmp/made").rmdir()
    refusing = box.once(script, section({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 18}))
    assert "ross-device" in refusing.out and "status 1" in refusing.out, refusing
    assert refusing.out.split()[-2:] == ["Seccomp:", "2"], refusing
    killing = box.once("mkdir /tmp/made; echo status $?", section(
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}))
    assert "status 159" in killing.out, killing


def case_seccomp_with_conditions(box):
    def change(config):
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
             "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_GE"}, {"index": 0, "value": 1, "op": "SCMP_CMP_NE"}]}]}
    done = box.once("sleep 100 & kill -0 $! && echo allowed; kill -12 $! 2>&1; kill -9 $! && echo killed", change)
    assert "allowed" in done.out and "not permitted" in done.out and "killed" in done.out, done


def case_an_errno_for_an_action_without_one_is_an_error(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun take it")
    refused(box, lambda config: config["linux"].update(seccomp={
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir"], "action": "SCMP_ACT_KILL_PROCESS", "errnoRet": 1}]}))


def case_root_propagation(box):
    for kind, wanted in (("private", []), ("slave", []), ("unbindable", ["unbindable"])):
        done = box.once("grep ' / / ' /proc/self/mountinfo || head -1 /proc/self/mountinfo",
                        lambda config: config["linux"].update(rootfsPropagation=kind))
        assert done.status == 0 and "shared:" not in done.out, (kind, done)
        assert all(word in done.out for word in wanted), (kind, done)


def case_relative_masks_are_errors(box):
    if not box.is_yett():
        box.cannot_run("runc and crun take them")
    refused(box, lambda config: config["linux"].update(maskedPaths=["proc/kcore"]))
    refused(box, lambda config: config["linux"].update(readonlyPaths=["proc/sys"]))


def case_personality(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc is older than this")
    bundle = box.bundle("busybox uname -m", lambda config: config["linux"].update(personality={"domain": "LINUX32"}))
    done = box.run("run", "--bundle", bundle, box.new_id())
    assert done.out == "i686\n", done
