# SPDX-License-Identifier: GPL-2.0-only
"""Coming and going: detach, reset, ttl, snapshots, and the end of the daemon."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import reports
from context import deadline
from daemon import Daemon
from processes import Lines, spent, spent_when_settled, wait_until

BPFTOOL = "/usr/sbin/bpftool" if os.path.exists("/usr/sbin/bpftool") else "bpftool"


def kernel_objects():
    """Everything BPF that exists now, as sets of ids."""
    found = {}
    for kind in ("prog", "map", "link"):
        r = subprocess.run([BPFTOOL, "-j", kind, "show"], capture_output=True, check=True)
        text = r.stdout.strip()
        found[kind] = {x["id"]: x.get("name", "?") for x in json.loads(text)} if text else {}
    return found


def new_objects(before):
    now = kernel_objects()
    return {f"{kind} {i} {name}" for kind in now for i, name in now[kind].items() if i not in before[kind]}


def test_after_detach_the_target_runs_on_as_before(t):
    target = t.target("worker")
    expected = target.ask("go 1000")["sum"]
    t.attach(target, "work_*")
    t.equal("result while attached", target.ask("go 1000")["sum"], expected)
    r = t.hotpath("detach", target.pid)
    t.matches("says what it did", rf"detached.*{target.pid}|{target.pid}.*detached", r.out + r.err)
    start = time.monotonic()
    t.equal("result after", target.ask("go 1000000")["ones"], 3 * 1002000)
    t.between("seconds of 3 million calls after detach: no probe is left", 0, time.monotonic() - start, 0.5)
    r = t.hotpath("detach", target.pid, check=False)
    t.true("a second detach says that it is not attached", r.status == 1 and b"not" in r.err, str(r))
    t.equal("exit status", target.end(), 0)


def test_detach_all(t):
    t.new_daemon()
    one, two = t.target("worker"), t.target("nesting")
    t.attach(one, "work_one")
    t.attach(two, "nest_a")
    t.hotpath("detach", "all")
    document = t.document()
    t.equal("targets left", document["targets"], [])
    r = t.hotpath("detach", "all", check=False)
    t.equal("again, with nothing attached", r.status, 0)


def test_report_without_targets_is_empty_and_hints(t):
    t.new_daemon()
    r = t.hotpath("report", "--format", "json")
    t.equal("targets", reports.read(r.out)["targets"], [])
    t.matches("a hint on stderr", "hotpath attach", r.err)


def test_reset_zeroes_and_keeps_the_probes(t):
    target = t.target("worker")
    t.attach(target, "work_*")
    target.ask("go 100")
    t.hotpath("reset", target.pid)
    f = t.functions(target)
    t.equal("after reset", (f["work_one"]["calls"], f["work_one"]["exits"], f["work_two"]["calls"]), (0, 0, 0))
    target.ask("go 7")
    f = t.functions(target)
    t.equal("after 7 more", (f["work_one"]["exits"], f["work_two"]["exits"]), (21, 14))
    long = t.target("longcall")
    t.attach(long, "long_*")
    long.ask("enter")
    t.hotpath("reset", long.pid)
    long.ask("leave")
    f = t.functions(long)
    t.equal("a call that was open at reset", (f["long_inner"]["calls"], f["long_inner"]["exits"]), (0, 0))


def test_ttl_detaches_and_keeps_the_statistics(t):
    target = t.target("worker")
    t.attach(target, "work_one", args=["--ttl", "700ms"])
    target.ask("go 10")
    report = wait_until("state detached", lambda: (
        lambda r: r if r["state"] != "running" else None)(t.report(target)), 10)
    t.equal("state", report["state"], "detached")
    target.ask("go 10")
    t.equal("calls", t.functions(target)["work_one"]["exits"], 30)
    other = t.target("worker")
    t.attach(other, "work_one", args=["--ttl", "90m"])
    t.matches("status shows what is left", r"1 h (29|30) min", t.hotpath("status").out)


def test_attach_duration_reports_and_detaches(t):
    target = t.target("worker")
    target.say("spin 2000")
    r = t.hotpath("attach", target.pid, "-f", "work_one", "--duration", "500ms", "--format", "json", "-n", "0")
    document = reports.read(r.out)
    row = reports.functions(reports.target_of(document, target.pid))["work_one"]
    t.true("calls were counted", row["calls"] > 1000, row)
    t.true("the target lives on", target.truth()["ones"] > row["calls"])
    r = t.hotpath("status")
    t.true("and nothing is attached", not re.search(rf"\b{target.pid}\b.*running", r.out.decode()), r.out)
    t.equal("exit status", target.end(), 0)


def test_a_snapshot_renders_like_the_report(t):
    target = t.target("nesting")
    t.attach(target, "nest_*")
    target.ask("go 10")
    path = f"{t.tmp}/x.hp"
    t.hotpath("record", "-o", path, target.pid)
    live = reports.rows(t.report(target))
    r = t.hotpath("report", path, "--format", "json", "-n", "0", no_daemon=True,
                  env={"HOTPATH_SOCKET": f"{t.tmp}/none"})
    saved = reports.rows(reports.target_of(reports.read(r.out), target.pid))
    for a, b in zip(live, saved):
        for key in set(a) | set(b):
            if key != "percent_total":
                t.equal(f"{a['name']} {key}", b.get(key), a.get(key))
    t.equal("rows", len(saved), len(live))
    os.chmod(path, 0o644)
    r = t.hotpath("report", path, user="nobody", no_daemon=True, env={"HOTPATH_SOCKET": f"{t.tmp}/none"})
    t.matches("anyone can render it", "nest_a", r.out)


@deadline(120)
def test_sigterm_leaves_nothing_in_the_kernel(t):
    for number in (signal.SIGTERM, signal.SIGINT):
        with t.case(signal.Signals(number).name):
            before = kernel_objects()
            d = t.new_daemon()
            target, jumper = t.target("worker"), t.target("longcall")
            expected = target.ask("go 1000")["sum"]
            t.attach(target, "work_*")
            t.attach(jumper, "long_*")
            jumper.ask("enter")
            t.true("there is something in the kernel", new_objects(before))
            target.say("go 200000")
            t.equal("hotpathd's exit status", d.stop(number), 0)
            # The kernel frees programs and maps a grace period later.
            wait_until("programs, maps and links gone", lambda: not new_objects(before), 10, 0.05)
            t.true("the socket is gone", not os.path.exists(d.socket))
            target.truth()
            t.equal("the target's result", target.ask("go 1000")["sum"], expected)
            jumper.ask("leave")
            t.equal("targets end well", (target.end(), jumper.end()), (0, 0))


def test_killing_the_daemon_harms_no_target(t):
    expected = t.target("worker").ask("go 300000")["sum"]
    before = kernel_objects()
    d = t.new_daemon()
    target, deep = t.target("worker"), t.target("longcall")
    t.attach(target, "work_*")
    t.attach(deep, "long_*")
    deep.ask("enter")
    target.say("go 300000")
    d.stop(signal.SIGKILL)
    t.equal("the result of calls in flight", target.truth()["sum"], expected)
    deep.ask("leave")
    t.equal("and later", target.ask("go 300000")["sum"], expected)
    wait_until("the kernel took everything back", lambda: not new_objects(before), 10, 0.05)
    t.equal("targets end well", (target.end(), deep.end()), (0, 0))
    t.true("a stale socket is left", os.path.exists(d.socket))
    t.refused("status", says=["hotpathd"])
    t.new_daemon(socket=d.socket)
    t.matches("the next daemon replaces it", "uptime|hotpathd", t.hotpath("status").out)


def test_a_second_daemon_on_the_socket_is_refused(t):
    first = t.new_daemon()
    second = Daemon(t.build, first.socket)
    t.true("refused", second.refused, second.text())
    t.equal("status", second.proc.returncode, 1)
    t.matches("names the socket", re.escape(first.socket), second.text())
    t.matches("and why", "already|another|in use|running", second.text())
    t.hotpath("status")


def test_a_socket_path_that_is_a_file_is_left_alone(t):
    path = f"{t.tmp}/precious"
    with open(path, "w", encoding="ascii") as f:
        f.write("mine\n")
    d = Daemon(t.build, path)
    t.true("refused", d.refused, d.text())
    with open(path, encoding="ascii") as f:
        t.equal("the file", f.read(), "mine\n")


def test_without_privileges_the_daemon_says_so(t):
    from context import as_user
    for name in ("hotpathd", "hotpath-reader"):
        t.public(f"{t.build}/{name}")
    r = subprocess.run([*as_user("nobody"), f"{t.tmp}/hotpathd", "--socket", f"{t.tmp}/n.sock"],
                       capture_output=True, timeout=30, check=False)
    t.equal("status", r.returncode, 1)
    t.matches("names what is missing", "root|privilege|CAP_", r.stderr + r.stdout)


def test_the_ready_line_is_as_documented(t):
    d = t.new_daemon()
    t.matches("ready line", rf"listening on {re.escape(d.socket)}; try: hotpath attach PID", d.ready_line)
    t.equal("socket mode", oct(os.stat(d.socket).st_mode & 0o777), "0o660")


def test_background_returns_when_ready(t):
    socket_path = f"{t.tmp}/bg.sock"
    r = subprocess.run([f"{t.build}/hotpathd", "--background", "--socket", socket_path],
                       stdin=subprocess.DEVNULL, stdout=open(f"{t.tmp}/out", "wb"), stderr=subprocess.STDOUT,
                       timeout=30, check=False)
    with open(f"{t.tmp}/out", encoding="utf-8") as f:
        text = f.read()
    t.equal(f"status ({text})", r.returncode, 0)
    client = socket.socket(socket.AF_UNIX)
    client.connect(socket_path)  # without waiting: it was ready
    client.close()
    status = t.hotpath("status", "--socket", socket_path)
    t.true("serves", status.status == 0)
    # its pid: whoever listens; the runner adopted it
    from processes import children, stat
    mine = [p for p in children() if stat(p)[1] == "hotpathd" and socket_path in
            open(f"/proc/{p}/cmdline", encoding="utf-8").read()]
    t.equal("one process", len(mine), 1)
    for p in mine:
        os.kill(p, signal.SIGTERM)
        os.waitpid(p, 0)
    t.true("the socket is gone", not os.path.exists(socket_path))


def test_systemd_passes_the_socket(t):
    path = f"{t.tmp}/act.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    script = ("import os,sys\nos.dup2(int(sys.argv[1]),3)\nos.set_inheritable(3,True)\n"
              "os.environ['LISTEN_FDS']='1'\nos.environ['LISTEN_PID']=str(os.getpid())\n"
              "os.execv(sys.argv[2],sys.argv[2:])\n")
    d = Lines(["/usr/bin/python3", "-c", script, str(listener.fileno()), f"{t.build}/hotpathd"],
              pass_fds=[listener.fileno()], stderr=subprocess.STDOUT)
    t.hotpath("status", "--socket", path)  # the listener queues us until it serves
    d.kill(signal.SIGTERM)
    t.equal("status", d.wait(), 0)
    listener.close()
    t.true("systemd's socket file is left to systemd", os.path.exists(path))


@deadline(150)
def test_50_attaches_and_detaches_under_load_change_no_result(t):
    target, thread = t.target("worker"), t.target("threads")
    target.say("stream")
    for i in range(50):
        with t.case(f"round {i}"):
            t.attach(target, "work_*")
            row = t.functions(target)["work_one"]
            t.hotpath("detach", target.pid)
            if t.failures:
                break
    t.true("the last round still counted", row["calls"] > 0, row)
    target.say("stop")
    target.truth()
    t.equal("wrong results", target.ask("go 1")["wrong"], 0)
    t.equal("exit status", target.end(), 0)
    thread.end()


def test_the_daemon_takes_no_time_between_requests(t):
    d = t.new_daemon()
    target = t.target("worker")
    t.attach(target, "work_one")
    target.ask("go 1000")
    before = spent_when_settled(d.pid)
    time.sleep(2)  # the claim is about time passing: nothing to wait for
    t.equal("ticks and wake-ups in 2 s", spent(d.pid), before)


def target_with_pid(t, pid):
    """A new worker that has this pid; the pid must be free. None: others were faster."""
    for _ in range(50):
        with open("/proc/sys/kernel/ns_last_pid", "w") as f:
            f.write(str(pid - 1))
        target = t.target("worker")
        if target.pid == pid:
            return target
        target.kill()
        target.wait()
    return None


def test_a_reused_pid_is_another_process(t):
    first = t.target("worker")
    pid = first.pid
    t.attach(first, "work_one")
    first.ask("go 7")
    t.equal("status", first.end(), 0)
    second = target_with_pid(t, pid)
    if second is None:
        t.skip("another process took the pid 50 times")
    second.ask("go 100")
    old = t.report(pid)
    t.equal("state of the first", old["state"], "exited")
    t.equal("calls of the first", t.functions(pid)["work_one"]["calls"], 3 * 7)
    t.attach(second, "work_one")
    second.ask("go 30")
    t.equal("state of the second", t.report(pid)["state"], "running")
    t.equal("calls of the second", t.functions(pid)["work_one"]["calls"], 3 * 30)
    t.equal("both are in the whole report, apart",
            sorted(f["calls"] for x in t.document()["targets"] if x["pid"] == pid
                   for f in x["functions_timing"]["data"]), [3 * 7, 3 * 30])


def test_finished_targets_are_kept_up_to_the_limit_oldest_out(t):
    t.new_daemon(args=["--keep", "2"])
    pids = []
    for n in (3, 4, 5):
        target = t.target("worker")
        t.attach(target, "work_one")
        target.ask(f"go {n}")
        t.equal("status", target.end(), 0)
        pids.append(target.pid)
        wait_until("its end is noticed", lambda: t.report(target)["state"] == "exited")
    t.equal("kept", sorted(x["pid"] for x in t.document()["targets"]), sorted(pids[1:]))
    t.equal("calls of the newest", t.functions(pids[2])["work_one"]["calls"], 3 * 5)
    r = t.hotpath("report", pids[0], check=False)
    t.true("the oldest is said to be gone", r.status == 1 and b"not attached" in r.err, str(r))
