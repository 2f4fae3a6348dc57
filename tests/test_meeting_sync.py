"""The worker reads the meetings of who connects, and again every week, without anybody asking."""

import os
import signal
import subprocess
import time
from contextlib import ExitStack

import pytest

from support import time_travel
from support.joiner import make_joiner
from support.processes import end, worker_beside
from support.stack import BUILD
from support.waiting import wait_until
from support.zoom_user import ConnectedUser, connect_user, register_app

MEETINGS = "/v2/users/me/meetings"


def meetings_of(api, connection_id):
    """All pages of GET …/meetings: {meeting_id: meeting}."""
    found = {}
    path = f"/api/v1/zoom_oauth_connections/{connection_id}/meetings?page_size=100"
    while path:
        page = api.get(path).must_be(200).json
        found |= {meeting["meeting_id"]: meeting for meeting in page["results"]}
        path = page["next"]
    return found


def flow_of(api, meeting_url):
    bot = api.post("/api/v1/bots", json={"meeting_url": meeting_url}).must_be(201).json
    return bot["join_flow"], bot["zoom_oauth_connection_id"]


def schedule_of(stack, connection_id):
    return stack.database.row("SELECT next_sync_at, sync_attempts, last_attempted_sync_at"
                              " FROM zoom_oauth_connections WHERE public_id = ?", connection_id)


def days_ahead(instant):
    return (instant - time_travel.now()) / time_travel.DAY


@pytest.fixture
def joiner(stack, zoom, api):
    return make_joiner(stack, zoom, api)


@pytest.fixture
def schedule(stack, joiner):
    return lambda: schedule_of(stack, joiner.id)


@pytest.fixture
def sync(stack, joiner):
    return lambda: time_travel.run_sync(stack, joiner.id)


# What is learned


def test_all_pages_are_read_after_a_user_connects_without_anybody_asking(api, zoom, connect_user):
    user = zoom.create_user()
    made = {str(meeting["id"]) for meeting in zoom.create_meetings(user["id"], 700)["meetings"]}
    connected = connect_user(user=user)
    wait_until(lambda: connected.read()["last_successful_sync_at"], what="the sync")
    assert set(meetings_of(api, connected.id)) == made
    assert zoom.count_requests(path=MEETINGS, client_id=connected.client_id) == 3
    attempted, succeeded = (connected.read()[f"last_{how}_sync_at"]
                            for how in ("attempted", "successful"))
    assert connected.connection["created_at"] <= attempted <= succeeded


def test_a_sync_learns_the_personal_meeting_id_and_the_personal_link(api, zoom, joiner, sync):
    name = f"Ada.{os.urandom(8).hex()}"
    pmi = 5_000_000_000 + time.time_ns() % 1_000_000_000
    zoom.change_user(joiner.connected.user_id, event=False, pmi=pmi,
                     vanity_url=f"https://us02web.zoom.us/my/{name}")
    for url in f"https://zoom.us/j/{pmi}", f"https://zoom.us/my/{name}":
        assert flow_of(api, url) == ("standard", None)
    sync()
    for url in f"https://zoom.us/j/{pmi}", f"https://zoom.us/my/{name.lower()}":
        assert flow_of(api, url) == ("token", joiner.id)


def test_a_meeting_that_is_deleted_during_a_sync_stays_forgotten(api, zoom, joiner, stack):
    gone, kept = zoom.create_meetings(joiner.connected.user_id, 2)["meetings"]
    with zoom.fault(path=MEETINGS, hold="after", **joiner.who) as fault:
        time_travel.make_sync_due(stack, joiner.id)
        zoom.wait_for_requests(1, path=MEETINGS, state="in_flight", **joiner.who)
        zoom.delete_meeting(gone["id"])
        synced_at = joiner.read()["last_successful_sync_at"]
        zoom.release_fault(fault["id"])
        wait_until(lambda: joiner.read()["last_successful_sync_at"] > synced_at)
    known = meetings_of(api, joiner.id)
    assert str(kept["id"]) in known and str(gone["id"]) not in known
    assert flow_of(api, gone["join_url"]) == ("standard", None)


def test_a_connection_that_moves_to_another_zoom_user_during_a_sync_gets_that_ones_meetings_only(
        stack, zoom, api):
    ada = make_joiner(stack, zoom, api, deduplication_key="the customer's user")
    bob = zoom.create_user()
    of_bob = zoom.create_meetings(bob["id"], 2)["meetings"]
    with zoom.fault(path=MEETINGS, hold="after", **ada.who) as fault:
        time_travel.make_sync_due(stack, ada.id)
        zoom.wait_for_requests(1, path=MEETINGS, state="in_flight", **ada.who)
        moved = ConnectedUser(api, zoom, ada.connected.app, ada.connected.registered, bob)
        assert moved.authorize(deduplication_key="the customer's user").must_be(201).json["id"] == ada.id
        wait_until(lambda: len(meetings_of(api, ada.id)) == 2)
        zoom.release_fault(fault["id"])
        wait_until(lambda: any("not that Zoom user's any more" in piece.get("error", "")
                               for piece in time_travel.pieces(stack, "meeting_sync", ada.id)))
    assert set(meetings_of(api, ada.id)) == {str(meeting["id"]) for meeting in of_bob}
    assert days_ahead(schedule_of(stack, ada.id)["next_sync_at"]) > 6


# When it is done again


def test_the_next_sync_is_a_week_ahead(joiner, schedule):
    assert 6 <= days_ahead(schedule()["next_sync_at"]) <= 7
    assert schedule()["sync_attempts"] == 0


def test_a_sync_that_fails_is_tried_again_later_each_time_and_costs_no_user(zoom, joiner, sync, schedule):
    synced_at = joiner.read()["last_successful_sync_at"]
    with zoom.fault(path=MEETINGS, status=500, times=None, **joiner.who):
        for attempts, (low_s, high_s) in enumerate([(30, 60), (60, 120), (120, 240)], 1):
            sync()
            row = schedule()
            wait_s = days_ahead(row["next_sync_at"]) * 86400
            assert row["sync_attempts"] == attempts
            assert low_s - 5 <= wait_s <= high_s
    connection = joiner.read()
    assert connection["state"] == "connected"
    assert connection["last_attempted_sync_at"] > connection["last_successful_sync_at"] == synced_at
    sync()
    assert joiner.read()["last_successful_sync_at"] > synced_at
    assert schedule()["sync_attempts"] == 0 and days_ahead(schedule()["next_sync_at"]) > 6


def test_a_rate_limit_is_waited_for_as_long_as_zoom_says(zoom, joiner, sync, schedule):
    with zoom.fault(path=MEETINGS, rate_limit="daily", retry_after="iso8601",
                    retry_after_s=5 * 3600, **joiner.who):
        sync()
    assert 5 - 0.01 <= days_ahead(schedule()["next_sync_at"]) * 24 <= 5.01


def test_a_page_that_breaks_off_loses_nothing_that_is_known(api, zoom, joiner, sync):
    zoom.create_meetings(joiner.connected.user_id, 400)
    with zoom.fault(path=MEETINGS, skip=1, broken_json=True, **joiner.who):
        sync()
    assert len(meetings_of(api, joiner.id)) >= 300
    sync()
    assert len(meetings_of(api, joiner.id)) == 401


def test_a_revoked_user_is_found_by_the_sync_and_disconnected(zoom, joiner, sync, schedule):
    zoom.remove_grant(**joiner.who, event=False)
    sync()
    assert joiner.read()["state"] == "disconnected"
    assert joiner.read()["connection_failure_data"]["code"] == "invalid_grant"
    assert schedule()["next_sync_at"] is None


# Many at once


def test_many_users_sync_in_the_background_while_the_api_answers(stack, zoom, api):
    app, registered = register_app(api, zoom)
    users = zoom.create_users(10)
    for user in users:
        zoom.create_meetings(user["id"], 700)
    slowest_s = 0
    started = time.monotonic()
    with zoom.fault(path=MEETINGS, delay_ms=100, times=None, client_id=app["client_id"]):
        connected = [ConnectedUser(api, zoom, app, registered, user) for user in users]
        for each in connected:
            each.authorize().must_be(201)
        while any(each.read()["last_successful_sync_at"] is None for each in connected):
            assert time.monotonic() - started < 120
            asked = time.monotonic()
            api.get("/api/v1/zoom_oauth_connections").must_be(200)
            slowest_s = max(slowest_s, time.monotonic() - asked)
    assert 0 < slowest_s < 2
    assert stack.database.value(
        "SELECT count(*) FROM zoom_meetings WHERE app_id = (SELECT id FROM zoom_oauth_apps"
        " WHERE public_id = ?)", registered["id"]) == 7000
    assert zoom.count_requests(path=MEETINGS, client_id=app["client_id"]) == 30


def test_several_workers_do_no_work_twice(private_stack, zoom):
    stack = private_stack()
    api = stack.create_project().api
    joiners = [make_joiner(stack, zoom, api)]
    joiners += [make_joiner(stack, zoom, api, like=joiners[0].connected) for _ in range(5)]
    client_id = joiners[0].connected.client_id
    before = zoom.count_requests(path=MEETINGS, client_id=client_id)
    with zoom.fault(path="/v2/users/me*", delay_ms=100, times=None, client_id=client_id):
        for joiner in joiners:
            time_travel.of_connection(stack, "UPDATE zoom_oauth_connections SET next_sync_at = 1"
                                      " WHERE id = ?", joiner.id)
            time_travel.of_connection(stack, "UPDATE zoom_oauth_credentials SET next_refresh_at = 1"
                                      " WHERE connection_id = ?", joiner.id)
        with ExitStack() as beside:
            workers = [beside.enter_context(worker_beside(stack, "--once")) for _ in range(3)]
            time_travel.ring(stack)
            assert [worker.wait(60) for worker in workers] == [0, 0, 0]
        wait_until(lambda: all(days_ahead(schedule_of(stack, joiner.id)["next_sync_at"]) > 6
                               for joiner in joiners))
    assert zoom.count_requests(path=MEETINGS, client_id=client_id) - before == 6
    assert [joiner.refreshes() for joiner in joiners] == [1] * 6


# The program


def test_once_does_what_is_due_and_ends(private_stack, zoom):
    stack = private_stack()
    end(stack, "worker")
    connected = connect_user(stack.create_project().api, zoom)
    zoom.create_meetings(connected.user_id, 3)
    assert connected.read()["last_attempted_sync_at"] is None
    result = stack.run("hallpass-worker", "--once")
    assert (result.returncode, result.stdout) == (0, "")
    assert connected.read()["last_successful_sync_at"]
    assert len(meetings_of(connected.api, connected.id)) == 3
    asked = zoom.count_requests(client_id=connected.client_id)
    stack.run("hallpass-worker", "--once")
    assert zoom.count_requests(client_id=connected.client_id) == asked


def test_once_fails_where_the_database_cannot_be_used(stack, tmp_path):
    result = subprocess.run(
        [BUILD / "bin/hallpass-worker", "--once"], capture_output=True, text=True, timeout=60,
        env={"HALLPASS_CONFIG": str(stack.config), "HALLPASS_DATABASE": f"{tmp_path}/missing.db"})
    assert result.returncode == 1
    assert "missing.db" in result.stderr and "hallpass init" in result.stderr


def test_the_worker_ends_at_once_in_the_middle_of_a_sync_and_another_goes_on(private_stack, zoom):
    stack = private_stack()
    end(stack, "worker")
    api = stack.create_project().api
    user = zoom.create_user()
    zoom.create_meetings(user["id"], 1500)
    connected = connect_user(api, zoom, user=user)
    app = {"client_id": connected.client_id}
    with zoom.fault(path=MEETINGS, delay_ms=1500, times=None, **app), worker_beside(stack) as worker:
        zoom.wait_for_requests(1, path=MEETINGS, state="in_flight", **app)
        assert seconds_to_end(worker) < 6  # of which all pages would take 7.5
    assert zoom.count_requests(path=MEETINGS, **app) == 1
    assert connected.read()["last_successful_sync_at"] is None
    stack.run("hallpass-worker", "--once")
    assert len(meetings_of(api, connected.id)) == 1500


def test_an_idle_worker_ends_at_once(private_stack, zoom):
    stack = private_stack()
    end(stack, "worker")
    connected = connect_user(stack.create_project().api, zoom)
    with worker_beside(stack) as worker:
        wait_until(lambda: connected.read()["last_successful_sync_at"])
        assert seconds_to_end(worker) < 5


def seconds_to_end(worker):
    started = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    return time.monotonic() - started
