"""A slow Zoom never starves requests that need no Zoom: while Zoom keeps all that may wait for it and a
crowd stands in line behind them, every other request of every program is answered."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from support.waiting import wait_until
from support.zoom_event import SHARED, deliver, user_event
from support.zoom_user import REDIRECT_URI, connect_user

APPS, BOTS = "/api/v1/zoom_oauth_apps", "/api/v1/bots"
CONNECTIONS = "/api/v1/zoom_oauth_connections"
THREADS, ZOOM_THREADS = 8, 6  # a quarter is kept for what needs no Zoom
CROWD = 24


class Place:
    """A project with a connected user and a bot, and Zoom, which answers nothing for a while."""

    def __init__(self, stack, zoom):
        self.stack, self.zoom = stack, zoom
        self.api = stack.create_project().api
        self.user = connect_user(self.api, zoom)
        self.unwanted = connect_user(self.api, zoom, like=self.user)
        self.spare = connect_user(self.api, zoom, like=self.user)
        # Else the worker would be among those who ask Zoom.
        wait_until(lambda: all(user.read()["last_successful_sync_at"]
                               for user in (self.user, self.unwanted, self.spare)), what="the syncs")
        self.meeting = zoom.create_meeting(self.user.user_id, event=True)
        self.bot = self.api.post(BOTS, json={"meeting_url": self.meeting["join_url"]}).must_be(201).json
        self.app_path = f"{APPS}/{self.user.app_id}"
        self.path = f"{CONNECTIONS}/{self.user.id}"
        self.bot_path = f"{BOTS}/{self.bot['id']}"

    def register(self):
        return self.api.post(APPS, json={"client_id": self.user.client_id,
                                         "client_secret": self.user.app["client_secret"]})

    def authorize(self):
        return self.api.post(CONNECTIONS, json={
            "zoom_oauth_app_id": self.user.app_id, "authorization_code": secrets.token_hex(8),
            "redirect_uri": REDIRECT_URI})

    def change_secret(self):
        return self.api.patch(self.app_path, json={"client_secret": self.user.app["client_secret"]})

    def delete_spare(self):
        return self.api.delete(f"{CONNECTIONS}/{self.spare.id}")

    def tokens(self):
        return self.api.post(f"{self.bot_path}/zoom_tokens")

    @contextmanager
    def crowd(self, ask):
        """Zoom holds the answers of all who may wait for it, and the others stand in line, until the end."""
        who = {"client_id": self.user.client_id}
        with ThreadPoolExecutor(CROWD) as pool:
            with self.zoom.fault(hold="before", times=None, **who):
                waiting = [pool.submit(ask) for _ in range(CROWD)]
                self.zoom.wait_for_requests(ZOOM_THREADS, state="in_flight", **who)
                yield
                assert not any(each.done() for each in waiting)
                assert self.zoom.count_requests(state="in_flight", **who) == ZOOM_THREADS
            for each in waiting:
                assert each.result().status != 503

    def event(self):
        return deliver(self.stack.anonymous, f"{SHARED}/{self.user.app_id}",
                       user_event("user.updated", self.user.user, pmi=1234567890),
                       self.user.app["webhook_secret"])


@pytest.fixture
def place(private_stack, zoom):
    return Place(private_stack(HALLPASS_THREADS=THREADS, HALLPASS_ZOOM_TIMEOUT_MS=50000), zoom)


# What waits of a program: what does not.
PROGRAMS = {
    "zoom_oauth_apps": ("register", {
        "list": lambda place: place.api.get(APPS),
        "read": lambda place: place.api.get(place.app_path),
        "change_name": lambda place: place.api.patch(place.app_path, json={"name": "Renamed"}),
        "change_webhook_secret": lambda place: place.api.patch(place.app_path, json={
            "webhook_secret": place.user.app["webhook_secret"]}),
        "delete": lambda place: place.api.delete(place.app_path),
        "invalid_change": lambda place: place.api.patch(place.app_path, json={"client_secret": 5}),
        "without_key": lambda place: place.stack.anonymous.post(APPS, json={}),
        "another_path": lambda place: place.api.get(APPS + "/a/b"),
    }),
    "zoom_oauth_connections": ("authorize", {
        "list": lambda place: place.api.get(CONNECTIONS),
        "read": lambda place: place.api.get(place.path),
        "change": lambda place: place.api.patch(place.path, json={"metadata": {"a": 1}}),
        "meetings": lambda place: place.api.get(place.path + "/meetings"),
        "delete_without_revoking": lambda place: place.api.delete(
            f"{CONNECTIONS}/{place.unwanted.id}", query={"revoke": "false"}),
        "invalid_delete": lambda place: place.api.delete(place.path, query={"revoke": "maybe"}),
        "without_key": lambda place: place.stack.anonymous.post(place.path + "/refresh"),
    }),
    "bots": ("tokens", {
        "list": lambda place: place.api.get(BOTS),
        "read": lambda place: place.api.get(place.bot_path),
        "create": lambda place: place.api.post(BOTS, json={
            "meeting_url": place.meeting["join_url"]}),
        "change": lambda place: place.api.patch(place.bot_path, json={"bot_name": "Renamed"}),
        "delete": lambda place: place.api.delete(
            f"{BOTS}/{place.api.post(BOTS, json={'meeting_url': place.meeting['join_url']}).json['id']}"),
        "tokens_without_key": lambda place: place.stack.anonymous.post(place.bot_path + "/zoom_tokens"),
    }),
    "zoom_webhooks": ("tokens", {"event": Place.event}),
    "status": ("tokens", {
        "health": lambda place: place.stack.anonymous.get("/health"),
        "ready": lambda place: place.stack.anonymous.get("/ready"),
        "metrics": lambda place: place.stack.anonymous.get("/metrics"),
    }),
}
STATUSES = {"delete": {200, 409}, "create": {201}, "invalid_change": {400},
            "invalid_delete": {400}, "without_key": {401}, "tokens_without_key": {401},
            "another_path": {404}}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_needs_no_zoom_is_answered_while_zoom_keeps_a_crowd_waiting(program, place):
    ask, calls = PROGRAMS[program]
    with place.crowd(getattr(place, ask)):
        for name, call in calls.items():
            answer = call(place)
            assert answer.status in STATUSES.get(name, {200}), (name, answer.json)


@pytest.mark.parametrize("ask", ["change_secret", "delete_spare"])
def test_the_same_requests_stand_in_line_where_they_do_need_zoom(ask, place):
    with place.crowd(getattr(place, ask)):
        place.api.get(place.app_path).must_be(200)
        place.api.get(place.path).must_be(200)


def test_large_bodies_that_wait_for_zoom_keep_nothing_else_waiting_either(place):
    """More of them than there is room for: 64 MiB. A small one, as all of use are, has its place in line."""
    body = json.dumps({"zoom_oauth_app_id": place.user.app_id, "authorization_code": secrets.token_hex(8),
                       "redirect_uri": REDIRECT_URI}).encode().ljust(1_000_000)
    count, who = ZOOM_THREADS + 67 + THREADS, {"client_id": place.user.client_id}
    with ThreadPoolExecutor(count + 1) as pool:
        with place.zoom.fault(hold="before", times=None, **who):
            large = [pool.submit(place.api.post, CONNECTIONS, raw=body) for _ in range(count)]
            refused = lambda: [each.result() for each in large if each.done()]
            wait_until(lambda: len(refused()) == THREADS, what="those for which there is no room")
            small = pool.submit(place.authorize)
            place.api.get(CONNECTIONS).must_be(200)
            assert not small.done()
            for answer in refused():
                assert (answer.must_be(503).code, answer.headers["retry-after"]) == ("service_unavailable", "5")
        assert sum(each.result().status == 503 for each in large) == THREADS
        assert small.result().status != 503
