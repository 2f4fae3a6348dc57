"""The worker keeps refresh tokens alive that nobody uses, finds revoked users, and drops what is old."""

import pytest

from support import time_travel
from support.joiner import make_joiner
from support.time_travel import DAY
from support.waiting import wait_until
from support.zoom_user import register_app

HOUR = DAY // 24


@pytest.fixture
def joiner(stack, zoom, api):
    return make_joiner(stack, zoom, api)


@pytest.fixture
def schedule(stack, joiner):
    return lambda: stack.database.row(
        "SELECT next_refresh_at, refresh_attempts FROM zoom_oauth_credentials WHERE connection_id ="
        " (SELECT id FROM zoom_oauth_connections WHERE public_id = ?)", joiner.id)


@pytest.fixture
def upkeep(stack, joiner):
    return lambda: time_travel.run_upkeep(stack, joiner.id)


@pytest.fixture
def seconds_ahead(schedule):
    """How far the next refresh is ahead."""
    return lambda: (schedule()["next_refresh_at"] - time_travel.now()) / 1_000_000


# Upkeep


def test_tokens_are_renewed_before_thirty_days_are_over(joiner, upkeep, seconds_ahead):
    assert 29 * 86400 - 60 <= seconds_ahead() <= 30 * 86400
    refreshed_at = joiner.read()["last_token_refresh_at"]
    assert joiner.refreshes() == 0
    assert "code" not in upkeep()
    assert joiner.refreshes(status=200) == joiner.refreshes() == 1
    assert joiner.read()["last_token_refresh_at"] > refreshed_at
    assert 29 * 86400 - 60 <= seconds_ahead() <= 30 * 86400
    assert joiner.joins()


def test_nobody_else_is_renewed_with_the_one_who_is_due(stack, zoom, api, joiner, upkeep):
    young = make_joiner(stack, zoom, api, like=joiner.connected)
    upkeep()
    assert (joiner.refreshes(), young.refreshes()) == (1, 0)


def test_each_use_of_the_refresh_token_puts_the_upkeep_off(stack, joiner, seconds_ahead):
    in_an_hour = time_travel.now() + 3_600_000_000
    time_travel.of_connection(stack, "UPDATE zoom_oauth_credentials SET next_refresh_at = ? WHERE connection_id = ?",
                              joiner.id, in_an_hour)
    joiner.refresh().must_be(200)
    assert 29 * 86400 - 60 <= seconds_ahead() <= 30 * 86400


def test_a_revoked_user_is_found_and_disconnected(zoom, joiner, upkeep, schedule):
    zoom.remove_grant(**joiner.who, event=False)
    upkeep()
    connection = joiner.read()
    assert connection["state"] == "disconnected"
    assert connection["connection_failure_data"]["code"] == "invalid_grant"
    assert schedule()["next_refresh_at"] is None


def test_what_passes_is_tried_again_later_each_time(joiner, upkeep, schedule, seconds_ahead):
    with joiner.spoil_refresh(status=502, html=True, times=None):
        for attempts in 1, 2, 3:
            assert upkeep()["code"] == "zoom_unavailable"
            assert schedule()["refresh_attempts"] == attempts
            longest_s = 30 * 2 ** attempts
            assert longest_s / 2 - 5 < seconds_ahead() <= longest_s
    assert joiner.read()["state"] == "connected"
    assert "code" not in upkeep()
    assert schedule()["refresh_attempts"] == 0 and seconds_ahead() > 28 * 86400


def test_credentials_that_do_not_open_are_tried_again_later_each_time(
        stack, joiner, upkeep, schedule, seconds_ahead):
    time_travel.of_connection(stack, "UPDATE zoom_oauth_credentials SET refresh_token = x'01'"
                              " WHERE connection_id = ?", joiner.id)
    for attempts in 1, 2, 3:
        assert upkeep()["code"] == "credentials_unreadable"
        assert schedule()["refresh_attempts"] == attempts
    assert 115 < seconds_ahead() <= 240
    assert joiner.refreshes() == 0 and joiner.read()["state"] == "connected"


@pytest.mark.parametrize("form", ["seconds", "http_date", "iso8601"])
def test_a_rate_limit_is_waited_for_as_long_as_zoom_says(joiner, upkeep, seconds_ahead, form):
    with joiner.spoil_refresh(rate_limit="daily", retry_after=form, retry_after_s=5 * 3600):
        upkeep()
    assert 5 * 3600 - 60 <= seconds_ahead() <= 5 * 3600 + 60
    assert joiner.read()["state"] == "connected"


def test_a_new_client_secret_lets_what_had_failed_be_tried_at_once(zoom, api, joiner, upkeep):
    zoom.change_app(joiner.connected.client_id, client_secret="a-secret-for-the-upkeep")
    assert "code" in upkeep()
    app = f"/api/v1/zoom_oauth_apps/{joiner.connected.app_id}"
    assert api.get(app).json["state"] == "credentials_invalid"
    assert joiner.read()["state"] == "connected"
    api.patch(app, json={"client_secret": "a-secret-for-the-upkeep"}).must_be(200)
    wait_until(lambda: joiner.refreshes(status=200) == 1, what="the worker trying again")
    wait_until(lambda: api.get(app).json["state"] == "active")


# Clean-up


@pytest.fixture
def clean_up(stack):
    def run():
        count = len(time_travel.pieces(stack, "clean_up"))
        time_travel.make_clean_up_due(stack)
        wait_until(lambda: len(time_travel.pieces(stack, "clean_up")) > count, what="the clean-up")
    return run


@pytest.fixture
def app_id(stack, api, zoom):
    """Of an app of the test's own, inside the database."""
    return stack.database.value("SELECT id FROM zoom_oauth_apps WHERE public_id = ?",
                                register_app(api, zoom)[1]["id"])


def test_what_is_old_is_dropped_and_what_is_young_is_kept(stack, app_id, joiner, clean_up):
    connection_id = stack.database.value(
        "SELECT id FROM zoom_oauth_connections WHERE public_id = ?", joiner.id)
    now = time_travel.now()

    def add(sql, age, *values):
        assert time_travel.write(stack, sql, app_id, now - age, *values) == 1

    entry = "INSERT INTO zoom_log (app_id, at, name, type) VALUES (?1, ?2, ?3, 1)"
    add(entry, 90 * DAY - HOUR, "young")

    code = ("INSERT INTO zoom_authorizations (app_id, created_at, code_sha256, public_id, request,"
            " next_attempt_at) VALUES (?1, ?2, ?3, hex(?3) || ?1, '{}', ?4)")
    add(code, HOUR - HOUR // 6, b"young", None)
    add(code, HOUR + HOUR // 6, b"old", None)
    add(code, HOUR + HOUR // 6, b"to be finished", now + DAY)

    meeting = ("INSERT INTO zoom_meetings (app_id, known_at, meeting_id, connection_id, live_at)"
               " VALUES (?1, ?2, ?3, ?4, ?5)")
    add(meeting, 60 * DAY - HOUR, 1, connection_id, 0)
    add(meeting, 60 * DAY + HOUR, 2, connection_id, 0)
    add(meeting, 60 * DAY + HOUR, 3, connection_id, now - DAY)  # it took place since
    add(meeting, 7 * DAY - HOUR, 4, None, 0)
    add(meeting, 7 * DAY + HOUR, 5, None, 0)

    participant = ("INSERT INTO zoom_meeting_participants (app_id, changed_at, meeting_id,"
                   " connection_id, session, is_present) VALUES (?1, ?2, ?3, ?4, ?5, 1)")
    add(participant, 30 * DAY - HOUR, 1, connection_id, "young")
    add(participant, 30 * DAY + HOUR, 1, connection_id, "old")
    add(participant, 30 * DAY + HOUR, 2, connection_id, "old")

    def left(column, table):
        return [row["it"] for row in stack.database.rows(
            f"SELECT {column} AS it FROM {table} WHERE app_id = ? ORDER BY it", app_id)]

    clean_up()
    assert left("name", "zoom_log") == ["young"]
    assert left("code_sha256", "zoom_authorizations") == [b"to be finished", b"young"]
    assert left("meeting_id", "zoom_meetings") == [1, 3, 4]
    assert left("session", "zoom_meeting_participants") == ["young"]


def test_one_clean_up_drops_all_that_is_old_however_much(stack, app_id, clean_up):
    """What is oldest comes first in the log: here as if it had been written before all else."""
    time_travel.write(
        stack, "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)"
        " INSERT INTO zoom_log (id, app_id, at, type) SELECT -n, ?1, ?2, 1 FROM numbers", app_id,
        time_travel.now() - 90 * DAY - HOUR)
    time_travel.write(
        stack, "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 25000)"
        " INSERT INTO zoom_meetings (app_id, meeting_id, known_at) SELECT ?1, 1000 + n, ?2 + n % 2 * ?3"
        " FROM numbers", app_id, time_travel.now() - 7 * DAY - HOUR, DAY)
    clean_up()
    assert stack.database.value("SELECT count(*) FROM zoom_log WHERE id < 0") == 0
    assert stack.database.rows("SELECT count(*) AS left, min(meeting_id % 2) AS young FROM zoom_meetings"
                               " WHERE app_id = ?", app_id) == [{"left": 12500, "young": 1}]


def test_the_next_clean_up_is_an_hour_ahead(stack, clean_up):
    clean_up()
    next_at = stack.database.value("SELECT next_at FROM periodic_jobs WHERE name = 'clean_up'")
    assert HOUR - HOUR // 60 <= next_at - time_travel.now() <= HOUR


def test_a_bot_goes_ninety_days_after_the_last_that_happened_to_it(stack, api, database, clean_up):
    def make(updated_ago, made_ago=200 * DAY, **columns):
        bot = api.post("/api/v1/bots", json={
            "meeting_url": "https://zoom.us/j/85512345678", "webhooks": [{
                "url": "https://customer.example/bot", "triggers": ["bot.state_change"]}]}).must_be(201).json
        columns |= {"updated_at": time_travel.now() - updated_ago, "created_at": time_travel.now() - made_ago}
        assert time_travel.write(stack, f"UPDATE bots SET {', '.join(f'{name} = ?' for name in columns)}"
                                 " WHERE public_id = ?", *columns.values(), bot["id"]) == 1
        return bot["id"]

    ahead = time_travel.now() + HOUR
    old = [make(91 * DAY, state="ended"), make(91 * DAY, state="fatal_error"),
           make(91 * DAY), make(91 * DAY, join_at=time_travel.now() - 91 * DAY)]
    kept = [make(89 * DAY, state="ended"), make(91 * DAY, state="scheduled", join_at=ahead),
            make(91 * DAY, state="joined_recording", lease_expires_at=ahead)]
    clean_up()
    assert {bot["id"] for bot in api.get("/api/v1/bots").must_be(200).json["results"]} == set(kept)
    for bot in old:
        api.get(f"/api/v1/bots/{bot}").must_be(404)
    for table in "bot_events", "webhooks":
        assert database.value(f"SELECT count(*) FROM {table} WHERE bot_id NOT IN (SELECT id FROM bots)") == 0
