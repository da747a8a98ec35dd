# SPDX-License-Identifier: GPL-2.0-only
"""What is held, for how long, and what cannot be: nobody else waits for that."""
import contextlib
import os
import shutil
import signal
import time

import reports
from processes import stat, wait_until
from threads import stopped, threads


def begins(t, target):
    """Programs that are not known yet are held, one at least on however busy a machine."""
    truth = target.ask(f"storm 20 10 {t.target_path('worker')}")
    t.equal("runs that ended badly", (truth["bad"], truth["odd"]), (0, 0))
    document = t.document("--merge", "none")
    calls = sum(reports.functions(x).get("work_one", {"calls": 0})["calls"] for x in document["targets"])
    t.between("calls counted in another program", 30, calls, 600)


def slow(t):
    folder = f"{t.tmp}/slow{len(t.daemons)}"
    os.mkdir(folder)
    target = t.target("slowexec", env={"SLOWEXEC_FOLDER": folder})
    if not target.ask("fuse")["fuse"]:
        t.skip("no FUSE here")
    return target


def test_a_thread_in_execve_holds_up_nobody(t):
    """Its file is not read to the end meanwhile, and ptrace waits for that."""
    for when in ("before", "after"):
        with t.case(f"execve begins {when} another thread comes to the gate"):
            d = t.new_daemon()
            one, other = slow(t), t.target("family")
            t.attach(one, "/^slow_/")
            t.attach(other, "/^(kin|work)_/")
            if when == "before":
                one.ask("exec")
                one.ask("hook 3")
            else:
                with stopped(threads(d.pid)):
                    one.ask("hook 1")
                    one.ask("exec")
            begins(t, other)
            t.equal("hotpathd's end", d.stop(timeout=20), 0)
            t.true("execve fails in the end", one.ask("give_up")["failed"])
            t.equal("its end", (one.end(), other.end()), (0, 0))


@contextlib.contextmanager
def held_translator(t):
    """It waits in front of a daemon that does nothing, until the end of the block."""
    shutil.copy(t.target_path("worker"), f"{t.tmp}/fake-amd64-linux")
    with stopped([t.daemon.pid]):
        translator = t.lines([f"{t.tmp}/fake-amd64-linux"])
        wait_until("it is held", lambda: stat(translator.pid)[0] == "t")
        yield translator


def test_a_translator_waits_until_no_probe_is_in_its_way(t):
    """However long that takes, and whatever signal comes meanwhile. With the daemon that all
    share: another would seize it as well, and only one can."""
    target = t.target("loader")
    t.attach(target, "early_go")
    with held_translator(t) as translator:
        os.kill(translator.pid, signal.SIGWINCH)
        end = time.monotonic() + 1.3  # more than any other is held
        while stat(translator.pid)[0] == "t" and time.monotonic() < end:
            time.sleep(0.01)
        t.equal("is held still", stat(translator.pid)[0], "t")
    t.matches("begins", "ready", translator.line())
    t.equal("the other's state", t.report(target)["state"], "detached")
    t.equal("their end", (translator.end(), target.end()), (0, 0))


def test_a_translator_that_is_killed_while_it_waits_is_gone_at_once(t):
    target = t.target("loader")
    t.attach(target, "early_go")
    with held_translator(t) as translator:
        translator.kill()
        t.equal("its status", translator.wait(20), -signal.SIGKILL)
    t.equal("the other's end", target.end(), 0)
