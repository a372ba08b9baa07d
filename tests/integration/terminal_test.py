#!/usr/bin/env python3
"""terminal_test.py YETT: exec -t, stats and top as somebody sees them who sits at a terminal."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

PATIENCE = 60  # seconds, on a loaded machine


class Terminal:
    """A program on a terminal of its own, and everything that it has shown."""

    def __init__(self, argv):
        self.shown = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(argv[0], argv)
        self.resize(24, 80)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def is_raw(self):
        return not termios.tcgetattr(self.fd)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            return False
        self.shown += piece
        return bool(piece)

    def await_that(self, holds, what):
        until = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > until or not self.read(0.05) and not holds():
                raise SystemExit("FAILED: never %s; shown: %r" % (what, self.shown))

    def await_text(self, text):
        self.await_that(lambda: text.encode() in self.shown, "shown: " + text)

    def end(self):
        while self.read(PATIENCE):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def expect(truth, what, terminal):
    if not truth:
        raise SystemExit("FAILED: %s; shown: %r" % (what, terminal.shown))


def try_exec(yett):
    terminal = Terminal(yett + ["exec", "-it", "one", "sh"])
    before = termios.tcgetattr(terminal.fd)[3]
    terminal.await_that(terminal.is_raw, "raw")
    terminal.type("echo si''ze $(stty size)\n")
    terminal.await_text("size 24 80")
    terminal.resize(50, 132)
    terminal.await_that(lambda: b"size 50 132" in terminal.shown or not terminal.type("echo si''ze $(stty size)\n"),
                        "of the new size")
    expect(b"stty size)\r\r" not in terminal.shown, "each line came twice", terminal)
    terminal.type("echo wai''ting; sleep 1000\n")
    terminal.await_text("waiting")
    time.sleep(0.5)
    terminal.type("\x03")
    terminal.type("echo inter''rupted; exit 7\n")
    terminal.await_text("interrupted")
    # The last look at its settings is one that the program's end must have undone.
    terminal.await_that(lambda: termios.tcgetattr(terminal.fd)[3] == before, "as it was")
    expect(terminal.end() == 7, "exit status", terminal)


def try_stats(yett):
    terminal = Terminal(yett + ["stats", "-i", "100ms"])
    terminal.await_that(lambda: terminal.shown.count(b"\x1b[H") >= 3 and b"one " in terminal.shown, "a live table")
    os.kill(terminal.pid, signal.SIGINT)
    expect(terminal.end() in (0, -signal.SIGINT), "exit status of stats", terminal)


def drawn(terminal):
    """What the last whole screen of `top` shows."""
    screens = terminal.shown.split(b"\x1b[H")
    return screens[-1] if b"\x1b[J" in screens[-1] else b""


def try_top(yett):
    """It has the terminal for itself, follows its size, and leaves it as it was: by a key, and by a signal."""
    for end in (lambda terminal: terminal.type("q"), lambda terminal: os.kill(terminal.pid, signal.SIGTERM)):
        terminal = Terminal(yett + ["top", "-i", "100ms"])
        before = termios.tcgetattr(terminal.fd)[3]
        terminal.await_that(lambda: b"one " in drawn(terminal) and b"1 running" in drawn(terminal), "a live table")
        terminal.resize(10, 50)
        terminal.await_that(lambda: drawn(terminal) and b"REFUSED" not in drawn(terminal), "narrow")
        terminal.type("jkm")
        expect(all(len(line) <= 70 for line in drawn(terminal).split(b"\r\n")), "lines too long", terminal)
        terminal.await_that(lambda: not termios.tcgetattr(terminal.fd)[3] & termios.ECHO, "in its hands")
        end(terminal)
        terminal.await_text("\x1b[?1049l")
        terminal.await_that(lambda: termios.tcgetattr(terminal.fd)[3] == before, "as it was")
        expect(terminal.end() == 0, "exit status of top", terminal)


def try_questions(yett, directory):
    """[on] violation = "ask": on the terminal itself, where what was typed before is no answer.
    SECURITY(typed-ahead)"""
    os.chmod(directory, 0o755)
    for name in ("first", "second"):
        with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
            file.write(f"content of {name}\n")
    with open(f"{directory}/ask.toml", "w", encoding="utf-8") as policy:
        policy.write(f'[files]\nask = ["{directory}"]\n[on]\nviolation = "ask"\n')
    script = f"cat {directory}/first; cat {directory}/first; cat {directory}/second || echo re''fused; read x; echo got $x"
    terminal = Terminal([yett, "run", "-it", "--policy", f"{directory}/ask.toml", "--", "sh", "-c", script])
    terminal.await_text(f"wants to read {directory}/first")
    terminal.type("deny\r")  # at once: meant for the program
    time.sleep(1)
    terminal.type("maybe\r")
    terminal.type("always\r")
    terminal.await_text(f"wants to read {directory}/second")
    expect(terminal.shown.count(b"content of first") == 2, "asked once, given twice", terminal)
    time.sleep(1)
    terminal.type("d\r")
    terminal.await_text("refused")
    terminal.type("for it\r")
    terminal.await_text("got for it")
    expect(b"content of second" not in terminal.shown, "denied", terminal)
    expect(terminal.end() == 0, "exit status of one that asked", terminal)


def main():
    if os.getuid() != 0:
        print("sandboxes need root")
        sys.exit(1 if os.environ.get("YETT_REQUIRE_FULL") == "1" else 77)
    with tempfile.TemporaryDirectory(prefix="yett-terminal-") as root:
        yett = [sys.argv[1], "--root", root + "/state"]
        subprocess.run([sys.argv[1], "run", "--root", root + "/state", "-d", "--name", "one", "--", "sleep", "1000"],
                       check=True, stdout=subprocess.DEVNULL)
        try:
            try_exec(yett)
            try_stats(yett)
            try_top(yett)
            try_questions(sys.argv[1], root)
        finally:
            subprocess.run(yett + ["shutdown", "-t", "0", "--rm"], check=True, stdout=subprocess.DEVNULL)


main()
