"""What a seccomp filter can answer to each system call, whatever its arguments: classic BPF followed along every path.

The number and the architecture are known, arguments and the instruction pointer are not: a jump that depends on
one of those is followed both ways. So an answer that is told of may be impossible for a reason that lies in several
arguments together, and none that is possible is left out.
"""
import struct

# Of the kernel's, the strictest first; USER_NOTIF and TRACE ask another process.
KILL_PROCESS, KILL_THREAD, TRAP, ERRNO, USER_NOTIF, TRACE, LOG, ALLOW = (
    0x80000000, 0, 0x00030000, 0x00050000, 0x7fc00000, 0x7ff00000, 0x7ffc0000, 0x7fff0000)
STRICTEST_FIRST = (KILL_PROCESS, KILL_THREAD, TRAP, ERRNO, USER_NOTIF, TRACE, LOG, ALLOW)
X86_64, I386 = 0xc000003e, 0x40000003
NUMBER, ARCHITECTURE = 0, 4  # where they lie in struct seccomp_data
LOAD, LOAD_X, STORE, STORE_X, COMPUTE, JUMP, RETURN, MISC = range(8)
OPERATIONS = {0x00: lambda a, b: a + b, 0x10: lambda a, b: a - b, 0x20: lambda a, b: a * b, 0x40: lambda a, b: a | b,
              0x50: lambda a, b: a & b, 0x60: lambda a, b: a << b if b < 32 else 0, 0x70: lambda a, b: a >> b if b < 32 else 0,
              0xa0: lambda a, b: a ^ b}
CONDITIONS = {0x10: lambda a, b: a == b, 0x20: lambda a, b: a > b, 0x30: lambda a, b: a >= b, 0x40: lambda a, b: a & b != 0}


def parse(data):
    return [struct.unpack_from("=HBBI", data, at) for at in range(0, len(data), 8)]


class State:
    """Where a path is: the next instruction, both registers and the memory; None is a value that is not known."""
    __slots__ = ("at", "a", "x", "memory")

    def __init__(self, at, a, x, memory):
        self.at, self.a, self.x, self.memory = at, a, x, memory

    def key(self):
        return self.at, self.a, self.x, self.memory

    def then(self, **changes):
        return State(changes.get("at", self.at + 1), changes.get("a", self.a), changes.get("x", self.x),
                     changes.get("memory", self.memory))


class Unknown(ValueError):
    """An instruction that seccomp does not allow."""


def loaded(state, code, value, data):
    mode = code & 0xe0
    if mode == 0x20:
        return data.get(value)
    if mode == 0x60:
        return state.memory[value]
    if mode == 0x80:
        return 64
    if mode == 0x00:
        return value
    raise Unknown(f"load {code:#x}")


def computed(state, code, value):
    other = state.x if code & 8 else value
    if code & 0xf0 == 0x80:
        return None if state.a is None else -state.a & 0xffffffff
    if state.a is None or other is None:
        return 0 if code & 0xf0 == 0x50 and other == 0 else None
    if code & 0xf0 == 0x30:
        return state.a // other if other else 0
    return OPERATIONS[code & 0xf0](state.a, other) & 0xffffffff


def jumps(state, code, true, false, value):
    if code & 0xf0 == 0x00:
        return [state.at + 1 + value]
    other = state.x if code & 8 else value
    if state.a is None or other is None:
        return [state.at + 1 + true, state.at + 1 + false]
    return [state.at + 1 + (true if CONDITIONS[code & 0xf0](state.a, other) else false)]


def steps(program, state, data):
    """The states after one instruction, or the answer in a set."""
    code, true, false, value = program[state.at]
    kind = code & 7
    if kind == LOAD:
        return [state.then(a=loaded(state, code, value, data))]
    if kind == LOAD_X:
        return [state.then(x=loaded(state, code, value, data))]
    if kind in (STORE, STORE_X):
        kept = state.a if kind == STORE else state.x
        return [state.then(memory=(*state.memory[:value], kept, *state.memory[value + 1:]))]
    if kind == COMPUTE:
        return [state.then(a=computed(state, code, value))]
    if kind == JUMP:
        return [state.then(at=at) for at in jumps(state, code, true, false, value)]
    if kind == MISC:
        return [state.then(a=state.x) if code & 0x80 else state.then(x=state.a)]
    return {state.a if code & 0x18 == 0x10 else value}


def action(answer):
    """Its kind; an answer that depends on arguments, or that the kernel does not know, may be any."""
    if answer is None:
        return set(STRICTEST_FIRST)
    found = answer & 0xffff0000
    return {found if found in STRICTEST_FIRST else KILL_PROCESS}


def answers(program, number, architecture=X86_64):
    """The kinds of answer that `program`, of parse(), can give to a call."""
    data = {NUMBER: number, ARCHITECTURE: architecture}
    waiting, seen, found = [State(0, 0, 0, (0,) * 16)], set(), set()
    while waiting:
        state = waiting.pop()
        if state.key() in seen:
            continue
        seen.add(state.key())
        after = steps(program, state, data)
        if isinstance(after, set):
            found.update(*map(action, after))
        else:
            waiting += after
    return found


def of_all(programs, number, architecture=X86_64):
    """The same of several filters: the kernel takes the strictest of their answers."""
    together = {ALLOW}
    for program in programs:
        one = answers(program, number, architecture)
        together = {min(each, other, key=STRICTEST_FIRST.index) for each in together for other in one}
    return together
