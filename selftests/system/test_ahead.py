# SPDX-License-Identifier: GPL-2.0-only
"""What is waited for by its file is planned before it runs."""
import os
import subprocess

import reports
from context import GROUP, as_user
from heldreader import HeldReader
from processes import wait_until


def each(t):
    return t.document("--merge", "none")


def total(document, name):
    return sum(reports.functions(x)[name]["calls"] for x in document["targets"] if name in reports.functions(x))


def none_running(t):
    def look():
        document = each(t)
        return document if not [x for x in document["targets"] if x["state"] == "running"] else None
    return wait_until("every target to end", look, 30)


def run(path, *words, user=None):
    return subprocess.run([*(as_user(user) if user else []), path, *words], check=True,
                          capture_output=True).returncode


def test_calls_are_counted_before_anything_is_read_of_the_process(t):
    held = HeldReader(t)
    t.new_daemon(build=held.build)
    worker = t.target_path("worker")
    client = t.lines([*t.argv("attach", "--exe", worker, "-f", "work_*")], env=t.environment(t.daemon.socket))
    held.wait()
    held.go()
    t.equal("attach", client.wait(), 0)
    t.equal("exit status", run(worker, "go 10"), 0)
    t.equal("calls of the first", total(each(t), "work_one"), 30)
    held.go(20)
    none_running(t)
    run(worker, "go 10")
    t.equal("calls of both", total(none_running(t), "work_one"), 60)


def test_returns_are_timed_as_soon_as_the_loader_is_known(t):
    t.new_daemon()
    for path in (t.target_path("worker"), t.compile("worker.c", "-static")):
        t.hotpath("attach", "--exe", path, "-f", "work_*")
        for _ in range(4):
            run(path, "go 10")
        seen = [reports.functions(x)["work_one"] for x in none_running(t)["targets"]]
        t.equal("calls of each", [f["calls"] for f in seen][:4], [30] * 4)
        if path == t.target_path("worker"):
            t.equal("newest first, all but the first timed", [f["exits"] for f in seen][:3], [30] * 3)


PASSES = """
extern "C" int ps_pass(int (*back)(int))
{
	int n = 0;
	try { n = back(0); back(1); } catch (int) { n++; }
	return n;
}
extern "C" void ps_throw(void) { throw 1; }
"""
CALLED_BACK = """
#include "target.h"
int ps_pass(int (*)(int));
void ps_throw(void);
PROBED int cb_back(int i) { PUSHES; if (i) ps_throw(); return i; }
int main(void) { int n = 0; for (int i = 0; i < 10; i++) n += ps_pass(cb_back); return n != 10; }
"""


def test_what_its_libraries_do_is_judged_before_a_return_is_armed(t):
    library = t.compile("passes.cc", "-shared", "-fPIC", cc="g++", text=PASSES, name="libpasses.so")
    path = t.compile("called.c", "-fexceptions", library, f"-Wl,-rpath,{os.path.dirname(library)}", text=CALLED_BACK)
    t.new_daemon()
    t.hotpath("attach", "--exe", path, "-f", "cb_back")
    for _ in range(4):
        t.equal("exit status", run(path), 0)
    seen = [reports.functions(x)["cb_back"] for x in none_running(t)["targets"]]
    t.equal("calls of each", [f["calls"] for f in seen], [20] * 4)
    t.equal("newest first, the last ones timed, where they return", [f["exits"] for f in seen][:2], [10] * 2)


def test_a_user_has_planned_what_the_user_can_read(t):
    held = HeldReader(t)
    d = t.new_daemon(build=held.build)
    os.chown(d.socket, -1, GROUP)
    secret = t.public(t.target_path("nesting"))
    os.chmod(secret, 0o711)
    t.hotpath("attach", "--exe", secret, "-f", "nest_c", user="nobody")
    t.equal("readers of what may only be run", held.begun(), 0)
    held.go()
    t.hotpath("attach", "--exe", t.public(t.target_path("worker")), "-f", "work_*", user="nobody")
    t.equal("readers of what may be read", held.begun(), 1)
    held.go(20)
    run(f"{t.tmp}/worker", "go 10", user="nobody")
    t.equal("calls", total(none_running(t), "work_one"), 30)
