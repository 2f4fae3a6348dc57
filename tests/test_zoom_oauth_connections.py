"""Connections over HTTP once they are there: found, changed, checked with Zoom, revoked."""

import re

import pytest

from support.time_travel import expire_access_token
from support.waiting import wait_until

CONNECTIONS = "/api/v1/zoom_oauth_connections"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def path_of(user):
    return f"{CONNECTIONS}/{user.id}"


def refreshes(zoom, user, **filters):
    return zoom.count_requests(client_id=user.client_id, grant_type="refresh_token", **filters)


def revocations(zoom, user):
    return zoom.count_requests(client_id=user.client_id, path="/oauth/revoke")


def ids(answer):
    return [result["id"] for result in answer.must_be(200).json["results"]]


def synced(user):
    wait_until(lambda: user.read()["last_successful_sync_at"])
    return user


# Finding

def test_the_list_is_narrowed_by_state_app_user_and_key(api, zoom, connect_user):
    first = connect_user(deduplication_key="a&b=ü")
    second = connect_user(like=first)
    elsewhere = connect_user(user=first.user)
    zoom.remove_grant(second.client_id, second.user_id, event=False)
    api.post(f"{path_of(second)}/refresh").must_be(200)
    everything = [elsewhere.id, second.id, first.id]
    for query, expected in [
            ({}, everything),
            ({"state": "connected"}, [elsewhere.id, first.id]),
            ({"state": "disconnected"}, [second.id]),
            ({"zoom_oauth_app_id": first.app_id}, [second.id, first.id]),
            ({"zoom_oauth_app_id": "zoapp_0123456789abcdef"}, []),
            ({"user_id": first.user_id}, [elsewhere.id, first.id]),
            ({"user_id": "nobody"}, []),
            ({"deduplication_key": "a&b=ü"}, [first.id]),
            ({"deduplication_key": "A&B=ü"}, []),
            ({"user_id": first.user_id, "zoom_oauth_app_id": first.app_id}, [first.id]),
            ({"user_id": first.user_id, "state": "disconnected"}, [])]:
        assert ids(api.get(CONNECTIONS, query=query)) == expected, query
        answer = api.get(CONNECTIONS, query=query | {"page_size": 1}).must_be(200).json
        walked = [result["id"] for result in answer["results"]]
        while answer["next"]:
            answer = api.get(answer["next"]).must_be(200).json
            walked += [result["id"] for result in answer["results"]]
        assert walked == expected, query


def test_the_list_shows_what_each_connection_shows(api, connect_user):
    user = synced(connect_user(metadata={"plan": "gold"}))
    assert api.get(CONNECTIONS).json == {"next": None, "previous": None, "results": [user.read()]}


def test_a_cursor_of_another_list_or_project_is_refused(api, other_api, connect_user):
    user = connect_user()
    connect_user(like=user)
    cursor = api.get(CONNECTIONS, query={"page_size": 1}).json["next"].split("cursor=")[1].split("&")[0]
    assert ids(api.get(CONNECTIONS, query={"cursor": cursor})) == [user.id]
    for wrong in (other_api.get(CONNECTIONS, query={"cursor": cursor}),
                  api.get("/api/v1/zoom_oauth_apps", query={"cursor": cursor}),
                  api.get(CONNECTIONS, query={"cursor": cursor[:-4] + "AAAA"})):
        assert set(wrong.must_be(400).fields) == {"cursor"}


def test_another_projects_connection_is_the_same_as_none(api, other_api, zoom, connect_user):
    user = connect_user()
    before = synced(user).read()
    for method, suffix, body in [
            ("GET", "", None), ("PATCH", "", {"metadata": {}}), ("DELETE", "", None),
            ("POST", "/refresh", None), ("GET", "/meetings", None)]:
        of_other = other_api.call(method, path_of(user) + suffix, json=body).must_be(404)
        none = other_api.call(method, f"{CONNECTIONS}/zoauth_0123456789abcdef{suffix}", json=body)
        assert (of_other.code, of_other.json) == ("not_found", none.json)
    assert ids(other_api.get(CONNECTIONS, query={"user_id": user.user_id})) == []
    assert user.read() == before
    assert (refreshes(zoom, user), revocations(zoom, user)) == (0, 0)


# Changing

def test_patch_changes_what_it_names_and_nothing_else(api, connect_user):
    user = connect_user(metadata={"a": 1}, deduplication_key="first")
    before = synced(user).read()
    for change in ({"metadata": {"b": [1, {"c": "ü"}]}}, {"deduplication_key": "second"},
                   {"is_onbehalf_token_supported": True}, {"is_local_recording_token_supported": False},
                   {"deduplication_key": None}):
        after = api.patch(path_of(user), json=change).must_be(200).json
        assert after["updated_at"] > before["updated_at"]
        assert after == before | change | {"updated_at": after["updated_at"]}
        before = after
    assert user.read() == before
    assert api.patch(path_of(user), json={"metadata": None}).must_be(200).json["metadata"] == {}


def test_patch_to_a_key_of_another_connection_is_a_conflict_that_names_it(api, connect_user):
    first = connect_user(deduplication_key="first")
    second = connect_user(like=first, deduplication_key="second")
    answer = api.patch(path_of(second), json={"deduplication_key": "first", "metadata": {"lost": 1}}).must_be(409)
    assert answer.code == "deduplication_key_conflict"
    assert list(answer.json["details"].values()) == [first.id] and first.id in answer.json["error"]
    assert (second.read()["deduplication_key"], second.read()["metadata"]) == ("second", {})
    # Its own key, one that has become free, and the same key in another app are no conflict.
    api.patch(path_of(second), json={"deduplication_key": "second"}).must_be(200)
    api.patch(path_of(first), json={"deduplication_key": None}).must_be(200)
    api.patch(path_of(second), json={"deduplication_key": "first"}).must_be(200)
    api.patch(path_of(connect_user()), json={"deduplication_key": "first"}).must_be(200)


def test_metadata_takes_8_kib_and_no_byte_more(api, connect_user):
    user = connect_user()
    full = {"k": "x" * (8192 - len('{"k":""}'))}
    assert api.patch(path_of(user), json={"metadata": full}).must_be(200).json["metadata"] == full
    answer = api.patch(path_of(user), json={"metadata": {"k": full["k"] + "x"}}).must_be(400)
    assert set(answer.fields) == {"metadata"}
    assert user.read()["metadata"] == full


# Checking with Zoom now

def test_refresh_checks_good_credentials_with_zoom_now(api, zoom, connect_user):
    user = connect_user()
    first = user.read()
    for count in (1, 2):
        after = api.post(f"{path_of(user)}/refresh").must_be(200).json
        assert (after["id"], after["state"], after["connection_failure_data"]) == (user.id, "connected", None)
        assert TIME.fullmatch(after["last_token_refresh_at"])
        assert after["last_token_refresh_at"] > first["last_token_refresh_at"]
        assert (user.grant()["refreshes"], refreshes(zoom, user)) == (count, count)
        first = after
    api.post(f"{path_of(user)}/refresh", json={}).must_be(200)


def test_refresh_of_a_dead_grant_tells_that_it_is_disconnected(api, zoom, connect_user):
    user = connect_user()
    zoom.remove_grant(user.client_id, user.user_id, event=False)
    after = api.post(f"{path_of(user)}/refresh").must_be(200).json
    assert after["state"] == "disconnected"
    failure = after["connection_failure_data"]
    assert set(failure) == {"error", "code", "timestamp"}
    assert failure["code"] == "invalid_grant"
    assert "Invalid Token!" in failure["error"] and "authorize again" in failure["error"]
    assert TIME.fullmatch(failure["timestamp"])
    assert user.read() == after
    # Asked again it tells the same, and from when.
    again = api.post(f"{path_of(user)}/refresh").must_be(200).json
    assert (again["state"], again["connection_failure_data"]) == ("disconnected", failure)


TROUBLE = {
    "is down": ({"status": 500}, 503, "zoom_unavailable", 500),
    "shows a page": ({"status": 502, "html": True}, 503, "zoom_unavailable", 502),
    "limits the rate": ({"rate_limit": "per_second"}, 503, "zoom_unavailable", 429),
    "hangs up": ({"drop": "before"}, 503, "zoom_unavailable", None),
    "refuses without saying that the grant is dead": (
        {"status": 400, "body": {"reason": "Something else", "error": "invalid_request"}}, 502, "zoom_error", 400),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_refresh_never_disconnects_where_zoom(trouble, api, zoom, connect_user):
    fault, status, code, zoom_status = TROUBLE[trouble]
    user = connect_user()
    with zoom.fault(client_id=user.client_id, path="/oauth/token", times=None, **fault):
        answer = api.post(f"{path_of(user)}/refresh").must_be(status)
    assert answer.code == code
    told = answer.json.get("details", {}).get("zoom")
    assert (told and told["status"]) == zoom_status
    assert ("retry-after" in answer.headers) == (status == 503)
    now = user.read()
    assert (now["state"], now["connection_failure_data"]) == ("connected", None)
    assert api.post(f"{path_of(user)}/refresh").must_be(200).json["state"] == "connected"


# Its meetings

def test_the_meetings_that_a_user_hosts_are_listed_in_pages(api, zoom, connect_user):
    user = zoom.create_user()
    meetings = {str(meeting["id"]) for meeting in zoom.create_meetings(user["id"], 5)["meetings"]}
    host = synced(connect_user(user=user))
    guest = synced(connect_user(like=host))
    answer = api.get(f"{path_of(host)}/meetings", query={"page_size": 2}).must_be(200).json
    found = list(answer["results"])
    while answer["next"]:
        answer = api.get(answer["next"]).must_be(200).json
        found += answer["results"]
    assert len(found) == 5 and {meeting["meeting_id"] for meeting in found} == meetings
    assert all(set(meeting) == {"meeting_id", "is_live", "known_at"} for meeting in found)
    assert all(meeting["is_live"] is False and TIME.fullmatch(meeting["known_at"]) for meeting in found)
    assert api.get(f"{path_of(guest)}/meetings").json == {"next": None, "previous": None, "results": []}


# Deleting

def test_delete_revokes_at_zoom(api, zoom, connect_user):
    user = connect_user()
    assert api.delete(path_of(user)).must_be(200).json == {}
    assert (user.grant()["living"], revocations(zoom, user)) == (False, 1)
    for answer in (api.get(path_of(user)), api.delete(path_of(user))):
        assert (answer.status, answer.code) == (404, "not_found")
    assert ids(api.get(CONNECTIONS)) == []


def test_delete_revokes_with_a_fresh_token_where_the_stored_one_has_expired(api, zoom, connect_user, stack):
    user = synced(connect_user())
    expire_access_token(stack, user.id)
    assert api.delete(path_of(user)).must_be(200)
    assert (user.grant()["living"], refreshes(zoom, user)) == (False, 1)


@pytest.mark.parametrize("query, is_revoked", [("false", False), ("true", True)])
def test_the_caller_says_whether_delete_revokes(query, is_revoked, api, zoom, connect_user):
    user = connect_user()
    api.delete(path_of(user), query={"revoke": query}).must_be(200)
    api.get(path_of(user)).must_be(404)
    assert (user.grant()["living"], revocations(zoom, user)) == (not is_revoked, int(is_revoked))


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": "before"}, {"status": 400, "body": {"error": "no"}}])
def test_a_zoom_that_is_down_does_not_prevent_delete(fault, api, zoom, connect_user):
    user = connect_user()
    with zoom.fault(client_id=user.client_id, times=None, **fault):
        api.delete(path_of(user)).must_be(200)
    api.get(path_of(user)).must_be(404)


def test_delete_of_a_dead_connection_asks_nothing_of_zoom(api, zoom, connect_user):
    user = synced(connect_user())
    zoom.remove_grant(user.client_id, user.user_id, event=False)
    api.post(f"{path_of(user)}/refresh").must_be(200)
    before = zoom.count_requests(client_id=user.client_id)
    api.delete(path_of(user)).must_be(200)
    assert zoom.count_requests(client_id=user.client_id) == before


def test_nothing_of_a_deleted_connection_stays_stored(api, zoom, connect_user, database):
    user = zoom.create_user()
    zoom.create_meetings(user["id"], 2)
    connected = synced(connect_user(user=user))
    row_id = database.value("SELECT id FROM zoom_oauth_connections WHERE public_id = ?", connected.id)
    api.delete(path_of(connected)).must_be(200)
    for table in ("zoom_oauth_credentials", "zoom_authorizations", "zoom_meetings", "zoom_meeting_participants"):
        assert database.value(f"SELECT count(*) FROM {table} WHERE connection_id = ?", row_id) == 0, table


def test_a_deleted_user_may_authorize_again_as_a_new_connection(api, connect_user):
    user = connect_user(deduplication_key="k")
    first = user.id
    api.delete(path_of(user)).must_be(200)
    assert user.authorize(deduplication_key="k").must_be(201).json["id"] != first
