"""Meeting BaaS: bot and user in the query, and in what it carries for the customer."""

import json

import pytest

from support.token_callback import minted


@pytest.mark.parametrize("field", ["bot_uuid", "bot_id"])
def test_meeting_baas_names_bot_and_user_in_its_query(make, zoom, host, meeting, field):
    callback = make("meeting_baas")
    extra = json.dumps({"zoom_user_id": host.user_id, "meeting_url": meeting["join_url"], "of the customer": ["ü"]})
    callback.get("obf_token_url", **{field: "0f8f-42", "extra": extra}).must_be(200)
    assert minted(zoom, host, "onbehalf")[0]["meeting_id"] == meeting["id"]
    assert callback.uses()[0]["engine_bot_id"] == "0f8f-42"


@pytest.mark.parametrize("extra", ["", "null", "[]", '"x"', "{", "7", '{"zoom_user_id": ["x"]}', '{"zoom_user_id": ""}'])
def test_an_extra_of_no_use_is_passed_over(make, host, meeting, extra):
    make("meeting_baas").get("zak_token_url", meeting_id=meeting["id"], extra=extra, bot_uuid="x").must_be(200)


def test_the_address_goes_before_what_the_engine_carries(make, zoom, host, connect_user):
    ada = connect_user(like=host, deduplication_key="ada")
    make("meeting_baas").get("zak_token_url", deduplication_key="ada",
                             extra=json.dumps({"zoom_oauth_connection_id": host.id})).must_be(200)
    assert [token["user_id"] for token in minted(zoom, host, "zak")] == [ada.user_id]


@pytest.mark.parametrize("bot_id", ["x" * 129, "line\nbreak", "ü"])
def test_a_bot_id_that_is_none_is_not_kept(make, host, meeting, bot_id):
    callback = make("meeting_baas")
    callback.get("zak_token_url", meeting_id=meeting["id"], bot_uuid=bot_id).must_be(200)
    assert callback.uses()[0]["engine_bot_id"] is None
