# SPDX-License-Identifier: GPL-2.0-only
"""Libraries that come while a program runs: what matches in them is counted from the
first instruction of their constructors."""
import reports
import wire

LATE = """
#include "target.h"
static volatile unsigned long started;
PROBED void late_start(void) { PUSHES; started++; }
PROBED unsigned long late_work(unsigned long x) { PUSHES; return (x ^ (x >> 7)) * 2654435761u + 1; }
__attribute__((constructor)) static void begin(void) { late_start(); }
"""


def library(t, name="late"):
    return t.compile(f"{name}.c", "-shared", "-fPIC", text=LATE + f"int late_is_{name};\n", name=name)


def figures(target, name):
    f = reports.functions(target).get(name)
    return (f["calls"], f["exits"]) if f else None


def totals(t, name):
    found = [figures(x, name) for x in t.document("--merge", "none")["targets"]]
    return tuple(sum(x[i] for x in found if x) for i in (0, 1))


def test_functions_of_a_library_are_counted_from_its_constructor(t):
    path, other = library(t), library(t, "other")
    for how in ("follow", "no_follow"):
        with t.case(how):
            t.new_daemon()
            target = t.target("loader")
            wire.attach(t.daemon.socket, ["/^(early|late)_/"], pids=[target.target_pid],
                        no_follow=how == "no_follow")
            target.ask(f"load {path}")
            target.ask("go 10")
            t.equal("at first", [figures(t.report(target), x) for x in ("late_start", "late_work")],
                    [(1, 1), (10, 10)])
            target.ask("unload")
            t.equal("unloaded", figures(t.report(target), "late_work"), (10, 10))
            target.ask(f"load {path}")
            target.ask("go 5")
            target.ask(f"round 20 3 {path}")
            t.equal("again", [figures(t.report(target), x) for x in ("late_start", "late_work")],
                    [(2, 2), (75, 75)])
            target.ask(f"load {other}")
            target.ask("go 7")
            document = t.report(target)
            rows = sorted((f["calls"], f["object"]) for f in document["functions_timing"]["data"]
                          if f["name"] == "late_work")
            t.equal("two libraries", [calls for calls, _ in rows], [7, 75])
            t.equal("none late", [document["health"]["counters"].get(x) for x in ("held_late", "held_not")],
                    [None, None])
            t.equal("its end", target.end(), 0)


def test_children_and_the_children_they_have(t):
    path = library(t)
    t.new_daemon()
    target = t.target("loader")
    t.attach(target, "/^(early|late)_/")
    t.equal("children that ended badly", target.ask(f"fork 5 10 {path}")["bad"], 0)
    t.equal("late_start", totals(t, "late_start"), (5, 5))
    t.equal("late_work", totals(t, "late_work"), (50, 50))
    target.ask(f"load {path}")
    target.ask("go 4")
    t.equal("children of one that has it", target.ask(f"fork 5 10 {path}")["bad"], 0)
    t.equal("late_work then", totals(t, "late_work"), (104, 104))
    t.equal("late_start then", totals(t, "late_start"), (6, 6))


def test_a_program_of_which_only_a_late_library_matches(t):
    path = library(t)
    _, document = t.run(t.target_path("loader"), f"round 3 10 {path}", args=("-f", "late_*"))
    t.equal("run", figures(document["targets"][0], "late_work"), (30, 30))
    t.equal("run, constructors", figures(document["targets"][0], "late_start"), (3, 3))
    _, document = t.run("sh", "-c", f"'{t.target_path('loader')}' 'round 3 10 {path}'; true",
                        args=("-f", "late_*"))
    found = [figures(x, "late_work") for x in document["targets"]]
    t.equal("a program that a shell runs", [x for x in found if x], [(30, 30)])
