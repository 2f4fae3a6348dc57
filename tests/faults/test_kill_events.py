"""A process is killed at every step of the intake of an event: what Zoom was told is done is done."""

import pytest

from kill_points import kill_at
from outcomes import GONE, KEPT
from support import time_travel
from support.processes import kill
from support.waiting import wait_until

POINTS = {
    "event.received": "the event is read",
    "event.storing": "the event is being committed",
    "event.stored": "the event is committed, not yet acknowledged",
}


def counts(stack, joiner, name):
    rows = stack.database.rows(
        "SELECT count FROM zoom_event_counts JOIN zoom_oauth_apps ON id = app_id"
        " WHERE client_id = ? AND zoom_event_counts.name = ?", joiner.who["client_id"], name)
    return sum(row["count"] for row in rows)


def meetings(joiner):
    path = f"/api/v1/zoom_oauth_connections/{joiner.id}/meetings"
    return {row["meeting_id"] for row in joiner.api.get(path).must_be(200).json["results"]}


@pytest.mark.short
@pytest.mark.parametrize("point", POINTS)
def test_an_event_whose_intake_dies_is_stored_whole_or_not_at_all_and_comes_again(
        stack, zoom, failpoint, joiner, row, point):
    end = row("event", POINTS[point], point, "zoom_webhooks")
    zoom.change_app(joiner.who["client_id"], retry_delays_s=[2, 2, 2])
    known = meetings(joiner)
    made = []
    kill_at(failpoint, point, lambda: made.append(
        zoom.create_meetings(joiner.who["user_id"], 1, event={"wait": False})["meetings"][0]))
    meeting = str(made[0]["id"])

    # Before Zoom sends it again: both its effect and its being counted are there, or neither.
    is_stored = counts(stack, joiner, "meeting.created") == 1
    assert is_stored == (point == "event.stored")
    assert (meeting in meetings(joiner)) == is_stored

    delivery = zoom.wait_for_deliveries(1, joiner.who["client_id"], "meeting.created")[-1]
    assert delivery["accepted"] and len(delivery["attempts"]) == 2
    assert counts(stack, joiner, "meeting.created") == 1
    assert meetings(joiner) == known | {meeting}
    end(KEPT)


@pytest.mark.parametrize("point", POINTS)
def test_a_deauthorization_whose_intake_dies_disconnects_once(
        stack, zoom, failpoint, joiner, row, point):
    end = row("event that disconnects", POINTS[point], point, "zoom_webhooks")
    zoom.change_app(joiner.who["client_id"], retry_delays_s=[1, 1, 1])
    kill_at(failpoint, point,
            lambda: zoom.remove_grant(**joiner.who, event={"wait": False}))
    zoom.wait_for_deliveries(1, joiner.who["client_id"], "app_deauthorized")
    failure = joiner.read()["connection_failure_data"]
    assert joiner.read()["state"] == "disconnected" and failure["code"] == "app_deauthorized"
    assert counts(stack, joiner, "app_deauthorized") == 1
    assert not stack.database.value(
        "SELECT refresh_token IS NOT NULL FROM zoom_oauth_credentials JOIN zoom_oauth_connections"
        " ON id = connection_id WHERE public_id = ?", joiner.id)
    joiner.connected.authorize().must_be(201)
    assert joiner.joins()
    end(GONE)


def test_what_was_acknowledged_is_there_however_often_the_intake_is_killed(stack, zoom, joiner, row):
    """A stream of events, and the process killed again and again in the middle of it."""
    end = row("event", "anywhere", "from outside, again and again", "zoom_webhooks")
    client_id = joiner.who["client_id"]
    zoom.change_app(client_id, retry_delays_s=[0.3] * 20)
    made = []

    def is_cut_off():
        return any(len(each["attempts"]) > 1 for each in zoom.deliveries(client_id, "meeting.created"))

    while len(made) < 60 or len(made) < 600 and not is_cut_off():
        made += zoom.create_meetings(joiner.who["user_id"], 10, event={"wait": False})["meetings"]
        kill(stack, "zoom_webhooks")
    count = len(made)
    deliveries = zoom.wait_for_deliveries(count, client_id, "meeting.created", 60)
    assert [each["accepted"] for each in deliveries] == [True] * count
    assert is_cut_off()
    stored = stack.database.value(
        "SELECT count(body_hash) FROM zoom_log l JOIN zoom_oauth_apps a ON a.id = app_id WHERE client_id = ?",
        client_id)
    # The first authorization brought no event: these are all.
    assert stored == counts(stack, joiner, "meeting.created") == count
    known = stack.database.rows("SELECT meeting_id FROM zoom_meetings JOIN zoom_oauth_connections"
                                " ON id = connection_id WHERE public_id = ?", joiner.id)
    assert {each["id"] for each in made} <= {each["meeting_id"] for each in known}
    end(KEPT)


def test_a_probe_that_an_event_asked_for_survives_the_worker(stack, zoom, failpoint, joiner, row):
    """An event that cannot be believed makes the worker ask Zoom; killed at it, the next one asks."""
    end = row("event that makes the worker ask", "Zoom is about to be asked", "refresh.claimed", "worker")
    time_travel.expire_access_token(stack, joiner.id)
    kill_at(failpoint, "refresh.claimed",
            lambda: zoom.remove_grant(**joiner.who, event={"signature": "wrong"}))
    # The dead worker's claim on the work runs out by itself; here it does so at once.
    time_travel.make_refresh_due(stack, joiner.id)
    wait_until(lambda: joiner.read()["state"] == "disconnected", timeout=20, what="the answer")
    end(GONE)
