"""Every family as plain CGI under valgrind: not a byte is lost, read too early or written too far."""

import hashlib
import hmac
import json
import re
import shutil
import time

import pytest

from support.runner import Runner
from support.stack import BUILD
from support.token_callback import TokenCallback, attendee_body
from support.waiting import wait_until
from support.zoom_user import REDIRECT_URI, connect_user

APPS, CONNECTIONS, BOTS = "/api/v1/zoom_oauth_apps", "/api/v1/zoom_oauth_connections", "/api/v1/bots"
EVENTS, CALLBACKS, WEBHOOKS = "/api/v1/zoom_oauth/webhooks", "/api/v1/token_callbacks", "/api/v1/webhooks"
MEETING = "https://zoom.us/j/1234567890?pwd=abc.1"

VALGRIND = "valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect"

# Debian 12's valgrind does not know landlock_create_ruleset(2), says so, and answers that there is none.
NO_LANDLOCK = re.compile(r"--\d+-- WARNING: unhandled \S+ syscall: 444\n(--\d+-- .*\n){4}")

pytestmark = pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")


@pytest.fixture
def project(private_stack):
    """Of a stack with time for Zoom's calls, which valgrind makes long."""
    return private_stack(HALLPASS_ZOOM_TIMEOUT_MS=60000).create_project()


@pytest.fixture
def under_valgrind(project, tmp_path):
    """
    `under_valgrind(key)`: an Api whose requests are programs under valgrind. Each is run through a
    wrapper of its name, and otherwise called as ever.
    """
    (tmp_path / "logs").mkdir()
    for program in (BUILD / "cgi-bin").iterdir():
        wrapper = tmp_path / program.name
        wrapper.write_text(f"#!/bin/sh\nexec {VALGRIND} --log-file={tmp_path}/logs/%p {program}\n")
        wrapper.chmod(0o755)

    def make(key):
        api = project.stack.cgi_api(key)
        api.programs = tmp_path
        return api

    yield make
    logs = list((tmp_path / "logs").iterdir())
    assert logs and [NO_LANDLOCK.sub("", log.read_text(), count=1) for log in logs] == [""] * len(logs)


@pytest.fixture
def api(under_valgrind, project):
    return under_valgrind(project.key)


@pytest.fixture
def user(project, zoom):
    """Whose connection is made without valgrind."""
    user = connect_user(project.api, zoom, deduplication_key="taken", is_onbehalf_token_supported=True)
    zoom.create_meetings(user.user_id, 3)
    wait_until(lambda: user.read()["last_successful_sync_at"])
    return user


def test_apps_pass(api, zoom):
    app = zoom.create_app()
    pair = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    made = api.post(APPS, json=pair | {"webhook_secret": "a-webhook-secret", "name": "é"}).must_be(201).json
    path = f"{APPS}/{made['id']}"
    api.post(APPS, json=pair | {"client_secret": "a-wrong-secret"}).must_be(400)
    api.get(APPS, query={"page_size": 1}).must_be(200)
    api.get(path).must_be(200)
    api.patch(path, json={"name": None} | {"client_secret": app["client_secret"]}).must_be(200)
    api.get(f"{path}/log").must_be(200)
    api.delete(path).must_be(200)


def test_connections_pass(api, zoom, user):
    code = zoom.authorize(user.client_id, zoom.create_user()["id"], redirect_uri=REDIRECT_URI)["code"]
    body = {"authorization_code": code, "redirect_uri": REDIRECT_URI, "metadata": {"ü": [1, None]}}
    path = f"{CONNECTIONS}/{api.post(CONNECTIONS, json=body).must_be(201).json['id']}"
    api.post(CONNECTIONS, json=body).must_be(201)
    api.post(CONNECTIONS, json=body | {"authorization_code": "made-up-0123456789"}).must_be(400)
    api.get(CONNECTIONS, query={"deduplication_key": "taken", "state": "connected"}).must_be(200)
    api.get(path).must_be(200)
    api.patch(path, json={"deduplication_key": "taken"}).must_be(409)
    api.patch(path, json={"deduplication_key": "free", "metadata": {}}).must_be(200)
    api.post(f"{path}/refresh").must_be(200)
    api.get(f"{CONNECTIONS}/{user.id}/meetings", query={"page_size": 2}).must_be(200)
    api.get(f"{path}/log").must_be(200)
    api.delete(path).must_be(200)


def test_bots_pass(api, zoom, user):
    meeting = zoom.create_meeting(user.user_id)
    bot = api.post(BOTS, json={
        "meeting_url": meeting["join_url"], "zoom_oauth_connection_id": user.id, "deduplication_key": "k",
        "zoom_settings": {"onbehalf_token": {"zoom_oauth_connection_user_id": user.user_id}}}).must_be(201).json
    path = f"{BOTS}/{bot['id']}"
    api.post(BOTS, json={"meeting_url": MEETING, "deduplication_key": "k"}).must_be(409)
    api.get(BOTS, query={"state": "ready", "meeting_url": meeting["join_url"]}).must_be(200)
    api.get(path).must_be(200)
    api.patch(path, json={"bot_name": "Other", "join_at": None, "metadata": {"a": [{}]}}).must_be(200)
    assert api.post(f"{path}/zoom_tokens").must_be(200).json["join_flow"] == "token"
    zoom.remove_grant(client_id=user.client_id, user_id=user.user_id, event=False)
    assert api.post(f"{path}/zoom_tokens").must_be(200).json["join_flow"] == "standard"
    api.delete(path).must_be(200)


def test_runners_pass(api):
    bot = api.post(BOTS, json={"meeting_url": MEETING}).must_be(201).json
    runner = Runner(api)
    assert runner.claim()["id"] == bot["id"]
    assert runner.claim() is None
    runner.heartbeat(lease_s=600).must_be(200)
    runner.tell("recording_paused").must_be(409)
    runner.tell("joined_meeting", metadata={"n": 1}).must_be(200)
    api.post(f"{BOTS}/{bot['id']}/leave").must_be(200)


def test_zooms_events_pass(under_valgrind, user):
    api = under_valgrind(None)

    def deliver(path, name, secret=user.app["webhook_secret"], payload=None, **meeting):
        body = json.dumps({"event": name, "event_ts": int(time.time() * 1000), "payload": payload or {
            "account_id": user.user["account_id"], "object": {"host_id": user.user_id} | meeting}}).encode()
        timestamp = str(int(time.time()))
        mac = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
        return api.post(path, raw=body, headers={
            "x-zm-request-timestamp": timestamp, "x-zm-signature": f"v0={mac.hexdigest()}"})

    own = f"{EVENTS}/{user.app_id}"
    deliver(own, "endpoint.url_validation", payload={"plainToken": "token"}).must_be(200)
    deliver(own, "meeting.started", id="85512345678", type=2).must_be(200)
    deliver(EVENTS, "meeting.participant_joined", id=85512345678,
            participant={"participant_user_id": user.user_id}).must_be(200)
    deliver(EVENTS, "meeting.ended", id=85512345678, type=1).must_be(200)
    deliver(own, "meeting.started", secret="wrong", id="85512345678").must_be(401)
    deliver(own, "app_deauthorized", payload={
        "account_id": user.user["account_id"], "user_id": user.user_id, "client_id": user.client_id}).must_be(200)
    assert user.read()["connection_failure_data"]["code"] == "app_deauthorized"


def test_token_callbacks_pass(api, under_valgrind, user):
    engine = under_valgrind(None)
    recall, meetstream = (TokenCallback(api, engine, each) for each in ("recall", "meetstream"))
    attendee = TokenCallback(api, engine, "attendee", signing_secret="MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")
    recall.get("zak_url", zoom_user_id=user.user_id).must_be(200)
    recall.get("obf_token_url", meeting_id="85512345678").must_be(404)
    meetstream.post("obf_url", {"bot_id": "b", "meeting_number": "85512345678"}, zoom_user_id=user.user_id).must_be(200)
    attendee.post("zoom_tokens_url", attendee_body(MEETING), {"X-Webhook-Signature": "wrong"}).must_be(401)
    api.get(CALLBACKS).must_be(200)
    api.get(f"{CALLBACKS}/{recall.id}").must_be(200)
    api.get(f"{CALLBACKS}/{recall.id}/uses").must_be(200)
    recall.revoke().must_be(200)


def test_webhooks_pass(api, secrets):
    good = {"url": "http://127.0.0.1:1/", "triggers": ["bot.state_change"]}
    made = api.post(WEBHOOKS, json=good).must_be(201).json
    bot = api.post(BOTS, json={"meeting_url": MEETING, "webhooks": [good, good]}).must_be(201).json
    path = f"{WEBHOOKS}/{made['id']}"
    rotated = api.post(f"{path}/rotate_secret").must_be(200).json
    for each in (made, rotated, *bot["webhooks"]):
        secrets.add("webhook secret", each["secret"], in_answers=True)
    assert Runner(api).claim()["id"] == bot["id"]  # is told to all three
    told = api.get(f"{path}/deliveries").must_be(200).json["results"][0]
    api.get(f"{path}/deliveries/{told['id']}").must_be(200)
    api.post(f"{path}/deliveries/{told['id']}/redeliver").must_be(202)
    api.post(f"{path}/test").must_be(202)
    assert len(api.get(WEBHOOKS, query={"bot_id": bot["id"]}).must_be(200).json["results"]) == 2
    api.get(path).must_be(200)
    api.patch(path, json={"state": "disabled", "triggers": ["zoom_oauth_app.state_change"]}).must_be(200)
    api.post(f"{path}/test").must_be(409)
    api.post(WEBHOOKS, json={"url": "ftp://ü", "triggers": ["x"]}).must_be(400)
    api.post(BOTS, json={"meeting_url": MEETING, "webhooks": [good, good | {"url": "", "é": 1}]}).must_be(400)
    api.delete(path).must_be(200)


def test_the_status_passes(under_valgrind):
    api = under_valgrind(None)
    for path in ("/health", "/ready", "/metrics", "/api/v1/openapi.json"):
        api.get(path).must_be(200)
    api.get("/nowhere").must_be(404)


def test_what_is_refused_passes(api, under_valgrind):
    api.get(BOTS, query={"state": "wrong", "meeting_url": "nowhere"}).must_be(400)
    api.post(BOTS, json={"meeting_url": 1, "surprise": ["é" * 100]}).must_be(400)
    api.post(BOTS, raw=b'{"meeting_url": "\xff"}').must_be(400)
    api.post(BOTS, raw=b"[" * (1 << 19)).must_be(400)
    api.post(BOTS, raw=b" " * ((1 << 20) + 1)).must_be(413)
    api.call("PUT", BOTS).must_be(405)
    under_valgrind("wrong").get(BOTS).must_be(401)
