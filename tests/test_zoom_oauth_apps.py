"""A customer's Zoom apps over HTTP: registered after a check with Zoom, updated in place, healed, deleted."""

import re
import secrets as random_secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.waiting import wait_until

APPS = "/api/v1/zoom_oauth_apps"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

TOKEN_CALL = {"path": "/oauth/token", "grant_type": "client_credentials"}


def pair_of(app):
    return {"client_id": app["client_id"], "client_secret": app["client_secret"]}


def new_secret(zoom, app, secrets):
    """The customer has Zoom make a new client secret for the app."""
    secret = "rotated-" + random_secrets.token_urlsafe(16)
    secrets.add_app(app["client_id"], secret)
    zoom.change_app(app["client_id"], client_secret=secret)
    return secret


def stored_apps(project):
    return project.stack.database.rows("SELECT * FROM zoom_oauth_apps WHERE project_id = ?", project.row_id)


# Registering

def test_an_app_is_registered_after_its_pair_was_checked_with_zoom(api, zoom):
    app = zoom.create_app()
    made = api.post(APPS, json=pair_of(app) | {"webhook_secret": app["webhook_secret"], "name": "Minutes é"}
                    ).must_be(201).json
    assert re.fullmatch("zoapp_[0-9A-Za-z]{16,}", made["id"])
    assert TIME.fullmatch(made["created_at"])
    assert made == {
        "id": made["id"], "zoom_oauth_app_id": made["id"], "name": "Minutes é",
        "client_id": app["client_id"], "webhook_url": f"/api/v1/zoom_oauth/webhooks/{made['id']}",
        "has_webhook_secret": True, "state": "active", "last_verified_webhook_at": None,
        "last_rejected_webhook_at": None, "last_url_validation_at": None,
        "created_at": made["created_at"], "updated_at": made["created_at"]}
    assert zoom.count_requests(client_id=app["client_id"], status=200, **TOKEN_CALL) == 1
    assert api.get(f"{APPS}/{made['id']}").must_be(200).json == made
    assert api.get(APPS).json["results"] == [made]


def test_name_and_webhook_secret_may_be_left_out(api, zoom):
    made = api.post(APPS, json=pair_of(zoom.create_app())).must_be(201).json
    assert (made["name"], made["has_webhook_secret"]) == (None, False)


def test_the_webhook_url_is_whole_where_the_public_url_is_set(private_stack, zoom):
    api = private_stack(HALLPASS_PUBLIC_URL="https://bots.example.com/").create_project().api
    made = api.post(APPS, json=pair_of(zoom.create_app())).must_be(201).json
    assert made["webhook_url"] == f"https://bots.example.com/api/v1/zoom_oauth/webhooks/{made['id']}"
    api.post(APPS, json=pair_of(zoom.create_app())).must_be(201)
    assert api.get(APPS, query={"page_size": 1}).json["next"].startswith(f"https://bots.example.com{APPS}?")


def test_a_wrong_pair_is_refused_with_zooms_words_and_nothing_is_kept(project, zoom):
    app = zoom.create_app()
    answer = project.api.post(APPS, json=pair_of(app) | {"client_secret": "wrong-secret-0123"}).must_be(400)
    assert answer.code == "invalid_client_credentials"
    assert "Invalid client_id or client_secret" in answer.json["error"]
    assert answer.json["details"]["zoom"]["code"] == "invalid_client"
    answer = project.api.post(APPS, json={"client_id": "unheard-of", "client_secret": "wrong-secret-0123"})
    assert (answer.status, answer.code) == (400, "invalid_client_credentials")
    assert stored_apps(project) == []


def test_a_wrong_secret_for_a_known_client_id_changes_nothing(project, register_app):
    app, registered = register_app()
    before = stored_apps(project)
    answer = project.api.post(APPS, json=pair_of(app) | {"client_secret": "wrong-secret-0123", "name": "new"})
    assert (answer.status, answer.code) == (400, "invalid_client_credentials")
    assert stored_apps(project) == before
    assert project.api.get(f"{APPS}/{registered['id']}").json == registered


def test_the_same_client_id_again_updates_the_secrets_under_the_same_id(
        project, api, zoom, secrets, connect_user):
    user = connect_user()
    rotated = new_secret(zoom, user.app, secrets)
    body = {"client_id": user.client_id, "client_secret": rotated, "webhook_secret": "new-webhook-secret-1"}
    again = api.post(APPS, json=body).must_be(200).json
    assert again["id"] == user.app_id
    assert again["created_at"] == user.registered["created_at"] < again["updated_at"]
    assert len(stored_apps(project)) == 1
    # Both new secrets are the ones in use from now on.
    api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").must_be(200)
    event = {"event": "meeting.started", "event_ts": 1, "payload": {"account_id": "a", "object": {"id": "1"}}}
    old = zoom.send_event(user.client_id, event, retry_delays_s=[])
    new = zoom.send_event(user.client_id, event, retry_delays_s=[], secret="new-webhook-secret-1")
    assert [old["attempts"][0]["status"], new["attempts"][0]["status"]] == [401, 200]


def test_registering_again_without_them_keeps_webhook_secret_and_name(api, zoom):
    app = zoom.create_app()
    full = pair_of(app) | {"webhook_secret": app["webhook_secret"], "name": "kept"}
    api.post(APPS, json=full).must_be(201)
    again = api.post(APPS, json=pair_of(app)).must_be(200).json
    assert (again["has_webhook_secret"], again["name"]) == (True, "kept")


def test_a_project_has_several_apps_and_lists_them_newest_first_in_pages(api, register_app):
    ids = [register_app()[1]["id"] for _ in range(5)]
    assert [app["id"] for app in api.get(APPS).json["results"]] == ids[::-1]
    first = api.get(APPS, query={"page_size": 2}).must_be(200).json
    assert ([app["id"] for app in first["results"]], first["previous"]) == ([ids[4], ids[3]], None)
    # Rows that come and go meanwhile do not move the pages.
    newer = register_app()[1]["id"]
    api.delete(f"{APPS}/{ids[3]}").must_be(200)
    second = api.get(first["next"]).must_be(200).json
    assert [app["id"] for app in second["results"]] == [ids[2], ids[1]]
    third = api.get(second["next"]).must_be(200).json
    assert ([app["id"] for app in third["results"]], third["next"]) == ([ids[0]], None)
    assert [app["id"] for app in api.get(third["previous"]).json["results"]] == [ids[2], ids[1]]
    back = api.get(second["previous"]).json
    assert [app["id"] for app in back["results"]] == [newer, ids[4]]
    assert back["previous"] is None


def test_one_zoom_app_is_registered_in_several_projects(api, other_api, register_app):
    app, registered = register_app()
    other = other_api.post(APPS, json=pair_of(app)).must_be(201).json
    assert other["id"] != registered["id"]
    api.delete(f"{APPS}/{registered['id']}").must_be(200)
    assert other_api.get(f"{APPS}/{other['id']}").must_be(200).json == other


def test_another_projects_app_is_the_same_as_none(api, other_api, register_app):
    path = f"{APPS}/{register_app()[1]['id']}"
    none = other_api.get(f"{APPS}/zoapp_0123456789abcdef").must_be(404)
    for answer in (other_api.get(path), other_api.patch(path, json={"name": "mine"}), other_api.delete(path)):
        assert (answer.status, answer.json) == (404, none.json)
        assert answer.code == "not_found"
    assert other_api.get(APPS).json == {"next": None, "previous": None, "results": []}
    assert api.get(path).must_be(200).json["name"] is None


# Changing

def test_patch_changes_what_it_names_and_nothing_else(api, register_app):
    app, registered = register_app()
    path = f"{APPS}/{registered['id']}"
    changed = api.patch(path, json={"name": "Sales"}).must_be(200).json
    assert changed == registered | {"name": "Sales", "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > registered["updated_at"]
    assert api.patch(path, json={"name": None}).must_be(200).json["name"] is None
    assert api.get(path).json["name"] is None
    for secret in ("client_secret", "webhook_secret"):
        assert api.patch(path, json={secret: None}).must_be(400).fields == {secret: "must not be null"}
    assert api.patch(path, json={"client_id": app["client_id"]}).must_be(400).fields == {
        "client_id": "is not a known field"}


def test_patch_sets_the_webhook_secret_that_was_missing(api, zoom):
    app = zoom.create_app()
    path = f"{APPS}/{api.post(APPS, json=pair_of(app)).json['id']}"
    assert api.patch(path, json={"webhook_secret": app["webhook_secret"]}).must_be(200).json["has_webhook_secret"]
    zoom.change_app(app["client_id"], webhook_url=api.url + api.get(path).json["webhook_url"])
    assert zoom.validate_url(app["client_id"])["valid"]
    assert TIME.fullmatch(api.get(path).json["last_url_validation_at"])


def test_patch_checks_a_new_client_secret_first_and_a_wrong_one_changes_nothing(project, zoom, register_app):
    app, registered = register_app()
    before = stored_apps(project)
    zoom.clear_requests(app["client_id"])
    answer = project.api.patch(f"{APPS}/{registered['id']}", json={
        "client_secret": "wrong-secret-0123", "webhook_secret": "new-webhook-secret-1", "name": "new"})
    assert (answer.status, answer.code) == (400, "invalid_client_credentials")
    assert zoom.count_requests(client_id=app["client_id"], **TOKEN_CALL) == 1
    assert stored_apps(project) == before


@pytest.mark.parametrize("way", ["PATCH", "POST of the same client_id"])
def test_an_app_that_zoom_refuses_is_credentials_invalid_until_the_right_secret_comes(
        way, api, zoom, secrets, connect_user):
    user = connect_user()
    path = f"{APPS}/{user.app_id}"
    rotated = new_secret(zoom, user.app, secrets)
    failed = api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").must_be(502)
    assert failed.code == "zoom_error"
    assert failed.json["details"]["zoom"]["code"] == "invalid_client"
    assert api.get(path).json["state"] == "credentials_invalid"
    # It is the app that is wrong, not its user.
    assert (user.read()["state"], user.read()["connection_failure_data"]) == ("connected", None)

    if way == "PATCH":
        healed = api.patch(path, json={"client_secret": rotated}).must_be(200).json
    else:
        healed = api.post(APPS, json={"client_id": user.client_id, "client_secret": rotated}).must_be(200).json
    assert healed["state"] == "active"
    assert api.get(path).json["state"] == "active"
    # The worker tries again what had failed, without being asked.
    zoom.wait_for_requests(1, client_id=user.client_id, grant_type="refresh_token", status=200)
    wait_until(lambda: user.read()["last_token_refresh_at"] > user.connection["last_token_refresh_at"])


def test_a_name_alone_does_not_make_an_app_active(api, zoom, secrets, connect_user):
    user = connect_user()
    new_secret(zoom, user.app, secrets)
    api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").must_be(502)
    assert api.patch(f"{APPS}/{user.app_id}", json={"name": "x"}).json["state"] == "credentials_invalid"


# Deleting

def test_an_app_with_connections_is_not_deleted(api, connect_user):
    user = connect_user()
    answer = api.delete(f"{APPS}/{user.app_id}").must_be(409)
    assert answer.code == "app_has_connections"
    assert user.read()["state"] == "connected"
    api.delete(f"/api/v1/zoom_oauth_connections/{user.id}").must_be(200)
    assert api.delete(f"{APPS}/{user.app_id}").must_be(200).json == {}
    for answer in (api.get(f"{APPS}/{user.app_id}"), api.delete(f"{APPS}/{user.app_id}")):
        assert (answer.status, answer.code) == (404, "not_found")


def test_an_app_that_is_deleted_while_zoom_is_asked_about_its_new_secret_is_404(api, zoom, register_app):
    app, registered = register_app()
    path = f"{APPS}/{registered['id']}"
    with ThreadPoolExecutor(1) as pool, zoom.fault(client_id=app["client_id"], hold="before", **TOKEN_CALL) as fault:
        changed = pool.submit(api.patch, path, json={"client_secret": app["client_secret"]})
        zoom.wait_for_requests(1, client_id=app["client_id"], state="in_flight")
        api.delete(path).must_be(200)
        zoom.release_fault(fault["id"])
        assert changed.result(timeout=30).must_be(404).code == "not_found"
    api.get(path).must_be(404)


# Zoom in trouble

TROUBLE = {
    "is down": ({"status": 503}, 503, "zoom_unavailable", 503),
    "answers with a gateway's page": ({"status": 502, "html": True}, 503, "zoom_unavailable", 502),
    "answers with broken JSON": ({"broken_json": True}, 503, "zoom_unavailable", 200),
    "hangs up": ({"drop": "before"}, 503, "zoom_unavailable", None),
    "limits the rate": ({"rate_limit": "per_second", "retry_after": "seconds", "retry_after_s": 7},
                        503, "zoom_unavailable", 429),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_nothing_is_registered_or_changed_while_zoom(trouble, project, zoom, register_app):
    fault, status, code, zoom_status = TROUBLE[trouble]
    app, registered = register_app()
    new = zoom.create_app()
    before = stored_apps(project)
    for method, path, client_id, body in (
            ("POST", APPS, new["client_id"], pair_of(new)),
            ("PATCH", f"{APPS}/{registered['id']}", app["client_id"], {"client_secret": app["client_secret"]})):
        with zoom.fault(client_id=client_id, times=None, **TOKEN_CALL, **fault):
            answer = project.api.call(method, path, json=body).must_be(status)
        assert answer.code == code
        assert int(answer.headers["retry-after"]) == fault.get("retry_after_s", 5)
        told = answer.json.get("details", {}).get("zoom")
        assert (told and told["status"]) == zoom_status
        assert told is None or set(told) == {"status", "code", "reason", "tracking_id"}
    assert stored_apps(project) == before
    project.api.post(APPS, json=pair_of(new)).must_be(201)


def test_a_zoom_that_is_too_slow_is_a_504_within_the_time_limit(private_stack, zoom):
    project = private_stack(HALLPASS_ZOOM_TIMEOUT_MS=1500).create_project()
    app = zoom.create_app()
    with zoom.fault(client_id=app["client_id"], hold="before"):
        answer = project.api.post(APPS, json=pair_of(app)).must_be(504)
    assert answer.code == "zoom_timeout"
    assert stored_apps(project) == []
