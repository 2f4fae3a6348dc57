"""The log of a connection and of an app: what happened, newest first, in Zoom's own words."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import time_travel
from support.joiner import make_joiner
from support.zoom_event import deauthorization, deliver, meeting_event, user_event

APPS, CONNECTIONS = "/api/v1/zoom_oauth_apps", "/api/v1/zoom_oauth_connections"
NOTHING = {"event": None, "meeting_id": None, "code": None, "error": None, "zoom": None}


class Logs:
    """Of a connected user, whose sync is done, and of the app."""

    def __init__(self, stack, zoom, api, anonymous, joiner):
        self.stack, self.zoom, self.api, self.anonymous, self.joiner = stack, zoom, api, anonymous, joiner
        self.connected = joiner.connected

    def entries(self, path):
        return self.api.get(path, query={"page_size": 100}).must_be(200).json["results"]

    def of_connection(self):
        return self.entries(f"{CONNECTIONS}/{self.joiner.id}/log")

    def of_app(self):
        return self.entries(f"{APPS}/{self.connected.app_id}/log")

    def deliver(self, event, secret=None):
        return deliver(self.anonymous, f"/api/v1/zoom_oauth/webhooks/{self.connected.app_id}", event,
                       secret or self.connected.app["webhook_secret"])


@pytest.fixture
def logs(stack, zoom, api, anonymous):
    """Without what authorizing and the simulator's own events brought."""
    logs = Logs(stack, zoom, api, anonymous, make_joiner(stack, zoom, api))
    zoom.deliveries(logs.connected.client_id, wait_settled=True, timeout_s=30)
    time_travel.write(stack, "DELETE FROM zoom_log WHERE app_id ="
                      " (SELECT id FROM zoom_oauth_apps WHERE public_id = ?)", logs.connected.app_id)
    return logs


def types(entries):
    return [entry["type"] for entry in entries]


def test_an_authorization_is_the_beginning_of_both_logs(stack, zoom, api, anonymous):
    logs = Logs(stack, zoom, api, anonymous, make_joiner(stack, zoom, api))
    for entries in logs.of_connection(), logs.of_app():
        first = [entry for entry in entries if entry["type"] != "event_accepted"][-1]
        assert first == NOTHING | {"type": "authorized", "created_at": first["created_at"],
                                   "zoom_oauth_connection_id": logs.joiner.id}


def test_a_refresh_is_logged(logs):
    logs.joiner.refresh().must_be(200)
    assert types(logs.of_connection()) == types(logs.of_app()) == ["refreshed"]


def test_a_refusal_is_there_in_zooms_words_and_what_it_led_to(logs):
    logs.zoom.remove_grant(**logs.joiner.who, event=False)
    logs.joiner.refresh()
    disconnected, refused = logs.of_connection()
    assert refused["type"] == "refresh_refused" and refused["code"] == "invalid_grant"
    assert refused["zoom"]["status"] == 400 or refused["zoom"]["status"] == 401
    assert refused["zoom"]["reason"] == refused["error"] and refused["error"]
    assert refused["zoom"]["tracking_id"]
    assert disconnected["type"] == "disconnected" and disconnected["code"] == "invalid_grant"
    assert refused["error"] in disconnected["error"]
    logs.connected.authorize().must_be(201)
    assert types(logs.of_connection())[-4:] == ["authorized", "reconnected", "disconnected", "refresh_refused"]


def test_what_passes_is_a_failure_and_no_refusal(logs):
    with logs.joiner.spoil_refresh(status=502, html=True):
        logs.joiner.refresh()
    failed, = logs.of_connection()
    assert failed["type"] == "refresh_failed" and failed["zoom"]["status"] == 502


def test_a_refused_app_and_its_new_secret_are_in_the_log_of_the_app(logs):
    logs.zoom.change_app(logs.connected.client_id, client_secret="another-secret-for-the-log")
    logs.joiner.refresh()
    assert types(logs.of_app()) == ["credentials_invalid", "refresh_refused"]
    assert types(logs.of_connection()) == ["refresh_refused"]
    logs.api.patch(f"{APPS}/{logs.connected.app_id}",
                   json={"client_secret": "another-secret-for-the-log"}).must_be(200)
    assert "credentials_accepted" in types(logs.of_app())


def test_an_event_is_logged_once_with_its_meeting(logs):
    event = meeting_event("meeting.started", logs.connected.user, 81234567890)
    for _ in range(2):
        logs.deliver(event).must_be(200)
    entry, = logs.of_connection()
    assert entry == NOTHING | {
        "type": "event_accepted", "event": "meeting.started", "meeting_id": "81234567890",
        "zoom_oauth_connection_id": logs.joiner.id, "created_at": entry["created_at"]}
    assert logs.of_app() == [entry]


def test_an_event_of_nobody_who_is_connected_is_in_the_log_of_the_app_alone(logs):
    logs.deliver(user_event("user.updated", {"id": "stranger", "account_id": "elsewhere"})).must_be(200)
    entry, = logs.of_app()
    assert (entry["event"], entry["zoom_oauth_connection_id"]) == ("user.updated", None)
    assert logs.of_connection() == []


def test_a_user_who_removes_the_app_is_an_event_and_a_disconnection(logs):
    logs.deliver(deauthorization(logs.connected)).must_be(200)
    disconnected, event = logs.of_connection()
    assert (event["type"], event["event"]) == ("event_accepted", "app_deauthorized")
    assert (disconnected["type"], disconnected["code"]) == ("disconnected", "app_deauthorized")


def test_rejected_events_are_one_entry_a_minute_however_many_there_are(logs):
    """Those that come at once are not stored in the order in which they came."""
    before = int(time.time()) // 60
    with ThreadPoolExecutor(32) as pool:
        answers = [pool.submit(logs.deliver, meeting_event("meeting.started", logs.connected.user, number), "wrong")
                   for number in range(200)]
        assert {answer.result().status for answer in answers} == {401}
    minutes = int(time.time()) // 60 - before + 1
    entries = logs.of_app()
    assert 1 <= len(entries) <= minutes
    assert entries[0] == NOTHING | {
        "type": "event_rejected", "code": "invalid_signature", "zoom_oauth_connection_id": None,
        "created_at": entries[0]["created_at"]}
    assert logs.of_connection() == []


def test_zooms_validation_of_the_address_is_logged(logs):
    event = {"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": "plain"}}
    logs.deliver(event).must_be(200)
    assert types(logs.of_app()) == ["url_validated"]


def test_of_syncs_the_failures_and_the_recovery_are_logged(logs):
    time_travel.run_sync(logs.stack, logs.joiner.id)
    assert logs.of_connection() == []
    with logs.zoom.fault(path="/v2/users/me/meetings", status=500, times=None, **logs.joiner.who):
        time_travel.run_sync(logs.stack, logs.joiner.id)
    failed, = logs.of_connection()
    assert failed["type"] == "sync_failed" and failed["zoom"]["status"] == 500
    time_travel.run_sync(logs.stack, logs.joiner.id)
    assert types(logs.of_connection()) == ["sync_recovered", "sync_failed"]


def test_both_logs_are_lists_as_all_others(logs, cgi):
    for meeting_id in range(5):
        logs.deliver(meeting_event("meeting.created", logs.connected.user, 1 + meeting_id)).must_be(200)
    for path in f"{CONNECTIONS}/{logs.joiner.id}/log", f"{APPS}/{logs.connected.app_id}/log":
        seen, url = [], f"{path}?page_size=2"
        while url:
            page = logs.api.get(url).must_be(200).json
            seen += [int(entry["meeting_id"]) for entry in page["results"]]
            url = page["next"]
        assert seen == [5, 4, 3, 2, 1]
        back = logs.api.get(page["previous"]).must_be(200).json
        assert [entry["meeting_id"] for entry in back["results"]] == ["3", "2"]
        assert logs.api.get(path, query={"page_size": 0}).must_be(400)
        assert logs.api.get(path, query={"type": "refreshed"}).must_be(400)


def test_a_log_is_another_projects_as_little_as_what_it_is_of(logs, other_api):
    for path in f"{CONNECTIONS}/{logs.joiner.id}/log", f"{APPS}/{logs.connected.app_id}/log":
        assert other_api.get(path).must_be(404).code == "not_found"


def test_the_logs_are_served_as_plain_cgi_too(logs, project):
    logs.joiner.refresh().must_be(200)
    for path in f"{CONNECTIONS}/{logs.joiner.id}/log", f"{APPS}/{logs.connected.app_id}/log":
        entry, = project.cgi_api.get(path).must_be(200).json["results"]
        assert entry["type"] == "refreshed"


def test_what_happened_to_a_deleted_connection_stays_in_the_log_of_its_app(logs):
    logs.joiner.refresh().must_be(200)
    logs.api.delete(f"{CONNECTIONS}/{logs.joiner.id}", query={"revoke": "false"}).must_be(200)
    entry, = logs.of_app()
    assert entry["type"] == "refreshed" and entry["zoom_oauth_connection_id"] is None
