"""What one project has is nothing to the key of another: on every route that docs/openapi.yaml describes."""

import pytest

from support.http_client import description

NOBODY = "x" * 24
BOT = {"meeting_url": "https://zoom.us/j/85512345678"}
WEBHOOK = {"url": "https://receiver.example/", "triggers": ["bot.state_change"]}
# What such a route is asked for; others take nothing, or nothing that they need.
BODIES = {"/heartbeat": {"lease_token": "?"}, "/events": {"lease_token": "?", "type": "joined_meeting"}}


def is_of_a_project(operation):
    return "{" in operation.path and not operation.path.startswith(("/callbacks/", "/api/v1/zoom_oauth/webhooks/"))


ROUTES = [operation for operation in description.operations() if is_of_a_project(operation)]


class Belongings:
    """One thing of each kind, all of one project."""

    def __init__(self, api, connect_user):
        user = connect_user()
        user.wait_for_sync()
        api.post("/api/v1/bots", json=BOT).must_be(201)
        claim = api.post("/api/v1/bots/claim", json={"runner_id": "runner"}).must_be(200).json
        webhook = api.post("/api/v1/webhooks", json=WEBHOOK).must_be(201).json
        callback = api.post("/api/v1/token_callbacks", json={"engine": "recall"}).must_be(201).json
        self.lease_token = claim["lease_token"]
        self.ids = {"zoom_oauth_apps": user.app_id, "zoom_oauth_connections": user.id, "bots": claim["bot"]["id"],
                    "webhooks": webhook["id"], "token_callbacks": callback["id"]}
        self.delivery_id = api.post(f"/api/v1/webhooks/{webhook['id']}/test").must_be(202).json["id"]

    def path_of(self, operation):
        family = operation.path.split("/")[3]
        return operation.path.replace("{id}", self.ids[family]).replace("{delivery_id}", self.delivery_id)

    def body_for(self, operation):
        if operation.method not in ("POST", "PATCH"):
            return None
        body = next((body for end, body in BODIES.items() if operation.path.endswith(end)), {})
        return {name: self.lease_token if name == "lease_token" else value for name, value in body.items()}


def changes(api, family):
    """What there is, and when somebody changed it last: how a webhook fares is the worker's doing."""
    return [(row["id"], row.get("updated_at")) for row in api.get(family).must_be(200).json["results"]]


@pytest.mark.parametrize("operation", ROUTES, ids=lambda operation: operation.id)
def test_anothers_thing_is_the_same_as_none_and_stays_as_it_is(operation, api, other_api, connect_user):
    owned = Belongings(api, connect_user)
    family = f"/api/v1/{operation.path.split('/')[3]}"
    before = changes(api, family)
    body = owned.body_for(operation)
    of_other = other_api.call(operation.method, owned.path_of(operation), json=body).must_be(404)
    none = operation.path.replace("{id}", NOBODY).replace("{delivery_id}", NOBODY)
    assert of_other.json == other_api.call(operation.method, none, json=body).must_be(404).json
    assert changes(api, family) == before
    assert changes(other_api, family) == []
