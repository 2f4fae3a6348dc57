"""Attendee: all the tokens that there are, in one JSON answer."""

from support.token_callback import UNKNOWN_MEETING, attendee_body, minted


def test_attendee_gets_what_there_is(make, zoom, host, meeting):
    callback = make("attendee")
    answer = callback.post("zoom_tokens_url", attendee_body(meeting["join_url"])).must_be(200)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"app_privilege_token": minted(zoom, host, "local_recording")[0]["token"],
                           "onbehalf_token": minted(zoom, host, "onbehalf")[0]["token"]}
    assert len(zoom.minted_tokens(client_id=host.client_id)) == 2
    (use,) = callback.uses()
    assert use == {"used_at": use["used_at"], "address": "zoom_tokens_url", "engine_bot_id": "bot_weIAju4OXNZkDTpZ",
                   "meeting_id": str(meeting["id"]), "zoom_oauth_connection_id": host.id, "outcome": "minted",
                   "tokens": ["app_privilege_token", "onbehalf_token"], "status": 200}


def test_attendee_gets_an_empty_object_where_there_is_nothing(make, host):
    callback = make("attendee")
    for link in (f"https://zoom.us/j/{UNKNOWN_MEETING}", "https://meet.google.com/abc-defg-hij"):
        assert callback.post("zoom_tokens_url", attendee_body(link)).must_be(200).body == b"{}"
    assert callback.post("zoom_tokens_url", {}).must_be(200).body == b"{}"
    other = attendee_body("https://zoom.us/j/1234567890") | {"callback_type": "something_new"}
    assert callback.post("zoom_tokens_url", other).must_be(200).body == b"{}"
    assert [use["outcome"] for use in callback.uses()] == [
        "invalid_request", "meeting_not_named", "invalid_meeting_url", "no_connection_for_meeting"]


def test_a_host_without_on_behalf_tokens_is_not_asked_for_one(make, zoom, connect_user):
    host = connect_user()
    meeting = zoom.create_meeting(host.user_id, event=True)
    callback = make("attendee")
    answer = callback.post("zoom_tokens_url", attendee_body(meeting["join_url"])).must_be(200).json
    assert list(answer) == ["app_privilege_token"] and callback.uses()[0]["outcome"] == "minted"


def test_attendees_metadata_names_the_user(make, zoom, host, meeting, connect_user):
    guest = connect_user(like=host, is_onbehalf_token_supported=True, deduplication_key="guest")
    callback = make("attendee")
    for metadata in ({"deduplication_key": "guest"}, {"zoom_user_id": guest.user_id, "n": 1}):
        answer = callback.post("zoom_tokens_url", attendee_body(meeting["join_url"], metadata)).must_be(200).json
        assert set(answer) == {"app_privilege_token", "onbehalf_token"}
    assert {token["user_id"] for token in minted(zoom, host, "onbehalf")} == {guest.user_id}
    assert {token["user_id"] for token in minted(zoom, host, "local_recording")} == {host.user_id}


def test_the_address_may_say_which_tokens_are_wanted(make, zoom, host, meeting):
    callback = make("attendee")
    for tokens, expected in [("zak_token", {"zak_token"}), ("app_privilege_token", {"app_privilege_token"}),
                             ("app_privilege_token,zak_token", {"app_privilege_token", "zak_token"}),
                             ("onbehalf_token,zak_token", {"onbehalf_token"})]:  # a join takes one of the two
        answer = callback.post("zoom_tokens_url", attendee_body(meeting["join_url"]), tokens=tokens).must_be(200)
        assert set(answer.json) == expected
    assert callback.post("zoom_tokens_url", attendee_body(meeting["join_url"]), tokens="obf").must_be(200).json == {}
    assert [use["outcome"] for use in callback.uses()] == ["invalid_request"] + ["minted"] * 4


def test_one_token_of_two_is_better_than_none(make, zoom, host, meeting):
    callback = make("attendee")
    with zoom.fault(client_id=host.client_id, path="/v2/users/me/token", status=500, times=None):
        answer = callback.post("zoom_tokens_url", attendee_body(meeting["join_url"])).must_be(200).json
    assert list(answer) == ["app_privilege_token"]
    assert callback.uses()[0]["outcome"] == "unavailable" and callback.uses()[0]["tokens"] == ["app_privilege_token"]


def test_a_body_of_attendees_that_is_none_is_refused_as_json(make):
    callback = make("attendee")
    for body, status, code in ((b"", 400, "invalid_json"), (b"[]", 400, "invalid_json"), (b"\xff", 400, "invalid_json")):
        assert callback.post("zoom_tokens_url", body).must_be(status).code == code
    assert callback.post("zoom_tokens_url", b"{}", {"Content-Type": "text/plain"}).must_be(415).code
    assert len(callback.uses()) == 4
