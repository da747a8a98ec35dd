# SPDX-License-Identifier: GPL-2.0-only
"""A server attached by its master's pid, under load: the children it has and those it
forks later count, and their sum is the server's own count of requests."""
import contextlib
import os
import shutil
import signal
import subprocess
import threading

import reports
import servers
from context import deadline
from processes import wait_until

LOAD = ("-n", "-c", "3", "-t", "15")  # of pgbench: clients, and transactions of each


def lines(path, holds):
    with open(path, encoding="utf-8", errors="replace") as f:
        return sum(holds in line for line in f)


@contextlib.contextmanager
def meanwhile(work):
    """Work again and again on a thread of its own, until the block ends; at least once."""
    done, failed = threading.Event(), []

    def run():
        while True:
            try:
                work()
            except Exception as e:  # it is the test that must say so
                failed.append(repr(e))
            if done.is_set() or failed:
                return
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    if failed:
        raise AssertionError(f"under load: {failed}")


def calls(t, name):
    """Of all targets of the daemon, and how many processes they are."""
    targets = t.document("--merge", "none")["targets"]
    rows = [r for target in targets for r in reports.rows(target) if r["name"] == name]
    t.equal("lost", sum(target["health"]["calls"]["lost"] for target in targets), 0)
    return sum(r["calls"] for r in rows), len({target["pid"] for target in targets})


@deadline(120)
def test_nginx_by_its_master(t):
    server, folder = servers.Nginx(t.build), f"{t.tmp}/nginx"
    os.mkdir(folder)
    process = server.start(folder)

    def load():
        server.load(folder)

    def logged():
        return lines(f"{folder}/access.log", "GET")
    t.new_daemon()
    with meanwhile(load):
        t.attach(server.master, "nginx:ngx_http_*")
    before, known, workers = logged(), calls(t, "ngx_http_process_request")[0], server.processes()
    load()
    os.kill(server.master, signal.SIGHUP)  # new workers, which are forked now
    wait_until("new workers alone", lambda: len(server.processes()) == 2
               and not set(server.processes()) & set(workers), 20)
    load()
    seen, processes = calls(t, "ngx_http_process_request")
    t.equal("requests", seen - known, logged() - before)
    t.true("master, old and new workers", processes >= 5, processes)
    t.hotpath("detach", "all")
    t.equal("after detach", server.afterwards(folder), 404)
    process.kill(3)
    t.equal("a clean end", process.wait(), 0)


@deadline(120)
def test_postgres_by_its_postmaster(t):
    server, folder = servers.Postgres(t.build), f"{t.tmp}/pg"
    os.mkdir(folder)
    os.chmod(folder, 0o755)
    process = server.start(folder)
    bench = shutil.which("pgbench") or os.path.join(os.path.dirname(servers.find(*server.paths)), "pgbench")

    def pgbench(*args):
        r = subprocess.run([*server.whose, bench, "-h", folder, *(args or LOAD), "postgres"], capture_output=True, timeout=60, check=False, cwd=folder)
        if r.returncode:
            raise AssertionError(f"pgbench: {r.stderr.decode()}")

    def statements():
        return lines(f"{folder}/log", "LOG:  statement: ")
    pgbench("-i", "-q")
    server.session.say("alter system set log_statement = 'all'; select pg_reload_conf();")
    server.session.line(30)
    wait_until("statements are logged", lambda: server.session.say("select 7;") or (
        server.session.line(30) == "7" and statements()), 20)
    t.new_daemon()
    with meanwhile(pgbench):
        t.attach(process.pid, "postgres:*Command", "postgres:Portal*", "postgres:Exec*")
    before, known = statements(), calls(t, "BeginCommand")[0]
    pgbench()  # three backends, forked now
    pgbench(*LOAD, "-C")  # one for each transaction
    server.load(folder)  # the session that was there at first
    seen, processes = calls(t, "BeginCommand")
    t.equal("statements", seen - known, statements() - before)
    t.true("postmaster, its own, the session and backends", processes >= 10, processes)
    t.hotpath("detach", "all")
    t.equal("after detach", server.afterwards(folder), ("800", 0))
    process.kill(2)
    t.equal("a clean end", process.wait(), 0)
