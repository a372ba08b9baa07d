#!/usr/bin/env python3
"""Real clients, unmodified, in sandboxes without a network whose rules name one host.

Everything runs in a network and a mount namespace of this test's own, with an /etc/hosts in which
`shop.test` is 127.0.0.1, and a name server for `api.test` (192.0.2.7, another host: a network
namespace behind a pair of devices) and `rebind.test` (192.0.2.1, this host itself). What the
policies allow is served for real; beside it stands what they do not allow.

    lent_clients.py BUILD_DIRECTORY        exit status 77: it cannot run here
"""
import ctypes
import glob
import http.server
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

WEB, OTHER_WEB, REDIS, PUBLISHED, POSTGRES = 8081, 8082, 6379, 8083, 5432
API, OTHER_API, THIS_HOST = "192.0.2.7", "192.0.2.8", "192.0.2.1"
BODY = b"from the real server\n"

CONFIG = """extends = "plugin"
[network]
mode = "none"
connect = ["tcp://shop.test:8081", "tcp://shop.test:6379", "tcp://api.test:8081",
           "tcp://rebind.test:8081", "tcp://shop.test:5432"]
[limits]
pids = 128
"""


def enter_namespaces():
    """Starts this program again in namespaces of its own."""
    if os.environ.get("LENT_INSIDE"):
        return
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        required = os.environ.get("YETT_REQUIRE_FULL") == "1"
        print("needs root, unshare and ip")
        sys.exit(1 if required else 77)
    os.environ["LENT_INSIDE"] = "1"
    # Processes die with this one: --kill-child.
    os.execvp("unshare", ["unshare", "--mount", "--net", "--fork", "--kill-child", sys.executable,
                          *sys.argv])


def set_up_host(directory):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, text in (("hosts", "127.0.0.1 localhost\n127.0.0.1 shop.test\n"),
                       ("resolv.conf", "nameserver 127.0.0.9\n")):
        path = os.path.join(directory, name)
        with open(path, "w") as file:
            file.write(text)
        target = os.path.realpath("/etc/" + name)
        subprocess.run(["mount", "--bind", path, target], check=True)


def ip(*line):
    subprocess.run(["ip", *line], check=True)


def start_other_host(directory):
    """API and OTHER_API, in a process of their own that ends with this one."""
    said, heard = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(heard[1])
        if ctypes.CDLL(None).unshare(0x40000000) != 0:  # CLONE_NEWNET
            os._exit(1)
        os.write(said[1], b"x")
        os.read(heard[0], 1)
        for address in (API, OTHER_API):
            ip("address", "add", address + "/24", "dev", "lent1")
        ip("link", "set", "lent1", "up")
        for port in (WEB, OTHER_WEB):
            serve_web(port, directory)
        os.write(said[1], b"x")
        os.read(heard[0], 1)
        os._exit(0)
    os.close(heard[0])
    os.read(said[0], 1)
    ip("link", "add", "lent0", "type", "veth", "peer", "name", "lent1", "netns", str(pid))
    ip("address", "add", THIS_HOST + "/24", "dev", "lent0")
    ip("link", "set", "lent0", "up")
    os.write(heard[1], b"x")
    os.read(said[0], 1)
    return heard[1]


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/repo.git"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *unused):
        pass


def serve_web(port, directory):
    server = http.server.ThreadingHTTPServer(
        ("", port), lambda *given: Handler(*given, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()


def serve_names():
    """A name server of strangers: api.test is API; rebind.test is the host itself."""
    served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    served.bind(("127.0.0.9", 53))

    def run():
        while True:
            question, client = served.recvfrom(512)
            address = socket.inet_aton(THIS_HOST if b"\6rebind" in question else API)
            wants_ipv4 = question[-4:-2] == b"\0\1"
            header = question[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if wants_ipv4 else 0, 0, 0)
            record = struct.pack(">HHHIH", 0xC00C, 1, 1, 5, 4) + address if wants_ipv4 else b""
            served.sendto(header + question[12:] + record, client)
            asked.append(question)

    threading.Thread(target=run, daemon=True).start()


def serve_redis(directory):
    redis = shutil.which("redis-server")
    if not redis:
        return None
    command = [redis, "--port", str(REDIS), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
    return started_at(REDIS, command)


def started_at(port, command):
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return started
        time.sleep(0.05)
    return started


def serve_postgres(data):
    """As nobody, for it refuses root. `data`: empty, in reach of the user nobody."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not programs or not shutil.which("psql"):
        return None
    shutil.chown(data, "nobody", "nogroup")
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    subprocess.run([*as_nobody, programs[-1] + "/initdb", "-D", data, "-U", "shop", "-A", "trust",
                    "-N"], check=True, stdout=subprocess.DEVNULL, cwd="/")
    return started_at(POSTGRES, [*as_nobody, programs[-1] + "/postgres", "-D", data, "-p",
                                 str(POSTGRES), "-h", "127.0.0.1", "-k", "", "-F"])


def make_repository(directory):
    work, bare = os.path.join(directory, "work"), os.path.join(directory, "repo.git")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    run = lambda *line: subprocess.run(line, check=True, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
    run(*git, "init", work)
    with open(os.path.join(work, "file"), "w") as file:
        file.write("cloned\n")
    run(*git, "-C", work, "add", "file")
    run(*git, "-C", work, "commit", "-m", "one")
    run(*git, "clone", "--bare", work, bare)
    run(*git, "-C", bare, "update-server-info")


asked = []  # questions that reached the name server of strangers
failures = []


def sandboxed(yett, directory, command, flags=()):
    line = [yett, "run", "--policy", os.path.join(directory, "policy.toml"), "--audit",
            os.path.join(directory, "audit"), *flags, "--", *command]
    return subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)


def check(title, ran, holds):
    print(("ok    " if holds else "WRONG ") + title, flush=True)
    if not holds:
        failures.append(title)
        print(ran.stdout.decode(errors="replace")[-2000:] if ran else "")


def reaches(yett, directory, title, *command, text=BODY):
    if not shutil.which(command[0]):
        print("left out: " + command[0] + " is missing")
        return
    ran = sandboxed(yett, directory, command)
    check(title, ran, ran.returncode == 0 and text in ran.stdout)


def is_refused(yett, directory, title, *command):
    ran = sandboxed(yett, directory, command)
    check(title, ran, ran.returncode != 0 and BODY not in ran.stdout)


def run_clients(yett, directory):
    at = f"http://shop.test:{WEB}/"
    fetch = "import sys,urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1]).read().decode())"
    with_node = "fetch(process.argv[1]).then(a => a.text()).then(console.log)"
    for host, url in (("/etc/hosts", at), ("a name server", f"http://api.test:{WEB}/")):
        reaches(yett, directory, f"curl by {host}", "curl", "-sS", url)
        reaches(yett, directory, f"python by {host}", "python3", "-c", fetch, url)
        reaches(yett, directory, f"node by {host}", "node", "-e", with_node, url)
        reaches(yett, directory, f"wget by {host}", "wget", "-qO-", url)
    reaches(yett, directory, "git clones over http", "sh", "-c",
            f"cd /tmp && git clone -q {at}repo.git c && cat c/file", text=b"cloned")
    if shutil.which("redis-server"):
        reaches(yett, directory, "redis-cli", "redis-cli", "-h", "shop.test", "ping", text=b"PONG")
    if glob.glob("/usr/lib/postgresql/*/bin"):
        psql = ("psql", "-h", "shop.test", "-U", "shop", "-d", "postgres", "-Atc")
        reaches(yett, directory, "psql", *psql, "select 6 * 7 || ' from the database'",
                text=b"42 from the database")


def run_refused(yett, directory):
    curl = ("curl", "-sS", "-m", "5")
    is_refused(yett, directory, "another port of a name", *curl, f"http://shop.test:{OTHER_WEB}/")
    is_refused(yett, directory, "another address", *curl, f"http://{OTHER_API}:{WEB}/")
    is_refused(yett, directory, "an address before its name was asked for", *curl,
               f"http://{API}:{WEB}/")
    is_refused(yett, directory, "another port of a name's address", "sh", "-c",
               f"curl -sS http://api.test:{WEB}/ > /dev/null; curl -sS http://{API}:{OTHER_WEB}/")
    before = len(asked)
    is_refused(yett, directory, "a name that is turned to this host", *curl,
               f"http://rebind.test:{WEB}/")
    check("which serves there", None, any(b"\6rebind" in each for each in asked[before:]) and
          socket.create_connection((THIS_HOST, WEB)) is not None)
    before = len(asked)
    is_refused(yett, directory, "another name", *curl, "http://other.test:8081/")
    ran = sandboxed(yett, directory, ["true"])
    check("another name is not looked up", ran,
          not any(b"\5other" in question for question in asked[before:]))
    with open(os.path.join(directory, "audit")) as file:
        records = file.read()
    for record in (f'"object":"tcp://127.0.0.1:{OTHER_WEB}"', '"object":"other.test"',
                   f'"object":"tcp://{OTHER_API}:{WEB}"'):
        check("recorded: " + record, ran, record in records)


def is_answered(user, server, name):
    """A question from the host, by a process of that user."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    pid = os.fork()
    if pid == 0:
        os.setuid(user)
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asking.settimeout(1)
        asking.sendto(question, (server, 53))
        try:
            os._exit(1 if asking.recv(512) else 2)
        except TimeoutError:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0


def kernel_tells_owners():
    """By sock_diag, of a UDP socket: else the name server answers everybody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine, \
            socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4) as kernel:
        mine.bind(("127.0.0.1", 0))
        place = socket.inet_aton("127.0.0.1") + bytes(12)
        port = mine.getsockname()[1]
        asked_for = struct.pack("=BBBBI", 2, 17, 0, 0, 0xFFFFFFFF) + struct.pack(
            ">HH", port, port) + 2 * place + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
        kernel.send(struct.pack("=IHHII", 16 + len(asked_for), 20, 1, 1, 0) + asked_for)
        return struct.unpack("=IH", kernel.recv(8192)[:6])[1] == 20


def run_strangers(yett, directory):
    """SECURITY(names-asked-by-user): its name server is for the sandbox alone."""
    audit = os.path.join(directory, "audit-of-names")
    line = [yett, "run", "--policy", os.path.join(directory, "policy.toml"), "--audit", audit,
            "--", "sh", "-c", f"cat /etc/resolv.conf; read x; curl -sS http://shop.test:{WEB}/; "
            "curl -sS http://inside.test:1/"]
    running = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    server = running.stdout.readline().decode().split()[1]
    for user in (0, 65534):
        for name in ("shop.test", "forged.test"):
            check(f"user {user} of the host asks for {name}", None,
                  not is_answered(user, server, name))
    output = running.communicate(b"go\n")[0]
    with open(audit) as file:
        records = file.read()
    check("the sandbox is answered", None, BODY in output)
    check("what it asks is recorded, what others ask is not", None,
          "inside.test" in records and "forged.test" not in records)


def run_published(yett, directory):
    line = [yett, "run", "--publish", f"127.0.0.1:{PUBLISHED}", "--", "python3", "-m",
            "http.server", "--bind", "127.0.0.1", str(PUBLISHED)]
    served = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    answer = -1
    for _ in range(400):
        with socket.socket() as client:
            answer = client.connect_ex(("127.0.0.1", PUBLISHED))
        if answer == 0 or served.poll() is not None:
            break
        time.sleep(0.05)
    served.terminate()
    served.wait()
    ran = sandboxed(yett, directory, ["true"])
    check("--publish is reached from outside", ran, answer == 0)


def main():
    enter_namespaces()
    build = sys.argv[1]
    yett = os.environ.get("YETT_BIN", os.path.join(build, "bin", "yett"))
    with tempfile.TemporaryDirectory(dir=build) as directory, \
            tempfile.TemporaryDirectory() as data:
        os.chmod(directory, 0o755)
        set_up_host(directory)
        with open(os.path.join(directory, "policy.toml"), "w") as file:
            file.write(CONFIG)
        make_repository(directory)
        other_host = start_other_host(directory)
        serve_names()
        for port in (WEB, OTHER_WEB):
            serve_web(port, directory)
        servers = [serve_redis(directory), serve_postgres(data)]
        run_clients(yett, directory)
        run_refused(yett, directory)
        if kernel_tells_owners():
            run_strangers(yett, directory)
        else:
            print("left out: questions of strangers, for this kernel has no udp_diag")
        run_published(yett, directory)
        os.close(other_host)
        for server in filter(None, servers):
            server.terminate()  # processes of its own end with it
            server.wait()
        # What was bound over the host's files goes with this mount namespace.
        subprocess.run(["umount", os.path.realpath("/etc/hosts")], check=False)
        subprocess.run(["umount", os.path.realpath("/etc/resolv.conf")], check=False)
    print(f"{len(failures)} wrong")
    sys.exit(1 if failures else 0)


main()
