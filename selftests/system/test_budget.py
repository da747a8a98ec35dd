# SPDX-License-Identifier: GPL-2.0-only
"""Attached under a budget: what is rare is exact, the rest estimated, the target keeps its speed."""
import os
import re
import signal
import time

from context import deadline



def attach(t, target, *patterns, budget="5", args=()):
    return t.attach(target, *patterns, args=("--budget", budget, *args))


def overhead(t, target):
    return t.report(target)["overhead"]


def interval(row, figure):
    return row["estimated"][figure]


def is_near(row, truth, rough=0.1):
    """The interval holds the truth, nearly: one in twenty may not, and a busy machine widens it."""
    if not row["estimated"].get("known"):
        return False
    low, high = interval(row, "calls_95")
    slack = (high - low) / 2 + rough * truth
    return low - slack <= truth <= high + slack


def in_some_try(t, what, scenario, tries=3):
    """Windows are judged by prices, and what else the machine does moves these: while both CPUs
    are busy all the time hits cost half as much again, and nothing of this is known. scenario():
    (row, truth); what does not rest on prices it asserts by itself."""
    seen = []
    for _ in range(tries):
        seen.append(scenario())
        if is_near(*seen[-1]):
            return
    t.true(f"{what} is estimated, and near the truth", False, seen)


def calibrated(t):
    daemon = t.new_daemon(calibrate=True)
    daemon.log.wait(re.compile("a call costs here"))
    return daemon


@deadline(90)
def test_rare_is_exact_and_hot_is_estimated(t):
    calibrated(t)

    def scenario():
        target = t.target("rates")
        attach(t, target)
        truth = target.ask("run 6000")
        f = t.functions(target)
        t.equal("rates_round is exact", f["rates_round"]["calls"], truth["rounds"])
        t.equal("and has returned as often", f["rates_round"]["exits"], truth["rounds"])
        t.true("nothing about it is estimated", "known" not in f["rates_round"].get("estimated", {}),
               f["rates_round"])
        o = overhead(t, target)
        t.equal("budget", o["budget_percent"], 5)
        t.true("windows were opened", o["windows"] > 3, o)
        t.true("the fuse tripped", o["trips"] >= 1, o)
        t.between("what it cost", 0, o["percent"], 15)
        t.equal("exit status", target.end(), 0)
        return f["rates_hot"], truth["hot"]

    in_some_try(t, "rates_hot", scenario)


@deadline(60)
def test_a_target_keeps_its_speed_and_its_results(t):
    calibrated(t)
    target = t.target("rates")
    before = target.ask("run 1500")
    attach(t, target)
    target.ask("run 1000")
    during = target.ask("run 3000")
    t.hotpath("detach", target.pid)
    after = target.ask("run 1500")
    plain = max(before["speed"], after["speed"])
    t.true(f"its speed, of {plain:.0f} rounds a second of CPU", during["speed"] >= 0.8 * plain, during)
    t.equal("exit status", target.end(), 0)


@deadline(90)
def test_a_function_that_becomes_hot_is_refused_and_then_seen_in_windows(t):
    calibrated(t)

    def scenario():
        target = t.target("rates")
        target.ask("calm")
        attach(t, target)
        target.ask("run 1500")
        calm = t.functions(target)
        t.true("nothing was released", not any("released_at_ns" in r.get("estimated", {}) for r in calm.values()),
               calm)
        target.ask("busy")
        truth = target.ask("run 5000")
        hot = t.functions(target)["rates_hot"]
        t.true("rates_hot was released", hot["estimated"].get("released_at_ns"), hot)
        t.true("its calls were refused in between", overhead(t, target)["refused"] > 0)
        t.equal("exit status", target.end(), 0)
        return hot, truth["hot"]

    in_some_try(t, "rates_hot", scenario)


@deadline(90)
def test_a_named_function_beyond_the_budget_is_seen_in_windows_and_exact_without(t):
    calibrated(t)

    def scenario():
        target = t.target("rates")
        attach(t, target, "rates_hot", "rates_round")
        truth = target.ask("run 4000")
        f = t.functions(target)
        t.equal("rates_round is exact", f["rates_round"]["calls"], truth["rounds"])
        t.equal("exit status", target.end(), 0)
        return f["rates_hot"], truth["hot"]

    in_some_try(t, "rates_hot", scenario)
    exact = t.target("rates")
    attach(t, exact, "rates_hot", "rates_round", budget="0")
    truth = exact.ask("run 500")
    f = t.functions(exact)
    for name, calls in (("rates_hot", truth["hot"]), ("rates_round", truth["rounds"])):
        t.equal(f"{name} is exact under --budget 0", f[name]["calls"], calls)


@deadline(60)
def test_children_share_the_budget(t):
    calibrated(t)
    target = t.target("rates")
    attach(t, target)
    truth = target.ask("fork 2500 3")
    t.equal("children that went wrong", truth["bad"], 0)
    document = t.document("--merge", "none")
    children = [d for d in document["targets"] if d["pid"] != target.pid]
    t.equal("children measured", len(children), 3)
    cpu = sum(d["cpu_total_ns"] for d in document["targets"])
    cost = sum(d["overhead"]["probes_ns"] + d["overhead"]["arming_ns"] for d in document["targets"])
    t.between("what all cost together, of their CPU time", 0, cost / cpu, 0.15)


@deadline(60)
def test_children_that_end_within_a_tick_have_limits_and_are_charged(t):
    """Another process of the same budget runs all the time, and so the next tick comes when it comes."""
    calibrated(t)
    target, busy = t.target("rates"), t.target("rates")
    target.ask("calm")
    t.hotpath("attach", target.pid, busy.pid, "--budget", "5", "--max-bystanders", "100")
    target.ask("run 1500")
    busy.say("run 4000")
    target.ask("busy")
    for _ in range(4):
        target.ask("fork 30 2")
    busy.truth()
    document = t.document("--merge", "none")
    children = [d for d in document["targets"] if d["pid"] not in (target.pid, busy.pid)]
    t.equal("children measured", len(children), 8)
    for d in children:
        o = d["overhead"]
        t.true("what it cost was charged", o["hits"] > 0 and o["probes_ns"] > 0, o)


@deadline(60)
def test_a_refused_call_does_not_end_one_that_was_left_before(t):
    """Its way out is at the place of a frame that longjmp left in an earlier window."""
    t.new_daemon(features="-returns", calibrate=True)
    target = t.target("leaps")
    attach(t, target, "leap")
    target.ask("run 5000")
    row = t.functions(target)["leap"]
    t.equal("its returns", row["probe"]["returns"], "sites")
    t.true("it was seen in windows", row.get("exits", 0) > 200 and overhead(t, target)["windows"] > 5, row)
    # Absent where too many were left open for it to be known.
    t.between("what a call of 10 ns took on the average", 0,
              row.get("total_ns", 0) / max(row.get("calls", 0), 1), 2000)


@deadline(60)
def test_after_a_reset_the_fuse_is_still_there(t):
    calibrated(t)
    target = t.target("rates")
    target.ask("calm")
    attach(t, target)
    target.ask("run 1500")
    target.say("run 300")
    t.hotpath("reset", target.pid)
    target.truth()
    target.ask("busy")
    target.ask("run 300")
    o = overhead(t, target)
    t.true("calls were refused", o["refused"] > 0, o)
    t.between("and what was counted is within bounds", 0, o["percent"], 60)


@deadline(60)
def test_detached_in_a_window_and_killed_in_a_window_leave_the_target_well(t):
    daemon = calibrated(t)
    target = t.target("rates")
    for _ in range(5):
        attach(t, target)
        target.say("run 700")
        time.sleep(0.5)
        t.hotpath("detach", target.pid)
        target.truth()
    attach(t, target)
    target.say("run 2000")
    time.sleep(1)
    os.kill(daemon.pid, signal.SIGKILL)
    target.truth()
    t.equal("exit status", target.end(), 0)
