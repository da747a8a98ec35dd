# SPDX-License-Identifier: GPL-2.0-only
"""Counts and times of calls, on programs that know their own."""
import fractions
import math
import re
import subprocess

from context import deadline
from processes import wait_until

ALL = "0,1,10,25,50,75,90,95,99,99.9,100"
CLOCK = 200  # ns that two readers of CLOCK_MONOTONIC may disagree by


def sandwich(t, what, inner, seen, outer, calls):
    """The program measured inside and outside of the call; the probe is between."""
    t.between(what, inner - calls * CLOCK, seen, outer + calls * CLOCK)


def test_nested_calls_are_exact_and_their_times_add_up(t):
    target = t.target("nesting")
    t.attach(target, "nest_a", "nest_b", "nest_c")
    truth = target.ask("go 50")
    f = t.functions(target)
    a, b, c = f["nest_a"], f["nest_b"], f["nest_c"]
    for row, calls in ((a, 50), (b, 150), (c, 750)):
        t.equal(f"{row['name']} calls", row["calls"], calls)
        t.equal(f"{row['name']} exits", row["exits"], calls)
        t.equal(f"{row['name']} returns", row["probe"]["returns"], "session")
    sandwich(t, "nest_a total", truth["inner_a"], a["total_ns"], truth["outer_a"], 50)
    sandwich(t, "nest_b total", truth["inner_b"], b["total_ns"], truth["outer_b"], 150)
    sandwich(t, "nest_c total", truth["own_c"], c["total_ns"], truth["outer_c"], 750)
    t.equal("nest_a: total = self + callees", a["total_ns"], a["self_ns"] + b["total_ns"])
    t.equal("nest_b: total = self + callees", b["total_ns"], b["self_ns"] + c["total_ns"])
    t.equal("nest_c: total = self", c["total_ns"], c["self_ns"])
    sandwich(t, "nest_a self", truth["own_a"], a["self_ns"], truth["outer_a"] - truth["inner_b"], 200)
    sandwich(t, "nest_b self", truth["own_b"], b["self_ns"], truth["outer_b"] - truth["own_c"], 900)
    t.equal("exit status", target.end(), 0)


def test_unprobed_callees_count_as_self(t):
    target = t.target("nesting")
    t.attach(target, "nest_a", "nest_c")
    truth = target.ask("go 20")
    f = t.functions(target)
    t.equal("functions", sorted(f), ["nest_a", "nest_c"])
    a, c = f["nest_a"], f["nest_c"]
    t.equal("nest_a: self = total - nest_c", a["self_ns"], a["total_ns"] - c["total_ns"])
    sandwich(t, "nest_a total", truth["inner_a"], a["total_ns"], truth["outer_a"], 20)


def test_recursion_10000_deep_counts_all_and_times_60(t):
    target = t.target("recursion")
    t.attach(target, "recurse_down")
    truth = target.ask("down 10000")
    t.equal("the program's result", truth["sum"], 50005000)
    r = t.functions(target)["recurse_down"]
    t.equal("calls", r["calls"], 10000)
    t.equal("exits", r["exits"], 60)
    t.equal("vetoed", r["vetoed"], 9940)
    t.between("the outermost call", 1, r["max_ns"], truth["outer"] + CLOCK)
    t.between("self of all together", r["max_ns"] - CLOCK * 60, r["self_ns"], r["max_ns"] + CLOCK * 60)
    target.ask("down 60")
    again = t.functions(target)["recurse_down"]
    t.equal("calls after 60 more", again["calls"], 10060)
    t.equal("exits after 60 more", again["exits"], 120)


def test_mutual_recursion_is_exact(t):
    target = t.target("recursion")
    t.attach(target, "recurse_ping", "recurse_pong")
    truth = target.ask("pingpong 50")
    f = t.functions(target)
    ping, pong = f["recurse_ping"], f["recurse_pong"]
    for row in (ping, pong):
        t.equal(f"{row['name']} calls", row["calls"], 25)
        t.equal(f"{row['name']} exits", row["exits"], 25)
    t.equal("self of both = the outermost call", ping["self_ns"] + pong["self_ns"], ping["max_ns"])
    t.between("the outermost call", 1, ping["max_ns"], truth["outer"] + CLOCK)
    target.ask("pingpong 1000")
    f = t.functions(target)
    ping, pong = f["recurse_ping"], f["recurse_pong"]
    t.equal("calls, too deep to time all", (ping["calls"], pong["calls"]), (525, 525))
    t.equal("exits of both", ping["exits"] + pong["exits"], 50 + 60)
    t.equal("vetoed of both", ping["vetoed"] + pong["vetoed"], 940)


def test_tail_calls_are_exact(t):
    path = t.target_path("tails")
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True,
                          text=True, check=True).stdout
    for caller, callee in (("tail_a", "tail_b"), ("tail_b", "tail_c"), ("tail_even", "tail_odd")):
        body = re.search(rf"<{caller}>:\n(.*?)\n\n", code, re.S).group(1)
        if not re.search(rf"jmp\s+\w+ <{callee}>", body):
            t.skip(f"this compiler made no tail call of {caller} -> {callee}")
    alone = subprocess.run([path, "go 1000"], capture_output=True, check=True).stdout
    target = t.target("tails")
    t.attach(target, "tail_*")
    target.say("go 1000")
    t.equal("the program's answer", target.line(), alone.decode().strip())
    f = t.functions(target)
    for name, calls in (("tail_a", 1000), ("tail_b", 1000), ("tail_c", 1000),
                        ("tail_even", 5000), ("tail_odd", 5000)):
        t.equal(f"{name} calls", f[name]["calls"], calls)
        t.equal(f"{name} exits", f[name]["exits"], calls)
        t.equal(f"{name} unwound, lost", (f[name]["unwound"], f[name]["lost"]), (0, 0))
    a, b, c = (f[f"tail_{x}"]["total_ns"] for x in "abc")
    t.true("a jump's time contains that of what it jumped to", a >= b >= c >= 1000 * 5000, (a, b, c))


@deadline(180)
def test_64_threads_lose_nothing(t):
    target = t.target("threads")
    alone = t.target("threads").ask("many 64 10000")
    t.attach(target, "thread_work")
    t.equal("the program's result", target.ask("many 64 10000", timeout=150), alone)
    r = t.functions(target)["thread_work"]
    t.equal("calls", r["calls"], 640000)
    t.equal("exits", r["exits"], 640000)


def test_short_lived_threads_lose_nothing(t):
    target = t.target("threads")
    t.attach(target, "thread_work")
    target.ask("short 500 10")
    r = t.functions(target)["thread_work"]
    t.equal("calls", r["calls"], 5000)
    t.equal("exits", r["exits"], 5000)


def test_calls_of_a_thread_that_exits_are_cut(t):
    target = t.target("threads")
    target.ask("exits 1")  # pthread_exit makes glibc load libgcc_s: not during the measurement
    t.attach(target, "thread_enters", "thread_leaves", "thread_work")
    target.ask("exits 20")
    f = t.functions(target)
    t.equal("thread_work exits", f["thread_work"]["exits"], 20)
    for name in ("thread_enters", "thread_leaves"):
        t.equal(f"{name} calls", f[name]["calls"], 20)
        t.equal(f"{name} exits", f[name]["exits"], 0)
        t.equal(f"{name} open", f[name]["open"], 20)
        t.equal(f"{name} cut", f[name].get("cut"), 20)
    target.ask("short 5 5")
    t.equal("thread_work afterwards", t.functions(target)["thread_work"]["exits"], 45)


def test_longjmp_unwinds_what_it_jumps_over(t):
    for depth, times in ((1, 100), (10, 100), (59, 50), (63, 50), (64, 1000), (200, 50)):
        with t.case(f"depth {depth}"):
            target = t.target("jumps")
            t.attach(target, "jump_*")
            truth = target.ask(f"jump {depth} {times}")
            f = t.functions(target)
            armed = min(depth, 59)  # jump_outer is the first of the 60
            down, outer = f["jump_down"], f["jump_outer"]
            t.equal("landed", truth["landed"], times)
            t.equal("jump_down calls", down["calls"], depth * times)
            t.equal("jump_down unwound", down["unwound"], armed * times)
            t.equal("jump_down vetoed", down["vetoed"], (depth - armed) * times)
            t.equal("jump_down exits", down["exits"], 0)
            for row in (outer, f["jump_later"], f["jump_leaf"]):
                t.equal(f"{row['name']} exits", row["exits"], times)
            later, leaf = f["jump_later"], f["jump_leaf"]
            t.equal("afterwards total = self + callee", later["total_ns"],
                    later["self_ns"] + leaf["total_ns"])
            sandwich(t, "jump_later self", truth["own_later"], later["self_ns"],
                     truth["outer_later"] - truth["own_leaf"], times * 2)
            t.true("self <= total where frames were unwound", outer["self_ns"] <= outer["total_ns"], outer)
            t.equal("exit status", target.end(), 0)


def test_open_calls_are_shown_with_their_age(t):
    target = t.target("longcall")
    t.attach(target, "long_outer", "long_inner")
    truth = target.ask("enter")
    f = t.functions(target)
    for name, start in (("long_outer", truth["outer_start"]), ("long_inner", truth["inner_start"])):
        row = f[name]
        t.equal(f"{name} calls, exits, open", (row["calls"], row["exits"], row["open"]), (1, 0, 1))
        t.between(f"{name} age", truth["now"] - start, row.get("open_max_ns", 0), 60 * 10**9)
    t.matches("the table says so", r"open|running now", t.hotpath("report", target.pid).out)
    target.ask("leave")
    f = t.functions(target)
    for name in ("long_outer", "long_inner"):
        row = f[name]
        t.equal(f"{name} exits, open after it returned", (row["exits"], row["open"]), (1, 0))


def test_a_call_open_at_attach_is_not_counted(t):
    target = t.target("longcall")
    target.ask("enter")
    t.attach(target, "long_outer", "long_inner")
    target.ask("leave")
    f = t.functions(target)
    t.equal("calls seen", (f["long_outer"]["calls"], f["long_inner"]["calls"]), (0, 0))
    target.ask("enter")
    target.ask("leave")
    f = t.functions(target)
    t.equal("exits of the next", (f["long_outer"]["exits"], f["long_inner"]["exits"]), (1, 1))


def nearest_rank(values, p):
    """p as text: in binary 99.9 % of 2,000 is a little more than 1,998."""
    return values[max(0, math.ceil(fractions.Fraction(p) * len(values) / 100) - 1)]


DURATIONS = (("spin_1us", 5000), ("spin_10us", 2000), ("spin_100us", 500), ("spin_1ms", 100),
             ("spin_10ms", 20), ("sleep_1ms", 100), ("sleep_10ms", 20), ("sleep_100ms", 5),
             ("sleep_1s", 1), ("mixed", 3000))


def test_durations_from_1_us_to_1_s_are_right_at_every_percentile(t):
    target = t.target("durations")
    t.attach(target, "dur_*")
    truth = {name: target.ask(f"{name} {calls}") for name, calls in DURATIONS}
    f = t.functions(target, "--percentiles", ALL)
    for name, calls in DURATIONS:
        with t.case(name):
            row, inner, outer = f[f"dur_{name}"], truth[name]["inner"], truth[name]["outer"]
            t.equal("exits", row["exits"], calls)
            sandwich(t, "total", sum(inner), row["total_ns"], sum(outer), calls)
            sandwich(t, "min", inner[0], row["min_ns"], outer[0], 1)
            sandwich(t, "max", inner[-1], row["max_ns"], outer[-1], 1)
            t.true("min <= avg <= max", row["min_ns"] <= row["avg_ns"] <= row["max_ns"], row)
            t.between("avg * exits is total", row["total_ns"] - calls, row["avg_ns"] * calls,
                      row["total_ns"] + calls)
            for p in ALL.split(","):
                low, high = nearest_rank(inner, p), nearest_rank(outer, p)
                t.between(f"p{p}", int(low * 0.98) - CLOCK, row["percentiles"][f"p{p}"],
                          int(high * 1.02) + CLOCK)
            t.equal("p0 is min", row["percentiles"]["p0"], row["min_ns"])
            t.equal("p100 is max", row["percentiles"]["p100"], row["max_ns"])


CHURN = """
#include <pthread.h>
#include <stdatomic.h>
#include "target.h"
static atomic_int going;
PROBED unsigned long churn_work(unsigned long x) { PUSHES; return x * 2654435761u + 1; }
static void *work(void *arg)
{
	unsigned long sum = 1;
	for (int i = 0; i < 100; i++)
		sum = churn_work(sum);
	return (void *)(sum & 1 ? arg : NULL);
}
static void threads(int n)
{
	pthread_t id[4];
	for (; n > 0; n -= 4) {
		for (int i = 0; i < 4; i++)
			if (pthread_create(&id[i], NULL, work, NULL)) abort();
		for (int i = 0; i < 4; i++)
			pthread_join(id[i], NULL);
	}
}
static void *churn(void *arg)
{
	while (going)
		threads(4);
	return arg;
}
int main(int argc, char **argv)
{
	pthread_t id;
	target_init(argc, argv);
	while (target_command()) {
		if (target_is("start") && (going = 1, pthread_create(&id, NULL, churn, NULL))) abort();
		if (target_is("stop")) { going = 0; pthread_join(id, NULL); }
		if (target_is("threads")) threads((int)target_number(0));
		target_truth("\\"ok\\":1");
	}
	return 0;
}
"""


def test_threads_that_come_and_go_while_probes_do(t):
    """The identity of every report is checked by reports.read()."""
    target = t.target("churn", path=t.compile("churn.c", text=CHURN))
    target.ask("start")
    for _ in range(10):
        t.attach(target, "churn_work")
        wait_until("calls are seen", lambda: t.functions(target)["churn_work"]["exits"] > 1000)
        t.hotpath("detach", target.pid)
    t.attach(target, "churn_work")
    target.ask("stop")
    before = t.functions(target)["churn_work"]
    target.ask("threads 200")
    after = t.functions(target)["churn_work"]
    t.equal("calls of later threads", after["calls"] - before["calls"], 20000)
    # While threads are being made the mappings' lock may be taken: some are not timed.
    t.equal("timed, or said not to be", sum(after[x] - before[x] for x in ("exits", "vetoed")), 20000)
    t.equal("nothing is open", after["open"], before["open"])
    t.equal("its end", target.end(), 0)
