# SPDX-License-Identifier: GPL-2.0-only
"""Threads of another process that stand still for a while, its others going on."""
import contextlib
import ctypes
import os

SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


def trace(request, tid):
    if LIBC.ptrace(request, tid, None, None) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {tid}")


def threads(pid):
    """All but its first."""
    return [int(x) for x in os.listdir(f"/proc/{pid}/task") if int(x) != pid]


@contextlib.contextmanager
def stopped(tids):
    seized = []
    try:
        for tid in tids:
            trace(SEIZE, tid)
            seized.append(tid)
            trace(INTERRUPT, tid)
            os.waitpid(tid, WALL)
        yield
    finally:
        for tid in seized:
            trace(DETACH, tid)
