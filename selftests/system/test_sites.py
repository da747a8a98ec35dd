# SPDX-License-Identifier: GPL-2.0-only
"""Where no return may be armed, calls are timed by probes on the ways out."""
import json
import os
import shutil
import subprocess

from context import deadline
from processes import wait_until


def check(t, f, expected):
    """expected: name -> (calls, exits, unwound)"""
    for name, figures in expected.items():
        row = f[name]
        t.equal(f"{name} returns", row["probe"]["returns"], "sites")
        t.equal(f"{name} calls, exits, unwound", (row["calls"], row["exits"], row["unwound"]), figures)


def test_what_throws_is_timed_and_what_an_exception_removes_is_unwound(t):
    target = t.target("throws")
    t.attach(target, "throw_*")
    truth = target.ask("go 100")
    t.equal("caught", truth["caught"], 50)
    check(t, t.functions(target), {"throw_deep": (100, 50, 50), "throw_middle": (100, 50, 50),
                                   "throw_catch": (100, 100, 0)})
    t.equal("status", target.end(), 3)


def test_nested_times_add_up_without_armed_returns(t):
    t.new_daemon(features="-returns")
    target = t.target("nesting")
    t.attach(target, "nest_*")
    truth = target.ask("go 10")
    f = t.functions(target)
    check(t, f, {"nest_a": (10, 10, 0), "nest_b": (30, 30, 0), "nest_c": (150, 150, 0)})
    for name in "abc":
        row = f[f"nest_{name}"]
        t.true(f"nest_{name} self holds what it waited itself", row["self_ns"] >= truth[f"own_{name}"],
               (row, truth))
        t.true(f"nest_{name} total lies within what its caller saw",
               row["total_ns"] <= truth[f"outer_{name}"], (row, truth))
    t.equal("self of a", f["nest_a"]["self_ns"], f["nest_a"]["total_ns"] - f["nest_b"]["total_ns"])


def test_a_tail_call_ends_the_call_that_makes_it(t):
    t.new_daemon(features="-returns")
    target = t.target("tails")
    t.attach(target, "tail_*")
    target.ask("go 1000")
    f = t.functions(target)
    t.equal("calls", {name: row["calls"] for name, row in f.items()},
            {"tail_a": 1000, "tail_b": 1000, "tail_c": 1000, "tail_even": 5000, "tail_odd": 5000})
    check(t, f, {"tail_c": (1000, 1000, 0), "tail_even": (5000, 5000, 0), "tail_odd": (5000, 5000, 0)})
    t.true("one of a pair's jumps ends it at once: no time adds up",
           f["tail_even"]["total_ns"] < f["tail_c"]["total_ns"], f)


def test_recursion_and_threads_are_exact_without_armed_returns(t):
    t.new_daemon(features="-returns")
    target = t.target("recursion")
    alone = subprocess.run([t.target_path("recursion"), "go 200"], capture_output=True, check=True).stdout
    t.attach(target, "recurse_*")
    t.equal("the program's answer", target.ask("go 200")["sum"], json.loads(alone)["sum"])
    for row in t.functions(target).values():
        t.equal(f"{row['name']} returns", row["probe"]["returns"], "sites")
        t.equal(f"{row['name']}: entries", row["calls"], row["exits"] + row["vetoed"])
        t.equal(f"{row['name']} unwound, open, lost", (row["unwound"], row["open"], row["lost"]), (0, 0, 0))


def test_longjmp_unwinds_without_armed_returns(t):
    t.new_daemon(features="-returns")
    for depth, times in ((1, 100), (10, 100), (59, 50), (200, 50)):
        with t.case(f"depth {depth}"):
            target = t.target("jumps")
            t.attach(target, "jump_*")
            t.equal("landed", target.ask(f"jump {depth} {times}")["landed"], times)
            timed = min(depth, 59)  # jump_outer is the first of the 60
            f = t.functions(target)
            check(t, f, {"jump_down": (depth * times, 0, timed * times), "jump_outer": (times, times, 0),
                         "jump_later": (times, times, 0), "jump_leaf": (times, times, 0)})
            t.equal("vetoed", f["jump_down"]["vetoed"], (depth - timed) * times)
            t.equal("exit status", target.end(), 0)


def build_go(t, *flags):
    go = shutil.which("go")
    if not go:
        t.skip("no Go compiler")
    out = f"{t.build}/selftests/goroutines{''.join(flags).replace('/', '_').replace(' ', '')}"
    source = f"{t.root}/selftests/targets/goroutines.go"
    if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(source):
        subprocess.run([go, "build", *flags, "-o", out, source], check=True, capture_output=True,
                       env={**os.environ, "GOFLAGS": "-mod=mod", "GO111MODULE": "off",
                            "GOCACHE": f"{t.build}/go-cache", "HOME": "/root"})
    return out


@deadline(240)
def test_goroutines_are_timed_wherever_they_run(t):
    for what, flags in (("with symbols", ()), ("stripped", ("-ldflags=-s -w",))):
        with t.case(what):
            go_is_timed(t, build_go(t, *flags))


def go_is_timed(t, path):
    target = t.target("goroutines", path=path)
    t.attach(target, "main.*")
    truth = target.ask("go 50")
    t.equal("the program's own counts",
            (truth["inner"], truth["outer"], truth["deep"], truth["failed"], truth["recovered"]),
            (500, 500, 50 * 5001, 250, 250))
    f = t.functions(target)
    check(t, f, {"main.inner": (500, 500, 0), "main.outer": (500, 500, 0),
                 "main.fails": (500, 250, 250), "main.catches": (500, 500, 0)})
    deep = f["main.deep"]
    t.equal("deep calls", deep["calls"], 50 * 5001)
    t.equal("deep: exits and those too deep", deep["exits"] + deep["vetoed"], 50 * 5001)
    t.true("outer contains inner", f["main.outer"]["total_ns"] > f["main.inner"]["total_ns"], f)
    t.equal("status", target.end(), 5)


RAISES = """
#include <stdexcept>
static int inner(void)
{
	return 1;
}
extern "C" int plug_entry(int (*back)(int (*inner)(void)))
{
	int r = back(inner);

	try {
		throw std::runtime_error("x");
	} catch (const std::exception &) {
		return r;
	}
}
"""


def returns(t, target):
    """How the functions of a target are timed: (by sessions, by their ways out)."""
    health = t.report(target)["health"]
    return health["session"], health["sites"]


def test_what_becomes_unsafe_is_timed_by_its_ways_out(t):
    library = t.compile("late.cc", "-shared", "-fPIC", cc="g++", name="late.so", text=RAISES)
    target = t.target("plugins")
    t.attach(target, "plugins:plug_*")
    t.equal("at first", returns(t, target), (3, 0))
    target.ask(f"load {library}")
    wait_until("its ways out are probed",
               lambda: returns(t, target) == (0, 3))
    target.ask("go 300")
    f = t.functions(target)
    check(t, f, {"plug_back": (300, 300, 0), "plug_call": (300, 300, 0)})
    t.equal("vetoed", f["plug_back"]["vetoed"], 0)
    target.end()
