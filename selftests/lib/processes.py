# SPDX-License-Identifier: GPL-2.0-only
"""Processes that tests start: lines with a deadline, and no one left behind.

The runner is a subreaper: whatever a test's process leaves behind becomes the
runner's child, and end_children() ends exactly those, by pid.
"""
import ctypes
import json
import os
import re
import select
import signal
import subprocess
import threading
import time

PR_SET_CHILD_SUBREAPER = 36


class Timeout(Exception):
    pass


def hear_all_signals():
    """What nohup, or a shell that began us in the background, has us ignore, our children
    would ignore as well: programs that are to be ended by it would run for ever."""
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def become_subreaper():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid=None):
    """Direct children of a process (default: of this one), all threads' children."""
    found = []
    base = f"/proc/{pid or os.getpid()}/task"
    for tid in os.listdir(base):
        try:
            with open(f"{base}/{tid}/children", encoding="ascii") as f:
                found += [int(p) for p in f.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def end_children(keep=()):
    """Kill and reap every child but those to keep; returns what was still running."""
    left = {}
    for _ in range(1000):
        mine = [p for p in children() if p not in keep]
        if not mine:
            break
        for pid in mine:
            state, comm = stat(pid)
            if state not in ("Z", "?"):
                left[pid] = comm
            try:  # a zombie too: its other threads may live on
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ChildProcessError, ProcessLookupError):
                pass
    return left


def stat(pid):
    """(state letter, comm); ("?", "") when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            text = f.read()
    except (FileNotFoundError, ProcessLookupError):
        return "?", ""
    comm, rest = text[text.index(b"(") + 1:].rsplit(b")", 1)
    return rest.split()[0].decode(), comm.decode("utf-8", "replace")


def wait_until(what, condition, timeout=10.0, step=0.005):
    """For events that nobody announces: asks again and again until the deadline."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"{what}: not within {timeout:g} s")
        time.sleep(step)


def spent(pid):
    """(CPU ticks, voluntary switches) of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
        ticks = sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:13])
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        return ticks, int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M).group(1))


def cpu_ms(pid):
    """CPU time of a process so far, and of its children that it has waited for."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
        ticks = sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:15])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


def spent_when_settled(pid):
    """The same once it has done with the last request (the client's going away, too)."""
    seen = [None]

    def settled():
        seen.append(spent(pid))
        return seen[-1] if seen[-1] == seen[-2] else None
    return wait_until("the process comes to rest", settled, 10, 0.2)


class Lines:
    """A process whose output is read line by line, each with a deadline."""

    def __init__(self, argv, env=None, cwd=None, stderr=None, **more):
        self.argv = [str(a) for a in argv]
        self.proc = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=stderr, env=env, cwd=cwd, **more)
        self.pid = self.proc.pid
        self.rest = b""

    def say(self, text):
        self.proc.stdin.write(text.encode() + b"\n")
        self.proc.stdin.flush()

    def line(self, timeout=60.0):
        end = time.monotonic() + timeout
        fd = self.proc.stdout.fileno()
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise Timeout(f"{self.argv[0]} said nothing for {timeout:g} s"
                              f" (state {stat(self.pid)[0]})")
            data = os.read(fd, 65536)
            if not data:
                status = self.proc.wait(10)
                raise AssertionError(f"{os.path.basename(self.argv[0])} ended with status {status}"
                                     f" instead of answering (a signal is negative)")
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode("utf-8", "replace")

    def wait(self, timeout=30.0):
        return self.proc.wait(timeout)

    def end(self, timeout=30.0):
        """No more commands; returns the exit status."""
        try:
            self.proc.stdin.close()
        except BrokenPipeError:
            pass
        try:
            return self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self.argv[0]} did not end within {timeout:g} s") from None

    def kill(self, number=signal.SIGKILL):
        self.proc.send_signal(number)


class Target(Lines):
    """One of selftests/targets: takes commands, answers each with its own truth."""

    def __init__(self, argv, **more):
        super().__init__(argv, **more)
        self.target_pid = self.ready()

    def ready(self):
        line = self.line()
        if not line.startswith("ready "):
            raise AssertionError(f"{self.argv[0]} said {line!r} instead of ready")
        return int(line.split()[1])

    def truth(self, timeout=60.0):
        return json.loads(self.line(timeout))

    def ask(self, command, timeout=60.0):
        self.say(command)
        return self.truth(timeout)


class Log:
    """Everything a process prints, kept, with waiting for a line that matches."""

    def __init__(self, stream):
        self.text = []
        self.changed = threading.Condition()
        self.ended = False
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream):
        for line in stream:
            with self.changed:
                self.text.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait(self, pattern, timeout=20.0, start=0):
        """The first line from number `start` on that pattern (compiled) finds, or None at the end."""
        end = time.monotonic() + timeout
        with self.changed:
            at = start
            while True:
                for line in self.text[at:]:
                    if pattern.search(line):
                        return line
                at = len(self.text)
                if self.ended:
                    return None
                if not self.changed.wait(max(0.0, end - time.monotonic())):
                    raise Timeout(f"no line like {pattern.pattern!r} within {timeout:g} s, only:\n"
                                  + "\n".join(self.text[-20:]))
