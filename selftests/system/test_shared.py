# SPDX-License-Identifier: GPL-2.0-only
"""Processes that count in another's figures, because no target was ready for them: for
as long as they run, whatever becomes of that other; or it is said that they do not."""
import os
import re
import shutil
import signal

import reports
from context import GROUP, as_user
from processes import stat, wait_until

# "leave PATH": what was started goes on as PATH, its child takes the commands.
HEIRS = r"""
#include <fcntl.h>
#include "target.h"
PROBED int heir_work(int i) { PUSHES; return i + 1; }
PROBED int heir_waits(int fd) { char c; int n = read(fd, &c, 1); NOT_A_TAIL; return n; }
int main(int argc, char **argv)
{
	int fd[2], gone[2], n;
	char c;

	target_init(argc, argv);
	if (pipe(fd) || pipe2(gone, O_CLOEXEC))
		abort();
	while (target_command()) {
		if (target_is("leave")) {
			if (fork()) {
				execl(target_line + strlen("leave "), "left", "1000", NULL);
				abort();
			}
			close(gone[1]);
			if (read(gone[0], &c, 1))
				abort();
		}
		if (target_is("block"))
			heir_waits(fd[0]);
		for (n = target_number(0); n > 0 && target_is("go"); n--)
			heir_work(n);
		target_truth("\"pid\":%d", (int)getpid());
	}
	return 0;
}
"""


def with_limit(t, targets):
    d = t.new_daemon(args=["--max-targets", str(targets)])
    os.chown(d.socket, -1, GROUP)


def heir(t):
    """Of a user who may have one target and has it: no spare is ever ready."""
    with_limit(t, 1)
    target = t.target("heir", path=t.public(t.compile("heirs.c", text=HEIRS)), prefix=as_user("nobody"))
    t.hotpath("attach", target.pid, "-f", "heir_*", user="nobody")
    target.ask("go 10")
    return target


def test_who_shares_figures_is_counted_when_their_own_process_execs(t):
    suid = shutil.copy("/bin/sleep", f"{t.tmp}/suid")
    os.chmod(suid, 0o4755)
    for path, state in (("/bin/sleep", "execed"), (suid, "silenced")):
        with t.case(path):
            target = heir(t)
            child = target.ask(f"leave {path}")["pid"]
            target.ask("go 100")
            report = t.report(target.pid)
            t.equal("calls while it runs", reports.functions(report)["heir_work"]["calls"], 110)
            t.equal("shared", report["health"]["counters"].get("children_shared"), 1)
            t.equal("state", report["state"], state)
            target.say("block")
            wait_until("the child's call", lambda: t.functions(target.pid)["heir_waits"]["calls"])
            os.kill(child, 9)
            def ended():
                f = t.functions(target.pid)["heir_waits"]
                return f if f["cut"] else None
            f = wait_until("its end", ended)
            t.equal("what was open in it", (f["calls"], f["open"], f["lost"]), (1, 1, 0))
            report = t.report(target.pid)
            t.equal("calls", reports.functions(report)["heir_work"]["calls"], 110)
            t.equal("its state stays", report["state"], state)
            os.kill(target.pid, 9)


LARGE = r"""
#include "target.h"
__asm__(".text\n.altmacro\n.macro one n\n.balign 16\n.globl large_\\n\n.type large_\\n,@function\n"
	"large_\\n: push %rbp; mov %rsp,%rbp; pop %rbp; ret\n.size large_\\n,.-large_\\n\n.endm\n"
	".set i,0\n.rept 12000\none %i\n.set i,i+1\n.endr\n.noaltmacro\n");
PROBED int large_call(int i) { PUSHES; return i + 1; }
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command())
		target_truth("\"sum\":%d", large_call(1));
	return 0;
}
"""


def test_a_program_for_which_no_target_is_ready_is_not_lost_silently(t):
    """Targets as large as these are made singly, and there is no slot for the rest."""
    with_limit(t, 2)
    path = t.public(t.compile("large.c", text=LARGE))
    os.chmod(t.tmp, 0o777)
    script = (f"cd {t.tmp}; mkfifo f; {path} <f >out & exec 3>f; while [ ! -s out ]; do :; done; "
              f"{path} go >&2; {path} go >&2; exec 3>&-; wait; {path} go >&2; :")
    r = t.hotpath("run", "-f", "large_*", "--format", "json", "--", "sh", "-c", script, user="nobody")
    document = reports.read(r.out)
    t.equal("programs that ran", r.err.count(b'{"sum":2}'), 3)
    counters = [x["health"]["counters"] for x in document["targets"]]
    calls = sum(reports.functions(x)["large_call"]["calls"] for x in document["targets"])
    missed = sum(c.get("not_measured", 0) for c in counters)
    t.equal("counted, or said not to be", calls + missed, 3)
    t.equal("said", missed, 2)
    t.hotpath("detach", "all")
    t.equal("nothing is left", t.document()["targets"], [])


def test_programs_that_nobody_could_be_told_of_are_counted(t):
    """More than the gate's ring buffer holds, while hotpathd stands still."""
    t.new_daemon()
    worker = t.target_path("worker")
    target = t.target("family")
    t.attach(target, "/^(kin|work)_/")
    tasks = f"/proc/{t.daemon.pid}/task"
    os.kill(t.daemon.pid, signal.SIGSTOP)
    try:
        wait_until("all its threads stop", lambda: all(stat(f"{t.daemon.pid}/task/{x}")[0] == "T"
                                                       for x in os.listdir(tasks)))
        truth = target.ask(f"storm 750 10 {worker}", 60)
    finally:
        os.kill(t.daemon.pid, signal.SIGCONT)
    t.equal("runs that ended badly", truth["bad"], 0)
    t.equal("stops that their parent saw", truth["odd"], 0)
    # It has the ring to read first.
    report = wait_until("all of them are told of", lambda: [
        r for r in [t.report(target)] if r["health"]["counters"].get("not_measured", 0) >= 750], 20)[0]
    # Whose first hold was the last to find room may be in it twice.
    t.between("not measured", 750, report["health"]["counters"].get("not_measured", 0), 766)
    t.equal("complete", report["complete"], False)
    target.ask(f"storm 20 10 {worker}")
    target.end()
    document = t.document("--merge", "none")
    measured = sum(reports.functions(x)["work_one"]["calls"] for x in document["targets"]) / 30
    missed = sum(x["health"]["counters"].get("not_measured", 0) for x in document["targets"])
    # Of the later ones one may be late, on a machine whose CPUs are all busy.
    t.between("later ones that were measured", 17, measured, 20)
    t.between("all of them, measured or said not to be", 770, measured + missed, 786)


def test_one_that_is_followed_and_attached_besides_belongs_to_one_of_both(t):
    """Nothing of it was probed where it was followed: it leaves that family, which ends."""
    d = t.new_daemon()
    shell = t.lines(["dash", "-c", "echo ready; read x; sleep 1000 & echo $!; read y; kill $!; wait"])
    shell.line()
    t.hotpath("attach", shell.pid, "-f", "dash:*", "--max-bystanders", "1000")
    shell.say("start")
    pid = int(shell.line())
    wait_until("sleep runs", lambda: stat(pid)[1] == "sleep")
    t.hotpath("attach", pid, "-f", "sleep:*", "--max-bystanders", "1000")
    t.equal("it is a target", t.report(pid)["state"], "running")
    shell.say("end")
    t.equal("the shell's end", shell.end(), 0)
    d.log.wait(re.compile("family 1: .* were followed"))
    t.equal("both have ended", [x for x in t.document()["targets"] if x["state"] == "running"], [])


def test_an_attach_besides_anothers_is_told_so(t):
    with_limit(t, 4)
    target = t.target("worker", path=t.public(t.target_path("worker")), prefix=as_user("nobody"))
    t.hotpath("attach", target.pid, "-f", "work_one", user="nobody")
    target.ask("go 10")
    r = t.attach(target, "work_one", "work_two", args=["--ttl", "1ms"])
    t.matches("root is told", "another user had attached it before.*a detach by either", r.out + r.err)
    t.matches("and does not end it early", "ttl is not heeded", r.out + r.err)
    t.matches("nor says so", "detaches by itself in (1 h|59 min)", r.out + r.err)
    target.ask("go 10")
    for user in (None, "nobody"):
        document = reports.read(t.hotpath("report", target.pid, "--format", "json", "-n", "0", user=user).out)
        f = reports.functions(reports.target_of(document, target.pid))
        t.equal("the figures of both", (f["work_one"]["calls"], f["work_two"]["calls"]), (60, 20))
    t.equal("its own user again", b"another user" in t.hotpath(
        "attach", target.pid, "-f", "work_one", user="nobody").out, False)
