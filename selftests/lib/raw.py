# SPDX-License-Identifier: GPL-2.0-only
"""A client without manners: bytes on the socket, and just enough protobuf."""
import socket
import struct

STATUS, REPORT, ATTACH, DETACH, RESET, PROBES = 6, 4, 2, 3, 5, 7


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def request(body, content=b"", version=1):
    return field(1, version) + field(body, content)


def framed(message):
    return struct.pack("<I", len(message)) + message


class Client:
    def __init__(self, path, timeout=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)

    def send(self, data):
        """False when the daemon has closed on us, which it may."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            if not part:
                return None
            data += part
        return data

    def receive(self):
        """One message; None when the daemon closed the connection."""
        try:
            head = self._exactly(4)
            return None if head is None else self._exactly(struct.unpack("<I", head)[0])
        except ConnectionResetError:
            return None

    def closed(self):
        """Waits for the daemon to close; whatever it says before is let pass."""
        while self.receive() is not None:
            pass
        return True

    def close(self):
        self.socket.close()
