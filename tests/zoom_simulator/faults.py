"""Faults on demand: which requests they hit, and what they do to the answer."""

import json
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from fnmatch import fnmatchcase

from .http_message import Response
from .records import change, iso8601

HOLD_S_MAX = 120
HTML = (b"<!DOCTYPE html><html><head><title>Zoom</title></head>"
        b"<body><h1>We'll be right back</h1></body></html>")
RATE_LIMITS = {"per_second": "You have reached the maximum per-second rate limit for this API. "
                             "Try again later.",
               "daily": "You have reached the maximum daily rate limit for this API. Refer to the "
                        "response header for details on when you can make another request."}


@dataclass
class Fault:
    # Which requests: whatever is None matches everything. Paths are shell patterns.
    method: str = None
    path: str = None
    client_id: str = None
    user_id: str = None
    grant_type: str = None
    skip: int = 0  # so many matching requests pass unharmed first
    times: int = 1  # None: until cleared
    # What happens. With a status, HTML or a rate limit the request has no effect unless `effect`.
    status: int = None
    body: object = None  # text is sent as it is, anything else as JSON
    headers: dict = field(default_factory=dict)
    html: bool = False
    rate_limit: str = None  # per_second, daily
    retry_after: str = None  # seconds, http_date, iso8601
    retry_after_s: int = 5
    huge_bytes: int = None
    effect: bool = False
    delay_ms: int = 0  # before the effect
    hold: str = None  # before, after: the effect; until released or cleared
    drop: str = None  # before, after: the effect; no answer comes
    drop_with: str = "reset"  # reset, fin
    broken_json: bool = False  # a complete answer whose JSON ends in the middle
    truncate_bytes: int = None  # so much of the body, then the connection closes
    byte_delay_ms: float = 0
    # Its life.
    id: str = None
    hits: int = 0
    passed: int = 0

    CHOICES = {"rate_limit": (None, *RATE_LIMITS), "hold": (None, "before", "after"),
               "retry_after": (None, "seconds", "http_date", "iso8601"),
               "drop": (None, "before", "after"), "drop_with": ("reset", "fin")}

    def __post_init__(self):
        self.released = threading.Event()

    def check(self):
        for name, choices in self.CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(filter(None, choices))}")

    def matches(self, call):
        return ((self.method is None or self.method == call.method)
                and (self.path is None or fnmatchcase(call.path, self.path))
                and (self.client_id is None or self.client_id == call.client_id)
                and (self.user_id is None or self.user_id == call.user_id)
                and (self.grant_type is None or self.grant_type == call.grant_type))

    def replaces_answer(self):
        return (self.status is not None or self.body is not None or self.html
                or self.rate_limit is not None or self.huge_bytes is not None)

    def apply(self, run):
        """Run the request (or not) and return the answer, spoilt as asked. The delay has passed."""
        if self.hold == "before":
            self.released.wait(HOLD_S_MAX)
        response = None
        if self.drop != "before" and (self.effect or not self.replaces_answer()):
            response = run()
        if self.hold == "after":
            self.released.wait(HOLD_S_MAX)
        if response is None or self.replaces_answer():
            response = self.answer()
        response.headers.update(self.headers)
        self.add_retry_after(response)
        if self.drop:
            response.drop = self.drop_with
        if self.broken_json:
            response.body = response.body[:max(1, len(response.body) * 2 // 3)]
        response.bytes_max = self.truncate_bytes
        response.byte_delay_s = self.byte_delay_ms / 1000
        return response

    def answer(self):
        if self.html:
            response = Response.of_html(self.status or 503, "")
            response.body = HTML
        elif self.huge_bytes is not None:
            padding = b"x" * self.huge_bytes
            response = Response(self.status or 200, b'{"padding":"' + padding + b'"}',
                                "application/json;charset=UTF-8")
        elif self.rate_limit:
            response = Response.of_json(self.status or 429, {
                "code": 429, "message": RATE_LIMITS[self.rate_limit]})
            daily = self.rate_limit == "daily"
            response.headers |= {"X-RateLimit-Category": "Medium", "X-RateLimit-Limit":
                                 "2000" if daily else "20", "X-RateLimit-Remaining": "0",
                                 "X-RateLimit-Type": "Daily-limit" if daily else "QPS"}
            if daily:
                midnight = (int(time.time()) // 86400 + 1) * 86400
                response.headers["Retry-After"] = iso8601(midnight)
            else:
                response.headers["X-RateLimit-Reset"] = str(int(time.time()) + 1)
        elif isinstance(self.body, str):
            response = Response(self.status or 200, self.body.encode(),
                                "application/json;charset=UTF-8")
        else:
            body = self.body
            if body is None:
                body = {"code": self.status, "message": "A fault that was asked for."}
            response = Response.of_json(self.status or 200, body)
        return response

    def add_retry_after(self, response):
        at = time.time() + self.retry_after_s
        forms = {"seconds": lambda: str(self.retry_after_s),
                 "http_date": lambda: formatdate(at, usegmt=True),
                 "iso8601": lambda: iso8601(at)}
        if self.retry_after:
            response.headers["Retry-After"] = forms[self.retry_after]()

    def as_json(self):
        value = {name: each for name, each in vars(self).items() if name != "released"}
        value["remaining"] = None if self.times is None else self.times - self.hits
        json.dumps(value)
        return value


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.faults = {}
        self.count = 0

    def add(self, fields):
        fault = Fault()
        change(fault, fields)
        fault.check()
        with self.lock:
            self.count += 1
            fault.id = f"fault_{self.count}"
            fault.hits = fault.passed = 0
            self.faults[fault.id] = fault
        return fault

    def take(self, call):
        """The oldest fault that still wants this request, counted as used; or None."""
        with self.lock:
            for fault in self.faults.values():
                if fault.times is not None and fault.hits >= fault.times or not fault.matches(call):
                    continue
                if fault.passed < fault.skip:
                    fault.passed += 1
                    continue
                fault.hits += 1
                return fault
        return None

    def find(self, fault_id):
        with self.lock:
            return self.faults.get(fault_id)

    def listed(self, client_id=None):
        with self.lock:
            return [fault.as_json() for fault in self.faults.values()
                    if client_id is None or fault.client_id == client_id]

    def clear(self, client_id=None, fault_id=None):
        """Forget faults (all, an app's, or one); whoever is held by one goes on."""
        with self.lock:
            gone = [fault for fault in self.faults.values()
                    if (client_id is None or fault.client_id == client_id)
                    and (fault_id is None or fault.id == fault_id)]
            for fault in gone:
                del self.faults[fault.id]
                fault.released.set()
        return len(gone)
