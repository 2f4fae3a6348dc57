"""Bots: create, read, list, change and delete. Each case runs through FastCGI and as plain CGI."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from support.http_client import description
from support.time_travel import write

BOTS = "/api/v1/bots"
LINK = "https://zoom.us/j/85512345678?pwd=abc123"
KEYS = ["id", "meeting_url", "meeting_id", "bot_name", "state", "join_flow", "join_flow_reason",
        "zoom_oauth_connection_id", "zoom_settings", "wait_for_onbehalf_user", "onbehalf_user_timeout_s",
        "join_at", "deduplication_key", "metadata", "events", "recording_state", "transcription_state",
        "created_at", "updated_at"]
FINAL = ("ended", "fatal_error", "data_deleted")
JOINING = ("joining", "waiting_room", "joined_recording", "leaving", "post_processing", *FINAL)
INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"


@pytest.fixture
def api(either_api):
    return either_api


@pytest.fixture
def set_state(stack):
    """Moves a bot without a runner: no test here is about how it gets there."""
    def set_state(bot, state):
        assert write(stack, "UPDATE bots SET state = ? WHERE public_id = ?", state, bot["id"]) == 1
    return set_state


@pytest.fixture
def bot(api):
    return make(api)


def make(api, **fields):
    return api.post(BOTS, json={"meeting_url": LINK} | fields).must_be(201).json


def read(api, bot):
    return api.get(f"{BOTS}/{bot['id']}").must_be(200).json


def change(api, bot, **fields):
    return api.patch(f"{BOTS}/{bot['id']}", json=fields)


def ahead(**duration):
    return (datetime.now(timezone.utc) + timedelta(**duration)).strftime(INSTANT)


def bot_count(stack, project):
    return stack.database.value("SELECT count(*) FROM bots WHERE project_id = ?", project.row_id)


# Creating

def test_a_bot_has_all_its_keys_and_comes_back_as_it_was_made(api):
    made = api.post(BOTS, json={"meeting_url": LINK}).must_be(201)
    bot = made.json
    assert made.headers["content-type"] == "application/json"
    assert list(bot) == KEYS
    assert bot["id"].startswith("bot_") and bot["id"][4:].isalnum() and len(bot["id"]) >= 20
    assert datetime.strptime(bot["created_at"], INSTANT) and bot["updated_at"] == bot["created_at"]
    assert bot == {
        "id": bot["id"], "meeting_url": LINK, "meeting_id": "85512345678", "bot_name": "Notetaker",
        "state": "ready", "join_flow": "standard", "join_flow_reason": "no_connection_for_meeting",
        "zoom_oauth_connection_id": None, "zoom_settings": None,
        "wait_for_onbehalf_user": False, "onbehalf_user_timeout_s": None, "join_at": None,
        "deduplication_key": None, "metadata": {}, "events": [], "recording_state": "not_started",
        "transcription_state": "not_started", "created_at": bot["created_at"],
        "updated_at": bot["created_at"]}
    assert read(api, bot) == bot


def test_what_was_sent_comes_back(api):
    settings = {"sdk": "web", "onbehalf_token": {"zoom_oauth_connection_user_id": "u1", "more": [1]},
                "of_the_customer": {"deep": [None, 1.5, "é"]}}
    sent = {"bot_name": "Jäne's notes", "zoom_settings": settings, "join_at": ahead(hours=1),
            "deduplication_key": "key-1", "metadata": {"customer": {"id": 7}, "text": "日本"}}
    bot = make(api, **sent)
    assert {name: bot[name] for name in sent} == sent
    assert read(api, bot) == bot


@pytest.mark.parametrize("link, canonical, meeting_id", [
    ("https://us02web.zoom.us/j/85512345678", "https://us02web.zoom.us/j/85512345678", "85512345678"),
    ("zoom.com/j/855123456?pwd=x1", "https://zoom.us/j/855123456?pwd=x1", "855123456"),
    ("https://acme.zoom.us/my/Jane.Host", "https://acme.zoom.us/my/jane.host", None),
    ("Jane is inviting you.\n\nJoin Zoom Meeting\nhttps://acme.zoom.us/j/92780837478?pwd=Y09.1\n\n"
     "Meeting ID: 927 8083 7478\nPasscode: 615", "https://acme.zoom.us/j/92780837478?pwd=Y09.1",
     "92780837478"),
])
def test_every_form_of_a_link_is_taken(api, link, canonical, meeting_id):
    bot = make(api, meeting_url=link)
    assert (bot["meeting_url"].lower(), bot["meeting_id"]) == (canonical.lower(), meeting_id)


@pytest.mark.parametrize("link", [
    "https://meet.google.com/abc-defg-hij", "https://zoom.us/rec/share/abc", "hello", "https://zoom.us/",
    "https://zoom.us.evil.example/j/85512345678", "x" * 16000])
def test_what_is_not_a_zoom_link_is_refused(api, stack, project, link):
    assert api.post(BOTS, json={"meeting_url": link}).must_be(400).code == "invalid_meeting_url"
    assert bot_count(stack, project) == 0


def test_the_hosts_own_token_in_a_link_is_not_kept(api, secrets):
    secrets.add("zak", "eyJ6bV9za20iOiJ6bV9vMm0ifQ.c2VjcmV0")
    bot = make(api, meeting_url="https://zoom.us/s/85512345678?zak=eyJ6bV9za20iOiJ6bV9vMm0ifQ.c2VjcmV0&pwd=x1")
    assert "zak" not in bot["meeting_url"] and bot["meeting_id"] == "85512345678"


def test_join_at_in_the_future_is_scheduled_and_in_the_past_is_ready(api):
    assert make(api, join_at=ahead(hours=1))["state"] == "scheduled"
    assert make(api, join_at=ahead(hours=-1))["state"] == "ready"


def test_join_at_may_be_in_any_time_zone(api):
    bot = make(api, join_at="2035-06-01T14:00:00+02:00")
    assert bot["join_at"] == "2035-06-01T12:00:00.000000Z"


@pytest.mark.parametrize("fields, wrong", [
    ({"meeting_url": None}, "meeting_url"),
    ({"meeting_url": 85512345678}, "meeting_url"),
    ({"meeting_url": ""}, "meeting_url"),
    ({"meeting_url": "https://zoom.us/j/85512345678?" + "x" * 16384}, "meeting_url"),
    ({"bot_name": ""}, "bot_name"),
    ({"bot_name": 1}, "bot_name"),
    ({"bot_name": "x" * 129}, "bot_name"),
    ({"zoom_oauth_connection_id": 7}, "zoom_oauth_connection_id"),
    ({"zoom_oauth_connection_id": "zoauth_00000000000000000000"}, "zoom_oauth_connection_id"),
    ({"zoom_oauth_connection_id": ""}, "zoom_oauth_connection_id"),
    ({"zoom_settings": "web"}, "zoom_settings"),
    ({"zoom_settings": {"x": "y" * 8192}}, "zoom_settings"),
    ({"zoom_settings": {"sdk": "java"}}, "zoom_settings.sdk"),
    ({"zoom_settings": {"sdk": 1}}, "zoom_settings.sdk"),
    ({"zoom_settings": {"onbehalf_token": "u1"}}, "zoom_settings.onbehalf_token"),
    ({"zoom_settings": {"onbehalf_token": {}}},
     "zoom_settings.onbehalf_token.zoom_oauth_connection_user_id"),
    ({"zoom_settings": {"onbehalf_token": {"zoom_oauth_connection_user_id": 1}}},
     "zoom_settings.onbehalf_token.zoom_oauth_connection_user_id"),
    ({"zoom_settings": {"onbehalf_token": {"zoom_oauth_connection_user_id": ""}}},
     "zoom_settings.onbehalf_token.zoom_oauth_connection_user_id"),
    ({"zoom_settings": {"onbehalf_token": {"zoom_oauth_connection_user_id": "x" * 129}}},
     "zoom_settings.onbehalf_token.zoom_oauth_connection_user_id"),
    ({"zoom_settings": {"zak_token": "u1"}}, "zoom_settings.zak_token"),
    ({"zoom_settings": {"zak_token": {"zoom_oauth_connection_user_id": ""}}},
     "zoom_settings.zak_token.zoom_oauth_connection_user_id"),
    ({"zoom_settings": {"zak_token": {"zoom_oauth_connection_user_id": "u1"},
                        "onbehalf_token": {"zoom_oauth_connection_user_id": "u1"}}},
     "zoom_settings.zak_token"),
    ({"join_at": "tomorrow"}, "join_at"),
    ({"join_at": "2035-02-30T00:00:00Z"}, "join_at"),
    ({"join_at": 2060000000}, "join_at"),
    ({"deduplication_key": ""}, "deduplication_key"),
    ({"deduplication_key": ["a"]}, "deduplication_key"),
    ({"deduplication_key": "x" * 256}, "deduplication_key"),
    ({"metadata": []}, "metadata"),
    ({"metadata": "{}"}, "metadata"),
    ({"metadata": {"x": "y" * 8192}}, "metadata"),
    ({"state": "ready"}, "state"),
    ({"meetingurl": LINK}, "meetingurl"),
])
def test_a_wrong_field_is_named_and_nothing_is_stored(api, stack, project, fields, wrong):
    answer = api.post(BOTS, json={"meeting_url": LINK} | fields).must_be(400)
    assert answer.code == "invalid_request"
    assert list(answer.fields) == [wrong]
    assert bot_count(stack, project) == 0


@pytest.mark.parametrize("kind", ["onbehalf_token", "zak_token"])
def test_the_description_refuses_the_wish_for_a_token_of_nobody_too(kind):
    settings = description.document["components"]["schemas"]["ZoomSettings"]
    with pytest.raises(AssertionError, match="is a required property"):
        description.validate({kind: {}}, settings, "zoom_settings")
    description.validate({kind: {"zoom_oauth_connection_user_id": "u1"}}, settings, "zoom_settings")


def test_all_wrong_fields_are_named_at_once(api):
    answer = api.post(BOTS, json={"bot_name": 1, "metadata": 2, "unknown": 3}).must_be(400)
    assert set(answer.fields) == {"meeting_url", "bot_name", "metadata", "unknown"}


@pytest.mark.parametrize("field, value", [
    ("bot_name", "x" * 128), ("deduplication_key", "x" * 255), ("metadata", {"x": "y" * (8192 - 8)}),
    ("zoom_settings", {"x": "y" * (8192 - 8)}),
    ("zoom_settings", {"onbehalf_token": None, "sdk": "native"}), ("zoom_settings", {})])
def test_what_is_just_within_the_limits_is_taken(api, field, value):
    assert read(api, make(api, **{field: value}))[field] == value


def test_null_is_the_same_as_leaving_it_out(api):
    bot = make(api, bot_name=None, zoom_oauth_connection_id=None, zoom_settings=None, join_at=None,
               deduplication_key=None, metadata=None, webhooks=None)
    assert (bot["bot_name"], bot["metadata"], bot["state"]) == ("Notetaker", {}, "ready")


@pytest.mark.parametrize("raw, status, code", [
    (b"", 400, "invalid_json"), (b"{", 400, "invalid_json"), (b"[]", 400, "invalid_json"),
    (b"null", 400, "invalid_json"), (b'{"meeting_url": "\xff"}', 400, "invalid_json"),
    (b'{"meeting_url": "a", "meeting_url": "b"}', 400, "invalid_json"),
    (b'{"metadata":' + b'{"a":' * 40 + b"1" + b"}" * 41, 400, "invalid_json"),
    (b'{"meeting_url": "' + b"x" * (1 << 20) + b'"}', 413, None),
])
def test_a_body_that_is_not_one_json_object_is_refused(api, stack, project, raw, status, code):
    answer = api.post(BOTS, raw=raw, headers={"Content-Type": "application/json"}).must_be(status)
    assert answer.code == (code or answer.code)
    assert bot_count(stack, project) == 0


def test_a_body_that_is_said_to_be_something_else_is_refused(api):
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        api.post(BOTS, raw=b'{"meeting_url": "x"}', headers={"Content-Type": content_type}).must_be(415)


# Which connection, which flow

def test_a_meeting_of_a_connected_user_is_joined_with_tokens(api, connect_user, zoom):
    host = connect_user()
    meeting = zoom.create_meeting(host.user_id, event=True)
    bot = make(api, meeting_url=meeting["join_url"])
    assert (bot["join_flow"], bot["join_flow_reason"]) == ("token", None)
    assert bot["zoom_oauth_connection_id"] == host.id
    assert read(api, bot) == bot


def test_a_named_connection_serves_a_meeting_that_is_not_known(api, connect_user):
    host = connect_user()
    bot = make(api, zoom_oauth_connection_id=host.id)
    assert (bot["join_flow"], bot["zoom_oauth_connection_id"]) == ("token", host.id)


def test_a_named_connection_goes_before_the_hosts(api, connect_user, zoom):
    host = connect_user()
    named = connect_user(like=host)
    meeting = zoom.create_meeting(host.user_id, event=True)
    bot = make(api, meeting_url=meeting["join_url"], zoom_oauth_connection_id=named.id)
    assert bot["zoom_oauth_connection_id"] == named.id


def test_the_on_behalf_users_connection_goes_before_the_hosts(api, connect_user, zoom):
    host = connect_user()
    inside = connect_user(like=host, is_onbehalf_token_supported=True)
    meeting = zoom.create_meeting(host.user_id, event=True)
    bot = make(api, meeting_url=meeting["join_url"], zoom_settings={
        "onbehalf_token": {"zoom_oauth_connection_user_id": inside.user_id}})
    assert bot["zoom_oauth_connection_id"] == inside.id


def test_a_disconnected_connection_is_accepted_and_the_bot_takes_the_standard_flow(
        api, connect_user, zoom):
    host = connect_user()
    zoom.remove_grant(host.client_id, host.user_id, event=True)
    assert host.read()["state"] == "disconnected"
    bot = make(api, zoom_oauth_connection_id=host.id)
    assert (bot["join_flow"], bot["join_flow_reason"]) == ("standard", "connection_disconnected")
    assert bot["zoom_oauth_connection_id"] == host.id


def test_a_connection_without_local_recording_says_so(api, connect_user):
    host = connect_user(is_local_recording_token_supported=False)
    bot = make(api, zoom_oauth_connection_id=host.id)
    assert (bot["join_flow"], bot["join_flow_reason"]) == ("standard", "local_recording_not_supported")


def test_a_personal_link_is_served_by_its_owner(api, connect_user, zoom):
    host = connect_user(user_fields={"vanity_url": "https://us02web.zoom.us/my/ada.l"})
    bot = make(api, meeting_url="https://zoom.us/my/Ada.L")
    assert (bot["join_flow"], bot["zoom_oauth_connection_id"]) == ("token", host.id)


def test_the_connection_of_another_project_is_no_connection(api, other_api, connect_user):
    host = connect_user()
    answer = other_api.post(BOTS, json={"meeting_url": LINK, "zoom_oauth_connection_id": host.id})
    assert list(answer.must_be(400).fields) == ["zoom_oauth_connection_id"]


def test_the_meetings_of_another_project_are_not_known(api, other_api, connect_user, zoom):
    host = connect_user()
    meeting = zoom.create_meeting(host.user_id, event=True)
    bot = make(other_api, meeting_url=meeting["join_url"])
    assert (bot["join_flow"], bot["zoom_oauth_connection_id"]) == ("standard", None)


def test_a_bot_outlives_the_connection_that_it_named(api, connect_user):
    host = connect_user()
    bot = make(api, zoom_oauth_connection_id=host.id)
    api.delete(f"/api/v1/zoom_oauth_connections/{host.id}").must_be(200)
    assert read(api, bot)["zoom_oauth_connection_id"] is None
    assert change(api, bot, bot_name="Still here").must_be(200).json["join_flow"] == "standard"


# Deduplication

def test_a_key_is_refused_while_its_bot_is_not_done(api, set_state):
    holder = make(api, deduplication_key="k")
    for state in ("ready", "scheduled", "joining", "joined_recording", "post_processing"):
        set_state(holder, state)
        answer = api.post(BOTS, json={"meeting_url": LINK, "deduplication_key": "k"}).must_be(409)
        assert answer.code == "deduplication_key_in_use"
        assert answer.json["details"] == {"bot_id": holder["id"]}
        assert holder["id"] in answer.json["error"]


@pytest.mark.parametrize("state", FINAL)
def test_a_key_is_free_again_once_its_bot_is_done(api, set_state, state):
    set_state(make(api, deduplication_key="k"), state)
    make(api, deduplication_key="k")


def test_a_deleted_bots_key_is_free_again(api):
    bot = make(api, deduplication_key="k")
    api.delete(f"{BOTS}/{bot['id']}").must_be(200)
    make(api, deduplication_key="k")


def test_the_same_key_in_another_project_is_no_clash(api, other_api):
    make(api, deduplication_key="k")
    make(other_api, deduplication_key="k")


def test_of_many_at_once_with_one_key_a_single_one_is_made(api, stack, project):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post(BOTS, json={
            "meeting_url": LINK, "deduplication_key": "k"}), range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert bot_count(stack, project) == 1


# Reading

@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("bot_id", ["bot_00000000000000000000", "1", "bot_", "%ff", "a%2Fb", "bot_'--"])
def test_an_unknown_bot_is_not_found(api, bot, method, bot_id):
    answer = api.call(method, f"{BOTS}/{bot_id}", json={} if method == "PATCH" else None)
    assert answer.must_be(404).code == "not_found"
    assert read(api, bot) == bot


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_the_bot_of_another_project_is_not_found(api, other_api, bot, method):
    answer = other_api.call(method, f"{BOTS}/{bot['id']}", json={} if method == "PATCH" else None)
    assert answer.must_be(404).code == "not_found"
    assert read(api, bot) == bot


def test_what_happened_to_a_bot_is_told_oldest_first(api, stack, bot):
    for event in (("join_requested", None, None, 1_700_000_000_000_001),
                  ("fatal_error", "heartbeat_timeout", '{"last": 3}', 1_700_000_001_000_000)):
        write(stack, "INSERT INTO bot_events (bot_id, type, sub_type, metadata, created_at)"
              " SELECT id, ?2, ?3, ?4, ?5 FROM bots WHERE public_id = ?1", bot["id"], *event)
    events = [
        {"type": "join_requested", "sub_type": None, "metadata": None,
         "created_at": "2023-11-14T22:13:20.000001Z"},
        {"type": "fatal_error", "sub_type": "heartbeat_timeout", "metadata": {"last": 3},
         "created_at": "2023-11-14T22:13:21.000000Z"}]
    assert read(api, bot)["events"] == events
    assert api.get(BOTS).json["results"][0]["events"] == events


@pytest.mark.parametrize("key, code", [(None, "missing_api_key"), ("hp_wrong", "invalid_api_key")])
def test_without_a_good_key_nothing_is_told(api, bot, key, code):
    headers = {"Authorization": f"Token {key}" if key else None}
    for method, path in [("GET", BOTS), ("POST", BOTS), ("GET", f"{BOTS}/{bot['id']}"),
                         ("PATCH", f"{BOTS}/{bot['id']}"), ("DELETE", f"{BOTS}/{bot['id']}"),
                         ("POST", f"{BOTS}/{bot['id']}/zoom_tokens")]:
        assert api.call(method, path, headers=headers).must_be(401).code == code


@pytest.mark.parametrize("method, path, allow", [
    ("PUT", BOTS, {"GET", "POST"}), ("DELETE", BOTS, {"GET", "POST"}),
    ("POST", f"{BOTS}/x", {"GET", "PATCH", "DELETE"}), ("GET", f"{BOTS}/x/zoom_tokens", {"POST"})])
def test_another_method_is_refused_and_told_the_right_ones(api, method, path, allow):
    answer = api.call(method, path).must_be(405)
    assert answer.code == "method_not_allowed"
    assert set(answer.headers["allow"].split(", ")) == allow


# Listing

def ids(answer):
    return [bot["id"] for bot in answer.must_be(200).json["results"]]


def test_a_list_shows_whole_bots_newest_first(api, other_api):
    bots = [make(api, bot_name=str(number)) for number in range(3)]
    make(other_api)
    answer = api.get(BOTS).must_be(200).json
    assert answer == {"next": None, "previous": None, "results": bots[::-1]}


def test_a_list_is_narrowed_by_state(api, set_state):
    first, second, third = make(api), make(api), make(api, join_at=ahead(hours=1))
    set_state(first, "joined_recording_permission_denied")
    assert ids(api.get(BOTS, query={"state": "ready"})) == [second["id"]]
    assert ids(api.get(BOTS, query={"state": "scheduled"})) == [third["id"]]
    assert ids(api.get(BOTS, query={"state": "joined_recording_permission_denied"})) == [first["id"]]
    assert ids(api.get(BOTS, query={"state": "ended"})) == []


@pytest.mark.parametrize("form", [LINK, LINK.replace("zoom.us", "zoom.com"), "zoom.us/j/85512345678?pwd=abc123",
                                  LINK + "&from=addon", f"Join Zoom Meeting\n{LINK}\n"])
def test_a_list_is_narrowed_by_any_form_of_a_meeting_url(api, form):
    wanted = make(api)
    make(api, meeting_url="https://zoom.us/j/999999999")
    assert ids(api.get(BOTS, query={"meeting_url": form})) == [wanted["id"]]


def test_a_list_is_narrowed_by_deduplication_key(api, set_state):
    done = make(api, deduplication_key="k")
    set_state(done, "ended")
    live = make(api, deduplication_key="k")
    make(api, deduplication_key="other")
    make(api)
    assert ids(api.get(BOTS, query={"deduplication_key": "k"})) == [live["id"], done["id"]]
    assert ids(api.get(BOTS, query={"deduplication_key": "k", "state": "ended"})) == [done["id"]]


def test_a_list_is_narrowed_by_the_time_of_joining(api):
    make(api)
    one, two, three = (make(api, join_at=f"2035-01-0{day}T00:00:00Z") for day in (1, 2, 3))

    def between(after=None, before=None):
        query = {"join_at_after": after, "join_at_before": before}
        return ids(api.get(BOTS, query={name: value for name, value in query.items() if value}))

    assert between(after="2035-01-02T00:00:00Z") == [three["id"], two["id"]]
    assert between(before="2035-01-02T00:00:00Z") == [two["id"], one["id"]]
    assert between("2035-01-01T12:00:00Z", "2035-01-02T12:00:00+00:00") == [two["id"]]
    assert between("2035-01-04T00:00:00Z") == []


@pytest.mark.parametrize("query, wrong", [
    ({"state": "dancing"}, "state"), ({"join_at_after": "soon"}, "join_at_after"),
    ({"join_at_before": "1"}, "join_at_before"), ({"deduplication_key": ""}, "deduplication_key"),
    ({"unknown": "1"}, "unknown"), ({"meetingurl": LINK}, "meetingurl")])
def test_a_wrong_filter_is_named(api, query, wrong):
    assert list(api.get(BOTS, query=query).must_be(400).fields) == [wrong]


def test_a_meeting_url_to_look_for_must_be_one(api):
    answer = api.get(BOTS, query={"meeting_url": "https://example.com/"}).must_be(400)
    assert answer.code == "invalid_meeting_url"


# Changing

def test_every_field_can_be_changed_before_joining(api, connect_user, bot):
    host = connect_user()
    changes = {"bot_name": "Other", "zoom_oauth_connection_id": host.id, "metadata": {"a": 1},
               "zoom_settings": {"sdk": "native"}, "join_at": ahead(hours=2), "deduplication_key": "k"}
    changed = change(api, bot, meeting_url="https://zoom.us/j/999999999", **changes).must_be(200).json
    assert list(changed) == KEYS
    assert changed == bot | changes | {
        "meeting_url": "https://zoom.us/j/999999999", "meeting_id": "999999999", "state": "scheduled",
        "join_flow": "token", "join_flow_reason": None, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > bot["updated_at"]
    assert read(api, bot) == changed


def test_what_is_not_sent_stays(api):
    bot = make(api, bot_name="Name", zoom_settings={"sdk": "web"}, join_at=ahead(hours=1),
               deduplication_key="k", metadata={"a": 1})
    changed = change(api, bot, bot_name="Other").must_be(200).json
    assert changed == bot | {"bot_name": "Other", "updated_at": changed["updated_at"]}


def test_null_empties_what_can_be_empty(api, connect_user):
    host = connect_user()
    bot = make(api, bot_name="Name", zoom_oauth_connection_id=host.id, join_at=ahead(hours=1),
               deduplication_key="k", metadata={"a": 1},
               zoom_settings={"onbehalf_token": {"zoom_oauth_connection_user_id": host.user_id}})
    emptied = change(api, bot, bot_name=None, zoom_oauth_connection_id=None, zoom_settings=None,
                     join_at=None, deduplication_key=None, metadata=None).must_be(200).json
    assert emptied == bot | {
        "bot_name": "Notetaker", "zoom_oauth_connection_id": None, "zoom_settings": None,
        "join_at": None, "deduplication_key": None, "metadata": {}, "state": "ready",
        "join_flow": "standard", "join_flow_reason": "no_connection_for_meeting",
        "updated_at": emptied["updated_at"]}
    make(api, deduplication_key="k")


@pytest.mark.parametrize("fields, wrong", [
    ({"meeting_url": None}, "meeting_url"), ({"bot_name": ""}, "bot_name"), ({"join_at": "soon"}, "join_at"),
    ({"metadata": []}, "metadata"), ({"state": "ended"}, "state"), ({"unknown": 1}, "unknown"),
    ({"zoom_settings": {"sdk": "java"}}, "zoom_settings.sdk"),
    ({"zoom_oauth_connection_id": "zoauth_00000000000000000000"}, "zoom_oauth_connection_id")])
def test_a_wrong_change_is_refused_whole(api, bot, fields, wrong):
    answer = change(api, bot, **{"deduplication_key": "k"} | fields).must_be(400)
    assert list(answer.fields) == [wrong]
    assert read(api, bot) == bot


def test_a_change_to_what_is_no_link_is_refused(api, bot):
    assert change(api, bot, meeting_url="https://example.com/").must_be(400).code == "invalid_meeting_url"
    assert read(api, bot) == bot


def test_a_change_to_a_key_in_use_is_refused(api, bot):
    holder = make(api, deduplication_key="k")
    answer = change(api, bot, deduplication_key="k").must_be(409)
    assert (answer.code, answer.json["details"]) == ("deduplication_key_in_use", {"bot_id": holder["id"]})
    assert read(api, bot) == bot
    change(api, holder, deduplication_key="k").must_be(200)


def test_a_new_link_is_planned_anew(api, connect_user, zoom):
    host = connect_user()
    meeting = zoom.create_meeting(host.user_id, event=True)
    bot = make(api, meeting_url=meeting["join_url"])
    changed = change(api, bot, meeting_url="https://zoom.us/j/999999999").must_be(200).json
    assert (changed["join_flow"], changed["zoom_oauth_connection_id"]) == ("standard", None)
    changed = change(api, bot, meeting_url=meeting["join_url"]).must_be(200).json
    assert (changed["join_flow"], changed["zoom_oauth_connection_id"]) == ("token", host.id)


def test_join_at_decides_anew_over_the_state(api, set_state):
    bot = make(api, join_at=ahead(hours=1))
    set_state(bot, "staged")
    assert change(api, bot, bot_name="Same time").json["state"] == "staged"
    assert change(api, bot, join_at=ahead(hours=2)).json["state"] == "scheduled"
    assert change(api, bot, join_at=ahead(hours=-2)).json["state"] == "ready"


@pytest.mark.parametrize("state", JOINING)
def test_only_metadata_can_be_changed_once_it_joins(api, set_state, bot, state):
    set_state(bot, state)
    for fields in ({"bot_name": "Other"}, {"join_at": None}, {"metadata": {"a": 1}, "bot_name": "Other"}):
        answer = change(api, bot, **fields).must_be(409)
        assert answer.code == "bot_already_joining" and state in answer.json["error"]
    assert read(api, bot) == bot | {"state": state}
    changed = change(api, bot, metadata={"a": 1}).must_be(200).json
    assert changed == bot | {"state": state, "metadata": {"a": 1}, "updated_at": changed["updated_at"]}


@pytest.mark.parametrize("state", ["scheduled", "staged", "ready"])
def test_a_bot_can_be_changed_in_every_state_before_joining(api, set_state, bot, state):
    set_state(bot, state)
    changed = change(api, bot, bot_name="Other").must_be(200).json
    assert (changed["bot_name"], changed["state"]) == ("Other", state)


# Deleting

@pytest.mark.parametrize("state", ["scheduled", "staged", "ready"])
def test_a_bot_can_be_deleted_before_joining(api, set_state, bot, state):
    set_state(bot, state)
    assert api.delete(f"{BOTS}/{bot['id']}").must_be(200).json == {}
    api.get(f"{BOTS}/{bot['id']}").must_be(404)
    api.delete(f"{BOTS}/{bot['id']}").must_be(404)
    assert ids(api.get(BOTS)) == []


@pytest.mark.parametrize("state", JOINING)
def test_a_bot_cannot_be_deleted_once_it_joins(api, set_state, bot, state):
    set_state(bot, state)
    answer = api.delete(f"{BOTS}/{bot['id']}").must_be(409)
    assert answer.code == "bot_already_joining" and state in answer.json["error"]
    assert read(api, bot)["state"] == state
