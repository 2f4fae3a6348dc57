"""Answers in plain text: the token alone, of the meeting and the user that were named, or the reason."""

import pytest

from support.token_callback import CALLBACKS, PATHS, TEXT, TEXTS, UNKNOWN_MEETING, minted, no_token
from support.waiting import wait_until


@pytest.mark.parametrize("engine, name, kind", TEXTS)
def test_a_token_is_plain_text_and_minted_once(make, zoom, host, meeting, engine, name, kind):
    callback = make(engine)
    answer = callback.get(name, meeting_id=meeting["id"]).must_be(200)
    (token,) = minted(zoom, host, kind)
    assert answer.headers["content-type"] == TEXT and answer.headers["cache-control"] == "no-store"
    assert answer.body.decode() == token["token"]
    assert token["user_id"] == host.user_id
    assert len(zoom.minted_tokens(client_id=host.client_id)) == 1
    (use,) = callback.uses()
    assert use == {
        "used_at": use["used_at"], "address": name, "engine_bot_id": None, "meeting_id": str(meeting["id"]),
        "zoom_oauth_connection_id": host.id, "outcome": "minted", "status": 200,
        "tokens": [{"local_recording": "app_privilege_token", "zak": "zak_token", "onbehalf": "onbehalf_token"}[kind]]}
    assert callback.api.get(f"{CALLBACKS}/{callback.id}").json["last_used_at"] == use["used_at"]


@pytest.mark.parametrize("engine, name, kind", TEXTS)
def test_without_a_token_the_answer_is_404_with_the_reason(make, zoom, host, engine, name, kind):
    callback = make(engine)
    no_token(callback.get(name, meeting_id=UNKNOWN_MEETING), "no_connection_for_meeting")
    no_token(callback.get(name), "meeting_not_named")
    no_token(callback.get(name, meeting_url="https://meet.google.com/abc"), "invalid_meeting_url")
    no_token(callback.engine_api.get(callback.path(name) + "?meeting_id=%zz"), "invalid_request")
    no_token(callback.engine_api.get(callback.path(name) + "?meeting_id=1&meeting_id=2"), "invalid_request")
    assert [use["outcome"] for use in callback.uses()] == [
        "invalid_request", "invalid_request", "invalid_meeting_url", "meeting_not_named", "no_connection_for_meeting"]
    assert {use["status"] for use in callback.uses()} == {404}
    assert callback.uses()[-1]["meeting_id"] == UNKNOWN_MEETING
    assert minted(zoom, host, kind) == []


@pytest.mark.parametrize("query", [
    {"meeting_url": "{join_url}"}, {"meeting_id": "{id}"}, {"meeting_number": "{id}"},
    {"meeting_url": "{join_url}", "utm": "1", "bot": "of the engine's own"}])
def test_a_meeting_is_named_by_link_or_number(make, zoom, host, meeting, query):
    query = {name: value.format(**meeting) for name, value in query.items()}
    make("recall").get("join_token_url", **query).must_be(200)
    assert minted(zoom, host, "local_recording")[0]["meeting_id"] == meeting["id"]


def test_a_link_may_stand_in_the_address_as_it_is(make, zoom, host, meeting):
    callback = make("recall")
    link = f"https://zoom.us/j/{meeting['id']}?pwd=abc.1"
    callback.engine_api.get(f"{callback.path('join_token_url')}?meeting_url={link}").must_be(200)


def test_a_personal_link_is_its_owners(make, zoom, connect_user):
    host = connect_user(user_fields={"vanity_url": "https://us02web.zoom.us/my/kay.d"})
    make("recall").get("join_token_url", meeting_url="https://zoom.us/my/Kay.D").must_be(200)
    assert minted(zoom, host, "local_recording")[0]["meeting_id"] == host.user["pmi"]


@pytest.mark.parametrize("field", ["zoom_oauth_connection_id", "zoom_user_id", "deduplication_key"])
@pytest.mark.parametrize("engine, name, kind", TEXTS)
def test_whose_token_it_is_can_be_named(make, zoom, host, meeting, connect_user, engine, name, kind, field):
    ada = connect_user(like=host, is_onbehalf_token_supported=True, deduplication_key="ada")
    hosted = zoom.create_meeting(ada.user_id)
    wait_until(lambda: ada.read()["last_successful_sync_at"])
    value = {"zoom_oauth_connection_id": ada.id, "zoom_user_id": ada.user_id, "deduplication_key": "ada"}[field]
    callback = make(engine)
    callback.get(name, meeting_id=hosted["id"], **{field: value}).must_be(200)
    assert [token["user_id"] for token in minted(zoom, host, kind)] == [ada.user_id]
    assert callback.uses()[0]["zoom_oauth_connection_id"] == ada.id
    no_token(callback.get(name, meeting_id=meeting["id"], **{field: "nobody"}), "connection_not_found")


def test_tokens_of_a_user_need_no_meeting(make, zoom, host):
    recall = make("recall")
    recall.get("zak_url", zoom_user_id=host.user_id).must_be(200)
    recall.get("obf_token_url", zoom_user_id=host.user_id).must_be(200)
    assert minted(zoom, host, "onbehalf")[0]["meeting_id"] is None
    no_token(recall.get("join_token_url", zoom_user_id=host.user_id), "meeting_not_named")


def test_the_recording_token_of_a_named_guests_bot_comes_from_the_host(make, zoom, host, meeting, connect_user):
    guest = connect_user(like=host, is_onbehalf_token_supported=True)
    recall = make("recall")
    recall.get("join_token_url", meeting_id=meeting["id"], zoom_user_id=guest.user_id).must_be(200)
    recall.get("obf_token_url", meeting_id=meeting["id"], zoom_user_id=guest.user_id).must_be(200)
    assert minted(zoom, host, "local_recording")[0]["user_id"] == host.user_id
    assert minted(zoom, host, "onbehalf")[0]["user_id"] == guest.user_id
    named = recall.get("join_token_url", meeting_id=meeting["id"], zoom_oauth_connection_id=guest.id)
    no_token(named, "not_found")  # Zoom's word: only the host may


def test_whoever_cannot_give_the_token_says_why(make, zoom, connect_user):
    host = connect_user(is_local_recording_token_supported=False, app_fields={"scopes": ["user:read:user"]})
    meeting = zoom.create_meeting(host.user_id, event=True)
    recall = make("recall")
    no_token(recall.get("join_token_url", meeting_id=meeting["id"]), "local_recording_not_supported")
    no_token(recall.get("obf_token_url", meeting_id=meeting["id"]), "onbehalf_not_supported")
    no_token(recall.get("zak_url", meeting_id=meeting["id"]), "missing_scopes")
    zoom.remove_grant(host.client_id, host.user_id, event=True)
    for name in PATHS["recall"]:
        no_token(recall.get(name, meeting_id=meeting["id"]), "connection_disconnected")
    assert recall.uses()[0]["zoom_oauth_connection_id"] == host.id


@pytest.mark.parametrize("fault, reason", [
    ({"status": 500}, "unavailable"), ({"status": 429, "retry_after": "seconds"}, "rate_limited"),
    ({"status": 403, "body": '{"code": 1, "message": "no"}'}, "refused"), ({"html": True}, "unavailable"),
    ({"status": 200, "body": '{"token": ""}'}, "unavailable")])
def test_zooms_trouble_is_404_and_never_something_like_a_token(make, zoom, host, meeting, fault, reason):
    recall = make("recall")
    with zoom.fault(client_id=host.client_id, path="/v2/meetings/*/jointoken/local_recording", times=None, **fault):
        no_token(recall.get("join_token_url", meeting_id=meeting["id"]), reason)
    assert recall.uses()[0]["outcome"] == reason
    recall.get("join_token_url", meeting_id=meeting["id"]).must_be(200)
