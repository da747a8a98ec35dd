# SPDX-License-Identifier: GPL-2.0-only
"""What happens to processes and requests while an attach is being worked on."""
import ctypes
import os
import pty
import shutil
import struct
import subprocess

import plugs
import reports
from heldreader import HeldReader
from processes import wait_until


def attach_in_background(t, *targets, args=("-f", "work_one")):
    """A `hotpath attach` that nobody waits for yet; its first reader has started."""
    return t.lines([*t.argv("attach", *[x.target_pid for x in targets], *args)],
                   env=t.environment(t.daemon.socket))


def another(t, name="worker"):
    """A target of an executable of its own, for which the reader is asked again."""
    return t.target(name, path=shutil.copy(t.target_path(name), f"{t.tmp}/other{len(os.listdir(t.tmp))}"))


def held(t, **more):
    reader = HeldReader(t)
    t.new_daemon(build=reader.build, **more)
    return reader


def working_on_the_second(t, reader, *targets, args=()):
    """An attach of two, the first of which is a target by now."""
    client = attach_in_background(t, *targets, args=("-f", "work_one", *args))
    reader.wait()
    reader.go()
    reader.wait()
    return client


def serves(t, reader):
    """It still does its work, and ends well."""
    target = t.target("worker")
    reader.go()
    t.attach(target, "work_one")
    target.ask("go 1")
    t.equal("calls of another", t.functions(target)["work_one"]["calls"], 3)
    t.equal("exit status of hotpathd", t.daemon.stop(), 0)


def test_the_first_of_two_ends_while_the_second_is_read(t):
    for fails in (True, False):
        with t.case("undone" if fails else "attached"):
            reader = held(t)
            first, second = t.target("worker"), another(t)
            client = working_on_the_second(t, reader, first, second)
            first.end()
            # Its family would be over and gone by now; the report settles it.
            wait_until("hotpathd heard of it", lambda: t.document()["targets"][0]["state"] == "exited")
            if fails:
                second.kill()
                second.wait()
            reader.go()
            t.equal("exit status of attach", client.wait(), 1 if fails else 0)
            if not fails:
                second.ask("go 5")
                t.equal("calls of the second", t.functions(second)["work_one"]["calls"], 15)
            serves(t, reader)


def test_detach_while_an_attach_is_worked_on(t):
    for what, args in (("all", ()), ("pid", ()), ("pid", ("--no-follow",))):
        with t.case((what, *args)):
            reader = held(t)
            first, second = t.target("worker"), another(t)
            client = working_on_the_second(t, reader, first, second, args=args)
            t.hotpath("detach", "all" if what == "all" else first.target_pid)
            t.equal("exit status of attach", client.wait(), 1)
            t.equal("nothing is left", t.document()["targets"], [])
            serves(t, reader)


def test_detach_of_what_an_attach_waits_for(t):
    reader = held(t)
    path = t.target_path("worker")
    running = t.target("worker")
    client = t.lines(t.argv("attach", "--exe", path, "-f", "work_one"),
                     env=t.environment(t.daemon.socket))
    reader.wait()
    t.hotpath("detach", "all")
    t.equal("exit status of attach", client.wait(), 1)
    t.equal("it runs on", running.end(), 0)
    serves(t, reader)


def test_hotpathd_ends_while_an_attach_is_worked_on(t):
    reader = held(t)
    first, second = t.target("worker"), another(t)
    client = working_on_the_second(t, reader, first, second)
    t.equal("exit status of hotpathd", t.daemon.stop(), 0)
    t.equal("exit status of attach", client.wait(), 1)
    t.true("both run on", os.path.exists(f"/proc/{first.target_pid}") and second.ask("go 1"))


def test_detach_while_the_first_is_read(t):
    for what in ("all", "pid"):
        with t.case(what):
            reader = held(t)
            target = t.target("worker")
            client = attach_in_background(t, target)
            reader.wait()
            r = t.hotpath("detach", "all" if what == "all" else target.target_pid)
            t.matches("says what was detached", rf"\b{target.target_pid}\b", r.out)
            t.equal("exit status of attach", client.wait(), 1)
            t.equal("nothing is left", t.document()["targets"], [])
            serves(t, reader)


def test_the_client_vanishes_while_a_descendant_is_read(t):
    reader = held(t)
    shell = t.lines(["dash", "-c", f"{t.target_path('worker')}; true"])
    shell.line()
    client = t.lines(t.argv("attach", shell.pid, "-f", "work_one", "-f", "dash:*"),
                     env=t.environment(t.daemon.socket))
    reader.wait()
    reader.go()
    reader.wait()
    client.kill()
    client.wait()
    reader.go()
    wait_until("nothing is left", lambda: t.document()["targets"] == [])
    shell.end()
    serves(t, reader)


def test_the_time_of_a_target_runs_out_while_it_gets_more_functions(t):
    # Again with more time, if that ran out before the request had come so far.
    for ttl in (1, 2, 4, 8, 16):
        reader = held(t)
        first, second = t.target("worker"), another(t)
        reader.go()
        t.attach(first, "work_two", args=("--ttl", f"{ttl}s"))
        reader.wait()
        first.ask("go 1")
        client = working_on_the_second(t, reader, first, second)
        if t.report(first)["state"] != "running":
            continue
        t.equal("exit status of attach", client.wait(), 1)
        report = wait_until("the first is detached", lambda: (
            lambda r: r if r["state"] == "detached" else None)(t.report(first)))
        t.equal("its calls", reports.functions(report)["work_two"]["calls"], 2)
        t.equal("and nothing else is", len(t.document()["targets"]), 1)
        serves(t, reader)
        return
    t.fail("the time ran out too early each time")


def test_a_descendant_that_becomes_another_program_is_looked_at_again(t):
    reader = held(t)
    path = shutil.copy(t.target_path("worker"), f"{t.tmp}/other")
    shell = t.lines(["sh", "-c", f"{t.target_path('worker')}; true"])
    shell.line()
    client = t.lines(t.argv("attach", shell.pid, "-f", "work_one"), env=t.environment(t.daemon.socket))
    for ready in (False, True):
        reader.wait()
        if ready:
            shell.say(f"exec-other {path}")
            pid = int(shell.line().split()[1])
        reader.go()
    reader.wait()
    reader.go()
    t.equal("exit status of attach", client.wait(), 0)
    shell.say("go 5")
    shell.line()
    t.equal("its calls", t.functions(pid)["work_one"]["calls"], 15)
    shell.end()


def test_a_process_that_ends_unseen_by_its_parent_is_said_to_have_ended(t):
    reader = held(t)
    target = t.target("worker")
    client = t.lines(t.argv("attach", target.target_pid, "-f", "work_one"),
                     env=t.environment(t.daemon.socket), stderr=subprocess.PIPE)
    reader.wait()
    target.kill()
    os.waitid(os.P_PID, target.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    reader.go()
    t.equal("exit status of attach", client.wait(), 1)
    t.matches("says why", "it exited meanwhile", client.proc.stderr.read())
    serves(t, reader)


def test_what_is_loaded_while_the_reader_runs_is_known_before_the_first_return(t):
    """It throws through measured frames from there on: one that was armed would be its end."""
    library = t.compile("raises-always.cc", "-shared", "-fPIC", cc="g++", name="raises-always.so", text=plugs.CATCHES)
    reader = held(t)
    for _ in range(3):
        target = t.target("plugins")
        client = attach_in_background(t, target, args=("-f", "plug_back", "-f", "plug_call"))
        reader.wait()
        target.ask(f"load {library}")
        target.say("go 1000000000")
        reader.go(8)
        t.equal("exit status of attach", client.wait(), 0)
        wait_until("calls are counted", lambda: t.functions(target)["plug_back"]["calls"])
        t.equal("it runs", target.proc.poll(), None)
        target.kill()
        target.wait()


def test_a_hundred_children_are_read_once(t):
    reader = held(t, args=("--max-bystanders", "8"))
    herd, stranger = t.target("herd"), t.target("herd")
    herd.ask("grow 100")
    reader.go(100)
    r = t.hotpath("attach", herd.target_pid, stranger.target_pid, "-f", "herd_*", "--max-bystanders", "8")
    t.equal("how often the reader ran", reader.begun(), 1)
    t.matches("how many are attached", "102 processes", r.out)
    t.true("none of them is a bystander", b"pay for the probes" not in r.out, r)
    t.equal("results", herd.ask("go 7")["bad"], 0)
    stranger.ask("grow 1")
    targets = t.document("--merge", "none")["targets"]
    t.equal("who has how many calls", sorted(reports.functions(x)["herd_work"]["calls"] for x in targets),
            [0, 0] + [7] * 101)
    t.true("all are timed", all(f["exits"] == f["calls"] for x in targets
                                for f in reports.functions(x).values() if f["name"] == "herd_work"))


def under_seccomp():
    """A filter that allows all."""
    libc = ctypes.CDLL(None, use_errno=True)
    rule = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 1, ctypes.addressof(rule)))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
        os._exit(1)


def test_one_answer_of_the_reader_is_judged_for_each_process(t):
    reader = held(t, features="-uretprobe_seccomp")
    plain, filtered = t.target("worker"), t.target("worker", preexec_fn=under_seccomp)
    reader.go(4)
    t.hotpath("attach", plain.target_pid, filtered.target_pid, "-f", "work_one")
    t.equal("how often the reader ran", reader.begun(), 1)
    for target, how in ((plain, "session"), (filtered, "sites")):
        target.ask("go 3")
        row = t.functions(target)["work_one"]
        t.equal(f"how the returns of {how} are seen", (row["probe"]["returns"], row["calls"]), (how, 9))


def test_an_executable_with_other_libraries_is_read_by_itself(t):
    reader = held(t)
    library = t.compile("nothing.c", "-shared", "-fPIC", name="nothing.so", text="int nothing;")
    plain = t.target("worker")
    more = t.target("worker", env={**os.environ, "LD_PRELOAD": library})
    reader.go(4)
    t.hotpath("attach", plain.target_pid, more.target_pid, "-f", "work_one")
    t.equal("how often the reader ran", reader.begun(), 2)


def test_descendants_that_keep_their_functions_are_said(t):
    herd = t.target("herd")
    herd.ask("grow 3")
    t.attach(herd, "herd_work")
    r = t.attach(herd, "main")
    t.matches("in the answer", "3 processes .* attached before, and keep", (r.out + r.err).decode())


def test_progress_is_shown_on_a_terminal_alone(t):
    reader = held(t)
    herd = t.target("herd")
    herd.ask("grow 9")
    terminal, end = pty.openpty()
    client = t.lines(t.argv("attach", herd.target_pid, "-f", "herd_work"),
                     env=t.environment(t.daemon.socket), stderr=end)
    os.close(end)
    reader.wait()
    seen = b""
    while b"of 10" not in seen:
        seen += os.read(terminal, 4096)
    reader.go()
    t.equal("exit status of attach", client.wait(), 0)
    try:
        while True:
            seen += os.read(terminal, 4096)
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    t.true("what it is doing", seen.startswith(b"\r\x1b[Kreading symbols 0 of 10"), seen)
    t.true("nothing stays on the line", seen.endswith(b"\r\x1b[K"), seen)
    t.hotpath("detach", "all")
    reader.go(3)
    t.equal("nothing where there is no terminal", t.attach(herd, "herd_work").err, b"")


def test_one_that_execs_what_is_waited_for_while_it_is_read_is_counted_once(t):
    reader = held(t)
    running = t.target("worker")
    client = t.lines(t.argv("attach", "--exe", t.target_path("worker"), "-f", "work_one"),
                     env=t.environment(t.daemon.socket))
    reader.wait()
    running.say("exec")
    reader.wait()  # for what it is now, as it is held
    reader.go(8)
    running.ready()
    t.equal("exit status of attach", client.wait(), 0)
    wait_until("it is a target", lambda: t.document()["targets"])
    running.ask("go 1")
    t.equal("calls", [reports.functions(x)["work_one"]["calls"] for x in t.document()["targets"]], [3])
    t.equal("it ends well", running.end(), 0)
    t.equal("exit status of hotpathd", t.daemon.stop(), 0)
