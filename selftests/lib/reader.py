# SPDX-License-Identifier: GPL-2.0-only
"""hotpath-reader asked directly: what lib/reader.proto says of ways out."""
import os
import subprocess

from raw import field


def fields(data):
    """[(number, value)] of one protobuf message."""
    at, out = 0, []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            at += value
            value = data[at - value:at]
        elif key & 7:
            raise AssertionError(f"wire type {key & 7}")
        out.append((key >> 3, value))
    return out


def exits(build, path):
    """The functions of a file: [{name, offset, size, skip, none, exits: [{offset, class, ...}]}]."""
    fd = os.open(path, os.O_RDONLY)
    try:
        message = field(1, field(1, fd) + field(2, path.encode()) + field(3, 1)) + field(9, 1)
        r = subprocess.run([f"{build}/hotpath-reader"], input=message, stdout=subprocess.PIPE, pass_fds=[fd],
                           check=True, timeout=60)
    finally:
        os.close(fd)
    reply = fields(r.stdout)
    errors = [v for n, v in reply if n == 1]
    if errors:
        raise AssertionError(f"{path}: {errors}")
    return [function(v) for n, o in reply if n == 3 for m, v in fields(o) if m == 9]


def function(data):
    out = {"name": "", "offset": 0, "size": 0, "skip": 0, "none": "", "exits": []}
    for number, value in fields(data):
        if number in (1, 13):
            out["name" if number == 1 else "none"] = value.decode(errors="replace")
        elif number in (2, 3, 5):
            out[{2: "offset", 3: "size", 5: "skip"}[number]] = value
        elif number == 12:
            known = dict(fields(value))
            out["exits"].append({n: known.get(i, 0) for i, n in enumerate(
                ("offset", "class", "sp_offset", "frame_pointer", "condition"), 1)})
    return out
