"""Cases of cases.py about terminals, descriptors and namespaces that few configurations ask for."""
import fcntl
import json
import os
import pathlib
import pty
import select
import socket
import struct
import subprocess
import termios
import time

SECONDS = 30


class ConsoleSocket:
    """What an engine listens on for a terminal's master."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.listener.settimeout(SECONDS)

    def receive(self):
        connection, _ = self.listener.accept()
        data, fds, _, _ = socket.recv_fds(connection, 4096, 4)
        connection.close()
        assert data and len(fds) == 1, (data, fds)
        return fds[0]

    def close(self):
        self.listener.close()


def read_until(fd, wanted):
    """What the terminal shows, until it shows `wanted`."""
    shown = ""
    end = time.monotonic() + SECONDS
    while wanted not in shown:
        assert time.monotonic() < end, f"no {wanted!r} in {shown!r}"
        if not select.select([fd], [], [], 0.5)[0]:
            continue
        try:
            piece = os.read(fd, 4096)
        except OSError:  # EIO: nobody holds the other end any more
            piece = b""
        assert piece, f"no {wanted!r} before the end: {shown!r}"
        shown += piece.decode()
    return shown


def window_size(fd):
    return struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))[:2]


def set_window_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def with_terminal(rows=0, columns=0):
    def change(config):
        config["process"]["terminal"] = True
        if rows:
            config["process"]["consoleSize"] = {"height": rows, "width": columns}
    return change


class Shell:
    """A person's terminal with the runtime in it."""

    def __init__(self, command, environment=None):
        self.master, slave = pty.openpty()
        set_window_size(self.master, 31, 97)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(command, env=environment, stdin=slave, stdout=slave, stderr=slave,
                                        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)))
        self.slave = slave

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        status = self.process.wait(SECONDS)
        after = termios.tcgetattr(self.slave)
        os.close(self.slave)
        os.close(self.master)
        assert after == self.before, "the terminal was left changed"
        return status


# ---- terminals ------------------------------------------------------------------------------------


def case_terminal_by_console_socket(box):
    console = ConsoleSocket(box.directory / "console")
    script = "tty; test -c /dev/console && echo console; read line; echo got $line"
    container = box.create(box.bundle(script, with_terminal(20, 70)), "--console-socket", console.path)
    master = console.receive()
    assert window_size(master) == (20, 70), window_size(master)
    assert box.quiet("start", container).status == 0
    shown = read_until(master, "console")
    assert "/dev/pts/0" in shown or "/dev/console" in shown, shown
    os.write(master, b"words\n")
    read_until(master, "got words")
    box.await_status(container, "stopped")
    os.close(master)
    console.close()


def case_terminal_path_longer_than_an_address(box):
    long = box.directory / ("d" * 100)
    long.mkdir()
    here = os.getcwd()
    os.chdir(long)
    console = ConsoleSocket("console")
    os.chdir(here)
    container = box.new_id()
    done = box.quiet("create", "--bundle", box.bundle("echo here", with_terminal()), "--console-socket",
                     long / "console", container)
    if not box.is_yett():
        console.close()
        return
    assert done.status == 0, done
    master = console.receive()
    assert box.quiet("start", container).status == 0
    read_until(master, "here")
    os.close(master)
    console.close()


def case_terminal_without_a_socket_is_refused(box):
    done = box.quiet("create", "--bundle", box.bundle("true", with_terminal()), box.new_id())
    assert done.status != 0 and "console" in done.out, done
    done = box.quiet("create", "--bundle", box.bundle("true"), "--console-socket", box.directory / "none",
                     box.new_id())
    if "crun" not in box.runtime:
        assert done.status != 0, done


def case_terminal_in_the_foreground(box):
    script = "tty; read line; echo got $line; read line; trap '' INT; kill -s WINCH $$; exit 5"
    shell = Shell(box.command("run", "--bundle", box.bundle(script, with_terminal()), box.new_id()))
    read_until(shell.master, "/dev/")
    shell.type("words\n")
    read_until(shell.master, "got words")
    shell.type("\n")
    status = shell.end()
    assert status == 5, status


def await_size(shell, size):
    """Each line typed is answered with the size, which takes its time to arrive."""
    shown = ""
    end = time.monotonic() + SECONDS
    while size not in shown:
        assert time.monotonic() < end, f"no {size} in {shown!r}"
        shell.type("\n")
        time.sleep(0.1)
        shown = os.read(shell.master, 4096).decode()


def case_terminal_window_size_follows(box):
    script = "while read line; do stty size; done"
    bundle = box.bundle(script, with_terminal())
    (bundle / "rootfs/bin/stty").symlink_to("busybox")
    shell = Shell(box.command("run", "--bundle", bundle, box.new_id()))
    await_size(shell, "31 97")
    set_window_size(shell.master, 40, 111)
    await_size(shell, "40 111")
    shell.type("\x04")
    shell.end()


def case_terminal_interrupt_key(box):
    script = "trap 'echo caught; exit 6' INT; echo ready; while :; do sleep 0.1; done"
    shell = Shell(box.command("run", "--bundle", box.bundle(script, with_terminal()), box.new_id()))
    read_until(shell.master, "ready")
    shell.type("\x03")
    read_until(shell.master, "caught")
    assert shell.end() == 6


def case_terminal_of_exec(box):
    container = box.start(box.bundle("exec sleep 1000"))
    shell = Shell(box.command("exec", "--tty", container, "sh", "-c", "tty; read line; echo got $line; exit 3"))
    read_until(shell.master, "/dev/pts/0")
    shell.type("words\n")
    read_until(shell.master, "got words")
    assert shell.end() == 3


def case_terminal_of_exec_by_console_socket(box):
    container = box.start(box.bundle("exec sleep 1000"))
    console = ConsoleSocket(box.directory / "console")
    pid_file = box.directory / "exec-pid"
    process = box.directory / "process.json"
    config = json.loads((box.directory / "bundle/config.json").read_text())["process"]
    config.update(args=["sh", "-c", "tty; id -u; read line"], terminal=True, user={"uid": 1000, "gid": 1000})
    process.write_text(json.dumps(config))
    done = box.quiet("exec", "--process", process, "--detach", "--pid-file", pid_file, "--console-socket",
                     console.path, container)
    assert done.status == 0, done
    master = console.receive()
    shown = read_until(master, "1000")
    assert "/dev/pts/" in shown, shown
    assert pathlib.Path(f"/proc/{pid_file.read_text()}").exists()
    os.close(master)
    console.close()


def case_terminal_hangs_up(box):
    """Its master closed, the program gets SIGHUP, as from any terminal."""
    console = ConsoleSocket(box.directory / "console")
    script = "trap 'exit 0' HUP; echo ready; while :; do sleep 0.05; done"
    container = box.create(box.bundle(script, with_terminal()), "--console-socket", console.path)
    master = console.receive()
    assert box.quiet("start", container).status == 0
    read_until(master, "ready")
    os.close(master)
    console.close()
    box.await_status(container, "stopped")


# ---- descriptors, root ----------------------------------------------------------------------------


class PipeAtThree:
    """A pipe whose writing end is descriptor 3."""

    def __enter__(self):
        ends = os.pipe()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in ends]
        for fd in ends:
            os.close(fd)
        self.saved = None if not os.path.exists("/proc/self/fd/3") else fcntl.fcntl(3, fcntl.F_DUPFD_CLOEXEC, 20)
        os.dup2(high[1], 3)
        os.close(high[1])
        self.readable = high[0]
        return self

    def __exit__(self, *_):
        os.close(self.readable)
        os.close(3)
        if self.saved is not None:
            os.dup2(self.saved, 3, inheritable=False)
            os.close(self.saved)


def case_preserved_descriptors(box):
    script = "echo by three >&3; ls /proc/self/fd | grep -v '^[0-2]$' | head -1"
    with PipeAtThree() as pipe:
        done = box.run("run", "--bundle", box.bundle(script), "--preserve-fds", "1", box.new_id(), pass_fds=(3,))
        assert done.status == 0 and done.out.split()[:1] == ["3"], done
        assert os.read(pipe.readable, 100) == b"by three\n"


def case_preserved_descriptors_of_exec(box):
    container = box.start(box.bundle("exec sleep 1000"))
    with PipeAtThree() as pipe:
        done = box.run("exec", "--preserve-fds", "1", container, "sh", "-c", "echo by three >&3", pass_fds=(3,))
        assert done.status == 0, done
        assert os.read(pipe.readable, 100) == b"by three\n"
        done = box.run("exec", container, "sh", "-c", "echo by three >&3", pass_fds=(3,))
        assert done.status != 0, done


def case_no_pivot(box):
    done = box.run("run", "--no-pivot", "--bundle", box.bundle("ls -d /bin /etc; echo x > /tmp/x; cat /tmp/x"),
                   box.new_id())
    assert done.out == "/bin\n/etc\nx\n", done


# ---- namespaces -----------------------------------------------------------------------------------


def mapped(config):
    config["linux"]["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        config["linux"][kind] = [{"containerID": 0, "hostID": 200000, "size": 65536}]


def give_away(path):
    """To who is root inside."""
    for directory, _, files in os.walk(path):
        for name in [directory, *(os.path.join(directory, file) for file in files)]:
            os.lchown(name, 200000, 200000)


def mapped_bundle(box, script, change=mapped):
    bundle = box.bundle(script, change)
    give_away(bundle / "rootfs")
    for directory in (box.directory, bundle):  # root inside has to get there
        directory.chmod(0o711)
    return bundle


def case_new_user_namespace(box):
    script = "id -u; cat /proc/self/uid_map; echo made > /file; stat -c %u /file; echo x > /dev/null && echo null"
    bundle = mapped_bundle(box, script)
    done = box.run("run", "--bundle", bundle, box.new_id())
    lines = done.out.split()
    assert lines == ["0", "0", "200000", "65536", "0", "null"], done
    assert (bundle / "rootfs/file").stat().st_uid == 200000


def case_new_user_namespace_and_exec(box):
    container = box.start(mapped_bundle(box, "exec sleep 1000"))
    done = box.run("exec", "--user", "7:8", container, "sh", "-c", "id -u; id -g; cat /proc/self/uid_map")
    assert done.out.split() == ["7", "8", "0", "200000", "65536"], done


def case_new_user_namespace_with_a_terminal(box):
    def change(config):
        mapped(config)
        with_terminal()(config)
    console = ConsoleSocket(box.directory / "console")
    bundle = mapped_bundle(box, "tty; stat -c %u $(tty); echo end", change)
    container = box.create(bundle, "--console-socket", console.path)
    master = console.receive()
    assert box.quiet("start", container).status == 0
    shown = read_until(master, "end")
    assert "\r\n0\r\n" in shown, shown
    os.close(master)
    console.close()


def case_new_time_namespace(box):
    if not os.path.exists("/proc/self/ns/time"):
        box.cannot_run("this kernel has no time namespaces")

    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 0},
                                          "monotonic": {"secs": 500000}}
    bundle = box.bundle("cat /proc/uptime; readlink /proc/self/ns/time", change)
    done = box.run("run", "--bundle", bundle, box.new_id())
    if done.status != 0 and not box.is_yett():
        box.cannot_run("this runtime has no time namespaces")
    assert done.status == 0, done
    uptime, namespace = done.out.splitlines()
    outside = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    assert float(uptime.split()[0]) > outside + 999000, done
    assert namespace != os.readlink("/proc/self/ns/time")


def case_time_namespace_of_exec(box):
    if not os.path.exists("/proc/self/ns/time") or not box.is_yett():
        box.cannot_run("about time namespaces of yett")

    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 0}}
    container = box.start(box.bundle("exec sleep 1000", change))
    done = box.run("exec", container, "sh", "-c", "cat /proc/uptime")
    outside = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    assert done.status == 0 and float(done.out.split()[0]) > outside + 999000, done
