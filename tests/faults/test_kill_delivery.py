"""The worker is killed while it tells webhooks: all arrives, under the same id, in the order of its subject."""

import itertools
import pathlib
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "soak"))

from losses import holders_of
from support import time_travel
from support.processes import kill, kill_for_good, pids_of, worker_beside
from support.runner import Runner
from support.waiting import wait_until
from support.zoom_user import connect_user

# Failpoint: whether the receiver has it by then, and nobody knows.
POINTS = {"delivery.starting": False, "delivery.answered": True, "delivery.recording": True,
          "delivery.recorded": False}

LEASE_S = 60  # of a webhook
AT_ONCE_S = 15  # with the start of another worker, on a machine that has other things to do
BACKLOG_MAX = 60
STATES = ["ready", "joining", "joined_not_recording", "joined_recording", "post_processing", "ended"]


class Audience:
    """A webhook of all that happens in a project, and its receiver."""

    def __init__(self, stack, api, receiver):
        self.stack, self.api, self.receiver = stack, api, receiver
        webhook = api.post("/api/v1/webhooks", json={
            "url": receiver.url, "triggers": ["bot.state_change", "zoom_oauth_connection.state_change"],
        }).must_be(201).json
        self.id, self.secret = webhook["id"], webhook["secret"]
        stack.secrets.add("webhook secret", self.secret, in_answers=True)

    def deliveries(self):
        """What there was to tell, in its order."""
        return self.stack.database.rows(
            "SELECT d.public_id AS id, subject, state, attempts FROM webhook_deliveries d"
            " JOIN webhooks w ON w.id = webhook_id WHERE w.public_id = ? ORDER BY d.id", self.id)

    def backlog(self):
        return sum(each["state"] == "pending" for each in self.deliveries())

    def row(self):
        return self.stack.database.row("SELECT holder, due_at FROM webhooks WHERE public_id = ?", self.id)

    def has_heard_all(self, timeout=60):
        """Once nothing is pending: gives how often each came, and fails where something is not as promised."""
        wait_until(lambda: self.backlog() == 0, timeout, "the last delivery")
        deliveries, first = self.deliveries(), {}
        for each in self.receiver.of():
            assert each.is_signed_with(self.secret)
            assert first.setdefault(each.id, each).body == each.body
        assert set(first) == {each["id"] for each in deliveries}
        # A death is nobody's failure.
        assert {(each["state"], each["attempts"]) for each in deliveries} <= {("delivered", 1)}
        assert subjects(first, [each["id"] for each in deliveries]) == subjects(first, first)
        return Counter(each.id for each in self.receiver.of())


def subjects(notifications, ids):
    """The ids of each subject in the order in which they stand in `ids`, which its states must agree with."""
    found = defaultdict(list)
    for each in map(notifications.get, ids):
        found[each.json.get("bot_id") or each.json["zoom_oauth_connection_id"]].append(each)
    for told in found.values():
        if "bot_id" in told[0].json:
            assert [(each.json["data"]["old_state"], each.json["data"]["new_state"]) for each in told] == list(
                itertools.pairwise(STATES))
        else:
            assert all(one.json["data"]["state"] != other.json["data"]["state"]
                       for one, other in itertools.pairwise(told))
    return {subject: [each.id for each in told] for subject, told in found.items()}


def live(api):
    """A bot's whole life, which is told in five notifications."""
    api.post("/api/v1/bots", json={"meeting_url": "https://zoom.us/j/85512345678"}).must_be(201)
    runner = Runner(api)
    runner.claim()
    runner.go("joined_meeting", "recording_permission_granted", "meeting_ended", "post_processing_completed")


def come_and_go(zoom, user):
    """
    A user removes the app at Zoom, which we learn when we ask, and allows it anew: again, where the database was busy.
    """
    zoom.remove_grant(client_id=user.client_id, user_id=user.user_id, event=False)
    user.api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh")
    wait_until(lambda: user.authorize().status == 201, 30, "the user's return")


@pytest.fixture
def audience(stack, api, receiver):
    return Audience(stack, api, receiver)


@pytest.mark.short
@pytest.mark.parametrize("point", POINTS)
def test_whoever_dies_at_a_step_of_a_delivery_is_followed_at_once_by_one_who_makes_it_good(
        stack, api, failpoint, audience, point):
    failpoint.arm(point, "kill")
    live(api)
    failpoint.wait()
    died_at = time.monotonic()
    live(api)
    counts = audience.has_heard_all()
    assert time.monotonic() - died_at < AT_ONCE_S < LEASE_S
    assert sorted(counts.values()) == [1] * 9 + [1 + POINTS[point]]


@pytest.mark.short
def test_a_post_that_dies_with_its_worker_is_made_again_and_the_next_of_its_subject_waits_for_it(
        stack, api, audience, receiver):
    begun, release = [], threading.Event()
    receiver.answer = lambda received: begun.append(received.id) or release.wait(60) and 200
    live(api)
    wait_until(lambda: begun, what="the first post")
    held = audience.row()
    assert held["holder"] and held["due_at"] > time_travel.now() + LEASE_S // 2 * 1_000_000
    kill(stack, "worker")
    wait_until(lambda: len(begun) == 2, AT_ONCE_S, "the same post by another worker")
    assert begun[0] == begun[1] and audience.row()["holder"] != held["holder"]
    release.set()
    counts = audience.has_heard_all()
    assert counts.pop(begun[0]) == 2 and set(counts.values()) == {1} and len(counts) == 4


@pytest.mark.short
def test_what_a_worker_had_that_nobody_starts_again_is_taken_up_at_once_by_one_that_sleeps(
        private_stack, receiver):
    stack = private_stack()
    api = stack.create_project().api
    audience = Audience(stack, api, receiver)
    begun, release = [], threading.Event()
    receiver.answer = lambda received: begun.append(received.id) or release.wait(60) and 200
    live(api)
    wait_until(lambda: begun, what="the first post")
    with worker_beside(stack) as worker:
        wait_until(lambda: holders_of(worker.pid), what="a look of the other worker's at who holds what")
        kill_for_good(stack, "worker")
        wait_until(lambda: len(begun) == 2, AT_ONCE_S, "the same post by the other worker")
        release.set()
        counts = audience.has_heard_all()
    assert sorted(counts.values()) == [1] * 4 + [2]


def feed(stop, audience, act):
    """Goes on with it until it is to stop, and not too far ahead of the worker; how often it did."""
    for count in itertools.count():
        wait_until(lambda: stop.is_set() or audience.backlog() < BACKLOG_MAX, 60, "a shorter backlog")
        if stop.is_set():
            return count
        act()


@pytest.mark.parametrize("kills, beside", [
    pytest.param(12, False, marks=pytest.mark.short, id="12 kills"), pytest.param(100, False, id="100 kills"),
    pytest.param(50, True, id="50 kills beside a worker that lives")])
def test_however_often_the_worker_is_killed_nothing_is_lost_or_overtaken(
        stack, zoom, api, audience, receiver, kills, beside):
    user = connect_user(api, zoom)
    stop, posted = threading.Event(), threading.Event()

    def answer(_):
        posted.set()
        time.sleep(random.uniform(0.005, 0.03))  # as one at a distance
        posted.clear()
        return 200

    receiver.answer = answer
    acts = [lambda: live(api)] * 3 + [lambda: come_and_go(zoom, user)]
    with worker_beside(stack) if beside else nullcontext(), ThreadPoolExecutor(len(acts)) as pool:
        feeders = [pool.submit(feed, stop, audience, act) for act in acts]
        try:
            for number in range(kills):
                wait_until(lambda: audience.row()["holder"] and pids_of(stack, "worker"), 30, "a worker that sends")
                if number % 3 == 0:  # between a post and its record
                    assert posted.wait(30)
                else:
                    time.sleep(random.uniform(0, 0.2))
                kill(stack, "worker")
        finally:
            stop.set()
        assert all(feeder.result(timeout=60) > 1 for feeder in feeders)
        counts = audience.has_heard_all()
    assert max(counts.values()) > 1
    assert len(subjects({each.id: each for each in receiver.of()}, counts)) > 4
