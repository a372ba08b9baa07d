"""Servers inside the runtime, in the host's network, asked from outside: what a request costs."""
import re
import socket
import time

from .held import held
from .processes import Failed, output
from .runtimes import Program

# The server ends with the standard input, and "up" is said before it listens: await_port does the rest.
UNTIL_LET_GO = "{server} > /dev/null 2>&1 & server=$!; echo up; cat > /dev/null; kill $server; wait $server; exit 0"
POLICY = """extends = "plugin"
[network]
mode = "host"
connect = ["tcp://127.0.0.1:18437"]
listen = ["tcp://127.0.0.1:18437", "tcp://127.0.0.1:18440", "tcp://127.0.0.1:18441", "tcp://127.0.0.1:18442"]
"""
NGINX_CONFIG = """daemon off; master_process off; user root root; pid /tmp/nginx-bench.pid; error_log stderr;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path /tmp; proxy_temp_path /tmp; fastcgi_temp_path /tmp; uwsgi_temp_path /tmp; scgi_temp_path /tmp;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{body}"; }} }}
}}
"""
NODE_SERVER = """require("http").createServer((request, answer) => answer.end("x".repeat(1024)))
  .listen({port}, "127.0.0.1");
"""


def await_port(port, started, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and started.process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise Failed(f"nothing serves at port {port}")


def by_wrk(name, port, duration, seconds):
    """100 connections that are kept."""
    duration = max(1, round(duration))
    out = output(["wrk", "-t1", "-c100", f"-d{duration}s", f"http://127.0.0.1:{port}/"], seconds + duration)[0]
    found = re.search(r"Requests/sec:\s+([0-9.]+)", out)
    if not found or float(found.group(1)) <= 0 or "Non-2xx" in out:
        raise Failed("wrk got no good answers")
    return name, 1e6 / float(found.group(1)), "us"


def by_ab(name, port, requests, seconds):
    """100 at once, each of a connection of its own."""
    try:
        out = output(["ab", "-q", "-n", str(requests), "-c", "100", f"http://127.0.0.1:{port}/"], seconds)[0]
    except Failed as failure:
        return name, None, f"ab: {failure}"
    found = re.search(r"Requests per second:\s+([0-9.]+)", out)
    if not found or float(found.group(1)) <= 0 or "Non-2xx" in out:
        return name, None, "ab got no good answers"
    return name, 1e6 / float(found.group(1)), "us"


class Server:
    """A server, and how a client's words become figures."""
    section = "Programs"
    port = 0

    def measure(self, runtime, seconds):
        line = UNTIL_LET_GO.format(server=self.server(runtime.place))
        program = Program(("/bin/sh", "-c", line), host_network=True, data=True)
        with held(runtime, [program], seconds) as started:
            await_port(self.port, started[0], seconds)
            return self.ask(seconds)


class Nginx(Server):
    """One process, answers of 1 KiB, 100 connections."""
    name = "nginx"
    port = 18440

    def __init__(self, duration, requests):
        self.duration, self.requests = duration, requests

    def server(self, place):
        path = place.data / "nginx.conf"
        path.write_text(NGINX_CONFIG.format(port=self.port, body="x" * 1024))
        return f"nginx -e stderr -c {path}"

    def ask(self, seconds):
        return [by_wrk("nginx, a request", self.port, self.duration, seconds),
                by_ab("nginx by ab, a request", self.port, self.requests, seconds)]


class Node(Server):
    """http of node, one process, answers of 1 KiB, 100 connections."""
    name = "node"
    port = 18442

    def __init__(self, duration):
        self.duration = duration

    def server(self, place):
        path = place.data / "server.js"
        path.write_text(NODE_SERVER.format(port=self.port))
        return f"node {path}"

    def ask(self, seconds):
        return [by_wrk("node http, a request", self.port, self.duration, seconds)]


class Redis(Server):
    """Without persistence, 50 connections."""
    name = "redis"
    port = 18441

    def __init__(self, requests):
        self.requests = requests

    def server(self, place):
        return f"redis-server --bind 127.0.0.1 --port {self.port} --save '' --appendonly no --dir /tmp"

    def ask(self, seconds):
        command = ["redis-benchmark", "-p", str(self.port), "-n", str(self.requests), "-t", "set,get", "--csv"]
        rates = re.findall(r'^"(SET|GET)","([0-9.]+)"', output(command, seconds)[0], re.M)
        if len(rates) != 2:
            raise Failed("redis-benchmark told no figures")
        return [(f"redis {name.lower()}", 1e6 / float(rate), "us") for name, rate in rates]
