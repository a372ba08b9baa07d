"""A plugin such as one installs from a stranger: it does what it was installed for, and then tries
what it was not. It knows nothing of sandboxes. An attempt that succeeds does no harm (it opens and
closes, or undoes itself), and says so. Each line it prints is one JSON object for the demo to show.
"""
import ctypes
import errno
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
WORK = pathlib.Path(os.environ.get("DEMO_WORK") or os.environ.get("TMPDIR", "/tmp"))
libc = ctypes.CDLL(None, use_errno=True)


def say(**fields):
    print(json.dumps(fields), flush=True)


# ---- the work it was installed for ------------------------------------------------------------------


def count_words(texts):
    """Counts words with one thread for each text, keeps them in SQLite, returns the ten commonest."""
    database = sqlite3.connect(WORK / "words.db", check_same_thread=False)
    database.execute("create table word (word text, source text)")
    lock = threading.Lock()

    def read(path):
        words = re.findall(r"[a-z]{5,}", path.read_text().lower())
        with lock, database:
            database.executemany("insert into word values (?, ?)", ((word, path.name) for word in words))

    threads = [threading.Thread(target=read, args=(path,)) for path in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = database.execute("select count(*) from word").fetchone()[0]
    top = database.execute("select word, count(*) from word group by word order by 2 desc, 1 limit 5").fetchall()
    return total, top


def work():
    texts = sorted((HERE / "texts").iterdir())
    total, top = count_words(texts)
    result = WORK / "report.json"
    result.write_text(json.dumps({"words": total, "top": dict(top)}))
    say(kind="work", texts=len(texts), words=total, top=top, database=(WORK / "words.db").stat().st_size)


# ---- what it was not installed for ------------------------------------------------------------------


def system_call(number, *arguments):
    """A raw system call, for what Python has no function."""
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(value) if isinstance(value, int) else value
                                                   for value in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read_shadow():
    return f"{len(pathlib.Path('/etc/shadow').read_bytes())} bytes"


def list_host_home():
    return f"{len(os.listdir('/root'))} files"


def write_program():
    pathlib.Path("/usr/bin/python3").open("r+b").close()
    return "opened for writing"


def drop_startup_file():
    path = pathlib.Path("/etc/profile.d/plugin.sh")
    path.touch(exist_ok=False)
    path.unlink()
    return "created"


def connect_out():
    with socket.socket() as connection:
        connection.settimeout(2)
        connection.connect(("192.0.2.1", 443))
    return "connected"


def raw_socket():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    return "opened"


def fork_bomb():
    """Forks sleepers until it may not; the demo's limit makes that a small number."""
    children = []
    try:
        while len(children) < 500:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
        return f"{len(children)} processes"
    except OSError as error:
        error.filename = None
        error.progress = f"after {len(children)} processes"
        raise
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)


def trace():
    """PTRACE_SEIZE of its parent, which goes on running."""
    system_call(101, 0x4206, os.getppid(), 0, 0)
    return "attached"


def mount_over():
    path = WORK / "mountpoint"
    path.mkdir(exist_ok=True)
    system_call(165, b"none", str(path).encode(), b"tmpfs", 0, 0)
    system_call(166, str(path).encode(), 0)
    return "mounted"


def user_namespace():
    return run(lambda: system_call(272, 0x10000000), "root of a new namespace")


def io_uring():
    parameters = ctypes.create_string_buffer(120)
    return f"ring {system_call(425, 4, parameters)}"


def load_bpf():
    return f"map {system_call(321, 0, ctypes.create_string_buffer(bytes([2, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1]), 72), 72)}"


def run(action, success):
    """Does it in a child, whose errno comes back through its exit status."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        try:
            action()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        raise OSError(status, os.strerror(status))
    return success


def copy_of_itself(descriptor):
    with open(sys.executable, "rb") as source:
        os.write(descriptor, source.read())
    os.close(descriptor)


def exec_written():
    path = WORK / "payload"
    copy_of_itself(os.open(path, os.O_CREAT | os.O_WRONLY, 0o755))
    return run(lambda: os.execv(path, ["payload", "-V"]), "ran")


def exec_memory():
    descriptor = os.memfd_create("payload", 0)
    copy_of_itself(os.dup(descriptor))
    return run(lambda: os.execve(descriptor, ["payload", "-V"], dict(os.environ)), "ran")


def core_pattern():
    pathlib.Path("/proc/sys/kernel/core_pattern").open("r+b", buffering=0).close()
    return "opened for writing"


def push_terminal_input():
    """TIOCSTI types into the terminal of whoever started it."""
    import fcntl
    fcntl.ioctl(0, 0x5412, b"x")
    return "typed"


def host_memory():
    """Not refused but answered: the sandbox's limit instead of the machine's memory."""
    buffer = ctypes.create_string_buffer(128)
    system_call(99, buffer)
    return f"{int.from_bytes(buffer[32:40], 'little') // (1 << 20)} MiB"


ATTEMPTS = [
    ("read /etc/shadow", "openat", read_shadow, "/etc/shadow"),
    ("list the host's /root", "openat", list_host_home, "/root"),
    ("overwrite its interpreter", "openat", write_program, "/usr/bin/python3"),
    ("drop a start-up file into /etc", "openat", drop_startup_file, "/etc/profile.d/plugin.sh"),
    ("point core_pattern at a program", "openat", core_pattern, "/proc/sys/kernel/core_pattern"),
    ("connect to 192.0.2.1:443", "connect", connect_out, "192.0.2.1:443"),
    ("open a packet socket", "socket", raw_socket, "AF_PACKET"),
    ("fork without end", "clone", fork_bomb, ""),
    ("ptrace its parent", "ptrace", trace, ""),
    ("type into the caller's terminal", "ioctl", push_terminal_input, "TIOCSTI"),
    ("mount a file system", "mount", mount_over, str(WORK / "mountpoint")),
    ("become root of a user namespace", "unshare", user_namespace, ""),
    ("set up an io_uring", "io_uring_setup", io_uring, ""),
    ("create a BPF map", "bpf", load_bpf, ""),
    ("execute what it wrote", "execve", exec_written, str(WORK / "payload")),
    ("execute from memory", "execveat", exec_memory, "memfd"),
    ("ask for the machine's memory", "sysinfo", host_memory, ""),
]


def main():
    work()
    for title, call, attempt, target in ATTEMPTS:
        try:
            say(kind="attempt", title=title, call=call, object=target, pid=os.getpid(), got=attempt())
        except OSError as error:
            say(kind="attempt", title=title, call=call, object=target, pid=os.getpid(),
                errno=errno.errorcode.get(error.errno, str(error.errno)),
                detail=getattr(error, "progress", ""))


main()
