# SPDX-License-Identifier: GPL-2.0-only
"""Attach requests with what the command line may not say yet, and their replies."""
import os

import raw


def parse(data):
    """A message as {field number: [values]}."""
    out, i = {}, 0

    def varint():
        nonlocal i
        n = shift = 0
        while True:
            b = data[i]
            i += 1
            n |= (b & 0x7F) << shift
            shift += 7
            if not b & 0x80:
                return n
    while i < len(data):
        key = varint()
        if key & 7 == 0:
            value = varint()
        else:
            size = varint()
            value, i = data[i:i + size], i + size
        out.setdefault(key >> 3, []).append(value)
    return out


def ask(socket, kind, content):
    client = raw.Client(socket, timeout=60)
    client.send(raw.framed(raw.request(kind, content)))
    while True:
        reply = client.receive()
        if reply is None:
            raise AssertionError("hotpathd closed the connection")
        fields = parse(reply)
        if 3 not in fields:  # progress
            client.close()
            return fields


def cgroup_root():
    """Of version 2; None: there is none."""
    return next((r for r in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
                 if os.path.exists(f"{r}/cgroup.procs")), None)


def file_of(path, fd=0):
    """What a client says of a path that it has looked up, and has open as fd."""
    st = os.stat(path)
    return raw.field(1, st.st_dev) + raw.field(2, st.st_ino) + raw.field(3, fd)


def attach(socket, patterns, pids=(), exes=(), names=(), cgroups=(), no_follow=False, bystanders=16):
    """The AttachReply's fields; an error raises."""
    content = b"".join(raw.field(1, p) for p in pids)
    content += b"".join(raw.field(2, p.encode()) for p in patterns)
    content += raw.field(5, bystanders) + (raw.field(7, 1) if no_follow else b"")
    for number, words in ((8, names), (9, exes), (10, cgroups)):
        content += b"".join(raw.field(number, str(w).encode()) for w in words)
    opened = [open(e, "rb") for e in exes]
    content += b"".join(raw.field(11, file_of(f.name, f.fileno())) for f in opened)
    content += b"".join(raw.field(12, file_of(cgroup_root() + c)) for c in cgroups)
    reply = ask(socket, raw.ATTACH, content)
    for f in opened:
        f.close()
    if 2 in reply:
        error = parse(reply[2][0])
        raise AssertionError(b" ".join(error.get(2, []) + error.get(3, [])).decode())
    return parse(reply[4][0])
