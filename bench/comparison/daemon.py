"""A daemon that a row needs: started when it is first needed, and again after each time that leftovers were ended."""
import contextlib
import socket
import subprocess
import time

from .processes import Failed, last_words, start


class Daemon:
    """`command` runs it with `settings` as the text of its file; both are kept in `state`, and so is its socket, which is of
    the type `kind`."""

    def __init__(self, state, command, settings, kind=socket.SOCK_STREAM):
        self.state, self.command, self.settings, self.kind = state, command, settings, kind
        self.process = None

    @property
    def socket(self):
        return f"{self.state}/socket"

    @property
    def settings_file(self):
        return f"{self.state}/config.toml"

    def listens(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, self.kind) as client:
            client.connect(self.socket)
            return True
        return False

    def await_up(self):
        for _ in range(200):
            if self.listens():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise Failed(f"{self.state.name}: {last_words((self.state / 'log').read_text(encoding='utf-8'))}")

    def up(self):
        """Its process id."""
        if self.process and self.process.poll() is None:
            return self.process.pid
        self.state.mkdir(exist_ok=True)
        (self.state / "config.toml").write_text(self.settings)
        with contextlib.suppress(FileNotFoundError):
            (self.state / "socket").unlink()
        with open(self.state / "log", "w", encoding="utf-8") as log:
            self.process = start(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.await_up()
        return self.process.pid

    def processes(self):
        return (self.process.pid,) if self.process and self.process.poll() is None else ()
