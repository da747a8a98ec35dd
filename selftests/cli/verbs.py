# SPDX-License-Identifier: GPL-2.0-only
"""run and attach against a fake daemon: what CMD sees, and what the user sees."""
import contextlib
import json
import os
import pty
import signal
import struct
import subprocess
import threading
import time

from fakedaemon import FakeDaemon

ATTACHED = {"comm": "prog", "functions": 2, "session": 1, "entry_only": 1, "cheap": 2,
            "bystander_processes": 3, "notes": ["1 function has \x1b no safe place"]}


COUNTED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
           signal.SIGALRM, signal.SIGTERM, signal.SIGCONT)
COUNTING = """import os, signal
for n in %r:
    signal.signal(n, lambda n, frame: os.write(1, b"%%d\\n" %% n))
signal.signal(signal.SIGPIPE, lambda n, frame: os._exit(5))
os.write(1, b"%%d\\n" %% os.getpid())
while True:
    signal.pause()
""" % ([*map(int, COUNTED), int(signal.SIGWINCH)],)


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def read(path):
    with open(path, "rb") as f:
        return f.read()


def children_of(pid):
    return [int(p) for p in read("/proc/%d/task/%d/children" % (pid, pid)).split()]


def state_of(pid):
    """Z when it is gone: who reaps it is no matter of ours."""
    try:
        return read("/proc/%d/stat" % pid).rpartition(b") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return b"Z"


def entry_of(pid):
    data = read("/proc/%d/auxv" % pid)
    return dict(struct.iter_unpack("<QQ", data))[9]


class Verbs:
    """Mixed into the suite: self.hotpath, self.folder, self.run() are its."""

    def daemon(self, **answers):
        self.sockets = getattr(self, "sockets", 0) + 1
        path = os.path.join(self.folder.name, "sock%d" % self.sockets)
        usual = {
            "attach": lambda body: [{"attach": {"targets": [
                {"pid": pid, "ttl_ns": body.get("ttl_ns", 0), **ATTACHED}
                for pid in body["pids"]]}}],
            "report": lambda body: [{"report": {"schema": 1, "targets": [
                {"pid": pid, "comm": "prog", "complete": True, "elapsed_ns": 5}
                for pid in body.get("pids", [])]}}],
            "detach": lambda body: [{"detach": {"pids": body.get("pids", [])}}],
            "reset": lambda body: [{"reset": {"pids": body["pids"]}}],
        }
        usual.update(answers)
        return FakeDaemon(path, usual)

    def measure(self, daemon, *arguments, **keywords):
        return self.run(["run", "--socket", daemon.path, "-f", "main", *arguments], **keywords)

    def statuses(self, cases):
        wrong = []
        with self.daemon() as daemon:
            for command, expected in cases:
                got = self.measure(daemon, *command)
                if got.returncode != expected:
                    wrong.append("%s: %d, not %d: %s" % (command, got.returncode, expected,
                                                         got.stderr.decode()))
        return "\n".join(wrong) or None

    def test_run_exits_as_CMD_does(self):
        script = os.path.join(self.folder.name, "script")
        with open(script, "w") as f:
            f.write("#!/bin/sh\nexit 5\n")
        os.chmod(script, 0o755)
        text = os.path.join(self.folder.name, "text")
        with open(text, "w") as f:
            f.write("exit 6\n")
        os.chmod(text, 0o755)
        data = os.path.join(self.folder.name, "data")
        with open(data, "w") as f:
            f.write("data")
        return self.statuses([
            (["--", "true"], 0), (["--", "sh", "-c", "exit 7"], 7), ([script], 5), ([text], 6),
            (["sh", "-c", "kill -9 $$"], 137), (["sh", "-c", "kill -TERM $$"], 143),
            ([data], 126), (["/nonexistent"], 127), (["nosuchprogram"], 127),
            ([self.folder.name], 126), ([os.path.join(data, "below")], 126)])

    def test_run_reports_behind_the_output_of_CMD(self):
        with self.daemon() as daemon:
            got = self.measure(daemon, "--format", "json", "--", "echo", "-f")
            kinds = [[k for k in r if k != "version"][0] for r in daemon.requests]
        first, report = got.stdout.decode().split("\n", 1)
        wrong = self.invalid(report)
        if first != "-f" or kinds != ["attach", "report", "detach"] or got.stderr:
            return "%r %r %r" % (first, kinds, got.stderr)
        return wrong

    def test_run_holds_CMD_at_its_entry_point_with_its_code_as_it_was(self):
        seen = {}

        def attach(body):
            pid = body["pids"][0]
            entry = entry_of(pid)
            seen["from_start"] = body.get("from_start")
            seen["state"] = read("/proc/%d/stat" % pid).split(b") ")[1][:1]
            seen["pc"] = int(read("/proc/%d/syscall" % pid).split()[-1], 16) == entry
            with open("/proc/%d/mem" % pid, "rb") as memory:
                memory.seek(entry)
                seen["code"] = memory.read(16)
            for line in read("/proc/%d/maps" % pid).decode().splitlines():
                low, high = [int(x, 16) for x in line.split()[0].split("-")]
                if low <= entry < high:
                    offset = int(line.split()[2], 16) + entry - low
                    with open("/proc/%d/exe" % pid, "rb") as f:
                        f.seek(offset)
                        seen["file"] = f.read(16)
            seen["libc"] = b"libc.so" in read("/proc/%d/maps" % pid)
            return [{"attach": {}}]

        with self.daemon(attach=attach) as daemon:
            got = self.measure(daemon, "--format", "none", "--", "grep", "-c", "^TracerPid:\t0$",
                               "/proc/self/status")
        ok = (seen["state"] == b"t" and seen["pc"] and seen["code"] == seen["file"]
              and seen["libc"] and seen["from_start"] == 1 and got.stdout == b"1\n")
        return None if ok else "%r %r" % (seen, got)

    def test_run_gives_CMD_the_signals_that_it_was_given(self):
        script = "grep -E '^Sig(Ign|Blk|Cgt)' /proc/self/status"
        expected = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE).stdout
        with self.daemon() as daemon:
            got = self.measure(daemon, "--format", "none", "--", "sh", "-c", script)
        return None if got.stdout == expected else "%r, not %r" % (got.stdout, expected)

    def test_run_refused_attach_means_CMD_never_ran(self):
        mark = os.path.join(self.folder.name, "mark")
        refusal = [{"error": {"code": 1, "text": "may not, \x1b[31m", "hint": "ask root"}}]
        with self.daemon(attach=lambda body: refusal) as daemon:
            got = self.measure(daemon, "--", "touch", mark)
        ok = got.returncode == 125 and not os.path.exists(mark) and \
            got.stderr == b"hotpath: may not, \xef\xbf\xbd[31m\nask root\n"
        return None if ok else repr(got)

    def test_run_outlives_the_daemon(self):
        def attach(body):
            daemon.stop()
            return [{"attach": {}}]

        for strict, expected in ([], 7), (["--strict"], 125):
            with self.daemon(attach=attach) as daemon:
                got = self.measure(daemon, *strict, "--", "sh", "-c", "echo ran; exit 7")
            if got.returncode != expected or got.stdout != b"ran\n" or b"lost" not in got.stderr:
                return repr(got)

    def test_run_outlives_a_daemon_that_hangs(self):
        mark = os.path.join(self.folder.name, "hung-mark")
        limit = {"HOTPATH_SILENCE_MS": "300"}
        for body, strict, expected in (("attach", [], 125), ("report", [], 7), ("detach", [], 7),
                                       ("report", ["--strict"], 125)):
            forever = threading.Event()
            with self.daemon(**{body: lambda _: forever.wait() and None}) as daemon:
                got = self.measure(daemon, *strict, "--", "sh", "-c", "touch %s; exit 7" % mark,
                                   extra=limit)
                forever.set()
            ran = os.path.exists(mark)
            if got.returncode != expected or b"does not answer" not in got.stderr or \
                    ran != (body != "attach") or (b"lost" in got.stderr) != (body == "report"):
                return "%s: %r" % (body, got)
        return None

    def test_run_waits_for_a_daemon_that_says_what_it_does(self):
        def attach(body):
            for i in range(10):
                yield {"progress": {"what": "attaching", "done": i, "total": 10}}
                time.sleep(0.25)
            yield {"attach": {"targets": [{"pid": body["pids"][0], **ATTACHED}]}}

        with self.daemon(attach=attach) as daemon:
            got = self.measure(daemon, "--", "sh", "-c", "exit 7",
                               extra={"HOTPATH_SILENCE_MS": "2000"})
        return None if got.returncode == 7 and not got.stderr else repr(got)

    def test_daemon_that_dies_in_its_answer_is_told(self):
        for answer in None, [b"\xff\xff"], [b"\x05\0\0\0ab"], [b"\xff\xff\xff\xff"]:
            with self.daemon(report=lambda body: answer) as daemon:
                got = self.run(["report", "1", "--socket", daemon.path])
            if got.returncode != 1 or got.stdout or not got.stderr.startswith(b"hotpath: "):
                return repr(got)
            if b"sudo hotpathd" in got.stderr or daemon.path.encode() not in got.stderr:
                return repr(got)

    def test_run_duration_ends_CMD_and_exits_0(self):
        tidy = "trap 'echo tidied; exit 3' TERM; while :; do sleep 0.02; done"
        deaf = "trap '' TERM; while :; do sleep 0.02; done"
        with self.daemon() as daemon:
            for script, words in (tidy, b"tidied\n"), (deaf, b""):
                got = self.measure(daemon, "--format", "none", "--duration", "300ms", "--grace",
                                   "300ms", "--", "sh", "-c", script)
                if got.returncode != 0 or got.stdout != words:
                    return repr(got)
            got = self.measure(daemon, "--format", "none", "--", "sleep", "60",
                               extra={"HOTPATH_SHUTDOWN_MS": "200"})
        return None if got.returncode == 0 else repr(got)

    def test_run_passes_signals_on(self):
        script = "trap 'exit 9' %s; echo ready; while :; do sleep 0.02; done"
        for name in "TERM", "INT", "HUP", "USR1":
            with self.daemon() as daemon:
                process = subprocess.Popen(
                    [self.hotpath, "run", "--socket", daemon.path, "-f", "main", "--format",
                     "none", "--", "sh", "-c", script % name], stdout=subprocess.PIPE)
                process.stdout.readline()
                process.send_signal(getattr(signal, "SIG" + name))
                status = process.wait(20)
                process.stdout.close()
            if status != 9:
                return "%s: %d" % (name, status)

    @contextlib.contextmanager
    def counting(self, daemon):
        """CMD says each signal that it gets: hotpath's process, CMD's pid."""
        with subprocess.Popen(
                [self.hotpath, "run", "--socket", daemon.path, "-f", "main", "--format", "none",
                 "--", "python3", "-c", COUNTING], stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, start_new_session=True) as process:
            cmd = int(process.stdout.readline())
            # A signal that is lost is to be a failure, not a wait without end.
            guard = threading.Timer(30, os.kill, (cmd, signal.SIGKILL))
            guard.start()
            try:
                yield process, cmd
            finally:
                guard.cancel()
                if state_of(cmd) != b"Z":
                    os.kill(cmd, signal.SIGKILL)

    def signals_until_barrier(self, process):
        """SIGWINCH comes last: what was sent before has the lower number, and is done first."""
        os.kill(process.pid, signal.SIGWINCH)
        got = []
        while not got or got[-1] != signal.SIGWINCH:
            got.append(int(process.stdout.readline()))
        return got[:-1]

    def test_run_lets_each_signal_reach_CMD_once(self):
        wrong = []
        with self.daemon() as daemon:
            with self.counting(daemon) as (process, _):
                for number in COUNTED:
                    for send, rounds in (os.killpg, 20), (os.kill, 5):
                        for _ in range(rounds if number == signal.SIGINT else 3):
                            send(process.pid, number)
                            got = self.signals_until_barrier(process)
                            if got != [number]:
                                wrong.append("%s of %d: %r" % (send.__name__, number, got))
                os.killpg(process.pid, signal.SIGPIPE)
                status = process.wait(20)
        return None if not wrong and status == 5 else "%d %s" % (status, "\n".join(wrong))

    def test_run_passes_SIGPIPE_on(self):
        with self.daemon() as daemon:
            with self.counting(daemon) as (process, _):
                os.kill(process.pid, signal.SIGPIPE)
                status = process.wait(20)
        return None if status == 5 else repr(status)

    def test_run_passes_on_to_a_group_that_was_stopped(self):
        with self.daemon() as daemon:
            with self.counting(daemon) as (process, cmd):
                return self.group_that_was_stopped(process, cmd)

    def group_that_was_stopped(self, process, cmd):
        watcher = [p for p in children_of(process.pid) if p != cmd]
        names = [read("/proc/%d/%s" % (p, x)) for p in watcher for x in ("comm", "cmdline")]
        os.killpg(process.pid, signal.SIGSTOP)
        stopped = until(lambda: all(state_of(p) == b"T" for p in (process.pid, cmd, *watcher)))
        os.kill(process.pid, signal.SIGCONT)
        got = self.signals_until_barrier(process)
        os.kill(process.pid, signal.SIGINT)
        got += self.signals_until_barrier(process)
        process.kill()
        process.wait()
        gone = until(lambda: not any(state_of(p) in b"RSDT" for p in watcher))
        ok = stopped and gone and len(watcher) == 1 and got == [signal.SIGCONT, signal.SIGINT] and \
            not any(b"hotpath" in name for name in names)
        return None if ok else repr((stopped, gone, watcher, got, names))

    def on_job_terminal(self, daemon, *command):
        """hotpath as the foreground job of a terminal: its pid, the terminal."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(self.hotpath, [self.hotpath, "run", "--socket", daemon.path, "-f", "main",
                                    "--format", "none", "--", *command])
        return pid, terminal

    def test_run_leaves_ctrl_c_to_CMD_and_reports(self):
        with self.daemon() as daemon:
            pid, terminal = self.on_job_terminal(
                daemon, "sh", "-c", "trap 'exit 4' INT; echo ready; while :; do sleep 0.02; done")
            os.read(terminal, 100)
            os.write(terminal, b"\x03")
            status = os.waitpid(pid, 0)[1]
            os.close(terminal)
            kinds = [[k for k in r if k != "version"][0] for r in daemon.requests]
        ok = os.waitstatus_to_exitcode(status) == 4 and "report" in kinds
        return None if ok else "%r %r" % (status, kinds)

    def test_run_stops_and_continues_with_CMD(self):
        for continuing in "os.killpg(pid", "os.kill(pid":
            wrong = self.stops_and_continues(continuing)
            if wrong:
                return "%s: %s" % (continuing, wrong)
        return None

    def stops_and_continues(self, continuing):
        # The job needs a parent within its session, or the kernel ignores Ctrl-Z.
        shell = ("import os,sys,signal\n"
                 "pid=os.fork()\n"
                 "if pid==0:\n"
                 " os.setpgid(0,0); signal.signal(signal.SIGTTOU,signal.SIG_IGN)\n"
                 " os.tcsetpgrp(0,os.getpid()); signal.signal(signal.SIGTTOU,signal.SIG_DFL)\n"
                 " os.execv(sys.argv[1],sys.argv[1:])\n"
                 "_,s=os.waitpid(pid,os.WUNTRACED)\n"
                 "print('stopped' if os.WIFSTOPPED(s) else 'ended',flush=True)\n"
                 + continuing + ",signal.SIGCONT)\n"
                 "_,s=os.waitpid(pid,0)\n"
                 "print('status',os.waitstatus_to_exitcode(s),flush=True)\n")
        with self.daemon() as daemon:
            pid, terminal = pty.fork()
            if pid == 0:
                os.execv("/usr/bin/python3", [
                    "python3", "-c", shell, self.hotpath, "run", "--socket", daemon.path, "-f",
                    "main", "--format", "none", "--", "python3", "-c",
                    "import time; print('ready', flush=True); time.sleep(0.3); exit(6)"])
            text = b""
            while b"ready" not in text:
                text += os.read(terminal, 100)
            os.write(terminal, b"\x1a")
            try:
                while b"\n" not in text.partition(b"status")[2]:
                    text += os.read(terminal, 100)
            except OSError:
                pass
            os.waitpid(pid, 0)
            os.close(terminal)
        return None if b"stopped" in text and b"status 6" in text else repr(text)

    def test_run_refuses_set_uid_CMD_of_others(self):
        if os.geteuid() != 0:
            print("# skipped: to become another user needs root")
            return None
        folder = os.path.join(self.folder.name, "open")
        os.mkdir(folder, 0o755)
        os.chmod(self.folder.name, 0o755)
        path = os.path.join(folder, "suid")
        subprocess.run(["cp", "/bin/true", path], check=True)
        os.chmod(path, 0o4755)
        got = self.run(["run", "-f", "main", path], user=65534, group=65534, extra_groups=[])
        return None if got.returncode == 125 and b"set-uid" in got.stderr else repr(got)

    def test_run_says_what_keeps_CMD_from_being_traced(self):
        secret = os.path.join(self.folder.name, "secret")
        subprocess.run(["cp", "/bin/true", secret], check=True)
        os.chmod(secret, 0o711)
        # Traced as strace -f does it: what hotpath forks is traced from its first moment.
        tracer = ("import ctypes, os, sys\n"
                  "c = ctypes.CDLL(None, use_errno=True)\n"
                  "pid = os.fork()\n"
                  "if pid == 0:\n"
                  " c.ptrace(0, 0, 0, 0); os.kill(os.getpid(), 19)\n"
                  " os.execv(sys.argv[1], sys.argv[1:])\n"
                  "os.waitpid(pid, 0)\n"
                  "c.ptrace(0x4200, pid, 0, 2 | 4 | 8)\n"
                  "c.ptrace(7, pid, 0, 0)\n"
                  "while True:\n"
                  " p, s = os.waitpid(-1, 0x40000000)\n"
                  " if os.WIFSTOPPED(s):\n"
                  "  n = os.WSTOPSIG(s)\n"
                  "  c.ptrace(7, p, 0, 0 if n in (5, 19) else n)\n"
                  " elif p == pid:\n"
                  "  os._exit(os.waitstatus_to_exitcode(s) & 255)\n")
        with self.daemon() as daemon:
            command = ["run", "--socket", daemon.path, "-f", "main", "--", secret]
            traced = subprocess.run(["python3", "-c", tracer, self.hotpath, *command],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
            if traced.returncode != 125 or b"another tracer has it already, python3 (pid " not in \
                    traced.stderr or b"yama" in traced.stderr:
                return repr(traced)
            if os.geteuid() != 0:
                print("# skipped: to become another user needs root")
                return None
            os.chmod(self.folder.name, 0o755)
            os.chmod(daemon.path, 0o666)
            got = self.run(command, user=65534, group=65534, extra_groups=[])
        return None if got.returncode == 125 and b"not read it" in got.stderr and \
            b"chmod +r" in got.stderr else repr(got)

    def test_no_permission_names_the_group(self):
        if os.geteuid() != 0:
            print("# skipped: to become another user needs root")
            return None
        with self.daemon() as daemon:
            os.chmod(self.folder.name, 0o755)
            os.chmod(daemon.path, 0o600)
            got = self.run(["status", "--socket", daemon.path], user=65534, group=65534,
                           extra_groups=[])
        return None if got.returncode == 1 and b"usermod -aG hotpath" in got.stderr else repr(got)

    def test_attach_says_what_was_attached(self):
        with self.daemon() as daemon:
            got = self.run(["attach", "1", "-f", "main", "--ttl", "10m", "--socket", daemon.path])
            request = daemon.requests[0]["attach"]
        text = got.stdout.decode()
        words = ["pid 1", "2 functions", "1 timed", "1 counted only", "2 cheap", "3 other",
                 "10 min", "no safe place"]
        missing = [word for word in words if word not in text]
        if request.get("max_bystanders") != 32 or request["ttl_ns"] != 600 * 10**9 or \
                request["patterns"] != ["main"]:
            return repr(request)
        return None if not missing and "\x1b" not in text else "%r %r" % (missing, text)

    def test_budget_is_5_but_for_run_with_functions(self):
        wrong = []
        for words, extra, patterns, ppm in (
                (["attach", "1"], {}, [], 50000), (["attach", "1", "-f", "main"], {}, ["main"], 50000),
                (["attach", "1", "--budget", "0"], {}, [], 0),
                (["attach", "1", "--budget", "0.25"], {}, [], 2500),
                (["attach", "1", "--budget", "0.0001"], {}, [], 1),
                (["attach", "1", "--budget", "100"], {}, [], 10**6),
                (["attach", "1"], {"HOTPATH_BUDGET": "1"}, [], 10**4),
                (["attach", "1", "--budget", "2"], {"HOTPATH_BUDGET": "x"}, [], 20000),
                (["run", "true"], {}, [], 50000), (["run", "-f", "main", "true"], {}, ["main"], 0),
                (["run", "-f", "!main", "true"], {}, ["!main"], 50000),
                (["run", "-f", "libc*:", "true"], {}, ["libc*:"], 50000),
                (["run", "-f", "libc*:", "-f", "main", "true"], {}, ["libc*:", "main"], 0),
                (["run", "-f", "main", "--budget", "5", "true"], {}, ["main"], 50000)):
            with self.daemon() as daemon:
                got = self.run([words[0], "--socket", daemon.path, *words[1:]], extra)
                asked = daemon.requests[0]["attach"]
            if got.returncode or (asked.get("patterns", []), asked.get("budget_ppm", 0)) != \
                    (patterns, ppm):
                wrong.append("%s %s: %r %r" % (words, extra, asked, got.stderr))
        return "\n".join(wrong) or None

    def test_attach_says_what_a_budget_means(self):
        wrong = []
        for words, held, said in (
                ([], 50000, "armed as far as 5 % allows (--budget): functions that are called rarely"),
                (["-f", "main"], 2500, "armed as far as 0.25 % allows (--budget): as many of them"),
                (["--budget", "0"], 0, "no budget: every call is measured")):
            answer = {"targets": [{**ATTACHED, "pid": 1, "functions": 1933, "budget_ppm": held}]}
            with self.daemon(attach=lambda body, a=answer: [{"attach": a}]) as daemon:
                got = self.run(["attach", "1", "--socket", daemon.path, *words])
            text = got.stdout.decode()
            if said not in text or "1,933 functions" not in text or got.returncode:
                wrong.append("%s: %s" % (words, text))
        return "\n".join(wrong) or None

    def test_attach_asks_for_what_is_named(self):
        folder, exe = self.folder.name, os.path.join(self.folder.name, "worker")
        subprocess.run(["cp", "/bin/true", exe], check=True)
        waits = [{"attach": {"family": 3, "waits": True}}]
        with self.daemon(attach=lambda body: waits) as daemon:
            got = self.run(["attach", "--name", "a", "--name", "b", "--exe", "./worker",
                            "--no-follow", "-f", "main", "--socket", daemon.path])
            request = daemon.requests[0]["attach"]
        wanted = ["a", "b"], [os.path.realpath(exe)], 1
        asked = request.get("names"), request.get("exes"), request.get("no_follow")
        words = [b"nothing matches yet", b"--name a --name b --exe", b"hotpath detach %3"]
        there = os.stat(exe)
        ok = asked == wanted and not request.get("pids") and got.returncode == 0 and \
            [(f["dev"], f["ino"], f["fd"] > 0) for f in request["exe_files"]] == \
            [(there.st_dev, there.st_ino, True)]
        return None if ok and all(w in got.stdout for w in words) else "%r %r %s" % (
            request, got, folder)

    def test_attach_of_what_does_not_run_yet_says_that_a_name_is_wrong(self):
        waits = [{"attach": {"family": 3, "waits": True}}]
        wrong = []
        for patterns, said in ((["mian"], "matches 'mian'\nnearest: main\n"), (["main"], ""),
                               (["mian", "libc*:read"], ""), (["mian", "ma*"], ""), ([], "")):
            with self.daemon(attach=lambda body: waits) as daemon:
                flags = [x for p in patterns for x in ("-f", p)]
                got = self.run(["attach", "--exe", self.hotpath, *flags, "--socket", daemon.path])
            if got.returncode or not got.stderr.decode().endswith(said) or \
                    bool(got.stderr) != bool(said):
                wrong.append("%s: %r" % (patterns, got))
        return "\n".join(wrong) or None

    def test_report_of_an_unknown_family_is_an_error(self):
        status = {"families": [{"id": 3, "what": "--name w", "waits": True}]}
        out = os.path.join(self.folder.name, "nothing.hp")
        with self.daemon(status=lambda body: [{"status": status}]) as daemon:
            for verb in (["report"], ["record", "-o", out]):
                got = self.run([*verb, "%99", "--socket", daemon.path])
                if got.returncode != 1 or b"there is no family %99" not in got.stderr or got.stdout \
                        or os.path.exists(out):
                    return repr(got)
            got = self.run(["report", "%3", "--socket", daemon.path])
        return None if got.returncode == 0 and b"family %3 runs yet" in got.stderr else repr(got)

    def test_report_of_nothing_is_told(self):
        for functions, said in (([], True), ([{"name": "work"}], False)):
            targets = [{"pid": 7, "functions": functions}, {"pid": 8}]
            with self.daemon(report=lambda body, t=targets: [
                    {"report": {"schema": 1, "targets": t}}]) as daemon:
                got = self.run(["report", "--socket", daemon.path])
            if got.returncode or (b"nothing is measured" in got.stderr) != said:
                return repr(got)
        return None

    def test_attach_of_many_is_summed_up(self):
        def answer(count):
            return lambda body: [{"attach": {"family": 7, "targets": [
                {**ATTACHED, "pid": 100 + i} for i in range(count)]}}]

        for count, lines, words in ((10, 23, ["attached to prog (pid 109)"]),
                                    (11, 5, ["attached to 11 processes (100, 101, 102, ...)",
                                             "22 functions in all: 11 timed"])):
            with self.daemon(attach=answer(count)) as daemon:
                got = self.run(["attach", "100", "-f", "main", "--socket", daemon.path])
            text = got.stdout.decode()
            missing = [w for w in words + ["`hotpath detach %7`"] if w not in text]
            if missing or text.count("\n") != lines or text.count("no safe place") != 1:
                return "%r %s" % (missing, text)

    def test_attach_duration_waits_for_children_and_reports_the_family(self):
        with subprocess.Popen(["sleep", "0.2"]) as parent, \
                subprocess.Popen(["sleep", "0.6"]) as child:
            pids = {"family": 5, "targets": [{**ATTACHED, "pid": parent.pid}]}
            targets = [{"pid": p.pid, "comm": "sleep", "exe": "/bin/sleep", "family": 5,
                        "complete": True} for p in (parent, child)]
            other = {"pid": 1, "family": 6, "comm": "other"}
            with self.daemon(attach=lambda body: [{"attach": pids}], report=lambda body: [
                    {"report": {"schema": 1, "targets": targets + [other]}}]) as daemon:
                got = self.run(["attach", str(parent.pid), "-f", "main", "--duration", "60",
                                "--format", "json", "--socket", daemon.path])
                ended = child.poll() is not None or child.wait(1) == 0
                bodies = [(k, v) for r in daemon.requests for k, v in r.items() if k != "version"]
        report = json.loads(got.stdout)
        kinds = [k for k, _ in bodies]
        ok = ended and kinds == ["attach", "report", "report", "report", "detach"] and \
            bodies[-1][1] == {"families": [5]} and len(report["targets"]) == 1 and \
            report["targets"][0]["processes"] == 2
        return None if ok else "%r %r" % (bodies, got)

    def test_run_reports_and_detaches_the_family(self):
        with self.daemon(attach=lambda body: [{"attach": {"family": 9}}]) as daemon:
            got = self.measure(daemon, "--format", "none", "true")
            bodies = [list(r.values())[1] for r in daemon.requests]
        ok = got.returncode == 0 and bodies[1:] == [{"families": [9]}, {"families": [9]}]
        return None if ok else repr(bodies)

    def test_run_says_at_its_end_that_nothing_was_measured(self):
        said = "pattern 'main' matches no function of prog; nearest names: main\x1b_"
        target = {"pid": 4, "comm": "prog", "notes": ["in short"], "unmatched": [said]}
        wrong = []
        for functions in [], [{"name": "main"}]:
            snapshot = {"schema": 1, "targets": [
                {"pid": 4, "comm": "prog", "family": 9},
                {"pid": 5, "comm": "other", "family": 9, "functions": functions}]}
            with self.daemon(attach=lambda body: [{"attach": {"family": 9, "targets": [target]}}],
                             report=lambda body, s=snapshot: [{"report": s}]) as daemon:
                got = self.measure(daemon, "--format", "none", "true")
            expected = "" if functions else "hotpath: run: nothing was measured: %s\n" % \
                said.replace("\x1b", "\ufffd")
            if got.stderr.decode() != expected:
                wrong.append("%r: %r" % (functions, got.stderr))
        return "\n".join(wrong) or None

    def test_run_says_what_runs_on(self):
        for running, words in ((0, None), (1, "1 process that it began runs on"),
                               (2, "2 processes that it began run on")):
            with self.daemon(detach=lambda body, n=running: [{"detach": {"running": n}}]) as daemon:
                got = self.measure(daemon, "--format", "json", "true")
            health = json.loads(got.stdout)["targets"][0].get("health", {})
            notes = health.get("notes", [])
            if [words] != [note.split(":")[0] for note in notes] and (words or notes):
                return "%d: %r" % (running, notes)
        return None

    def test_detach_takes_families(self):
        answer = [{"detach": {"pids": list(range(1, 12)), "families": [3]}}]
        with self.daemon(detach=lambda body: answer) as daemon:
            got = self.run(["detach", "%3", "77", "--socket", daemon.path])
            request = daemon.requests[0]["detach"]
        ok = request == {"pids": [77], "families": [3]} and \
            got.stdout == b"detached from 11 processes\nfamily %3 waits for no more processes\n"
        return None if ok else "%r %r" % (request, got)

    def test_attach_duration_ends_when_the_target_does(self):
        with self.daemon() as daemon, subprocess.Popen(["sleep", "0.3"]) as target:
            start = time.monotonic()
            got = self.run(["attach", str(target.pid), "-f", "main", "--duration", "60",
                            "--format", "json", "--socket", daemon.path])
            wrong = self.invalid(got.stdout)
            kinds = [[k for k in r if k != "version"][0] for r in daemon.requests]
        ok = time.monotonic() - start < 30 and kinds == ["attach", "report", "detach"]
        return wrong if ok else "%r %r" % (kinds, got)

    def test_attach_duration_ends_by_SIGINT_with_a_report(self):
        with self.daemon() as daemon:
            process = subprocess.Popen(
                [self.hotpath, "attach", str(os.getpid()), "-f", "main", "--duration", "60",
                 "--socket", daemon.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stderr.readline()
            until(lambda: b"poll" in read("/proc/%d/wchan" % process.pid)
                  or b"poll" in read("/proc/%d/stack" % process.pid), 2)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=20)
        return None if process.returncode == 0 and b"[hotpath] prog" in out else repr(out)

    def test_attach_duration_notices_the_end_of_the_daemon(self):
        with self.daemon() as daemon:
            process = subprocess.Popen(
                [self.hotpath, "attach", str(os.getpid()), "-f", "main", "--duration", "60",
                 "--socket", daemon.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            until(lambda: len(daemon.connections) > 1)  # the one that watches
            daemon.die()
            _, err = process.communicate(timeout=20)
        return None if process.returncode == 1 and b"hotpathd" in err else repr(err)

    def test_record_can_be_reported(self):
        path = os.path.join(self.folder.name, "recorded.hp")
        with self.daemon() as daemon:
            got = self.run(["record", "-o", path, "77", "--socket", daemon.path])
            full = self.run(["record", "-o", "/dev/full", "77", "--socket", daemon.path])
            nowhere = self.run(["record", "-o", "/nonexistent/x", "77", "--socket", daemon.path])
        report = json.loads(self.run(["report", path, "--format", "json"]).stdout)
        if got.returncode or report["targets"][0]["pid"] != 77:
            return repr(got)
        ok = full.returncode == 1 and b"No space" in full.stderr and nowhere.returncode == 1
        return None if ok else repr((full, nowhere))

    def test_progress_is_not_for_files(self):
        progress = {"progress": {"what": "attaching", "done": 1, "total": 2}}
        with self.daemon(detach=lambda body: [progress, {"detach": {"pids": [7]}}]) as daemon:
            got = self.run(["detach", "all", "--socket", daemon.path])
            everything = daemon.requests[0]["detach"].get("all")
        ok = got.stdout == b"detached from pid 7\n" and not got.stderr and everything
        return None if ok else repr(got)

    def test_status_in_text_and_json(self):
        status = {"version": "0.1.0", "daemon_pid": 5, "kernel": "6.18", "uptime_ns": 10**9,
                  "kernel_bytes": 4096, "kernel_bytes_formula": "256 * (1 + n + m)",
                  "features": [{"name": "session", "present": True, "text": "entry and return"}],
                  "targets": [{"pid": 9, "comm": "a\nb", "functions": 3, "ttl_left_ns": 10**9,
                               "budget_ppm": 2500}],
                  "limits": [{"name": "targets", "used": 1, "max": 64}],
                  "prices": [{"class": 2, "returns": 1, "ns": 817, "inside_ns": 460},
                             {"class": 3, "returns": 1, "ns": 18000},
                             {"class": 2, "returns": 0, "ns": 540}],
                  "prices_missing": "no nop5",
                  "families": [{"id": 3, "what": "--name w\x1b", "running": 2, "seen": 2000,
                                "waits": True}],
                  "lost": [{"name": "events", "value": 2, "text": "ring buffer full"}]}
        with self.daemon(status=lambda body: [{"status": status}]) as daemon:
            text = self.run(["status", "--socket", daemon.path])
            got = self.run(["status", "--format", "json", "--socket", daemon.path])
        report = json.loads(got.stdout)
        words = (b"session", b"a?b", b"| 0.25 % |", b"256 * (1 + n + m)", b"1 of 64", b"events: 2",
                 b"price of a timed call: emulated 817 ns (460 ns inside), stepped 18.00 us",
                 b"price of a counted call: emulated 540 ns", b"not all known: no nop5",
                 b"family %3: --name w?: 2 running, 2,000 measured so far, waits for more")
        missing = [word for word in words if word not in text.stdout]
        ok = report["targets"][0]["pid"] == 9 and report["families"][0]["seen"] == 2000 and \
            report["targets"][0]["budget_percent"] == 0.25 and \
            report["prices"][1] == {"class": "stepped", "returns": "session", "price_ns": 18000}
        return None if not missing and ok else repr((missing, text, report))

    def probes(self, *arguments, columns="120"):
        exits = [{"offset": 0x1100, "class": 2}, {"offset": 0x1110, "class": 3}]
        functions = [
            {"name": "work", "offset": 0x1000, "skip": 4, "class": 2, "exits": exits},
            {"name": "_Z5parsePKc", "offset": 0x2000, "class": 2},
            {"name": "slow", "offset": 0x3000, "class": 3, "exits": exits[:1]},
            {"name": "go", "offset": 0x4000, "class": 2, "no_exits": "a computed jump"},
            {"name": "_start", "offset": 0x5000, "class": 0, "site_reason": "no return address"}]
        reply = {"objects": [{"object": {
            "path": "/usr/bin/prog", "functions_total": 48, "cheap": 40, "expensive": 6,
            "impossible": 2, "functions": functions, "notes": ["inlined: parse, hash"], "inlined": [
                {"name": "_Z5parsePKc", "sites": 7, "out_of_line": True, "file": "a.c", "line": 3},
                {"name": "hash", "sites": 1}]},
            "returns": [2, 1, 2, 0, 0], "price_ns": [9800, 817, 19200, 540, 0],
            "returns_reason": ["an exception may pass", "nobody raises", "an exception may pass",
                               "a computed jump", ""]}],
            "prices": [{"class": 2, "returns": 1, "ns": 817}]}
        with self.daemon(probes=lambda body: [{"probes": reply}]) as daemon:
            return self.run(["probes", "42", "--socket", daemon.path, *arguments],
                            {"COLUMNS": columns})

    def test_probes_says_price_returns_and_what_was_inlined(self):
        text = self.probes().stdout.decode()
        words = ["work", "9.80 us", "sites (2)", "session", "0x1000+4", "parse(char const*)",
                 "returns: 1 session, 2 sites, 1 entry only",
                 "2 functions can only be single-stepped: a call costs up to 19.20 us here",
                 "1 entry only: a computed jump", "1 impossible: no return address",
                 "|       7 |", "inlined: parse, hash"]
        missing = [word for word in words if word not in text]
        narrow = self.probes(columns="80").stdout.decode()
        wide = [line for line in narrow.splitlines() if len(line) > 80]
        ok = not missing and not wide and "sites (2)" in narrow and "9.80 us" in narrow
        return None if ok else "%r %r %s" % (missing, wide, text)

    def test_probes_in_json(self):
        report = json.loads(self.probes("--format", "json").stdout)
        prog = report["objects"][0]
        work, parse, slow, other, start = prog["functions"]
        ok = (prog["session"], prog["sites"], prog["entry_only"]) == (1, 2, 1) and \
            work["price_ns"] == 9800 and work["exits"] == 2 and work["exit_class"] == "stepped" \
            and parse["inlined"] == 7 and parse["symbol"] == "_Z5parsePKc" and \
            other["no_exits"] == "a computed jump" and "price_ns" not in start and \
            prog["inlined"][1] == {"name": "hash", "sites": 1, "out_of_line": False} and \
            slow["exit_class"] == "emulated" and report["prices"][0]["price_ns"] == 817
        return None if ok else json.dumps(report, indent=1)

    def test_probes_of_a_file_has_no_prices_and_says_so(self):
        got = self.run(["probes", self.hotpath, "main"])
        text = got.stdout.decode()
        ok = "| main" in text and "Price" not in text and "Returns" not in text and \
            "prices are known of a process" in text
        return None if ok else text + got.stderr.decode()

    def test_newer_daemon_is_told(self):
        with self.daemon(reset=lambda body: [{"version": 2}]) as daemon:
            got = self.run(["reset", "7", "--socket", daemon.path])
        return None if got.returncode == 1 and b"version 2" in got.stderr else repr(got)
