# SPDX-License-Identifier: GPL-2.0-only
"""Each error: one line with what, on what, why and what to do; nothing changes."""
import os
import re
import shutil
import subprocess

import elfs
from context import as_user, NOBODY
from processes import Lines, stat, wait_until


def kernel_thread():
    for pid in (2, *(int(p) for p in os.listdir("/proc") if p.isdigit())):
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
            if re.search(r"^Kthread:\s+1", f.read(), re.M) or stat(pid)[1] == "kthreadd":
                return pid
    return None


def unused_pid():
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as f:
        pid = int(f.read()) - 2
    while stat(pid)[0] != "?":
        pid -= 1
    return pid


def test_processes_that_cannot_be_attached(t):
    zombie = Lines(["true"])
    wait_until("a zombie", lambda: stat(zombie.pid)[0] == "Z")
    thread = kernel_thread()
    unknown = unused_pid()
    table = [
        ("unknown pid", unknown, 1, [str(unknown), "no such process|not (running|exist)|no process"]),
        ("zombie", zombie.pid, 1, [str(zombie.pid), "zombie|exited|ended"]),
        ("pid 0", 0, 2, ["'?0'?|pid", "pid"]),
        ("pid -1", "-1", 2, ["-1"]),
        ("huge pid", "99999999999999999999", 2, ["99999999999999999999"]),
        ("not a number", "12x", 2, ["12x", "pid|number"]),
        ("empty", "", 2, ["pid|number|empty"]),
        ("itself", t.daemon.pid, None, []),
    ]
    if thread:
        table.append(("kernel thread", thread, 1, [str(thread), "kernel"]))
    for what, pid, status, says in table:
        with t.case(what):
            if status is None:  # allowed or refused, but the daemon lives
                t.hotpath("attach", pid, "-f", "main", check=False)
                t.hotpath("status")
                continue
            t.refused("attach", pid, "-f", "main", says=says, status=status)
            if status == 1:
                for verb in ("report", "detach", "reset"):
                    t.refused(verb, pid, says=[str(pid)])
                t.refused("record", "-o", f"{t.tmp}/never", pid, says=[str(pid)])
                t.true("no file was made", not os.path.exists(f"{t.tmp}/never"))
    t.equal("targets", [x["pid"] for x in t.document()["targets"] if x["pid"] != t.daemon.pid], [])


def test_a_32_bit_program_is_refused(t):
    path = f"{t.tmp}/pause32"
    with open(path, "wb") as f:
        f.write(elfs.i386_pause())
    os.chmod(path, 0o755)
    with t.case("the file"):
        t.refused("probes", path, says=["pause32", "32-bit|i386|x86-64|class"])
    try:
        program = Lines([path])
        wait_until("it runs", lambda: stat(program.pid)[0] == "S", 3)
    except Exception as e:  # a kernel without IA32 emulation
        t.true("a process", not t.failures)
        t.skip(f"this kernel runs no 32-bit programs ({type(e).__name__})")
    t.refused("attach", program.pid, "-f", "*", says=[str(program.pid), "32-bit|i386|x86-64"])


def test_files_that_are_no_good_elf(t):
    with open(t.target_path("worker"), "rb") as f:
        good = f.read()
    table = {"empty": b"", "text": b"#!/bin/sh\necho\n", "noise": bytes(range(256)) * 64}
    refused = set(table) | {"truncated header", "wrong machine", "wrong class"}
    table.update(elfs.hostile(good))
    for what, data in table.items():
        with t.case(what):
            path = f"{t.tmp}/bad"
            with open(path, "wb") as f:
                f.write(data)
            r = t.hotpath("probes", path, check=False, timeout=20)
            if r.status == 0 and what not in refused:
                continue  # it was read by another of its tables
            t.equal("status", r.status, 1)
            lines = [x for x in r.err.decode().splitlines() if x.strip()]
            t.true("one line that names the file", 1 <= len(lines) <= 2 and "bad" in lines[0], str(r))
            t.true("no crash", not re.search("signal|crash|abort|sanitizer|assert", r.err.decode(), re.I), str(r))
    for what, path, says in (("missing", f"{t.tmp}/missing", ["missing", "no such"]),
                             ("a folder", t.tmp, ["director|folder|regular|not a file"]),
                             ("a device", "/dev/zero", ["/dev/zero", "regular|not"])):
        with t.case(what):
            t.refused("probes", path, says=says, timeout=20)


def test_processes_whose_files_lie_are_attached_or_refused(t):
    """The loader looks at program headers only; everything else in the file may be hostile."""
    with open(t.target_path("worker"), "rb") as f:
        good = f.read()
    for what, data in elfs.hostile(good).items():
        if "section" not in what and "symbols" not in what and "strings" not in what and "note" not in what:
            continue
        with t.case(what):
            path = f"{t.tmp}/hostile"
            with open(path, "wb") as f:
                f.write(data)
            os.chmod(path, 0o755)
            try:
                target = t.target("worker", path=path)
            except (OSError, AssertionError):
                continue  # the loader refused it
            r = t.attach(target, "work_one", check=False, timeout=30)
            if r.status == 0:
                target.ask("go 10")
                t.equal("calls", t.functions(target)["work_one"]["calls"], 30)
            else:
                t.true("one line of error", 1 <= len(r.err.decode().splitlines()) <= 2, str(r))
            t.equal("exit status", target.end(), 0)
            os.unlink(path)
            t.hotpath("status")


def test_options_that_are_wrong(t):
    target = t.target("worker")
    t.attach(target, "work_one")
    pid = target.pid
    for args, says in (
            (["report", pid, "--percentiles", "101"], ["--percentiles", "101", "0"]),
            (["report", pid, "--percentiles", "-1"], ["--percentiles", "-1"]),
            (["report", pid, "--percentiles", "nan"], ["--percentiles", "nan"]),
            (["report", pid, "--percentiles", "50,,95"], ["--percentiles"]),
            (["report", pid, "-n", "-1"], ["-1", "limit|-n"]),
            (["report", pid, "--limit", "1e3"], ["limit", "1e3"]),
            (["report", pid, "--format", "xml"], ["--format", "xml", "json"]),
            (["report", pid, "--sort", "colour"], ["--sort", "colour", "total"]),
            (["report", pid, "--focus", "/(/"], ["--focus", r"\("]),
            (["report", pid, "--sections", "nonsense"], ["--sections", "nonsense", "functions"]),
            (["attach", pid, "-f", "/(/"], [r"/\(/", "regex|regular|pattern|paren"]),
            (["attach", pid, "-f", "work_one", "--ttl", "soon"], ["--ttl", "soon"]),
            (["attach", pid, "-f", "work_one", "--duration", "-1s"], ["--duration", "-1s"]),
            (["attach", pid, "--budget", "101"], ["--budget", "101", "to 100"]),
            (["attach", pid, "--budget", "5%"], ["--budget", "5%", "percent"]),
            (["attach", "-f", "work_one"], ["pid"]),
            (["record", pid], ["-o|--output"]),
            (["report", "--no-such-option"], ["--no-such-option"]),
            (["no-such-verb"], ["no-such-verb"]),
            (["detach"], ["pid|all"])):
        with t.case(" ".join(str(a) for a in args)):
            t.refused(*args, says=says, status=1 if args[2:] == ["-f", "/(/"] else 2)  # the daemon's to say
    for name, value in (("HOTPATH_PERCENTILES", "101"), ("HOTPATH_LIMIT", "-1"),
                        ("HOTPATH_OUTPUT_FORMAT", "xml"), ("HOTPATH_FOCUS", "/(/")):
        with t.case(f"{name}={value}"):
            t.refused("report", pid, env={name: value}, says=[name, re.escape(value)], status=2)
    with t.case("a flag beats its variable"):
        t.hotpath("report", pid, "--percentiles", "50", env={"HOTPATH_PERCENTILES": "101"})


def test_patterns_that_match_nothing_name_the_nearest(t):
    target = t.target("worker")
    t.refused("attach", target.pid, "-f", "wrok_one", says=["wrok_one", "work_one"])
    t.refused("attach", target.pid, "-f", "work_one", "-f", "nothing_like_this", says=["nothing_like_this"])
    t.refused("attach", target.pid, "-f", "libmissing*:puts", says=["libmissing"])
    t.equal("targets", t.document()["targets"], [])


def test_no_daemon_and_wrong_sockets(t):
    plain = f"{t.tmp}/plain"
    with open(plain, "w", encoding="ascii") as f:
        f.write("x")
    target = t.target("worker")
    for what, socket, says in (("nobody there", f"{t.tmp}/none.sock", ["none.sock", "hotpathd"]),
                               ("not a socket", plain, ["plain"]),
                               ("in no folder", f"{t.tmp}/no/such/s", ["no/such/s"]),
                               ("too long", "/tmp/" + "x" * 200, ["long|108|107"])):
        for args in (["status"], ["report", target.pid], ["attach", target.pid, "-f", "work_one"],
                     ["detach", "all"], ["reset", target.pid]):
            with t.case(f"{what}: {args[0]}"):
                t.refused(*args, "--socket", socket, no_daemon=True, says=says)


def test_a_full_disk_or_closed_pipe_is_an_error(t):
    target = t.target("worker")
    t.attach(target, "work_one")
    target.ask("go 10")
    for args in (["report", target.pid, "-o", "/dev/full"],
                 ["report", target.pid, "--format", "json", "-o", "/dev/full"],
                 ["record", target.pid, "-o", "/dev/full"],
                 ["report", target.pid, "-o", f"{t.tmp}/no/such/file"],
                 ["record", target.pid, "-o", t.tmp]):
        with t.case(" ".join(str(a) for a in args)):
            t.refused(*args, says=[re.escape(args[-1]),
                                   "space|no such|directory" if "full" not in args[-1] else "space"])
    with open("/dev/full", "wb") as full:
        for format_ in ("table", "json", "json-pretty"):
            with t.case(f"stdout is /dev/full, {format_}"):
                r = t.hotpath("report", target.pid, "--format", format_, check=False, stdout=full)
                t.equal("status", r.status, 1)
                t.matches("why", "space", r.err)
        r = t.hotpath("status", check=False, stdout=full)
        t.equal("status of status", r.status, 1)
    reader, writer = os.pipe()
    os.close(reader)
    with t.case("a closed pipe"):
        r = t.hotpath("report", target.pid, "--format", "json", check=False, stdout=writer)
        t.true("not 0, and no trace", r.status != 0 and b"race" not in r.err, str(r))
    os.close(writer)
    with t.case("run keeps CMD's status"):
        r = t.hotpath("run", "-f", "work_one", "-o", "/dev/full", "--", t.target_path("worker"), "exit 9",
                      check=False)
        t.equal("status", r.status, 9)
        t.matches("and says so", "space", r.err)


def test_another_users_process_is_refused(t):
    d = t.new_daemon()
    os.chown(d.socket, -1, 65533)
    target = t.target("worker")
    r = t.refused("attach", target.pid, "-f", "work_one", user="nobody",
                  says=[str(target.pid), r"uid 0|root|other user|another user|permission"])
    t.true("says who asked", str(NOBODY) in r.err.decode(), str(r))
    t.equal("targets", t.document()["targets"], [])


def test_a_user_outside_the_group_gets_the_remedy(t):
    d = t.new_daemon()
    t.public(f"{t.build}/hotpath")
    r = subprocess.run([*as_user("1234")[:3], "--clear-groups", f"{t.tmp}/hotpath", "status"],
                       env=t.environment(d.socket), capture_output=True, timeout=20, check=False)
    t.equal("status", r.returncode, 1)
    t.matches("the remedy", "usermod|group|sudo", r.stderr)
    t.equal("lines", len([x for x in r.stderr.decode().splitlines() if x]) <= 2, True)


def test_recordings_that_are_broken(t):
    target = t.target("worker")
    t.attach(target, "work_one")
    target.ask("go 10")
    path = f"{t.tmp}/x.hp"
    t.hotpath("record", "-o", path, target.pid)
    with open(path, "rb") as f:
        good = f.read()
    table = {"empty": b"", "half": good[:len(good) // 2], "head only": good[:8], "noise": os.urandom(5000),
             "text": b"hello\n", "last byte missing": good[:-1], "more at the end": good + b"junk" * 100}
    for i in range(0, len(good), max(1, len(good) // 40)):
        table[f"byte {i} flipped"] = elfs.patched(good, (i, bytes([good[i] ^ 0x5A])))
    for what, data in table.items():
        with t.case(what):
            with open(f"{t.tmp}/bad.hp", "wb") as f:
                f.write(data)
            r = t.hotpath("report", f"{t.tmp}/bad.hp", "--format", "json", check=False, no_daemon=True, timeout=20)
            if r.status == 0 and "flipped" in what:
                continue  # a figure changed; no checksum was promised
            t.equal("status", r.status, 1)
            t.true("names the file", b"bad.hp" in r.err, str(r))
            t.true("one line", 1 <= len(r.err.decode().splitlines()) <= 2, str(r))


def test_hotpathd_does_not_measure_itself(t):
    t.refused("attach", t.daemon.pid, "-f", "main", says=["hotpathd itself"])
