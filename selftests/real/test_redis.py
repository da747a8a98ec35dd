# SPDX-License-Identifier: GPL-2.0-only
"""Debian's redis-server against its own INFO."""
import os
import re
import socket
import subprocess

from processes import Lines, Timeout, wait_until

SERVER = "/usr/bin/redis-server"


class Redis:
    """A server of our own in a folder, and one connection."""

    def __init__(self, t):
        if not os.path.exists(SERVER):
            raise AssertionError(f"{SERVER} is missing: make deps-check installs it")
        path = f"{t.tmp}/redis.sock"
        self.server = Lines([SERVER, "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no",
                             "--daemonize", "no", "--dir", t.tmp, "--hz", "1"], stderr=subprocess.STDOUT)
        self.pid = self.server.pid
        while "ready to accept" not in self.server.line(20).lower():
            pass
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def command(self, *words):
        data = b"*%d\r\n" % len(words)
        for w in words:
            w = w if isinstance(w, bytes) else str(w).encode()
            data += b"$%d\r\n%s\r\n" % (len(w), w)
        self.socket.sendall(data)
        return self.reply()

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:].strip()
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else self.file.read(n + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def processed(self):
        return int(re.search(rb"total_commands_processed:(\d+)", self.command("INFO", "stats")).group(1))


def test_redis_processCommand_equals_total_commands_processed(t):
    redis = Redis(t)
    redis.command("PING")
    t.attach(redis.pid, "processCommand", "call", "lookupKey")
    before = redis.processed()  # counts itself only after it has answered
    for i in range(2000):
        t.true("SET", redis.command("SET", f"key{i}", i * i) == b"OK")
        if redis.command("GET", f"key{i}") != str(i * i).encode():
            t.fail(f"GET key{i} gave a wrong answer")
            break
    wrong = redis.command("NOSUCHCOMMAND")
    t.true("an unknown command is refused", b"unknown command" in wrong, wrong)
    after = redis.processed()
    f = t.functions(redis.pid)
    commands = after - before + 1  # and the second INFO, which is in no reading yet
    t.equal("commands by INFO", commands, 4002)
    for name, expected in (("call", commands), ("processCommand", commands + 1)):  # refused: not called
        t.equal(f"{name} calls", f[name]["calls"], expected)
        t.equal(f"{name} exits", f[name]["exits"], expected)
        t.equal(f"{name} returns", f[name]["probe"]["returns"], "session")
    t.true("lookupKey ran", f["lookupKey"]["calls"] >= 4000, f["lookupKey"])
    t.true("times are sane", 0 < f["call"]["total_ns"] <= f["processCommand"]["total_ns"]
           <= t.report(redis.pid)["elapsed_ns"], f)
    t.between("avg of processCommand", 300, f["processCommand"]["avg_ns"], 10**7)
    t.hotpath("detach", redis.pid)
    t.equal("the data after detach", redis.command("GET", "key77"), b"5929")
    redis.server.kill(15)
    t.equal("a clean end", redis.server.wait(), 0)


def test_redis_under_run_is_counted_from_its_first_command(t):
    path = f"{t.tmp}/r.sock"
    out = f"{t.tmp}/r.json"
    run = t.lines(t.argv("run", "-f", "processCommand", "-f", "main", "--format", "json", "-n", "0", "-o", out,
                         "--", SERVER, "--port", "0", "--unixsocket", path, "--save", "", "--dir", t.tmp),
                  env=t.environment(t.daemon.socket), stderr=subprocess.STDOUT)
    while "ready to accept" not in run.line(30).lower():
        pass
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(b"PING\r\n" * 100)
    got = b""
    while got.count(b"+PONG") < 100:
        got += s.recv(65536)
    s.close()
    run.kill(15)
    t.equal("status", run.wait(), 0)
    import reports
    with open(out, "rb") as f:
        f = reports.functions(reports.read(f.read())["targets"][0])
    t.equal("processCommand", (f["processCommand"]["calls"], f["processCommand"]["exits"]), (100, 100))
    t.equal("main calls", f["main"]["calls"], 1)


def test_all_of_redis_can_be_probed_and_answers_right(t):
    redis = Redis(t)
    # Debian's redis-server is a link to redis-check-rdb: that is the object's name
    r = t.hotpath("attach", redis.pid, "-f", f"{os.path.basename(os.path.realpath(SERVER))}:*", timeout=60)
    try:
        for i in range(200):
            redis.command("SET", f"k{i}", "x" * i)
        t.equal("STRLEN", redis.command("STRLEN", "k150"), 150)
        t.equal("EVAL", redis.command("EVAL", "return #redis.call('KEYS','*')", 0), 200)
        t.equal("SORT", len(redis.command("SORT", "nosuch")), 0)
    except (Timeout, socket.timeout) as e:
        t.fail(f"no answer with everything probed: {e}")
    f = t.functions(redis.pid)
    t.equal("processCommand calls", f["processCommand"]["calls"], 203)
    t.true("many functions were called", len(f) > 100, f"{len(f)}\n{r}")
    t.hotpath("detach", redis.pid)
    redis.server.kill(15)
    t.equal("a clean end", redis.server.wait(), 0)
    wait_until("gone", lambda: redis.server.proc.poll() is not None)
