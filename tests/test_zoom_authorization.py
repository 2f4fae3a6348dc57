"""From an authorization code to a connection over HTTP, by which app, once for each code, or refused by Zoom."""

import base64
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.authorization import (
    CONNECTIONS, TIME, connections_of, exchanges, must_have_working_credentials, post_code)
from support.waiting import wait_until
from support.zoom_user import REDIRECT_URI


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
