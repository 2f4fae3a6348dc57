"""What Zoom posts when something happens, signed as Zoom does it, and the user to whom it happens."""

import hashlib
import hmac
import json
import random
import time

SHARED = "/api/v1/zoom_oauth/webhooks"
APPS = "/api/v1/zoom_oauth_apps"


def milliseconds(seconds_from_now=0.0):
    return int((time.time() + seconds_from_now) * 1000)


def made_up_id():
    return random.randrange(80_000_000_000, 90_000_000_000)


def signed(secret, body, offset_s=0):
    """The two headers that prove a body."""
    timestamp = str(int(time.time()) + offset_s)
    mac = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return {"x-zm-request-timestamp": timestamp, "x-zm-signature": "v0=" + mac.hexdigest()}


def deliver(api, path, event, secret, offset_s=0, **headers):
    """An event (an object or bytes) as Zoom posts it, without its own choice of headers."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return api.post(path, raw=body, headers=signed(secret, body, offset_s) | headers)


def meeting_event(name, user, meeting_id, at=0.0, type=2, event_ts=None, payload=None, **fields):
    """`at` is in seconds from now, by Zoom's clock."""
    return {"event": name, "event_ts": event_ts or milliseconds(at), "payload": {
        "account_id": user["account_id"],
        "object": {"id": meeting_id, "type": type, "host_id": user["id"]} | fields} | (payload or {})}


def participant_event(what, host, user_id, meeting_id, at=0.0):
    return meeting_event(f"meeting.participant_{what}", host, meeting_id, at, participant={
        "id": user_id, "participant_user_id": user_id, "user_id": "62143101"})


def user_event(name, user, at=0.0, **changed):
    return {"event": name, "event_ts": milliseconds(at), "payload": {
        "account_id": user["account_id"], "object": {"id": user["id"]} | changed}}


def deauthorization(connected, at=0.0):
    return {"event": "app_deauthorized", "event_ts": milliseconds(at), "payload": {
        "account_id": connected.user["account_id"], "client_id": connected.client_id,
        "user_id": connected.user_id, "user_data_retention": None}}


class Host:
    """A connected user, and the events that are sent to its app's own address."""

    def __init__(self, connected, anonymous, database):
        self.connected, self.anonymous, self.database = connected, anonymous, database
        self.user, self.secret = connected.user, connected.app["webhook_secret"]
        self.path = f"{SHARED}/{connected.app_id}"

    def send(self, event, **options):
        return deliver(self.anonymous, self.path, event, self.secret, **options)

    def must_take(self, event, **options):
        self.send(event, **options).must_be(200)

    def sends(self, name, meeting_id, at=0.0, **fields):
        self.must_take(meeting_event(name, self.user, meeting_id, at, **fields))

    def meetings(self):
        """{meeting id: is it live}, as the API tells it."""
        answer = self.connected.api.get(
            f"/api/v1/zoom_oauth_connections/{self.connected.id}/meetings").must_be(200)
        return {int(each["meeting_id"]): each["is_live"] for each in answer.json["results"]}

    def app(self):
        return self.connected.api.get(f"{APPS}/{self.connected.app_id}").must_be(200).json

    def counts(self):
        return {row["name"]: row["count"] for row in self.database.rows(
            "SELECT c.name, c.count FROM zoom_event_counts c JOIN zoom_oauth_apps a"
            " ON a.id = c.app_id WHERE a.public_id = ?", self.connected.app_id)}

    def stored(self):
        """How many events of the app were handled."""
        return self.database.value(
            "SELECT count(body_hash) FROM zoom_log l JOIN zoom_oauth_apps a ON a.id = l.app_id"
            " WHERE a.public_id = ?", self.connected.app_id)

    def row(self):
        return self.database.row("SELECT * FROM zoom_oauth_connections WHERE public_id = ?",
                                 self.connected.id)

    def credentials(self):
        return self.database.row("SELECT * FROM zoom_oauth_credentials WHERE connection_id = ?",
                                 self.row()["id"])

    def is_inside(self, meeting_id):
        return self.database.rows(
            "SELECT 1 FROM zoom_meeting_participants WHERE connection_id = ? AND meeting_id = ?"
            " AND is_present = 1", self.row()["id"], meeting_id) != []
