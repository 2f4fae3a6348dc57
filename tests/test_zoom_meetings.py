"""Which connection would serve a meeting, and why: what support asks first."""

import pytest


MEETINGS, BOTS = "/api/v1/zoom_meetings", "/api/v1/bots"
UNKNOWN = "85512345678"
HOST_FIELDS = ["zoom_oauth_connection_id", "zoom_oauth_app_id", "user_id", "known_by", "known_at", "is_live",
               "obstacle"]


@pytest.fixture
def ask(either_api):
    return lambda **query: either_api.get(MEETINGS, query=query).must_be(200).json


@pytest.fixture
def connect_synced(connect_user):
    """A user whose first sync is over, so that only what the test does later is told of meetings."""
    def connect(**fields):
        user = connect_user(**fields)
        user.wait_for_sync()
        return user

    return connect


def answered(meeting, flow, reason, user):
    """The hosts of an answer, once the rest of it is as expected."""
    assert list(meeting) == ["meeting_id", "join_flow", "join_flow_reason", "zoom_oauth_connection_id", "hosts"]
    assert (meeting["join_flow"], meeting["join_flow_reason"]) == (flow, reason)
    assert meeting["zoom_oauth_connection_id"] == (user and user.id)
    return meeting["hosts"]


def as_a_bot_is_told(api, meeting, link):
    bot = api.post(BOTS, json={"meeting_url": link}).must_be(201).json
    names = ["join_flow", "join_flow_reason", "zoom_oauth_connection_id"]
    return [bot[name] for name in names] == [meeting[name] for name in names]


def test_a_meeting_that_nobody_told_of_is_served_by_nobody(api, ask):
    meeting = ask(meeting_id=UNKNOWN)
    assert answered(meeting, "standard", "no_connection_for_meeting", None) == []
    assert meeting["meeting_id"] == UNKNOWN and as_a_bot_is_told(api, meeting, UNKNOWN)


@pytest.mark.parametrize("spelling", ["{0}", "{1} {2} {3}", "{1}-{2}-{3}"])
def test_the_host_serves_a_meeting_that_an_event_told_of(api, zoom, ask, connect_synced, spelling):
    host = connect_synced()
    number = zoom.create_meeting(host.user_id, event=True)["id"]
    text = str(number)
    meeting = ask(meeting_id=spelling.format(text, text[:3], text[3:7], text[7:]))
    (only,) = answered(meeting, "token", None, host)
    assert meeting["meeting_id"] == text and list(only) == HOST_FIELDS
    assert only == {"zoom_oauth_connection_id": host.id, "zoom_oauth_app_id": host.app_id, "user_id": host.user_id,
                    "known_by": "meeting", "known_at": only["known_at"], "is_live": False, "obstacle": None}
    assert as_a_bot_is_told(api, meeting, text)


def test_a_meeting_may_be_named_by_its_link(zoom, ask, connect_synced):
    host = connect_synced()
    meeting = zoom.create_meeting(host.user_id, event=True)
    assert ask(meeting_url=meeting["join_url"]) == ask(meeting_id=meeting["id"])


def test_a_live_meeting_is_told_as_one(zoom, ask, connect_synced):
    host = connect_synced()
    number = zoom.create_meeting(host.user_id, event=True)["id"]
    for change, is_live in ((zoom.start_meeting, True), (zoom.end_meeting, False)):
        change(number)
        assert [each["is_live"] for each in ask(meeting_id=number)["hosts"]] == [is_live]


def test_of_a_meeting_that_was_deleted_it_is_told_that_it_was_known(api, zoom, ask, connect_synced):
    host = connect_synced()
    number = zoom.create_meeting(host.user_id, event=True)["id"]
    zoom.delete_meeting(number)
    meeting = ask(meeting_id=number)
    (gone,) = answered(meeting, "standard", "no_connection_for_meeting", None)
    assert gone == {"zoom_oauth_connection_id": None, "zoom_oauth_app_id": host.app_id, "user_id": None,
                    "known_by": "meeting", "known_at": gone["known_at"], "is_live": False,
                    "obstacle": "meeting_forgotten"}
    assert as_a_bot_is_told(api, meeting, str(number))


def test_what_keeps_the_host_from_serving_is_told(api, zoom, ask, connect_synced):
    host = connect_synced(is_local_recording_token_supported=False, is_onbehalf_token_supported=True)
    number = zoom.create_meeting(host.user_id, event=True)["id"]

    def told(obstacle):
        meeting = ask(meeting_id=number)
        (only,) = answered(meeting, "standard", obstacle, host)
        return only["obstacle"] == obstacle and as_a_bot_is_told(api, meeting, str(number))

    assert told("local_recording_not_supported")
    zoom.remove_grant(host.client_id, host.user_id, event=True)
    assert told("connection_disconnected")


def test_of_two_connections_of_the_host_the_connected_one_comes_first(zoom, ask, connect_synced):
    first = connect_synced()
    second = connect_synced(user=first.user)
    number = zoom.create_meeting(first.user_id, event=True)["id"]
    hosts = answered(ask(meeting_id=number), "token", None, second)
    assert [each["zoom_oauth_connection_id"] for each in hosts] == [second.id, first.id]
    zoom.remove_grant(second.client_id, second.user_id, event=True)
    hosts = answered(ask(meeting_id=number), "token", None, first)
    assert [(each["zoom_oauth_connection_id"], each["obstacle"]) for each in hosts] == [
        (first.id, None), (second.id, "connection_disconnected")]


def test_a_personal_meeting_is_its_owners(api, zoom, ask, connect_synced):
    host = connect_synced(user_fields={"vanity_url": "https://us02web.zoom.us/my/may.z"})
    meeting = ask(meeting_id=host.user["pmi"])
    (only,) = answered(meeting, "token", None, host)
    assert (only["known_by"], only["is_live"], only["obstacle"]) == ("personal_meeting_id", None, None)
    assert ask(meeting_url="https://zoom.us/my/May.Z") == meeting
    assert as_a_bot_is_told(api, meeting, "https://zoom.us/my/may.z")


def test_a_personal_link_of_nobody_has_no_number(ask):
    meeting = ask(meeting_url="https://zoom.us/my/nobody.at.all")
    assert answered(meeting, "standard", "no_connection_for_meeting", None) == []
    assert meeting["meeting_id"] is None


def test_another_project_is_told_nothing_of_it(zoom, other_api, connect_synced):
    host = connect_synced()
    number = zoom.create_meeting(host.user_id, event=True)["id"]
    deleted = zoom.create_meeting(host.user_id, event=True)["id"]
    zoom.delete_meeting(deleted)
    for meeting_id in (number, deleted, host.user["pmi"]):
        meeting = other_api.get(MEETINGS, query={"meeting_id": meeting_id}).must_be(200).json
        assert answered(meeting, "standard", "no_connection_for_meeting", None) == []


@pytest.mark.parametrize("query, code, fields", [
    ("", "invalid_request", ["meeting_id"]), ("meeting_id=", "invalid_request", ["meeting_id"]),
    ("meeting_url=", "invalid_request", ["meeting_url"]), ("id=1", "invalid_request", ["id", "meeting_id"]),
    (f"meeting_id={UNKNOWN}&meeting_url={UNKNOWN}", "invalid_request", ["meeting_url"]),
    (f"meeting_id={UNKNOWN}&meeting_id={UNKNOWN}", "invalid_request", None),
    (f"meeting_id={UNKNOWN}&page_size=2", "invalid_request", ["page_size"]),
    ("meeting_id=%zz", "invalid_request", None), ("meeting_id=12", "invalid_meeting_url", None),
    ("meeting_url=https://meet.google.com/abc", "invalid_meeting_url", None)])
def test_what_names_no_meeting_is_refused(either_api, query, code, fields):
    answer = either_api.get(f"{MEETINGS}?{query}").must_be(400)
    assert answer.code == code and (fields is None or sorted(answer.fields) == fields)


def test_it_takes_a_key_and_is_only_read(either_api, anonymous):
    assert anonymous.get(f"{MEETINGS}?meeting_id={UNKNOWN}").must_be(401).code == "missing_api_key"
    for method in ("POST", "PATCH", "DELETE"):
        assert either_api.call(method, MEETINGS).must_be(405).headers["allow"] == "GET"
