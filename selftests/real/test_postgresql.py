# SPDX-License-Identifier: GPL-2.0-only
"""Debian's postgresql against the statements sent over one connection."""
import glob
import os
import pwd
import shutil
import subprocess

from context import deadline
from processes import Lines, wait_until


def binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    if not found:
        raise AssertionError("no /usr/lib/postgresql/*/bin/postgres: make deps-check installs it")
    return os.path.dirname(found[-1])


@deadline(120)
def test_postgresql_PortalRun_equals_statements_sent(t):
    where = binaries()
    user = pwd.getpwnam("postgres")
    folder = f"{t.tmp}/pg"
    os.mkdir(folder)
    os.chown(folder, user.pw_uid, user.pw_gid)
    as_postgres = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    r = subprocess.run([*as_postgres, f"{where}/initdb", "-D", f"{folder}/data", "-A", "trust", "--no-sync",
                        "--locale=C"], capture_output=True, cwd=folder, check=False)
    if r.returncode:
        raise AssertionError(f"initdb: {r.stderr.decode()}")
    server = Lines([*as_postgres, f"{where}/postgres", "-D", f"{folder}/data", "-c", "listen_addresses=",
                    "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"],
                   stderr=open(f"{t.tmp}/pg.log", "wb"), cwd=folder)
    wait_until("postgres listens", lambda: os.path.exists(f"{folder}/.s.PGSQL.5432"), 30)

    def ready():
        return subprocess.run([f"{where}/pg_isready", "-q", "-h", folder], check=False).returncode == 0
    if os.path.exists(f"{where}/pg_isready"):
        wait_until("postgres is ready", ready, 30, 0.05)
    psql = Lines([*as_postgres, shutil.which("psql") or f"{where}/psql", "-XAtq", "-h", folder, "-d", "postgres"],
                 stderr=subprocess.STDOUT, cwd=folder)
    psql.say("select pg_backend_pid();")
    backend = int(psql.line(30))
    t.attach(backend, "PortalRun", "PortalStart")
    psql.say("create temp table x (i integer);")
    statements = 1
    for i in range(500):
        psql.say(f"insert into x values ({i});")
        psql.say(f"select {i} * 2;")
        statements += 2
        t.equal(f"select {i} * 2", psql.line(30), str(i * 2))
    psql.say("select sum(i) from x;")
    t.equal("the sum", psql.line(30), str(499 * 250))
    statements += 1
    row = t.functions(backend)["PortalRun"]
    t.equal("calls", row["calls"], statements)
    t.equal("exits", row["exits"], statements)
    t.equal("returns", row["probe"]["returns"], "session")
    t.between("avg", 500, row["avg_ns"], 10**8)
    psql.say("select 1/0;")
    t.true("an error is one", "division by zero" in psql.line(30))
    psql.say("select 7;")
    t.equal("after an error (which jumps out of PortalRun)", psql.line(30), "7")
    row = t.functions(backend)["PortalRun"]
    # 1/0 is folded at planning: PortalRun is not reached, or left by siglongjmp
    t.between("calls with the failing one", statements + 1, row["calls"], statements + 2)
    t.equal("those that failed were unwound", row["unwound"], row["calls"] - statements - 1)
    t.hotpath("detach", backend)
    psql.say("select 8;")
    t.equal("after detach", psql.line(30), "8")
    t.equal("psql ends well", psql.end(), 0)
    server.kill(2)
    t.equal("a clean end", server.wait(), 0)
