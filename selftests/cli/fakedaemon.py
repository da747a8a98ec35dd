# SPDX-License-Identifier: GPL-2.0-only
"""A daemon that answers what a test tells it to, to see what hotpath makes of it."""
import os
import socket
import struct
import threading

from snapshotfile import SCALARS, Schema

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROTOS = [os.path.join(TOP, "lib", name + ".proto") for name in ("snapshot", "reader", "wire")]


class Wire(Schema):
    def __init__(self):
        super().__init__(*PROTOS)

    def decode(self, message, data):
        names = {number: (repeated, type_, field) for field, (repeated, type_, number)
                 in self.messages[message].items()}
        values, at = {}, 0
        while at < len(data):
            key, at = take_varint(data, at)
            value, at = take_varint(data, at)
            repeated, type_, field = names[key >> 3]
            items = [value]
            if key & 7 == 2:
                piece, at = data[at:at + value], at + value
                items = self.items(type_, piece)
            if repeated:
                values.setdefault(field, []).extend(items)
            else:
                values[field] = items[0]
        return values

    def items(self, type_, piece):
        if type_ in SCALARS or type_ in self.enums:  # packed
            items, at = [], 0
            while at < len(piece):
                value, at = take_varint(piece, at)
                items.append(value)
            return items
        if type_ in ("bytes", "string"):
            return [piece.decode("utf-8", "surrogateescape")]
        return [self.decode(type_, piece)]


def take_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


class FakeDaemon:
    """answers: body name -> function of the request's body, giving a list of
    replies {body: ...}, bytes sent as they are before it closes, or None to close."""

    def __init__(self, path, answers):
        self.path, self.answers, self.requests = path, answers, []
        self.wire, self.connections = Wire(), []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def die(self):
        self.stop()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed already

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rb") as stream:
            while True:
                header = stream.read(4)
                if len(header) < 4:
                    return
                data = stream.read(struct.unpack("<I", header)[0])
                request = self.wire.decode("Request", data)
                self.requests.append(request)
                body = [name for name in request if name != "version"][0]
                replies = self.answers[body](request[body])
                if replies is None:
                    return
                for reply in replies:
                    if isinstance(reply, bytes):
                        connection.sendall(reply)
                        return
                    reply = self.wire.encode("Reply", {"version": 1, **reply})
                    connection.sendall(struct.pack("<I", len(reply)) + reply)
