# SPDX-License-Identifier: GPL-2.0-only
"""Which process is measured, and which is not."""
import os
import signal

import reports
from processes import wait_until


def counter(target, name):
    return target["health"]["counters"].get(name, 0)


def test_two_targets_of_one_executable_are_never_mixed(t):
    one, two = t.target("worker"), t.target("worker")
    t.attach(one, "work_one", "work_two")
    t.attach(two, "work_one")
    expected = one.ask("go 1000")["sum"]
    t.equal("the second's result", two.ask("go 1000")["sum"], expected)
    two.ask("go 234")
    f, g = t.functions(one), t.functions(two)
    t.equal("first", (f["work_one"]["exits"], f["work_two"]["exits"]), (3000, 2000))
    t.equal("second", g["work_one"]["exits"], 3 * 1234)
    t.true("second has only what it asked for", "work_two" not in g, sorted(g))
    both = t.document(one, two)
    t.equal("both in one report", sorted(x["pid"] for x in both["targets"]), sorted([one.pid, two.pid]))
    everything = t.document()
    t.true("every target when no pid is given",
           {one.pid, two.pid} <= {x["pid"] for x in everything["targets"]})
    t.hotpath("detach", one.pid)
    two.ask("go 100")
    t.equal("second after the first was detached", t.functions(two)["work_one"]["exits"], 3 * 1334)
    t.true("the first's result after detach", one.ask("go 1000")["sum"] == expected)


def test_attaching_two_pids_at_once(t):
    one, two = t.target("worker"), t.target("worker")
    r = t.hotpath("attach", one.pid, two.pid, "-f", "work_one", "-f", "work_two")
    for target in (one, two):
        t.matches("says which", rf"\b{target.pid}\b", r.out + r.err)
    one.ask("go 10")
    two.ask("go 3")
    t.equal("first", t.functions(one)["work_one"]["exits"], 30)
    t.equal("second", t.functions(two)["work_two"]["exits"], 6)


def test_a_bystander_is_counted_and_unharmed(t):
    target, other = t.target("worker"), t.target("worker")
    expected = t.target("worker").ask("go 5000")["sum"]
    t.attach(target, "work_one")
    target.ask("go 100")
    t.equal("the bystander's result", other.ask("go 5000")["sum"], expected)
    report = t.report(target)
    t.equal("the target's calls", reports.functions(report)["work_one"]["exits"], 300)
    t.equal("bystander hits", report["health"]["bystanders"]["hits"], 15000)


def test_adding_functions_keeps_what_was_counted(t):
    target = t.target("worker")
    t.attach(target, "work_one")
    target.ask("go 10")
    t.attach(target, "work_two")
    target.ask("go 10")
    f = t.functions(target)
    t.equal("exits", (f["work_one"]["exits"], f["work_two"]["exits"]), (60, 20))


def test_attaching_the_same_functions_again_counts_them_once(t):
    target = t.target("worker")
    t.attach(target, "work_one")
    t.attach(target, "work_one")
    t.attach(target, "work_one", "work_*")
    target.ask("go 10")
    f = t.functions(target)
    t.equal("exits", (f["work_one"]["exits"], f["work_two"]["exits"]), (30, 20))


def timed_again(t, target):
    """pthread_exit makes glibc load libgcc_s: until that is judged, no returns are armed."""
    def once():
        before = t.functions(target)["thread_work"]["exits"]
        target.ask("short 1 1")
        return t.functions(target)["thread_work"]["exits"] > before
    return wait_until("returns are armed again", once)


def test_a_target_whose_main_thread_exits_is_counted_on(t):
    target = t.target("threads")
    t.attach(target, "thread_work")
    target.ask("many 2 500")
    target.ask("leader")
    t.true("it is judged again after pthread_exit", timed_again(t, target))
    before = t.functions(target)["thread_work"]
    target.ask("many 2 500")
    row = t.functions(target)["thread_work"]
    t.equal("calls", row["calls"] - before["calls"], 1000)
    t.equal("exits", row["exits"] - before["exits"], 1000)
    t.equal("state", t.report(target)["state"], "running")


def test_a_target_whose_main_thread_has_exited_can_be_attached(t):
    target = t.target("threads")
    target.ask("leader")
    r = t.attach(target, "thread_work", check=False)
    if r.status:  # an error is allowed, an empty report is not
        t.matches("says why", "main thread|leader", r.err)
        return
    target.ask("many 2 500")
    t.equal("exits", t.functions(target)["thread_work"]["exits"], 1000)


def test_exec_of_itself_is_never_silently_partial(t):
    for how in ("exec", "exec-thread"):
        with t.case(how):
            target = t.target("worker")
            t.attach(target, "work_one")
            target.ask("go 10")
            target.say(how)
            target.ready()
            target.ask("go 20")
            report = t.report(target)
            row = reports.functions(report)["work_one"]
            if report["state"] == "running":  # timed again only when the new image was judged
                t.equal("calls of both images", row["calls"], 90)
                t.equal("timed or said not to be", row["exits"] + row["vetoed"], 90)
            else:
                t.equal("state", report["state"], "execed")
                t.equal("calls of the first image", row["exits"], 30)
            t.equal("the program's end", target.end(), 0)


def test_exec_of_another_program_ends_the_target(t):
    other = t.target_path("nesting")
    target = t.target("worker")
    t.attach(target, "work_one")
    target.ask("go 10")
    target.say(f"exec-other {other}")
    target.ready()  # it is `nesting` now
    report = wait_until("state execed", lambda: (
        lambda r: r if r["state"] != "running" else None)(t.report(target)))
    t.equal("state", report["state"], "execed")
    t.equal("the report is still of the old program", os.path.basename(report["exe"]), "worker")
    t.equal("its calls", reports.functions(report)["work_one"]["exits"], 30)
    target.ask("go 1")
    t.equal("the new program's end", target.end(), 0)


def test_an_exited_target_stays_readable_until_detach(t):
    target = t.target("worker")
    t.attach(target, "work_one")
    target.ask("go 10")
    target.end()
    report = wait_until("state exited", lambda: (
        lambda r: r if r["state"] == "exited" else None)(t.report(target)))
    t.equal("calls", reports.functions(report)["work_one"]["exits"], 30)
    t.equal("complete", report["complete"], True)
    t.hotpath("detach", target.pid)
    r = t.hotpath("report", target.pid, check=False)
    t.true("after detach there is nothing", r.status == 1, str(r))


def test_a_killed_target_has_its_open_calls_cut(t):
    target = t.target("longcall")
    t.attach(target, "long_*")
    target.ask("enter")
    target.kill(signal.SIGKILL)
    target.wait()
    report = wait_until("state exited", lambda: (
        lambda r: r if r["state"] == "exited" else None)(t.report(target)))
    row = reports.functions(report)["long_inner"]
    t.equal("calls, exits, open, cut", (row["calls"], row["exits"], row["open"], row.get("cut")), (1, 0, 1, 1))


def test_patterns_choose_functions(t):
    path = t.target_path("worker")
    name = os.path.basename(path)
    for patterns, expected in (
            (["work_one"], ["work_one"]),
            (["work_*"], ["work_one", "work_two"]),
            (["/^work_(one|two)$/"], ["work_one", "work_two"]),
            (["work_*", "!work_two"], ["work_one"]),
            ([f"{name}:work_one"], ["work_one"]),
            ([f"{name}:work_*", "!/one/"], ["work_two"])):
        with t.case(" ".join(patterns)):
            target = t.target("worker")
            t.attach(target, *patterns)
            target.ask("go 1")
            t.equal("functions", sorted(t.functions(target)), expected)
            target.end()


def test_rows_say_where_the_function_is(t):
    target = t.target("worker")
    t.attach(target, "work_one")
    target.ask("go 1")
    row = t.functions(target)["work_one"]
    t.equal("object", row["object"], "worker")
    t.equal("file", os.path.basename(row.get("file", "")), "worker.c")
    with open(f"{t.root}/selftests/targets/worker.c", encoding="utf-8") as f:
        line = next(i for i, x in enumerate(f, 1) if "work_one(unsigned long x)" in x)
    t.between("line", line, row.get("line", 0), line + 1)
    t.equal("kind", row["kind"], "function")
