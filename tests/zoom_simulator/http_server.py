"""The sockets: one thread serves whatever is answered at once or after a set delay, for every
connection; what may block (a held request, a control call) goes to another thread and comes back.

A thread per connection was tried: with hundreds of them Python's threads starve one another now and
then for half a second, which in a benchmark of the product looks like a finding about the product.
"""

import heapq
import itertools
import os
import selectors
import socket
import sys
import threading
import time
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from .http_message import BadRequest, Request, RequestReader, Response

THREAD_STACK_BYTES = 512 * 1024
THREADS_MAX = 4096


class Later:
    """Instead of a response: `make()` gives it, after a delay, elsewhere when it may block."""

    __slots__ = ("make", "delay_s", "blocks")

    def __init__(self, make, delay_s=0, blocks=False):
        self.make, self.delay_s, self.blocks = make, delay_s, blocks


class Connection:
    __slots__ = ("socket", "reader")

    def __init__(self, sock):
        self.socket, self.reader = sock, RequestReader()


class HttpServer:
    """Calls `handle(request)`, which returns a `Response`, or a `Later`."""

    def __init__(self, host, port, handle):
        self.handle = handle
        # Hundreds of clients may connect in the same instant; the kernel caps this at somaxconn.
        self.listener = socket.create_server((host, port), backlog=4096)
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.listener.setblocking(False)
        self.url = "http://{}:{}".format(*self.listener.getsockname()[:2])
        self.selector = selectors.DefaultSelector()
        self.returned = deque()  # connections on their way back from a thread
        self.delayed = []  # heap of (when, tie-break, connection, request, later)
        self.tie_break = itertools.count()
        self.wake_receiver, self.wake_sender = os.pipe()
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.selector.register(self.wake_receiver, selectors.EVENT_READ, self.take_back)
        threading.stack_size(THREAD_STACK_BYTES)
        self.threads = ThreadPoolExecutor(THREADS_MAX)

    def serve_forever(self):
        while True:
            for key, _ in self.selector.select(self.patience_s()):
                if isinstance(key.data, Connection):
                    self.receive(key.data)
                else:
                    key.data()
            while self.delayed and self.delayed[0][0] <= time.monotonic():
                self.resume(*heapq.heappop(self.delayed)[2:])

    def patience_s(self):
        return max(0, self.delayed[0][0] - time.monotonic()) if self.delayed else None

    # In the serving thread

    def accept(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                self.attend(Connection(sock))
        except BlockingIOError:
            pass

    def attend(self, connection):
        connection.socket.setblocking(False)
        self.selector.register(connection.socket, selectors.EVENT_READ, connection)

    def close(self, connection):
        self.selector.unregister(connection.socket)
        connection.socket.close()

    def take_back(self):
        os.read(self.wake_receiver, 65536)
        while self.returned:
            connection = self.returned.popleft()
            self.attend(connection)
            self.serve(connection)  # a pipelined request may be in its buffer already

    def receive(self, connection):
        try:
            data = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close(connection)
            return
        connection.reader.buffer += data
        self.serve(connection)

    def resume(self, connection, request, later):
        """The delay of a request has passed."""
        self.attend(connection)
        try:
            if self.reply(connection, request, later):
                self.serve(connection)
        except OSError:
            self.close(connection)  # the client did not wait for so long

    def serve(self, connection):
        """Answer what is complete in the buffer, until a request has to wait or none is left."""
        reader = connection.reader
        try:
            while request := reader.next():
                answer = self.answer(lambda: self.handle(request))
                if isinstance(answer, Later):
                    if answer.delay_s:
                        # Not listened to meanwhile, so that its next request waits for its turn.
                        self.selector.unregister(connection.socket)
                        heapq.heappush(self.delayed, (time.monotonic() + answer.delay_s,
                                                      next(self.tie_break), connection, request,
                                                      answer))
                        return
                    if not self.reply(connection, request, answer):
                        return
                elif not self.send(connection, request, answer):
                    return
            if reader.wants_continue:
                reader.wants_continue = False
                connection.socket.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        except BadRequest as problem:
            response = Response(400, f"{problem}\n".encode(), "text/plain")
            self.send(connection, Request("", "", {}, False), response)
        except OSError:
            self.close(connection)  # the client went away, which is its right

    def reply(self, connection, request, later):
        """Make a response whose time has come, and send it; False as for `send`."""
        if later.blocks:
            self.detach(connection, self.answer_later, request, later.make)
            return False
        response = self.answer(later.make)
        if response.is_plain():
            return self.send(connection, request, response)
        self.detach(connection, self.answer_later, request, lambda: response)
        return False

    def send(self, connection, request, response):
        """False when the connection is no longer here: closed, or in a thread with the rest."""
        data = response.head(request.keep_alive) + response.content(request)
        try:
            sent = connection.socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self.detach(connection, self.send_rest, request, data[sent:])
            return False
        if not request.keep_alive:
            self.close(connection)
        return request.keep_alive

    def detach(self, connection, work, request, argument):
        self.selector.unregister(connection.socket)
        self.threads.submit(self.work, connection, work, request, argument)

    # In another thread

    def work(self, connection, work, request, argument):
        keep = False
        try:
            connection.socket.setblocking(True)
            keep = work(connection, request, argument)
        except OSError:
            pass
        if keep:
            self.returned.append(connection)
            os.write(self.wake_sender, b"x")
        else:
            connection.socket.close()

    def answer_later(self, connection, request, make_response):
        return self.answer(make_response).send(connection.socket, request)

    @staticmethod
    def send_rest(connection, request, data):
        connection.socket.sendall(data)
        return request.keep_alive

    @staticmethod
    def answer(make_response):
        try:
            return make_response()
        except Exception:  # a mistake in the simulator has to be seen by whoever runs the test
            trace = traceback.format_exc()
            sys.stderr.write(trace)
            return Response.of_json(500, {"simulator_error": trace})
