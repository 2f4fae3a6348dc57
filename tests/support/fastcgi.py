"""A web server's side of FastCGI, on a connection that it keeps open: what nginx does, one request at a time."""

import os
import socket
import struct

BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6
RESPONDER, KEEP_CONN = 1, 1
TIMEOUT_S = 20


def record(kind, content=b""):
    return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content


def name_value(name, value):
    def length(text):
        return bytes([len(text)]) if len(text) < 128 else struct.pack("!I", len(text) | 1 << 31)

    name, value = name.encode(), value.encode()
    return length(name) + length(value) + name + value


class KeptConnection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT_S)
        folder = os.open(path.parent, os.O_PATH)  # the address of a socket has a length limit
        self.socket.connect(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)
        self.incoming = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.incoming.close()
        self.socket.close()

    def post(self, path, body, headers):
        """The status; what the responder prints is read to its end."""
        self.send(path, body, headers)
        return self.read_status()

    def get(self, path):
        self.socket.sendall(self.request(path, b"", {}, "GET"))
        return self.read_status()

    def send(self, path, body, headers):
        self.socket.sendall(self.request(path, body, headers))

    def hang_up_within(self, path, body, headers):
        """As nginx does when its client has gone."""
        request = self.request(path, body, headers)
        self.socket.sendall(request[:len(request) // 4])
        self.socket.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def request(path, body, headers, method="POST"):
        variables = {"REQUEST_METHOD": method, "REQUEST_URI": path, "PATH_INFO": path, "QUERY_STRING": "",
                     "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
        variables |= {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
        return (
            record(BEGIN_REQUEST, struct.pack("!HB5x", RESPONDER, KEEP_CONN))
            + record(PARAMS, b"".join(name_value(*each) for each in variables.items())) + record(PARAMS)
            + b"".join(record(STDIN, body[start:start + 0xffff]) for start in range(0, len(body), 0xffff))
            + record(STDIN))

    def read_status(self):
        return int(self.read_answer().split(b"Status: ", 1)[1].split()[0])

    def read_answer(self):
        printed = b""
        while True:
            _, kind, _, size, padding = struct.unpack("!BBHHBx", self.must_read(8))
            content = self.must_read(size + padding)[:size]
            if kind == STDOUT:
                printed += content
            elif kind == END_REQUEST:
                return printed

    def must_read(self, size):
        content = self.incoming.read(size)
        assert len(content) == size, "the responder closed the connection"
        return content

    def is_closed(self):
        return self.socket.recv(1) == b""
