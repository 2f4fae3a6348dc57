#!/usr/bin/env python3
"""
Receives what Hallpass's webhooks tell, checks that it is genuine, and takes each notification once. Python 3.9 or
later, nothing else; docs/webhooks.md says more.

SECRET=whsec_… PORT=8000 python3 receive.py
"""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
CHECK = os.environ.get("CHECK", "standard")  # or "attendee"
TOLERANCE_S = 300
seen = set()  # yours: with what you store, so that it outlives the process


def mac(signed):
    return base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest())


def has_standard_signature(headers, body):
    """Standard Webhooks: over id, time and body; of several signatures one must be right."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE_S:
        return False
    right = b"v1," + mac(f"{message_id}.{timestamp}.".encode() + body)
    return any([hmac.compare_digest(each.encode(), right) for each in headers.get("webhook-signature", "").split()])


def has_attendee_signature(headers, body):
    """As Attendee signs: over the body's canonical JSON, and canonical it is as it comes."""
    return hmac.compare_digest(headers.get("x-webhook-signature", "").encode(), mac(body))


def handle(notification):
    """Yours: what is to happen. Should it fail, answer 500, and it comes again."""
    print(notification["trigger"], json.dumps(notification["data"], ensure_ascii=False), flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_genuine = has_attendee_signature if CHECK == "attendee" else has_standard_signature
        if not is_genuine(self.headers, body):
            return self.answer(401)
        notification = json.loads(body)
        if notification["idempotency_key"] not in seen:
            handle(notification)
            seen.add(notification["idempotency_key"])
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Receiver).serve_forever()
