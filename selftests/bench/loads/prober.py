# SPDX-License-Identifier: GPL-2.0-only
"""Asks a loaded server something each 2 ms, and each 50 ms how much it has done:
"NS WORK LONGEST", the longest wait for an answer since the last such line.

	prober.py redis SOCKET
	prober.py nginx PORT

Runs before all others (SCHED_FIFO): what it waits for is the server, not a CPU."""
import os
import re
import socket
import sys
import time

EACH, TELL = 0.002, 50_000_000


class Redis:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def ask(self):
        self.socket.sendall(b"PING\r\n")
        while not self.socket.recv(4096).endswith(b"\n"):
            pass

    def work(self):
        self.socket.sendall(b"INFO stats\r\n")
        data = b""
        while not (m := re.match(rb"\$(\d+)\r\n", data)) or len(data) < m.end() + int(m[1]) + 2:
            data += self.socket.recv(65536)
        return int(re.search(rb"total_commands_processed:(\d+)", data)[1])


class Nginx:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path):
        self.socket.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        data = b""
        while not (m := re.search(rb"(?s)Content-Length: (\d+)\r\n.*?\r\n\r\n", data)) \
                or len(data) < m.end() + int(m[1]):
            data += self.socket.recv(65536)
        return data

    def ask(self):
        self.get(b"/a.txt")

    def work(self):
        """Requests of stub_status: the third number."""
        return int(re.search(rb"requests\s+\d+ \d+ (\d+)", self.get(b"/status"))[1])


def main():
    server = {"redis": Redis, "nginx": Nginx}[sys.argv[1]](sys.argv[2])
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass
    told = longest = 0
    while True:
        start = time.monotonic_ns()
        server.ask()
        end = time.monotonic_ns()
        longest = max(longest, end - start)
        if end - told >= TELL:
            work = server.work()
            now = time.monotonic_ns()
            longest = max(longest, now - end)
            sys.stdout.write(f"{(end + now) // 2} {work} {longest}\n")
            sys.stdout.flush()
            told, longest = now, 0
        time.sleep(EACH)


try:
    main()
except (BrokenPipeError, ConnectionError):
    pass
