# SPDX-License-Identifier: GPL-2.0-only
"""Who may do what: root all; others their own processes, and nothing else is seen."""
import json
import os
import shutil
import subprocess

import reports
import wire
from context import GROUP, NOBODY, as_user
from processes import wait_until

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


def test_a_child_that_execs_a_setuid_program_is_not_observed(t):
    with_group(t)
    suid = f"{t.tmp}/suid"
    with open(t.target_path("worker"), "rb") as f, open(suid, "wb") as g:
        g.write(f.read())
    os.chmod(suid, 0o4755)
    plain = t.public(t.target_path("worker"))
    target = t.target("family", path=t.public(t.target_path("family")), prefix=as_user("nobody"))
    t.hotpath("attach", target.target_pid, "-f", "/^(kin|work)_/", user="nobody")
    for how in ("forkexec", "spawn"):
        t.equal(f"{how}: ended badly", target.ask(f"{how} 2 10 {suid}")["bad"], 0)
    t.equal("no call is seen", [f for x in t.document("--merge", "none")["targets"]
                                for f in reports.functions(x) if f.startswith("work")], [])
    target.ask(f"spawn 2 10 {plain}")
    t.equal("of others they are", sum(reports.functions(x)["work_one"]["calls"]
                                      for x in t.document("--merge", "none")["targets"]), 60)
    target.end()


def test_selectors_do_not_reach_beyond_the_users_own(t):
    """Processes that attach PID would refuse: of another group, with capabilities."""
    with_group(t)
    worker = t.public(t.target_path("worker"))
    t.hotpath("attach", "--exe", worker, "-f", "work_one", user="nobody")
    subprocess.run([*as_user("nobody"), worker, "go 1"], check=True, capture_output=True)  # makes the kit
    for what, prefix in (
            ("another group", ["setpriv", "--reuid", "65534", "--regid", "1", "--clear-groups"]),
            ("capabilities", ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                              "--inh-caps", "+net_bind_service", "--ambient-caps", "+net_bind_service"])):
        with t.case(what):
            r = subprocess.run([*prefix, worker, "go 100"], check=False, capture_output=True)
            t.equal("it runs as ever", r.returncode, 0)
    calls = [reports.functions(x)["work_one"]["calls"] for x in t.document("--merge", "none")["targets"]
             if "work_one" in reports.functions(x)]
    t.equal("calls that were seen", sum(calls), 3)


def test_limits_per_user_are_errors_with_numbers(t):
    with_group(t, args=("--max-targets", "2", "--max-probes", "3"))
    targets = [user_target(t, "nobody") for _ in range(3)]
    for target in targets[:2]:
        t.hotpath("attach", target.pid, "-f", "work_one", user="nobody")
    t.refused("attach", targets[2].pid, "-f", "work_one", user="nobody", says=["limit|most|max|may have", "2"])
    t.refused("attach", targets[0].pid, "-f", "*", user="nobody", says=["limit|most|max|may have", "3"])
    t.hotpath("attach", targets[2].pid, "-f", "work_one")  # root has no limit
    assert NOBODY


def test_one_user_can_not_take_all_families(t):
    with_group(t, args=("--max-families", "2"))
    for n in range(2):
        t.hotpath("attach", "--name", f"nobody-{n}", "-f", "main", user="nobody")
    says = ["may have 2", "hotpath status", "--no-follow", "--max-families"]
    t.refused("attach", "--name", "nobody-2", "-f", "main", user="nobody", says=says)
    target = user_target(t, "nobody")
    t.refused("attach", target.pid, "-f", "work_one", user="nobody", says=says)
    t.hotpath("attach", target.pid, "-f", "work_one", "--no-follow", user="nobody")
    t.hotpath("attach", "--name", "root-0", "-f", "main")  # root has no limit
    t.matches("status", "limit families: 2 of 2", t.hotpath("status", user="nobody").out)
    t.hotpath("detach", "all", user="nobody")
    t.hotpath("attach", "--name", "nobody-2", "-f", "main", user="nobody")
    t.refused("attach", *[x for n in range(129) for x in ("--name", f"n{n}")], "-f", "main", user="nobody",
              says=["may have 128"])


def test_an_attach_that_follows_nobody_says_so(t):
    for what, features, says in (("no sessions", "-session", "no uprobe sessions"),
                                 ("no family is left", None, "tables of families")):
        with t.case(what):
            d = t.new_daemon(features=features)
            for n in range(0 if features else 127):
                wire.attach(d.socket, ["main"], names=[f"none-{n}"])
            target = t.target("worker")
            r = t.attach(target, "work_one")
            t.matches("in its answer", f"not followed: .*{says}", r.out)
            t.matches("in the report", f"not followed: .*{says}", " ".join(t.report(target)["health"]["notes"]))
            t.hotpath("detach", target.pid)


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


def test_what_is_made_for_children_leaves_room_for_more_attaches(t):
    """A target of 700 functions takes 1.6 MB: a user's 32 MB are enough for six of them,
    whatever is made in advance for the children that they may have."""
    with_group(t, args=("--max-memory", "64M"))
    functions = "".join(f"__attribute__((noipa)) int g{i}(int x) {{ return x + {i}; }}\n" for i in range(700))
    path = t.public(t.compile("many.c", text=functions + "#include <unistd.h>\nint main(void) { char c = 0;\n"
                              "write(1, \"ready\\n\", 6); return read(0, &c, 1) + g7(c); }\n"))
    for _ in range(6):
        p = t.lines([*as_user("nobody"), path])
        p.line()
        t.hotpath("attach", p.pid, "-f", "/^g[0-9]+$/", user="nobody")


def test_a_user_does_not_end_what_root_follows(t):
    with_group(t)
    worker = t.public(t.target_path("worker"))
    t.hotpath("attach", "--exe", worker, "-f", "work_one", "--ttl", "0")
    target = user_target(t, "nobody")
    target.ask("go 10")
    says = [f"pid {target.pid}: it is followed by an attach of uid 0", "ask them, or attach when they have detached"]
    for args in (("--ttl", "1ms"), ("--no-follow",)):
        t.refused("attach", target.pid, "-f", "work_*", *args, user="nobody", says=says)
    target.ask("go 10")
    functions = t.functions(target)
    t.equal("calls and functions", {name: f["calls"] for name, f in functions.items()}, {"work_one": 60})
    t.equal("state", t.report(target)["state"], "running")
    subprocess.run([*as_user("nobody"), worker, "go 1"], check=True, capture_output=True)
    t.matches("root's family", r"2 measured so far, waits for more", t.hotpath("status").out)
    with t.case("of which nothing is probed"):
        shell = t.lines([*as_user("nobody"), "dash", "-c", "echo ready; read x; sleep 1000 & echo $!; read y; kill $!"])
        shell.line()
        t.hotpath("attach", shell.pid, "-f", "dash:*", "--max-bystanders", "1000")
        shell.say("start")
        pid = int(shell.line())
        t.refused("attach", pid, "-f", "sleep:*", user="nobody", says=[f"pid {pid}: it is followed by an attach of uid 0"])
        shell.say("end")
        shell.end()


def test_a_detach_takes_with_it_only_what_that_user_may_see(t):
    with_group(t)
    target = t.target("family", path=t.public(t.target_path("family")), prefix=as_user("nobody"))
    t.hotpath("attach", target.target_pid, "-f", "kin_work")
    target.ask("fork 3 10")
    t.hotpath("detach", target.target_pid, user="nobody")
    t.equal("the children's calls, for root", sum(reports.functions(x)["kin_work"]["calls"]
                                                  for x in t.document("--merge", "none")["targets"]), 30)


def test_what_waits_goes_on_when_one_that_it_has_is_detached(t):
    with_group(t)
    worker = t.public(t.target_path("worker"))
    t.hotpath("attach", "--exe", worker, "-f", "work_one", "--ttl", "0", user="nobody")
    for how, args in (("by --ttl", ("--ttl", "1ms")), ("by a detach", ())):
        with t.case(how):
            target = user_target(t, "nobody")
            t.hotpath("attach", target.pid, "-f", "work_one", *args, user="nobody")
            if args:
                wait_until("its end", lambda: t.report(target)["state"] == "detached")  # pylint: disable=cell-var-from-loop
            else:
                t.hotpath("detach", target.pid, user="nobody")
            t.equal("it waits still", len([x for x in t.hotpath("status", user="nobody").out.splitlines()
                                           if b"waits for more" in x]), 1)
            other = user_target(t, "nobody")
            other.ask("go 10")
            t.equal("calls of the next", t.functions(other)["work_one"]["calls"], 30)
            target.end()
            other.end()


def test_what_is_made_in_advance_for_one_user_is_half_of_the_slots_at_most(t):
    with_group(t)
    source = t.target_path("worker")
    targets = []
    for n in range(14):
        path = shutil.copy(source, f"{t.tmp}/worker-{n}")
        os.chmod(path, 0o755)
        targets.append(t.target(f"worker-{n}", path=t.public(path), prefix=as_user("nobody")))
        t.hotpath("attach", targets[-1].pid, "-f", "work_one", user="nobody")
        t.document()  # what is made a little later is made now
    limits = json.loads(t.hotpath("status", "--format", "json", user="nobody").out)["limits"]
    t.equal("executables", limits["executables"]["used"], 14)
    t.between("targets in advance", 14 * 2, limits["ready"]["used"], limits["ready"]["max"])
    t.equal("of all", limits["ready"]["max"], 511)
    for target in targets:
        target.ask("fork 5")
    t.equal("children's calls", [reports.functions(x)["work_one"]["calls"] for x in
                                 t.document("--merge", "none")["targets"] if x["state"] == "exited"], [15] * 14)
