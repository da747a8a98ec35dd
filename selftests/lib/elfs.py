# SPDX-License-Identifier: GPL-2.0-only
"""ELF files made by hand: foreign, broken, hostile."""
import struct


def i386_pause():
    """A 32-bit program that waits in pause() for ever."""
    code = bytes.fromhex("b81d000000" "cd80" "ebf7")
    head = b"\x7fELF\x01\x01\x01" + bytes(9)
    entry = 0x8048000 + 52 + 32
    size = 52 + 32 + len(code)
    head += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, entry, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    head += struct.pack("<IIIIIIII", 1, 0, 0x8048000, 0x8048000, size, size, 5, 0x1000)
    return head + code


def patched(data, *edits):
    """data with bytes replaced: edits are (offset, bytes)."""
    out = bytearray(data)
    for offset, value in edits:
        out[offset:offset + len(value)] = value
    return bytes(out)


def sections(data):
    """[(header offset, name offset, type, offset, size, link, entsize)] of an ELF64."""
    shoff, = struct.unpack_from("<Q", data, 40)
    shentsize, shnum = struct.unpack_from("<HH", data, 58)
    found = []
    for i in range(shnum):
        at = shoff + i * shentsize
        name, kind, _f, _a, offset, size, link, _i, _al, entsize = struct.unpack_from("<IIQQQQIIQQ", data, at)
        found.append((at, name, kind, offset, size, link, entsize))
    return found


def hostile(data):
    """name -> bytes: one good ELF64 broken in many ways."""
    huge = struct.pack("<Q", 0x7FFFFFFFFFFFFFF0)
    files = {
        "truncated header": data[:40],
        "truncated half": data[:len(data) // 2],
        "section table past the end": patched(data, (40, huge)),
        "program header table past the end": patched(data, (32, huge)),
        "65535 sections": patched(data, (60, b"\xff\xff")),
        "65535 program headers": patched(data, (56, b"\xff\xff")),
        "section name table number": patched(data, (62, b"\xfe\xff")),
        "zero section entry size": patched(data, (58, b"\0\0")),
        "wrong class": patched(data, (4, b"\x07")),
        "wrong machine": patched(data, (18, struct.pack("<H", 183))),
    }
    for at, _name, kind, _offset, _size, _link, _entsize in sections(data):
        if kind in (2, 11):
            files[f"symbols of type {kind} past the end"] = patched(data, (at + 24, huge))
            files[f"symbols of type {kind} without end"] = patched(data, (at + 32, huge))
            files[f"symbols of type {kind} with entries of 1 byte"] = patched(
                data, (at + 56, struct.pack("<Q", 1)))
            files[f"symbols of type {kind} with link to nowhere"] = patched(
                data, (at + 40, b"\xff\xff\xff\xff"))
        if kind == 3:
            files[f"strings at {at:#x} past the end"] = patched(data, (at + 24, huge))
            files[f"strings at {at:#x} without end"] = patched(data, (at + 32, huge))
        if kind == 7:
            files[f"note at {at:#x} without end"] = patched(data, (_offset, b"\xff\xff\xff\x7f" * 2))
    return files
