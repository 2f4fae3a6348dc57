"""A customer's receiver of webhooks: an HTTP server on loopback that records and answers as it is told."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .http_client import description
from .waiting import wait_until

TOLERANCE_S = 300  # of the reference libraries


class Received:
    def __init__(self, path, headers, body):
        self.path, self.body, self.at = path, body, time.monotonic()
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.status = None  # of our answer

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.headers["webhook-id"]

    def is_signed_with(self, secret):
        """Both signatures, as the two kinds of receivers check them."""
        return self.has_standard_signature(secret) and self.has_attendee_signature(secret)

    def has_standard_signature(self, secret):
        timestamp = self.headers["webhook-timestamp"]
        assert abs(time.time() - int(timestamp)) < TOLERANCE_S
        signed = f"{self.id}.{timestamp}.".encode() + self.body
        return f"v1,{mac(secret, signed)}" in self.headers["webhook-signature"].split(" ")

    def has_attendee_signature(self, secret):
        canonical = json.dumps(self.json, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return self.headers["x-webhook-signature"] == mac(secret, canonical.encode())


def mac(secret, signed):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # who finds no room there tries again after 1, 3 and 7 seconds


class WebhookReceiver:
    """
    `answer(received)` gives (status, headers, body) or a status alone; it may wait. All that came is in
    `received`, in the order in which it was answered.
    """

    def __init__(self, answer=lambda received: 200):
        self.answer, self.received, self.lock = answer, [], threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body go in two pieces

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received = Received(self.path, self.headers, body)
                answer = receiver.answer(received)
                status, headers, text = answer if isinstance(answer, tuple) else (answer, {}, b"")
                with receiver.lock:
                    received.status = status
                    receiver.received.append(received)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.server.shutdown()
        self.server.server_close()
        if kind is None:
            self.check_described()

    def check_described(self):
        """Whatever came is what docs/openapi.yaml says of it."""
        for each in self.of():
            description.check_notification(each.headers, each.json)

    def wait(self, count=1, timeout=20, **narrow):
        """The first `count` that came, once so many have."""
        return wait_until(lambda: len(all_of_them := self.of(**narrow)) >= count and all_of_them[:count],
                          timeout, f"{count} notifications")

    def of(self, path=None, trigger=None):
        with self.lock:
            return [each for each in self.received if (path is None or each.path == path)
                    and (trigger is None or each.json["trigger"] == trigger)]


def answers(*statuses):
    """Each of them once, in this order; the last one from then on."""
    left, lock = list(statuses), threading.Lock()

    def answer(_):
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]
    return answer
