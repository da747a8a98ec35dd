# SPDX-License-Identifier: GPL-2.0-only
"""Children and programs they become: each a target of its own, from its first
instruction to its last, and none is lost."""
import json
import os
import shutil
import subprocess

import reports
import wire
from context import deadline
from processes import wait_until

KIN = "/^(kin|work)_/"


def each(t):
    """Every process by itself, but for those that were added up because they are many."""
    return t.document("--merge", "none")


def calls_of(target, name):
    return reports.functions(target)[name]["calls"]


def total(document, name, what="calls"):
    return sum(reports.functions(x)[name][what] for x in document["targets"])


MISSED_MOST = 3  # of 2,000: held too late, on a machine whose CPUs are all busy


def none_missed(t, document, programs, calls):
    """Of so many programs each made so many calls of work_one, and two thirds of work_two.
    All are counted; or those that are not are a number, and few."""
    missed = sum(x["health"]["counters"].get("not_measured", 0) for x in document["targets"]) \
        + sum(x["programs"] for x in document.get("unmeasured", []))
    t.between("programs that were missed", 0, missed, MISSED_MOST)
    t.equal("calls of work_one", total(document, "work_one"), (programs - missed) * calls)
    t.equal("calls of work_two", total(document, "work_two"), (programs - missed) * calls * 2 // 3)


def none_running(t):
    def look():
        document = each(t)
        return document if not [x for x in document["targets"] if x["state"] == "running"] else None
    return wait_until("every target to end", look, 30)


def test_a_fork_child_is_a_target_of_its_own(t):
    t.new_daemon()
    expected = t.target("worker").ask("go 1000")["sum"]
    target = t.target("worker")
    t.attach(target, "work_one")
    for n in (1000, 10):
        truth = target.ask(f"fork {n}")
        t.equal("the child's status", truth["status"], 0)
        if n == 1000:
            t.equal("the child's result", truth["sum"], expected)
    target.ask("go 7")
    seen = each(t)["targets"]
    t.equal("calls of each", sorted(calls_of(x, "work_one") for x in seen), [21, 30, 3000])
    t.equal("and all were timed", sorted(reports.functions(x)["work_one"]["exits"] for x in seen),
            [21, 30, 3000])
    t.equal("states", sorted(x["state"] for x in seen), ["exited", "exited", "running"])


def test_every_way_to_make_a_process_is_followed(t):
    worker = t.target_path("worker")
    static = t.compile("worker.c", "-static")
    for how, path, kin, ones in (("fork 5 10", "", 50, 0), ("clone 5 10", "", 50, 0),
                                 ("many 4 10", "", 160, 0), ("spawn 5 10", worker, 0, 150),
                                 ("vfork 5 10", worker, 0, 150), ("forkexec 5 10", worker, 0, 150),
                                 ("spawn 5 10", static, 0, 150), ("chain 3 10", "", 10, 0)):
        with t.case(f"{how} {os.path.basename(path)}"):
            t.new_daemon()
            target = t.target("family")
            t.attach(target, KIN)
            truth = target.ask(f"{how} {path}".strip())
            t.equal("children that ended badly", truth["bad"], 0)
            t.equal("stops that their parent saw", truth["odd"], 0)
            if "chain" not in how:
                t.equal("its end", target.end(), 0)
            else:
                target.wait()
            document = none_running(t)
            t.equal("kin_work", total(document, "kin_work"), kin)
            t.equal("work_one", total(document, "work_one"), ones)
            t.equal("work_two", total(document, "work_two"), ones * 2 // 3)
            if ones:
                t.equal("processes with calls", len([x for x in document["targets"]
                                                     if calls_of(x, "work_one") == 30]), 5)
                if path != static:
                    t.equal("timed", total(document, "work_one", "exits"), ones)


@deadline(120)
def test_a_storm_of_2000_processes_loses_no_call(t):
    t.new_daemon()
    target = t.target("family")
    t.attach(target, KIN)
    truth = target.ask(f"storm 2000 10 {t.target_path('worker')}", 100)
    t.equal("children that ended badly", truth["bad"], 0)
    t.equal("stops that their parent saw", truth["odd"], 0)
    target.end()
    document = none_running(t)
    none_missed(t, document, 2000, 30)


@deadline(120)
def test_exe_before_any_exists_misses_none_of_2000_runs(t):
    t.new_daemon()
    worker = t.target_path("worker")
    reply = wire.attach(t.daemon.socket, ["work_*"], exes=[worker])
    t.equal("it waits", reply.get(3), [1])
    t.equal("nothing yet", reply.get(1), None)
    target = t.target("family")
    truth = target.ask(f"storm 2000 10 {worker}", 100)
    t.equal("runs that ended badly", truth["bad"], 0)
    target.end()
    document = none_running(t)
    none_missed(t, document, 2000, 30)
    r = t.hotpath("status", "--format", "json", check=False)
    t.true("status is given", r.status == 0, str(r))
    t.hotpath("detach", "all")
    t.equal("and nothing is left", each(t)["targets"], [])


def test_names_are_waited_for_and_running_ones_attached(t):
    t.new_daemon()
    name = f"w{os.getpid()}-with-a-long-name"
    path = shutil.copy(t.target_path("worker"), f"{t.tmp}/{name}")
    running = t.target("worker", path=path)
    reply = wire.attach(t.daemon.socket, ["work_*"], names=[name])
    t.equal("one runs", len(reply.get(1, [])), 1)
    subprocess.run([path, "go 10"], check=True, capture_output=True)
    running.ask("go 1")
    t.equal("both are counted", sorted(calls_of(x, "work_one") for x in each(t)["targets"]), [3, 30])


def test_existing_descendants_are_attached(t):
    t.new_daemon()
    shell = t.lines(["sh", "-c", f"{t.target_path('worker')}; true"])
    ready = int(shell.line().split()[1])
    reply = wire.attach(t.daemon.socket, ["work_*", "main"], pids=[shell.pid], bystanders=1000)
    t.true("an attach of its parent", len(reply[1]) == 2, reply)
    shell.say("go 10")
    shell.line()
    t.equal("its calls", calls_of(t.report(ready), "work_one"), 30)
    shell.end()


def test_no_follow_leaves_children_alone(t):
    t.new_daemon()
    target = t.target("worker")
    wire.attach(t.daemon.socket, ["work_one"], pids=[target.target_pid], no_follow=True)
    t.equal("the child's status", target.ask("fork 1000")["status"], 0)
    report = t.report(target)
    t.equal("calls", calls_of(report, "work_one"), 0)
    t.equal("children", report["health"]["counters"].get("children"), 1)
    t.equal("nothing is missing of what was asked for", report["complete"], True)


def test_children_that_could_not_be_followed_make_it_incomplete(t):
    t.new_daemon(features="-session")
    target = t.target("worker")
    t.attach(target, "work_one")
    target.ask("go 1")
    t.equal("before it has any", t.report(target)["complete"], True)
    t.equal("the child's status", target.ask("fork 10")["status"], 0)
    report = t.report(target)
    t.equal("children", report["health"]["counters"].get("children"), 1)
    t.equal("with one that is not counted", report["complete"], False)


def bytes_at(pid, path, name):
    """The first byte of a function in a process's memory, and in its file."""
    symbol = next(line.split() for line in subprocess.run(
        ["nm", path], capture_output=True, text=True, check=True).stdout.split("\n")
        if line.endswith(f" T {name}"))
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        base = int(next(line for line in f if path in line).split("-")[0], 16)
    with open(f"/proc/{pid}/mem", "rb") as f:
        f.seek(base + int(symbol[0], 16))
        return f.read(16)


FORKS = """
#include <stdexcept>
#include "target.h"
extern "C" PROBED int fk_throw(int i) { if (i) throw std::runtime_error("x"); PUSHES; return i + 1; }
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		int n = 0;
		try { fk_throw(target_is("throw")); } catch (std::exception &) { n = 1; }
		pid_t pid = target_is("fork") ? fork() : 0;
		if (target_is("fork") && pid == 0) for (;;) pause();
		target_truth("\\"child\\":%d,\\"caught\\":%d", (int)pid, n);
	}
}
"""


def test_no_follow_leaves_no_breakpoint_in_a_child(t):
    t.new_daemon()
    path = t.compile("forks.cc", cc="g++", text=FORKS)
    target = t.target("forks", path=path)
    clean = bytes_at(target.target_pid, path, "fk_throw")
    wire.attach(t.daemon.socket, ["fk_throw"], pids=[target.target_pid], no_follow=True)
    t.true("the target has one", bytes_at(target.target_pid, path, "fk_throw") != clean)
    child = target.ask("fork")["child"]
    wait_until("none in its child", lambda: bytes_at(child, path, "fk_throw") == clean)
    t.true("the target still has it", bytes_at(target.target_pid, path, "fk_throw") != clean)
    t.equal("and works", target.ask("throw")["caught"], 1)
    t.equal("its calls", calls_of(t.report(target), "fk_throw"), 2)
    os.kill(child, 9)


STRAYS = """
#include <setjmp.h>
#include <sys/wait.h>
#include "target.h"
static jmp_buf back;
static int status;
PROBED int st_jump(int i) { PUSHES; if (i) longjmp(back, 1); return i; }
PROBED pid_t st_fork(void) { pid_t pid = fork(); NOT_A_TAIL; return pid; }
PROBED pid_t st_outer(void)
{
	pid_t pid = st_fork();
	if (pid > 0)
		waitpid(pid, &status, 0);
	else if (!setjmp(back))
		st_jump(1);
	NOT_A_TAIL;
	return pid;
}
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		if (st_outer() == 0) { st_jump(0); _exit(0); }
		target_truth("\\"status\\":%d", status);
	}
	return 0;
}
"""


def test_returns_of_the_parents_calls_are_not_the_childs(t):
    t.new_daemon()
    target = t.target("strays", path=t.compile("strays.c", text=STRAYS))
    t.attach(target, "st_*")
    for _ in range(3):
        t.equal("the child's status", target.ask("go")["status"], 0)
    parent, *children = sorted(each(t)["targets"], key=lambda x: x["pid"] != target.target_pid)
    f = reports.functions(parent)
    t.equal("the parent's", [(f[x]["calls"], f[x]["exits"]) for x in ("st_outer", "st_fork")], [(3, 3)] * 2)
    t.equal("three children", len(children), 3)
    for child in children:
        f = reports.functions(child)
        t.equal("calls and exits", [(f[x]["calls"], f[x]["exits"]) for x in ("st_outer", "st_fork", "st_jump")],
                [(0, 0), (0, 0), (2, 1)])
        t.equal("strays", child["health"]["counters"].get("stray_returns"), 2)


def test_killing_the_daemon_while_it_holds_programs_harms_none(t):
    daemon = t.new_daemon()
    target = t.target("family")
    t.attach(target, KIN)
    target.say(f"storm 400 10 {t.target_path('worker')}")
    wait_until("a child", lambda: len(each(t)["targets"]) > 3)
    os.kill(daemon.pid, 9)
    truth = target.truth()
    t.equal("children that ended badly", truth["bad"], 0)
    t.equal("stops that their parent saw", truth["odd"], 0)


def run_shell(t, script, pattern):
    """`run` of a shell, with the daemon that the test has: its processes."""
    return t.run("sh", "-c", script, args=["-f", pattern, "--merge", "none"])[1]


def test_what_one_family_found_empty_another_looks_at_anew(t):
    t.new_daemon()
    worker, nesting = t.target_path("worker"), t.target_path("nesting")
    script = f"{worker} 'go 1'; {nesting} 'go 1'; :"
    first = run_shell(t, script, "work_one")
    t.equal("of the first", total(first, "work_one"), 3)
    second = run_shell(t, script, "nest_c")
    t.equal("of the second", total(second, "nest_c"), 15)


def test_a_file_that_takes_a_deleted_ones_inode_is_another(t):
    """As every configure script does: build, run, remove, build the next."""
    t.new_daemon()
    other = t.target_path("nesting")
    script = "".join(f"cp {other} {t.tmp}/a; {t.tmp}/a 'go 1'; rm {t.tmp}/a; "
                     f"cp {t.target_path('worker')} {t.tmp}/b; {t.tmp}/b 'go 1'; rm {t.tmp}/b; " for _ in range(3))
    document = run_shell(t, script + ":", "work_one")
    t.equal("calls of all three", total(document, "work_one"), 9)


def test_more_descendants_than_one_attach_takes_are_said(t):
    t.new_daemon()
    parent = t.target("herd")
    parent.ask("grow 780")
    r = t.hotpath("attach", parent.pid, "-f", "herd_work", "--max-bystanders", "1000")
    t.matches("in the answer", "left out: they would be more than", (r.out + r.err).decode())
    t.equal("and it is not complete", t.report(parent.pid)["complete"], False)
    parent.end()


TRACER = """
#include <sys/ptrace.h>
#include <sys/wait.h>
#include "target.h"
int main(int argc, char **argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	return argc > 1 && WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
"""


def test_what_another_tracer_has_is_not_held_and_that_is_said(t):
    t.new_daemon()
    tracer = t.compile("tracer.c", text="#include <signal.h>\n" + TRACER)
    argv = [tracer, t.target_path("worker"), "go 10", "spin 300", "exit 3"]
    plain = subprocess.run(argv, capture_output=True, check=False)
    r, document = t.run(*argv, args=["-f", "work_*", "--merge", "none"], check=False)
    t.equal("status", (plain.returncode, r.status), (3, 3))
    t.equal("its first answer, but for the pid", r.out.split(b"\n")[0].split(b",")[1:],
            plain.stdout.split(b"\n")[0].split(b",")[1:])
    traced = [x for x in document["targets"] if x["comm"] == "worker"]
    t.equal("it is measured", len(traced), 1)
    t.equal("not held", [x["health"]["counters"].get("held_not", 0) > 0 for x in traced], [True])
    t.equal("so it is not complete", [x["complete"] for x in traced], [False])
    t.true("some was seen", calls_of(traced[0], "work_one") > 0)


AGAIN = r"""
#include <sys/wait.h>
#include "target.h"
#define G(n) PROBED unsigned long g##n(unsigned long x) { PUSHES; return x * 31 + n; }
G(0) G(1) G(2) G(3) G(4) G(5) G(6) G(7) G(8) G(9) G(10) G(11) G(12) G(13) G(14) G(15)
static unsigned long (*const all[])(unsigned long) = {g0, g1, g2, g3, g4, g5, g6, g7, g8, g9, g10, g11, g12,
						      g13, g14, g15};
static unsigned long go(unsigned long n)
{
	unsigned long sum = n;

	while (n--) {
		for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			sum = all[i](sum);
	}
	return sum;
}
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		int status = 0;

		if (target_is("go"))
			go(target_number(0));
		if (target_is("fork") || target_is("spawn")) {
			pid_t pid = fork();

			if (!pid && target_is("spawn"))
				execl(argv[0], argv[0], "go 3", NULL);
			if (!pid)
				go(3);
			if (!pid)
				_exit(0);
			waitpid(pid, &status, 0);
		}
		target_truth("\"status\":%d", status);
	}
	return 0;
}
"""


def made(t):
    """Executables that are followed, targets that are ready, bytes; when nothing is still being made."""
    each(t)
    status = json.loads(t.hotpath("status", "--format", "json").out)
    return (status["limits"]["executables"]["used"], status["limits"]["ready"]["used"], status["kernel_bytes"])


def calls_of_children(t, parent):
    """By function, of those children of one process that have ended."""
    return [{name: f["calls"] for name, f in reports.functions(x).items()} for x in each(t)["targets"]
            if x["state"] == "exited" and x.get("parent_pid") == parent]


def test_an_attach_of_the_same_again_makes_nothing_more(t):
    t.new_daemon()
    target = t.target("again", path=t.compile("again.c", text=AGAIN))
    t.attach(target, "g1", "g2")
    first = made(t)
    for _ in range(20):
        t.attach(target, "g1", "g2")
    t.equal("executables, targets that are ready, bytes", made(t), first)
    for how in ("fork", "spawn"):
        t.equal("the child's status", target.ask(how)["status"], 0)
    t.equal("calls of each", calls_of_children(t, target.pid), [{"g1": 3, "g2": 3}] * 2)


def test_an_attach_of_more_adds_it_to_what_children_get(t):
    t.new_daemon()
    target = t.target("again", path=t.compile("again.c", text=AGAIN))
    t.attach(target, "g0")
    first = made(t)
    for n in range(1, 15):
        t.attach(target, f"g{n}")
    now = made(t)
    t.equal("executables", now[0], first[0])
    t.equal("an attach that fails adds nothing", now, (t.refused(
        "attach", target.pid, t.target("worker").pid, "-f", "g15", says=["matches no function"]), made(t))[1])
    t.between("targets that are ready", 2, now[1], first[1])
    for how in ("fork", "spawn"):
        t.equal("the child's status", target.ask(how)["status"], 0)
    t.equal("calls of each", calls_of_children(t, target.pid), [{f"g{n}": 3 for n in range(15)}] * 2)


def test_children_have_what_their_own_parent_was_attached_for(t):
    """Two of one executable; what one got later overlaps what the other has."""
    t.new_daemon()
    path = t.compile("again.c", text=AGAIN)
    one, two = t.target("again", path=path), t.target("again", path=path)
    t.hotpath("attach", one.pid, two.pid, "-f", "g0")
    for target, pattern, executables in ((one, "g1", 1), (two, "/^g[12]$/", 2), (one, "g2", 2), (two, "g3", 2)):
        with t.case(f"{target.pid} {pattern}"):
            t.attach(target, pattern)
            t.equal("executables", made(t)[0], executables)
    for target, functions in ((one, ("g0", "g1", "g2")), (two, ("g0", "g1", "g2", "g3"))):
        target.ask("fork")
        t.equal("calls", calls_of_children(t, target.pid), [{name: 3 for name in functions}])
