"""Webhooks of ours and what is delivered to them, by the API and by the time that passes."""

from datetime import datetime, timezone

from . import time_travel
from .waiting import wait_until

WEBHOOKS = "/api/v1/webhooks"
CONNECTION, APP, BOT = ("zoom_oauth_connection.state_change", "zoom_oauth_app.state_change",
                        "bot.state_change")
KEYS = {"id", "url", "triggers", "bot_id", "state", "disabled_at", "disabled_reason", "failing_since",
        "paused_until", "former_secret_signs_until", "created_at", "updated_at"}


def read(api, webhook):
    return api.get(f"{WEBHOOKS}/{webhook['id']}").must_be(200).json


def change(api, webhook, **fields):
    return api.patch(f"{WEBHOOKS}/{webhook['id']}", json=fields)


def deliveries(api, webhook, **query):
    return api.get(f"{WEBHOOKS}/{webhook['id']}/deliveries", query=query).must_be(200).json["results"]


def delivery(api, webhook, number=0):
    return deliveries(api, webhook)[number]


def send_test(api, webhook):
    return api.post(f"{WEBHOOKS}/{webhook['id']}/test").must_be(202).json


def redeliver(api, webhook, made):
    return api.post(f"{WEBHOOKS}/{webhook['id']}/deliveries/{made['id']}/redeliver")


def pass_time(stack, webhook, microseconds):
    """All times of the webhook and its deliveries lie further back: the same as waiting."""
    row_id = stack.database.value("SELECT id FROM webhooks WHERE public_id = ?", webhook["id"])
    for column in ("failing_since", "paused_until", "due_at", "former_secret_until"):
        time_travel.write(stack, f"UPDATE webhooks SET {column} = {column} - ? WHERE id = ?"
                          " AND holder IS NULL", microseconds, row_id)
    time_travel.write(stack, "UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at - ?"
                      " WHERE webhook_id = ?", microseconds, row_id)
    time_travel.ring(stack)


def settled(stack, webhook):
    """Once no worker holds it."""
    wait_until(lambda: stack.database.value(
        "SELECT holder IS NULL FROM webhooks WHERE public_id = ?", webhook["id"]), what="the release")


def attempted(api, webhook, count, number=0):
    return wait_until(lambda: (one := delivery(api, webhook, number))["attempts"] >= count and one,
                      what=f"{count} attempts")


def instant(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def seconds_from_now(text):
    return (instant(text) - datetime.now(timezone.utc)).total_seconds()


def disconnect(zoom, user):
    """The user removes the app at Zoom, which tells us so when it is asked."""
    zoom.remove_grant(client_id=user.client_id, user_id=user.user_id, event=False)
    answer = user.api.post(f"/api/v1/zoom_oauth_connections/{user.id}/refresh").must_be(200)
    assert answer.json["state"] == "disconnected"
