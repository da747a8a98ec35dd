# SPDX-License-Identifier: GPL-2.0-only
"""Programs that execute others by translating their code meet no breakpoint of ours."""
import re
import shutil
import subprocess

from context import deadline


def valgrind(t, *command):
    if not shutil.which("valgrind"):
        t.skip("valgrind is not installed")
    return subprocess.run(["valgrind", "-q", *command], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, check=False)


def same(t, out, status, alone):
    """But for the pid that it prints."""
    t.equal("output", *(re.sub(rb'"pid":\d+', b"", x) for x in (out, alone.stdout)))
    t.equal("status", status, alone.returncode)


@deadline(120)
def test_valgrind_under_run_does_what_it_does_alone(t):
    worker = t.target_path("worker")
    alone = valgrind(t, worker, "go 10")
    for name, command in (("itself", ["valgrind", "-q", worker, "go 10"]),
                          ("a child", ["sh", "-c", f"valgrind -q {worker} 'go 10'; exit $?"])):
        with t.case(name):
            r, document = t.run(*command, args=["-f", "work_*"], check=False)
            same(t, r.out, r.status, alone)
            first = document["targets"][0]
            t.equal("complete", first["complete"], False)
            t.true("says why", "translating" in str(first["health"]["notes"]), first["health"])


@deadline(120)
def test_valgrind_of_nobody_ends_what_is_profiled_not_itself(t):
    worker = t.target_path("worker")
    alone = valgrind(t, worker, "go 10")
    target = t.target("worker")
    t.attach(target, "work_*", "libc.so*:malloc")
    target.ask("go 5")
    again = valgrind(t, worker, "go 10")
    same(t, again.stdout, again.returncode, alone)
    report = t.report(target)
    t.equal("state", report["state"], "detached")
    t.equal("complete", report["complete"], False)
    t.true("says why", "translating" in str(report["health"]["notes"]), report["health"])
    t.equal("calls until then", t.functions(target)["work_one"]["calls"], 15)
    t.true("the target goes on", target.ask("go 5"))


def test_no_attach_while_one_runs(t):
    shutil.copy(t.target_path("worker"), f"{t.tmp}/fake-amd64-linux")
    translator = t.target("fake", path=f"{t.tmp}/fake-amd64-linux")
    target = t.target("worker")
    t.refused("attach", target.target_pid, "-f", "work_one",
              says=[f"fake-amd64-linux \\(pid {translator.target_pid}\\)", "when it has ended"])
    translator.end()
    t.attach(target, "work_one")
    target.ask("go 10")
    t.equal("calls", t.functions(target)["work_one"]["calls"], 30)
    t.hotpath("detach", target.target_pid)


def test_links_that_cannot_be_for_one_process_go_as_well(t):
    """Of a process whose main thread has ended they are for every process."""
    t.new_daemon(features="-returns")
    target = t.target("threads")
    target.ask("leader")
    t.attach(target, "thread_work", args=["--no-follow"])
    shutil.copy(t.target_path("worker"), f"{t.tmp}/fake-amd64-linux")
    subprocess.run([f"{t.tmp}/fake-amd64-linux", "go 10"], check=True, capture_output=True)
    t.equal("state", t.report(target)["state"], "detached")
    target.ask("many 2 500")
