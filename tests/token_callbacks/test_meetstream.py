"""MeetStream: what it may post, and the bot that it names in a header."""

import pytest

from support.token_callback import TEXT, UNKNOWN_MEETING, minted, no_token


@pytest.mark.parametrize("name, kind", [("obf_url", "onbehalf"), ("zak_url", "zak")])
@pytest.mark.parametrize("number", ["text", "number"])
def test_meetstream_may_post_what_it_could_not_get(make, zoom, host, meeting, name, kind, number):
    callback = make("meetstream")
    body = {"bot_id": "ms-1", "meeting_number": str(meeting["id"]) if number == "text" else meeting["id"],
            "webhook_secret": "whatever-was-agreed-01"}
    answer = callback.post(name, body).must_be(200)
    assert answer.headers["content-type"] == TEXT
    assert answer.body.decode() == minted(zoom, host, kind)[0]["token"] and len(answer.body) > 50
    assert callback.uses()[0]["engine_bot_id"] == "ms-1"


@pytest.mark.parametrize("name", ["obf_url", "zak_url"])
def test_meetstream_may_post_in_vain(make, name):
    callback = make("meetstream")
    no_token(callback.post(name, {"meeting_number": UNKNOWN_MEETING}), "no_connection_for_meeting")
    no_token(callback.post(name, {"meeting_number": [UNKNOWN_MEETING], "bot_id": None}), "meeting_not_named")
    no_token(callback.post(name, {"meeting_number": UNKNOWN_MEETING + "\0"}), "meeting_not_named")


def test_meetstream_tells_its_bot_in_a_header(make, host, meeting):
    callback = make("meetstream")
    callback.get("obf_url", headers={"X-Bot-Id": "ms-2", "X-Webhook-Secret": "x"},
                 meeting_number=f"{str(meeting['id'])[:3]} {str(meeting['id'])[3:]}").must_be(200)
    assert callback.uses()[0]["engine_bot_id"] == "ms-2"


@pytest.mark.parametrize("name", ["obf_url", "zak_url"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", "x"])
def test_a_body_that_is_none_is_refused_in_plain_text(make, zoom, host, name, body):
    callback = make("meetstream")
    answer = callback.post(name, body, meeting_number="1").must_be(400)
    assert answer.headers["content-type"] == TEXT and answer.body
    assert callback.post(name, b"{}", {"Content-Type": "text/plain"}).must_be(415).headers["content-type"] == TEXT
    assert [use["outcome"] for use in callback.uses()] == ["unsupported_media_type", "invalid_json"]
    assert zoom.minted_tokens(client_id=host.client_id) == []
