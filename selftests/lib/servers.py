# SPDX-License-Identifier: GPL-2.0-only
"""Servers as they come, and a load for each; the long-running half of workloads.py."""
import contextlib
import http.client
import os
import pwd
import re
import shutil
import socket
import subprocess
import threading

from processes import Lines, children, spent, wait_until
from workloads import Result, find, source

TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """work() starts it, lets `profile` attach to its processes, loads it, asks it how
    many requests it served, ends it. truth: function -> calls by the server's count."""

    def __init__(self, build):
        self.build = build
        self.truth, self.cpu = {}, 0

    def objects(self):
        """The files whose functions `patterns` names."""
        return [os.path.realpath(find(*self.paths))]

    def work(self, folder, profile=lambda _pids: contextlib.nullcontext()):
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        server = self.start(folder)
        try:
            pids = self.processes()
            with profile(pids):
                before = sum(spent(p)[0] for p in pids)
                result = self.load(folder)
                self.cpu = (sum(spent(p)[0] for p in pids) - before) / TICKS
            result["after"] = self.afterwards(folder)
        finally:
            server.kill(self.ends_by)
        result["status"] = server.wait(30)
        return result


class Redis(Server):
    name, title = "redis-server", "redis-server, redis-benchmark"
    paths = ("/usr/bin/redis-server",)
    patterns = ("redis-check-rdb:*",)  # what Debian's redis-server is a link to
    sample = ("redis-check-rdb:/[b-k]$/", "call", "processCommand")
    ends_by = 15

    def start(self, folder):
        self.path = f"{folder}/redis.sock"
        server = Lines([find(*self.paths), "--port", "0", "--unixsocket", self.path, "--save", "",
                        "--dir", folder, "--hz", "1"], stderr=subprocess.STDOUT)
        self.pid = server.pid
        while "ready to accept" not in server.line(20).lower():
            pass
        return server

    def processes(self):
        return [self.pid]

    def cli(self, *words):
        r = subprocess.run([find("redis-cli"), "-s", self.path, *words], capture_output=True, timeout=60, check=True)
        return r.stdout.decode()

    def processed(self):
        return int(re.search(r"total_commands_processed:(\d+)", self.cli("INFO", "stats")).group(1))

    def load(self, folder):
        before = self.processed()
        r = subprocess.run([find("redis-benchmark"), "-s", self.path, "-n", "200", "-c", "10", "-q", "-t",
                            "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset"],
                           capture_output=True, timeout=60, check=False)
        script = "for i = 1, 50 do redis.call('SET', 'k' .. i, i) end return redis.call('KEYS', 'k*')"
        seen = Result(benchmark=r.returncode, names=re.findall(r"^\r?([A-Z_0-9]+)", r.stdout.decode(), re.M),
                      counter=self.cli("INCR", "counter:__rand_int__"), size=self.cli("DBSIZE"),
                      list=self.cli("LRANGE", "mylist", "0", "3"), script=len(self.cli("EVAL", script, "0")),
                      error=self.cli("INCR", "mylist"), unknown=self.cli("NOSUCH"))
        seen["commands"] = commands = self.processed() - before
        # INFO counts itself only after it has answered; the script's 51 are called, too,
        # without having come as commands; the unknown one came and was not called.
        self.truth = {"call": commands + 1, "processCommand": commands + 1 - 51 + 1}
        return seen

    def afterwards(self, _folder):
        return self.cli("GET", "k7")


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class Nginx(Server):
    name, title = "nginx", "nginx, two workers, four clients"
    paths = ("/usr/sbin/nginx",)
    patterns = sample = ("nginx:*",)
    ends_by = 3  # SIGQUIT: gracefully
    CONFIG = """daemon off; user root; worker_processes 2; pid {0}/nginx.pid; error_log {0}/error.log;
events {{ worker_connections 64; }}
http {{
	access_log {0}/access.log; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;
	fastcgi_temp_path {0}/fastcgi; uwsgi_temp_path {0}/uwsgi; scgi_temp_path {0}/scgi;
	gzip on; gzip_types *; gzip_min_length 100; keepalive_requests 100000;
	server {{
		listen unix:{0}/nginx.sock;
		root {0}/www;
		location /again {{ rewrite ^/again/(.*)$ /$1 last; }}
		location /away {{ return 302 /a.txt; }}
		location /by {{ proxy_pass http://unix:{0}/nginx.sock:/a.txt; }}
	}}
}}
"""
    REQUESTS = 40  # of each client

    def start(self, folder):
        os.mkdir(f"{folder}/www")
        with open(f"{folder}/www/a.txt", "w", encoding="ascii") as f:
            f.write("".join(f"line {i} of a text\n" for i in range(200)))
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as f:
            f.write(self.CONFIG.format(folder))
        server = Lines([find(*self.paths), "-p", folder, "-c", f"{folder}/nginx.conf"],
                       stderr=subprocess.STDOUT)
        self.master = server.pid
        wait_until("nginx listens", lambda: os.path.exists(f"{folder}/nginx.sock"))
        wait_until("two workers", lambda: len(self.processes()) == 2)
        return server

    def processes(self):
        return children(self.master)

    def client(self, folder, number, answers):
        connection = UnixHTTP(f"{folder}/nginx.sock")
        paths = ("/a.txt", "/again/a.txt", "/missing", "/away", "/by", "/a.txt?x=1")
        for i in range(self.REQUESTS):
            headers = ({}, {"Accept-Encoding": "gzip"}, {"Range": "bytes=10-99"})[i % 3]
            connection.request("GET", paths[(i + number) % len(paths)], headers=headers)
            r = connection.getresponse()
            answers[number].append((r.status, len(r.read()), r.getheader("Content-Encoding")))

    def load(self, folder):
        answers = [[] for _ in range(4)]
        clients = [threading.Thread(target=self.client, args=(folder, i, answers)) for i in range(4)]
        for c in clients:
            c.start()
        for c in clients:
            c.join()
        def logged():
            with open(f"{folder}/access.log", encoding="utf-8") as log:
                return len(log.readlines())
        expected = sum(1 + (path == 4) for n in range(4) for path in
                       [(i + n) % 6 for i in range(self.REQUESTS)])  # /by is two requests
        wait_until("all are logged", lambda: logged() >= expected)
        self.truth = {"ngx_http_process_request": logged()}
        return Result(answers=answers, logged=logged())

    def afterwards(self, folder):
        connection = UnixHTTP(f"{folder}/nginx.sock")
        connection.request("GET", "/missing")
        return connection.getresponse().status


class Postgres(Server):
    name, title = "postgres", "postgres, a session of SQL with errors"
    paths = ("/usr/lib/postgresql/*/bin/postgres",)
    patterns = ("postgres:*", "plpgsql*:*")
    sample = ("postgres:/[e-k]$/", "postgres:BeginCommand", "plpgsql*:*")
    ends_by = 2

    def objects(self):
        return [*super().objects(), find("/usr/lib/postgresql/*/lib/plpgsql.so")]

    def start(self, folder):
        where, user = os.path.dirname(find(*self.paths)), pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        self.whose = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        subprocess.run([*self.whose, f"{where}/initdb", "-D", f"{folder}/data", "-A", "trust", "--no-sync",
                        "--locale=C"], capture_output=True, cwd=folder, check=True)
        server = Lines([*self.whose, f"{where}/postgres", "-D", f"{folder}/data", "-c", "listen_addresses=",
                        "-c", f"unix_socket_directories={folder}", "-c", "fsync=off", "-c", "autovacuum=off",
                        "-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "shared_preload_libraries=plpgsql"],
                       stderr=open(f"{folder}/log", "wb"), cwd=folder)
        self.psql = [*self.whose, shutil.which("psql") or f"{where}/psql", "-XAtq", "-h", folder, "-d", "postgres"]
        wait_until("postgres answers", lambda: subprocess.run(
            [*self.psql, "-c", "select 1"], capture_output=True, check=False, cwd=folder).returncode == 0, 30, 0.05)
        self.session = Lines(self.psql, stderr=subprocess.STDOUT, cwd=folder)
        self.session.say("select pg_backend_pid();")
        self.pid = int(self.session.line(30))
        return server

    def processes(self):
        return [self.pid]

    def load(self, _folder):
        with open(source("session.sql"), encoding="ascii") as f:
            text = f.read()
        self.session.say(text + "\\echo the end")
        seen = []
        while not seen or seen[-1] != "the end":
            seen.append(self.session.line(60))
        # psql sends what ends with a semicolon; the function's body has its own
        body = re.sub(r"\$\$.*?\$\$", "", re.sub(r"--.*", "", text), flags=re.S)
        self.truth = {"BeginCommand": body.count(";")}
        return Result(answers=seen)

    def afterwards(self, _folder):
        self.session.say("select count(*) from orders;")
        return self.session.line(30), self.session.end()


SERVERS = (Redis, Nginx, Postgres)
