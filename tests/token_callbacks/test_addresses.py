"""Addresses of engines: made, listed and revoked by their project, and shown once."""

import pytest

from support.token_callback import CALLBACKS, PATHS, TokenCallback, minted, no_token


@pytest.mark.parametrize("engine", PATHS)
def test_the_addresses_are_shown_once(make, way, engine):
    callback = make(engine, name="of the tests")
    assert list(callback.json) == ["id", "engine", "name", "urls", "created_at"]
    assert callback.id.startswith("tcb_") and len(callback.id) >= 20
    assert len(callback.secret) >= 32 and callback.secret.isalnum()
    assert callback.urls == {name: f"/callbacks/{callback.secret}/{path}" for name, path in PATHS[engine].items()}
    one = way.api.get(f"{CALLBACKS}/{callback.id}").must_be(200)
    assert one.json == {"id": callback.id, "engine": engine, "name": "of the tests", "has_signing_secret": False,
                        "created_at": callback.json["created_at"], "last_used_at": None}
    assert way.api.get(CALLBACKS).must_be(200).json["results"] == [one.json]
    assert callback.secret not in one.body.decode()


def test_the_addresses_are_whole_where_the_public_url_is_known(private_stack):
    stack = private_stack(HALLPASS_PUBLIC_URL="https://bots.example.com")
    callback = TokenCallback(stack.create_project().api, stack.anonymous, "meetstream")
    assert callback.urls == {
        "obf_url": f"https://bots.example.com/callbacks/{callback.secret}/meetstream/obf",
        "zak_url": f"https://bots.example.com/callbacks/{callback.secret}/meetstream/zak"}
    no_token(callback.get("obf_url"), "meeting_not_named")


@pytest.mark.parametrize("fields, wrong", [
    ({}, "engine"), ({"engine": "vexa"}, "engine"), ({"engine": None}, "engine"), ({"engine": 1}, "engine"),
    ({"engine": "recall", "name": ""}, "name"), ({"engine": "recall", "name": "x" * 256}, "name"),
    ({"engine": "recall", "name": ["x"]}, "name"), ({"engine": "recall", "urls": {}}, "urls"),
    ({"engine": "recall", "secret": "x"}, "secret"),
    ({"engine": "recall", "signing_secret": "AAAA"}, "signing_secret"),
    ({"engine": "attendee", "signing_secret": ""}, "signing_secret"),
    ({"engine": "attendee", "signing_secret": "no base64!"}, "signing_secret"),
    ({"engine": "attendee", "signing_secret": "A" * 256}, "signing_secret"),
    ({"engine": "attendee", "signing_secret": 7}, "signing_secret")])
def test_a_wrong_field_is_named_and_nothing_is_made(way, fields, wrong):
    answer = way.api.post(CALLBACKS, json=fields).must_be(400)
    assert (answer.code, list(answer.fields)) == ("invalid_request", [wrong])
    assert way.api.get(CALLBACKS).json["results"] == []


def test_the_list_is_read_page_by_page(make, way):
    made = [make("recall").id for _ in range(5)]
    seen, url = [], f"{CALLBACKS}?page_size=2"
    while url:
        page = way.api.get(url).must_be(200).json
        seen += [each["id"] for each in page["results"]]
        url = page["next"]
    assert seen == made[::-1]
    for path in (CALLBACKS, f"{CALLBACKS}/{made[0]}/uses"):
        assert list(way.api.get(path, query={"engine": "recall"}).must_be(400).fields) == ["engine"]


def test_what_is_deleted_is_dead_at_once(make, way, meeting, zoom, host):
    callback = make("recall")
    callback.get("join_token_url", meeting_id=meeting["id"]).must_be(200)
    assert callback.revoke().must_be(200).json == {}
    assert callback.get("join_token_url", meeting_id=meeting["id"]).must_be(404).body == b"there is nothing at this address"
    assert len(minted(zoom, host, "local_recording")) == 1
    assert callback.revoke().must_be(404).code == "not_found"
    for path in ("", "/uses"):
        assert way.api.get(f"{CALLBACKS}/{callback.id}{path}").must_be(404).code == "not_found"


def test_another_project_sees_nothing_of_it(make, other_api, way):
    callback = make("recall")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/uses")):
        assert other_api.call(method, f"{CALLBACKS}/{callback.id}{path}").must_be(404).code == "not_found"
    assert other_api.get(CALLBACKS).json["results"] == []
    assert way.engine.get(CALLBACKS).must_be(401).code == "missing_api_key"
