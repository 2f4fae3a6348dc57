"""What a bot joins with: whatever happens, an answer that it can join with."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from support.time_travel import expire_access_token, write
from support.zoom_user import connect_user as connect
from zoom_simulator.client import ZoomSimulator

BOTS = "/api/v1/bots"
KEYS = ["join_flow", "join_flow_reason", "zoom_oauth_connection_id", "app_privilege_token",
        "app_privilege_token_expires_at", "onbehalf_token", "zak_token", "join_token", "zoom",
        "onbehalf_user_present"]
RECORDING_PATH = "/v2/meetings/*/jointoken/local_recording"


class Meeting:
    """A connected host, a meeting of theirs that is known, and a bot for it."""

    def __init__(self, api, zoom, host, **fields):
        self.api, self.zoom, self.host = api, zoom, host
        self.meeting = zoom.create_meeting(host.user_id, event=True)
        self.bot = make(api, self.meeting["join_url"], **fields)

    def tokens(self):
        return ask(self.api, self.bot)

    def minted(self, kind="local_recording"):
        return self.zoom.minted_tokens(client_id=self.host.client_id, kind=kind)

    def fault(self, **fields):
        return self.zoom.fault(client_id=self.host.client_id, path=RECORDING_PATH, **fields)


def make(api, link, **fields):
    return api.post(BOTS, json={"meeting_url": link} | fields).must_be(201).json


def ask(api, bot, **arguments):
    answer = api.post(f"{BOTS}/{bot['id']}/zoom_tokens", **arguments).must_be(200)
    assert list(answer.json) == KEYS
    return answer.json


def read(api, bot):
    return api.get(f"{BOTS}/{bot['id']}").must_be(200).json


def must_be_standard(tokens, reason):
    assert (tokens["join_flow"], tokens["join_flow_reason"]) == ("standard", reason)
    for name in ("app_privilege_token", "app_privilege_token_expires_at", "onbehalf_token",
                 "zak_token", "join_token"):
        assert tokens[name] is None
    return tokens


@pytest.fixture
def api(either_api):
    return either_api


@pytest.fixture
def meeting(api, zoom, connect_user):
    return Meeting(api, zoom, connect_user())


# The token flow

def test_the_host_mints_the_local_recording_token(meeting):
    asked_at = datetime.now(timezone.utc)
    tokens = meeting.tokens()
    (minted,) = meeting.minted()
    assert tokens == {
        "join_flow": "token", "join_flow_reason": None, "zoom_oauth_connection_id": meeting.host.id,
        "app_privilege_token": minted["token"],
        "app_privilege_token_expires_at": tokens["app_privilege_token_expires_at"],
        "onbehalf_token": None, "zak_token": None, "join_token": None, "zoom": None,
        "onbehalf_user_present": None}
    assert minted["meeting_id"] == meeting.meeting["id"] and minted["bypass_waiting_room"] is True
    expires_at = datetime.fromisoformat(tokens["app_privilege_token_expires_at"].replace("Z", "+00:00"))
    assert 110 < (expires_at - asked_at).total_seconds() < 121


def test_every_call_mints_anew(meeting):
    first, second = meeting.tokens(), meeting.tokens()
    assert first["app_privilege_token"] != second["app_privilege_token"]
    assert len(meeting.minted()) == 2


def test_asking_with_a_cached_access_token_costs_no_refresh(meeting):
    meeting.tokens()
    assert meeting.zoom.count_requests(client_id=meeting.host.client_id, grant_type="refresh_token") == 0


@pytest.mark.parametrize("arguments", [
    {}, {"json": {}}, {"json": {"unknown": 1}}, {"raw": b"{not json"}, {"raw": b"\xff", "headers": {"Content-Type": "x/y"}}])
def test_a_body_is_never_a_reason_to_fail(meeting, arguments):
    assert ask(meeting.api, meeting.bot, **arguments)["join_flow"] == "token"


def test_the_on_behalf_users_connection_mints_the_on_behalf_token(api, zoom, connect_user):
    host = connect_user(is_onbehalf_token_supported=True)
    meeting = Meeting(api, zoom, host, zoom_settings={
        "onbehalf_token": {"zoom_oauth_connection_user_id": host.user_id}})
    tokens = meeting.tokens()
    (onbehalf,) = meeting.minted("onbehalf")
    assert (tokens["join_flow"], tokens["onbehalf_token"]) == ("token", onbehalf["token"])
    assert onbehalf["meeting_id"] == meeting.meeting["id"] and onbehalf["user_id"] == host.user_id
    assert tokens["app_privilege_token"] == meeting.minted()[0]["token"]


def test_each_token_comes_from_whom_it_takes(api, zoom, connect_user):
    host = connect_user()
    inside = connect_user(like=host, is_onbehalf_token_supported=True)
    meeting = Meeting(api, zoom, host, zoom_settings={
        "onbehalf_token": {"zoom_oauth_connection_user_id": inside.user_id}})
    tokens = meeting.tokens()
    assert tokens["app_privilege_token"] == meeting.minted()[0]["token"]
    assert meeting.minted()[0]["user_id"] == host.user_id
    assert tokens["onbehalf_token"] == meeting.minted("onbehalf")[0]["token"]
    assert meeting.minted("onbehalf")[0]["user_id"] == inside.user_id
    assert tokens["zoom_oauth_connection_id"] == inside.id


def test_an_on_behalf_user_who_is_not_connected_costs_only_that_token(api, zoom, connect_user):
    meeting = Meeting(api, zoom, connect_user(), zoom_settings={
        "onbehalf_token": {"zoom_oauth_connection_user_id": "nobody"}})
    tokens = meeting.tokens()
    assert (tokens["join_flow"], tokens["join_flow_reason"]) == ("token", "onbehalf_user_not_connected")
    assert tokens["app_privilege_token"] and tokens["onbehalf_token"] is None


def test_an_on_behalf_token_needs_no_known_host(api, zoom, connect_user):
    inside = connect_user(is_onbehalf_token_supported=True)
    bot = make(api, "https://zoom.us/j/85512345678", zoom_settings={
        "onbehalf_token": {"zoom_oauth_connection_user_id": inside.user_id}})
    tokens = ask(api, bot)
    assert (tokens["join_flow"], tokens["app_privilege_token"]) == ("token", None)
    assert tokens["onbehalf_token"]


def zak_of(user_id):
    return {"zak_token": {"zoom_oauth_connection_user_id": user_id}}


def scopes_with(*scopes):
    return {"scopes": ["user:read:user", "meeting:read:list_meetings",
                       "meeting:read:local_recording_token", *scopes]}


@pytest.mark.parametrize("scope, path", [
    ("user:read:zak", "/v2/users/me/zak"), ("user_zak:read", "/v2/users/me/zak"),
    ("user:read:token", "/v2/users/me/token"), ("user:read", "/v2/users/me/token")])
def test_a_zak_is_minted_by_the_call_whose_scope_is_there(api, zoom, connect_user, scope, path):
    host = connect_user(app_fields=scopes_with(scope))
    meeting = Meeting(api, zoom, host, zoom_settings=zak_of(host.user_id))
    tokens = meeting.tokens()
    (zak,) = meeting.minted("zak")
    assert (tokens["join_flow"], tokens["join_flow_reason"]) == ("token", None)
    assert tokens["zak_token"] == zak["token"] and zak["user_id"] == host.user_id
    assert tokens["app_privilege_token"] and tokens["onbehalf_token"] is None
    asked = {path: zoom.count_requests(client_id=host.client_id, path=path)
             for path in ("/v2/users/me/zak", "/v2/users/me/token")}
    assert asked.pop(path) == 1 and set(asked.values()) == {0}


def test_a_zak_that_zoom_wants_another_scope_for_is_asked_for_the_other_way(api, zoom, connect_user):
    host = connect_user()
    meeting = Meeting(api, zoom, host, zoom_settings=zak_of(host.user_id))
    with zoom.fault(client_id=host.client_id, path="/v2/users/me/zak", status=400, times=None,
                    body='{"code":4711,"message":"Invalid access token, does not contain scopes:[x]"}'):
        assert meeting.tokens()["zak_token"] == meeting.minted("zak")[0]["token"]


def test_a_zak_is_minted_only_where_it_is_asked_for(api, zoom, connect_user):
    host = connect_user(is_onbehalf_token_supported=True)
    meeting = Meeting(api, zoom, host, zoom_settings={
        "onbehalf_token": {"zoom_oauth_connection_user_id": host.user_id}, "zak_token": None})
    assert meeting.tokens()["onbehalf_token"] and meeting.minted("zak") == []


def test_a_zak_needs_no_known_host_and_serves_alone(api, connect_user):
    host = connect_user(is_local_recording_token_supported=False)
    tokens = ask(api, make(api, "https://zoom.us/j/85512345678", zoom_settings=zak_of(host.user_id)))
    assert (tokens["join_flow"], tokens["zoom_oauth_connection_id"]) == ("token", host.id)
    assert tokens["zak_token"] and tokens["app_privilege_token"] is None


def test_without_the_scope_for_a_zak_zoom_is_not_asked(api, zoom, connect_user):
    host = connect_user(app_fields=scopes_with())
    meeting = Meeting(api, zoom, host, zoom_settings=zak_of(host.user_id))
    tokens = meeting.tokens()
    assert (tokens["join_flow"], tokens["join_flow_reason"]) == ("token", "missing_scopes")
    assert tokens["app_privilege_token"] and tokens["zak_token"] is None
    for path in ("/v2/users/me/zak", "/v2/users/me/token"):
        assert zoom.count_requests(client_id=host.client_id, path=path) == 0


def test_a_zak_of_somebody_who_is_not_connected_costs_only_the_zak(api, zoom, connect_user):
    tokens = Meeting(api, zoom, connect_user(), zoom_settings=zak_of("nobody")).tokens()
    assert (tokens["join_flow"], tokens["join_flow_reason"]) == ("token", "zak_user_not_connected")
    assert tokens["app_privilege_token"] and tokens["zak_token"] is None


def test_a_personal_link_is_joined_by_its_owners_personal_meeting_id(api, zoom, connect_user):
    host = connect_user(user_fields={"vanity_url": "https://us02web.zoom.us/my/grace.h"})
    tokens = ask(api, make(api, "https://zoom.us/my/grace.h"))
    (minted,) = zoom.minted_tokens(client_id=host.client_id)
    assert (tokens["app_privilege_token"], minted["meeting_id"]) == (minted["token"], host.user["pmi"])


@pytest.mark.parametrize("scopes, reason", [
    (["webinar:read:local_recording_token"], None), ([], "missing_scopes")])
def test_a_webinar_is_joined_too_where_the_app_may(api, zoom, connect_user, scopes, reason):
    host = connect_user(app_fields={"scopes": [
        "user:read:user", "meeting:read:list_meetings", "meeting:read:local_recording_token", *scopes]})
    webinar = zoom.create_meeting(host.user_id, event=True, is_webinar=True)
    bot = make(api, f"https://zoom.us/w/{webinar['id']}", zoom_oauth_connection_id=host.id)
    tokens = ask(api, bot)
    assert tokens["join_flow_reason"] == reason
    assert bool(tokens["app_privilege_token"]) == (reason is None)


@pytest.mark.parametrize("state", ["scheduled", "staged", "ready", "joining", "waiting_room",
                                   "joined_not_recording", "joined_recording", "leaving"])
def test_tokens_are_there_in_every_state_that_is_not_final(meeting, stack, state):
    write(stack, "UPDATE bots SET state = ? WHERE public_id = ?", state, meeting.bot["id"])
    assert meeting.tokens()["join_flow"] == "token"


# Decided anew

def test_the_flow_is_decided_anew_and_remembered(api, zoom, connect_user):
    host = connect_user()
    known_later = zoom.create_meeting(host.user_id)
    bot = make(api, known_later["join_url"])
    if bot["join_flow"] == "standard":  # unless the sync was faster
        assert bot["join_flow_reason"] == "no_connection_for_meeting"
    zoom.start_meeting(known_later["id"])
    assert ask(api, bot)["join_flow"] == "token"
    bot = read(api, bot)
    assert (bot["join_flow"], bot["join_flow_reason"]) == ("token", None)
    assert bot["zoom_oauth_connection_id"] == host.id


def test_a_meeting_that_is_nobodys_is_standard(api, connect_user):
    connect_user()
    bot = make(api, "https://zoom.us/j/85512345678")
    tokens = must_be_standard(ask(api, bot), "no_connection_for_meeting")
    assert tokens["zoom_oauth_connection_id"] is None and tokens["zoom"] is None


def test_a_revoked_user_is_standard_with_zooms_words_until_authorizing_again(meeting):
    host = meeting.host
    meeting.zoom.remove_grant(host.client_id, host.user_id, event=False)
    tokens = must_be_standard(meeting.tokens(), "connection_disconnected")
    assert tokens["zoom_oauth_connection_id"] == host.id
    assert tokens["zoom"]["code"] == "invalid_grant" and tokens["zoom"]["status"] == 400
    assert host.read()["state"] == "disconnected"
    assert read(meeting.api, meeting.bot)["join_flow_reason"] == "connection_disconnected"

    tokens = must_be_standard(meeting.tokens(), "connection_disconnected")
    assert tokens["zoom"] is None

    former = host.id
    host.authorize().must_be(201)
    assert host.id == former
    tokens = meeting.tokens()
    assert (tokens["join_flow"], tokens["zoom_oauth_connection_id"]) == ("token", former)
    assert read(meeting.api, meeting.bot)["join_flow"] == "token"


def test_a_decision_that_is_no_news_is_not_written(meeting):
    before = read(meeting.api, meeting.bot)
    meeting.tokens()
    assert read(meeting.api, meeting.bot) == before


# Whatever fails

def test_zooms_refusal_is_told_in_zooms_words(meeting, zoom):
    zoom.change_user(meeting.host.user_id, event=False, local_recording_allowed=False)
    tokens = must_be_standard(meeting.tokens(), "refused")
    assert tokens["zoom"]["status"] == 400 and tokens["zoom"]["code"] == "3000"
    assert "Not allowed to start local recording" in tokens["zoom"]["reason"]
    assert tokens["zoom"]["tracking_id"]
    assert read(meeting.api, meeting.bot)["join_flow_reason"] == "refused"


def test_a_meeting_that_zoom_does_not_know_is_told(api, zoom, connect_user):
    host = connect_user()
    bot = make(api, "https://zoom.us/j/85512345678", zoom_oauth_connection_id=host.id)
    tokens = must_be_standard(ask(api, bot), "not_found")
    assert (tokens["zoom"]["status"], tokens["zoom"]["code"]) == (404, "3001")


@pytest.mark.parametrize("fault, reason", [
    ({"status": 500}, "unavailable"),
    ({"status": 503, "retry_after": "seconds"}, "unavailable"),
    ({"status": 429, "rate_limit": "per_second"}, "rate_limited"),
    ({"status": 429, "retry_after": "iso8601"}, "rate_limited"),
    ({"html": True}, "unavailable"),
    ({"broken_json": True}, "unavailable"),
    ({"truncate_bytes": 10}, "unavailable"),
    ({"huge_bytes": 30_000_000}, "unavailable"),
    ({"drop": "before"}, "unavailable"),
    ({"drop": "after"}, "unavailable"),
    ({"status": 200, "body": "{}"}, "unavailable"),
    ({"status": 200, "body": '{"token": 5, "expire_in": "x"}'}, "unavailable"),
    ({"status": 403, "body": '{"code": 1, "message": "no"}'}, "refused"),
])
def test_zooms_trouble_is_standard_and_harms_nobody(meeting, fault, reason):
    with meeting.fault(times=None, **fault):
        must_be_standard(meeting.tokens(), reason)
    assert meeting.host.read()["state"] == "connected"
    assert meeting.tokens()["join_flow"] == "token"


def test_one_token_of_two_is_better_than_none(api, zoom, connect_user):
    host = connect_user(is_onbehalf_token_supported=True)
    meeting = Meeting(api, zoom, host, zoom_settings={
        "onbehalf_token": {"zoom_oauth_connection_user_id": host.user_id}})
    with meeting.fault(status=500, times=None):
        tokens = meeting.tokens()
    assert (tokens["join_flow"], tokens["join_flow_reason"]) == ("token", "unavailable")
    assert tokens["onbehalf_token"] and tokens["app_privilege_token"] is None
    assert tokens["zoom"]["status"] == 500


def test_a_refused_client_secret_is_told_and_no_user_is_disconnected(meeting, zoom, stack):
    host = meeting.host
    zoom.change_app(host.client_id, client_secret="another-secret-of-zooms")
    expire_access_token(stack, host.id)
    must_be_standard(meeting.tokens(), "app_credentials_invalid")
    assert host.read()["state"] == "connected"


@pytest.mark.parametrize("state", ["ended", "fatal_error", "data_deleted"])
def test_a_bot_that_is_done_gets_no_tokens(meeting, stack, state):
    write(stack, "UPDATE bots SET state = ? WHERE public_id = ?", state, meeting.bot["id"])
    must_be_standard(meeting.tokens(), "bot_has_ended")
    assert meeting.minted() == []


def test_an_unknown_bot_is_not_found(api, other_api, meeting):
    for caller, bot_id in ((api, "bot_00000000000000000000"), (other_api, meeting.bot["id"])):
        assert caller.post(f"{BOTS}/{bot_id}/zoom_tokens").must_be(404).code == "not_found"
    assert meeting.minted() == []


# Time, load and the database

def test_a_held_database_does_not_keep_a_bot_from_its_tokens(meeting, stack):
    with stack.database.held():
        assert meeting.tokens()["join_flow"] == "token"


def test_tokens_are_handed_out_even_if_the_decision_cannot_be_remembered(meeting, stack):
    write(stack, "UPDATE bots SET join_flow = 'standard' WHERE public_id = ?", meeting.bot["id"])
    with stack.database.held():
        assert meeting.tokens()["join_flow"] == "token"
    assert read(meeting.api, meeting.bot)["join_flow"] == "standard"


def test_a_refresh_that_a_held_database_prevents_is_standard(meeting, stack):
    expire_access_token(stack, meeting.host.id)
    with stack.database.held():
        must_be_standard(meeting.tokens(), "database_busy")
    assert meeting.tokens()["join_flow"] == "token"


def test_many_bots_at_once_all_get_their_own_tokens(project, connect_user, zoom):
    meeting = Meeting(project.api, zoom, connect_user())
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: meeting.tokens(), range(24)))
    assert {tokens["join_flow"] for tokens in answers} == {"token"}
    assert len({tokens["app_privilege_token"] for tokens in answers}) == 24


def test_a_slow_zoom_is_answered_for_in_time(private_stack, zoom):
    timeout_s = 4
    api = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=timeout_s * 1000).create_project().api
    host = connect(api, zoom, is_onbehalf_token_supported=True)
    meeting = Meeting(api, zoom, host, zoom_settings={
        "onbehalf_token": {"zoom_oauth_connection_user_id": host.user_id}})
    with zoom.fault(client_id=host.client_id, path="/v2/*token*", hold="before", times=None):
        started = time.monotonic()
        must_be_standard(meeting.tokens(), "timeout")
        assert time.monotonic() - started < 1.9 * timeout_s  # the two tokens together
    assert meeting.tokens()["join_flow"] == "token"
    with meeting.fault(byte_delay_ms=200, times=None):
        started = time.monotonic()
        tokens = meeting.tokens()
        assert time.monotonic() - started < 1.9 * timeout_s
    assert (tokens["join_flow_reason"], tokens["app_privilege_token"]) == ("timeout", None)


def test_a_slow_zoom_is_answered_for_in_time_though_the_database_is_held_as_well(private_stack, zoom):
    """The decision is not remembered then, for a commit may be waited for as long again as there was for Zoom."""
    stack = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=2000)
    api = stack.create_project().api
    meeting = Meeting(api, zoom, connect(api, zoom))
    with meeting.fault(hold="before"), stack.database.held():
        started = time.monotonic()
        must_be_standard(meeting.tokens(), "timeout")
        assert time.monotonic() - started < 3.5
    assert read(api, meeting.bot)["join_flow"] == "token"


def test_a_slow_zoom_keeps_nothing_waiting_that_needs_no_zoom(private_stack, zoom):
    api = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=20000).create_project().api
    meeting = Meeting(api, zoom, connect(api, zoom))
    who = {"client_id": meeting.host.client_id, "path": RECORDING_PATH}
    with ThreadPoolExecutor(80) as pool, meeting.fault(hold="before", times=None):  # threads: 64
        waiting = [pool.submit(meeting.tokens) for _ in range(80)]
        zoom.wait_for_requests(48, state="in_flight", **who)
        for _ in range(20):
            read(api, meeting.bot)
        assert not any(each.done() for each in waiting)
    assert {each.result()["join_flow"] for each in waiting} == {"token"}


def test_a_zoom_that_cannot_be_reached_is_standard(private_stack):
    with ZoomSimulator.start() as gone:
        stack = private_stack(HALLPASS_ZOOM_OAUTH_URL=gone.oauth_url, HALLPASS_ZOOM_API_URL=gone.api_url)
        api = stack.create_project().api
        meeting = Meeting(api, gone, connect(api, gone))
    tokens = must_be_standard(meeting.tokens(), "unavailable")
    assert tokens["zoom"]["status"] is None and tokens["zoom"]["reason"]
