# SPDX-License-Identifier: GPL-2.0-only
"""Probes come and go, and the daemon dies, while calls are in flight."""
import json
import os
import random
import signal
import subprocess
import time

from context import deadline
from hazards import Program
from processes import Target, children, wait_until

# What streams its case until it is told to stop, and says how many results were wrong.
STREAMS = (("exceptions", "throw 20"), ("exceptions", "objects 10"), ("leaps", "setjmp 20"), ("leaps", "tails 20"),
           ("stacks", "context 10"), ("stacks", "signal 10"), ("coroutines", "generator 20"), ("cancels-cxx", "ends 1"),
           ("guest", "guest 20"), ("asm", "all 10"))


def streams(t, which=STREAMS):
    started = []
    for name, case in which:
        program = Program(t, name, [])
        target = Target([program.path], env=program.env, stderr=subprocess.DEVNULL)
        target.say(f"stream {case}")
        target.line()
        started.append((name, case, target))
    return started


def all_right(t, started):
    """Each stream is stopped, has computed the same throughout, and ends as it should."""
    for name, case, target in started:
        with t.case(f"{name}, {case}"):
            target.say("")  # whatever it is, it ends the stream and is no command
            t.equal("wrong results", json.loads(target.line())["wrong"], 0)
            target.kill(signal.SIGKILL)
            target.wait()


def attach_all(t, started, check=True):
    return t.hotpath("attach", *[x[2].target_pid for x in started], "-f", "*hazards/*:hz_*", "-f",
                     "*hazards/*:run_*", "--max-bystanders", "1000", check=check)


@deadline(180)
def test_a_thousand_attaches_and_detaches(t):
    """Ten programs at a time; what is detached together waits together. On a machine that
    is busy with other things it stops after 45 s, and says how often it was."""
    t.new_daemon()
    started = streams(t)
    pairs, end = 0, time.monotonic() + 45
    while pairs < 1000 and time.monotonic() < end:
        attach_all(t, started)
        t.hotpath("detach", "all")
        pairs += len(started)
    print(f"{pairs} attaches and detaches")
    t.between("attaches and detaches", 100, pairs, 1000)
    t.equal("targets left", len(t.document()["targets"]), 0)
    all_right(t, started)


@deadline(120)
def test_attaches_and_detaches_on_lower_rungs(t):
    # A perf event takes 0.1 s to detach: there two programs must do.
    for features, times, which in (("-session", 6, STREAMS), ("-session,-multi", 2, STREAMS[:2])):
        with t.case(features):
            t.new_daemon(features=features)
            started = streams(t, which)
            for _ in range(times):
                attach_all(t, started)
                t.hotpath("detach", "all")
            all_right(t, started)


@deadline(120)
def test_the_daemon_is_killed_at_random_moments(t):
    """While nothing happens, during attach, during detach; under `run`, too. Its targets go on."""
    order = random.Random(4)
    for features, times in ((None, 10), ("-session", 4)):
        started = streams(t)
        for i in range(times):
            with t.case(f"{features or 'session'}, round {i}"):
                daemon = t.new_daemon(features=features)
                delay = order.random() * 0.25
                if i % 2:
                    attach_all(t, started)
                client = subprocess.Popen(t.argv("detach", "all") if i % 4 == 1 else t.argv(
                    "attach", *[str(x[2].target_pid) for x in started], "-f", "*hazards/*:hz_*"),
                    env=t.environment(daemon.socket), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL)
                time.sleep(delay)  # the moment is what is random here
                daemon.stop(signal.SIGKILL)
                client.wait(30)
        all_right(t, started)


@deadline(60)
def runs_freely(pid, path):
    """Is it that program, and no one's tracee (any more)?"""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            return os.readlink(f"/proc/{pid}/exe") == path and "TracerPid:\t0\n" in f.read()
    except OSError:
        return False


def test_run_goes_on_when_its_daemon_is_killed(t):
    program = Program(t, "exceptions", ["throw 3000", "objects 500"])
    daemon = t.new_daemon()
    client = subprocess.Popen(
        t.argv("run", "-f", "exceptions:hz_*", "--format", "none", "--", program.path, *program.commands),
        env={**program.env, "HOTPATH_SOCKET": daemon.socket}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    wait_until("it is let go", lambda: client.poll() is not None or
               any(runs_freely(pid, program.path) for pid in children(client.pid)))
    daemon.stop(signal.SIGKILL)
    out = client.communicate(timeout=50)[0].decode()
    alone = subprocess.run([program.path, *program.commands], env=program.env, capture_output=True, check=False)
    t.equal("output and status", (out, client.returncode), (alone.stdout.decode(), alone.returncode))
