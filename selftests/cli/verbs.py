# SPDX-License-Identifier: GPL-2.0-only
"""run and attach against a fake daemon: what CMD sees, and what the user sees."""
import json
import os
import pty
import signal
import struct
import subprocess
import time

from fakedaemon import FakeDaemon

ATTACHED = {"comm": "prog", "functions": 2, "session": 1, "entry_only": 1, "cheap": 2,
            "bystander_processes": 3, "notes": ["1 function has \x1b no safe place"]}


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
            ([self.folder.name], 126)])

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

    def test_daemon_that_dies_in_its_answer_is_told(self):
        for answer in None, [b"\xff\xff"], [b"\x05\0\0\0ab"], [b"\xff\xff\xff\xff"]:
            with self.daemon(report=lambda body: answer) as daemon:
                got = self.run(["report", "1", "--socket", daemon.path])
            if got.returncode != 1 or got.stdout or not got.stderr.startswith(b"hotpath: "):
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
        # The job needs a parent within its session, or the kernel ignores Ctrl-Z.
        shell = ("import os,sys,signal\n"
                 "pid=os.fork()\n"
                 "if pid==0:\n"
                 " os.setpgid(0,0); signal.signal(signal.SIGTTOU,signal.SIG_IGN)\n"
                 " os.tcsetpgrp(0,os.getpid()); signal.signal(signal.SIGTTOU,signal.SIG_DFL)\n"
                 " os.execv(sys.argv[1],sys.argv[1:])\n"
                 "_,s=os.waitpid(pid,os.WUNTRACED)\n"
                 "print('stopped' if os.WIFSTOPPED(s) else 'ended',flush=True)\n"
                 "os.killpg(pid,signal.SIGCONT)\n"
                 "_,s=os.waitpid(pid,0)\n"
                 "print('status',os.waitstatus_to_exitcode(s),flush=True)\n")
        with self.daemon() as daemon:
            pid, terminal = pty.fork()
            if pid == 0:
                os.execv("/usr/bin/python3", [
                    "python3", "-c", shell, self.hotpath, "run", "--socket", daemon.path, "-f",
                    "main", "--format", "none", "--", "sh", "-c",
                    "echo ready; sleep 0.3; exit 6"])
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
                  "targets": [{"pid": 9, "comm": "a\nb", "functions": 3, "ttl_left_ns": 10**9}],
                  "limits": [{"name": "targets", "used": 1, "max": 64}],
                  "lost": [{"name": "events", "value": 2, "text": "ring buffer full"}]}
        with self.daemon(status=lambda body: [{"status": status}]) as daemon:
            text = self.run(["status", "--socket", daemon.path])
            got = self.run(["status", "--format", "json", "--socket", daemon.path])
        report = json.loads(got.stdout)
        words = b"session", b"a?b", b"256 * (1 + n + m)", b"1 of 64", b"events: 2"
        missing = [word for word in words if word not in text.stdout]
        return None if not missing and report["targets"][0]["pid"] == 9 else repr((missing, text))

    def test_newer_daemon_is_told(self):
        with self.daemon(reset=lambda body: [{"version": 2}]) as daemon:
            got = self.run(["reset", "7", "--socket", daemon.path])
        return None if got.returncode == 1 and b"version 2" in got.stderr else repr(got)
