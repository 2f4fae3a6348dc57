"""Events from Zoom: who they are for, what proves them, and what they change."""

import hashlib
import hmac
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.waiting import wait_until

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


@pytest.fixture
def connect_host(connect_user, anonymous, database):
    """`connect_host(…)` with the arguments of connect_user. The worker has read its meetings and profile."""
    def connect(**arguments):
        host = Host(connect_user(**arguments), anonymous, database)
        wait_until(lambda: host.row()["last_successful_sync_at"], what="the first sync")
        return host

    return connect


@pytest.fixture
def host(connect_host):
    return connect_host()


def found_by(api, meeting_id):
    """The connection that a bot for this meeting would use."""
    return api.post("/api/v1/bots", json={
        "meeting_url": f"https://zoom.us/j/{meeting_id}"}).must_be(201).json["zoom_oauth_connection_id"]


# Which app an event is for


def test_a_url_validation_that_names_no_app_is_answered_for_the_one_whose_secret_proves_it(api, zoom, anonymous):
    made = [zoom.create_app() for _ in range(2)]
    registered = [api.post(APPS, json={"client_id": app["client_id"], "client_secret": app["client_secret"],
                                       "webhook_secret": app["webhook_secret"]}).must_be(201).json
                  for app in made]
    event = {"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}
    for app, ours in zip(made, registered):
        deliver(anonymous, SHARED, event, app["webhook_secret"]).must_be(200)
        assert api.get(f"{APPS}/{ours['id']}").json["last_url_validation_at"]


def test_the_clientid_header_picks_the_app_on_the_shared_address(host, anonymous):
    meeting = made_up_id()
    deliver(anonymous, SHARED, meeting_event("meeting.created", host.user, meeting), host.secret,
            clientid=host.connected.client_id).must_be(200)
    assert host.meetings() == {meeting: False}


def test_the_client_id_in_the_body_picks_the_app_on_the_shared_address(host, anonymous):
    deliver(anonymous, SHARED, deauthorization(host.connected), host.secret).must_be(200)
    assert host.connected.read()["state"] == "disconnected"


def test_where_nothing_names_the_app_the_secrets_of_those_that_could_be_meant_are_tried(
        host, connect_host, anonymous):
    meeting, other = made_up_id(), connect_host()
    deliver(anonymous, SHARED, meeting_event("meeting.created", host.user, meeting),
            host.secret).must_be(200)
    assert host.meetings() == {meeting: False}
    assert other.stored() == 0


def test_an_app_is_found_by_its_secret_before_anybody_of_the_account_has_connected(
        register_app, zoom, anonymous, host):
    """Another app has a connection in the account, so that it is the likelier one."""
    app, registered = register_app()
    deliver(anonymous, SHARED, meeting_event("meeting.created", host.user, made_up_id()),
            app["webhook_secret"]).must_be(200)
    assert host.stored() == 0
    assert host.connected.api.get(f"{APPS}/{registered['id']}").json["last_verified_webhook_at"]


def test_whatever_picked_the_app_only_its_own_secret_proves_the_event(host, connect_host, anonymous):
    other, meeting = connect_host(), made_up_id()
    event = meeting_event("meeting.created", host.user, meeting)
    for path, headers in ((SHARED, {"clientid": host.connected.client_id}), (host.path, {}),
                          (host.path, {"clientid": other.connected.client_id})):
        answer = deliver(anonymous, path, event, other.secret, **headers).must_be(401)
        assert answer.code == "invalid_signature"
    assert host.meetings() == other.meetings() == {}
    assert host.stored() == other.stored() == 0


def test_an_event_on_the_shared_address_reaches_every_project_that_has_the_zoom_app(
        host, other_api, zoom, anonymous, database):
    app = host.connected.app
    twin = other_api.post(APPS, json={"client_id": app["client_id"],
                                      "client_secret": app["client_secret"],
                                      "webhook_secret": app["webhook_secret"]}).must_be(201).json
    event = meeting_event("meeting.created", host.user, made_up_id())
    for headers in ({"clientid": app["client_id"]}, {}):
        event["event_ts"] += 1
        deliver(anonymous, SHARED, event, host.secret, **headers).must_be(200)
    count = "SELECT count(body_hash) FROM zoom_log l JOIN zoom_oauth_apps a ON a.id = l.app_id WHERE a.public_id = ?"
    assert database.value(count, twin["id"]) >= 1
    assert host.stored() == 2
    before = database.value(count, twin["id"])
    event["event_ts"] += 1
    host.must_take(event)
    assert database.value(count, twin["id"]) == before


def test_an_app_that_does_not_exist_is_404(anonymous, host):
    event = meeting_event("meeting.created", host.user, made_up_id())
    answer = deliver(anonymous, f"{SHARED}/zoapp_0123456789abcdefghij", event, host.secret)
    assert answer.must_be(404).code == "not_found"


def test_a_client_id_that_nobody_has_looks_like_a_wrong_signature(anonymous, host):
    event = meeting_event("meeting.created", host.user, made_up_id())
    unknown = deliver(anonymous, SHARED, event, host.secret, clientid="nobody").must_be(401)
    wrong = deliver(anonymous, SHARED, event, "wrong", clientid=host.connected.client_id).must_be(401)
    assert unknown.json == wrong.json
    assert host.stored() == 0


# What proves an event


def test_a_wrong_signature_is_401_and_sets_last_rejected_webhook_at_and_nothing_else(host):
    before, row = host.app(), host.row()
    answer = deliver(host.anonymous, host.path,
                     meeting_event("meeting.started", host.user, made_up_id()), "another secret")
    assert answer.must_be(401).code == "invalid_signature"
    after = host.app()
    assert after.pop("last_rejected_webhook_at") and not before.pop("last_rejected_webhook_at")
    assert after == before
    assert (host.meetings(), host.stored(), host.counts(), host.row()) == ({}, 0, {}, row)


def test_on_the_shared_address_a_wrong_signature_is_noted_only_for_an_app_that_was_named(host):
    event = meeting_event("meeting.started", host.user, made_up_id())
    deliver(host.anonymous, SHARED, event, "wrong").must_be(401)
    assert host.app()["last_rejected_webhook_at"] is None
    deliver(host.anonymous, SHARED, event, "wrong", clientid=host.connected.client_id).must_be(401)
    assert host.app()["last_rejected_webhook_at"]


@pytest.mark.parametrize("offset_s", [-700, 700])
def test_a_timestamp_beyond_the_tolerance_is_401_though_it_is_rightly_signed(host, offset_s):
    answer = host.send(meeting_event("meeting.started", host.user, made_up_id()), offset_s=offset_s)
    assert answer.must_be(401).code == "stale_timestamp"
    assert host.app()["last_rejected_webhook_at"]
    assert (host.meetings(), host.stored()) == ({}, 0)


@pytest.mark.parametrize("offset_s", [-590, 590])
def test_a_timestamp_within_the_tolerance_is_taken_either_way(host, offset_s):
    host.must_take(meeting_event("meeting.started", host.user, made_up_id()), offset_s=offset_s)
    assert host.stored() == 1


@pytest.mark.parametrize("headers, code", [
    ({"x-zm-signature": None}, "invalid_signature"),
    ({"x-zm-signature": None, "x-zm-request-timestamp": None}, "invalid_signature"),
    ({"x-zm-signature": ""}, "invalid_signature"),
    ({"x-zm-signature": "v0="}, "invalid_signature"),
    ({"x-zm-signature": "v0=" + "0" * 64}, "invalid_signature"),
    ({"x-zm-request-timestamp": None}, "stale_timestamp"),
    ({"x-zm-request-timestamp": "now"}, "stale_timestamp"),
    ({"x-zm-request-timestamp": "-1"}, "stale_timestamp"),
    ({"x-zm-request-timestamp": "9" * 40}, "stale_timestamp"),
])
def test_missing_and_broken_headers_are_401(host, headers, code):
    for path in (host.path, SHARED):
        answer = deliver(host.anonymous, path,
                         meeting_event("meeting.started", host.user, made_up_id()), host.secret,
                         **headers)
        assert answer.must_be(401).code == code
    assert host.stored() == 0


def test_the_signature_is_over_the_raw_bytes(host):
    event = meeting_event("meeting.started", host.user, made_up_id(), topic="naïve — ünicode")
    oddly_written = json.dumps(event, indent=3, ensure_ascii=False).encode() + b"\n\n"
    host.must_take(oddly_written)
    altered = oddly_written.replace(b"\n\n", b"\n")
    answer = host.anonymous.post(host.path, raw=altered, headers=signed(host.secret, oddly_written))
    assert answer.must_be(401).code == "invalid_signature"


def test_a_verified_event_sets_last_verified_webhook_at(host):
    assert host.app()["last_verified_webhook_at"] is None
    host.sends("meeting.started", made_up_id())
    app = host.app()
    assert app["last_verified_webhook_at"] and app["last_rejected_webhook_at"] is None


def test_an_event_needs_no_content_type_of_json(host):
    body = json.dumps(meeting_event("meeting.started", host.user, made_up_id())).encode()
    for content_type in ("text/plain", "application/json; charset=utf-8"):
        host.anonymous.post(host.path, raw=body, headers=signed(host.secret, body) | {
            "Content-Type": content_type}).must_be(200)


# endpoint.url_validation


def test_url_validation_is_answered_and_noted(host, zoom):
    result = zoom.validate_url(host.connected.client_id)
    assert result["valid"], result["problem"]
    app = host.app()
    assert app["last_url_validation_at"] and app["last_verified_webhook_at"]


def test_the_same_url_validation_is_answered_again(host):
    event = {"event": "endpoint.url_validation", "event_ts": milliseconds(),
             "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}
    expected = hmac.new(host.secret.encode(), b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hexdigest()
    for path in (host.path, host.path, SHARED):
        assert deliver(host.anonymous, path, event, host.secret).must_be(200).json == {
            "plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": expected}


def test_a_url_validation_that_is_not_proved_gets_no_token(host):
    event = {"event": "endpoint.url_validation", "event_ts": milliseconds(),
             "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}
    for path in (host.path, SHARED):
        answer = deliver(host.anonymous, path, event, "wrong").must_be(401)
        assert b"encryptedToken" not in answer.body
    assert host.app()["last_url_validation_at"] is None


# An app without webhook_secret


@pytest.fixture
def secretless(api, zoom):
    """(the simulator's app, ours) which was registered without webhook_secret."""
    app = zoom.create_app()
    api.secrets.add_app(app["client_id"], app["client_secret"])
    return app, api.post(APPS, json={"client_id": app["client_id"],
                                     "client_secret": app["client_secret"]}).must_be(201).json


def test_every_event_of_an_app_without_webhook_secret_is_409_and_says_how_to_set_it(
        secretless, anonymous):
    app, registered = secretless
    validation = {"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}
    other = {"event": "meeting.ended", "payload": {"object": {"id": 1}}}
    for event in (validation, other):
        for path, headers in ((f"{SHARED}/{registered['id']}", {}),
                              (SHARED, {"clientid": app["client_id"]})):
            answer = deliver(anonymous, path, event, app["webhook_secret"], **headers).must_be(409)
            assert answer.code == "webhook_secret_missing"
            assert "PATCH /api/v1/zoom_oauth_apps/" in answer.json["error"]
            assert "webhook_secret" in answer.json["error"]
            anonymous.post(path, json=event, headers=headers).must_be(409)


def test_the_events_come_through_once_the_secret_is_set_as_the_refusal_says(
        secretless, api, anonymous):
    app, registered = secretless
    api.patch(f"{APPS}/{registered['id']}", json={"webhook_secret": app["webhook_secret"]}).must_be(200)
    validation = {"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}
    deliver(anonymous, f"{SHARED}/{registered['id']}", validation, app["webhook_secret"]).must_be(200)


def test_an_app_without_secret_does_not_stand_in_the_way_of_one_with_it(
        host, secretless, other_api, anonymous):
    """The same Zoom app, in another project without its secret."""
    app = host.connected.app
    twin = other_api.post(APPS, json={"client_id": app["client_id"],
                                      "client_secret": app["client_secret"]}).must_be(201).json
    event = meeting_event("meeting.created", host.user, made_up_id())
    deliver(anonymous, SHARED, event, host.secret, clientid=app["client_id"]).must_be(200)
    answer = deliver(anonymous, SHARED, event, "wrong", clientid=app["client_id"])
    assert answer.must_be(401).code == "invalid_signature"
    assert host.app()["last_rejected_webhook_at"]
    assert other_api.get(f"{APPS}/{twin['id']}").json["last_rejected_webhook_at"] is None


# Meetings


@pytest.mark.parametrize("name", ["meeting.started", "meeting.created", "meeting.updated"])
def test_a_meeting_belongs_to_the_connection_of_its_host_whoever_operates(connect_host, name):
    host = connect_host()
    assistant = connect_host(like=host.connected)
    meeting = made_up_id()
    host.sends(name, meeting, payload={"operator_id": assistant.user["id"],
                                       "operator": assistant.user["email"]})
    assert host.meetings() == {meeting: name == "meeting.started"}
    assert assistant.meetings() == {}
    assert found_by(host.connected.api, meeting) == host.connected.id


def test_ids_are_taken_as_numbers_and_as_strings(host):
    meeting = made_up_id()
    host.sends("meeting.created", meeting)
    host.sends("meeting.started", str(meeting))
    assert host.meetings() == {meeting: True}


def test_a_meeting_of_somebody_without_connection_is_not_kept(host, zoom):
    stranger = zoom.create_user()
    host.must_take(meeting_event("meeting.started", stranger, made_up_id()))
    assert host.database.rows("SELECT 1 FROM zoom_meetings m JOIN zoom_oauth_apps a ON a.id = m.app_id"
                              " WHERE a.public_id = ?", host.connected.app_id) == []
    assert host.stored() == 1


def test_a_meeting_whose_host_is_somebody_else_now_moves(connect_host, zoom):
    host, meeting = connect_host(), made_up_id()
    other = connect_host(like=host.connected)
    host.sends("meeting.created", meeting, at=-30)
    other.sends("meeting.updated", meeting, at=-20)
    assert (host.meetings(), other.meetings()) == ({}, {meeting: False})
    host.must_take(meeting_event("meeting.updated", zoom.create_user(), meeting, at=-10))
    assert (host.meetings(), other.meetings()) == ({}, {})


def test_a_meeting_is_live_from_started_to_ended(host):
    meeting = made_up_id()
    host.sends("meeting.created", meeting, at=-30)
    assert host.meetings() == {meeting: False}
    host.sends("meeting.started", meeting, at=-20)
    assert host.meetings() == {meeting: True}
    host.sends("meeting.ended", meeting, at=-10)
    assert host.meetings() == {meeting: False}


def test_an_event_may_hold_a_nul_where_nothing_of_ours_is(host):
    meeting = made_up_id()
    host.sends("meeting.started", meeting, at=-20, topic="a\0b", settings={"x": ["\0"]})
    assert host.meetings() == {meeting: True}


def test_the_end_forgets_a_one_off_instant_meeting_and_no_other(host):
    instant, personal, recurring = made_up_id(), made_up_id(), made_up_id()
    for meeting, type in ((instant, 1), (personal, 4), (recurring, 8)):
        host.sends("meeting.started", meeting, at=-20, type=type)
        host.sends("meeting.ended", meeting, at=-10, type=type)
    assert set(host.meetings()) == {personal, recurring}


def test_a_deleted_meeting_is_forgotten(host):
    meeting = made_up_id()
    host.sends("meeting.created", meeting, at=-20)
    host.sends("meeting.deleted", meeting, at=-10, payload={"operation": "all"})
    assert host.meetings() == {}
    assert found_by(host.connected.api, meeting) is None


def test_a_meeting_of_which_one_occurrence_is_deleted_stays(host):
    meeting = made_up_id()
    host.sends("meeting.created", meeting, at=-20, type=8)
    host.sends("meeting.deleted", meeting, at=-10, type=8, occurrences=[{"occurrence_id": "1"}])
    assert set(host.meetings()) == {meeting}


def test_the_simulators_own_events_tell_the_same_story(host, zoom):
    """From its consent to its end as Zoom itself writes the bodies, signs and sends them."""
    user_id = host.connected.user_id
    meeting = zoom.create_meeting(user_id, event=True, type=2)["id"]
    assert host.meetings() == {meeting: False}
    zoom.start_meeting(meeting)
    zoom.participant_joined(meeting, user_id)
    assert host.meetings() == {meeting: True} and host.is_inside(meeting)
    zoom.end_meeting(meeting)
    assert host.meetings() == {meeting: False} and not host.is_inside(meeting)
    zoom.delete_meeting(meeting)
    assert host.meetings() == {}
    deliveries = zoom.deliveries(host.connected.client_id)
    assert len(deliveries) == 5 and all(each["accepted"] for each in deliveries)


# Participants


def test_participant_events_tell_whether_a_connected_user_is_inside(connect_host):
    host, meeting = connect_host(), made_up_id()
    guest = connect_host(like=host.connected)
    host.must_take(participant_event("joined", host.user, guest.user["id"], meeting, at=-30))
    assert guest.is_inside(meeting) and not host.is_inside(meeting)
    host.must_take(participant_event("left", host.user, guest.user["id"], meeting, at=-20))
    assert not guest.is_inside(meeting)


def test_participants_without_connection_are_not_kept(host, zoom):
    meeting = made_up_id()
    for user_id in ("", zoom.create_user()["id"]):
        host.must_take(participant_event("joined", host.user, user_id, meeting))
    assert host.database.rows("SELECT 1 FROM zoom_meeting_participants WHERE meeting_id = ?",
                              meeting) == []
    assert host.stored() == 2


def test_nobody_is_inside_a_meeting_that_has_ended(host):
    meeting = made_up_id()
    host.must_take(participant_event("joined", host.user, host.user["id"], meeting, at=-30))
    host.sends("meeting.ended", meeting, at=-20)
    assert not host.is_inside(meeting)
    host.must_take(participant_event("joined", host.user, host.user["id"], meeting, at=-25))
    assert not host.is_inside(meeting)


def test_a_left_that_comes_before_its_joined_stands(host):
    meeting = made_up_id()
    host.must_take(participant_event("left", host.user, host.user["id"], meeting, at=-10))
    host.must_take(participant_event("joined", host.user, host.user["id"], meeting, at=-20))
    assert not host.is_inside(meeting)


# Users


def test_the_personal_meeting_id_moves_with_user_updated(host, zoom):
    old, new = host.user["pmi"], made_up_id()
    host.sends("meeting.started", old, type=4)
    assert found_by(host.connected.api, old) == host.connected.id
    zoom.change_pmi(host.connected.user_id, new)
    assert found_by(host.connected.api, new) == host.connected.id
    assert found_by(host.connected.api, old) is None


def test_a_personal_meeting_id_as_text_and_one_that_is_taken_away_are_understood(host):
    new = made_up_id()
    host.must_take(user_event("user.updated", host.user, pmi=str(new)))
    assert host.row()["pmi"] == new
    host.must_take(user_event("user.updated", host.user, at=1, pmi=None))
    assert host.row()["pmi"] is None


def test_the_name_of_the_personal_link_moves_with_user_updated(host):
    host.must_take(user_event("user.updated", host.user,
                              vanity_url="https://us02web.zoom.us/my/New.Name"))
    assert host.row()["personal_name"] == "new.name"
    host.must_take(user_event("user.updated", host.user, at=1, vanity_url=""))
    assert host.row()["personal_name"] is None


def test_a_user_updated_of_something_else_moves_nothing(host):
    before = host.row()
    host.must_take(user_event("user.updated", host.user, first_name="Ada"))
    assert host.row() == before


@pytest.mark.parametrize("name", ["user.deactivated", "user.deleted", "user.disassociated"])
def test_a_user_who_is_gone_is_disconnected_and_the_credentials_stay(host, name):
    host.must_take(user_event(name, host.user, at=1))
    connection = host.connected.read()
    assert connection["state"] == "disconnected"
    assert connection["connection_failure_data"]["code"] == "user_deactivated"
    assert name in connection["connection_failure_data"]["error"]
    assert connection["connection_failure_data"]["timestamp"]
    assert host.credentials()["refresh_token"] is not None


def test_app_deauthorized_disconnects_and_erases_the_credentials(host, zoom):
    zoom.remove_grant(host.connected.client_id, host.connected.user_id, event={})
    assert zoom.deliveries(host.connected.client_id, "app_deauthorized")[0]["accepted"]
    connection = host.connected.read()
    assert connection["state"] == "disconnected"
    assert connection["connection_failure_data"]["code"] == "app_deauthorized"
    credentials = host.credentials()
    assert credentials["refresh_token"] is None and credentials["access_token"] is None


def test_who_authorizes_again_after_app_deauthorized_has_the_same_connection(host, zoom):
    before = host.connected.id
    zoom.remove_grant(host.connected.client_id, host.connected.user_id, event={})
    host.connected.authorize().must_be(201)
    assert (host.connected.id, host.connected.read()["state"]) == (before, "connected")


def test_the_loss_of_a_user_whom_nobody_connected_is_nothing(host, zoom):
    stranger = zoom.create_user()
    host.must_take(user_event("user.deactivated", stranger, at=1))
    assert host.connected.read()["state"] == "connected"


def refreshes(host):
    return host.connected.grant()["refreshes"]


def test_a_false_app_deauthorized_disconnects_nobody_and_has_the_credentials_probed(host):
    before = refreshes(host)
    answer = deliver(host.anonymous, host.path, deauthorization(host.connected, at=1), "wrong")
    assert answer.must_be(401).code == "invalid_signature"
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    connection = host.connected.read()
    assert (connection["state"], connection["connection_failure_data"]) == ("connected", None)
    assert host.app()["last_rejected_webhook_at"]
    assert (host.stored(), host.counts()) == (0, {})


@pytest.mark.parametrize("path", ["own", "shared"])
def test_an_app_deauthorized_that_cannot_be_proved_but_is_true_is_found_out(host, zoom, path):
    zoom.remove_grant(host.connected.client_id, host.connected.user_id, event=False)
    deliver(host.anonymous, host.path if path == "own" else SHARED,
            deauthorization(host.connected, at=1), "wrong").must_be(401)
    wait_until(lambda: host.connected.read()["state"] == "disconnected", what="the probe")
    assert host.connected.read()["connection_failure_data"]["code"] == "invalid_grant"


def test_an_app_deauthorized_that_names_no_app_has_the_credentials_probed_too(host):
    before, event = refreshes(host), deauthorization(host.connected, at=1)
    del event["payload"]["client_id"]
    deliver(host.anonymous, SHARED, event, "wrong").must_be(401)
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    assert host.connected.read()["state"] == "connected"
    assert host.app()["last_rejected_webhook_at"] is None


def test_false_events_do_not_hurry_a_refresh_that_fails_at_present(host, zoom):
    false = deauthorization(host.connected, at=1)
    with zoom.fault(client_id=host.connected.client_id, path="/oauth/token", status=503, times=None):
        deliver(host.anonymous, host.path, false, "wrong").must_be(401)
        wait_until(lambda: host.credentials()["refresh_attempts"] > 0
                   and host.credentials()["next_refresh_at"] < time.time() * 1e6 + 3600e6,
                   what="the failed probe")
        time.sleep(0.5)
        before = host.credentials()["next_refresh_at"], host.credentials()["refresh_attempts"]
        deliver(host.anonymous, host.path, false, "wrong").must_be(401)
        assert (host.credentials()["next_refresh_at"], host.credentials()["refresh_attempts"]) == before


def test_false_events_have_no_refresh_made_for_a_disconnected_user(host):
    host.must_take(user_event("user.deactivated", host.user, at=1))
    deliver(host.anonymous, host.path, deauthorization(host.connected, at=2), "wrong").must_be(401)
    assert host.credentials()["next_refresh_at"] is None


def test_false_events_cause_no_more_than_one_probe_a_minute(host):
    before = refreshes(host)
    deliver(host.anonymous, host.path, deauthorization(host.connected, at=1), "wrong").must_be(401)
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    wait_until(lambda: host.connected.read()["last_token_refresh_at"] !=
               host.connected.connection["last_token_refresh_at"], what="its end")
    for _ in range(3):
        deliver(host.anonymous, host.path, deauthorization(host.connected, at=1),
                "wrong").must_be(401)
    credentials = host.credentials()
    assert credentials["next_refresh_at"] == credentials["refreshed_at"] + 60_000_000
    assert refreshes(host) == before + 1


@pytest.mark.parametrize("make", [
    lambda host: deauthorization(host.connected, at=-60),
    lambda host: user_event("user.deactivated", host.user, at=-60),
])
def test_a_loss_from_before_the_latest_authorization_is_not_believed_but_probed(host, make):
    before = refreshes(host)
    host.must_take(make(host))
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    assert host.connected.read()["state"] == "connected"


def test_an_app_deauthorized_that_names_another_client_is_not_believed_but_probed(host):
    before, event = refreshes(host), deauthorization(host.connected, at=1)
    event["payload"]["client_id"] = "another"
    host.must_take(event)
    wait_until(lambda: refreshes(host) == before + 1, what="the probe")
    assert host.connected.read()["state"] == "connected"


# Repeated, late and other events


def test_a_repeated_delivery_is_200_and_changes_nothing(host, zoom):
    meeting = made_up_id()
    started = json.dumps(meeting_event("meeting.started", host.user, meeting, at=-20)).encode()
    assert host.send(started).must_be(200).json == {"status": "ok"}
    time.sleep(1.1)  # the time of the latest event is kept to the second
    before = host.app(), host.counts(), host.stored(), host.meetings()
    again = host.send(started, offset_s=5)
    assert again.must_be(200).json == {"status": "already_handled"}
    assert (host.app(), host.counts(), host.stored(), host.meetings()) == before
    deliver(host.anonymous, SHARED, started, host.secret,
            clientid=host.connected.client_id).must_be(200)
    assert (host.app(), host.counts(), host.stored(), host.meetings()) == before


def test_a_repeated_app_deauthorized_does_not_undo_a_new_authorization(host):
    event = json.dumps(deauthorization(host.connected, at=1)).encode()
    host.must_take(event)
    host.connected.authorize().must_be(201)
    host.must_take(event)
    assert host.connected.read()["state"] == "connected"
    assert host.credentials()["refresh_token"] is not None


def test_late_events_do_not_overwrite_what_is_known_to_be_newer(connect_host):
    host, meeting = connect_host(), made_up_id()
    other = connect_host(like=host.connected)
    other.sends("meeting.updated", meeting, at=-10)
    host.sends("meeting.created", meeting, at=-20)
    assert (host.meetings(), other.meetings()) == ({}, {meeting: False})
    other.sends("meeting.deleted", meeting, at=-15)
    assert other.meetings() == {meeting: False}


def test_a_deletion_that_comes_before_the_creation_stands(host):
    meeting = made_up_id()
    host.sends("meeting.deleted", meeting, at=-10)
    host.sends("meeting.created", meeting, at=-20)
    assert host.meetings() == {}


@pytest.mark.parametrize("type", [1, 2])
def test_an_end_that_comes_before_the_start_stands(host, type):
    meeting = made_up_id()
    host.sends("meeting.ended", meeting, at=-10, type=type)
    host.sends("meeting.started", meeting, at=-20, type=type)
    assert host.meetings() == ({} if type == 1 else {meeting: False})


def test_an_end_that_comes_late_does_not_end_the_next_session(host):
    meeting = made_up_id()
    host.sends("meeting.started", meeting, at=-10)
    host.sends("meeting.ended", meeting, at=-20)
    assert host.meetings() == {meeting: True}


def test_a_late_user_updated_does_not_bring_the_old_personal_meeting_id_back(host):
    old, new = made_up_id(), made_up_id()
    host.must_take(user_event("user.updated", host.user, at=20, pmi=new))
    host.must_take(user_event("user.updated", host.user, at=10, pmi=old))
    assert host.row()["pmi"] == new


def test_an_event_without_time_is_of_now(host):
    meeting = made_up_id()
    event = meeting_event("meeting.created", host.user, meeting)
    del event["event_ts"]
    host.must_take(event)
    host.sends("meeting.deleted", meeting, at=-5)
    assert host.meetings() == {meeting: False}
    host.sends("meeting.deleted", meeting, at=5)
    assert host.meetings() == {}


def test_a_time_far_in_the_future_counts_as_the_end_of_the_tolerance(host):
    meeting, now = made_up_id(), milliseconds()
    host.sends("meeting.created", meeting, at=10 * 365 * 86400)
    known_at = host.database.value("SELECT known_at FROM zoom_meetings WHERE meeting_id = ?", meeting)
    assert 600_000 - 1000 <= known_at // 1000 - now <= 600_000 + 10_000


def test_other_events_are_200_and_counted(host):
    events = [{"event": "recording.completed", "payload": {"n": n}} for n in range(3)]
    events += [{"event": "chat_message.sent"}, {"event": "Übel", "payload": 7}]
    for event in events:
        host.must_take(event)
    host.must_take(events[0])
    assert host.counts() == {"recording.completed": 3, "chat_message.sent": 1, "other": 1}
    assert host.stored() == 5


def test_known_events_are_counted_too_and_refused_ones_are_not(host):
    host.sends("meeting.started", made_up_id())
    deliver(host.anonymous, host.path, meeting_event("meeting.started", host.user, 1), "wrong")
    assert host.counts() == {"meeting.started": 1}


def test_an_app_has_no_more_than_a_hundred_names_of_events(host):
    for number in range(105):
        host.must_take({"event": f"made.up_{number}"})
    counts = host.counts()
    assert len(counts) == 101 and counts["other"] == 5


# What cannot be stored or read


@pytest.mark.parametrize("body", [
    b"", b"{", b"null", b"[]", b"7", b'"text"', b"{}", b'{"event": 7}', b'{"event": ""}', b'{"event": null}',
    b'{"event": "meeting.started"}', b'{"event": "meeting.started", "payload": []}',
    b'{"event": "meeting.started", "payload": {"object": {"id": "x", "host_id": "h"}}}',
    b'{"event": "meeting.started", "payload": {"object": {"id": 1.5, "host_id": "h"}}}',
    b'{"event": "meeting.started", "payload": {"object": {"id": -1, "host_id": "h"}}}',
    b'{"event": "meeting.created", "payload": {"object": {"id": 123456789}}}',
    b'{"event": "meeting.ended", "event_ts": "soon", "payload": {"object": {"id": 123456789}}}',
    b'{"event": "user.updated", "payload": {"object": {"pmi": 123456789}}}',
    b'{"event": "app_deauthorized", "payload": {}}',
    b'{"event": "endpoint.url_validation", "payload": {}}',
    b'{"event": "meeting.created", "payload": {"object": {"id": 123456789, "host_id": "a\\u0000"}}}',
    b'{"event": "x", "event": "x"}', b'{"event": "\xff"}', b'{"event": "a\\u0000b"}',
    b'{"event": "x", "payload": ' + b"[" * 100 + b"]" * 100 + b"}",
])
def test_what_is_rightly_signed_but_no_event_is_400_and_not_stored(host, body):
    before = host.app()
    for path in (host.path, SHARED):
        answer = deliver(host.anonymous, path, body, host.secret,
                         clientid=host.connected.client_id).must_be(400)
        assert answer.code in ("invalid_json", "invalid_request")
    assert (host.stored(), host.counts(), host.meetings(), host.app()) == (0, {}, {}, before)


@pytest.mark.parametrize("body", [b"", b"{", b'{"event": "meeting.started"}'])
def test_a_forged_body_is_401_and_noted_even_where_it_is_no_event(host, body):
    answer = deliver(host.anonymous, host.path, body, "not the secret").must_be(401)
    assert answer.code == "invalid_signature"
    assert host.app()["last_rejected_webhook_at"] is not None


def test_a_body_over_1_mib_is_413_and_one_below_is_taken(host):
    event = meeting_event("meeting.started", host.user, made_up_id(), topic="x" * 1_000_000)
    host.must_take(event)
    event["payload"]["object"]["topic"] = "x" * (1 << 20)
    host.send(event).must_be(413)
    assert host.stored() == 1


def test_other_methods_are_405_and_say_what_is_served(host):
    for path in (SHARED, host.path):
        for method in ("GET", "PUT", "DELETE"):
            answer = host.anonymous.call(method, path).must_be(405)
            assert answer.code == "method_not_allowed" and answer.headers["allow"] == "POST"


def test_what_cannot_be_stored_is_503_within_3_seconds_and_stored_when_it_comes_again(host):
    meeting = made_up_id()
    event = json.dumps(meeting_event("meeting.started", host.user, meeting)).encode()
    with host.database.held():
        started = time.monotonic()
        answer = host.send(event).must_be(503)
        assert time.monotonic() - started < 3
    assert answer.code == "database_busy" and int(answer.headers["retry-after"]) > 0
    assert host.meetings() == {}
    assert host.send(event).must_be(200).json == {"status": "ok"}
    assert host.meetings() == {meeting: True}


def test_however_many_wait_each_is_answered_within_3_seconds(host):
    def send_timed(number):
        event = meeting_event("meeting.started", host.user, made_up_id())
        time.sleep(number / 4)
        started = time.monotonic()
        return host.send(event).status, time.monotonic() - started

    with host.database.held(), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send_timed, range(8)))
    assert {status for status, _ in answers} == {503}
    assert max(duration_s for _, duration_s in answers) < 3


def test_zoom_tries_what_could_not_be_stored_again(host, zoom):
    meeting = zoom.create_meeting(host.connected.user_id)["id"]
    with host.database.held():
        delivery = zoom.start_meeting(meeting, event={"retry_delays_s": [0.1, 0.1, 0.1]})["deliveries"][0]
        assert delivery["attempts"][0]["status"] == 503
    settled = zoom.wait_for_deliveries(1, host.connected.client_id, "meeting.started")[0]
    assert settled["accepted"]
    assert host.meetings() == {meeting: True}


def test_an_app_whose_secret_no_key_opens_is_500_so_that_zoom_comes_again(host, connect_host):
    """On the shared address it does not stand in the way of the others."""
    other = connect_host()
    host.database.write("UPDATE zoom_oauth_apps SET webhook_secret = zeroblob(100) WHERE public_id = ?",
                        host.connected.app_id)
    event = meeting_event("meeting.started", host.user, made_up_id())
    try:
        for path, headers in ((host.path, {}), (SHARED, {"clientid": host.connected.client_id})):
            answer = deliver(host.anonymous, path, event, host.secret, **headers).must_be(500)
            assert answer.code == "credentials_unreadable"
            assert host.connected.app_id not in answer.json["error"]
        deliver(host.anonymous, SHARED, event, other.secret).must_be(200)
        assert other.stored() == 1
    finally:
        host.connected.api.patch(f"{APPS}/{host.connected.app_id}",
                                 json={"webhook_secret": host.secret}).must_be(200)
    host.must_take(event)


# As plain CGI


def test_events_come_through_as_plain_cgi_too(host, cgi):
    meeting = made_up_id()
    body = json.dumps(meeting_event("meeting.started", host.user, meeting)).encode()
    for path in (host.path, SHARED):
        answer = cgi("zoom_webhooks", "POST", path, body, headers={
            "x-zm-signature": "v0=" + "0" * 64,
            "x-zm-request-timestamp": str(int(time.time()))})
        assert answer.must_be(401).code == "invalid_signature"
        cgi("zoom_webhooks", "POST", path, body, headers=signed(host.secret, body)).must_be(200)
    assert host.meetings() == {meeting: True}
