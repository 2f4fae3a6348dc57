"""From an authorization code to a connection over HTTP, whatever goes wrong on the way."""

import base64
import hashlib
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.processes import kill
from support.time_travel import make_sync_due, now, pieces, ring, write
from support.waiting import wait_until
from support.zoom_user import REDIRECT_URI, ConnectedUser, register_app as register_app_of

CONNECTIONS = "/api/v1/zoom_oauth_connections"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

RECORDING_SCOPES = ["user:read:user", "meeting:read:list_meetings", "meeting:read:local_recording_token"]
ONBEHALF_SCOPES = ["user:read:user", "user:read:token"]


@pytest.fixture
def new_user(api, zoom, register_app):
    """A user who has not authorized the app yet; `like` shares the app."""
    def make(like=None, **user_fields):
        app, registered = (like.app, like.registered) if like else register_app()
        return ConnectedUser(api, zoom, app, registered, zoom.create_user(**user_fields))
    return make


def post_code(api, user, code, **fields):
    return api.post(CONNECTIONS, json={
        "zoom_oauth_app_id": user.app_id, "authorization_code": code, "redirect_uri": REDIRECT_URI} | fields)


def exchanges(zoom, user, **filters):
    return zoom.count_requests(client_id=user.client_id, grant_type="authorization_code", **filters)


def connections_of(project):
    return project.stack.database.rows(
        "SELECT * FROM zoom_oauth_connections WHERE project_id = ? ORDER BY id", project.row_id)


def must_have_working_credentials(user, connection_id):
    """Zoom takes what is stored, and it is the newest grant's."""
    answer = user.api.post(f"{CONNECTIONS}/{connection_id}/refresh").must_be(200).json
    assert answer["state"] == "connected"
    assert user.grant()["refreshes"] == 1
    return answer


# The good way

def test_a_new_authorization_becomes_a_connection(new_user, api):
    user = new_user()
    made = user.authorize(metadata={"plan": "gold"}, deduplication_key="customer-7").must_be(201).json
    assert re.fullmatch("zoauth_[0-9A-Za-z]{16,}", made["id"])
    assert sorted(made.pop("scopes")) == sorted(user.app["scopes"])
    for name in ("created_at", "updated_at", "last_token_refresh_at"):
        assert TIME.fullmatch(made[name]), name
    assert made == {
        "id": made["id"], "zoom_oauth_connection_id": made["id"], "zoom_oauth_app_id": user.app_id,
        "user_id": user.user_id, "account_id": user.user["account_id"], "email": user.user["email"],
        "deduplication_key": "customer-7", "state": "connected", "connection_failure_data": None,
        "metadata": {"plan": "gold"}, "is_local_recording_token_supported": True,
        "is_onbehalf_token_supported": False, "created_at": made["created_at"],
        "updated_at": made["updated_at"], "last_token_refresh_at": made["last_token_refresh_at"],
        "last_successful_sync_at": None, "last_attempted_sync_at": made["last_attempted_sync_at"]}
    assert user.read()["id"] == made["id"]
    must_have_working_credentials(user, made["id"])


def test_what_is_left_out_has_its_default(new_user):
    made = new_user().authorize().must_be(201).json
    assert (made["metadata"], made["deduplication_key"]) == ({}, None)
    assert (made["is_local_recording_token_supported"], made["is_onbehalf_token_supported"]) == (True, False)


def test_a_meeting_sync_starts_at_once(new_user, api, zoom):
    user = new_user()
    meetings = {meeting["id"] for meeting in zoom.create_meetings(user.user_id, 3)["meetings"]}
    user.authorize().must_be(201)
    wait_until(lambda: user.read()["last_successful_sync_at"])
    known = api.get(f"{CONNECTIONS}/{user.id}/meetings").must_be(200).json["results"]
    assert {int(meeting["meeting_id"]) for meeting in known} == meetings


def test_authorizing_again_keeps_the_id_and_takes_the_new_credentials(new_user, project):
    user = new_user()
    first = user.authorize(metadata={"a": 1}, deduplication_key="k").must_be(201).json
    second = user.authorize(is_onbehalf_token_supported=True).must_be(201).json
    assert second["id"] == first["id"]
    assert (second["created_at"], second["metadata"], second["deduplication_key"]) == (
        first["created_at"], {"a": 1}, "k")
    assert (second["is_onbehalf_token_supported"], first["is_onbehalf_token_supported"]) == (True, False)
    assert user.authorize(metadata={"b": 2}).must_be(201).json["metadata"] == {"b": 2}
    assert len(connections_of(project)) == 1
    must_have_working_credentials(user, first["id"])


def test_authorizing_again_connects_what_was_disconnected(new_user, api, zoom):
    user = new_user()
    first = user.authorize().must_be(201).json
    zoom.remove_grant(user.client_id, user.user_id, event=False)
    assert api.post(f"{CONNECTIONS}/{user.id}/refresh").must_be(200).json["state"] == "disconnected"
    again = user.authorize().must_be(201).json
    assert (again["id"], again["state"], again["connection_failure_data"]) == (first["id"], "connected", None)
    must_have_working_credentials(user, first["id"])


def test_one_zoom_user_has_a_connection_per_app(connect_user, project):
    first = connect_user()
    second = connect_user(user=first.user)
    assert first.id != second.id and first.read()["state"] == second.read()["state"] == "connected"
    assert len(connections_of(project)) == 2


@pytest.mark.parametrize("method", ["S256", "plain"])
def test_a_code_of_pkce_needs_its_verifier(method, new_user, api, zoom):
    user, verifier = new_user(), "verifier-0123456789-0123456789-0123456789-abc"
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=") if method == "S256" else verifier
    code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI, code_challenge=challenge,
                          code_challenge_method=method)["code"]
    for wrong in ({}, {"code_verifier": "wrong-" + verifier}):
        answer = post_code(api, user, code, **wrong)
        assert (answer.status, answer.code) == (400, "authorization_failed")
    post_code(api, user, code, code_verifier=verifier).must_be(201)


# Which app

def test_the_app_may_be_left_out_where_there_is_exactly_one(api, zoom, register_app):
    code = {"authorization_code": "some-code-0123456789", "redirect_uri": REDIRECT_URI}
    answer = api.post(CONNECTIONS, json=code).must_be(400)
    assert answer.code == "no_zoom_oauth_app"

    app, registered = register_app()
    good = zoom.authorize(app["client_id"], zoom.create_user()["id"], redirect_uri=REDIRECT_URI)["code"]
    made = api.post(CONNECTIONS, json=code | {"authorization_code": good}).must_be(201).json
    assert made["zoom_oauth_app_id"] == registered["id"]

    register_app()
    answer = api.post(CONNECTIONS, json=code).must_be(400)
    assert answer.code == "several_zoom_oauth_apps"
    assert "zoom_oauth_app_id" in answer.json["error"]


@pytest.mark.parametrize("is_named, code", [(True, "invalid_request"), (False, "no_zoom_oauth_app")])
def test_an_app_that_is_deleted_while_zoom_is_asked_is_the_same_as_none(is_named, code, new_user, api, zoom):
    user = new_user()
    named = {} if is_named else {"zoom_oauth_app_id": None}
    with zoom.fault(client_id=user.client_id, path="/v2/users/me", hold="before") as fault:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(user.authorize, **named)
            wait_until(lambda: zoom.get_fault(fault["id"])["hits"], what="the question who the user is")
            api.delete(f"/api/v1/zoom_oauth_apps/{user.app_id}").must_be(200)
            zoom.release_fault(fault["id"])
            refused = answer.result().must_be(400)
    assert refused.code == code
    assert not is_named or refused.fields == {"zoom_oauth_app_id": "names no app of this project"}


def test_another_projects_app_is_the_same_as_none(other_api, api, zoom, new_user):
    user = new_user()
    code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
    answer = post_code(other_api, user, code).must_be(400)
    assert set(answer.fields) == {"zoom_oauth_app_id"}
    assert exchanges(zoom, user) == 0
    post_code(api, user, code).must_be(201)


# The same code again

def test_the_same_code_again_returns_the_first_answer(new_user, api, zoom):
    user = new_user()
    first = user.authorize(metadata={"a": 1}).must_be(201)
    api.patch(f"{CONNECTIONS}/{user.id}", json={"metadata": {"a": 2}}).must_be(200)
    again = post_code(api, user, user.code, metadata={"a": 3})
    assert (again.status, again.body) == (201, first.body)
    assert user.read()["metadata"] == {"a": 2}
    assert exchanges(zoom, user) == 1


def test_a_refusal_for_good_is_the_first_answer_too(new_user, api, zoom):
    user = new_user(status="pending")
    first = user.authorize().must_be(400)
    zoom.activate_user(user.user_id, event=False)
    again = post_code(api, user, user.code)
    assert (again.status, again.body) == (400, first.body)
    assert exchanges(zoom, user) == 1
    assert user.authorize().status == 201


def test_the_same_code_is_exchanged_once_however_many_post_it_at_once(new_user, api, cgi, zoom):
    """Two threads of a responder, and another process."""
    user = new_user()
    code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
    body = {"zoom_oauth_app_id": user.app_id, "authorization_code": code, "redirect_uri": REDIRECT_URI}
    with zoom.fault(client_id=user.client_id, path="/oauth/token", grant_type="authorization_code",
                    delay_ms=300, times=None), ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(api.post, CONNECTIONS, json=body) for _ in range(2)]
        calls.append(threads.submit(cgi, "zoom_oauth_connections", "POST", CONNECTIONS, body))
        answers = [call.result().must_be(201) for call in calls]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert exchanges(zoom, user) == 1
    must_have_working_credentials(user, answers[0].json["id"])


def test_who_posts_a_code_that_another_still_works_on_is_told_to_come_again(new_user, api, project, stack, zoom):
    user = new_user()
    code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
    hasty = stack.cgi_api(project.key, HALLPASS_ZOOM_TIMEOUT_MS="200")
    with ThreadPoolExecutor(1) as pool:
        with zoom.fault(client_id=user.client_id, path="/v2/users/me", hold="before"):
            first = pool.submit(post_code, api, user, code)
            zoom.wait_for_requests(1, client_id=user.client_id, path="/v2/users/me", state="in_flight")
            told = post_code(hasty, user, code).must_be(409)
        assert (told.code, told.headers["retry-after"]) == ("authorization_in_progress", "1")
        made = first.result().must_be(201).json
    assert post_code(hasty, user, code).must_be(201).json["id"] == made["id"]
    assert exchanges(zoom, user) == 1


# What the user granted, and who the user is

@pytest.mark.parametrize("fields, granted, missing", [
    ({}, ["user:read:user"], RECORDING_SCOPES[1:]),
    ({}, ONBEHALF_SCOPES, RECORDING_SCOPES[1:]),
    ({}, ["user:read", "meeting:read"], RECORDING_SCOPES[2:]),
    ({}, ["user:read:user", "meeting:read:list_meetings:extra", "meeting:read:local_recording_token"],
     RECORDING_SCOPES[1:2]),
    ({"is_onbehalf_token_supported": True}, RECORDING_SCOPES, ["user:read:token"]),
    ({"is_onbehalf_token_supported": True, "is_local_recording_token_supported": False},
     RECORDING_SCOPES, ["user:read:token"]),
    ({"is_local_recording_token_supported": False}, ["meeting:read"], ["user:read:user"]),
    ({}, ["meeting:read"], ["user:read:user", "meeting:read:local_recording_token"]),
])
def test_missing_scopes_are_listed_by_their_granular_names(fields, granted, missing, new_user, project, zoom):
    user = new_user()
    answer = user.authorize(scopes=granted, **fields).must_be(400)
    assert answer.code == "missing_scopes"
    assert answer.json["details"]["missing_scopes"] == missing
    assert all(scope in answer.json["error"] for scope in missing)
    assert connections_of(project) == []
    again = post_code(project.api, user, user.code, **fields)
    assert (again.status, again.body, exchanges(zoom, user)) == (400, answer.body, 1)


@pytest.mark.parametrize("fields, granted", [
    ({}, RECORDING_SCOPES),
    ({}, [scope + ":admin" for scope in RECORDING_SCOPES]),
    ({}, ["user:read", "meeting:read", "meeting_token:read:local_recording"]),
    ({}, ["user:read:admin", "meeting:read:admin", "meeting_token:read:admin:local_recording"]),
    ({"is_onbehalf_token_supported": True, "is_local_recording_token_supported": False}, ONBEHALF_SCOPES),
    ({"is_onbehalf_token_supported": True, "is_local_recording_token_supported": False}, ["user:read"]),
    ({"is_local_recording_token_supported": False}, ["user:read:user"]),
])
def test_granular_and_classic_scopes_are_taken(fields, granted, new_user):
    assert new_user().authorize(scopes=granted, **fields).must_be(201).json["scopes"] == granted


def test_too_few_scopes_of_a_known_user_still_leave_the_new_credentials(new_user, project):
    user = new_user()
    first = user.authorize(metadata={"a": 1}).must_be(201).json
    refused = user.authorize(scopes=["user:read:user"], metadata={"a": 2}).must_be(400)
    assert refused.code == "missing_scopes"
    now = must_have_working_credentials(user, first["id"])
    # The settings of a refused request do not count; what Zoom granted does.
    assert (now["metadata"], now["scopes"]) == ({"a": 1}, ["user:read:user"])


def test_scopes_that_zoom_does_not_name_are_no_missing_scopes(new_user, zoom):
    user = new_user()
    zoom.change_app(user.client_id, names_scopes=False)
    made = user.authorize().must_be(201).json
    assert made["scopes"] == []
    must_have_working_credentials(user, made["id"])


def test_scopes_that_zoom_does_not_name_again_are_taken_to_be_as_they_were(new_user, zoom):
    user = new_user()
    named = user.authorize().must_be(201).json["scopes"]
    zoom.change_app(user.client_id, names_scopes=False)
    assert named and user.authorize().must_be(201).json["scopes"] == named


def test_a_scope_of_nothing_is_missing_scopes(new_user):
    assert new_user().authorize(scopes=[]).must_be(400).code == "missing_scopes"


def test_scopes_that_zoom_named_at_the_exchange_stay_known_where_the_tokens_are_renewed(new_user, zoom):
    """An access token that Zoom does not take is renewed before anything is settled."""
    user = new_user()
    with zoom.fault(client_id=user.client_id, path="/v2/users/me", status=401, delay_ms=100,
                    body={"code": 124, "message": "Invalid access token."}), ThreadPoolExecutor(1) as pool:
        posted = pool.submit(user.authorize)
        zoom.wait_for_requests(1, client_id=user.client_id, path="/v2/users/me")
        zoom.change_app(user.client_id, names_scopes=False)
        made = posted.result().must_be(201).json
    assert sorted(made["scopes"]) == sorted(user.app["scopes"])


@pytest.mark.parametrize("status", ["pending", "inactive"])
def test_a_user_who_is_not_active_is_refused(status, new_user, project):
    answer = new_user(status=status).authorize().must_be(400)
    assert answer.code == "user_not_active"
    assert status in answer.json["error"]
    assert connections_of(project) == []


def test_a_zoom_that_denies_a_scope_which_it_granted_is_a_502(new_user, project, zoom):
    user = new_user()
    denial = {"code": 4711, "message": "Invalid access token, does not contain scopes:[user:read:user]."}
    with zoom.fault(client_id=user.client_id, path="/v2/users/me", status=400, body=denial):
        answer = user.authorize().must_be(502)
    assert answer.code == "zoom_error"
    assert answer.json["details"]["zoom"]["code"] == "4711"
    post_code(project.api, user, user.code).must_be(201)
    assert exchanges(zoom, user) == 1


# deduplication_key

def test_a_key_is_unique_within_its_app_only(new_user):
    first, second = new_user(), new_user()
    a = first.authorize(deduplication_key="same").must_be(201).json
    b = second.authorize(deduplication_key="same").must_be(201).json
    assert a["id"] != b["id"] and a["deduplication_key"] == b["deduplication_key"] == "same"
    assert first.read()["user_id"] == first.user_id


def test_a_user_who_comes_again_may_have_a_new_key(new_user, project):
    user = new_user()
    first = user.authorize(deduplication_key="old").must_be(201).json
    again = user.authorize(deduplication_key="new").must_be(201).json
    assert (again["id"], again["deduplication_key"]) == (first["id"], "new")
    other = new_user(like=user).authorize(deduplication_key="old").must_be(201).json
    assert other["id"] != first["id"]


def test_the_same_key_with_another_zoom_user_moves_the_connection(new_user, api, zoom, project):
    old = new_user()
    new = new_user(like=old)
    old_meeting = zoom.create_meeting(old.user_id)["id"]
    new_meeting = zoom.create_meeting(new.user_id)["id"]
    first = old.authorize(deduplication_key="customer", metadata={"a": 1}).must_be(201).json
    path = f"{CONNECTIONS}/{first['id']}"

    def meetings():
        return {int(row["meeting_id"]) for row in api.get(f"{path}/meetings").json["results"]}

    wait_until(lambda: meetings() == {old_meeting})
    with zoom.fault(client_id=new.client_id, path="/v2/users/me/meetings", hold="before"):
        moved = new.authorize(deduplication_key="customer").must_be(201).json
        assert meetings() == set()
    assert (moved["id"], moved["user_id"], moved["email"]) == (first["id"], new.user_id, new.user["email"])
    assert (moved["metadata"], moved["created_at"]) == ({"a": 1}, first["created_at"])
    wait_until(lambda: meetings() == {new_meeting})
    must_have_working_credentials(new, first["id"])

    # The old user is free to come again, as somebody else.
    again = old.authorize().must_be(201).json
    assert again["id"] != first["id"]
    assert len(connections_of(project)) == 2


def test_a_move_forgets_in_which_meetings_the_old_user_was(new_user, zoom, database):
    old = new_user()
    new = new_user(like=old)
    moved = old.authorize(deduplication_key="customer").must_be(201).json
    zoom.participant_joined(zoom.create_meeting(old.user_id)["id"], old.user_id)
    present = ("SELECT count(*) FROM zoom_meeting_participants WHERE connection_id ="
               " (SELECT id FROM zoom_oauth_connections WHERE public_id = ?)", moved["id"])
    assert database.value(*present) == 1
    new.authorize(deduplication_key="customer").must_be(201)
    assert database.value(*present) == 0


def test_a_sync_of_the_old_user_that_is_under_way_brings_nothing_back(new_user, api, zoom, stack):
    old = new_user()
    new = new_user(like=old)
    zoom.create_meeting(old.user_id)
    new_meeting = zoom.create_meeting(new.user_id)["id"]
    page = {"client_id": old.client_id, "path": "/v2/users/me/meetings"}
    with zoom.fault(user_id=old.user_id, hold="after", **page):
        old.authorize(deduplication_key="customer").must_be(201)
        zoom.wait_for_requests(1, user_id=old.user_id, state="in_flight", **page)
        moved = new.authorize(deduplication_key="customer").must_be(201).json
    wait_until(lambda: len(pieces(stack, "meeting_sync", moved["id"])) == 2)
    known = api.get(f"{CONNECTIONS}/{moved['id']}/meetings").json["results"]
    assert [int(meeting["meeting_id"]) for meeting in known] == [new_meeting]


def test_a_profile_of_the_old_user_that_is_being_read_is_not_taken_for_the_new_ones(new_user, zoom, stack):
    old = new_user()
    new = new_user(like=old)
    old.authorize(deduplication_key="customer").must_be(201)
    old.wait_for_sync()
    me_old, me_new = ({"client_id": old.client_id, "path": "/v2/users/me", "user_id": user.user_id} for user in (old, new))
    with ThreadPoolExecutor(1) as pool, zoom.fault(hold="after", **me_old) as held_old, \
            zoom.fault(hold="after", **me_new) as held_new:
        posted = pool.submit(new.authorize, deduplication_key="customer")
        zoom.wait_for_requests(1, state="in_flight", **me_new)
        make_sync_due(stack, old.id)
        zoom.wait_for_requests(1, state="in_flight", **me_old)
        with zoom.fault(status=503, times=None, **me_new):  # so that the new user's own sync mends nothing
            zoom.release_fault(held_new["id"])
            assert posted.result().must_be(201).json["id"] == old.id
            zoom.release_fault(held_old["id"])
            wait_until(lambda: any(piece.get("code") == "conflict" for piece in pieces(
                stack, "meeting_sync", old.id)[1:]), what="the end of the old user's sync")
    known = stack.database.row(
        "SELECT zoom_user_id, pmi FROM zoom_oauth_connections WHERE public_id = ?", old.id)
    assert (known["zoom_user_id"], known["pmi"]) == (new.user_id, new.user["pmi"])


@pytest.mark.parametrize("own_key", [{"deduplication_key": "second"}, {}], ids=["another key", "no key"])
def test_a_key_of_another_connection_is_a_conflict_and_the_credentials_are_kept(own_key, new_user, api, zoom):
    first = new_user()
    second = new_user(like=first)
    a = first.authorize(deduplication_key="first").must_be(201).json
    b = second.authorize(**own_key).must_be(201).json
    zoom.remove_grant(second.client_id, second.user_id, event=False)
    assert api.post(f"{CONNECTIONS}/{b['id']}/refresh").json["state"] == "disconnected"

    answer = second.authorize(deduplication_key="first").must_be(409)
    assert answer.code == "deduplication_key_conflict"
    assert a["id"] in answer.json["error"] and b["id"] in answer.json["error"]
    assert sorted(answer.json["details"].values()) == sorted([a["id"], b["id"]])
    now = must_have_working_credentials(second, b["id"])
    assert now["deduplication_key"] == own_key.get("deduplication_key")
    assert api.get(f"{CONNECTIONS}/{a['id']}").json["user_id"] == first.user_id
    again = post_code(api, second, second.code, deduplication_key="first")
    assert (again.status, again.body) == (409, answer.body)


# Zoom refuses

@pytest.mark.parametrize("how", ["unknown", "expired", "used", "of another redirect_uri", "of another app"])
def test_a_code_that_zoom_refuses_is_told_with_zooms_reason(how, new_user, api, zoom, project):
    user = new_user()
    of_app = new_user() if how == "of another app" else user
    code = zoom.authorize(of_app.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
    fields = {}
    if how == "unknown":
        code = "made-up-code-0123456789"
    elif how == "expired":
        zoom.expire_code(code)
    elif how == "used":
        zoom.add_fault(client_id=user.client_id, path="/oauth/token", drop="after")
        post_code(api, user, code).must_be(503)
    elif how == "of another redirect_uri":
        fields = {"redirect_uri": REDIRECT_URI + "/"}
    answer = post_code(api, user, code, **fields).must_be(400)
    assert answer.code == "authorization_failed"
    told = answer.json["details"]["zoom"]
    assert (told["status"], told["code"]) == (400, "invalid_grant")
    assert told["reason"] and told["reason"] in answer.json["error"]
    assert connections_of(project) == []


def test_a_wrong_client_secret_is_the_apps_fault_and_the_code_stays_good(new_user, api, zoom):
    user = new_user()
    right = user.app["client_secret"]
    zoom.change_app(user.client_id, client_secret="changed-at-zoom-01")
    answer = user.authorize().must_be(400)
    assert answer.code == "invalid_client_credentials"
    assert api.get(f"/api/v1/zoom_oauth_apps/{user.app_id}").json["state"] == "credentials_invalid"
    zoom.change_app(user.client_id, client_secret=right)
    post_code(api, user, user.code).must_be(201)


def test_a_client_secret_that_is_replaced_during_the_exchange_is_used_with_the_next_post(new_user, api, zoom):
    user = new_user()
    app, new = f"/api/v1/zoom_oauth_apps/{user.app_id}", "changed-at-zoom-02"
    zoom.change_app(user.client_id, client_secret=new)
    with ThreadPoolExecutor(1) as pool, zoom.fault(
            client_id=user.client_id, grant_type="authorization_code", hold="after") as held:
        posted = pool.submit(user.authorize)
        zoom.wait_for_requests(1, client_id=user.client_id, grant_type="authorization_code", state="in_flight")
        api.patch(app, json={"client_secret": new}).must_be(200)
        zoom.release_fault(held["id"])
        answer = posted.result().must_be(503)
    assert answer.code == "zoom_unavailable" and "client secret was changed" in answer.json["error"]
    assert api.get(app).json["state"] == "active"
    post_code(api, user, user.code).must_be(201)


# Zoom, or we, are interrupted

FAILURES = {
    "is down": ({"status": 500}, 503, "zoom_unavailable"),
    "hangs up": ({"drop": "before"}, 503, "zoom_unavailable"),
    "limits the rate": ({"rate_limit": "per_second"}, 503, "zoom_unavailable"),
    "answers with broken JSON": ({"broken_json": True}, 503, "zoom_unavailable"),
    "answers with a page": ({"status": 404, "html": True}, 503, "zoom_unavailable"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_code_is_good_for_another_try_where_zoom_at_the_exchange(failure, new_user, api, zoom):
    fault, status, code = FAILURES[failure]
    if failure == "answers with broken JSON":
        fault = {"status": 503, "body": "{\"broken"}
    user = new_user()
    with zoom.fault(client_id=user.client_id, path="/oauth/token", grant_type="authorization_code",
                    times=None, **fault):
        answer = user.authorize().must_be(status)
    assert answer.code == code and int(answer.headers["retry-after"]) > 0
    post_code(api, user, user.code).must_be(201)


@pytest.mark.parametrize("failure", FAILURES)
def test_no_tokens_are_lost_where_zoom_after_the_exchange(failure, new_user, api, zoom, project):
    fault, status, code = FAILURES[failure]
    user = new_user()
    with zoom.fault(client_id=user.client_id, path="/v2/users/me", times=None, **fault):
        answer = user.authorize().must_be(status)
    assert answer.code == code and int(answer.headers["retry-after"]) > 0
    assert connections_of(project) == []
    made = post_code(api, user, user.code).must_be(201).json
    assert exchanges(zoom, user) == 1
    must_have_working_credentials(user, made["id"])


def test_no_tokens_are_lost_where_zoom_is_too_slow_after_the_exchange(private_stack, zoom):
    api = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=500).create_project().api
    app, registered = register_app_of(api, zoom)
    user = ConnectedUser(api, zoom, app, registered, zoom.create_user())
    with zoom.fault(client_id=user.client_id, path="/v2/users/me", hold="before"):
        answer = user.authorize().must_be(504)
    assert answer.code == "zoom_timeout"
    made = post_code(api, user, user.code).must_be(201).json
    assert exchanges(zoom, user) == 1
    must_have_working_credentials(user, made["id"])


@pytest.fixture
def interrupted(private_stack, zoom):
    """Makes a user whose responder was killed between the exchange and users/me."""
    def make(**user_fields):
        stack = private_stack()
        project = stack.create_project()
        app, registered = register_app_of(project.api, zoom)
        user = ConnectedUser(project.api, zoom, app, registered, zoom.create_user(**user_fields))
        user.stack, user.project = stack, project
        with zoom.fault(client_id=user.client_id, path="/v2/users/me", hold="before"):
            caller = threading.Thread(target=user.authorize)
            caller.start()
            zoom.wait_for_requests(1, client_id=user.client_id, path="/v2/users/me", state="in_flight")
            kill(stack, "zoom_oauth_connections")
            caller.join()
        assert (user.answer.status, user.answer.code) == (503, "service_unavailable")
        assert connections_of(project) == []
        return user
    return make


def test_a_code_posted_again_after_a_crash_needs_no_second_exchange(interrupted, zoom):
    """… and need not wait until the lease of the dead runs out, which here is 25 s."""
    user = interrupted()
    assert user.stack.database.value("SELECT count(*) FROM zoom_authorizations WHERE lease_until > ?", now()) == 1
    made = post_code(user.api, user, user.code).must_be(201).json
    assert made["user_id"] == user.user_id
    assert exchanges(zoom, user) == 1
    must_have_working_credentials(user, made["id"])


@pytest.mark.parametrize("status", ["active", "pending"])
def test_the_worker_finishes_what_nobody_posts_again(status, interrupted, zoom):
    user = interrupted(status=status)
    assert write(user.stack, "UPDATE zoom_authorizations SET next_attempt_at = 1 WHERE next_attempt_at > 1") == 1
    user.stack.run("hallpass-worker", "--once")
    wait_until(lambda: user.stack.database.value("SELECT refresh_token IS NULL FROM zoom_authorizations"))
    again = post_code(user.api, user, user.code)
    if status == "active":
        assert again.must_be(201).json["user_id"] == user.user_id
        must_have_working_credentials(user, again.json["id"])
    else:
        assert (again.status, again.code) == (400, "user_not_active")
    assert exchanges(zoom, user) == 1


def test_the_worker_finishes_it_even_after_the_access_token_has_expired(interrupted, zoom):
    user = interrupted()
    zoom.expire_access_tokens(user.client_id, user.user_id)
    assert write(user.stack, "UPDATE zoom_authorizations SET next_attempt_at = 1, access_token_expires_at = 1") == 1
    user.stack.run("hallpass-worker", "--once")
    wait_until(lambda: connections_of(user.project))
    assert post_code(user.api, user, user.code).must_be(201).json["user_id"] == user.user_id
    assert (exchanges(zoom, user), user.grant()["refreshes"]) == (1, 1)


def test_who_posts_a_code_again_that_the_worker_finishes_waits_for_what_comes_of_it(new_user, api, zoom, stack):
    """Both would have Zoom renew the same tokens, which it does once, and the second would take them for void."""
    user = new_user()
    of_user = {"client_id": user.client_id, "user_id": user.user_id}
    with zoom.fault(path="/v2/users/me", status=503, times=None, **of_user):
        user.authorize().must_be(503)
    zoom.expire_access_tokens(**of_user)
    with ThreadPoolExecutor(1) as pool, zoom.fault(
            path="/oauth/token", grant_type="refresh_token", hold="after", **of_user) as held:
        assert write(stack, "UPDATE zoom_authorizations SET next_attempt_at = 1 WHERE app_id ="
                     " (SELECT id FROM zoom_oauth_apps WHERE client_id = ?)", user.client_id) == 1
        ring(stack)
        zoom.wait_for_requests(1, grant_type="refresh_token", state="in_flight", **of_user)
        again = pool.submit(post_code, api, user, user.code)
        time.sleep(0.3)  # for it to find that the worker is at it
        assert not again.done()
        zoom.release_fault(held["id"])
        made = again.result().must_be(201).json
    assert zoom.count_requests(grant_type="refresh_token", **of_user) == 1
    assert api.post(f"{CONNECTIONS}/{made['id']}/refresh").must_be(200).json["state"] == "connected"


# A known user's exchange is cut off: Zoom has voided the older grant, and nobody has the newer

@pytest.fixture
def cut_off(api, zoom):
    """Lets Zoom take a code whose answer does not come; what Zoom refuses next, and when that exchange was."""
    def cut(user, **fields):
        user.code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
        began = before_now()
        with zoom.fault(client_id=user.client_id, grant_type="authorization_code", drop="after"):
            post_code(api, user, user.code, **fields).must_be(503)
        return began
    return cut


def before_now():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())


def failure_of(user):
    answer = user.api.post(f"{CONNECTIONS}/{user.id}/refresh").must_be(200).json
    assert answer["state"] == "disconnected"
    return answer["connection_failure_data"]


def must_name_the_time(failure, began):
    told = failure["error"].partition("began at ")[2].partition(" ")[0]
    assert TIME.fullmatch(told) and began <= told <= failure["timestamp"], failure


def test_a_user_whose_newer_authorization_was_cut_off_is_told_so_where_the_key_says_whose_it_was(new_user, cut_off):
    user = new_user()
    user.authorize(deduplication_key="customer-1").must_be(201)
    began = cut_off(user, deduplication_key="customer-1")
    failure = failure_of(user)
    assert failure["code"] == "authorization_interrupted"
    must_name_the_time(failure, began)
    assert user.authorize(deduplication_key="customer-1").must_be(201).json["state"] == "connected"


def test_an_authorization_that_was_cut_off_stays_told_when_zoom_refuses_the_code_later(new_user, cut_off, api):
    user = new_user()
    user.authorize(deduplication_key="customer-1").must_be(201)
    began = cut_off(user, deduplication_key="customer-1")
    for _ in range(2):
        answer = post_code(api, user, user.code, deduplication_key="customer-1")
        assert answer.must_be(400).code == "authorization_failed"
    failure = failure_of(user)
    assert failure["code"] == "authorization_interrupted"
    must_name_the_time(failure, began)


@pytest.mark.parametrize("key", ["customer-1", None])
def test_without_its_key_an_authorization_that_was_cut_off_may_have_been_anybodys(key, new_user, cut_off):
    user = new_user()
    user.authorize(deduplication_key=key).must_be(201)
    began = cut_off(user)
    failure = failure_of(user)
    assert failure["code"] == "invalid_grant" and "may have" in failure["error"]
    must_name_the_time(failure, began)


def test_an_authorization_that_was_cut_off_explains_nothing_to_a_user_of_another_key(new_user, cut_off, zoom):
    user = new_user()
    other = new_user(like=user)
    for key, each in ("customer-1", user), ("customer-2", other):
        each.authorize(deduplication_key=key).must_be(201)
    cut_off(other, deduplication_key="customer-2")
    zoom.remove_grant(user.client_id, user.user_id, event=False)
    failure = failure_of(user)
    assert failure["code"] == "invalid_grant" and "interrupted" not in failure["error"]


def test_an_authorization_that_was_cut_off_explains_nothing_to_who_was_given_tokens_since(
        new_user, cut_off, zoom, stack):
    user = new_user()
    user.authorize(deduplication_key="customer-1").must_be(201)
    cut_off(user, deduplication_key="customer-1")
    # As if it had been longer ago than a call of Zoom's can last.
    write(stack, "UPDATE zoom_authorizations SET exchange_began_at = exchange_began_at - 60000000"
          " WHERE exchange_began_at IS NOT NULL")
    user.authorize(deduplication_key="customer-1").must_be(201)
    zoom.remove_grant(user.client_id, user.user_id, event=False)
    failure = failure_of(user)
    assert failure["code"] == "invalid_grant" and "interrupted" not in failure["error"]


def test_an_authorization_that_zoom_answered_explains_nothing(new_user, api, zoom):
    user = new_user()
    user.authorize(deduplication_key="customer-1").must_be(201)
    zoom.remove_grant(user.client_id, user.user_id, event=False)
    with zoom.fault(client_id=user.client_id, grant_type="authorization_code", status=429):
        code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
        post_code(api, user, code, deduplication_key="customer-1").must_be(503)
    failure = failure_of(user)
    assert failure["code"] == "invalid_grant" and "interrupted" not in failure["error"]


# Two authorizations of one user at once

def test_an_older_authorization_whose_tokens_come_late_changes_nothing(new_user, api, zoom):
    user = new_user()
    older = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
    with ThreadPoolExecutor(1) as pool:
        with zoom.fault(client_id=user.client_id, grant_type="authorization_code",
                        hold="after") as held:
            late = pool.submit(post_code, api, user, older)
            wait_until(lambda: (user.grant() or {}).get("living"), what="the older exchange")
            made = user.authorize().must_be(201).json
            zoom.release_fault(held["id"])
        assert late.result().must_be(400).code == "authorization_failed"
    assert post_code(api, user, older).must_be(400).code == "authorization_failed"
    must_have_working_credentials(user, made["id"])


def test_an_older_authorization_that_is_settled_late_does_not_overwrite_the_newer(new_user, api, zoom):
    user = new_user()
    older = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
    with ThreadPoolExecutor(1) as pool:
        with zoom.fault(client_id=user.client_id, path="/v2/users/me", hold="after") as held:
            late = pool.submit(post_code, api, user, older, metadata={"answer": "late"})
            zoom.wait_for_requests(1, client_id=user.client_id, path="/v2/users/me", state="in_flight")
            made = user.authorize(metadata={"answer": "newest"}).must_be(201).json
            zoom.release_fault(held["id"])
        told = late.result().must_be(201).json
    assert (told["id"], told["metadata"]) == (made["id"], {"answer": "newest"})
    must_have_working_credentials(user, made["id"])


def post_codes_at_once(api, zoom, user, count):
    """
    {code: answer}; Zoom has given the tokens of all before it says of any whose they are, and all that is
    to be proved is proved at the same time.
    """
    codes = [zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"] for _ in range(count)]
    of_app = {"client_id": user.client_id, "times": None}
    with ThreadPoolExecutor(count) as pool, zoom.fault(
            path="/oauth/token", delay_ms=200, **of_app), zoom.fault(
            path="/v2/users/me", hold="after", **of_app) as held:
        answers = [pool.submit(post_code, api, user, code) for code in codes]
        zoom.wait_for_requests(count, client_id=user.client_id, path="/v2/users/me", state="in_flight")
        zoom.release_fault(held["id"])
    return {code: answer.result() for code, answer in zip(codes, answers)}


@pytest.mark.parametrize("who", ["a new user", "a known user"])
def test_several_codes_of_one_user_at_once_are_201_each_where_zoom_keeps_every_grant(who, new_user, api, zoom):
    """None of them is older than the others, and each settles once: however often they meet, none is put off."""
    user = new_user()
    zoom.change_app(user.client_id, voids_older_grants=False)
    if who == "a known user":
        user.authorize().must_be(201)
    answers = post_codes_at_once(api, zoom, user, 10)
    (connection_id,) = {answer.must_be(201).json["id"] for answer in answers.values()}
    for _ in range(2):
        assert api.post(f"{CONNECTIONS}/{connection_id}/refresh").must_be(200).json["state"] == "connected"


@pytest.mark.parametrize("who", ["a new user", "a known user"])
def test_of_several_codes_of_one_user_at_once_the_newest_is_201_and_kept(who, new_user, api, zoom):
    """
    What "201 always" can mean where Zoom voids the older grants: the newest is 201, and so is an older one
    of which Zoom had said whose it is; one that Zoom voided before that is 400, for nobody can say whose it was.
    """
    user = new_user()
    if who == "a known user":
        user.authorize().must_be(201)
    answers = post_codes_at_once(api, zoom, user, 10)
    taken = zoom.requests(client_id=user.client_id, grant_type="authorization_code")["requests"]
    made = answers[taken[-1]["form"]["code"]].must_be(201).json
    for answer in answers.values():
        assert answer.status == 201 or (answer.status, answer.code) == (400, "authorization_failed")
        assert answer.status == 400 or answer.json["id"] == made["id"]
    refreshes = user.grant()["refreshes"]
    assert api.post(f"{CONNECTIONS}/{made['id']}/refresh").must_be(200).json["state"] == "connected"
    assert user.grant()["refreshes"] == refreshes + 1


def test_a_newer_authorization_whose_answer_comes_first_to_a_clock_that_is_behind_is_kept(new_user, stack):
    user = new_user()
    made = user.authorize().must_be(201).json
    # As if the first answer had been stamped by a clock that was set back since.
    assert write(stack, "UPDATE zoom_oauth_credentials SET authorized_at = authorized_at"
                 " + 3600000000 WHERE connection_id = (SELECT id FROM zoom_oauth_connections WHERE public_id = ?)",
                 made["id"]) == 1
    assert user.authorize().must_be(201).json["id"] == made["id"]
    answer = user.api.post(f"{CONNECTIONS}/{made['id']}/refresh").must_be(200).json
    assert answer["state"] == "connected" and user.grant()["living"]
