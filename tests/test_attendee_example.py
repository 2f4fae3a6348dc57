"""
Attendee's public example application (attendee-labs/managed-zoom-oauth-example, server.js of 2025-12-18), played
call by call, with nothing changed but the address and the key: what it sends, and what it reads of the answers.
"""

import pytest

from support.waiting import wait_until
from support.webhook_receiver import WebhookReceiver
from support.zoom_user import ConnectedUser, register_app

REDIRECT_URI = "http://localhost:5005/zoom_oauth_callback"
STATE_CHANGE = "zoom_oauth_connection.state_change"
TAKEN_FROM_WEBHOOK = ("state", "last_attempted_sync_at", "last_successful_sync_at", "connection_failure_data")


class ExampleApplication:
    """Its three places that speak with Attendee, and its database: user id -> connection."""

    def __init__(self, api, is_local_recording=True, is_onbehalf=True):
        self.api, self.users, self.acknowledged = api, {}, []
        self.capabilities = {"is_local_recording_token_supported": is_local_recording,
                             "is_onbehalf_token_supported": is_onbehalf}

    def take_code(self, code):
        """What it tells its user: the status and the text of /zoom_oauth_callback."""
        answer = self.api.post("/api/v1/zoom_oauth_connections", json={
            "authorization_code": code, "redirect_uri": REDIRECT_URI} | self.capabilities)
        if answer.status >= 300:  # where axios throws
            return answer.status, answer.json["error"]
        assert answer.status == 201
        self.users[answer.json["user_id"]] = answer.json
        return 302, answer.json["user_id"]

    def launch_bot(self, user_id, meeting_url, bot_name):
        answer = self.api.post("/api/v1/bots", json={
            "meeting_url": meeting_url, "bot_name": bot_name,
            "zoom_settings": {"sdk": "web", "onbehalf_token": {"zoom_oauth_connection_user_id": user_id}}})
        return answer if answer.status < 300 else answer.json["error"]

    def receive(self, received):
        """/attendee-webhook: it answers 400 where it finds no user_id, and 200 with JSON else."""
        told = received.json
        if told["trigger"] != STATE_CHANGE:
            return 200, {"Content-Type": "application/json"}, b'{"message":"not processed"}'
        user = self.users.get(told["user_id"])
        if user:
            assert told["zoom_oauth_connection_id"] == user["id"]
            user |= {name: told["data"][name] for name in TAKEN_FROM_WEBHOOK}
        self.acknowledged.append(told["user_id"])
        return 200, {"Content-Type": "application/json"}, b'{"message":"processed"}'


@pytest.fixture
def application(api):
    """Set up as its README says: a webhook for the state of connections."""
    application = ExampleApplication(api)
    with WebhookReceiver(application.receive) as receiver:
        api.post("/api/v1/webhooks", json={"url": f"{receiver.url}/attendee-webhook", "triggers": [STATE_CHANGE]}
                 ).must_be(201)
        yield application


@pytest.fixture
def user(api, zoom):
    app, registered = register_app(api, zoom, published=True, redirect_uris=[REDIRECT_URI])
    return ConnectedUser(api, zoom, app, registered, zoom.create_user())


def authorize(zoom, user):
    code = zoom.authorize(user.client_id, user.user_id, redirect_uri=REDIRECT_URI)["code"]
    user.api.secrets.add_simulators(zoom, user.client_id)
    return code


def test_a_user_signs_in_launches_a_bot_is_lost_and_comes_back(application, user, zoom, api):
    assert application.take_code(authorize(zoom, user)) == (302, user.user_id)
    saved = application.users[user.user_id]
    assert (saved["user_id"], saved["state"]) == (user.user_id, "connected")

    meeting = zoom.create_meeting(user.user_id)
    bot = application.launch_bot(user.user_id, meeting["join_url"], "Notetaker").must_be(201).json
    assert bot["bot_name"] == "Notetaker"
    zoom.start_meeting(meeting["id"])
    tokens = api.post(f"/api/v1/bots/{bot['id']}/zoom_tokens").must_be(200).json
    assert tokens["join_flow"] == "token" and tokens["onbehalf_token"]

    zoom.remove_grant(user.client_id, user.user_id)
    wait_until(lambda: saved["state"] == "disconnected", what="the notification")
    assert saved["connection_failure_data"]["code"] == "app_deauthorized"

    assert application.take_code(authorize(zoom, user)) == (302, user.user_id)
    assert application.users[user.user_id]["id"] == saved["id"]
    wait_until(lambda: len(application.acknowledged) >= 2, what="the second notification")
    assert application.users[user.user_id]["state"] == "connected"


def test_what_goes_wrong_is_told_in_the_words_that_it_shows(application, user, zoom):
    authorize(zoom, user)
    status, told = application.take_code("no-such-code")
    assert status == 400 and "code" in told
    assert "a Zoom join link" in application.launch_bot(user.user_id, "https://example.com/x", "Notetaker")
