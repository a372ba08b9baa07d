"""Cases of config.json's rarer sections: ids of mounts, joined user namespaces, seccomp agents,
propagation, placement, network devices, labels, cache classes. A function gets a Box of cases.py."""
import array
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import socket
import struct
import subprocess
import threading
import time

HELD = "exec sleep 1000"


def refused(box, change, *words):
    container = box.new_id()
    done = box.quiet("create", "--bundle", box.bundle(HELD, change), container)
    assert done.status != 0 and all(word in done.out for word in words), (words, done)
    assert box.run("state", container).status != 0
    return done


def maps(inside, outside, size=1):
    return [{"containerID": inside, "hostID": outside, "size": size}]


def volume(box, *options, uid=1000, name="volume", **more):
    """A directory with a file of `uid`, mounted at /v."""
    source = box.directory / name
    source.mkdir(exist_ok=True)
    (source / "file").write_text("x")
    os.chown(source / "file", uid, uid)
    return {"destination": "/v", "type": "bind", "source": str(source), "options": list(options), **more}


def needs_idmaps(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun are older than this")


# ---- idmapped mounts ------------------------------------------------------------------------------


def case_idmapped_mount_by_its_own_mappings(box):
    needs_idmaps(box)
    mount = volume(box, "rbind", "idmap", uidMappings=maps(1000, 5), gidMappings=maps(1000, 6))
    done = box.once("stat -c '%u %g' /v/file", lambda config: config["mounts"].append(mount))
    assert done.out == "5 6\n", done
    assert (box.directory / "volume/file").stat().st_uid == 1000
    without = {key: value for key, value in mount.items() if "Mappings" not in key} | {"options": ["rbind"]}
    done = box.once("stat -c '%u %g' /v/file", lambda config: config["mounts"].append(without))
    assert done.out == "1000 1000\n", done


def case_idmapped_mount_writes_through_the_mapping(box):
    needs_idmaps(box)
    mount = volume(box, "bind", "idmap", uidMappings=maps(1000, 0), gidMappings=maps(1000, 0))
    os.chown(box.directory / "volume", 1000, 1000)
    done = box.once("touch /v/made && stat -c '%u %g' /v/made", lambda config: config["mounts"].append(mount))
    assert done.out == "0 0\n", done
    made = (box.directory / "volume/made").stat()
    assert (made.st_uid, made.st_gid) == (1000, 1000), made


def with_user_namespace(config):
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = maps(0, 100000, 65536)
    config["linux"]["gidMappings"] = maps(0, 100000, 65536)


def case_idmapped_mount_by_the_containers_namespace(box):
    needs_idmaps(box)

    def change(config):
        with_user_namespace(config)
        config["mounts"].append(volume(box, "rbind", "idmap"))
    box.directory.chmod(0o755)
    (box.bundle() / "rootfs/v").mkdir()
    done = box.once("stat -c '%u %g' /v/file", change)
    assert done.out == "1000 1000\n", done

    def unmapped(config):
        with_user_namespace(config)
        config["mounts"].append(volume(box, "rbind"))
    done = box.once("stat -c '%u %g' /v/file", unmapped)
    assert done.out == "65534 65534\n", done


def case_idmap_of_submounts(box):
    """idmap is the mount's own, ridmap of those below it too."""
    needs_idmaps(box)
    below = box.directory / "volume/below"
    below.mkdir(parents=True)
    private = ["unshare", "--mount", "sh", "-c",
               f'mount --bind {below} {below} && exec "$@"', "sh"]
    (below / "file").write_text("y")
    os.chown(below / "file", 1000, 1000)
    box.prefix = private + box.prefix
    for option, wanted in (("idmap", "5\n1000\n"), ("ridmap", "5\n5\n")):
        mount = volume(box, "rbind", option, uidMappings=maps(1000, 5), gidMappings=maps(1000, 6))
        done = box.once("stat -c %u /v/file /v/below/file", lambda config: config["mounts"].append(mount))
        assert done.out == wanted, (option, done)


def case_idmap_without_mappings_is_an_error(box):
    needs_idmaps(box)
    refused(box, lambda config: config["mounts"].append(volume(box, "rbind", "idmap")), "/mounts/4/options")
    refused(box, lambda config: config["mounts"].append(
        volume(box, "rbind", "idmap", uidMappings=maps(1000, 5))), "/mounts/4/gidMappings")
    refused(box, lambda config: config["mounts"].append(
        {"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["idmap"],
         "uidMappings": maps(0, 5), "gidMappings": maps(0, 5)}), "bind mounts only")


# ---- a user namespace by path ---------------------------------------------------------------------


@contextlib.contextmanager
def user_namespace(uids="0 100000 65536", gids="0 100000 65536"):
    """A process in a user namespace of its own: its path, for the time of the case."""
    holder = subprocess.Popen(["unshare", "--user", "sleep", "1000"])
    try:
        ours = os.readlink("/proc/self/ns/user")
        while os.readlink(f"/proc/{holder.pid}/ns/user") == ours:
            time.sleep(0.01)
        pathlib.Path(f"/proc/{holder.pid}/uid_map").write_text(uids)
        pathlib.Path(f"/proc/{holder.pid}/gid_map").write_text(gids)
        yield f"/proc/{holder.pid}/ns/user"
    finally:
        holder.kill()
        holder.wait()


def joining(path, **more):
    def change(config):
        config["linux"]["namespaces"].append({"type": "user", "path": path})
        config["linux"].update(more)
    return change


def case_a_user_namespace_joined_by_path(box):
    box.directory.chmod(0o755)
    with user_namespace() as path:
        inode = os.readlink(path)
        container = box.start(box.bundle(
            HELD, joining(path, uidMappings=maps(0, 100000, 65536), gidMappings=maps(0, 100000, 65536))))
        pid = box.state(container)["pid"]
        assert os.readlink(f"/proc/{pid}/ns/user") == inode
        assert "Uid:\t100000\t" in pathlib.Path(f"/proc/{pid}/status").read_text()
        done = box.run("exec", container, "sh", "-c", "readlink /proc/self/ns/user; id -u")
        assert done.out == f"{inode}\n0\n", done


def case_a_joined_user_namespace_keeps_its_mappings(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun take other mappings without a word")
    box.directory.chmod(0o755)
    with user_namespace() as path:
        refused(box, joining(path, uidMappings=maps(0, 200000, 65536)), "/linux/uidMappings")
        done = box.once("id -u", joining(path, uidMappings=maps(0, 100000, 65536),
                                         gidMappings=maps(0, 100000, 65536)))
        assert done.out == "0\n", done
    refused(box, joining("/proc/self/ns/user"), "user namespace")


def case_joined_user_and_other_namespaces(box):
    """A pod's: the first container makes them, the second joins them all."""
    if not box.is_yett():
        box.cannot_run("about yett's order of joining")
    box.directory.chmod(0o755)
    first = box.start(box.bundle(HELD, with_user_namespace, name="first"))
    pid = box.state(first)["pid"]

    def change(config):
        config["linux"]["namespaces"] = [
            {"type": kind, "path": f"/proc/{pid}/ns/{file}"} for kind, file in
            (("pid", "pid"), ("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("user", "user"))] + [
                {"type": "mount"}, {"type": "cgroup"}]
        del config["hostname"]
    second = box.start(box.bundle(HELD, change))
    other = box.state(second)["pid"]
    for name in ("pid", "net", "ipc", "uts", "user"):
        assert os.readlink(f"/proc/{pid}/ns/{name}") == os.readlink(f"/proc/{other}/ns/{name}"), name
    assert os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink(f"/proc/{other}/ns/mnt")
    done = box.run("exec", second, "sh", "-c", "cat /proc/1/comm; hostname")
    assert done.out == "sleep\nbox\n", done


# ---- seccomp agents -------------------------------------------------------------------------------

NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101  # seccomp_unotify(2); sizes 80 and 24


class Agent:
    """Answers each mkdir with `error`, like a seccomp agent of the specification's."""

    def __init__(self, box, error=38):
        self.path = str(box.directory / "agent.sock")
        self.error = error
        self.states = []
        self.calls = 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen()
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                data, control, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(16))
                while piece := connection.recv(65536):
                    data += piece
            fds = array.array("i")
            for _, kind, bytes_ in control:
                if kind == socket.SCM_RIGHTS:
                    fds.frombytes(bytes_)
            self.states.append((json.loads(data), len(fds)))
            threading.Thread(target=self.answer, args=(fds[0],), daemon=True).start()

    def answer(self, fd):
        libc = ctypes.CDLL(None, use_errno=True)
        while True:
            request = ctypes.create_string_buffer(80)
            if libc.ioctl(fd, ctypes.c_ulong(NOTIF_RECV), request) != 0:
                os.close(fd)
                return
            self.calls += 1
            identity = struct.unpack_from("Q", request)[0]
            libc.ioctl(fd, ctypes.c_ulong(NOTIF_SEND), struct.pack("QqiI", identity, 0, -self.error, 0))

    def section(self, **more):
        return {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": self.path,
                "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}], **more}

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.threads[0].join()


def with_agent(agent, new_privileges=True, **more):
    def change(config):
        config["linux"]["seccomp"] = agent.section(**more)
        config["process"]["noNewPrivileges"] = not new_privileges
        config["annotations"] = {"a.b": "c"}
    return change


def case_seccomp_agent_answers(box):
    for new_privileges in (True, False):
        agent = Agent(box, error=18)
        container = box.start(box.bundle("mkdir /tmp/made 2> /tmp/said; echo $? > /tmp/status; " + HELD,
                                         with_agent(agent, new_privileges, listenerMetadata="for the agent")))
        box.await_text("tmp/status", "1\n")
        assert "ross-device" in (box.directory / "bundle/rootfs/tmp/said").read_text()
        (state, count), = agent.states
        assert count == 1 and state["fds"] == ["seccompFd"], state
        assert state["pid"] == box.state(container)["pid"] == state["state"]["pid"], state
        assert state["metadata"] == "for the agent" and state["ociVersion"], state
        assert state["state"]["id"] == container and state["state"]["bundle"] == str(box.directory / "bundle"), state
        assert state["state"]["status"] in ("creating", "created"), state
        assert state["state"]["annotations"] == {"a.b": "c"}, state
        assert agent.calls >= 1
        agent.close()
        os.unlink(agent.path)
        os.unlink(box.directory / "bundle/rootfs/tmp/status")
        assert box.run("delete", "--force", container).status == 0


def case_seccomp_agent_of_exec(box):
    """One connection for each process that is filtered, closed after its state."""
    agent = Agent(box, error=18)
    container = box.start(box.bundle(HELD, with_agent(agent)))
    done = box.run("exec", container, "mkdir", "/tmp/made", timeout=30)
    assert done.status == 1 and "ross-device" in done.err, done
    assert len(agent.states) == 2, agent.states
    first, second = (state for state, _ in agent.states)
    assert second["state"]["pid"] == first["pid"] != second["pid"], second
    assert second["state"]["status"] == "running", second
    agent.close()


def case_seccomp_agent_that_is_not_there_is_an_error(box):
    def change(config):
        config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(box.directory / "nobody"),
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}
    done = box.once("touch /tmp/ran", change)
    assert done.status != 0, done
    assert not (box.directory / "bundle/rootfs/tmp/ran").exists()


def case_seccomp_agent_without_a_path_is_an_error(box):
    refused(box, lambda config: config["linux"].update(seccomp={
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}))
    if box.is_yett():
        refused(box, lambda config: config["linux"].update(seccomp={
            "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/nobody",
            "syscalls": [{"names": ["sendmsg"], "action": "SCMP_ACT_NOTIFY"}]}), "sendmsg")
        for allowed in ([], ["read", "write"]):
            refused(box, lambda config: config["linux"].update(seccomp={
                "defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/nobody",
                "syscalls": [{"names": allowed, "action": "SCMP_ACT_ALLOW"}] if allowed else []}),
                "/linux/seccomp/defaultAction", "cannot be the default")
    # A path alone is ignored.
    done = box.once("echo ran", lambda config: config["linux"].update(seccomp={
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/nobody"}))
    assert done.out == "ran\n", done


# ---- propagation ----------------------------------------------------------------------------------


@contextlib.contextmanager
def shared_directory(box):
    """The box's directory is a shared mount of a mount namespace that a process of ours holds."""
    holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                               f"mount --bind {box.directory} {box.directory} && "
                               f"mount --make-shared {box.directory} && echo ready && exec sleep 1000"],
                              stdout=subprocess.PIPE, text=True)
    before = box.prefix
    try:
        assert holder.stdout.readline() == "ready\n"
        box.prefix = ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "--wdns=/"] + before
        yield
    finally:
        box.prefix = before
        holder.kill()
        holder.wait()


def run_there(box, *words):
    enter = box.prefix[:3]  # without what the runtime is started with besides
    return subprocess.run([*enter, *map(str, words)], check=True, text=True, stdout=subprocess.PIPE).stdout


def case_root_that_is_a_slave_sees_the_hosts_mounts(box):
    with shared_directory(box):
        for kind, seen in (("slave", True), ("rslave", True), ("private", False), ("rprivate", False),
                           ("unbindable", False), ("shared", True), (None, True)):
            place = box.bundle() / "rootfs/late"
            place.mkdir(exist_ok=True)
            bundle = box.bundle(HELD, lambda config: kind and config["linux"].update(rootfsPropagation=kind))
            container = box.start(bundle)
            run_there(box, "mount", "-t", "tmpfs", "late", place)
            done = box.run("exec", container, "cat", "/proc/self/mountinfo")
            run_there(box, "umount", place)
            assert (" /late " in done.out) == seen, (kind, done)
            assert box.run("delete", "--force", container).status == 0


def case_root_that_is_shared_has_a_group_of_its_own(box):
    # SECURITY: container-propagation
    with shared_directory(box):
        for kind in ("shared", "rshared"):
            def change(config):
                config["linux"]["rootfsPropagation"] = kind
                for names in config["process"]["capabilities"].values():
                    names.append("CAP_SYS_ADMIN")
            script = ("grep -E '^[^ ]+ [^ ]+ [^ ]+ [^ ]+ / ' /proc/self/mountinfo; mkdir -p /made; "
                      "mount -t tmpfs x /made && grep ' /made ' /proc/self/mountinfo")
            done = box.run("run", "--bundle", box.bundle(script, change), box.new_id())
            lines = [line for line in done.out.splitlines() if " - " in line]
            assert len(lines) == 2 and all("shared:" in line for line in lines), (kind, done)
            groups = {word for line in run_there(box, "cat", "/proc/self/mountinfo").splitlines()
                      for word in line.split() if word.startswith("shared:")}
            mine = {word for line in lines for word in line.split() if word.startswith("shared:")}
            assert not groups & mine, (kind, groups, mine)


def case_a_volume_shared_with_the_host(box):
    """What engines ask for as bidirectional: a shared root and a shared volume."""
    if not box.is_yett():
        box.cannot_run("runc makes the root's parent private here, and the volume with it")
    with shared_directory(box):
        (box.directory / "volume/made").mkdir(parents=True)
        for root, option, wanted in (("rshared", "rshared", True), ("rslave", "rslave", False),
                                     ("rslave", "rshared", False), ("rshared", "rprivate", False)):
            def change(config):
                config["linux"]["rootfsPropagation"] = root
                config["mounts"].append(volume(box, "rbind", option))
                for names in config["process"]["capabilities"].values():
                    names.append("CAP_SYS_ADMIN")
            container = box.start(box.bundle("mount -t tmpfs inside /v/made; touch /tmp/done; " + HELD, change))
            box.await_file("tmp/done").unlink()
            seen = " inside " in run_there(box, "cat", "/proc/self/mountinfo")
            assert seen == wanted, (root, option)
            if seen:
                run_there(box, "umount", box.directory / "volume/made")
            assert box.run("delete", "--force", container).status == 0


# ---- placement ------------------------------------------------------------------------------------


def case_exec_cpu_affinity(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun are older than this")
    bundle = box.bundle(HELD, lambda config: config["process"].update(execCPUAffinity={"final": "1"}))
    container = box.start(bundle)
    allowed = "grep Cpus_allowed_list /proc/self/status"
    whole = pathlib.Path("/proc/self/status").read_text().split("Cpus_allowed_list:\t")[1].split("\n")[0]
    if whole == "0":
        box.cannot_run("one processor alone")
    first = pathlib.Path(f"/proc/{box.state(container)['pid']}/status").read_text()
    assert f"Cpus_allowed_list:\t{whole}\n" in first  # not of the container's first process
    process = json.loads((bundle / "config.json").read_text())["process"]

    def executed(affinity):
        process.update(args=["sh", "-c", allowed], execCPUAffinity=affinity)
        file = box.directory / "process.json"
        file.write_text(json.dumps(process))
        return box.run("exec", "--process", file, container).out.split()[-1:]
    assert box.run("exec", container, "sh", "-c", allowed).out.split()[1] == "1"
    assert executed({"final": "0"}) == ["0"]
    assert executed({"initial": "0", "final": "1"}) == ["1"]
    assert executed({"initial": "0"}) == [whole]  # the container's own
    done = box.run("exec", "--process", "-", container, input=json.dumps(
        {**process, "execCPUAffinity": {"initial": "60000"}}))
    assert done.status == 255, done


def case_memory_policy(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun are older than this")
    if not os.path.exists("/proc/self/numa_maps"):
        box.cannot_run("a kernel without memory nodes")

    def policy(**section):
        return lambda config: config["linux"].update(memoryPolicy=section)

    def line(change):
        return box.once("head -1 /proc/self/numa_maps", change).out.split()[1]
    assert line(policy(mode="MPOL_BIND", nodes="0")) == "bind:0"
    assert line(policy(mode="MPOL_INTERLEAVE", nodes="0", flags=["MPOL_F_STATIC_NODES"])) == "interleave=static:0"
    assert line(policy(mode="MPOL_DEFAULT")) == "default"
    refused(box, policy(mode="MPOL_BIND"), "/linux/memoryPolicy/nodes")
    refused(box, policy(mode="MPOL_LOCAL", nodes="0"), "/linux/memoryPolicy/nodes")
    refused(box, policy(mode="MPOL_BIND", nodes="900"), "/linux/memoryPolicy")
    container = box.start(box.bundle(HELD, policy(mode="MPOL_BIND", nodes="0")))
    assert " bind:0 " in box.run("exec", container, "head", "-1", "/proc/self/numa_maps").out


# ---- network devices ------------------------------------------------------------------------------


@contextlib.contextmanager
def own_network(box, *commands):
    """Of the case's own, which the runtime is started in."""
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 1000"],
                              stdout=subprocess.PIPE, text=True)
    before = box.prefix
    try:
        assert holder.stdout.readline() == "ready\n"
        box.prefix = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"] + before
        for command in commands:
            subprocess.run([*box.prefix, *command.split()], check=True)
        yield
    finally:
        box.prefix = before
        holder.kill()
        holder.wait()


def links(pid):
    told = subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-json", "addr"], check=True,
                          stdout=subprocess.PIPE)
    return {link["ifname"]: link for link in json.loads(told.stdout)}


def addresses(link):
    return {f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"] if each["scope"] == "global"}


def case_network_devices_move_into_the_container(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun are older than this")
    with own_network(box, "ip link add one type veth peer name uno", "ip link add two type veth peer name due",
                     "ip link set one mtu 1400 address 02:00:00:00:00:07",
                     "ip addr add 10.9.8.7/24 dev one", "ip -6 addr add fd00::7/64 dev one nodad",
                     "ip addr add 10.9.9.1/24 dev one valid_lft 1000 preferred_lft 1000"):
        container = box.start(box.bundle(HELD, lambda config: config["linux"].update(
            netDevices={"one": {"name": "eth0"}, "two": {}})))
        there = links(box.state(container)["pid"])
        assert set(there) == {"lo", "eth0", "two"}, there
        assert "UP" in there["eth0"]["flags"] and "UP" in there["two"]["flags"], there
        assert there["eth0"]["mtu"] == 1400 and there["eth0"]["address"] == "02:00:00:00:00:07", there
        assert addresses(there["eth0"]) == {"10.9.8.7/24", "fd00::7/64"}, there
        here = json.loads(subprocess.run([*box.prefix, "ip", "-json", "link"], check=True,
                                         stdout=subprocess.PIPE).stdout)
        assert {link["ifname"] for link in here} == {"lo", "uno", "due"}, here


def case_network_device_names(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's runc and crun are older than this")
    with own_network(box, "ip link add one type veth peer name uno", "ip link add two type veth peer name due"):
        refused(box, lambda config: config["linux"].update(netDevices={"none": {}}), "/linux/netDevices/none")
        refused(box, lambda config: config["linux"].update(netDevices={"one": {"name": "lo"}}), "/linux/netDevices", "lo")

        def change(config):
            config["linux"]["netDevices"] = {"one": {"name": "net%d"}, "two": {"name": "net0"}}
            with_user_namespace(config)
        box.directory.chmod(0o755)
        container = box.start(box.bundle(HELD, lambda config: config["linux"].update(
            netDevices={"one": {"name": "net%d"}, "two": {"name": "lo%d"}})))
        assert set(links(box.state(container)["pid"])) == {"lo", "net0", "lo0"}


# ---- labels and cache classes ---------------------------------------------------------------------


def case_labels_need_their_system(box):
    if not box.is_yett():
        box.cannot_run("runc and crun say it while they start the process, or mount without it")
    apparmor = pathlib.Path("/sys/module/apparmor/parameters/enabled")
    if not apparmor.exists() or not apparmor.read_text().startswith("Y"):
        refused(box, lambda config: config["process"].update(apparmorProfile="x"), "/process/apparmorProfile", "AppArmor")
    else:  # the one profile that is always there
        assert box.once("true", lambda config: config["process"].update(apparmorProfile="unconfined")).status == 0
    if "selinuxfs" not in pathlib.Path("/proc/filesystems").read_text():
        label = "system_u:object_r:container_file_t:s0"
        refused(box, lambda config: config["process"].update(selinuxLabel=label), "/process/selinuxLabel", "SELinux")
        refused(box, lambda config: config["linux"].update(mountLabel=label), "/linux/mountLabel", "SELinux")


def case_cache_classes_need_resctrl(box):
    if not box.is_yett():
        box.cannot_run("Debian 12's crun is older than this")
    if " resctrl " in pathlib.Path("/proc/self/mounts").read_text():
        return  # there is nothing to refuse
    refused(box, lambda config: config["linux"].update(intelRdt={"closID": "guests"}), "/linux/intelRdt", "resctrl")


# ---- resources ------------------------------------------------------------------------------------


def case_a_limit_below_what_is_used_is_refused(box):
    """By the kernel on cgroup v1, by checkBeforeUpdate on v2."""
    def change(config):
        config["linux"]["resources"] = {"memory": {"limit": 128 << 20}}
        config["mounts"].append({"destination": "/held", "type": "tmpfs", "source": "tmpfs"})
    container = box.start(box.bundle("dd if=/dev/zero of=/held/x bs=1M count=48 2>/dev/null; touch /tmp/full; " + HELD, change))
    box.await_file("tmp/full")
    low = {"memory": {"limit": 16 << 20, "checkBeforeUpdate": True}}
    done = box.run("update", "-r", "-", container, input=json.dumps(low))
    assert done.status != 0, done
    assert box.state(container)["status"] == "running"
    low["memory"]["limit"] = 96 << 20
    done = box.run("update", "-r", "-", container, input=json.dumps(low))
    assert done.status == 0, done


def case_unified_values_of_several_lines(box):
    if not box.is_yett():
        box.cannot_run("a host with v2 beside v1 is one of v1 for runc and crun")
    refused(box, lambda config: config["linux"].update(
        resources={"unified": {"cgroup.max.depth": "no number"}}), "cgroup.max.depth")
    refused(box, lambda config: config["linux"].update(
        resources={"unified": {"cgroup.nosuch": "1"}}), "cgroup.nosuch")
    container = box.start(box.bundle(HELD, lambda config: config["linux"].update(
        resources={"unified": {"cgroup.max.depth": "3\n4"}})))
    places = pathlib.Path(f"/proc/{box.state(container)['pid']}/cgroup").read_text().splitlines()
    path, = (line[3:] for line in places if line.startswith("0::"))
    mount = pathlib.Path("/sys/fs/cgroup/unified")
    mount = mount if mount.exists() else pathlib.Path("/sys/fs/cgroup")
    assert (mount / path[1:] / "cgroup.max.depth").read_text() == "4\n"
