"""Sending events to an app's webhook URL: headers, signature, and Zoom's retries."""

import base64
import hashlib
import hmac
import heapq
import itertools
import json
import os
import threading
import time
from collections import OrderedDict
from urllib.parse import urlsplit

from . import tokens

DELIVERIES_KEPT = 20_000
ANSWER_BYTES_KEPT = 1 << 20
USER_AGENT = "Zoom Marketplace/1.0a"
OPTIONS = {"url", "secret", "signature", "timestamp", "timestamp_offset_s", "headers", "request_id",
           "retry_delays_s", "timeout_s", "wait"}


def signature(secret, timestamp, body):
    """The value of x-zm-signature for the raw bytes of a body."""
    signed = b"v0:" + str(timestamp).encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def validation_answer(secret, plain_token):
    """What an endpoint has to answer to endpoint.url_validation."""
    digest = hmac.new(secret.encode(), plain_token.encode(), hashlib.sha256).hexdigest()
    return {"plainToken": plain_token, "encryptedToken": digest}


def encoded(body):
    """Bytes of a body given as an object, or as text that is to be sent as it is."""
    if isinstance(body, str):
        return body.encode()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def request_id():
    text = os.urandom(16).hex()
    return "_".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Delivery:
    """One event on its way to one app, over all its attempts."""

    def __init__(self, app, event, body, options, settings):
        unknown = sorted(set(options) - OPTIONS)
        if unknown:
            raise ValueError(f"unknown option {', '.join(unknown)}; "
                             f"known: {', '.join(sorted(OPTIONS))}")
        self.id = None
        self.client_id, self.event, self.body = app.client_id, event, body
        self.verification_token = app.verification_token
        self.url = options.get("url") or app.webhook_url
        if not self.url:
            raise ValueError(f"app '{app.client_id}' has no webhook_url")
        self.secret = options.get("secret", app.webhook_secret)
        self.request_id = options.get("request_id") or request_id()
        self.tracking_id = tokens.tracking_id()
        delays = options.get("retry_delays_s", app.retry_delays_s)
        self.retry_delays_s = settings["retry_delays_s"] if delays is None else delays
        self.timeout_s = options.get("timeout_s", settings["event_timeout_s"])
        self.options = options
        self.attempts = []
        self.settled = self.accepted = False

    def headers(self):
        """The headers of one attempt; across attempts timestamp and signature change, no other."""
        options = self.options
        timestamp = str(options.get("timestamp") or
                        int(time.time()) + options.get("timestamp_offset_s", 0))
        headers = {"content-type": "application/json; charset=utf-8", "user-agent": USER_AGENT,
                   "authorization": self.verification_token, "clientid": self.client_id,
                   "x-zm-request-id": self.request_id, "x-zm-request-timestamp": timestamp,
                   "x-zm-signature": signature(self.secret or "", timestamp, self.body),
                   "x-zm-trackingid": self.tracking_id,
                   "traceparent": f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-02",
                   "zm-trace-upstream": "Meeting_Web_marketplace-consumer"}
        if options.get("signature") == "wrong":
            headers["x-zm-signature"] = "v0=" + os.urandom(32).hex()
        elif "signature" in options:
            headers["x-zm-signature"] = options["signature"]
        headers |= {name.lower(): value for name, value in options.get("headers", {}).items()}
        return {name: str(value) for name, value in headers.items() if value is not None}

    def attempt(self):
        headers, started = self.headers(), time.monotonic()
        result = {"at": time.time(), "timestamp": headers.get("x-zm-request-timestamp"),
                  "signature": headers.get("x-zm-signature"), "status": None, "headers": None,
                  "body": None, "error": None}
        try:
            result |= post(self.url, self.body, headers, self.timeout_s)
        except Exception as problem:  # whatever goes wrong on the way is one failed attempt
            result["error"] = f"{type(problem).__name__}: {problem}"
        duration_s = time.monotonic() - started
        if not result["error"] and duration_s > self.timeout_s:
            result["error"] = f"answered after {duration_s:.1f} s"
        return result | {"duration_ms": round(duration_s * 1000, 1)}

    def retry_delay_s(self):
        """When to try again; None when Zoom would not: it does after 5xx and lost connections."""
        last = self.attempts[-1]
        if not last["error"] and last["status"] < 500:
            return None
        tried = len(self.attempts) - 1
        return self.retry_delays_s[tried] if tried < len(self.retry_delays_s) else None

    def as_json(self):
        return {"id": self.id, "client_id": self.client_id, "event": self.event, "url": self.url,
                "request_id": self.request_id, "body": self.body.decode("utf-8", "replace"),
                "body_base64": base64.b64encode(self.body).decode(), "settled": self.settled,
                "accepted": self.accepted, "attempts": list(self.attempts)}


def post(url, body, headers, timeout_s):
    import http.client  # costs 30 ms that a simulator without events need not spend at start
    import ssl
    parts = urlsplit(url)
    if parts.scheme == "https":
        # The receivers of tests have certificates of their own making.
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=timeout_s,
            context=ssl._create_unverified_context())
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        text = response.read(ANSWER_BYTES_KEPT).decode("utf-8", "replace")
        return {"status": response.status, "headers": dict(response.getheaders()), "body": text}
    finally:
        connection.close()


class WebhookSender:
    """Sends deliveries, at once or from a thread, and keeps what became of them."""

    def __init__(self, settings):
        self.settings = settings  # called for the simulator's settings of the moment
        self.changed = threading.Condition()
        self.deliveries = OrderedDict()
        self.due = []  # heap of (when, tie-break, delivery)
        self.count = itertools.count(1)
        threading.Thread(target=self.run, daemon=True).start()

    def send(self, app, event, body, options):
        delivery = Delivery(app, event, body, options, self.settings())
        with self.changed:
            delivery.id = f"delivery_{next(self.count)}"
            self.deliveries[delivery.id] = delivery
            while len(self.deliveries) > DELIVERIES_KEPT:
                self.deliveries.popitem(last=False)
        if options.get("wait", True):
            self.attempt(delivery)
        else:
            threading.Thread(target=self.attempt, args=(delivery,), daemon=True).start()
        return delivery

    def attempt(self, delivery):
        result = delivery.attempt()
        with self.changed:
            delivery.attempts.append(result)
            delivery.accepted = not result["error"] and result["status"] in (200, 204)
            delay_s = delivery.retry_delay_s()
            # A delivery that was cleared meanwhile is not tried again.
            if delay_s is None or delivery.id not in self.deliveries:
                delivery.settled = True
            else:
                heapq.heappush(self.due, (time.monotonic() + delay_s, next(self.count), delivery))
            self.changed.notify_all()

    def run(self):
        while True:
            with self.changed:
                while not self.due or self.due[0][0] > time.monotonic():
                    self.changed.wait(self.due[0][0] - time.monotonic() if self.due else None)
                delivery = heapq.heappop(self.due)[2]
            threading.Thread(target=self.attempt, args=(delivery,), daemon=True).start()

    def find(self, delivery_id):
        with self.changed:
            return self.deliveries.get(delivery_id)

    def listed(self, client_id, event, wait_count, wait_settled, timeout_s):
        """Matching deliveries, oldest first, after waiting for so many (and all to be settled)."""
        deadline = time.monotonic() + timeout_s
        with self.changed:
            while True:
                found = [each for each in self.deliveries.values()
                         if (client_id is None or each.client_id == client_id)
                         and (event is None or each.event == event)]
                attempted = [each for each in found if each.attempts]
                enough = len(attempted) >= wait_count and (
                    not wait_settled or all(each.settled for each in found))
                if enough or not self.changed.wait(max(0, deadline - time.monotonic())):
                    return [each.as_json() for each in found]

    def clear(self, client_id=None):
        with self.changed:
            kept = [each for each in self.deliveries.values()
                    if client_id is not None and each.client_id != client_id]
            self.deliveries = OrderedDict((each.id, each) for each in kept)
            self.due = [each for each in self.due if each[2].id in self.deliveries]
            heapq.heapify(self.due)
