"""Programs that run until they are let go: they end when their standard input does, in every runtime alike."""
import contextlib
import select
import subprocess
import time

from .processes import Failed, last_words, start
from .runtimes import named_once

ENDING_AT_ONCE = 8  # an engine begins a process for each that ends: a thousand of them fill the memory


class Held:
    """One program in a runtime."""

    def __init__(self, runtime, program, number):
        command = [*runtime.around(), *named_once(runtime.command(program), number)]
        self.process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def first_line(self, deadline):
        waiting = select.poll()  # select(2) knows no descriptor above 1,023
        waiting.register(self.process.stdout, select.POLLIN)
        if not waiting.poll(1000 * max(0.0, deadline - time.monotonic())):
            raise Failed("did not come up in time")
        return self.process.stdout.readline()

    def await_up(self, deadline):
        """Until it says "up"; what it says before is a runtime's own chatter."""
        said = ""
        while (line := self.first_line(deadline)).strip() != "up":
            said += line
            if not line:
                raise Failed(f"ended before it was up: {last_words(said)}")

    def let_go(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def kill(self):
        """For a program that would not end by itself in time; runtime.end() then sees to what is inside."""
        self.process.kill()

    def await_end(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        self.process.stdout.close()


def end_all(some):
    for each in some:
        each.let_go()
    for each in some:
        each.await_end()


@contextlib.contextmanager
def held(runtime, programs, seconds, while_so=lambda: True):
    """All of them, up one after the other as long as while_so(); ended in any case."""
    deadline = time.monotonic() + seconds
    started = []
    try:
        for number, program in enumerate(programs):
            if not while_so():
                raise Failed(f"{number} of {len(programs)} take all the memory that may be taken")
            started.append(Held(runtime, program, number))
            started[-1].await_up(deadline)
        yield started
    finally:
        for first in range(0, len(started), ENDING_AT_ONCE):
            end_all(started[first:first + ENDING_AT_ONCE])
        runtime.end()
