"""Attendee's signature: taken however its body is written, and asked for where a secret was set."""

import base64
import json
import os

import pytest

from support.token_callback import CALLBACKS, SIGNING_SECRET, attendee_body, attendee_signature


@pytest.fixture
def signed(make):
    return make("attendee", signing_secret=SIGNING_SECRET)


def test_the_published_example_is_taken(signed):
    wire = (r'{"bot_id": "bot_weIAju4OXNZkDTpZ", "bot_metadata": {"user": "Zo\u00eb", "n": 1},'
            r' "callback_type": "zoom_tokens", "meeting_url": "https://zoom.us/j/123456789?pwd=abc.1"}')
    right = "zuZS2ipg18H2Z9OuYDqOuLwPf5Vx/1i4LW+DvPs/o3I="
    assert signed.post("zoom_tokens_url", wire, {"X-Webhook-Signature": right}).must_be(200).json == {}
    assert signed.uses()[0]["outcome"] == "no_connection_for_meeting"


@pytest.mark.parametrize("metadata", [
    None, {}, {"z": 1, "a": {"y": [1, {"d": 1, "c": 2}], "b": None}}, {"é": "日本 😀", "a": "\u0001\u001f\u007f\t\"\\/"},
    {"f": [0.1, 1.5, 1e16, 1e-7, -0.0, 1e22, 123456789012345678], "t": [True, False]}])
def test_what_attendee_signs_is_taken_however_it_is_written(signed, meeting, metadata):
    body = attendee_body(meeting["join_url"], metadata)
    signature = attendee_signature(SIGNING_SECRET, body)
    for wire in (json.dumps(body), json.dumps(body, ensure_ascii=False, indent=1),
                 json.dumps(dict(reversed(body.items())), separators=(",", ":"))):
        answer = signed.post("zoom_tokens_url", wire, {"X-Webhook-Signature": signature}).must_be(200)
        assert "app_privilege_token" in answer.json


def test_a_wrong_or_missing_signature_is_401_and_mints_nothing(signed, zoom, host, meeting):
    body = attendee_body(meeting["join_url"])
    right = attendee_signature(SIGNING_SECRET, body)
    other = attendee_signature(base64.b64encode(os.urandom(32)).decode(), body)
    over_the_wire = attendee_signature(SIGNING_SECRET, body | {"bot_id": "another"})
    for signature in (None, "", other, over_the_wire, right[:-1], "x" + right, "sha256=" + right, "x" * 4000):
        answer = signed.post("zoom_tokens_url", body, {"X-Webhook-Signature": signature}).must_be(401)
        assert answer.code == "invalid_signature"
    assert {use["outcome"] for use in signed.uses()} == {"invalid_signature"}
    assert {use["status"] for use in signed.uses()} == {401}
    assert zoom.minted_tokens(client_id=host.client_id) == []
    signed.post("zoom_tokens_url", body, {"X-Webhook-Signature": right}).must_be(200)


def test_the_signing_secret_is_never_shown(signed, way):
    one = way.api.get(f"{CALLBACKS}/{signed.id}").must_be(200)
    assert one.json["has_signing_secret"] is True
    assert SIGNING_SECRET not in one.body.decode() + signed.answer.body.decode()
