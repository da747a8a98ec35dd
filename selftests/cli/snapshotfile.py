# SPDX-License-Identifier: GPL-2.0-only
"""Snapshot files out of text: JSON with the field names of lib/snapshot.proto.

The encoder reads the .proto itself, so that the two cannot differ, and needs
nothing but Python. In bytes fields "\\udcff" is the byte ff.
"""
import re
import struct
import zlib

SCALARS = {"uint32", "uint64", "int32", "bool"}


class Schema:
    def __init__(self, *paths):
        text = "".join(re.sub(r"//[^\n]*", "", open(path).read()) for path in paths)
        self.enums, self.messages = {}, {}
        for kind, name, body in re.findall(r"(enum|message)\s+(\w+)\s*{([^}]*)}", text):
            if kind == "enum":
                self.enums[name] = dict((k, int(v)) for k, v in
                                        re.findall(r"(\w+)\s*=\s*(\d+)\s*;", body))
            else:
                self.messages[name] = {
                    field: (bool(repeated), type_, int(number)) for repeated, type_, field, number
                    in re.findall(r"(repeated\s+)?(\w+)\s+(\w+)\s*=\s*(\d+)\s*;", body)}

    def scalar(self, type_, value):
        """Wire type and bytes of one value."""
        if type_ in self.enums:
            return 0, varint(self.enums[type_][value] if isinstance(value, str) else value)
        if type_ in SCALARS:
            return 0, varint(int(value) & (1 << 64) - 1)
        if type_ == "double":
            return 1, struct.pack("<d", value)
        if type_ in ("string", "bytes"):
            data = value.encode("utf-8", "surrogateescape")
        else:
            data = self.encode(type_, value)
        return 2, varint(len(data)) + data

    def encode(self, message, values):
        out = b""
        for field, value in values.items():
            repeated, type_, number = self.messages[message][field]
            for item in value if repeated else [value]:
                wire, data = self.scalar(type_, item)
                out += varint(number << 3 | wire) + data
        return out


def varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def pack(message):
    """The file around an encoded message (lib/snapshot.h)."""
    return (b"hotpath\1" + struct.pack("<QI", len(message), zlib.crc32(message))
            + zlib.compress(message))
