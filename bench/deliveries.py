"""Events as Zoom sends them, each signed and never sent before."""

import contextlib
import hashlib
import hmac
import itertools
import json
import time

from actors import WEBHOOK_SECRET

PREPARED_PER_SECOND = 50_000  # where they are sent as fast as they are taken: more than ever are
USERS = 200
MEETINGS_PER_USER = 10
FIRST_MEETING_ID = 81_000_000_000


def event(number, now_ms):
    """A meeting.started as Zoom sends it, 674 bytes or so."""
    user = number % USERS + 1
    meeting = FIRST_MEETING_ID + (number // USERS) % MEETINGS_PER_USER * USERS + user
    return json.dumps({"event": "meeting.started", "event_ts": now_ms + number // 20, "payload": {
        "account_id": "account", "object": {
            "id": str(meeting), "uuid": f"{number:022d}==", "host_id": f"user-{user}",
            "topic": "The weekly meeting of those who wait for the weekly meeting", "type": 8,
            "start_time": "2026-11-25T10:00:00Z", "timezone": "Europe/Berlin", "duration": 60,
            "description": "x" * 280}}}, separators=(",", ":"))


class Deliveries:
    """Files of events for bench/events.lua."""

    def __init__(self, directory):
        self.files, self.numbers = directory / "events", itertools.count()

    def prepare(self, count, threads=2):
        timestamp, now_ms = str(int(time.time())), time.time_ns() // 1_000_000
        with contextlib.ExitStack() as at_end:
            files = [at_end.enter_context(open(f"{self.files}.{n}", "w")) for n in range(threads)]
            for number in itertools.islice(self.numbers, count):
                body = event(number, now_ms - count // 20)
                mac = hmac.digest(WEBHOOK_SECRET.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256)
                files[number % threads].write(f"{timestamp} v0={mac.hex()} {body}\n")
        return self.files
