# SPDX-License-Identifier: GPL-2.0-only
"""Real programs at full load, for as long as it is wanted, that tell how far they are.

A Load is started, tells the processes to attach to, keeps a Series of what it got done
(series.py), and is ended. The work is what the program counts itself: commands, requests,
transactions, iterations. Each writes lines "NS WORK LONGEST", or lines of its own that
line() understands.
"""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from processes import children, wait_until
from series import Series
from workloads import find

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench", "loads")
PYTHON = "/usr/bin/python3"


class Load:
    patterns = ()  # of -f; none: attach PID
    unit = "iterations"
    counts = None  # the function that is called once for each unit of work

    def __init__(self, build):
        self.build, self.series, self.pids = build, Series(), []
        self.started, self.buffered = [], b""

    def program(self, argv, **more):
        """A process that end() ends; what it writes is thrown away unless `more` says otherwise."""
        p = subprocess.Popen([str(a) for a in argv], **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                                                        "stderr": subprocess.DEVNULL, **more})
        self.started.append(p)
        return p

    def teller(self, argv, **more):
        """One whose lines tell how far the load is."""
        p = self.program(argv, stdout=subprocess.PIPE, **more)
        self.listen(p.stdout)
        return p

    def listen(self, stream):
        threading.Thread(target=self.read, args=(stream,), daemon=True).start()

    def read(self, stream):
        while data := os.read(stream.fileno(), 65536):
            self.take(data)

    def take(self, data):
        """Whole lines of what came; the rest stays for the next time."""
        *lines, self.buffered = (self.buffered + data).split(b"\n")
        for line in lines:
            self.line(line)

    def line(self, line):
        at, work, longest = line.split()
        self.series.add(int(at), int(work), int(longest))

    def cpu_ns(self):
        """CPU time of its processes so far; the number of a clock is made of the PID (clock_getcpuclockid)."""
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in self.pids)

    def start(self, folder):
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        self.begin(folder)
        wait_until(f"{self.name} works", lambda: len(self.series.at) > 2, 30, 0.02)

    def end(self):
        for p in reversed(self.started):
            if p.poll() is None:
                p.send_signal(self.ends_by if p is self.started[0] else signal.SIGTERM)
        for p in self.started:
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()


class Redis(Load):
    name, unit, counts = "redis", "commands", "processCommand"
    ends_by, more = 15, ()

    def begin(self, folder):
        self.path = path = f"{folder}/redis.sock"
        server = self.program([find("redis-server"), "--port", "0", "--unixsocket", path, "--save", "",
                               "--appendonly", "no", "--dir", folder])
        self.pids = [server.pid]
        wait_until("redis listens", lambda: os.path.exists(path))
        self.program([find("redis-benchmark"), "-s", path, "-t", "set,get", "-l", "-q", "-c", "20", *self.more])
        self.teller([PYTHON, f"{HERE}/prober.py", "redis", path])


    def ask(self, *words):
        """By a connection of its own."""
        r = subprocess.run([find("redis-cli"), "-s", self.path, *words], capture_output=True, timeout=60, check=True)
        return r.stdout.decode().strip()


class Pipelined(Redis):
    name, more = "redis -P 16", ("-P", "16")


class Nginx(Load):
    name, unit, ends_by = "nginx", "requests", 3
    CONFIG = """daemon off; user root; worker_processes 1; pid {0}/pid; error_log {0}/error.log;
events {{ worker_connections 128; }}
http {{
	access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;
	fastcgi_temp_path {0}/fastcgi; uwsgi_temp_path {0}/uwsgi; scgi_temp_path {0}/scgi;
	keepalive_requests 1000000000;
	server {{ listen 127.0.0.1:{1}; root {0}/www; location /status {{ stub_status; }} }}
}}
"""

    def begin(self, folder):
        os.mkdir(f"{folder}/www")
        with open(f"{folder}/www/a.txt", "w", encoding="ascii") as f:
            f.write("a line of a text\n" * 60)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        with open(f"{folder}/conf", "w", encoding="ascii") as f:
            f.write(self.CONFIG.format(folder, port))
        master = self.program([find("/usr/sbin/nginx"), "-p", folder, "-c", f"{folder}/conf"])
        self.pids = wait_until("a worker", lambda: children(master.pid))
        wait_until("nginx answers", lambda: answers(port))
        self.program([find("wrk"), "-t", "1", "-c", "20", "-d", "3600", f"http://127.0.0.1:{port}/a.txt"])
        self.teller([PYTHON, f"{HERE}/prober.py", "nginx", port])


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def says(pid, words):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return words in f.read()
    except (FileNotFoundError, ProcessLookupError):
        return False


class Postgres(Load):
    """pgbench logs each transaction, with the time and how long it took."""
    name, unit, ends_by = "postgres", "transactions", 2

    def begin(self, folder):
        where, user = os.path.dirname(os.path.realpath(find("/usr/lib/postgresql/*/bin/postgres"))), \
            pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        self.whose = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        subprocess.run([*self.whose, f"{where}/initdb", "-D", f"{folder}/data", "-A", "trust", "--no-sync",
                        "--locale=C"], capture_output=True, cwd=folder, check=True)
        server = self.program([*self.whose, f"{where}/postgres", "-D", f"{folder}/data", "-c", "listen_addresses=",
                               "-c", f"unix_socket_directories={folder}", "-c", "fsync=off", "-c", "autovacuum=off"],
                              cwd=folder)
        pgbench = [*self.whose, shutil.which("pgbench") or f"{where}/pgbench", "-h", folder]
        init = [*pgbench, "-i", "-s", "2", "-q", "postgres"]
        wait_until("pgbench -i", lambda: subprocess.run(init, capture_output=True, cwd=folder,
                                                        check=False).returncode == 0, 30, 0.2)
        self.program([*pgbench, "-S", "-n", "-M", "prepared", "-c", "2", "-T", "3600", "-l", "--log-prefix",
                      f"{folder}/log", "postgres"], cwd=folder)
        self.count = 0
        self.clock_ns = time.monotonic_ns() - time.time_ns()
        path = wait_until("pgbench logs", lambda: next((f for f in os.listdir(folder) if f.startswith("log.")), None))
        self.pids = wait_until("two sessions", lambda: (p := [c for c in children(server.pid) if says(c, b"[local] ")])
                               and len(p) == 2 and p)
        threading.Thread(target=self.follow, args=(f"{folder}/{path}",), daemon=True).start()

    def follow(self, path):
        """The log, as it grows."""
        with open(path, "rb", buffering=0) as f:
            while self.started[0].poll() is None:
                if data := f.read(1 << 20):
                    self.take(data)
                else:
                    time.sleep(0.02)

    def take(self, data):
        """Lines "CLIENT NUMBER US SCRIPT SECONDS US", 60,000 a second: together, it saves a tenth of a CPU."""
        whole, newline, self.buffered = (self.buffered + data).rpartition(b"\n")
        if not newline:
            return
        words = whole.split()
        self.count += len(words) // 6
        at = int(words[-2]) * 1000000 + int(words[-1])
        self.series.add(at * 1000 + self.clock_ns, self.count, max(map(int, words[2::6])) * 1000)


class Sqlite(Load):
    """The shell; a statement's first column is its beginning, in ms. `yes` never ends."""
    name, unit, ends_by = "sqlite3", "statements", 15
    patterns = ("libsqlite3*:*",)  # the shell has next to no code of its own
    SQL = ("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), (SELECT sum(amount) FROM orders "
           "JOIN customer c ON c.id = customer WHERE city = 'city 3'), (SELECT count(*) FROM (SELECT note, "
           "count(*) n FROM orders WHERE id < 300 GROUP BY note ORDER BY n)), (SELECT count(*) FROM customer "
           "WHERE name LIKE '%7%');")

    def begin(self, _folder):
        self.count, self.last = 0, None
        self.clock_ns = time.monotonic_ns() - time.time_ns()
        shell = self.teller(["stdbuf", "-oL", find("sqlite3"), ":memory:"], stdin=subprocess.PIPE)
        self.pids = [shell.pid]
        with open(f"{HERE}/orders.sql", "rb") as f:
            shell.stdin.write(f.read())
            shell.stdin.flush()
        self.program(["yes", self.SQL], stdout=shell.stdin)
        shell.stdin.close()

    def line(self, line):
        ns = int(line.split(b"|")[0]) * 1000000 + self.clock_ns
        self.series.add(ns, self.count, ns - (self.last or ns))
        self.count += 1
        self.last = ns


class Python(Load):
    name, ends_by = "python3", 15

    def begin(self, _folder):
        self.pids = [self.teller([PYTHON, "-S", "-E", f"{HERE}/pure.py"]).pid]


class Spin(Load):
    name, unit, counts, ends_by = "5 ns calls", "calls", "step", 15

    def begin(self, _folder):
        self.pids = [self.teller([f"{self.build}/selftests/bench/spin"]).pid]


LOADS = (Redis, Pipelined, Nginx, Postgres, Sqlite, Python, Spin)


def main():
    """For a look at one of them: loads.py BUILD NAME, its rate each second."""
    load = next(c for c in LOADS if c.name == sys.argv[2])(sys.argv[1])
    folder = f"/tmp/hotpath-load-{os.getpid()}"
    try:
        load.start(folder)
        print(load.pids)
        for _ in range(4):
            start = time.monotonic_ns()
            load.series.wait(start + 1000000000)
            end = start + 1000000000
            print(f"{load.series.rate(start, end) * 1e9:,.0f} {load.unit}/s, longest wait "
                  f"{load.series.worst_ns(start, end) / 1e6:.1f} ms", flush=True)
    finally:
        load.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
