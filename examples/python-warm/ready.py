"""What a Python program takes to be a template of yettd's warm fork: become_instance()."""
# SPDX-License-Identifier: Apache-2.0
import array
import ctypes
import fcntl
import gc
import os
import random
import struct
import sys

_YETT_READY = ord("Y") << 8 | 6
_HEAD = struct.Struct("=IIQIIII32s")  # struct yett_ready of yett/uapi.h
_ROOM = 65536


class Instance:
    """What this one was given: its arguments, its environment, and 32 bytes that no other has."""

    def __init__(self, strings, argument_count, seed):
        texts = [os.fsdecode(each) for each in strings.split(b"\0")[:-1]]
        self.arguments = texts[:argument_count]
        self.environment = dict(each.split("=", 1) for each in texts[argument_count:])
        self.seed = seed


def _reseed(seed):
    random.seed(seed)
    if "ssl" in sys.modules:
        sys.modules["ssl"].RAND_add(seed, float(len(seed)))
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(list(seed))


def _open_stdio():
    """The streams of the template remember what its descriptors were."""
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", buffering=1, closefd=False)
    sys.stderr = open(2, "w", buffering=1, closefd=False)


def become_instance():
    """Returns in each instance, and never in the template. OSError: nobody forks this program."""
    _reseed(os.urandom(32))  # what is set up at the first use is set up here
    gc.collect()
    gc.freeze()  # what is there now is looked through by no collection: its pages stay shared
    strings = array.array("B", bytes(_ROOM))
    ready = bytearray(_HEAD.pack(_HEAD.size, _ROOM, strings.buffer_info()[0], 0, 0, 0, 0, b""))
    yett = os.open("/dev/yett", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(yett, _YETT_READY, ready)
    except OSError:
        os.close(yett)
        raise
    # From here on an instance; `yett` is closed, as every descriptor but three.
    ctypes.pythonapi.PyOS_AfterFork_Child()  # the interpreter's own state, and os.register_at_fork()
    _, _, _, arguments, _, size, _, seed = _HEAD.unpack(ready)
    instance = Instance(strings.tobytes()[:size], arguments, seed)
    _reseed(seed)
    _open_stdio()
    os.environ.update(instance.environment)
    sys.argv = instance.arguments
    return instance
