# SPDX-License-Identifier: GPL-2.0-only
"""Clients without manners, and names that want to be more than names."""
import os
import re
import shutil
import struct
import subprocess
import time

import raw
import reports
import wire


def still_serves(t):
    t.matches("others are served", "uptime|hotpathd|kernel", t.hotpath("status", timeout=20).out)


def test_malformed_messages_cost_one_connection(t):
    t.new_daemon()
    status = raw.request(raw.STATUS)
    table = {
        "noise": os.urandom(4096),
        "zero length": struct.pack("<I", 0),
        "oversized": struct.pack("<I", (1 << 20) + 1) + b"x" * 100,
        "most oversized": b"\xff\xff\xff\xff" + b"x" * 100,
        "not protobuf": raw.framed(b"\xff" * 50),
        "wrong version": raw.framed(raw.request(raw.STATUS, version=99)),
        "no version": raw.framed(raw.field(raw.STATUS, b"")),
        "no body": raw.framed(raw.field(1, 1)),
        "unknown body": raw.framed(raw.request(99)),
        "body with a broken length": raw.framed(raw.field(1, 1) + b"\x32\xff\xff\xff\xff\x0f"),
        "wrong wire type": raw.framed(raw.field(1, 1) + raw.field(raw.STATUS, 7)),
        "endless varint": raw.framed(b"\x08" + b"\xff" * 200),
        "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "attach nobody": raw.framed(raw.request(raw.ATTACH)),
        "attach a negative pid": raw.framed(raw.request(raw.ATTACH, raw.field(1, (1 << 64) - 1)
                                                        + raw.field(2, b"main"))),
        "attach with pattern of 1 MiB less a bit": raw.framed(raw.request(
            raw.ATTACH, raw.field(1, os.getpid()) + raw.field(2, b"a" * 1000000))),
        "attach with 100,000 patterns": raw.framed(raw.request(
            raw.ATTACH, raw.field(1, os.getpid()) + raw.field(2, b"abc") * 100000)),
        "100,000 pids": raw.framed(raw.request(raw.REPORT, raw.field(1, 1) * 100000)),
        "pattern with NUL and newline": raw.framed(raw.request(
            raw.ATTACH, raw.field(1, os.getpid()) + raw.field(2, b"ma\0in\n\x1b[31m"))),
        "two at once": raw.framed(status) * 2,
    }
    for what, data in table.items():
        with t.case(what):
            client = raw.Client(t.daemon.socket)
            client.send(data)
            if what in ("noise", "http", "most oversized", "oversized"):
                client.closed()  # or it would wait for a message that never comes
            else:
                client.receive()  # an error or the end, but within the time
            client.close()
            still_serves(t)


def test_half_messages_and_silence_hold_up_nobody(t):
    t.new_daemon()
    good = raw.framed(raw.request(raw.STATUS))
    waiting = []
    for data in (b"", good[:2], good[:4], good[:-1]):
        client = raw.Client(t.daemon.socket)
        client.send(data)
        waiting.append(client)
        still_serves(t)
    waiting[-1].send(good[-1:])
    t.true("the slow one is served when it is done", waiting[-1].receive())
    slow = raw.Client(t.daemon.socket)
    for byte in good:
        slow.send(bytes([byte]))
    t.true("one byte at a time", slow.receive())
    for client in waiting:
        client.close()
    still_serves(t)


def test_many_connections_are_limited_not_fatal(t):
    d = t.new_daemon()
    clients = []
    for _ in range(600):
        try:
            clients.append(raw.Client(d.socket, timeout=5))
        except OSError:
            break
    t.true("the daemon lives", d.running())
    for client in clients:
        client.close()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if t.hotpath("status", check=False).status == 0:
            break
    still_serves(t)
    with t.case("file descriptors are given back"):
        t.between("open", 1, len(os.listdir(f"/proc/{d.pid}/fd")), 100)


def test_clients_that_vanish_in_mid_request_are_forgotten(t):
    d = t.new_daemon()
    target = t.target("worker")
    t.attach(target, "work_one")
    target.ask("go 10")
    ask = raw.framed(raw.request(raw.REPORT, raw.field(1, target.pid)))
    attach = raw.framed(raw.request(raw.ATTACH, raw.field(1, target.pid) + raw.field(2, b"libc.so*:str*")))
    for _ in range(20):
        for message in (ask, attach, ask * 50):
            client = raw.Client(d.socket)
            client.send(message)
            client.close()
    still_serves(t)
    t.equal("the target's calls", t.functions(target)["work_one"]["calls"], 30)
    t.true("the daemon lives", d.running())


def test_a_client_that_does_not_read_is_dropped_or_waited_for(t):
    t.new_daemon()
    target = t.target("worker")
    t.attach(target, "libc.so*:str*", "libc.so*:mem*", check=False)
    client = raw.Client(t.daemon.socket)
    client.socket.setblocking(False)
    try:
        for _ in range(2000):
            client.socket.send(raw.framed(raw.request(raw.REPORT)))
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    still_serves(t)
    client.close()
    still_serves(t)


NAMES = {  # as bytes of a symbol; what a linker lets pass
    "newline": b"evil\nname",
    "carriage return": b"evil\rname",
    "colour": b"evil\x1b[31mred",
    "title": b"evil\x1b]0;pwned\x07",
    "clear": b"evil\x1b[2J\x1b[H",
    "invalid utf-8": b"evil\xff\xfe\x80name",
    "c1 controls": b"evil\xc2\x9b31mname",
    "right-to-left": "evil\u202ename".encode(),
    "quotes": b"evil\"',{}\\name",
    "bar": b"evil | 1 | 2 |",
    "tab": b"evil\tname",
    "percent": b"evil%s%n%d",
    "long": b"evil" + b"x" * 9996,
    "long mangled": b"_Z" + b"N" * 200 + b"4evil",
}


def hostile_program(t):
    """Symbols of equal length are made first and overwritten in the file."""
    parts, calls = [], []
    for i, name in enumerate(NAMES.values()):
        placeholder = f"p{i:02d}".ljust(len(name), "q")
        parts.append(f'PROBED void f{i}(void) __asm__("{placeholder}");\n'
                     f'PROBED void f{i}(void)\n{{\n\tPUSHES;\n}}\n')
        calls.append(f"\t\tf{i}();\n")
    text = ('#include "target.h"\n' + "".join(parts) + "int main(int argc, char **argv)\n{\n"
            "\ttarget_init(argc, argv);\n\twhile (target_command()) {\n" + "".join(calls)
            + '\t\ttarget_truth("\\"done\\":1");\n\t}\n\treturn 0;\n}\n')
    path = t.compile("hostile.c", "-g0", "-fno-pie", "-no-pie", name="hostile", text=text)
    with open(path, "rb") as f:
        data = f.read()
    for i, name in enumerate(NAMES.values()):
        placeholder = f"p{i:02d}".ljust(len(name), "q").encode()
        assert data.count(placeholder + b"\0") >= 1, placeholder[:10]
        data = data.replace(placeholder + b"\0", name + b"\0")
    return data


CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")


def test_hostile_names_are_shown_harmlessly(t):
    data = hostile_program(t)
    folder = f"{t.tmp}/dir\x1b[31m\nname".encode()
    os.mkdir(folder)
    comm = b"c\x1b[31m\n\xff\xfex\"y"  # 15 bytes at most
    path = folder + b"/" + comm
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o755)
    plain = f"{t.tmp}/plain"
    shutil.copy(path, plain)
    target = t.target("hostile", path=os.fsdecode(path))
    r = t.hotpath("attach", target.pid, "-f", "evil*", "-f", "/^_ZN+4evil/")
    outputs = {"attach": r.out + r.err}
    target.ask("go")
    target.ask("go")
    document = t.document(target)
    found = reports.rows(reports.target_of(document, target.pid))
    t.equal("rows", len(found), len(NAMES))
    t.equal("calls", {row["calls"] for row in found}, {2})
    names = [row["name"] for row in found]
    t.true("invalid bytes are U+FFFD", any("\ufffd" in n for n in names), [n[:30] for n in names])
    t.true("a newline stays one in JSON", any(n == "evil\nname" for n in names), [n[:30] for n in names])
    t.true("the long name is whole in JSON", any(len(n) == 10000 for n in names), [len(n) for n in names])
    outputs["report"] = t.hotpath("report", target.pid, "-n", "0").out
    outputs["narrow report"] = t.hotpath("report", target.pid, "-n", "0", env={"COLUMNS": "60"}).out
    outputs["report in C"] = t.hotpath("report", target.pid, "-n", "0", env={"LC_ALL": "C"}).out
    outputs["status"] = t.hotpath("status").out
    outputs["probes"] = t.hotpath("probes", target.pid, "*evil*").out
    outputs["probes of the file"] = t.hotpath("probes", plain, "evil*").out
    r = t.hotpath("attach", target.pid, "-f", "evil\x1b[31mnothing", check=False)
    outputs["no match"] = r.out + r.err
    outputs["the daemon's log"] = t.daemon.text().encode()
    for what, text in outputs.items():
        text = text.decode("utf-8", "replace")
        bad = CONTROL.search(text)
        t.true(f"{what} has no control characters", not bad,
               repr(text[max(0, bad.start() - 60):bad.end() + 30]) if bad else "")
        t.true(f"{what}: lines are short enough to read", all(len(x) < 5000 for x in text.splitlines()),
               max(map(len, text.splitlines() or [""])))
    t.true("a row of the table is one line",
           all(x.startswith(("|", "+")) for x in outputs["report"].decode().splitlines() if "evil" in x
               and " | " in x), outputs["report"])
    path = f"{t.tmp}/h.hp"
    t.hotpath("record", "-o", path, target.pid)
    r = t.hotpath("report", path, "--format", "json", "-n", "0", no_daemon=True)
    t.equal("from a file", [x["name"] for x in reports.rows(reports.read(r.out)["targets"][0])], names)
    t.equal("exit status", target.end(), 0)


def test_thread_names_with_escapes_are_harmless(t):
    path = t.compile("comm.c", name="comm", text=r'''
#include "target.h"
#include <sys/prctl.h>
PROBED void comm_work(void)
{
	PUSHES;
}
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		prctl(PR_SET_NAME, "\033[31mx\n\377\2331m|");
		comm_work();
		target_truth("\"done\":1");
	}
	return 0;
}
''')
    target = t.target("comm", path=path)
    target.ask("go")
    t.attach(target, "comm_work")
    target.ask("go")
    t.equal("calls", t.functions(target)["comm_work"]["calls"], 1)
    for what, r in (("report", t.hotpath("report", target.pid)), ("status", t.hotpath("status")),
                    ("detach", t.hotpath("detach", target.pid))):
        text = (r.out + r.err).decode("utf-8", "replace")
        t.true(f"{what} has no control characters", not CONTROL.search(text), repr(text))


def test_hostile_patterns_come_to_an_end(t):
    target = t.target("worker")
    for pattern in ("/(a+)+$/", "/((.*)*)*x/", "*" * 200, "*a" * 100 + "b", "/" + "(" * 500 + ")" * 500 + "/",
                    "x" * 100000, "", ":", "!", "//", "libc*:", "!*", "/[/", "\\", "work_one\0x".split("\0", maxsplit=1)[0] + "*?["):
        with t.case(pattern[:30]):
            r = t.hotpath("attach", target.pid, "-f", pattern, check=False, timeout=30)
            t.true("refused or done, in short words", len(r.err) < 4000 and r.status in (0, 1, 2), str(r))
            t.hotpath("detach", target.pid, check=False)
    still_serves(t)
    r = subprocess.run(t.argv("attach", target.pid, "-f", b"\xff\xfe\n".decode("utf-8", "surrogateescape")),
                       env=t.environment(t.daemon.socket), capture_output=True, timeout=20, check=False)
    t.true("no raw bytes in the answer", b"\xff" not in r.stderr and r.returncode in (1, 2), r.stderr)


def test_files_that_nobody_waits_for_are_refused(t):
    """A request for a process that speaks of files of executables, too, without their names."""
    d = t.new_daemon()
    target = t.target("worker")
    with open(target.argv[0], "rb") as f:
        content = raw.field(1, target.pid) + raw.field(2, b"work_one") \
            + raw.field(11, wire.file_of(f.name, f.fileno()))
        reply = wire.ask(d.socket, raw.ATTACH, content)
    t.true("an error", 2 in reply, reply)
    t.true("the daemon lives", d.running())
    still_serves(t)
