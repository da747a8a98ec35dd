# SPDX-License-Identifier: GPL-2.0-only
"""Who may do what: root all; others their own processes, and nothing else is seen."""
import os

from context import GROUP, NOBODY, as_user

OTHER = 12345


def with_group(t, **more):
    """A daemon whose socket is of the group that our users are in."""
    d = t.new_daemon(**more)
    os.chown(d.socket, -1, GROUP)
    return d


def user_target(t, user, name="worker"):
    return t.target(name, path=t.public(t.target_path(name)), prefix=as_user(user))


def test_a_user_can_profile_their_own_process(t):
    with_group(t)
    target = user_target(t, "nobody")
    t.hotpath("attach", target.pid, "-f", "work_one", user="nobody")
    target.ask("go 10")
    r = t.hotpath("report", target.pid, user="nobody")
    t.matches("report", "work_one", r.out)
    t.matches("status", str(target.pid), t.hotpath("status", user="nobody").out)
    t.hotpath("reset", target.pid, user="nobody")
    target.ask("go 5")
    t.equal("root sees it too", t.functions(target)["work_one"]["exits"], 15)
    t.hotpath("detach", target.pid, user="nobody")
    t.equal("exit status", target.end(), 0)


def test_a_user_can_run_a_command(t):
    with_group(t)
    t.public(t.target_path("worker"))
    r = t.hotpath("run", "-f", "work_one", "--", f"{t.tmp}/worker", "go 10", "exit 4", user="nobody", check=False)
    t.true("status", r.status == 4, str(r))
    t.matches("report", r"work_one\s*\|\s*30\s*\|", r.out)


def test_other_users_targets_are_neither_seen_nor_touched(t):
    with_group(t)
    theirs, own = t.target("worker"), user_target(t, "nobody")
    t.attach(theirs, "work_one")
    t.hotpath("attach", own.pid, "-f", "work_two", user="nobody")
    theirs.ask("go 10")
    own.ask("go 10")
    r = t.hotpath("report", user="nobody")
    t.true("the report has their own only", str(own.pid).encode() in r.out and str(theirs.pid).encode()
           not in r.out and b"work_one" not in r.out, str(r))
    r = t.hotpath("status", user="nobody")
    t.true("status has their own only", str(own.pid).encode() in r.out and str(theirs.pid).encode()
           not in r.out, str(r))
    for verb in ("report", "reset", "detach"):
        with t.case(verb):
            t.refused(verb, theirs.pid, user="nobody", says=[str(theirs.pid)])
    t.refused("record", "-o", f"{t.tmp}/x", theirs.pid, user="nobody", says=[str(theirs.pid)])
    t.refused("probes", theirs.pid, user="nobody", says=[str(theirs.pid)])
    t.hotpath("detach", "all", user="nobody", check=False)
    theirs.ask("go 10")
    t.equal("root's target is attached still", t.functions(theirs)["work_one"]["exits"], 60)
    with t.case("another user, another process"):
        foreign = user_target(t, OTHER)
        t.refused("attach", foreign.pid, "-f", "work_one", user="nobody", says=[str(foreign.pid), "uid|user"])
        t.refused("report", own.pid, user=OTHER, says=[str(own.pid)])


def test_setuid_and_undumpable_processes_are_refused(t):
    with_group(t)
    path = t.compile("secret.c", name="secret", text=r'''
#include "target.h"
#include <sys/prctl.h>
PROBED void secret_work(void)
{
	PUSHES;
}
int main(int argc, char **argv)
{
	prctl(PR_SET_DUMPABLE, 0);
	target_init(argc, argv);
	while (target_command()) {
		secret_work();
		target_truth("\"euid\":%d", (int)geteuid());
	}
	return 0;
}
''')
    with t.case("not dumpable"):
        target = t.target("secret", path=t.public(path), prefix=as_user("nobody"))
        t.refused("attach", target.pid, "-f", "secret_work", user="nobody", says=[str(target.pid)])
        t.attach(target, "secret_work")  # root may
        t.hotpath("detach", target.pid)
    with t.case("set-uid"):
        suid = f"{t.tmp}/suid"
        with open(t.target_path("worker"), "rb") as f, open(suid, "wb") as g:
            g.write(f.read())
        os.chmod(suid, 0o4755)
        target = t.target("suid", path=suid, prefix=as_user("nobody"))
        t.refused("attach", target.pid, "-f", "work_one", user="nobody", says=[str(target.pid)])


def test_exec_of_a_setuid_program_ends_observation(t):
    with_group(t)
    suid = f"{t.tmp}/suid"
    with open(t.target_path("worker"), "rb") as f, open(suid, "wb") as g:
        g.write(f.read())
    os.chmod(suid, 0o4755)
    target = user_target(t, "nobody")
    t.hotpath("attach", target.pid, "-f", "work_one", user="nobody")
    target.ask("go 10")
    target.say(f"exec-other {suid}")
    target.ready()
    target.ask("go 1000")
    t.equal("calls seen", t.functions(target)["work_one"]["calls"], 30)
    t.true("state", t.report(target)["state"] in ("silenced", "execed"), t.report(target)["state"])
    t.equal("exit status", target.end(), 0)


def test_limits_per_user_are_errors_with_numbers(t):
    with_group(t, args=("--max-targets", "2", "--max-probes", "3"))
    targets = [user_target(t, "nobody") for _ in range(3)]
    for target in targets[:2]:
        t.hotpath("attach", target.pid, "-f", "work_one", user="nobody")
    t.refused("attach", targets[2].pid, "-f", "work_one", user="nobody", says=["limit|most|max|may have", "2"])
    t.refused("attach", targets[0].pid, "-f", "*", user="nobody", says=["limit|most|max|may have", "3"])
    t.hotpath("attach", targets[2].pid, "-f", "work_one")  # root has no limit
    assert NOBODY


def test_attach_and_detach_are_logged_with_uid_pid_and_probes(t):
    d = with_group(t)
    target = user_target(t, "nobody")
    t.hotpath("attach", target.pid, "-f", "work_*", user="nobody")
    t.hotpath("detach", target.pid, user="nobody")
    for verb in ("attach", "detach"):
        t.true(f"{verb} is logged", any(verb in x and str(target.pid) in x and str(NOBODY) in x
                                        for x in d.log.text), d.text())
    t.true("with the number of probes", any("attach" in x and "2" in x.replace(str(target.pid), "")
                                            for x in d.log.text), d.text())
