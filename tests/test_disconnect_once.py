"""However many see that a user is gone: one disconnect, with all that hangs on it, told once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import time_travel
from support.joiner import make_joiner
from support.waiting import wait_until
from support.zoom_event import deauthorization, deliver, user_event

WEBHOOKS, BOTS = "/api/v1/webhooks", "/api/v1/bots"


class Witness:
    """A connected user with a bot that waits, and what is told of the connection."""

    def __init__(self, stack, zoom, api, receiver, secrets):
        self.stack, self.api, self.receiver = stack, api, receiver
        self.joiner = make_joiner(stack, zoom, api)
        webhook = api.post(WEBHOOKS, json={
            "url": receiver.url, "triggers": ["zoom_oauth_connection.state_change"]}).must_be(201).json
        secrets.add("webhook secret", webhook["secret"], in_answers=True)
        self.deliveries_path = f"{WEBHOOKS}/{webhook['id']}/deliveries"

    def send(self, event):
        connected = self.joiner.connected
        deliver(self.stack.anonymous, f"/api/v1/zoom_oauth/webhooks/{connected.app_id}", event,
                connected.app["webhook_secret"]).must_be(200)

    def disconnects(self):
        log = self.api.get(f"/api/v1/zoom_oauth_connections/{self.joiner.id}/log",
                           query={"page_size": 100}).must_be(200).json["results"]
        return [entry["code"] for entry in log if entry["type"] == "disconnected"]

    def notifications(self):
        return self.api.get(self.deliveries_path).must_be(200).json["results"]

    def bot(self):
        return self.api.get(f"{BOTS}/{self.joiner.bot['id']}").must_be(200).json


@pytest.fixture
def make_witness(zoom, receiver, secrets):
    return lambda stack, api: Witness(stack, zoom, api, receiver, secrets)


def was_once(witness, code):
    assert witness.disconnects() == [code]
    assert len(witness.notifications()) == 1
    assert (witness.bot()["join_flow"], witness.bot()["join_flow_reason"]) == (
        "standard", "connection_disconnected")
    witness.receiver.wait(1)
    assert witness.receiver.received[0].json["data"]["connection_failure_data"]["code"] == code
    return True


@pytest.mark.parametrize("seen_first", ["the user's end", "the app's removal"])
def test_a_refusal_and_events_that_cross_are_one_disconnect(stack, zoom, api, make_witness, seen_first):
    witness = make_witness(stack, api)
    joiner = witness.joiner
    user = joiner.connected.user
    zoom.remove_grant(**joiner.who, event=False)
    time_travel.expire_access_token(stack, joiner.id)
    events = {"the user's end": ("user_deactivated", [user_event("user.deactivated", user),
                                                      user_event("user.disassociated", user, at=1)]),
              "the app's removal": ("app_deauthorized", [deauthorization(joiner.connected),
                                                         user_event("user.deleted", user, at=1)])}
    code, sent = events[seen_first]
    with joiner.spoil_refresh(hold="before") as fault, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(joiner.refresh)
        joiner.wait_for_refresh_under_way()
        for event in sent:
            witness.send(event)
        told = wait_until(lambda: (read := joiner.read())["state"] == "disconnected" and read)
        bot = witness.bot()
        zoom.release_fault(fault["id"])
        assert asked.result().must_be(200).json["state"] == "disconnected"
    assert joiner.read() == told and told["connection_failure_data"]["code"] == code
    assert witness.bot() == bot
    assert was_once(witness, code)


@pytest.mark.parametrize("has_gone", [True, False])
def test_a_success_that_zoom_gave_before_the_users_end_does_not_undo_it(stack, zoom, api, make_witness, has_gone):
    """Whether the user has really gone the worker asks once more, with what that success brought."""
    witness = make_witness(stack, api)
    joiner = witness.joiner
    with joiner.spoil_refresh(hold="after") as fault, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(joiner.refresh)
        wait_until(lambda: joiner.connected.grant()["refreshes"] == 1, what="Zoom's success")
        if has_gone:
            zoom.remove_grant(**joiner.who, event=False)
        witness.send(user_event("user.deactivated", joiner.connected.user))
        wait_until(lambda: joiner.read()["state"] == "disconnected")
        zoom.release_fault(fault["id"])
        asked.result()
    if has_gone:
        wait_until(lambda: joiner.refreshes(status=400) == 1, what="the worker's question")
        assert joiner.read()["state"] == "disconnected"
        assert was_once(witness, "user_deactivated")
    else:
        wait_until(lambda: joiner.refreshes(status=200) == 2, what="the worker's question")
        wait_until(lambda: joiner.read()["state"] == "connected")
        assert joiner.joins()


def test_many_bots_in_many_processes_and_the_worker_see_one_disconnect(private_stack, zoom, make_witness):
    stack = private_stack(processes=3)
    witness = make_witness(stack, stack.create_project().api)
    joiner = witness.joiner
    zoom.remove_grant(**joiner.who, event=False)
    time_travel.expire_access_token(stack, joiner.id)
    time_travel.make_refresh_due(stack, joiner.id)
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(joiner.zoom_tokens) for _ in range(16)]
        asked += [pool.submit(joiner.refresh) for _ in range(4)]
        for each in asked:
            each.result()
    wait_until(lambda: joiner.read()["state"] == "disconnected")
    assert joiner.zoom_tokens()["join_flow_reason"] == "connection_disconnected"
    assert was_once(witness, "invalid_grant")
