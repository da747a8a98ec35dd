# SPDX-License-Identifier: GPL-2.0-only
"""Never harm the target: what other tracers break gives the same results here."""
import ctypes
import json
import os
import subprocess

import reports


def outcome(argv, commands):
    """Output and status of a program that no one profiles."""
    r = subprocess.run([argv, *commands], capture_output=True, timeout=60, check=False)
    return r.stdout.decode(), r.returncode


def test_exceptions_pass_through_measured_functions(t):
    path = t.target_path("throws")
    alone = outcome(path, ["go 1000"])
    with t.case("attach"):
        target = t.target("throws")
        t.attach(target, "throw_*")
        target.say("go 1000")
        t.equal("output", target.line() + "\n", alone[0])
        f = t.functions(target)
        t.equal("calls", [f[f"throw_{x}"]["calls"] for x in ("catch", "middle", "deep")], [1000] * 3)
        for name in ("throw_middle", "throw_deep", "throw_catch"):
            t.equal(f"{name} returns", f[name]["probe"]["returns"], "sites")
            t.true(f"{name} has a reason", len(f[name]["probe"].get("reason") or "") > 10, f[name]["probe"])
        t.equal("status", target.end(), alone[1])
    with t.case("run"):
        r, document = t.run(path, "go 1000", args=["-f", "throw_*"], check=False)
        t.equal("output and status", (r.out.decode(), r.status), alone)
        f = reports.functions(document["targets"][0])
        t.equal("calls", [f[f"throw_{x}"]["calls"] for x in ("catch", "middle", "deep")], [1000] * 3)


def test_exceptions_pass_through_everything_the_program_has(t):
    """Not only what we wrote: every function of the executable and of libstdc++ that throws."""
    path = t.target_path("throws")
    alone = outcome(path, ["go 300"])
    for patterns in (["throws:*"], ["throws:*", "libstdc++*:*throw*"], ["libgcc_s*:*"]):
        with t.case(" ".join(patterns)):
            flags = [x for p in patterns for x in ("-f", p)]
            r, _ = t.run(path, "go 300", args=flags, check=False)
            if r.status == 125:  # nothing there may be probed: an answer, too
                t.true("says why", r.err, str(r))
                continue
            t.equal("output and status", (r.out.decode(), r.status), alone)


def test_stacks_signals_cancels_and_jumps_are_unharmed(t):
    path = t.target_path("stacks")
    for command, patterns in (("altstack 1000", ["alt_*"]), ("cancel 50", ["can_*"]),
                              ("setjmp 1000", ["set_*"])):
        alone = outcome(path, [command])
        with t.case(f"{command}, attach"):
            target = t.target("stacks")
            t.attach(target, *patterns)
            target.say(command)
            t.equal("output", target.line() + "\n", alone[0])
            f = t.functions(target)
            t.true("calls were counted", sum(r["calls"] for r in f.values()) > 0, f)
            t.equal("status", target.end(), 0)
        with t.case(f"{command}, run"):
            r, _ = t.run(path, command, args=["-f", patterns[0]], check=False)
            t.equal("output and status", (r.out.decode(), r.status), alone)


def test_coroutines_on_any_stack_are_unharmed_and_counted(t):
    path = t.target_path("coroutines")
    for command, calls in (("static 300", 600), ("frame 300", 600), ("heap 300", 600),
                           ("tls 300", 600), ("moved 50", 51)):
        alone = outcome(path, [command])
        with t.case(f"{command}, run, everything it has"):
            r, report = t.run(path, command, args=["-f", "coroutines:*"], check=False)
            t.equal("output and status", (r.out.decode(), r.status), alone)
        with t.case(f"{command}, attach"):
            target = t.target("coroutines")
            t.attach(target, "co_*", "on_*", "begin")
            t.equal("output", target.ask(command), t.target("coroutines").ask(command))
            step = t.functions(target)["co_step"]
            t.true("no return of co_step is armed", step["probe"]["returns"] != "session", step)
            t.between("co_step calls", calls, step["calls"], calls + 1)
            t.equal("status", target.end(), 0)


def test_counts_are_exact_where_stacks_change(t):
    target = t.target("stacks")
    t.attach(target, "alt_*", "set_*", "can_wait")
    target.ask("altstack 500")
    target.ask("setjmp 500")
    target.ask("cancel 10")
    f = t.functions(target)
    t.equal("alt_work calls", f["alt_work"]["calls"], 500)
    t.equal("alt_raise exits", (f["alt_raise"]["calls"], f["alt_raise"]["exits"]), (500, 500))
    t.equal("set_outer exits", (f["set_outer"]["calls"], f["set_outer"]["exits"]), (500, 500))
    t.equal("set_inner", (f["set_inner"]["calls"], f["set_inner"]["exits"], f["set_inner"]["unwound"]),
            (500, 250, 250))
    t.equal("can_wait calls", f["can_wait"]["calls"], 10)


def test_what_must_never_be_armed_is_not(t):
    """setjmp, dlsym and their like: not timed when asked for, and the program lives."""
    path = t.compile("never.c", "-ldl", name="never", text=r'''
#include <dlfcn.h>
#include <setjmp.h>
#include <stdio.h>
#include <ucontext.h>
static jmp_buf mark;
static int n;
int main(void)
{
	ucontext_t c;
	void *p = dlsym(RTLD_NEXT, "puts");
	if (setjmp(mark) < 5)
		longjmp(mark, ++n);
	getcontext(&c);
	if (n++ < 10)
		setcontext(&c);
	printf("%d %d\n", n, p != NULL);
	return 0;
}
''')
    alone = outcome(path, [])
    for pattern in ("libc*:*setjmp", "libc*:dlsym", "libc*:*context", "libc*:dl*", "libc*:_setjmp"):
        with t.case(pattern):
            r, document = t.run(path, args=["-f", pattern, "-f", "main"], check=False)
            t.equal("output and status", (r.out.decode(), r.status), alone)
            for row in reports.rows(document["targets"][0]):
                if row["name"] in ("setjmp", "_setjmp", "__sigsetjmp", "getcontext", "swapcontext", "setcontext"):
                    t.equal(f"{row['name']} returns", row["probe"]["returns"], "none")
                if row["name"] in ("dlsym", "dlopen"):  # they look at their caller
                    t.true(f"no return of {row['name']} is armed", row["probe"]["returns"] != "session", row)


def test_seccomp_and_nondumpable_targets_are_unharmed(t):
    path = t.compile("strict.c", name="strict", text=r'''
#include "target.h"
#include <linux/seccomp.h>
#include <sys/prctl.h>
PROBED unsigned long strict_work(unsigned long x)
{
	PUSHES;
	return x + 1;
}
int main(int argc, char **argv)
{
	unsigned long x = 0;
	target_init(argc, argv);
	while (target_command()) {
		if (target_is("undumpable"))
			prctl(PR_SET_DUMPABLE, 0);
		for (unsigned long i = 0; i < 1000; i++)
			x = strict_work(x);
		if (target_is("strict")) {
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
			for (unsigned long i = 0; i < 1000; i++)
				x = strict_work(x);
		}
		target_truth("\"x\":%lu", x);
	}
	return 0;
}
''')
    target = t.target("strict", path=path)
    t.attach(target, "strict_work")
    t.equal("result", target.ask("undumpable")["x"], 1000)
    t.equal("result", target.ask("strict")["x"], 3000)
    t.equal("calls", t.functions(target)["strict_work"]["calls"], 3000)


def test_vfork_and_threads_that_fork_are_unharmed(t):
    path = t.compile("vforks.c", name="vforks", text=r'''
#include "target.h"
#include <sys/wait.h>
PROBED int vfork_child(int i)
{
	PUSHES;
	return i & 63;
}
PROBED int vfork_once(int i)
{
	int status;
	pid_t p = vfork();
	if (p == 0)
		_exit(vfork_child(i));
	waitpid(p, &status, 0);
	return WEXITSTATUS(status);
}
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		int n = (int)target_number(0), right = 0;
		for (int i = 0; i < n; i++)
			right += vfork_once(i) == (i & 63);
		target_truth("\"right\":%d", right);
	}
	return 0;
}
''')
    target = t.target("vforks", path=path)
    t.attach(target, "vfork_*")
    t.equal("right", target.ask("go 100")["right"], 100)
    f = t.functions(target)
    t.equal("vfork_once", (f["vfork_once"]["calls"], f["vfork_once"]["exits"]), (100, 100))
    child = f["vfork_child"]  # on its parent's stack: counted, and none of its returns armed
    t.equal("the children", (child["calls"], child["vetoed"]), (100, 100))
    t.equal("status", target.end(), 0)


def test_backtraces_and_core_signals_end_as_unprobed(t):
    for command, expected in (("raise 6", 134), ("raise 11", 139)):
        with t.case(command):
            r, document = t.run(t.target_path("worker"), "go 10", command, args=["-f", "work_*"], check=False)
            t.equal("status", r.status, expected)
            t.equal("the program's answer", json.loads(r.out)["ones"], 30)
            t.equal("state", document["targets"][0]["state"], "exited")


def test_who_traces_a_target_is_told(t):
    """A debugger's breakpoint at a probed place does not stop: its user should know why."""
    seize, interrupt, detach = 0x4206, 0x4207, 17
    target = t.target("worker")
    ptrace = ctypes.CDLL(None).ptrace
    t.equal("seized", ptrace(seize, target.pid, 0, 0), 0)
    r = t.attach(target, "work_one")
    t.matches("attach says so", f"pid {os.getpid()} traces it", r.out)
    ptrace(interrupt, target.pid, 0, 0)
    os.waitpid(target.pid, 0)
    ptrace(detach, target.pid, 0, 0)
    target.ask("go 10")
    report = t.report(target)
    t.true("and the report", "traces it" in str(report["health"]["notes"]), report["health"])
    t.equal("calls", t.functions(target)["work_one"]["calls"], 30)
