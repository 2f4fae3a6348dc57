"""Requests and responses: read from a buffer that fills piecemeal, written to a socket.

The standard library's server cannot drop, truncate or dribble an answer, which is much of what a
simulator is for; hence this small HTTP/1.1 of our own.
"""

import json
import socket
import struct
import time
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote

HEAD_BYTES_MAX = 64 * 1024
HEADERS_MAX = 200
BODY_BYTES_MAX = 64 * 1024 * 1024
REASONS = {200: "OK", 201: "Created", 204: "No Content", 302: "Found", 400: "Bad Request",
           401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           409: "Conflict", 429: "Too Many Requests", 500: "Internal Server Error",
           502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


class BadRequest(Exception):
    """What came in is not HTTP that we understand."""


class Request:
    __slots__ = ("method", "path", "query_text", "headers", "body", "keep_alive", "_query", "_form")

    def __init__(self, method, target, headers, keep_alive):
        path, _, self.query_text = target.partition("?")
        self.method, self.path = method, unquote(path)
        self.headers, self.body, self.keep_alive = headers, b"", keep_alive
        self._query = self._form = None

    @property
    def query(self):
        if self._query is None:
            self._query = dict(parse_qsl(self.query_text, keep_blank_values=True))
        return self._query

    @property
    def form(self):
        """Fields of a form body; other bodies have none."""
        if self._form is None:
            kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
            is_form = kind == "application/x-www-form-urlencoded"
            text = self.body.decode("utf-8", "replace") if is_form else ""
            self._form = dict(parse_qsl(text, keep_blank_values=True))
        return self._form


class RequestReader:
    """Takes bytes as they come and gives requests as they are complete."""

    def __init__(self):
        self.buffer = bytearray()
        self.head = None  # the request whose body is awaited
        self.wants_continue = False  # the client waits for "100 Continue" before it sends its body

    def next(self):
        if self.head is None:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > HEAD_BYTES_MAX:
                    raise BadRequest("the head is too long")
                return None
            self.head = parse_head(self.buffer[:end].decode("latin-1"))
            del self.buffer[:end + 4]
            self.wants_continue = self.head.headers.get("expect", "").lower() == "100-continue"
        try:
            body, used = self.body(self.head.headers)
        except ValueError:
            raise BadRequest("the length of the body is malformed") from None
        if body is None:
            return None
        request, self.head, self.wants_continue = self.head, None, False
        request.body = body
        del self.buffer[:used]
        return request

    def body(self, headers):
        """(body, bytes used of the buffer), or (None, 0) while it is not complete."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self.chunked_body()
        length = int(headers.get("content-length") or 0)
        if not 0 <= length <= BODY_BYTES_MAX:
            raise BadRequest("the body is too long")
        if len(self.buffer) < length:
            return None, 0
        return bytes(self.buffer[:length]), length

    def chunked_body(self):
        parts, at = [], 0
        while (end := self.buffer.find(b"\r\n", at)) >= 0:
            size = int(self.buffer[at:end].partition(b";")[0], 16)
            at = end + 2
            if size == 0:
                after = self.buffer.find(b"\r\n", at)  # trailers are not expected
                return (b"".join(parts), after + 2) if after >= 0 else (None, 0)
            parts.append(self.buffer[at:at + size])
            at += size + 2
            if at > BODY_BYTES_MAX:
                raise BadRequest("the body is too long")
        return None, 0


def parse_head(text):
    first, *lines = text.split("\r\n")
    try:
        method, target, version = first.split(" ")
    except ValueError:
        raise BadRequest("the request line is malformed") from None
    if len(lines) > HEADERS_MAX:
        raise BadRequest("there are too many headers")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    asked = headers.get("connection", "").lower()
    keep_alive = asked != "close" if version == "HTTP/1.1" else asked == "keep-alive"
    return Request(method, target, headers, keep_alive)


class Response:
    """An answer, and how it is to be put on the wire (faults change the latter)."""

    __slots__ = ("status", "headers", "body", "drop", "bytes_max", "byte_delay_s")

    def __init__(self, status, body=b"", content_type=None, headers=()):
        self.status, self.body = status, body
        self.headers = dict(headers)
        if content_type:
            self.headers.setdefault("Content-Type", content_type)
        self.drop = None  # "fin" or "reset": the connection ends without an answer
        self.bytes_max = None  # body bytes sent before the connection is closed
        self.byte_delay_s = 0  # pause after each byte of the body

    @classmethod
    def of_json(cls, status, value, headers=()):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return cls(status, text.encode(), "application/json;charset=UTF-8", headers)

    @classmethod
    def of_html(cls, status, text):
        return cls(status, text.encode(), "text/html;charset=UTF-8")

    def head(self, keep_alive):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        lines.append(f"Date: {formatdate(usegmt=True)}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.status != 204:
            lines.append(f"Content-Length: {len(self.body)}")
        if not keep_alive:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def is_plain(self):
        return self.drop is None and self.bytes_max is None and not self.byte_delay_s

    def content(self, request):
        return b"" if request.method == "HEAD" else self.body

    def send(self, connection, request):
        """Put it on a blocking socket; False when the connection is to be closed after it."""
        if self.drop:
            if self.drop == "reset":
                # A zero linger time makes close() send RST, as a crashed peer or a middlebox would.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        head, content = self.head(request.keep_alive), self.content(request)
        if self.bytes_max is not None:
            connection.sendall(head + content[:self.bytes_max])
            return False
        if self.byte_delay_s:
            connection.sendall(head)
            for index in range(len(content)):
                connection.sendall(content[index:index + 1])
                time.sleep(self.byte_delay_s)
        else:
            connection.sendall(head + content)
        return request.keep_alive
