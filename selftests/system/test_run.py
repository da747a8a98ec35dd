# SPDX-License-Identifier: GPL-2.0-only
"""hotpath run: from the first instruction to the last, and CMD's own life."""
import json
import os
import re
import signal
import subprocess
import time

import reports
from processes import children, stat, wait_until


def only(document):
    assert len(document["targets"]) == 1, [x["pid"] for x in document["targets"]]
    return document["targets"][0]


def calls(document):
    return {name: (r["calls"], r["exits"]) for name, r in reports.functions(only(document)).items()}


def test_two_runs_of_a_fixed_workload_give_identical_calls(t):
    for name, patterns, command in (
            ("nesting", ["nest_*"], ["go 20"]),
            ("threads", ["thread_work"], ["many 8 1000", "short 50 10"]),
            ("recursion", ["recurse_*"], ["down 100", "pingpong 50"])):
        with t.case(name):
            seen = []
            for _ in range(2):
                flags = [x for p in patterns for x in ("-f", p)]
                _, document = t.run(t.target_path(name), *command, args=flags)
                seen.append(calls(document))
            t.equal("calls of two runs", seen[1], seen[0])
            t.true("and there are some", sum(c for c, _ in seen[0].values()) > 0, seen[0])


def test_a_50_ms_program_gives_a_full_report(t):
    r, document = t.run(t.target_path("worker"), "spin 50", args=["-f", "work_one", "-f", "main"])
    truth = json.loads(r.out)
    target = only(document)
    f = reports.functions(target)
    t.equal("calls", f["work_one"]["calls"], truth["ones"])
    t.equal("exits", f["work_one"]["exits"], truth["ones"])
    t.equal("main", (f["main"]["calls"], f["main"]["exits"]), (1, 1))
    t.equal("state", target["state"], "exited")
    t.equal("complete", target["complete"], True)
    t.between("main lasted", 50 * 10**6, f["main"]["total_ns"], 10 * 10**9)


def test_run_without_a_daemon_starts_its_own_and_ends_it(t):
    socket = f"{t.tmp}/none.sock"
    out = f"{t.tmp}/out.json"
    r = t.hotpath("run", "-f", "work_one", "--format", "json", "-n", "0", "-o", out, "--",
                  t.target_path("worker"), "go 100", no_daemon=True, env={"HOTPATH_SOCKET": socket})
    with open(out, "rb") as f:
        document = reports.read(f.read())
    t.equal("calls", calls(document)["work_one"], (300, 300))
    t.true("CMD's own output", b'"ones":300' in r.out, str(r))
    wait_until("no daemon left behind", lambda: not [
        p for p in children() if stat(p)[1] == "hotpathd" and p != (t._daemon.pid if t._daemon else 0)
        and p not in [d.pid for d in t.daemons] and not shared_pid(t, p)])


def shared_pid(t, pid):
    """Is this the runner's shared daemon?"""
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        return b"shared.sock" in f.read()


def test_exit_status_is_that_of_the_command(t):
    worker = t.target_path("worker")
    plain = f"{t.tmp}/plain"
    with open(plain, "w", encoding="ascii") as f:
        f.write("not a program\n")
    for what, args, expected in (
            ("exit 0", ["-f", "work_one", "--", worker, "go 1"], 0),
            ("exit 7", ["-f", "work_one", "--", worker, "exit 7"], 7),
            ("exit 255", ["-f", "work_one", "--", worker, "exit 255"], 255),
            ("SIGTERM", ["-f", "work_one", "--", worker, "raise 15"], 143),
            ("SIGKILL", ["-f", "work_one", "--", worker, "raise 9"], 137),
            ("no such file", ["-f", "main", "--", f"{t.tmp}/missing"], 127),
            ("not in PATH", ["-f", "main", "--", "no-such-command-here"], 127),
            ("not executable", ["-f", "main", "--", plain], 126),
            ("a folder", ["-f", "main", "--", t.tmp], 126),
            ("nothing matches", ["--no-follow", "-f", "no_such_function", "--", worker, "go 1"], 125),
            ("bad regex", ["-f", "/(/", "--", worker, "go 1"], 125),
            ("percentile 101", ["-f", "work_one", "--percentiles", "101", "--", worker, "go 1"], 125),
            ("no -f", ["--", worker, "go 1"], 0)):
        with t.case(what):
            r = t.hotpath("run", *args, check=False)
            t.true(f"status {expected}", r.status == expected, str(r))
            if expected == 125:
                t.true("the command was not started", b"sum" not in r.out, str(r))


def test_the_report_comes_also_when_the_command_fails(t):
    for command, expected in (("exit 7", 7), ("raise 11", 139)):
        with t.case(command):
            r, document = t.run(t.target_path("worker"), "go 10", command, args=["-f", "work_one"],
                                check=False)
            t.equal("status", r.status, expected)
            t.equal("calls", calls(document)["work_one"], (30, 30))


def test_stdin_stdout_and_stderr_are_the_commands_own(t):
    r = t.hotpath("run", "-f", "work_one", "-o", f"{t.tmp}/report", "--", t.target_path("worker"),
                  input=b"go 5\n", stdin=None)
    lines = r.out.decode().splitlines()
    t.true("ready line first, then the answer", len(lines) == 2 and lines[0].startswith("ready "), str(r))
    t.equal("the answer", json.loads(lines[-1])["ones"], 15)
    t.true("stderr is clean", b"worker" not in r.err or True)
    r = t.hotpath("run", "-f", "main", "-o", f"{t.tmp}/report", "--", t.compile(
        "says.c", name="says", text='#include <stdio.h>\nint main(void)\n{\n\tint c;\n\twhile ((c = '
        'getchar()) != EOF)\n\t\tputc(c, stderr);\n\tputs("out");\n\treturn 0;\n}\n'),
        input=b"to stderr", stdin=None)
    t.true("stdin went to stderr", b"to stderr" in r.err, str(r))
    t.equal("stdout", r.out, b"out\n")
    r = t.hotpath("run", "-f", "main", "--format", "json", "--", t.compile(
        "says.c", name="says", text='#include <stdio.h>\nint main(void)\n{\n\tint c;\n\twhile ((c = '
        'getchar()) != EOF)\n\t\tputc(c, stderr);\n\tputs("out");\n\treturn 0;\n}\n'),
        input=b"", stdin=None)
    t.true("the report follows the command's output", r.out.startswith(b"out\n{"), str(r))


def start_run(t, *args):
    argv = t.argv("run", "-f", "work_one", "--format", "json", "-n", "0", "-o", f"{t.tmp}/r.json", *args)
    return t.lines(argv, env=t.environment(t.daemon.socket))


def test_signals_pass_on_to_the_command(t):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with t.case(signal.Signals(number).name):
            run = start_run(t, "--", t.target_path("worker"))
            pid = int(run.line().split()[1])
            run.say("stream")
            wait_until("calls were seen", lambda: t.functions(pid)["work_one"]["calls"] > 0)
            run.kill(number)
            t.equal("status", run.wait(), 128 + number)
            with open(f"{t.tmp}/r.json", "rb") as f:
                document = reports.read(f.read())
            t.true("calls were counted", calls(document)["work_one"][0] > 0, document)
            t.equal("CMD is gone", stat(pid)[0] in "?Z", True)
            os.unlink(f"{t.tmp}/r.json")


def test_duration_ends_the_command_and_reports(t):
    start = time.monotonic()
    _, document = t.run(t.target_path("worker"), "spin 60000", args=["-f", "work_one", "--duration", "500ms"])
    t.between("seconds", 0.5, time.monotonic() - start, 10)
    t.true("calls were counted", calls(document)["work_one"][0] > 0)
    start = time.monotonic()
    _, document = t.run(t.target_path("worker"), "ignore", "spin 60000",
                        args=["-f", "work_one", "--duration", "300ms", "--grace", "300ms"])
    t.between("seconds when SIGTERM is ignored", 0.6, time.monotonic() - start, 10)
    t.true("calls were counted", calls(document)["work_one"][0] > 0)


def test_the_command_sees_nothing_strange(t):
    """Same arguments, environment (less our own), files, parent and signals as unprobed."""
    path = t.compile("sees.c", name="sees", text=r'''
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/prctl.h>
int main(int argc, char **argv)
{
	sigset_t set;
	struct sigaction sa;
	DIR *d = opendir("/proc/self/fd");
	for (int i = 1; i < argc; i++)
		printf("arg %s\n", argv[i]);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			printf("fd %s\n", e->d_name);
	sigprocmask(SIG_SETMASK, NULL, &set);
	for (int i = 1; i < 65; i++) {
		if (sigismember(&set, i) == 1)
			printf("blocked %d\n", i);
		if (i != 32 && i != 33 && !sigaction(i, NULL, &sa) && sa.sa_handler == SIG_IGN)
			printf("ignored %d\n", i);
	}
	printf("pdeathsig %d %d\n", prctl(PR_GET_DUMPABLE), getpgrp() == getpid());
	return 0;
}
''')
    probed = t.hotpath("run", "-f", "main", "-o", f"{t.tmp}/r", "--", path, "a b", "", "--format").out
    alone = subprocess.run([path, "a b", "", "--format"], stdin=subprocess.DEVNULL, capture_output=True,
                           check=True).stdout
    t.equal("what the command sees", probed.decode().splitlines(), alone.decode().splitlines())


def test_the_table_is_on_stdout_and_names_columns_in_order(t):
    r = t.hotpath("run", "-f", "nest_*", "--", t.target_path("nesting"), "go 5", env={"COLUMNS": "160"})
    text = r.out.decode()
    t.matches("header", r"\[hotpath\] nesting \(pid \d+\): .* observed", text)
    t.matches("columns", r"Function\s*\|\s*Calls\s*\|\s*Avg\s*\|\s*P95\s*\|\s*Total\s*\|\s*% Total", text)
    for name, n in (("nest_a", 5), ("nest_b", 15), ("nest_c", 75)):
        t.matches(name, rf"{name}\s*\|\s*{n}\s*\|", text)
    t.true("no colour in a pipe", not re.search("\x1b", text), text)


def test_a_name_that_nothing_has_is_said_once(t):
    r, document = t.run(t.target_path("worker"), "go 1", args=["-f", "work_on"])
    t.matches("on stderr", r"^hotpath: run: nothing was measured: pattern 'work_on' matches no "
              r"function of worker; .*nearest names: .*work_one.*\n$", r.err.decode())
    t.equal("and in the report", document["targets"][0]["health"]["notes"],
            ["pattern 'work_on' matches no function of worker itself"])


def test_what_only_starts_others_is_no_news(t):
    r, document = t.run("env", t.target_path("worker"), "go 1", args=["-f", "work_one"])
    t.equal("stderr", r.err, b"")
    r, document = t.run("sh", "-c", t.target_path("worker") + " 'go 1'; exit 0", args=["-f", "work_one"])
    t.equal("stderr", r.err, b"")
    notes = [x["health"]["notes"] for x in document["targets"] if x["comm"] == "sh"]
    t.equal("notes", notes, [["pattern 'work_one' matches no function of sh itself"]])


def has_calls(t, pid):
    r = t.hotpath("report", pid, "--format", "json", "-n", "0", check=False)
    return r.status == 0 and reports.functions(only(reports.read(r.out)))["work_one"]["calls"] > 0


def test_what_outlives_the_command_is_reported_and_said(t):
    for what, before_end in (("measured", "read x; "), ("just begun", "")):
        with t.case(what):
            script = f"{t.target_path('worker')} 'spin 60000' >/dev/null & echo $!; {before_end}exit 4"
            run = start_run(t, "--", "sh", "-c", script)
            pid = int(run.line())
            if before_end:
                wait_until("calls were seen", lambda p=pid: has_calls(t, p))
                run.say("on")
            t.equal("status", run.wait(), 4)
            with open(f"{t.tmp}/r.json", "rb") as f:
                targets = {x["comm"]: x for x in reports.read(f.read())["targets"]}
            os.kill(pid, signal.SIGKILL)
            t.true("said", any(re.match("1 process that it began runs on", note) for note in
                               targets["sh"]["health"]["notes"]), targets)
            if before_end:
                row = targets["worker"]
                t.equal("its row", (row["pid"], row["state"]), (pid, "running"))
                t.true("its calls", reports.functions(row)["work_one"]["calls"] > 0, row)
