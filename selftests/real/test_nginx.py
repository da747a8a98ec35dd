# SPDX-License-Identifier: GPL-2.0-only
"""Debian's nginx against the requests that were sent."""
import http.client
import os
import socket
import subprocess

from processes import Lines, children, wait_until

NGINX = "/usr/sbin/nginx"
CONFIG = """
daemon off;
user root;
worker_processes 1;
pid {tmp}/nginx.pid;
error_log {tmp}/error.log;
events {{ worker_connections 64; }}
http {{
	access_log {tmp}/access.log;
	client_body_temp_path {tmp}/body;
	proxy_temp_path {tmp}/proxy;
	fastcgi_temp_path {tmp}/fastcgi;
	uwsgi_temp_path {tmp}/uwsgi;
	scgi_temp_path {tmp}/scgi;
	keepalive_requests 100000;
	server {{
		listen unix:{tmp}/nginx.sock;
		root {tmp}/www;
	}}
}}
"""


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def fetch(connection, path):
    connection.request("GET", path)
    r = connection.getresponse()
    return r.status, r.read()


def test_nginx_process_request_equals_requests_sent(t):
    if not os.path.exists(NGINX):
        raise AssertionError(f"{NGINX} is missing: make deps-check installs it")
    os.mkdir(f"{t.tmp}/www")
    with open(f"{t.tmp}/www/a.txt", "w", encoding="ascii") as f:
        f.write("hello " * 100)
    with open(f"{t.tmp}/nginx.conf", "w", encoding="ascii") as f:
        f.write(CONFIG.format(tmp=t.tmp))
    master = Lines([NGINX, "-p", t.tmp, "-c", f"{t.tmp}/nginx.conf"], stderr=subprocess.STDOUT)
    wait_until("nginx listens", lambda: os.path.exists(f"{t.tmp}/nginx.sock"))
    worker, = wait_until("a worker", lambda: children(master.pid))
    connection = UnixHTTP(f"{t.tmp}/nginx.sock")
    t.equal("before", fetch(connection, "/a.txt"), (200, b"hello " * 100))
    t.attach(worker, "ngx_http_process_request", "ngx_http_finalize_request")
    for i in range(500):
        if fetch(connection, "/a.txt") != (200, b"hello " * 100):
            t.fail(f"request {i} was answered wrongly")
            break
    for i in range(50):  # a connection each, and some are not there
        c = UnixHTTP(f"{t.tmp}/nginx.sock")
        t.equal("status", fetch(c, "/missing" if i % 2 else "/a.txt")[0], 404 if i % 2 else 200)
        c.close()
    report = t.report(worker)
    f = t.functions(worker)
    row = f["ngx_http_process_request"]
    t.equal("calls", row["calls"], 550)
    t.equal("exits", row["exits"], 550)
    t.equal("returns", row["probe"]["returns"], "session")
    t.between("avg", 500, row["avg_ns"], 10**8)
    t.true("total within what was observed", row["total_ns"] <= report["elapsed_ns"], row)
    with open(f"{t.tmp}/access.log", encoding="utf-8") as log:
        t.equal("nginx logged as many, and the one before", len(log.readlines()), 551)
    t.hotpath("detach", worker)
    t.equal("after detach", fetch(connection, "/a.txt")[0], 200)
    master.kill(15)
    t.equal("a clean end", master.wait(), 0)
