"""Token callbacks: what each bot engine calls, field by field, and what it must never be given."""

import base64
import json
import os
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.joiner import make_joiner
from support.time_travel import DAY, expire_access_token, make_clean_up_due, now, of_connection, write
from support.token_callback import CALLBACKS, TokenCallback, attendee_body, attendee_signature
from support.waiting import wait_until
from support.zoom_user import connect_user

TEXT = "text/plain; charset=utf-8"
UNKNOWN_MEETING = "85512345678"
# Every address that answers with a token as plain text: (engine, address, kind of token at the simulator).
TEXTS = [
    ("recall", "join_token_url", "local_recording"), ("recall", "zak_url", "zak"),
    ("recall", "obf_token_url", "onbehalf"), ("meeting_baas", "obf_token_url", "onbehalf"),
    ("meeting_baas", "zak_token_url", "zak"), ("meetstream", "obf_url", "onbehalf"),
    ("meetstream", "zak_url", "zak")]
PATHS = {
    "attendee": {"zoom_tokens_url": "attendee"},
    "recall": {"join_token_url": "recall/join_token", "zak_url": "recall/zak", "obf_token_url": "recall/obf",
               "access_token_callback_url": "recall/access_token"},
    "meeting_baas": {"obf_token_url": "meeting_baas/obf", "zak_token_url": "meeting_baas/zak"},
    "meetstream": {"obf_url": "meetstream/obf", "zak_url": "meetstream/zak"}}


@pytest.fixture(params=["fastcgi", "cgi"])
def way(request, stack, project):
    """The same case twice: through nginx and FastCGI, and as plain CGI."""
    if request.param == "fastcgi":
        return types.SimpleNamespace(api=project.api, engine=stack.anonymous)
    return types.SimpleNamespace(api=project.cgi_api, engine=stack.cgi_api(None))


@pytest.fixture
def make(way):
    return lambda engine, **fields: TokenCallback(way.api, way.engine, engine, **fields)


@pytest.fixture
def host(connect_user):
    return connect_user(is_onbehalf_token_supported=True, deduplication_key="the host")


@pytest.fixture
def meeting(zoom, host):
    return zoom.create_meeting(host.user_id, event=True)


def minted(zoom, host, kind):
    return zoom.minted_tokens(client_id=host.client_id, kind=kind)


def no_token(answer, reason):
    assert answer.must_be(404).headers["content-type"] == TEXT
    assert answer.body.decode() == f"there is no token: {reason}"
    assert "retry-after" not in answer.headers


# Making, listing, revoking

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


# Who may call

def test_another_projects_address_gives_no_token_of_ours(stack, way, zoom, host, meeting):
    other = stack.create_project("others")
    theirs = {engine: TokenCallback(other.api, way.engine, engine) for engine in PATHS}
    for named in ({}, {"zoom_user_id": host.user_id}, {"zoom_oauth_connection_id": host.id},
                  {"deduplication_key": "the host"}):
        reason = "connection_not_found" if named else "no_connection_for_meeting"
        for engine, name, _ in TEXTS:
            no_token(theirs[engine].get(name, meeting_id=meeting["id"], **named), reason)
        no_token(theirs["recall"].get("access_token_callback_url", meeting_id=meeting["id"], **named), reason)
        body = attendee_body(meeting["join_url"], named)
        assert theirs["attendee"].post("zoom_tokens_url", body).must_be(200).json == {}
    assert zoom.minted_tokens(client_id=host.client_id) == []
    assert all(use["zoom_oauth_connection_id"] is None for use in theirs["recall"].uses())


@pytest.mark.parametrize("secret", ["x", "0" * 43, "%2e%2e", "x" * 4000])
def test_an_unknown_secret_is_not_found_whatever_follows_it(way, stack, secret):
    before = stack.database.value("SELECT count(*) FROM token_callback_uses")
    for paths in PATHS.values():
        for path in paths.values():
            method = "POST" if path == "attendee" else "GET"
            answer = way.engine.call(method, f"/callbacks/{secret}/{path}", raw=b"{" if method == "POST" else None)
            answer.must_be(404)
            assert "retry-after" not in answer.headers
    for path in ("", "/", "/x", "/recall", "/recall/zak/x", "/attendee/x"):
        way.engine.get(f"/callbacks/{secret}{path}").must_be(404)
    assert stack.database.value("SELECT count(*) FROM token_callback_uses") == before


def test_where_the_database_cannot_be_opened_an_engine_is_told_no_more_than_that(stack, tmp_path):
    engine = stack.cgi_api(None, HALLPASS_DATABASE=str(tmp_path / "no.db"))
    for path in (path for engine_, paths in PATHS.items() if engine_ != "attendee" for path in paths.values()):
        answer = engine.get(f"/callbacks/{'x' * 43}/{path}").must_be(503)
        assert answer.headers["content-type"] == TEXT and "retry-after" not in answer.headers
        assert str(tmp_path) not in answer.body.decode()  # which is the operator's to know
    assert f"{tmp_path}/no.db" in stack.logs()


def test_a_secret_that_is_no_text_is_not_found(anonymous):
    for secret in ("%ff%fe", "%20", "%2F"):
        anonymous.get(f"/callbacks/{secret}/recall/zak").must_be(404)


def test_a_secret_opens_its_own_engines_addresses_only(make, way, meeting, zoom, host):
    for engine in PATHS:
        callback = make(engine)
        for other, paths in PATHS.items():
            for path in paths.values() if other != engine else ():
                method = "POST" if path == "attendee" else "GET"
                way.engine.call(method, f"/callbacks/{callback.secret}/{path}?meeting_id={meeting['id']}",
                                json={} if method == "POST" else None).must_be(404)
        assert callback.uses() == []
    assert zoom.minted_tokens(client_id=host.client_id) == []


@pytest.mark.parametrize("engine", PATHS)
def test_head_and_other_methods_mint_nothing(make, way, meeting, zoom, host, engine):
    callback = make(engine)
    for name, path in PATHS[engine].items():
        served = {"attendee": "POST", "meetstream": "GET, POST"}.get(engine, "GET")
        for method in {"HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "GET", "POST"} - set(served.split(", ")):
            answer = way.engine.call(method, f"{callback.path(name)}?meeting_id={meeting['id']}")
            assert answer.must_be(405).headers["allow"] == served
    assert zoom.minted_tokens(client_id=host.client_id) == []
    assert callback.uses() == []


def test_a_link_checker_that_comes_often_costs_nothing(make, way, meeting, zoom, host):
    callback = make("recall")
    for _ in range(20):
        way.engine.call("HEAD", callback.path("zak_url")).must_be(405)
        no_token(callback.get("zak_url"), "meeting_not_named")
    assert zoom.count_requests(client_id=host.client_id, path="/v2/users/me/zak") == 0


# Plain text: the token alone

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


def test_an_answer_comes_within_the_time_for_one_call_to_zoom(private_stack, zoom):
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=700)
    project = stack.create_project()
    host = connect_user(project.api, zoom, is_onbehalf_token_supported=True)
    meeting = zoom.create_meeting(host.user_id, event=True)
    callback = TokenCallback(project.api, stack.anonymous, "attendee")
    with zoom.fault(client_id=host.client_id, path="/v2/*", delay_ms=60_000, times=None):
        started = now()
        assert callback.post("zoom_tokens_url", attendee_body(meeting["join_url"])).must_be(200).json == {}
    assert now() - started < 3_000_000
    assert callback.uses()[0]["outcome"] == "timeout"


def test_however_long_zoom_may_take_an_engine_is_answered_while_it_waits(private_stack, zoom):
    """Meeting BaaS gives up after 15 s, and of Recall.ai and MeetStream nobody has said."""
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=60_000)
    project = stack.create_project()
    host = connect_user(project.api, zoom, is_onbehalf_token_supported=True)
    callbacks = [TokenCallback(project.api, stack.anonymous, engine) for engine in ("recall", "meeting_baas", "meetstream")]

    def fetch(callback):
        started = now()
        name = next(name for name in callback.urls if "obf" in name)
        no_token(callback.get(name, zoom_user_id=host.user_id), "timeout")
        return now() - started

    with zoom.fault(client_id=host.client_id, path="/v2/users/me/token", delay_ms=120_000, times=None):
        with ThreadPoolExecutor(3) as pool:
            assert max(pool.map(fetch, callbacks)) < 14_000_000


def test_an_engine_that_waits_no_longer_cuts_no_refresh_off(private_stack, zoom):
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=60_000)
    project = stack.create_project()
    joiner = make_joiner(stack, zoom, project.api)
    refreshed_at = joiner.read()["last_token_refresh_at"]
    callback = TokenCallback(project.api, stack.anonymous, "recall")
    expire_access_token(stack, joiner.id)
    with joiner.spoil_refresh(hold="after") as fault:
        no_token(callback.get("join_token_url", meeting_url=joiner.meeting["join_url"],
                              zoom_oauth_connection_id=joiner.id), "timeout")
        time.sleep(0.5)  # for a call that would end when the engine's patience does
        zoom.release_fault(fault["id"])
        joiner.wait_for_refresh_after(refreshed_at)
    assert joiner.joins()
    assert joiner.refreshes() == 1


# Recall.ai's access token

def test_an_access_token_is_shared_and_lives_long_enough(make, stack, zoom, host, secrets):
    recall = make("recall")
    answers = [recall.get("access_token_callback_url", zoom_user_id=host.user_id).must_be(200) for _ in range(2)]
    token = answers[0].body.decode()
    secrets.add("access_token", token, in_answers=True)
    assert answers[1].body.decode() == token and answers[0].headers["content-type"] == TEXT
    assert token in [each["token"] for each in host.grant()["access_tokens"]]
    assert zoom.count_requests(client_id=host.client_id, grant_type="refresh_token") == 0
    assert recall.uses()[0]["tokens"] == ["access_token"]


@pytest.mark.parametrize("lifetime_s, left_s, is_renewed", [
    (3600, 200, False), (3600, 175, True), (3600, 119, True), (400, 160, False), (400, 140, True), (400, 110, True)])
def test_an_access_token_with_little_life_left_is_renewed(make, stack, zoom, host, secrets, lifetime_s, left_s,
                                                          is_renewed):
    of_connection(stack, "UPDATE zoom_oauth_credentials SET access_token_issued_at = ?,"
                  " access_token_expires_at = ? WHERE connection_id = ?", host.id,
                  now() - (lifetime_s - left_s) * 1_000_000, now() + left_s * 1_000_000)
    answer = make("recall").get("access_token_callback_url", zoom_oauth_connection_id=host.id).must_be(200)
    secrets.add("access_token", answer.body.decode(), in_answers=True)
    assert zoom.count_requests(client_id=host.client_id, grant_type="refresh_token") == int(is_renewed)
    expires_at = stack.database.value("SELECT access_token_expires_at FROM zoom_oauth_credentials t"
                                      " JOIN zoom_oauth_connections c ON c.id = t.connection_id"
                                      " WHERE c.public_id = ?", host.id)
    assert expires_at - now() > 120_000_000


def test_an_access_token_that_zoom_refuses_to_renew_is_404(make, stack, zoom, host):
    zoom.remove_grant(host.client_id, host.user_id, event=False)
    expire_access_token(stack, host.id)
    recall = make("recall")
    no_token(recall.get("access_token_callback_url", zoom_oauth_connection_id=host.id), "connection_disconnected")
    no_token(recall.get("access_token_callback_url"), "meeting_not_named")
    assert host.read()["state"] == "disconnected"


# Meeting BaaS

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


# MeetStream

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


# Attendee

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


# Attendee's signature

SIGNING_SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # of the published example


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


def test_a_body_of_attendees_that_is_none_is_refused_as_json(make):
    callback = make("attendee")
    for body, status, code in ((b"", 400, "invalid_json"), (b"[]", 400, "invalid_json"), (b"\xff", 400, "invalid_json")):
        assert callback.post("zoom_tokens_url", body).must_be(status).code == code
    assert callback.post("zoom_tokens_url", b"{}", {"Content-Type": "text/plain"}).must_be(415).code
    assert len(callback.uses()) == 4


# What is remembered

def test_uses_are_listed_newest_first_and_page_by_page(make, way):
    callback = make("recall")
    for number in range(5):
        no_token(callback.get("zak_url", meeting_id=f"8551234567{number}"), "no_connection_for_meeting")
    seen, url = [], f"{CALLBACKS}/{callback.id}/uses?page_size=2"
    while url:
        page = way.api.get(url).must_be(200).json
        seen += [use["meeting_id"][-1] for use in page["results"]]
        url = page["next"]
    assert seen == list("43210")


def test_uses_are_forgotten_after_ninety_days(make, stack):
    callback = make("recall")
    for _ in range(2):
        callback.get("zak_url").must_be(404)
    row = stack.database.value("SELECT id FROM token_callbacks WHERE public_id = ?", callback.id)
    assert write(stack, "UPDATE token_callback_uses SET used_at = ? WHERE callback_id = ? AND number = 1",
                 now() - 91 * DAY, row) == 1
    assert write(stack, "UPDATE token_callback_uses SET used_at = ? WHERE callback_id = ? AND number = 2",
                 now() - 89 * DAY, row) == 1
    make_clean_up_due(stack)
    wait_until(lambda: len(callback.uses()) == 1)


def test_many_calls_at_once_each_have_their_own_token(project, stack, zoom, host, meeting):
    callback = TokenCallback(project.api, stack.anonymous, "recall")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: callback.get("join_token_url", meeting_id=meeting["id"]).must_be(200).body,
                                range(32)))
    assert len(set(answers)) == 32 and len(minted(zoom, host, "local_recording")) == 32
    assert stack.database.value("SELECT use_count FROM token_callbacks WHERE public_id = ?", callback.id) == 32


def test_a_held_database_keeps_nobody_from_a_token(make, stack, meeting):
    callback = make("recall")
    with stack.database.held():
        callback.get("join_token_url", meeting_id=meeting["id"]).must_be(200)
    assert callback.uses() == []


def test_the_log_has_the_route_and_not_the_secret(make, stack, meeting):
    callback = make("recall")
    callback.get("join_token_url", meeting_id=meeting["id"]).must_be(200)
    no_token(callback.get("zak_url", meeting_id=UNKNOWN_MEETING), "no_connection_for_meeting")
    logs = wait_until(lambda: (logs := stack.logs()) and '"route":"/callbacks/:secret/recall/zak"' in logs and logs)
    assert callback.secret not in logs
