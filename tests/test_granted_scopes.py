"""What the user granted, and who the user is: an authorization that Zoom gave may still not be enough."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.authorization import connections_of, exchanges, must_have_working_credentials, post_code

RECORDING_SCOPES = ["user:read:user", "meeting:read:list_meetings", "meeting:read:local_recording_token"]
ONBEHALF_SCOPES = ["user:read:user", "user:read:token"]


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
