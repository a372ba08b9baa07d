"""Cases of cases.py about the options of mounts: each that config.md's table says MUST or SHOULD be
implemented is taken, and those that can be seen are in force."""
import json

MUST = ("async atime defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec "
        "noiversion nolazytime norelatime nostrictatime nosuid private relatime ro rprivate rshared rslave "
        "runbindable rw shared silent slave strictatime suid sync unbindable").split()
SHOULD = ("nosymfollow symfollow ratime rdev rdiratime rexec rnoatime rnodev rnodiratime rnoexec rnorelatime "
          "rnostrictatime rnosuid rnosymfollow rrelatime rro rrw rstrictatime rsuid rsymfollow").split()
# What /proc/self/mountinfo then has among the options of the mount, or of its superblock.
SEEN = {"noatime", "nodev", "nodiratime", "noexec", "nosuid", "ro", "relatime", "dirsync", "lazytime", "sync"}
SEEN_RECURSIVE = {"rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnosuid", "rro", "rnosymfollow"}


def options_inside(box, options, kind="tmpfs", source="tmpfs"):
    """Of a mount with these: both lists of options, and the fields of its propagation."""
    def change(config):
        config["mounts"].append({"destination": "/m", "type": kind, "source": source, "options": options})
    done = box.once("grep ' /m ' /proc/self/mountinfo", change)
    assert done.status == 0, (options, done)
    fields = done.out.split()
    dash = fields.index("-")
    return {*fields[5].split(","), *fields[dash + 3].split(",")}, fields[6:dash]


def case_every_mount_option_that_must_be_there(box):
    for option in MUST:
        found, spread = options_inside(box, [option])
        if option in SEEN:
            assert option in found, (option, found)
        assert any(word.startswith("shared:") for word in spread) == option.endswith("shared"), (option, spread)
        assert ("unbindable" in spread) == option.endswith("unbindable"), (option, spread)
    # The later word holds, as with mount(8).
    found, _ = options_inside(box, ["ro", "nosuid", "noexec", "nodev", "noatime", "rw", "suid", "exec", "dev", "atime"])
    assert not {"ro", "nosuid", "noexec", "nodev", "noatime"} & found, found
    assert "relatime" not in options_inside(box, ["strictatime"])[0]


def case_recursive_mount_options(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc has them, its crun some of them: a SHOULD")
    source = box.directory / "source"
    source.mkdir()
    for option in SHOULD:
        found, _ = options_inside(box, ["rbind", option], "none", str(source))
        assert option not in SEEN_RECURSIVE or option[1:] in found, (option, found)


def case_a_mount_that_is_remounted(box):
    def change(config):
        config["mounts"] += [{"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
                             {"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": ["remount", "ro"]}]
    done = box.once("grep -c ' /m ' /proc/self/mountinfo; touch /m/x 2>&1 | grep -o 'Read-only'; stat -c %a /m", change)
    assert done.out == "1\nRead-only\n755\n", done


def case_a_relative_mount_destination_begins_at_the_root(box):
    def change(config):
        config["process"]["cwd"] = "/tmp"
        config["mounts"].append({"destination": "below/m", "type": "tmpfs", "source": "tmpfs"})
    done = box.once("grep -o ' /below/m ' /proc/self/mountinfo", change)
    assert done.out == " /below/m \n", done
    assert "destination" in done.err or not box.is_yett(), done


def case_capabilities_that_nobody_has_are_a_warning(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun fail: older than this")

    def change(config):
        config["process"]["capabilities"] = {kind: ["CAP_CHOWN", "CAP_SYS_TIME"]
                                             for kind in ("bounding", "effective", "permitted")}
    script = "grep CapEff /proc/self/status"
    box.prefix = ["setpriv", "--bounding-set", "-sys_time", "--inh-caps", "-all"]
    try:
        done = box.once(script, change)
        assert done.status == 0 and done.out.split()[1] == f"{1:016x}", done
        assert "CAP_SYS_TIME" in done.err and "CAP_CHOWN" not in done.err, done
        container = box.start(box.bundle("exec sleep 1000", name="held"))
        done = box.run("exec", "--cap", "CAP_SYS_TIME", container, "sh", "-c", script)
        assert done.status == 0 and "CAP_SYS_TIME" in done.err and not int(done.out.split()[1], 16) >> 25 & 1, done
    finally:
        box.prefix = []
    done = box.once(script, change)
    assert "CAP_SYS_TIME" not in done.err and done.out.split()[1] == f"{1 << 25 | 1:016x}", done


def case_statuses_of_a_life(box):
    """What `state` says after each operation."""
    container = box.create(box.bundle("true", lambda config: config["process"].update(
        args=["sh", "-c", "while ! test -e /tmp/end; do sleep 0.05; done"])))
    state = box.state(container)
    assert state["status"] == "created" and state["pid"] > 0, state
    assert box.quiet("start", container).status == 0
    state = box.state(container)
    assert state["status"] == "running" and state["pid"] > 0, state
    (box.directory / "bundle/rootfs/tmp/end").write_text("")
    box.await_status(container, "stopped")
    assert box.run("delete", container).status == 0
    assert json.loads(box.run("list", "--format", "json").out or "null") in (None, [])
