# SPDX-License-Identifier: GPL-2.0-only
"""Holes that an attacker found: results are those of the program alone, calls are
counted, and no request leaves anything behind or takes another's probes away."""
import contextlib
import json
import os
import platform
import subprocess
import threading
import time

import plugs
import raw
import reports
from context import GROUP, as_user, deadline
from processes import children, stat, wait_until


def alone(path, *commands):
    """Output and status of a program that no one profiles."""
    r = subprocess.run([path, *commands], capture_output=True, timeout=60, check=False)
    return r.stdout.decode(), r.returncode


def attached(t, path, commands, pattern):
    """Output, status and functions of a program attached to before its first command."""
    target = t.target(None, path=path)
    t.attach(target, pattern)
    out = ""
    for command in commands:
        target.say(command)
        out += target.line() + "\n"
    try:
        f = t.functions(target)
    finally:
        status = target.end()
    return (out, status), f


def same_everywhere(t, path, commands, calls, pattern=None, expected=None):
    """The same alone, under run and attached; calls: function -> how many are counted."""
    expected = expected or alone(path, *commands)
    pattern = pattern or f"{os.path.basename(path)}:*"
    with t.case("run"):
        r, document = t.run(path, *commands, args=["-f", pattern], check=False)
        t.true(f"output and status of the program alone, {expected}",
               (r.out.decode(), r.status) == expected, str(r))
        f = reports.functions(document["targets"][0])
        t.equal("calls", {name: f[name]["calls"] for name in calls}, calls)
    with t.case("attach"):
        seen, f = attached(t, path, commands, pattern)
        t.equal("output and status of the program alone", seen, expected)
        t.equal("calls", {name: f[name]["calls"] for name in calls}, calls)


# --- what a return probe would break ----------------------------------------

def test_what_only_the_library_throws_passes_through(t):
    path = t.target_path("raises")
    r = subprocess.run(["nm", "-D", path], capture_output=True, check=True)
    t.true("the program throws nothing itself", b"__cxa_throw" not in r.stdout, r.stdout)
    for what in ("cast", "new", "path", "at"):
        with t.case(what):
            same_everywhere(t, path, [f"{what} 300"],
                            {"raise_catch": 300, "raise_middle": 300, "raise_deep": 300})


PLAIN = """
static int inner(void)
{
	return 1;
}
int plug_entry(int (*back)(int (*inner)(void)))
{
	int r = back(inner);
	__asm__ volatile("" ::: "memory");
	return r;
}
"""
CATCHES = """
static int inner(void)
{
	return 1;
}
extern "C" int plug_entry(int (*back)(int (*inner)(void)))
{
	try {
		return back(inner);
	} catch (...) {
		return 100;
	}
}
"""
THROWS = """
extern "C" void plug_raise(void)
{
	throw 1;
}
"""


def library(t, name, text):
    c = name == "plain"
    return t.compile(f"{name}.{'c' if c else 'cc'}", "-shared", "-fPIC", cc="gcc" if c else "g++",
                     name=f"{name}.so", text=text)


def test_a_library_that_throws_arrives_under_measured_frames(t):
    catches, throws = library(t, "catches", CATCHES), library(t, "throws", THROWS)
    linked = t.compile("plugins.c", "-DLINKED", catches, "-ldl", name="linked")
    calls = {"plug_call": 301, "plug_back": 300, "plug_load": 1}
    with t.case("the catcher is linked"):
        same_everywhere(t, linked, ["go 300", f"raise {throws}"], calls, "*linked:*")
    with t.case("the catcher is loaded"):
        same_everywhere(t, t.target_path("plugins"), [f"load {catches}", "go 300", f"raise {throws}"], calls)
    with t.case("the thrower is loaded again and again"):
        same_everywhere(t, linked, [f"raise {throws}", "go 10"] * 5,
                        {"plug_call": 55, "plug_back": 50, "plug_load": 5}, "*linked:*")


def test_a_library_rewritten_in_place_is_judged_anew(t):
    plain, both = library(t, "plain", PLAIN), library(t, "both", plugs.CATCHES)
    place = f"{t.tmp}/plugin.so"

    def round_of(source):
        return [f"copy {source} {place}", f"load {place}", "go 10", "unload"]
    with t.case("loaded while attached"):
        same_everywhere(t, t.target_path("plugins"), (round_of(plain) + round_of(both)) * 3,
                        {"plug_call": 60, "plug_back": 60})
    commands = (round_of(plain) + round_of(both)) * 2
    expected = alone(t.target_path("plugins"), *commands)
    for before in (3, 4, 5, 6):
        with t.case(f"attach after {before} commands"):
            target = t.target("plugins")
            out = ""
            for i, command in enumerate(commands):
                if i == before:
                    t.attach(target, "plugins:*")
                target.say(command)
                out += target.line() + "\n"
            t.equal("calls", t.functions(target)["plug_back"]["calls"], 30)
            t.equal("output and status", (out, target.end()), expected)


def test_signal_stacks_that_disarm_themselves_are_unharmed(t):
    for command in ("frame 300", "thread 300", "mapping 300"):
        with t.case(command):
            same_everywhere(t, t.target_path("overlaps"), [command],
                            {"over_outer": 300, "over_raise": 300, "over_handle": 300, "over_work": 600})


def test_jumps_in_machine_code_are_unharmed(t):
    calls = {"asm_outer": 300, "asm_middle": 300, "asm_inner": 300}
    same_everywhere(t, t.target_path("asmjumps"), ["go 300"], calls)
    if platform.machine() == "x86_64":
        with t.case("only what marks and jumps"):
            same_everywhere(t, t.target_path("asmjumps"), ["go 300"],
                            {"asm_mark": 200, "asm_mark_push": 100}, "asm_[mj]*")
    with t.case("only their callers"):
        same_everywhere(t, t.target_path("asmjumps"), ["go 300"], calls, "asm_[imo]*[er]")


@deadline(120)
def test_a_thread_that_executes_its_own_file_is_another_stack(t):
    path = t.target_path("exec-threads")
    expected = alone(path, "go 300")
    for i in range(3):  # the old stack's place is not always free
        with t.case(f"run {i}"):
            r, document = t.run(path, "go 300", args=["-f", "exec-threads:*"], check=False)
            t.true(f"output and status, {expected}", (r.out.decode(), r.status) == expected, str(r))
            f = reports.functions(document["targets"][0])
            t.equal("calls, those before exec, too", f["ex_warm"]["calls"], 310)
        with t.case(f"attach {i}"):
            target = t.target("exec-threads")
            t.attach(target, "exec-threads:*")
            target.say("go 300")
            out = target.line() + "\n"
            status = target.end()
            t.equal("output and status", (out, status), expected)
            t.equal("calls, those before exec, too", t.functions(target)["ex_warm"]["calls"], 310)


def test_run_waits_at_an_entry_point_that_is_probed_already(t):
    """A probe on _start of the same file, another target's: the start must still be held there."""
    target = t.target("worker")
    t.attach(target, "worker:*")
    for i in range(2):
        with t.case(("while the other lives", "when it has ended")[i]):
            r, document = t.run(t.target_path("worker"), "go 100", "exit 4", args=["-f", "worker:*"], check=False)
            t.true("status", r.status == 4, str(r))
            t.equal("calls", reports.functions(document["targets"][0])["work_one"]["calls"], 300)
            target.end()


# --- frames whose return nobody sees -----------------------------------------

@deadline(180)
def test_a_thread_does_not_go_blind_by_attach_and_detach(t):
    for depth in (5, 10):
        with t.case(f"depth {depth}"):
            target = t.target("depths")
            for i in range(40):
                t.attach(target, "deep_hold", "chain_*")
                target.ask(f"enter {depth}")
                if i % 2:  # the frames of a generation before are there at the next attach
                    t.hotpath("detach", target.pid)
                    t.attach(target, "deep_hold", "chain_*")
                    target.ask("work 1")
                t.hotpath("detach", target.pid)
                target.ask("leave")
            t.attach(target, "deep_hold", "chain_*")
            target.ask("work 100")
            f = t.functions(target)
            for k in range(1, 6):
                row = f[f"chain_{k}"]
                t.equal(f"chain_{k}: calls, exits, vetoed", (row["calls"], row["exits"], row["vetoed"]),
                        (100, 100, 0))
            target.ask(f"enter {depth}")
            target.ask("leave")
            row = t.functions(target)["deep_hold"]
            t.equal("deep_hold: exits, vetoed", (row["exits"], row["vetoed"]), (depth, 0))
            t.equal("status", target.end(), 0)


def feed(target, lines):
    for _ in range(lines):
        target.say("work 1")
        time.sleep(0.003)


def test_a_refused_attach_leaves_nothing_behind(t):
    with t.case("a target that is attached"):
        target = t.target("depths")
        t.attach(target, "chain_1")
        feeder = threading.Thread(target=feed, args=(target, 300), daemon=True)
        feeder.start()  # read() is called all the while
        for _ in range(5):
            t.refused("attach", target.pid, "-f", "libc.so.6:read", "--max-bystanders", "0",
                      says=["max-bystanders|other process"])
        t.attach(target, "never_*", "depths:main")
        feeder.join()
        for _ in range(300):
            target.truth()
        f = t.functions(target)
        t.equal("calls", {n: f[n]["calls"] for n in ("chain_1", "never_one", "never_two", "main", "read")},
                {"chain_1": 300, "never_one": 0, "never_two": 0, "main": 0, "read": 0})
        target.end()
        f = t.functions(target)
        t.equal("calls at the end", [f[n]["calls"] for n in ("never_one", "never_two", "main", "read")], [0] * 4)
    with t.case("a target that is not"):
        target = t.target("depths")
        for _ in range(3):
            t.refused("attach", target.pid, "-f", "libc.so.6:read", "--max-bystanders", "0",
                      says=["max-bystanders|other process"])
            target.ask("work 10")
        t.true("is not in the report", target.pid not in [x["pid"] for x in t.document()["targets"]])
        t.true("cannot be detached", t.hotpath("detach", target.pid, check=False).status == 1)
        t.attach(target, "never_*")
        target.ask("work 10")
        t.equal("calls", {n: r["calls"] for n, r in t.functions(target).items() if r["calls"]}, {})


@deadline(180)
def test_a_request_that_fails_takes_no_other_ones_probes(t):
    socket = t.new_daemon().socket
    one, two = t.target("worker"), t.target("nesting")
    for i in range(20):
        with t.case(f"round {i}"):
            failing = ["attach", one.pid, two.pid, "-f", "work_one"]  # nesting has no such function
            good = ["attach", one.pid, "-f", "work_two"]
            order = [failing, good] if i % 4 else [good, failing]
            running = []
            for request in order:
                running.append(subprocess.Popen(t.argv(*request), env=t.environment(socket),
                                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                                stderr=subprocess.STDOUT))
                time.sleep(0.006 * (i // 2))
            said = [p.communicate(timeout=30)[0].decode() for p in running]
            status = [p.returncode for p in running]
            t.equal(f"exit status ({said})", status if i % 4 else status[::-1], [1, 0])
            one.ask("go 10")
            f = t.functions(one)
            t.equal("calls and exits of the one that succeeded",
                    (f["work_two"]["calls"], f["work_two"]["exits"]), (20, 20))
            t.equal("calls of the one that failed", f["work_one"]["calls"], 0)
            t.true("its other process is no target", two.pid not in [x["pid"] for x in t.document()["targets"]])
            t.hotpath("detach", one.pid)
    t.equal("status", one.end(), 0)


# --- requests whose clients are gone -----------------------------------------

class Readers:
    """The most hotpath-reader processes that a daemon had at any time."""

    def __init__(self, daemon):
        self.daemon, self.most, self.done = daemon, 0, False
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def now(self):
        return sum(stat(p)[1] == "hotpath-reader" for p in children(self.daemon.pid))

    def _watch(self):
        while not self.done:
            self.most = max(self.most, self.now())
            time.sleep(0.002)

    def end(self):
        self.done = True
        self.thread.join()
        return self.most


@deadline(120)
def test_requests_of_vanished_clients_are_limited_and_forgotten(t):
    d = t.new_daemon()
    target = t.target("worker")
    pid = raw.field(1, raw.varint(target.pid))
    attach = {
        "everything": lambda i: pid + raw.field(2, b"*:*") + raw.field(5, 100000),
        "each another pattern": lambda i: pid + raw.field(2, b"*:*%d*" % (i % 10)) + raw.field(5, 100000),
        "a costly pattern": lambda i: pid + raw.field(2, b"/^(_*[a-z]+)+%d$/" % i) + raw.field(5, 100000),
    }
    for what, content in attach.items():
        with t.case(what):
            readers = Readers(d)
            for i in range(30):
                client = raw.Client(d.socket)
                client.send(raw.framed(raw.request(raw.ATTACH, content(i))))
                client.close()
            for _ in range(5):
                start = time.monotonic()
                t.hotpath("status", timeout=60)
                t.between("ms until status was answered", 0, int((time.monotonic() - start) * 1000), 2000)
            wait_until("the readers end", lambda r=readers: not r.now(), 40, 0.05)
            time.sleep(0.3)  # and nothing is attached after all
            wait_until("the readers end", lambda r=readers: not r.now(), 40, 0.05)
            t.between("hotpath-reader processes at a time", 0, readers.end(), 16)
            target.ask("go 10")
            t.equal("targets in the report", [x["pid"] for x in t.document()["targets"]], [])
    t.attach(target, "work_one")
    target.ask("go 10")
    t.equal("the target's calls", t.functions(target)["work_one"]["exits"], 30)
    t.equal("status", target.end(), 0)


# --- what many processes share ------------------------------------------------

def test_malloc_in_two_targets_that_fork(t):
    expected = alone(t.target_path("mallocs"), "go 1000 5", "go 1000 5")
    targets = [t.target("mallocs") for _ in range(2)]
    out = {}
    for target in targets:
        out[target] = [target.ask("go 1000 5")]  # stdout has its buffer from here on
        t.attach(target, "libc*:malloc", "mem_once", args=["--max-bystanders", "1000"])
    for target in targets:
        target.say("go 1000 5")
    for i, target in enumerate(targets):
        with t.case(f"target {i}"):
            out[target].append(target.truth())
            f = t.functions(target)
            t.equal("calls of mem_once", f["mem_once"]["calls"], 1000)
            t.between("calls of malloc", 1000, f["malloc"]["calls"], 1005)
            t.equal("what it said", out[target], [json.loads(x) for x in expected[0].splitlines()])
    t.hotpath("detach", targets[0].pid)
    targets[0].ask("go 100 5")
    t.equal("the other counts on", targets[1].ask("go 100 5")["children"], 15)
    t.between("calls of malloc", 1100, t.functions(targets[1])["malloc"]["calls"], 1110)
    t.equal("status", [target.end() for target in targets], [expected[1]] * 2)


@deadline(120)
def test_attach_racing_with_a_setuid_exec_shows_nothing(t):
    if os.statvfs(t.tmp).f_flag & os.ST_NOSUID:
        t.skip(f"{t.tmp} is mounted nosuid: no set-uid program here")
    d = t.new_daemon()
    os.chown(d.socket, -1, GROUP)
    suid = f"{t.tmp}/suid"
    with open(t.target_path("depths"), "rb") as f, open(suid, "wb") as g:
        g.write(f.read())
    os.chmod(suid, 0o4755)
    path = t.public(t.target_path("depths"))
    t.public(f"{t.build}/hotpath")
    patterns = [x for p in ("libc*:rand", "libc*:malloc", "libc*:str*", "libc*:mem*", "chain_*", "*suid*:chain_*")
                for x in ("-f", p)]
    for ms in (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 30, 40, 60, 80, 120):
        with t.case(f"exec after {ms} ms"), contextlib.ExitStack() as stack:
            target = t.target("depths", path=path, prefix=as_user("nobody"))
            client = subprocess.Popen(
                t.argv("attach", target.pid, *patterns, "--max-bystanders", "100000", user="nobody"),
                env=t.environment(d.socket), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
            stack.callback(client.wait, 30)
            time.sleep(ms / 1000)
            target.say(f"exec {suid}")
            target.ready()
            with open(f"/proc/{target.pid}/status", encoding="ascii") as f:
                t.true("the new image is set-uid", "Uid:\t65534\t0\t" in f.read())
            target.ask("libc 1000")
            said = client.communicate(timeout=30)[0].decode()
            target.ask("libc 1000")
            target.ask("work 100")
            r = t.hotpath("report", target.pid, "--format", "json", "-n", "0", user="nobody", check=False)
            if r.status == 0:
                calls = {n: x["calls"] for n, x in reports.functions(
                    reports.target_of(reports.read(r.out), target.pid)).items()}
                seen = {n: c for n, c in calls.items() if n in ("rand", "random") or n.startswith("chain_")}
                t.true(f"nothing of the set-uid image is seen (attach: {client.returncode}, {said!r})",
                       not any(seen.values()) and calls.get("malloc", 0) < 1000, calls)
            t.equal("status", target.end(), 0)
            t.hotpath("detach", "all")
