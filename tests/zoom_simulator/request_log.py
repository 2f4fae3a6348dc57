"""What was asked of Zoom, by whom, with which result, and how many at the same time."""

import re
import threading
import time
from collections import deque
from fnmatch import fnmatchcase

CALLS_KEPT = 100_000
ID_IN_PATH = re.compile(r"/\d+(?=/|$)")


class Call:
    """One request on Zoom's side of the simulator."""

    __slots__ = ("id", "at", "method", "path", "query", "form", "user_agent", "client_id",
                 "user_id", "grant_type", "status", "effect_status", "fault_id", "started",
                 "finished")

    def __init__(self, request, client_id, user_id, grant_type):
        self.at, self.started, self.finished = time.time(), time.monotonic(), None
        self.method, self.path = request.method, request.path
        self.query, self.form = request.query, request.form
        self.user_agent = request.headers.get("user-agent")
        self.client_id, self.user_id, self.grant_type = client_id, user_id, grant_type
        self.id = self.status = self.effect_status = self.fault_id = None

    def route(self):
        return ID_IN_PATH.sub("/{id}", self.path)

    def as_json(self):
        value = {name: getattr(self, name) for name in self.__slots__
                 if name not in ("started", "finished")}
        duration_s = self.finished - self.started if self.finished else None
        return value | {"finished": self.finished is not None,
                        "duration_ms": duration_s and round(duration_s * 1000, 3)}


def max_concurrent(calls):
    """The most calls that were being served at one instant."""
    changes = [(call.started, 1) for call in calls]
    changes += [(call.finished, -1) for call in calls if call.finished]
    most = now = 0
    for _, step in sorted(changes):
        now += step
        most = max(most, now)
    return most


class RequestLog:
    FILTERS = ("method", "path", "client_id", "user_id", "grant_type", "status", "state")

    def __init__(self):
        self.changed = threading.Condition()
        self.calls = deque(maxlen=CALLS_KEPT)
        self.count = 0
        self.waiting = 0

    def start(self, call):
        with self.changed:
            self.count += 1
            call.id = self.count
            self.calls.append(call)
            self.tell()

    def finish(self, call, status):
        with self.changed:
            call.status, call.finished = status, time.monotonic()
            self.tell()

    def tell(self):
        if self.waiting:
            self.changed.notify_all()

    def matching(self, filters):
        wanted = {name: value for name, value in filters.items() if name in self.FILTERS}
        path, state = wanted.pop("path", None), wanted.pop("state", "any")
        if state not in ("any", "finished", "in_flight"):
            raise ValueError("state is one of any, finished, in_flight")
        return [call for call in self.calls
                if all(str(getattr(call, name)) == value for name, value in wanted.items())
                and (path is None or fnmatchcase(call.path, path))
                and (state == "any" or (state == "finished") == (call.finished is not None))]

    def report(self, filters, limit, wait_count, timeout_s):
        """The matching calls, after waiting until there are `wait_count` of them or time is up."""
        deadline = time.monotonic() + timeout_s
        with self.changed:
            self.waiting += 1
            try:
                while len(calls := self.matching(filters)) < wait_count:
                    if not self.changed.wait(max(0, deadline - time.monotonic())):
                        break
            finally:
                self.waiting -= 1
        by_route = {}
        for call in calls:
            by_route.setdefault(f"{call.method} {call.route()}", []).append(call)
        return {"total": len(calls), "max_concurrent": max_concurrent(calls),
                "in_flight": sum(call.finished is None for call in calls),
                "by_route": {route: {"count": len(those), "max_concurrent": max_concurrent(those)}
                             for route, those in by_route.items()},
                "requests": [call.as_json() for call in calls[max(0, len(calls) - limit):]]}

    def clear(self, client_id=None):
        with self.changed:
            self.calls = deque((call for call in self.calls
                                if client_id is not None and call.client_id != client_id),
                               maxlen=CALLS_KEPT)
